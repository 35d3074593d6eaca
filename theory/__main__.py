"""The command line ``python -m theory list | show ID | predict ID name=value … [--json] | new ID --like ID [--out DIR]``."""

from __future__ import annotations

from collections.abc import Sequence

from theory.cli.entry import loading, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    with loading():
        from theory.cli.commands import main as commands

    return commands(arguments)


if __name__ == "__main__":
    run(main)
