"""The specification of a sweep: which task is run, at which parameters, from a TOML file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numerics.sweeps.grid import Axis, read_axis
from theory.errors import ParameterError, quoted, shown_path
from theory.problem import LARGEST_INTEGER, reject

KINDS = ("claim", "experiment")
COMPUTED = ("predict", "train", "certify")
DEVICES = ("cpu", "cuda")
TABLES = ("fixed", "grid", "same", "samples")
KEYS = (*KINDS, "size", "compute", "starts", "seed", "chunk", "device", *TABLES)
LARGEST_CHUNK = 10**6
SAMPLE = "sample"
"""The name of the axis along which samples are counted."""


@dataclass(frozen=True)
class Specification:
    """What a sweep computes, and where.

    Arguments:
        kind: ``claim`` or ``experiment``.
        name: the id of the claim, or the name of the experiment.
        axes: the grid; each axis has the name of a parameter and its values.
        fixed: the parameters with one value, by name.
        same: the parameters that take the value of another one, by name.
        samples: the number of draws from the claim's domain; None for a grid. A sweep has either axes or samples.
        compute: what is computed at each cell of a claim, some of COMPUTED; all that the claim has where it is empty.
        size: the size of an experiment whose parameters are the defaults.
        starts: random starts of each training, 1 or more.
        seed: what the seeds of all cells are made of, 0 or more.
        chunk: most cells that are computed and written together, 1 or more.
        device: ``cpu`` or ``cuda``.
    """

    kind: str
    name: str
    axes: tuple[Axis, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)
    samples: int | None = None
    compute: tuple[str, ...] = ()
    size: str = "small"
    starts: int = 4
    seed: int = 0
    chunk: int = 64
    device: str = "cpu"

    def identity(self) -> str:
        """Return the specification as JSON that is the same for two specifications of the same sweep."""
        return json.dumps(asdict(self), sort_keys=True, default=dict)


def read_specification(path: Path) -> Specification:
    """Return the specification that a TOML file holds.

    Raises ParameterError, in one line with the key, its value and what is allowed, for a file that is none.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"specification: {shown_path(path)}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"specification: {shown_path(path)} is no TOML file: {error}") from None
    return specification_of(given)


def specification_of(given: Mapping[str, Any]) -> Specification:
    """Return the specification that the keys of a TOML file describe. Raises ParameterError as ``read_specification`` does."""
    for key in given:
        if key not in KEYS:
            raise ParameterError(f"{quoted(key)}: no such key; the keys of a sweep are {', '.join(KEYS)}")
    kinds = [kind for kind in KINDS if kind in given]
    if len(kinds) != 1:
        raise ParameterError(
            f"claim: {'missing' if not kinds else 'given beside experiment'}; a sweep is of one claim or one experiment"
        )
    (kind,) = kinds
    tables = {name: _table(given, name) for name in TABLES}
    same = {
        name: _text(f"same.{name}", other, "the name of another parameter") for name, other in tables["same"].items()
    }
    samples = _samples(kind, tables["samples"])
    axes = tuple(read_axis(name, values) for name, values in tables["grid"].items())
    if (samples is None) != bool(axes):
        raise ParameterError("grid: a sweep has either a table grid with at least one parameter, or a table samples")
    for name in (*tables["grid"], *same):
        if (name in tables["fixed"]) + (name in tables["grid"]) + (name in same) > 1:
            raise ParameterError(f"{quoted(name)}: given twice, in the tables fixed, grid or same")
    for name, other in same.items():
        if other not in tables["fixed"] and other not in tables["grid"]:
            raise reject(f"same.{name}", other, "the name of a parameter in the tables fixed or grid")
    return Specification(
        kind=kind,
        name=_text(kind, given[kind], f"the name of a known {kind}"),
        axes=axes,
        fixed=tables["fixed"],
        same=same,
        samples=samples,
        compute=_computed(kind, given),
        size=_text("size", given.get("size", "small"), "the size of an experiment"),
        starts=_whole(given, "starts", 4, 1, LARGEST_INTEGER),
        seed=_whole(given, "seed", 0, 0, LARGEST_INTEGER),
        chunk=_whole(given, "chunk", 64, 1, LARGEST_CHUNK),
        device=_one_of("device", given.get("device", "cpu"), DEVICES),
    )


def _samples(kind: str, table: Mapping[str, Any]) -> int | None:
    """Return the number of samples, or None where the table is empty."""
    if not table:
        return None
    if kind != "claim":
        raise ParameterError(
            "samples: not allowed for an experiment, whose parameters have no domain to draw from; give a grid"
        )
    for key in table:
        if key != "count":
            raise ParameterError(f"{quoted(f'samples.{key}')}: no such key; the table samples has the key count")
    return _whole(table, "count", None, 1, LARGEST_INTEGER, "samples.")


def _computed(kind: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is computed, in the order of COMPUTED."""
    if kind == "experiment":
        if "compute" in given:
            raise ParameterError("compute: not allowed for an experiment, which is always trained and compared")
        return ()
    wanted = given.get("compute", [])
    allowed = f"a list of some of {', '.join(COMPUTED)}"
    if (
        not isinstance(wanted, list)
        or ("compute" in given and not wanted)
        or not all(each in COMPUTED for each in wanted)
    ):
        raise reject("compute", wanted, allowed)
    return tuple(each for each in COMPUTED if each in wanted)


def _table(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = given.get(name, {})
    if not isinstance(table, dict):
        raise reject(name, table, f"a table, written [{name}]")
    return table


def _text(name: str, value: Any, allowed: str) -> str:
    if not isinstance(value, str):
        raise reject(name, value, allowed)
    return value


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise reject(name, value, " or ".join(allowed))
    return value


def _whole(given: Mapping[str, Any], key: str, default: int | None, least: int, most: int, where: str = "") -> int:
    value = given.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise reject(f"{where}{key}", value, f"an integer from {least} to {most}")
    return value
