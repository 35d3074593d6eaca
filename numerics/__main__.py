"""``python -m numerics train | certify | conjecture | attack ID name=value …  [--starts 8] [--seed 0] [--device auto] [--json]``

``conjecture`` also takes ``--sweep name=from:to:count``.
"""

from __future__ import annotations

from collections.abc import Sequence

from theory.entry import run


def main(arguments: Sequence[str] | None = None) -> int:
    # Loaded under run, so that Ctrl-C is clean meanwhile.
    import torch

    from numerics.commands import main as commands

    # Tensors here are small: a second thread waits more than it works, above all where something else runs.
    torch.set_num_threads(1)
    return commands(arguments)


if __name__ == "__main__":
    run(main)
