"""A trained classifier in an archive of NumPy arrays: features, labels, weights and bias by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from numerics.networks.feature_blocks import opened_archive
from theory.errors import ParameterError, shown_path
from theory.problem import reject

LAYER = re.compile(r"weight_([1-9]\d*)")
SINGLE = "weight"
ARRAYS = "features, labels, weight (or weight_1, weight_2, … from the features upwards) and, where there is one, bias"


def read_network(path: Path) -> dict[str, Any]:
    """Return the arrays of a file as arguments of ``measure``; the features stay in the file until they are read.

    Raises ParameterError for a file that cannot be read, a missing array, and an array of another name.
    """
    if not path.is_file():
        raise ParameterError(f"file: {shown_path(path)} is not there; file is an archive that np.savez has written")
    found: dict[str, Any] = opened_archive(path)
    for name in ("features", "labels"):
        if name not in found:
            raise ParameterError(f"{name}: missing; a file has the arrays {ARRAYS}")
    layers = sorted(int(match[1]) for name in found if (match := LAYER.fullmatch(name)))
    if not layers and SINGLE not in found:
        raise ParameterError(f"weight: missing; a file has the arrays {ARRAYS}")
    if layers and (layers != list(range(1, len(layers) + 1)) or SINGLE in found):
        given = ", ".join(sorted(name for name in found if name.partition("_")[0] == "weight"))
        raise reject("weight", given, "one array weight, or arrays weight_1, weight_2, … without a gap")
    known = {"features", "labels", "weight", "bias", *(f"weight_{i}" for i in layers)}
    if unknown := sorted(set(found) - known):
        raise ParameterError(f"{unknown[0]}: no such array; a file has the arrays {ARRAYS}")
    weight = [found[f"weight_{i}"] for i in layers] if layers else found[SINGLE]
    return {"features": found["features"], "labels": found["labels"], "weight": weight, "bias": found.get("bias")}
