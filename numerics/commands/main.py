"""The command line of ``python -m numerics``: its commands, each in a module of its own, and their dispatch."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

from numerics.commands import attack, certify, conjecture, experiment, measure, sweep, train
from numerics.commands.options import read_numbers
from theory.claim import add_files, find
from theory.cli.arguments import Parser

COMMANDS = {command.NAME: command for command in (train, certify, conjecture, attack)}
"""The commands on a claim and an instance of its problem."""
FURTHER_COMMANDS = {command.NAME: command for command in (measure, experiment, sweep)}


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands of ``python -m numerics`` to a parser of commands."""
    for command in (*COMMANDS.values(), *FURTHER_COMMANDS.values()):
        command.add_to(commands)


def answer(options: argparse.Namespace) -> int:
    """Run a command of ``python -m numerics`` and return its exit status."""
    # The tensors are small: a second thread waits more than it works, above all while other programs run.
    torch.set_num_threads(1)
    if options.command in FURTHER_COMMANDS:
        return FURTHER_COMMANDS[options.command].answer(options)
    read_numbers(options)
    add_files(options.claims)
    return COMMANDS[options.command].answer(find(options.id), options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    parser = Parser(prog="python -m numerics", description="Training and certificates for claims.")
    add_commands(parser.add_subparsers(dest="command", required=True, metavar="COMMAND"))
    return answer(parser.parse_args(arguments))
