"""``collapse-atlas COMMAND …``: the commands of ``python -m theory`` and ``python -m numerics`` under one name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version

from theory.cli.entry import loading, run

NAME = "collapse-atlas"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    with loading():
        from theory.cli import commands as theory
        from theory.cli.arguments import Parser

    words = sys.argv[1:] if arguments is None else arguments
    parser = Parser(prog=NAME, description="Claims, their derivations and predictions; training, certificates.")
    shows_version = parser.add_argument("--version", action="version", version=f"{NAME} {version(NAME)}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    theory.add_commands(commands)
    if words and words[0] in (*commands.choices, *shows_version.option_strings):
        return theory.answer(parser.parse_args(words))
    with loading():
        from numerics.commands import main as numerics  # this imports torch, which the commands above do not need

    numerics.add_commands(commands)
    return numerics.answer(parser.parse_args(words))


def start() -> None:
    """Run the console command and exit."""
    run(main)
