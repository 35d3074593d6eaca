"""Values as JSON holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor


def json_value(value: Any) -> Any:
    """Return a value with mappings, sequences, arrays and tensors as JSON holds them; a number that is not finite is null."""
    if isinstance(value, Mapping):
        return {str(name): json_value(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(part) for part in value]
    if isinstance(value, Tensor | np.ndarray | np.generic):
        return json_value(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
