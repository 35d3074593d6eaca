"""A batched trust-region Newton method: takes many runs to the floor of rounding.

Steps are found by conjugate gradients, and exactly in runs that are too stiff for these.

Bounds (entries ≥ 0) are kept by projection, with the Newton step taken on the entries that are not held at their bound.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from enum import IntEnum

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from numerics.backends.recording import recorded
from numerics.backends.tensors import DTYPE
from numerics.training.budget import Budget
from numerics.training.objective import Objective
from numerics.training.quasi_newton import NEGLIGIBLE_DECREASE, ROUNDING, WAVERING, Descent, block_size
from numerics.training.trust_region import by_conjugate_gradients, by_eigenvalues

SHARPENED = 8
"""Lowest runs of each instance that take Newton steps even where the descent has reached the floor of rounding: along flat directions
these steps bring the last digits of the invariants. For all of many starts they would cost twice as much as the descent."""
POLISHING_STEPS = 6
"""Newton steps taken after that while they still halve the gradient: they cost little and sharpen the invariants."""
POLISHING_IN_VAIN = 2
"""Of these, steps in a row that may fail to halve the least gradient so far; where an inexact step overshoots a flat direction
the next one mends it."""
FORCING = (1e-2, 0.1)
"""Share to which a Newton step reduces the gradient of the quadratic model, least and largest. Close to rounding a more exact
step takes several times as many curvatures, and what it adds along flat directions is noise."""
MATRIX = 2**19
"""Most second derivatives of all runs together that are computed as matrices. A product with more takes as long as a curvature."""
FEW, SHARE = 2, 2**13
"""Curvatures of a Newton step that are computed one by one: so many, and one more for so many second derivatives. All second
derivatives together cost about as much, and a product with them costs a tenth. Where there are too many, a curvature is recorded."""
STEPS = 64
"""Newton steps after which a run that still goes on is taken to be in a curved valley, which many cheap iterations follow for less."""
LONGER = 16
"""How many times as long as usual the descent from there may be. The rest of the Newton steps follow it."""
CUT_SHORT = 8
"""Times that the conjugate gradients of a run may be cut short before they end. After that its problem counts as too stiff for them, and
its Newton steps are exact. Where a run ends earlier, these cost more than they bring."""
FLAT = 1e-8
"""A run whose trust region has shrunk to rounding counts as converged, not stalled, when its gradient has fallen by this."""


class Ending(IntEnum):
    """How a run ended."""

    RUNNING = 0
    CONVERGED = 1
    STALLED = 2
    DIVERGED = 3


class Search:
    """The state of a batch of runs; ``solve`` minimises until each has ended.

    ``runs`` says which run of the problem each row of ``x`` belongs to; ``frozen`` entries are not moved.
    """

    def __init__(
        self,
        objective: Objective,
        x: Float64[Tensor, "B n"],
        runs: Int64[Tensor, " B"],
        frozen: Bool[Tensor, "B n"] | None = None,
    ) -> None:
        self.objective, self.x, self.runs = objective, x, runs
        self.bounded = bounded = objective.layout.bounded
        self.frozen = torch.zeros_like(x, dtype=torch.bool) if frozen is None else frozen
        self.any_frozen = frozen is not None
        self.any_bounded = bool(bounded.any())
        self.f = torch.full((len(x),), torch.inf, dtype=DTYPE, device=x.device)
        self.residual = torch.full_like(self.f, torch.inf)
        self.first_gradient = torch.full_like(self.f, torch.nan)
        self.radius = x.norm(dim=1)
        self.endings = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        self.iterations = torch.zeros_like(self.endings)
        self.polished = torch.zeros_like(self.endings)
        self.in_vain = torch.zeros_like(self.endings)
        self.cut_short = torch.zeros_like(self.endings)  # conjugate gradients that did not come to their end
        # While a run is polished, the point with the least residual, its value and that residual.
        self.kept, self.kept_value = x.clone(), self.f.clone()
        self.least = torch.full_like(self.f, torch.inf)

    def descend(self, budget: Budget, longer: int = 1) -> None:
        """Bring every run close to its minimum; what has been reached is kept when this is interrupted.

        A run may take ``longer`` times as many iterations as usual.
        """
        reduced = None if self.any_frozen else self.objective.reduced()
        objective, x = (self.objective, self.x) if reduced is None else (reduced, reduced.rest(self.x))
        descent = Descent(objective, x, self.runs, self.frozen if self.any_frozen else None)
        descent.first = self.first_gradient
        try:
            descent.run(budget, longer)
        finally:
            self.x = descent.x if reduced is None else reduced.whole(descent.x, self.runs)
            self.f, self.iterations, self.residual = descent.value, descent.iterations, descent.residual
            self.kept, self.radius = self.x.clone(), torch.maximum(self.radius, self.x.norm(dim=1))
            self.endings[descent.converged] = Ending.CONVERGED

    def solve(self, budget: Budget) -> Search:
        """Descend, and take Newton steps in the runs that are not at the floor of rounding then, and in the SHARPENED lowest ones.

        Runs in which these do not end descend once more, for longer. A run that never ends counts as stalled. Returns the search itself.
        """
        self.descend(budget)
        self.endings[self._lowest(SHARPENED) & (self.endings == Ending.CONVERGED)] = Ending.RUNNING
        rest = budget.max_iterations - STEPS
        if not self._ended_within(min(STEPS, budget.max_iterations), budget) and rest > 0:
            self._descend_again(budget)
            self._ended_within(rest, budget)
        self.endings[self.endings == Ending.RUNNING] = Ending.STALLED
        return self

    def _descend_again(self, budget: Budget) -> None:
        """Descend for longer in the runs that have not ended. They go on running."""
        rows = (self.endings == Ending.RUNNING).nonzero()[:, 0]
        part, before = self.rows(rows), self.iterations[rows]
        try:
            part.descend(budget, LONGER)
        finally:
            part.iterations = before + part.iterations
            part.endings.fill_(Ending.RUNNING)
            for name, value in part.arrays().items():
                getattr(self, name)[rows] = value

    def _lowest(self, count: int) -> Bool[Tensor, " B"]:
        """Return which runs are among the ``count`` lowest of their instance."""
        order = self.f.argsort()
        order = order[(self.runs[order] // self.objective.starts).argsort(stable=True)]
        sizes = (self.runs // self.objective.starts).bincount()
        place = torch.arange(len(order), device=order.device) - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
        return torch.zeros_like(self.endings, dtype=torch.bool).index_put((order,), place < count)

    def _ended_within(self, steps: int, budget: Budget) -> bool:
        """Take Newton steps, at most so many, until every run has ended, and return whether each has."""
        for _ in range(steps):
            running = self.step(budget)
            budget.tell(running)
            if running == 0:
                return True
        return False

    def evaluate(self) -> None:
        """Evaluate the runs that were stopped before their first iteration, or within one."""
        rows = self.f.isposinf().nonzero()[:, 0]
        if len(rows) == 0:
            return
        with torch.no_grad():
            self.f[rows] = self.objective(self.x[rows], self.runs[rows])

    def rows(self, chosen: Tensor | slice) -> Search:
        """Return some of the runs, as they stand."""
        part = copy.copy(self)
        for name, value in self.arrays().items():
            setattr(part, name, value[chosen])
        return part

    def arrays(self) -> dict[str, Tensor]:
        """Return by name the tensors with one row for each run."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor) and name != "bounded"}

    def adopt(self, other: Search, rows: Int64[Tensor, " b"]) -> None:
        """Take over those runs of another search that ended lower than here."""
        lower = other.f < self.f[rows]
        into = rows[lower]
        for name in ("x", "f", "residual", "endings"):
            getattr(self, name)[into] = getattr(other, name)[lower]
        self.iterations[rows] += other.iterations

    def step(self, budget: Budget) -> int:
        """Advance all running runs by one iteration and return how many are left; out of time it leaves them as they were."""
        members = (self.endings == Ending.RUNNING).nonzero()[:, 0]
        if len(members) == 0:
            return 0
        stiff = self.cut_short[members] >= CUT_SHORT
        for runs, exact, size in (
            (members[~stiff], False, block_size(self.x)),
            (members[stiff], True, max(1, MATRIX // self.x.shape[1] ** 2)),
        ):
            for block in runs.split(size) if len(runs) else ():
                budget.require_time()
                self._step(block, exact, budget)
        return int((self.endings == Ending.RUNNING).sum())

    def _step(self, members: Int64[Tensor, " b"], exact: bool, budget: Budget) -> None:
        """Advance these runs by one iteration, with a step that minimises the quadratic model exactly or by conjugate gradients."""
        x = self.x[members].requires_grad_()
        f = self.objective(x, self.runs[members])
        (g,) = torch.autograd.grad(f.sum(), x, create_graph=True)
        curvature = Curvature(g, x, budget)
        at, value, slope = x.detach(), f.detach(), g.detach()
        frozen = self.frozen[members]
        held = frozen | (self.bounded & (at <= 0) & (slope > 0))
        free_slope = torch.where(held, 0.0, slope)
        projected = torch.where(self.bounded, at - (at - slope).clamp(min=0), slope).masked_fill(frozen, 0.0)
        residual = projected.norm(dim=1)
        first = torch.where(self.first_gradient[members].isnan(), residual, self.first_gradient[members])
        # Inner accuracy follows the gradient, so that convergence is superlinear (Dembo, Eisenstat, Steihaug 1982).
        forcing = (residual / first).sqrt().clamp(*FORCING)
        radius = self.radius[members]

        def solve(slope: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
            if exact:
                return by_eigenvalues(curvature.whole(), slope, held, radius)
            step, promised, cut_short = by_conjugate_gradients(curvature, slope, held, radius, forcing)
            self.cut_short[members] += cut_short & (at.shape[1] ** 2 <= MATRIX)
            return step, promised

        step, promised = solve(free_slope, held)
        if self.any_bounded:
            step, promised = self._within_bounds(curvature, solve, at, slope, held, step)
        with torch.no_grad():
            trial = self.objective(at + step, self.runs[members])
        noise = ROUNDING * value.abs()
        agreement = (value - trial + noise) / (promised + noise)
        agreement = torch.where(trial.isfinite() & (promised + noise > 0), agreement, -1.0)
        accepted = agreement > 1e-4
        length = step.norm(dim=1)
        grown = torch.where(length > 0.9 * radius, 3 * radius, radius)
        radius = torch.where(agreement > 0.75, grown, radius)
        radius = torch.where(agreement < 0.25, torch.minimum(radius, length) / 4, radius)

        negligible = promised.abs() <= NEGLIGIBLE_DECREASE * value.abs()
        accepted |= negligible & (trial - value <= WAVERING * value.abs())
        polished = torch.where(negligible, self.polished[members] + 1, 0)
        improved = (polished == 1) | (residual < 0.5 * self.least[members])
        in_vain = torch.where(improved, 0, self.in_vain[members] + 1)
        best = negligible & improved
        self.kept[members] = torch.where(best[:, None], at, self.kept[members])
        self.kept_value[members] = torch.where(best, value, self.kept_value[members])
        self.least[members] = torch.where(best, residual, self.least[members])
        settled = negligible & (~accepted | (polished > POLISHING_STEPS) | (in_vain >= POLISHING_IN_VAIN))
        moved = torch.where(accepted[:, None], at + step, at)
        self.x[members] = torch.where(settled[:, None], self.kept[members], moved)
        self.f[members] = torch.where(settled, self.kept_value[members], torch.where(accepted, trial, value))
        self.residual[members] = torch.where(settled, self.least[members], residual)
        self.first_gradient[members] = first
        self.radius[members] = radius
        self.polished[members] = polished
        self.in_vain[members] = in_vain
        self.iterations[members] += 1
        stuck = radius < 1e-14 * (1 + at.norm(dim=1))
        done = settled | (residual == 0) | (stuck & ((residual <= FLAT * first) | negligible))
        lost = ~value.isfinite() | ~residual.isfinite()
        ending = torch.where(done, int(Ending.CONVERGED), torch.where(stuck, int(Ending.STALLED), int(Ending.RUNNING)))
        self.endings[members] = torch.where(lost, int(Ending.DIVERGED), ending)

    def _within_bounds(
        self,
        curvature: Callable[[Tensor], Tensor],
        solve: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        at: Float64[Tensor, "B n"],
        slope: Float64[Tensor, "B n"],
        held: Bool[Tensor, "B n"],
        step: Float64[Tensor, "B n"],
    ) -> tuple[Float64[Tensor, "B n"], Float64[Tensor, " B"]]:
        """Return a step that respects the bounds, and the decrease that the quadratic promises for it.

        The entries that ``step`` takes beyond their bound go on to it, and the others make the best of that.
        """
        blocked = ~held & self.bounded & (at + step < 0)
        onto, held = torch.where(blocked, -at, 0.0), held | blocked
        rest, _ = solve((slope + curvature(onto)).masked_fill(held, 0.0), held)
        step = torch.where(self.bounded, (at + onto + rest).clamp(min=0), at + rest) - at
        return step, -((slope * step).sum(1) + 0.5 * (step * curvature(step)).sum(1))


class Curvature:
    """The second derivatives of the losses of some runs, times vectors [B, n]: ``gradient`` is that at x, with its graph."""

    def __init__(self, gradient: Float64[Tensor, "B n"], x: Float64[Tensor, "B n"], budget: Budget) -> None:
        self.gradient, self.x, self.budget = gradient, x, budget
        entries = x.shape[1] * x.numel()
        self.left = FEW + (entries // SHARE if entries <= MATRIX else 0)
        self.many = self._with_matrix if entries <= MATRIX else self._recorded
        self.matrix: Float64[Tensor, "B n n"] | None = None
        self.vector = torch.zeros_like(x, requires_grad=False)
        self.again: Callable[[], Tensor] | None = None

    def __call__(self, v: Float64[Tensor, "B n"]) -> Float64[Tensor, "B n"]:
        self.budget.require_time()
        if self.left == 0:
            return self.many(v)
        self.left -= 1
        return self._product(v)

    def _product(self, v: Float64[Tensor, "B n"]) -> Float64[Tensor, "B n"]:
        return torch.autograd.grad(self.gradient, self.x, v, retain_graph=True)[0]

    def _recorded(self, v: Float64[Tensor, "B n"]) -> Float64[Tensor, "B n"]:
        self.vector.copy_(v)
        if self.again is None:
            self.again = recorded(lambda: self._product(self.vector), (self.vector,), self.vector)
        return self.again().clone()

    def _with_matrix(self, v: Float64[Tensor, "B n"]) -> Float64[Tensor, "B n"]:
        return (v[:, None] @ self.whole())[:, 0]  # it is symmetric, and from the left several times as fast

    def whole(self) -> Float64[Tensor, "B n n"]:
        """Return all second derivatives."""
        if self.matrix is None:
            self.matrix = self._assembled()
        return self.matrix

    def _assembled(self) -> Float64[Tensor, "B n n"]:
        count = self.x.shape[1]
        units = torch.eye(count, dtype=DTYPE, device=self.x.device)[:, None].expand(-1, *self.x.shape)
        (rows,) = torch.autograd.grad(self.gradient, self.x, units, retain_graph=True, is_grads_batched=True)
        return rows.movedim(0, 1).contiguous()
