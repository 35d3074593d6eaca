"""The recorded runs of experiments, and the cells of their tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from book.render.markdown import prose
from numerics.networks.experiments.experiment import AGREES, Experiment
from numerics.networks.experiments.known import known

RESULTS = Path(__file__).resolve().parents[1] / "results" / "experiments"
ON_A_GPU = RESULTS.with_name("experiments_on_a_gpu.json")


@dataclass(frozen=True)
class Family:
    """A page of experiments.

    Arguments:
        title: title of the page.
        prefixes: the beginnings of the names of its experiments.
    """

    title: str
    prefixes: tuple[str, ...]


FAMILIES = {
    "collapse": Family("Neural collapse in trained classifiers", ("ufm-", "mini-batch-", "network-")),
    "depth": Family("Heads of several linear layers", ("deep-head-", "jump-")),
    "minority": Family("Minority collapse", ("minority-",)),
    "objectives": Family("Other objectives: released trainers and plain weight decay", ("released-", "plain-decay-")),
    "vae": Family("Posterior collapse in VAEs", ("vae-",)),
    "cvae": Family("Posterior collapse in conditional VAEs", ("cvae-",)),
    "hvae": Family("Posterior collapse in two-level VAEs", ("hvae-",)),
    "more": Family("More experiments", ("",)),
}
"""The pages of experiments in the order of the book. An experiment belongs to the first page that has a beginning of its name."""


@dataclass(frozen=True)
class Record:
    """The recorded runs of an experiment, one for each seed.

    Arguments:
        experiment: the experiment.
        environment: versions, device, commit and date.
        parameters: parameters of the runs.
        limits: the largest deviations that agree.
        runs: result of each seed.
        stages: the stages that the curves keep.
        curves: the values of each column at these stages, for each seed.
    """

    experiment: Experiment
    environment: dict[str, Any]
    parameters: dict[str, Any]
    limits: dict[str, float]
    runs: list[dict[str, Any]]
    stages: list[int]
    curves: dict[str, list[list[float | None]]]

    @property
    def predicted(self) -> dict[str, Any]:
        """The prediction for the first seed."""
        return self.runs[0]["predicted"]

    @property
    def as_expected(self) -> bool:
        """Whether every seed has the verdict that theory expects."""
        return all(run["verdict"] == self.experiment.expected for run in self.runs)

    def worst(self) -> tuple[str, float, float] | None:
        """Return the deviation that comes closest to its limit or exceeds it most: name, largest over the seeds, and limit."""
        largest = {name: self.largest(name) for name, limit in self.limits.items() if limit > 0}
        if not largest:
            return None
        name = max(largest, key=lambda each: largest[each] / self.limits[each])
        return name, largest[name], self.limits[name]

    def largest(self, deviation: str) -> float:
        """Return the largest value of a deviation over the seeds; one that is no number counts as infinite."""
        values = [run["deviations"][deviation] for run in self.runs]
        return max(float("inf") if value is None else value for value in values)


def recorded(name: str) -> Record | None:
    """Return the recorded runs of an experiment, or None where there are none."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    shown = ("environment", "parameters", "limits", "runs", "stages", "curves")
    return Record(known()[name], *(found[entry] for entry in shown))


def families() -> dict[str, list[Experiment]]:
    """Return the experiments of each page that has some, in the order of the book."""
    found: dict[str, list[Experiment]] = {word: [] for word in FAMILIES}
    for experiment in known().values():
        word = next(word for word, family in FAMILIES.items() if experiment.name.startswith(family.prefixes))
        found[word].append(experiment)
    return {word: experiments for word, experiments in found.items() if experiments}


def practice_badge(record: Record | None) -> str:
    """Return the verdicts of an experiment as a coloured label: green where it agrees, yellow where it departs as expected."""
    if record is None:
        return "{bdg-light}`not run`"
    verdicts = {run["verdict"] for run in record.runs}
    colour = "danger" if not record.as_expected else "success" if verdicts == {AGREES} else "warning"
    return " ".join(f"{{bdg-{colour}}}`{verdict}`" for verdict in sorted(verdicts))


