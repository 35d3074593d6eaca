"""A batched L-BFGS method with projection: brings many runs close to their minima at the cost of one gradient an iteration.

Each run has a step length of its own, and one that has ended leaves the batch, whose place the next start takes. No iteration
waits for the device: what it finds is looked at once every CHECKED iterations. Where the points are small, an iteration is recorded.

The inverse Hessian is the compact form of Byrd, Nocedal and Schnabel (1994), γ I + [S, γ Y] M [S, γ Y]ᵀ with the last MEMORY
steps S and differences of gradients Y. Entries held at their bound take no part (two-metric projection, Bertsekas 1982).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from numerics.backends.recording import Recording, recorded
from numerics.backends.tensors import DTYPE
from numerics.training.budget import Budget
from numerics.training.elimination import Loss, Reduced
from numerics.training.objective import Objective

MEMORY = 5
"""Pairs of steps and differences kept: more save few iterations, and each costs two passes over a point."""
CHECKED = 8
"""Iterations between two looks at which runs have ended."""
DESCENT_PER_STEP = 2
"""Iterations of a descent for each step that Newton's method may take: they cost a hundredth of it."""
DESCENT_PER_ENTRY, FEWEST = 2, 64
"""Iterations of a descent for each entry of a point, and more for all points alike. A Newton step takes about as many curvatures as a point
has entries, so a small problem that is too stiff for a descent is left to Newton's method early."""
FULL, HALF, EIGHTH = 0.75, 0.5, 0.125
"""Shares of a block below which ended runs leave it: while others wait for their places, after that, and after that where what it
costs depends little on their number, and to record the loss again for less of them costs several evaluations."""
CACHED = 2**17
"""Entries of a point of all runs that are advanced together on a processor: with their pairs they stay in its cache."""
DECREASE = 1e-4
"""Share of the decrease promised by the slope that a step must bring (Armijo)."""
NEGLIGIBLE_DECREASE = 1e-14
"""A run has settled when its quadratic model promises less than this share of the loss: ten roundings of it."""
WAVERING = 1e-12
"""Share of the loss by which a step may raise it after that: there a rise is rounding of its terms, and the gradient decides."""
RESUMED = 10 * WAVERING
"""Share of the loss by which a settled run that falls from one look to the next has not settled: what its model promised at one point of
a curved valley was little by chance."""
HEADWAY = 0.7
"""Share to which the gradient of a settled run must fall between two looks."""
IN_VAIN = 8
"""Looks in a row without headway after which a settled run ends, where its gradient was least."""
FLOOR, ROUNDED = 1e-13, 1e-15
"""Shares of the first gradient. Below the lesser one a settled run ends at once, and below the larger one with the first look
without headway: it stands at the floor of rounding. Newton steps take on the runs that end above."""
CURVED = 1e-8
"""Share of the decrease promised by the slope below which the curvature along a step counts as none."""
FIRST_STEP = 0.1
"""Length of the first step, as a share of the length of the point."""
GIVEN_UP = 25
"""Steps refused in a row after which a run ends."""
ROUNDING = 1e-15
"""Relative error of an evaluated loss: a few units in the last place of float64."""
TINY = 1e-300
"""Stands for zero in a denominator."""


@dataclass
class _State:
    """Runs that are advanced together.

    ``vectors`` holds for each run the m last steps, the m last differences of gradients, and the gradient on the entries that are
    free to move. A pair with a zero row and column in ``triangle`` takes no part.
    """

    row: Int64[Tensor, " B"]
    x: Float64[Tensor, "B n"]
    value: Float64[Tensor, " B"]
    gradient: Float64[Tensor, "B n"]
    direction: Float64[Tensor, "B n"]
    length: Float64[Tensor, " B"]
    decrease: Float64[Tensor, " B"]  # minus the slope along the direction
    vectors: Float64[Tensor, "B 2m+1 n"]
    triangle: Float64[Tensor, "B m m"]  # the inverse of the upper triangle of SᵀY
    products: Float64[Tensor, "B m m"]  # YᵀY
    curvatures: Float64[Tensor, "B m"]  # the diagonal of SᵀY
    spread: Float64[Tensor, " B"]  # γ
    iterations: Int64[Tensor, " B"]
    refused: Int64[Tensor, " B"]
    running: Bool[Tensor, " B"]
    settled: Bool[Tensor, " B"]
    seen: Float64[Tensor, " B"]  # the value at the last look of a run that had settled then
    kept: Float64[Tensor, "B n"]  # of a settled run the point with the least residual, its value and that residual
    kept_value: Float64[Tensor, " B"]
    least: Float64[Tensor, " B"]
    in_vain: Int64[Tensor, " B"]
    frozen: Bool[Tensor, "B n"] | None

    def part(self, chosen: Tensor) -> _State:
        return replace(self, **{name: array[chosen] for name, array in self.arrays().items()})

    def joined(self, other: _State) -> _State:
        others = other.arrays()
        return replace(self, **{name: torch.cat([array, others[name]]) for name, array in self.arrays().items()})

    def arrays(self) -> dict[str, Tensor]:
        """Return the tensors of this state by name."""
        return {name: array for name, array in vars(self).items() if array is not None}


