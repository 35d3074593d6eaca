"""``python -m theory list | show ID | predict ID name=value … [--json]``, and ``new ID --like ID [--out DIR]``."""

from __future__ import annotations

from collections.abc import Sequence

from theory.entry import run


def main(arguments: Sequence[str] | None = None) -> int:
    from theory.commands import main as commands  # loaded under run, so that Ctrl-C is clean meanwhile

    return commands(arguments)


if __name__ == "__main__":
    run(main)
