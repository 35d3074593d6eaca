"""Backends of the array namespace in numbers: batched tensors and balls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numerics.backends.ball_arrays import BallArrays
    from numerics.backends.tensors import TorchArrays
    from theory.namespace import ArrayNamespace

    _answering: tuple[type[ArrayNamespace], ...] = (BallArrays, TorchArrays)
    """The type checker fails where one of these lacks an operation, or takes other arguments."""
