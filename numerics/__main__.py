"""``python -m numerics train | certify | conjecture | attack ID name=value …  [--starts 8] [--seed 0] [--device auto] [--json]``

``experiment list | run NAME --out DIR | report DIR…`` trains networks on data and compares them with the prediction.
``measure FILE.npz loss=… weight_decay=… feature_decay=… [--json]`` holds a trained network against the theory.
``sweep SPEC.toml --out DIR [--workers N | --scheduler ADDRESS]`` computes grids and samples of parameters; ``sweep show DIR`` shows them.
``conjecture`` also takes ``--sweep name=from:to:count``, and ``certify`` takes ``--coq FILE.v``.
"""

from __future__ import annotations

from collections.abc import Sequence

from theory.cli.entry import loading, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    with loading():
        from numerics.commands.main import main as commands

    return commands(arguments)


if __name__ == "__main__":
    run(main)
