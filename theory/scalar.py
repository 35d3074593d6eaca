"""The one-direction problem to which every proof reduces, with its minimiser and threshold by calculus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp
from mpmath.ctx_iv import MPIntervalContext

from theory.expressions import provably_nonnegative, provably_positive
from theory.intervals import Number, Undecided
from theory.latex import latex
from theory.proof import Convex, Identity, Nonnegative, Stationary, StepFailed, StepRecorder, Vanishes

GUARD_BITS = 12
"""Newton's iteration stops this many bits short of the precision, because rounding blurs the last bits."""


@dataclass(frozen=True)
class ScalarMinimum:
    """The minimiser of a convex function on a half line.

    ``point`` = max(lower, stationary). ``slope`` is the derivative at ``lower``: the minimiser is ``lower`` iff slope ≥
    0.
    """

    point: sp.Expr
    stationary: sp.Expr
    slope: sp.Expr


def _only_root(name: str, function: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """Return the only real root that the assumptions on the variable allow. Raises StepFailed unless there is exactly one.

    SymPy's own checks and simplifications are switched off: separate steps prove that the value is a root, and the only
    one.
    """
    roots = [root for root in sp.solve(function, variable, check=False, simplify=False) if not root.has(sp.I)]
    if variable.is_nonnegative:
        impossible = provably_nonnegative if variable.is_positive else provably_positive
        roots = [root for root in roots if len(roots) == 1 or not impossible(-root)]
    if len(roots) != 1:
        raise StepFailed(f"{name}: expected one root in {variable}, found {roots}")
    return sp.simplify(roots[0])


def stationary_point(record: StepRecorder, name: str, function: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """Return the only stationary point of a convex function of a positive variable, and record why it is a minimum.

    Raises StepFailed when calculus finds no stationary point, or more than one.
    """
    record(Convex(f"{name} is convex", f"The objective is strictly convex in ${latex(variable)}$.", function, variable))
    point = _only_root(name, sp.diff(function, variable), variable)
    record(
        Stationary(
            f"{name} is stationary",
            f"The derivative in ${latex(variable)}$ vanishes there.",
            function,
            variable,
            point,
        )
    )
    return point


def minimise_on_half_line(
    record: StepRecorder,
    name: str,
    function: sp.Expr,
    variable: sp.Symbol,
    lower: sp.Expr,
    exponential: bool = False,
    fractions_in: sp.Symbol | None = None,
) -> ScalarMinimum:
    """Minimise a convex function over ``variable`` ≥ ``lower``.

    With ``exponential`` the stationarity equation is solved for e^variable, in which the equation is algebraic; the
    solution is written in partial fractions of the symbol ``fractions_in``. The minimiser of a convex function on a
    half line is the larger of the bound and the stationary point. Raises StepFailed unless there is exactly one
    stationary point.
    """
    if exponential:
        x = sp.Symbol("x", positive=True)
        record(
            Convex(f"{name} is convex", f"The objective is strictly convex in ${latex(variable)}$.", function, variable)
        )
        slope = sp.diff(function, variable)
        root = _only_root(name, sp.simplify(slope.subs(variable, sp.log(x))), x)
        root = root if fractions_in is None else sp.apart(root, fractions_in)
        stationary = sp.log(root)
        point = sp.log(sp.Max(sp.simplify(sp.exp(lower)), root))
        record(
            Stationary(
                f"{name} is stationary",
                f"The derivative in ${latex(variable)}$ vanishes there.",
                function,
                variable,
                stationary,
            )
        )
    else:
        stationary = stationary_point(record, name, function, variable)
        point = sp.Max(lower, stationary)
    slope = sp.simplify(sp.diff(function, variable).subs(variable, lower))
    return ScalarMinimum(point, stationary, slope)


def threshold_ratio(
    record: StepRecorder, name: str, minimum: ScalarMinimum, quantity: sp.Symbol, weight: sp.Expr = sp.Integer(1)
) -> sp.Expr:
    """Return the ratio that exceeds 1 exactly when the minimiser leaves its bound.

    The critical value of ``quantity`` (a class count, a variance, a decay) solves slope = 0. A recorded step proves
    that the slope, times a positive ``weight`` if need be, is monotone in ``quantity``. The ratio is therefore quantity
    / critical value, or its inverse where the slope rises. Raises StepFailed when the critical value is not unique or
    monotonicity is not proved.
    """
    slope = sp.simplify(minimum.slope * weight)
    critical = _only_root(name, slope, quantity)
    record(Vanishes(f"{name} is critical", "The slope at the bound vanishes there.", slope, quantity, critical))
    falling = sp.simplify(-sp.diff(slope, quantity))
    ratio = quantity / critical if provably_nonnegative(falling) else critical / quantity
    record(
        Nonnegative(
            f"{name} is monotone",
            f"The slope at the bound changes sign only once as ${latex(quantity)}$ grows.",
            falling if ratio.equals(quantity / critical) else sp.simplify(-falling),
        )
    )
    return sp.simplify(ratio)


class Shrinkage(sp.Function):
    """``Shrinkage(M, κ)``: the larger root u in (0, 1] of (1 − u) u^((M−1)/(M+1)) = κ, defined up to the fold.

    The root is the factor by which the penalty (M+1)/2 · κ u^(2/(M+1)) shrinks the minimiser of (u − 1)²/2; for one
    layer the factor is 1 − κ. The left side grows up to the fold u = (M−1)/(2M) and falls from there to 0 at u = 1.
    """

    nargs = 2

    @classmethod
    def eval(cls, depth: sp.Expr, kappa: sp.Expr) -> sp.Expr | None:
        return 1 - kappa if depth == 1 else None

    def enclosure(self, context: MPIntervalContext, value: Callable[[sp.Expr], Number]) -> Number:
        """Return the root exactly for one layer, and otherwise an interval that contains the roots for all κ of an interval.

        ``value`` evaluates the arguments. In w = u^(1/(M+1)) the equation is w^(M−1) − w^(2M) = κ. Beyond the fold the
        left side is concave and falls, so Newton's steps from w = 1 go down to the root and not past it. Raises
        Undecided where no interval beyond the fold is verified.
        """
        depth, kappa = map(value, self.args)
        if depth == 1:
            return 1 - kappa
        layers, one = int(depth), context.mpf(1)
        if isinstance(kappa, Fraction):
            kappa = context.mpf(kappa.numerator) / context.mpf(kappa.denominator)

        def level(w: Any) -> Any:
            return w ** (layers - 1) - w ** (2 * layers)

        def slope(w: Any) -> Any:
            return (layers - 1) * w ** (layers - 2) - 2 * layers * w ** (2 * layers - 1)

        resolved = one / 2 ** (context.prec - GUARD_BITS)
        w = one
        for _ in range(context.prec):  # every step doubles the digits once the root is near
            step = ((level(w) - kappa) / slope(w)).mid
            w = (w - step).mid
            if abs(step) < resolved:
                break
        # Beyond the fold the level falls as w grows, so the levels at both ends prove that the root lies between them.
        radius = resolved + (kappa.delta / abs(slope(w))).b
        low, high = (w - 2 * radius).a, (w + 2 * radius).b
        high = one if high > one else high
        beyond_the_fold = 2 * layers * low ** (layers + 1) >= layers - 1
        if not (low > 0 and beyond_the_fold and level(low) >= kappa and level(high) <= kappa):
            raise Undecided
        return context.mpf([low, high]) ** (layers + 1)

    def _latex(self, printer: sp.printing.latex.LatexPrinter, exp: str | None = None) -> str:
        depth, kappa = map(printer._print, self.args)
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"u_{{{depth}}}{power}\left({kappa}\right)"


@dataclass(frozen=True)
class DeepMinimum:
    """The minimiser of the deep one-direction problem: ``factor`` times √n where ``ratio`` > 1, and 0 elsewhere.

    ``function`` is the objective in the singular value q; ``quadratic`` and ``penalty`` are its two parts.
    """

    factor: sp.Expr
    ratio: sp.Expr
    critical: sp.Expr
    quadratic: sp.Expr
    penalty: sp.Expr
    jump: sp.Expr
    fold: sp.Expr

    @property
    def function(self) -> sp.Expr:
        """The objective in the singular value q."""
        return self.quadratic + self.penalty


def minimise_deep_direction(
    record: StepRecorder, count: sp.Symbol, total: sp.Symbol, product: sp.Symbol, depth: sp.Symbol, q: sp.Symbol
) -> DeepMinimum:
    """Minimise (q − √n)²/(2N) + (M+1)/2 Λ^(1/(M+1)) q^(2/(M+1)) over q ≥ 0, for every depth M at once.

    ``count`` is n, ``total`` N, ``product`` Λ, ``depth`` M. For M ≥ 2 the objective is not convex: the root of the
    stationarity equation beyond the fold is one minimum and zero is another. At the jump the two have the same value.
    """
    u, kappa = sp.symbols("u kappa", positive=True)
    quadratic = (q - sp.sqrt(count)) ** 2 / (2 * total)
    penalty = (depth + 1) / 2 * product ** (1 / (depth + 1)) * q ** (2 / (depth + 1))
    kappa_here = total * product ** (1 / (depth + 1)) * count ** (-depth / (depth + 1))
    scaled = (u - 1) ** 2 / 2 + (depth + 1) / 2 * kappa * u ** (2 / (depth + 1))
    record(
        Identity(
            "scaling",
            r"With $q = \sqrt n\, u$ and $\kappa = N \Lambda^{1/(M+1)} n^{-M/(M+1)}$ only $u$ and $\kappa$ are left.",
            (quadratic + penalty).subs(q, sp.sqrt(count) * u),
            count / total * scaled.subs(kappa, kappa_here),
        )
    )
    level, fold = _stationary_points(record, scaled, u, kappa)
    jump = _jump(record, scaled, level, fold, u, kappa)
    kappa_at_jump = sp.simplify(level.subs(u, jump))
    critical = sp.powdenest(
        sp.expand_power_base((total * product ** (1 / (depth + 1)) / kappa_at_jump) ** ((depth + 1) / depth))
    )
    _record_critical_count(record, kappa_here, count, critical, kappa_at_jump)
    return DeepMinimum(Shrinkage(depth, kappa_here), count / critical, critical, quadratic, penalty, jump, fold)


def _stationary_points(
    record: StepRecorder, scaled: sp.Expr, u: sp.Symbol, kappa: sp.Symbol
) -> tuple[sp.Expr, sp.Expr]:
    """Return κ as a function of the stationary point u, and the fold, where two stationary points merge."""
    above = sp.Symbol("s", positive=True)
    slope = sp.diff(scaled, u)
    level = sp.powsimp(_only_root("stationary points", slope, kappa))
    record(
        Vanishes(
            "stationary points", "Where the slope vanishes, $\\kappa$ is this function of $u$.", slope, kappa, level
        )
    )
    rises = sp.simplify(sp.diff(level, u) * u / level * (1 - u))
    fold = _only_root("the fold", rises, u)
    record(Vanishes("the fold", "There the function is stationary, and two stationary points merge.", rises, u, fold))
    record(
        Nonnegative(
            "beyond the fold",
            "Beyond the fold this function falls: there is one stationary point for each $\\kappa$.",
            sp.simplify(-rises.subs(u, fold + above)),
        )
    )
    curvature = sp.simplify(sp.diff(scaled, u, 2).subs(kappa, level) * u)
    record(
        Nonnegative(
            "a minimum",
            "At the stationary point beyond the fold the objective is convex.",
            curvature.subs(u, fold + above),
        )
    )
    return level, fold


def _jump(
    record: StepRecorder, scaled: sp.Expr, level: sp.Expr, fold: sp.Expr, u: sp.Symbol, kappa: sp.Symbol
) -> sp.Expr:
    """Return the stationary point u that has the same value as zero."""
    gain = sp.factor(sp.simplify(sp.powsimp(sp.expand(scaled.subs(kappa, level) - scaled.subs(u, 0).subs(kappa, 0)))))
    jump = _only_root("the jump", gain, u)
    record(
        Vanishes(
            "the jump",
            "There the stationary point has the same value as zero: both are global minimisers.",
            gain,
            u,
            jump,
        )
    )
    record(
        Nonnegative(
            "beyond the jump",
            "Beyond the jump the stationary point has a lower value than zero, before the jump a higher one.",
            sp.simplify(-sp.diff(sp.expand(gain / u), u)),
        )
    )
    record(
        Nonnegative(
            "the jump lies beyond the fold",
            "So at the jump the stationary point is a minimum.",
            sp.simplify(jump - fold),
        )
    )
    return jump


def _record_critical_count(
    record: StepRecorder, kappa_here: sp.Expr, count: sp.Symbol, critical: sp.Expr, kappa_at_jump: sp.Expr
) -> None:
    """Record that a class of the critical count lies on the jump, and that larger classes live."""
    record(
        Identity(
            "the critical class count",
            "At this class count $\\kappa$ is that of the jump (in logarithms; for $M = 1$ read $0 \\log 0 = 0$).",
            sp.expand_log(sp.log(kappa_here.subs(count, critical))),
            sp.expand_log(sp.log(kappa_at_jump)),
        )
    )
    record(
        Nonnegative(
            "larger classes live",
            "$\\kappa$ falls as the class grows.",
            sp.simplify(-sp.diff(kappa_here, count) * count / kappa_here),
        )
    )
