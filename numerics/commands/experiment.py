"""``experiment``: list the experiments, run one of them in a directory, or report finished runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from numerics.commands.options import whole_number
from numerics.commands.stage_progress import StageProgress
from numerics.networks.experiments.experiment import SIZES, Experiment
from numerics.training.optimise import choose_device
from theory.cli.arguments import print_json
from theory.cli.entry import CHECK_FAILED, DONE, INTERRUPTED
from theory.errors import ParameterError, quoted

NAME = "experiment"


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command to a parser of commands."""
    parser = commands.add_parser(NAME, help="train networks on data and compare them with the prediction")
    actions = parser.add_subparsers(dest="action", required=True, metavar="list | run | report")
    listing = actions.add_parser("list", help="list the experiments")
    running = actions.add_parser("run", help="run an experiment, or continue the run in a directory")
    running.add_argument("name", metavar="NAME")
    running.add_argument("--out", required=True, metavar="DIR", help="directory of this run alone")
    running.add_argument("--size", default=SIZES[0], help="small (default) or full")
    running.add_argument("--seed", default="0", help="seed of data, start and order of the samples (default 0)")
    running.add_argument("--device", default="auto", help="cpu, cuda or auto (default)")
    reporting = actions.add_parser("report", help="print measured beside predicted, and draw figures")
    reporting.add_argument("directories", nargs="+", metavar="DIR")
    for each in (listing, running, reporting):
        each.add_argument("--json", action="store_true", help="print JSON")


def answer(options: argparse.Namespace) -> int:
    """Answer the command and return the exit status. A verdict other than the expected one is a failed check."""
    if options.action == "list":
        return _list(options.json)
    return _run(options) if options.action == "run" else _report(options)


def _experiments() -> dict[str, Experiment]:
    """Return the experiments. They are loaded here alone, since other commands need no models and no data."""
    from numerics.networks.experiments.known import known

    return known()


def _list(as_json: bool) -> int:
    rows = [
        {
            "name": each.name, "title": each.title, "source": each.source, "shows": each.shows, "claim": each.claim,
            "architecture": each.architecture, "sizes": dict(each.sizes), "expected": each.expected, "why": each.why,
        }
        for each in _experiments().values()
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return DONE
    widest = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        print(f"{row['name']:{widest}}  {row['expected']:7}  {row['title']}")
    return DONE


def _run(options: argparse.Namespace) -> int:
    from numerics.networks.runs.run import Watch, run

    seed = whole_number("seed", options.seed, least=0)
    device = choose_device(options.device)
    experiments = _experiments()
    if options.name not in experiments:
        raise ParameterError(
            f"experiment: {quoted(options.name)} is not allowed; experiment is one of those that experiment list shows"
        )
    experiment, folder = experiments[options.name], Path(options.out)
    try:
        with StageProgress(experiment.name) as shown:
            result = run(experiment, options.size, seed, device, folder, Watch(shown.say, shown.stage))
    except KeyboardInterrupt:
        print(f"interrupted: the same command continues the run in {folder}", file=sys.stderr)
        return INTERRUPTED
    if options.json:
        print_json(result)
    else:
        print("\n".join(_lines(result)))
    return _status([result])


def _report(options: argparse.Namespace) -> int:
    from numerics.networks.runs.report import draw_figures, read_report

    reports = [read_report(Path(directory)) for directory in options.directories]
    remarks = sorted({remark for report in reports if (remark := draw_figures(report))})
    results = [report.result for report in reports if report.result is not None]
    if options.json:
        print_json([report.as_json() for report in reports])
    else:
        for report in reports:
            head = f"{report.folder} (finished {report.environment['date']}, {report.environment['device']})"
            if report.result is None:
                print(f"{report.folder}: {report.asked.experiment} has not ended, {report.stages} stages are kept")
            else:
                print("\n".join([head, *(f"  {line}" for line in _lines(report.result))]))
    for remark in remarks:
        print(remark, file=sys.stderr)
    return _status(results)


def _lines(result: dict[str, Any]) -> list[str]:
    """Return a result in lines: each deviation beside its limit, what vanished, accuracy and verdict."""
    lines = [f"{result['experiment']} ({result['size']}, seed {result['seed']})"]
    for name, off in result["deviations"].items():
        limit = result["limits"].get(name)
        shown = "is no number" if off is None else f"{off:.3g}"
        lines.append(f"{name} deviates by {shown}{'' if limit is None else f' (agrees up to {limit:g})'}")
    if result["nc1"] is not None:
        lines.append(f"NC1 {result['nc1']:.3g}")
    if result["vanished"] is not None:
        lines.append(f"vanished {', '.join(map(str, result['vanished'])) or 'none'}")
    for part, share in (result["accuracy"] or {}).items():
        lines.append(f"accuracy ({part}) {share:.4g}")
    expected = "as expected" if result["verdict"] == result["expected"] else f"expected was {result['expected']}"
    return [*lines, f"verdict {result['verdict']}, {expected}; {result['seconds']:.1f} s"]


def _status(results: list[dict[str, Any]]) -> int:
    """Return the exit status of results, and name those that are not as expected on standard error."""
    surprising = [each for each in results if each["verdict"] != each["expected"]]
    for each in surprising:
        print(
            f"check failed: {each['experiment']} (seed {each['seed']}) {each['verdict']}, expected was {each['expected']}",
            file=sys.stderr,
        )
    return CHECK_FAILED if surprising else DONE
