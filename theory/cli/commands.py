"""The commands behind ``python -m theory``: list, show, predict, new and kernel."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sympy as sp

from theory.claim import Claim, add_files, find, registry
from theory.cli.arguments import Parser, claims_option, parse_assignments, print_json, shown_parameters
from theory.cli.entry import DONE
from theory.cli.kernel import kernel_files
from theory.cli.template import shared_derivations, starting_points, write_starting_file
from theory.errors import ParameterError
from theory.export.record import kernel_summary, recorded
from theory.expressions import ExactEvaluation, Formula
from theory.latex import latex
from theory.problem import REQUIRED, Instance
from theory.proof import Prediction
from theory.results import Decides, Measured, TotalCollapse
from theory.ties import unlike_equals


def predict(claim: Claim, instance: Instance) -> dict:
    """Return the prediction at concrete parameters, in the order the user gave; ``predict --json`` prints this dictionary.

    ``collapsed`` says which directions have collapsed in the first level, or at the first threshold. Three entries have
    one list for each name: ``collapses`` says which directions have collapsed in each level, ``zero`` which classes or
    directions a threshold does not have alive, and ``ratios`` the ratio of each of them to its threshold.
    ``everything_collapsed`` is None where the claim has no ratio for everything at once. ``named`` are
    the named results of the statement that depend on the parameters alone. None stands for a class or direction that a
    named result does not describe, and for a named result or a ratio that leaves the range of float64. ``free`` lists the groups
    of equal classes or directions, by positions from 1, of which some live and others do not, or which have different partners:
    the members of a group may be rotated into one another, and everything else shows one of these choices.
    Raises ParameterError, which names the number, for any other number that leaves the range of float64.
    """
    prediction, at = claim.prediction, ExactEvaluation(instance.bindings)
    ordered = 0 if claim.problem.spectral else 1
    axes = {"matrix": 2 * ordered, "list": 1}

    def evaluate(name: str, formula: Formula) -> Any:
        try:
            return at.evaluate(formula)
        except ParameterError as error:
            raise ParameterError(f"{claim.id}: {name}: {error}") from None

    value = None if prediction.value is None else evaluate("value", prediction.value)
    invariants = {
        i.name: instance.in_user_order(evaluate(i.name, prediction.invariants[i.name]), axes.get(i.kind, 0))
        for i in claim.problem.invariants
        if i.name in prediction.invariants
    }

    def listed(name: str, formula: Formula) -> Any:
        found = evaluate(name, formula)
        of_directions = isinstance(found, list) and len(found) == len(instance.order)
        return instance.in_user_order(found, ordered) if of_directions else found

    def shown(name: str, formula: Formula) -> Any:
        try:
            return listed(name, formula)
        except ParameterError:
            return None

    collapsed, total = evaluate("collapsed", prediction.collapsed), prediction.total_collapse
    if ordered and prediction.collapses and len(collapsed) != len(instance.order):
        name = claim.problem.sorted_parameter
        raise ParameterError(
            f"{claim.id}: collapsed: has {len(collapsed)} entries, and {name} has {len(instance.order)}"
        )
    return {
        "id": claim.id,
        "parameters": shown_parameters(claim, instance),
        "value": value,
        "invariants": invariants,
        "collapsed": instance.in_user_order(collapsed, ordered) if prediction.collapses else [],
        "collapses": {name: listed(name, formula) for name, formula in prediction.collapses.items()},
        "zero": {name: listed(name, formula) for name, formula in prediction.zeros.items()},
        "ratios": {t.of: shown(t.of, Formula(t.ratio, ((t.index, t.count),))) for t in prediction.thresholds},
        "everything_collapsed": None if total is None else bool(evaluate("ratio", Formula(total.expression <= 1))),
        "free": _free_groups(claim, instance, {name: evaluate(name, f) for name, f in prediction.zeros.items()}),
        "named": {
            name: shown(name, value) if where is None else _where(shown(name, value), shown(name, where))
            for name, (value, where) in _numbers(prediction).items()
        },
    }


def _free_groups(claim: Claim, instance: Instance, zero: Mapping[str, Sequence[bool]]) -> list[list[int]]:
    """Return the groups of equal classes or directions that may be rotated into one another; ``zero`` says what each threshold does."""
    problem = claim.problem
    tied = instance.bindings[problem.tied]
    partners = [None] * len(tied) if problem.partner is None else instance.bindings[problem.partner]
    of_each = [tuple(dead[i] for dead in zero.values()) for i in range(len(tied))]
    fates = [(dead, None if all(dead) else partners[i]) for i, dead in enumerate(of_each)]
    place = range(len(tied)) if problem.spectral else instance.order
    return [sorted(place[i] + 1 for i in members) for members in unlike_equals(tied, fates)]


def _numbers(prediction: Prediction) -> dict[str, tuple[Formula, Formula | None]]:
    """Return the named results that depend on the parameters alone, each with the condition under which it holds.

    An axis whose index does not occur in a formula is left out, together with the condition.
    """
    found: dict[str, tuple[Formula, Formula | None]] = {}
    for name, result in prediction.named.items():
        if isinstance(result, TotalCollapse):
            found[name] = Formula(result.expression), None
        if not isinstance(result, Measured | Decides) or result.expression.has(*result.given):
            continue
        if isinstance(result, Decides):
            threshold = prediction.thresholds[result.threshold]
            every = ((threshold.index, threshold.count),)
        else:
            every = result.axes
        axes = tuple(axis for axis in every if result.expression.has(axis[0]))
        if result.where == sp.true or axes != every:
            found[name] = Formula(result.expression, axes), None
        else:
            guarded = sp.Piecewise((result.expression, result.where), (sp.Integer(0), True))
            found[name] = Formula(guarded, axes), Formula(result.where, axes)
    return found


def _where(numbers: Any, holds: Any) -> Any:
    """Replace the numbers whose condition does not hold by None."""
    if numbers is None:
        return numbers
    if isinstance(numbers, list):
        return [_where(n, h) for n, h in zip(numbers, holds or [False] * len(numbers), strict=True)]
    return numbers if holds else None


def _list(as_json: bool) -> int:
    rows = [
        {
            "id": c.id,
            "title": c.title,
            "source": str(c.source),
            "verdict": str(c.verdict),
            "kernel": kernel_summary(c.id),
        }
        for c in registry().values()
    ]
    if as_json:
        print_json(rows)
    else:
        width = max(len(row["id"]) for row in rows)
        for row in rows:
            print(f"{row['id']:<{width}}  {row['verdict']:<8} {row['title']}")
    return DONE


def _show(claim: Claim, as_json: bool) -> int:
    proof, prediction = claim.proof, claim.prediction
    parameters = [
        {"name": p.name, "means": p.means, "domain": p.domain.says, "required": p.default is REQUIRED}
        for p in claim.problem.parameters
    ]
    if as_json:
        print_json(
            {
                "id": claim.id,
                "title": claim.title,
                "source": str(claim.source),
                "verdict": str(claim.verdict),
                "kernel": kernel_summary(claim.id),
                "statement": claim.rendered_statement(),
                "parameters": parameters,
                "value": None if prediction.value is None else str(prediction.value.expression),
                "threshold_ratio": str(prediction.threshold.ratio) if prediction.thresholds else None,
                "steps": [{"name": s.name, "says": s.says, "latex": s.latex()} for s in proof.steps],
                "lemmas": [{"name": x.name, "says": x.says, "source": x.source} for x in proof.lemmas],
                "bounds": [
                    {"name": b.name, "latex": latex(b.expression), "because": b.because, "rests_on": b.rests_on}
                    for b in proof.bounds
                ],
            }
        )
        return DONE
    print(
        f"{claim.id}: {claim.title}\nverdict: {claim.verdict}\nsource: {claim.source}\n{_kernel_line(claim)}\n\n"
        f"{claim.rendered_statement()}\n"
    )
    print("parameters")
    for p in parameters:
        print(f"  {p['name']}: {p['domain']}{'' if p['required'] else ' (optional)'}; {p['means']}")
    print(f"\nvalue\n  {'no closed form' if prediction.value is None else prediction.value.expression}")
    for threshold in prediction.thresholds:
        print(
            f"\nalive where this exceeds 1{f' ({threshold.telling})' if threshold.telling else ''}\n  {threshold.ratio}"
        )
    sections = {
        "steps": [f"{step.name}: {step.says}" for step in proof.steps],
        "lemmas": [f"{lemma.name}: {lemma.says} ({lemma.source})" for lemma in proof.lemmas],
        "chain, from the loss down": [f"≥ {b.name}: {b.expression}\n      {b.because}" for b in proof.bounds],
    }
    for heading, lines in sections.items():
        if lines:
            print("\n  ".join([f"\n{heading}", *lines]))
    return DONE


def _kernel_line(claim: Claim) -> str:
    record = recorded(claim.id)
    if record is None:
        return f"kernel: not recorded; see python -m theory kernel {claim.id}"
    theorems = ", ".join(theorem.name for theorem in record.theorems)
    return f"kernel: Coq proves {record.checked} of {len(record.steps)} steps{f', and {theorems}' if theorems else ''}"


def _in_rows(array: list) -> str:
    """Return nested lists as rows of numbers, with an empty line between layers."""
    if not isinstance(array[0], list):
        return "  " + "  ".join(f"{x: .9g}" for x in array)
    return ("\n\n" if isinstance(array[0][0], list) else "\n").join(map(_in_rows, array))


def _predict(claim: Claim, words: Sequence[str], as_json: bool) -> int:
    result = predict(claim, claim.problem.instance(**parse_assignments(words, claim.problem)))
    if as_json:
        print_json(result)
        return DONE
    print(f"{claim.id}\nvalue {'has no closed form' if result['value'] is None else format(result['value'], '.15g')}")
    for name, value in result["invariants"].items():
        if isinstance(value, list):
            print(name)
            print(_in_rows(value))
        else:
            print(f"{name} {value:.9g}")
    for name, value in result["named"].items():
        print(f"named {name} {' '.join(map(_number, value)) if isinstance(value, list) else _number(value)}")
    if result["everything_collapsed"] is not None:
        print(f"everything collapsed {_flags([result['everything_collapsed']])}")
    for of, ratios in result["ratios"].items():
        print(f"ratio ({of}) {' '.join(map(_number, ratios or []))}")
    several = len(result["collapses"]) > 1
    for of, collapsed in result["collapses"].items():
        if result["zero"].get(of, collapsed) != collapsed or several:
            print(f"zero ({of}) {_flags(result['zero'][of])}" if of in result["zero"] else f"zero ({of}) always")
        print(f"collapsed{f' ({of})' if several else ''} {_flags(collapsed)}")
    for group in result["free"]:
        print(
            f"free {' '.join(map(str, group))}: these are equal, and any rotation of them into one another is as good"
        )
    return DONE


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.9g}"


def _flags(values: list[bool]) -> str:
    return " ".join("yes" if value else "no" for value in values)


class _HelpOnNew(argparse.Action):
    """An action that prints help with a list of claims to start from. The list is made only when someone asks for help."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.epilog = said_of_starting_points()
        parser.print_help()
        parser.exit()