class Descent:
    """A batch of runs brought close to their minima by ``run``, which keeps what it has when it is stopped.

    ``x`` [B, n] are the points and ``value`` [B] their losses, infinite where none was evaluated. ``first`` [B] are the norms of the
    projected gradients at the start, or what was put there before, and ``residual`` [B] the least ones, infinite for a run that has
    not settled.
    ``runs`` [B] says which run of the objective each row of x is; ``frozen`` entries do not move.
    """

    def __init__(
        self,
        objective: Objective | Reduced,
        x: Float64[Tensor, "B n"],
        runs: Int64[Tensor, " B"],
        frozen: Bool[Tensor, "B n"] | None = None,
    ) -> None:
        self.objective, self.x, self.runs, self.frozen = objective, x.clone(), runs, frozen
        self.bounded = objective.layout.bounded if bool(objective.layout.bounded.any()) else None
        self.floor = None if self.bounded is None else torch.where(self.bounded, 0.0, -torch.inf).to(x)
        self.value = torch.full((len(x),), torch.inf, dtype=DTYPE, device=x.device)
        self.first = torch.full_like(self.value, torch.nan)
        self.iterations = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        self.residual = torch.full_like(self.value, torch.inf)
        self.slot = 0

    def run(self, budget: Budget, longer: int = 1) -> None:
        """Iterate until every run has settled, or makes no headway, or has spent its iterations, ``longer`` times as many as usual.

        Raises what the budget raises, and KeyboardInterrupt, with the points reached so far kept.
        """
        waiting = torch.arange(len(self.x), device=self.x.device)
        most = longer * min(DESCENT_PER_STEP * budget.max_iterations, FEWEST + DESCENT_PER_ENTRY * self.x.shape[1])
        size, state = block_size(self.x), None
        try:
            while len(waiting) or state is not None:
                room = size - (0 if state is None else len(state.row))
                if state is None or (room and len(waiting)):
                    budget.require_time()
                    started = self._started(waiting[:room], most)
                    state, waiting = started if state is None else state.joined(started), waiting[room:]
                iterate = self._iteration(state, self.objective.at(self.runs[state.row]), most)
                left = len(state.row)
                enough = (FULL if len(waiting) else EIGHTH if isinstance(iterate, Recording) else HALF) * left
                while left > enough:
                    for _ in range(CHECKED):
                        budget.require_time()
                        iterate()
                        self._turn()
                        budget.tell(left + len(waiting))
                    self._look(state)
                    left = int(state.running.sum())
                self._keep(state)
                state = state.part(state.running) if left else None
        except BaseException:
            if state is not None:
                state.value.fill_(torch.inf)  # it may be that of another point, where an iteration was cut short
                state.least.fill_(torch.inf)
                self._keep(state)
            raise

    @property
    def converged(self) -> Bool[Tensor, " B"]:
        """The runs that stand at the floor of rounding."""
        return self.residual <= FLOOR * self.first

    def _look(self, state: _State) -> None:
        """Keep the points of settled runs whose gradient still falls, and end the others. A run whose loss falls again has not settled."""
        falling = state.seen - state.value > RESUMED * state.value.abs()
        state.settled &= ~falling
        state.seen = torch.where(state.settled, state.value, -torch.inf)
        state.least = torch.where(falling, torch.inf, state.least)
        state.in_vain = torch.where(falling, 0, state.in_vain)
        residual = self._residual(state.x, state.vectors[:, -1])
        headway = state.settled & (residual < HEADWAY * state.least)
        state.kept = torch.where(headway[:, None], state.x, state.kept)
        state.kept_value = torch.where(headway, state.value, state.kept_value)
        state.least = torch.where(headway, residual, state.least)
        state.in_vain = torch.where(headway, 0, state.in_vain + state.settled)
        enough = torch.where(state.least <= FLOOR * self.first[state.row], 1, IN_VAIN)
        state.running &= state.in_vain < enough

    def _keep(self, state: _State) -> None:
        """Take over what these runs have reached."""
        polished = state.least.isfinite()
        self.x[state.row] = torch.where(polished[:, None], state.kept, state.x)
        self.value[state.row] = torch.where(polished, state.kept_value, state.value)
        self.residual[state.row] = state.least
        self.iterations[state.row] = state.iterations

    def _residual(self, x: Tensor, slope: Tensor) -> Float64[Tensor, " B"]:
        """Return the norms of the projected gradients."""
        return (slope if self.bounded is None else torch.where(self.bounded, x - (x - slope).clamp(min=0), slope)).norm(
            dim=1
        )

    def _started(self, row: Int64[Tensor, " b"], max_iterations: int) -> _State:
        """Evaluate some runs for the first time."""
        x, m = self.x[row], MEMORY
        frozen = None if self.frozen is None else self.frozen[row]
        value, gradient = value_and_gradient(self.objective.at(self.runs[row]), x)
        vectors = x.new_zeros(len(row), 2 * m + 1, x.shape[1])
        vectors[:, -1] = slope = self._free(x, gradient, frozen)
        residual, first = self._residual(x, slope), self.first[row]
        self.first[row] = torch.where(first.isnan(), residual, first)
        square = slope.square().sum(1)
        memory = x.new_zeros(len(row), m, m)
        return _State(
            row=row,
            x=x,
            value=value,
            gradient=gradient,
            direction=-slope,
            length=FIRST_STEP * x.norm(dim=1).clamp(min=1) / square.sqrt().clamp(min=TINY),
            decrease=square,
            vectors=vectors,
            triangle=memory,
            products=memory.clone(),
            curvatures=memory[:, 0].clone(),
            spread=torch.ones_like(value),
            iterations=torch.zeros_like(row),
            refused=torch.zeros_like(row),
            running=value.isfinite() & square.isfinite() & (square > 0) & (max_iterations > 0),
            settled=torch.zeros_like(value, dtype=torch.bool),
            seen=torch.full_like(value, -torch.inf),
            kept=x.clone(),
            kept_value=value.clone(),
            least=torch.full_like(value, torch.inf),
            in_vain=torch.zeros_like(row),
            frozen=frozen,
        )

    def _free(self, x: Tensor, gradient: Tensor, frozen: Tensor | None) -> Tensor:
        """Return the gradient on the entries that may move."""
        if self.floor is not None:
            gradient = gradient.masked_fill((x <= self.floor) & (gradient > 0), 0.0)
        return gradient if frozen is None else gradient.masked_fill(frozen, 0.0)

    def _turn(self) -> None:
        """Go on to the place in the memory where the next pair is put."""
        self.slot = (self.slot + 1) % MEMORY

    def _iteration(self, state: _State, loss: Loss, max_iterations: int) -> Callable[[], None]:
        """Return what advances these runs by one iteration. Where that is recorded, it has been done once already."""
        memory, slot = state.arrays(), torch.tensor([self.slot], device=state.x.device)

        def in_place() -> None:
            self._iterate(state, loss, max_iterations, slot)
            slot.add_(1).remainder_(MEMORY)
            for name, array in state.arrays().items():
                if array is not memory[name]:
                    setattr(state, name, memory[name].copy_(array))

        recording = recorded(in_place, (slot, *memory.values()), state.x)
        if not isinstance(recording, Recording):
            return lambda: self._iterate(state, loss, max_iterations, self.slot)
        self._turn()
        return recording

    def _iterate(self, state: _State, loss: Loss, max_iterations: int, slot: Slot) -> None:
        """Try one step of every run, and find the next direction. The newest pair is put at the ``slot`` of the memory.

        A refused step is followed by a shorter one. Its place in the memory stays empty, so that after MEMORY of them in a row the
        direction is that of steepest descent.
        """
        promised = state.length * state.decrease
        x = torch.addcmul(state.x, state.length[:, None], state.direction)
        if self.floor is not None:
            x = torch.maximum(x, self.floor)
            promised = (state.vectors[:, -1] * (state.x - x)).sum(1).clamp(min=0)
        value, gradient = value_and_gradient(loss, x)
        noise = torch.where(state.settled, WAVERING, ROUNDING) * state.value.abs()
        taken = (value <= state.value - DECREASE * promised + noise) & state.running
        x, gradient = (torch.where(taken[:, None], new, old) for new, old in ((x, state.x), (gradient, state.gradient)))
        step, change = _at(state.vectors, slot), _at(state.vectors, slot, MEMORY)
        torch.sub(x, state.x, out=step)
        torch.sub(gradient, state.gradient, out=change)
        slope = self._free(x, gradient, state.frozen)
        state.vectors[:, -1] = slope
        held = None if slope is gradient else slope == 0
        if held is not None:
            step.masked_fill_(held, 0.0)
            change.masked_fill_(held, 0.0)
        if isinstance(slot, Tensor):
            _put(state.vectors, 1, slot, step)
            _put(state.vectors, 1, slot + MEMORY, change)
        # The parabola through the refused value says how far to go back.
        excess = value - state.value + promised
        shrink = torch.where(value.isfinite(), 0.5 * promised / excess.clamp(min=TINY), 0.0).clamp(0.1, 0.5)
        state.x, state.gradient = x, gradient
        state.value = torch.where(taken, value, state.value)
        state.length = torch.where(taken, 1.0, state.length * shrink)
        state.refused = torch.where(taken, 0, state.refused + 1)
        state.iterations += state.running
        state.direction, state.decrease, square = self._direction(state, CURVED * promised, slot)
        if held is not None:
            state.direction.masked_fill_(held, 0.0)
        state.settled |= taken & (state.decrease <= 2 * NEGLIGIBLE_DECREASE * state.value.abs())
        rounded = state.settled & (square <= (ROUNDED * self.first.index_select(0, state.row)).square())
        state.running &= ~rounded & (state.refused <= GIVEN_UP) & (state.iterations < max_iterations)

    def _direction(self, state: _State, least: Float64[Tensor, " B"], slot: Slot) -> tuple[Tensor, Tensor, Tensor]:
        """Take the newest pairs, at the ``slot`` of the memory, into account where their curvatures exceed ``least``.

        Returns the directions −H g, and the numbers g H g and g g.
        """
        m = MEMORY
        # The newest difference and the gradient, times all vectors.
        if isinstance(slot, Tensor):
            newest = state.vectors.index_select(1, torch.cat([slot + m, torch.full_like(slot, 2 * m)]))
        else:
            newest = state.vectors[:, m + slot :: m - slot][:, :2]
        change, slope = (newest @ state.vectors.mT).unbind(1)
        curvature, square = _at(change, slot), _at(change, slot, m)
        good = (curvature > least) & (square > 0)
        inverse = torch.where(good, 1 / curvature, 0.0)
        state.spread = torch.where(good, curvature / square, state.spread)
        # The oldest pair leaves its place to the new one: its row and column of the inverse triangle are dropped.
        nothing = torch.zeros_like(state.curvatures)
        _put(state.triangle, 1, slot, nothing)
        _put(state.triangle, 2, slot, nothing)
        column = -inverse[:, None] * _times(state.triangle, change[:, :m])
        _put(column, 1, slot, inverse)
        _put(state.triangle, 2, slot, column)
        _put(state.products, 1, slot, change[:, m:-1])
        _put(state.products, 2, slot, change[:, m:-1])
        _put(state.curvatures, 1, slot, torch.where(good, curvature, 0.0))
        spread = state.spread[:, None]
        u = _times(state.triangle, slope[:, :m])
        inner = state.curvatures * u + spread * (_times(state.products, u) - slope[:, m:-1])
        shares = torch.cat([-_times(state.triangle.mT, inner), spread * u, -spread], 1)
        decrease = -(shares * slope).sum(1)
        return (shares[:, None] @ state.vectors)[:, 0], decrease, slope[:, -1]