def in_short(record: Record | None) -> str:
    """Return in words what agrees, for the table of all experiments."""
    if record is None:
        return "–"
    worst = record.worst()
    seeds = f"{len(record.runs)} seeds"
    if worst is None:
        return seeds
    name, off, limit = worst
    return f"{words(name)} off by {amount(off)} (agrees up to {amount(limit)}), {seeds}"


NOMINAL = "mean_gram_at_nominal_decays"
"""The deviation from the prediction for the decays as a released trainer is given them."""


def off_at_nominal_decays(record: Record) -> str | None:
    """Return by how much class means deviate from the prediction for the nominal decays, where they differ from the effective ones."""
    has = all(NOMINAL in run["deviations"] for run in record.runs)
    return spread([run["deviations"][NOMINAL] for run in record.runs]) if has else None


TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "cifar-10": "CIFAR-10"}
"""Names of data sets in a sentence."""


def data_in_words(experiment: Experiment) -> str:
    """Return the data of the small size and of the full one."""
    found = {}
    for size, parameters in experiment.sizes.items():
        name = parameters.get("data", "correlated pairs")
        found[size] = TITLES.get(name, name)
    return found["small"] if found["small"] == found["full"] else f"{found['small']} (full size: {found['full']})"


def words(name: str) -> str:
    """Return the name of a quantity or deviation in words."""
    return name.replace("_", " ")


def amount(value: float | None) -> str:
    """Return a number with three digits, and with its order of magnitude where it is small or large."""
    if value is None:
        return "not a number"
    return f"{value:.2e}" if value and not 1e-3 <= abs(value) < 1e4 else f"{value:.3g}"


def compared(record: Record) -> Iterator[tuple[str, str, str]]:
    """Yield the quantities that are one number or a list of classes: name, predicted, and measured over the seeds.

    A sweep has a number for each of its settings, which figures show.
    """
    for name, predicted in record.predicted.items():
        measured = [run["measured"].get(name) for run in record.runs]
        if "setting" in record.predicted:
            continue
        if isinstance(predicted, int | float):
            yield words(name), amount(predicted), "–" if None in measured else spread(measured)
        elif isinstance(predicted, list) and all(isinstance(x, int) for x in predicted) and None not in measured:
            found = [listed(value) for value in measured]
            yield words(name), listed(predicted), found[0] if len(set(found)) == 1 else "; ".join(found)


def listed(values: list[int]) -> str:
    """Return integers in words."""
    return ", ".join(map(str, values)) or "none"


def spread(values: list[float]) -> str:
    """Return the smallest and the largest of some numbers, or one of them where they look the same."""
    least, largest = amount(min(values)), amount(max(values))
    return least if least == largest else f"{least} to {largest}"


def deviations(record: Record) -> Iterator[tuple[str, str, str]]:
    """Yield the deviations: name, values of the seeds, and limit. Those that decide the verdict come first; the others have no limit."""
    others = [name for name in record.runs[0]["deviations"] if name not in record.limits]
    for name in [*record.limits, *others]:
        values = [run["deviations"][name] for run in record.runs]
        shown = "not a number" if None in values else spread(values)
        yield words(name), shown, amount(record.limits[name]) if name in record.limits else "–"


def parameters_in_short(record: Record) -> str:
    """Return the parameters of the runs as code, with long lists cut."""
    return ", ".join(f"`{name}={_shown(value)}`" for name, value in record.parameters.items() if value is not None)


def _shown(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":")).replace('"', "")
    return text if len(text) <= 60 else text[:56] + "…"


def provenance(record: Record) -> str:
    """Return where the runs took place, as Markdown."""
    where = record.environment
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items() if version)
    return prose(f"{where['device']}, {versions}, {where['date'][:10]}")


def on_a_gpu() -> dict[str, Any]:
    """Return the runs that were made on a GPU, with their environment. Their deviations have five decimal places."""
    return json.loads(ON_A_GPU.read_text(encoding="utf-8"))


def largest_of(run: dict[str, Any]) -> str:
    """Return the largest deviation that decides the verdict of a run on a GPU, as Markdown."""
    name, value = max(run["deviations"].items(), key=lambda item: item[1])
    return f"{name.replace('_', ' ')} {value:.2g}" if value else "none"