def said_of_starting_points() -> str:
    """Return all claims by what they are about, those that are good to start from first, one on each line."""
    found, known = starting_points(), registry()
    width = max(map(len, known), default=0)
    whole = [f"  {claim_id:<{width}}  {lines:4}  {known[claim_id].name}" for claim_id, lines in found.items()]
    shared = [f"  {claim_id:<{width}}  {claim.name}" for claim_id, claim in known.items() if claim_id not in found]
    return "\n".join(
        [
            "claims whose whole derivation stands in their own file, with the number of its lines:",
            *whole,
            "claims that share a derivation with others; the written file imports that part, and `new` says from where:",
            *shared,
        ]
    )


def _new(claim_id: str, like: Claim, folder: Path) -> int:
    print(f"wrote {write_starting_file(claim_id, like, folder)}")
    if shared := shared_derivations(like):
        print(
            f"the derivation of {like.id} is not in it, but in {', '.join(shared)}; "
            f"claims with their own are {', '.join(starting_points())}"
        )
    return DONE


def _kernel(claim: Claim, folder: Path) -> int:
    print("\n".join(kernel_files(claim, folder)))
    return DONE


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands of ``python -m theory`` to a parser of commands."""
    claims = claims_option()
    shared = argparse.ArgumentParser(add_help=False, parents=[claims])
    shared.add_argument("--json", action="store_true", help="print JSON")
    commands.add_parser("list", parents=[shared], help="all claims with their verdicts")
    show = commands.add_parser("show", parents=[shared], help="statement, derivation and chain of a claim")
    show.add_argument("id")
    predicted = commands.add_parser("predict", parents=[shared], help="the predicted minimum at concrete parameters")
    predicted.add_argument("id")
    predicted.add_argument("parameters", nargs="*", metavar="name=value")
    kernel = commands.add_parser(
        "kernel", parents=[claims], help="write the steps and the statement of a claim for Coq"
    )
    kernel.add_argument("id")
    kernel.add_argument(
        "--out", type=Path, default=Path("kernel"), metavar="DIR", help="where to write (default: kernel)"
    )
    new = commands.add_parser(
        "new",
        parents=[claims],
        help="write a starting file for a claim of your own",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    new.add_argument("-h", "--help", action=_HelpOnNew, nargs=0, help="show this help message and exit")
    new.add_argument("id")
    new.add_argument("--like", required=True, metavar="ID", help="the claim to start from")
    new.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to write it (default: here)")


def answer(options: argparse.Namespace) -> int:
    """Run a command of ``python -m theory`` and return its exit status."""
    add_files(options.claims)
    if options.command == "new":
        return _new(options.id, find(options.like), options.out)
    if options.command == "kernel":
        return _kernel(find(options.id), options.out)
    if options.command == "list":
        return _list(options.json)
    if options.command == "show":
        return _show(find(options.id), options.json)
    return _predict(find(options.id), options.parameters, options.json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    parser = Parser(prog="python -m theory", description="Claims, their derivations and predictions.")
    add_commands(parser.add_subparsers(dest="command", required=True))
    return answer(parser.parse_args(arguments))
