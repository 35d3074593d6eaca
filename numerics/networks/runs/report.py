"""The report of a run that is read from its directory."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from numerics.networks.runs.checkpoint import load
from numerics.networks.runs.metric_table import read_table, require_packages
from numerics.networks.runs.run import finished_result
from numerics.networks.runs.run_directory import ENVIRONMENT, FIGURES, Configuration, read_configuration
from numerics.storage.atomic_files import PARTIAL, read_json, remove, replace_folder, unwritable


@dataclass(frozen=True)
class Report:
    """What the directory of a run holds.

    Arguments:
        folder: the directory.
        asked: the configuration of the run, with its prediction.
        environment: where the run took place.
        result: the final comparison, or None before the run has ended.
        columns: the metrics by name, one number a stage.
    """

    folder: Path
    asked: Configuration
    environment: dict[str, Any]
    result: dict[str, Any] | None
    columns: dict[str, list[float]]

    @property
    def stages(self) -> int:
        """The number of stages whose metrics are kept."""
        return max(map(len, self.columns.values()), default=0)

    def as_json(self) -> dict[str, Any]:
        """Return the result with the directory, the environment, the number of stages, and whether the run has ended."""
        asked = {name: getattr(self.asked, name) for name in ("experiment", "size", "seed", "parameters", "predicted")}
        return {
            "directory": str(self.folder),
            "finished": self.result is not None,
            "stages": self.stages,
            "environment": self.environment,
            **(self.result or asked),
        }


def read_report(folder: Path) -> Report:
    """Return the report of a run, finished or not. Raises ParameterError where the directory holds no run."""
    asked = read_configuration(folder)
    require_packages()
    result = finished_result(folder)
    if result is not None:
        columns = read_table(folder)
    else:
        last = load(folder, asked.checksum, lambda line: None)
        rows = [] if last is None else last.rows
        columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    return Report(folder, asked, read_json(folder / ENVIRONMENT), result, columns)


def draw_figures(report: Report) -> str | None:
    """Write the figures of a finished run beside its data. Return a line that says why where there is no figure to draw."""
    if report.result is None:
        return None
    if find_spec("plotly") is None:
        return "no figures: plotly is not installed; pip install 'collapse-atlas[book]' installs it"
    from numerics.networks.runs.figures import figures

    drawn = figures(report.result, report.columns)
    partial = report.folder / (FIGURES + PARTIAL)
    try:
        remove(partial)
        partial.mkdir()
        for name, figure in drawn.items():
            # One copy of plotly.js lies beside the figures, so they open with no network.
            figure.write_html(partial / f"{name}.html", include_plotlyjs="directory", full_html=True)
        replace_folder(partial, report.folder / FIGURES)
    except OSError as error:
        raise unwritable(report.folder / FIGURES, error) from error
    return None
