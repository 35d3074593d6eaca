"""``attack``: look for a point that breaks a claim."""

from __future__ import annotations

import argparse

from numerics.commands.options import claim_options, given_instance, whole_number
from numerics.searching.adversary import attack
from theory.claim import Claim
from theory.cli.arguments import print_json, shown_parameters
from theory.cli.entry import CHECK_FAILED, DONE
from theory.errors import ParameterError

NAME = "attack"


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command to a parser of commands."""
    parser = commands.add_parser(NAME, parents=[claim_options()], help="look for a point that breaks the claim")
    parser.add_argument("--starts", default="4", help="random starts for each link (default 4)")
    parser.add_argument("--steps", default="300", help="descent steps from each (default 300)")


def answer(claim: Claim, options: argparse.Namespace) -> int:
    """Attack a claim at the given parameters and return the exit status. A violation is a failed check."""
    instance = given_instance(claim, options)
    steps = whole_number("steps", options.steps, least=1)
    if claim.derive is None:
        raise ParameterError(
            f"claim: {claim.id!r} claims nothing that could be broken; attack takes claims with a derivation"
        )
    found = attack(claim, [instance], steps, options.starts, options.seed, parameters_move=False)
    result = {
        "id": claim.id,
        "parameters": shown_parameters(claim, instance),
        "broken": None if found.violation is None else found.violation.what,
        "margin": found.margin,
        "starts": found.starts,
        "seconds": found.seconds,
    }
    if options.json:
        print_json(result)
    else:
        print("nothing breaks" if found.violation is None else f"broken: {found.violation.what}")
        print(f"least slack {found.margin:.3e} (relative), {found.starts} starts, {found.seconds:.1f} s")
    return DONE if found.violation is None else CHECK_FAILED
