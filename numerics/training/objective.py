"""The loss of a problem as a function of packed points, for the runs of many instances at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from numerics.backends.bindings import select, stack_bindings
from numerics.backends.tensors import TorchArrays
from numerics.training.elimination import Eliminated, Loss, Reduced, find_eliminated
from numerics.training.layout import Layout
from theory.point import Point
from theory.problem import Instance, Problem


class Objective:
    """The loss of ``starts`` runs for each of the instances, which share their sizes; run r belongs to instance r // starts.

    ``share`` multiplies the parameters that the problem declares as ramped.
    """

    def __init__(
        self, problem: Problem, instances: Sequence[Instance], starts: int, device: torch.device | str = "cpu"
    ) -> None:
        self.problem, self.starts, self.share = problem, starts, 1.0
        self.bindings = stack_bindings(instances, device)
        self.layout = Layout(problem.active_variables(instances[0]), self.bindings)
        self.data = problem.given(TorchArrays(self.bindings))
        self.ramped = problem.ramped(instances[0].values)

    def under(self, share: float) -> Objective:
        """Return the objective with that share of the ramped parameters."""
        _ = self.eliminated  # which is the same under every share, so that it is looked for once
        other = object.__new__(Objective)
        vars(other).update(vars(self), share=share)
        other.bindings = self.bindings | {symbol: share * self.bindings[symbol] for symbol in self.ramped}
        return other

    def at(self, runs: Int64[Tensor, " B"]) -> Loss:
        """Return the loss of these runs, to be called with one point each."""
        own = runs // self.starts
        bindings = select(self.bindings, own)
        data = self.data.map(lambda a: a[own] if a.ndim > 2 else a)
        scale, xp = self.layout.scale.expand(len(self), -1)[own], TorchArrays(bindings)

        def loss(x: Tensor) -> Tensor:
            return self.problem.loss(xp, self.layout.unpack(x, scale), data, bindings)

        return loss

    @cached_property
    def eliminated(self) -> Eliminated | None:
        """The variable that a descent need not move, because the loss is quadratic in it."""
        return find_eliminated(self)

    def reduced(self) -> Reduced | None:
        """Return the least loss over the eliminated variable, or None where no variable can be eliminated."""
        return None if self.eliminated is None else Reduced(self, self.eliminated)

    def __len__(self) -> int:
        """The number of instances."""
        return len(self.layout.scale)

    def __call__(self, x: Float64[Tensor, "B n"], runs: Int64[Tensor, " B"]) -> Float64[Tensor, " B"]:
        return self.at(runs)(x)

    def points(self, x: Float64[Tensor, "B n"]) -> Point:
        """Return the variables [B, rows, columns] of all runs."""
        return self.layout.unpack(x, self.layout.scale.repeat_interleave(self.starts, 0))