Slot = int | Int64[Tensor, " 1"]
"""A place in the memory: a number, or a tensor with it for an iteration that is recorded, in which it changes."""


def _at(array: Float64[Tensor, "B ..."], slot: Slot, beyond: int = 0) -> Float64[Tensor, "B ..."]:
    """Return the row at a place or so many places beyond it: for a number as a view."""
    if isinstance(slot, Tensor):
        return array.index_select(1, slot + beyond).squeeze(1)
    return array.select(1, slot + beyond)


def _put(array: Tensor, axis: int, slot: Slot, values: Tensor) -> None:
    """Write values at a place along an axis."""
    if isinstance(slot, Tensor):
        array.index_copy_(axis, slot, values.unsqueeze(axis))
    else:
        array.select(axis, slot).copy_(values)


def _times(matrix: Float64[Tensor, "B m m"], vector: Float64[Tensor, "B m"]) -> Float64[Tensor, "B m"]:
    return (matrix @ vector[..., None])[..., 0]


def value_and_gradient(loss: Loss, x: Float64[Tensor, "B n"]) -> tuple[Float64[Tensor, " B"], Float64[Tensor, "B n"]]:
    """Return the losses at x, one a run, and their gradients."""
    with torch.enable_grad():
        at = x.detach().requires_grad_()
        value = loss(at)
        (gradient,) = torch.autograd.grad(value, at, torch.ones_like(value))  # of the sum, which need not be taken
    return value.detach(), gradient


def block_size(x: Float64[Tensor, "B n"]) -> int:
    """Return how many runs are advanced together: all on a GPU, as many as stay in the cache of a processor."""
    return len(x) if x.device.type == "cuda" else max(1, CACHED // x.shape[1])
