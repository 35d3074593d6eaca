"""Options that the commands share: their parsers, their values, and the instance that they describe."""

from __future__ import annotations

import argparse
import math
from typing import Any

from numerics.judging.validation import require_well_posed
from theory.claim import Claim
from theory.cli.arguments import claims_option, parse_assignments
from theory.problem import LARGEST_INTEGER, Instance, PositiveReal, reject


def claim_options() -> argparse.ArgumentParser:
    """Return a parent parser with the options of every command: a claim, parameters, a seed, and JSON."""
    parser = argparse.ArgumentParser(add_help=False, parents=[claims_option()])
    parser.add_argument("id")
    parser.add_argument("parameters", nargs="*", metavar="name=value")
    parser.add_argument("--seed", default="0", help="seed of the random starts (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def training_options() -> argparse.ArgumentParser:
    """Return a parent parser with the options of a command that trains."""
    parser = argparse.ArgumentParser(add_help=False, parents=[claim_options()])
    parser.add_argument("--starts", default="8", help="random starts (default 8)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default)")
    parser.add_argument(
        "--time-limit",
        metavar="SECONDS",
        default=math.inf,
        help="end training after so many seconds (default: never)",
    )
    return parser


def read_numbers(options: argparse.Namespace) -> None:
    """Replace the texts of numeric options by numbers. Raises ParameterError for a number that is not allowed."""
    options.starts = whole_number("starts", options.starts, least=1)
    options.seed = whole_number("seed", options.seed, least=0)
    if getattr(options, "time_limit", math.inf) != math.inf:
        options.time_limit = PositiveReal().canonical("time-limit", options.time_limit)


def whole_number(name: str, text: str, least: int) -> int:
    """Return an option's text as an integer. Raises ParameterError unless the integer lies in [``least``, LARGEST_INTEGER]."""
    digits = text.lstrip("0") or text[:1]
    # Python refuses to read numbers of thousands of digits, so the length is checked first.
    small = text.isascii() and text.isdecimal() and len(digits) <= len(str(LARGEST_INTEGER))
    if not (small and least <= int(digits) <= LARGEST_INTEGER):
        raise reject(name, text, f"an integer from {least} to {LARGEST_INTEGER}")
    return int(digits)


def given_instance(claim: Claim, options: argparse.Namespace) -> Instance:
    """Return the claim's problem at the given parameters. Raises ParameterError where the loss cannot be evaluated there."""
    instance = claim.problem.instance(**parse_assignments(options.parameters, claim.problem))
    require_well_posed(claim, instance)
    return instance


def finite(value: Any) -> Any:
    """Return nested numbers as JSON holds them: a number that is not finite is null."""
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
