"""The notation of a claim's page: every quantity that recurs has one letter, which all formulas of the page share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from book.render.abbreviations import abbreviated
from book.render.claims import decided
from theory.claim import Claim
from theory.proof import Step, Threshold
from theory.results import Letter
from theory.symbols import feature_decay, indexed, k, n, n_k, positive, weight_decay

DECAY = positive("s")
"""The letter for √(λ_W λ_H), the weight of the nuclear norm to which both decays add up."""


@dataclass(frozen=True)
class Quantity:
    """A letter of a page with its meaning, as a formula, and with words on what it is."""

    symbol: sp.Basic
    meaning: sp.Basic
    says: str = ""


class Notation:
    """The letters of a claim's page, and formulas written in them.

    Letters come from the claim, then there are s = √(λ_W λ_H) and the ratio of each threshold, and last letters for
    parts of formulas that are still long.
    """

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self._quantities: list[Quantity] = []
        self._rules: list[tuple[Quantity, dict[sp.Basic, sp.Basic]]] = []
        self._written: dict[tuple[object, ...], sp.Basic] = {}
        self._replaced: dict[tuple[sp.Basic, frozenset[sp.Symbol]], dict[sp.Basic, sp.Basic]] = {}
        if claim.derive is None:
            return
        for letter in _letters(claim):
            part, written = letter.replacement
            self._give(Quantity(letter.symbol, letter.meaning, letter.says), {part: written})
        for number, threshold in enumerate(claim.prediction.thresholds):
            indices = threshold.ratio.free_symbols & {threshold.index}
            name = "r" + "'" * number
            symbol = indexed(name, positive=True)[threshold.index] if indices else positive(name)
            says = f"the ratio of the threshold of {decided(threshold)}"
            if self._ratio(threshold) is None:
                self._give(Quantity(symbol, threshold.ratio, says), {threshold.ratio: symbol})

    def _ratio(self, threshold: Threshold) -> sp.Basic | None:
        """Return the letter of the ratio of a threshold; classes of equal sizes share one."""
        ratios = {self.folded(threshold.ratio), self.folded(threshold.ratio.subs(n_k[k], n))}
        return next((q.symbol for q in self._quantities if self.folded(q.meaning) in ratios), None)

    def ratio(self, threshold: Threshold) -> sp.Basic:
        """Return the letter of the ratio of a threshold."""
        symbol = self._ratio(threshold)
        assert symbol is not None  # every threshold is given one
        return symbol

    def _give(self, quantity: Quantity, rule: dict[sp.Basic, sp.Basic]) -> None:
        """Add a quantity, whose meaning is written in the letters given before it."""
        written = {self.write(part): by for part, by in rule.items()}
        self._rules.append((quantity, {**written, **_consequences(quantity.symbol, written)}))
        self._quantities.append(quantity)

    def folded(self, expression: sp.Basic) -> sp.Basic:
        """Return an expression with s for √(λ_W λ_H)."""
        return expression.replace(lambda e: isinstance(e, sp.Mul), _with_decay)

    def is_folded(self) -> bool:
        """Tell whether the letter s stands for √(λ_W λ_H) in a formula of the page."""
        products = [e for formula in self._raw_formulas() for e in formula.atoms(sp.Mul)]
        return any(_with_decay(product) != product for product in products)

    def write(self, expression: sp.Basic, fixed: Iterable[sp.Basic] = (), without: sp.Basic | None = None) -> sp.Basic:
        """Return an expression in the letters of the page.

        Letters whose meaning contains one of the ``fixed`` symbols, and the letter ``without``, are left out.
        """
        fixed = set(fixed)
        asked = expression, frozenset(fixed), without, len(self._rules)
        if asked not in self._written:
            self._written[asked] = self._in_letters(expression, fixed, without)
        return self._written[asked]

    def _in_letters(self, expression: sp.Basic, fixed: set[sp.Basic], without: sp.Basic | None) -> sp.Basic:
        if not fixed & {weight_decay, feature_decay} and without != DECAY:
            expression = self.folded(expression)
        for quantity, rule in self._rules:
            if quantity.symbol == without or quantity.meaning.free_symbols & fixed:
                continue
            expression = expression.xreplace(self._at_all_indices(quantity, rule, expression))
            for part, by in rule.items():
                if part.is_Add:  # a part of a longer sum
                    expression = expression.subs(part, by)
            expression = _within_cases(expression, quantity)
        return expression

    def _at_all_indices(
        self, quantity: Quantity, rule: dict[sp.Basic, sp.Basic], expression: sp.Basic
    ) -> dict[sp.Basic, sp.Basic]:
        """Return the rule of a quantity together with the same rule at the other indices that occur in an expression."""
        entries = expression.atoms(sp.Indexed)
        used = frozenset(i for entry in entries for i in entry.indices if isinstance(i, sp.Symbol)) | {k}
        if (quantity.symbol, used) not in self._replaced:
            self._replaced[quantity.symbol, used] = {
                part.xreplace({k: index}): by.xreplace({k: index})
                for part, by in rule.items()
                for index in (used if by.has(sp.Indexed) else {k})
            }
        return self._replaced[quantity.symbol, used]

    @cached_property
    def _shortened(self) -> tuple[dict[sp.Basic, sp.Basic], tuple[Quantity, ...]]:
        """The formulas of the page in letters for parts that are long, and these letters."""
        formulas = list(dict.fromkeys(self._formulas()))
        short = abbreviated(*formulas)
        given = tuple(Quantity(symbol, meaning) for symbol, meaning in short.meanings)
        return dict(zip(formulas, short.expressions, strict=True)), given

    def _raw_formulas(self) -> Iterator[sp.Basic]:
        """Yield the formulas of prediction and chain, in the order of their importance."""
        prediction = self.claim.prediction
        if prediction.value is not None:
            yield prediction.value.expression
        yield from (formula.expression for formula in prediction.invariants.values())
        yield from (bound.expression for bound in self.claim.proof.bounds)

    def _formulas(self) -> Iterator[sp.Basic]:
        """Yield the formulas of the page in its letters."""
        yield from map(self.gathered, self._raw_formulas())
        yield from (self.write(q.meaning, without=q.symbol) for q in self._quantities)
        for step in self.claim.proof.steps:
            yield from self.parts(step).values()

    def gathered(self, expression: sp.Basic) -> sp.Basic:
        """Return an expression in the letters of the page, with cases of the same conditions put together."""
        return _gathered(self.write(expression))

    def parts(self, step: Step) -> dict[str, sp.Basic]:
        """Return the expressions of a step in the letters of the page; what depends on its variable stays as it is."""
        fixed = [step.variable] if hasattr(step, "variable") else []
        names = [field.name for field in dataclasses.fields(step)]
        found = {name: getattr(step, name) for name in names}
        return {
            name: self.write(value, fixed)
            for name, value in found.items()
            if isinstance(value, sp.Basic) and name != "variable"
        }

    def short(self, expression: sp.Basic) -> sp.Basic:
        """Return an expression in all letters of the page."""
        written = self.gathered(expression)
        return self._shortened[0].get(written, written)

    def step(self, step: Step) -> Step:
        """Return a step that is printed in the letters of the page. The function whose derivative it takes is not abbreviated."""
        parts = self.parts(step)
        if not hasattr(step, "variable"):
            parts = {name: self._shortened[0].get(part, part) for name, part in parts.items()}
        return dataclasses.replace(step, **parts)

    @property
    def own(self) -> list[Quantity]:
        """The letters that the claim gives, and those of its thresholds, with their meanings as the claim writes them."""
        return list(self._quantities)

    def uses(self, symbol: sp.Basic) -> bool:
        """Tell whether a formula of the page, other than its own meaning, is written in a letter."""
        meanings = [q.meaning for q in self.quantities if q.symbol != symbol]
        return any(formula.has(symbol) for formula in (*self._main, *meanings))

    @cached_property
    def _main(self) -> list[sp.Basic]:
        """The formulas of prediction and chain in all letters of the page."""
        return [self._shortened[0][self.gathered(formula)] for formula in self._raw_formulas()]

    @cached_property
    def of_steps(self) -> tuple[Quantity, ...]:
        """The letters for long parts that only steps use. The first step that uses one says what it stands for."""
        short = {q.symbol: q for q in self._shortened[1]}
        own = [self._meaning(q) for q in self._quantities]
        used: set[sp.Basic] = set()
        waiting = [*self._main, *own]
        while waiting:
            found = {symbol for symbol in short if waiting[-1].has(symbol)} - used
            waiting.pop()
            used |= found
            waiting += [short[symbol].meaning for symbol in found]
        return tuple(q for symbol, q in short.items() if symbol not in used)

    def symbols_used(self) -> set[sp.Basic]:
        """Return the symbols of the formulas of prediction and chain, and the bases of those with an index."""
        formulas = [*self._main, *(q.meaning for q in self.quantities if q not in self.of_steps)]
        return {symbol for formula in formulas for symbol in formula.free_symbols | formula.atoms(sp.IndexedBase)}

    def step_formulas(self, step: Step) -> Iterator[sp.Basic]:
        """Yield the expressions of a step as the page prints them."""
        printed = self.step(step)
        values = (getattr(printed, field.name) for field in dataclasses.fields(printed))
        yield from (value for value in values if isinstance(value, sp.Basic))

    @cached_property
    def quantities(self) -> list[Quantity]:
        """All letters of the page with their meanings, which are written in the letters, in the order of the page."""
        own = [dataclasses.replace(q, meaning=self._meaning(q)) for q in self._quantities]
        every = [*own, *self._shortened[1]]
        if self.is_folded():
            meaning = sp.sqrt(weight_decay * feature_decay)
            every = [Quantity(DECAY, meaning, "the weight of the nuclear norm of the logits"), *every]
        return every

    def _meaning(self, quantity: Quantity) -> sp.Basic:
        written = self.write(quantity.meaning, without=quantity.symbol)
        return self._shortened[0].get(written, written)


def _letters(claim: Claim) -> list[Letter]:
    """Return the letters of a claim for its page, each once.

    The letters of its statement that replace a part of a formula hold for that formula alone.
    """
    named = [letter for result in claim.prediction.named.values() for letter in result.letters if letter.part is None]
    return list({letter.symbol: letter for letter in (*named, *claim.derivation.notation)}.values())


def _consequences(symbol: sp.Basic, rule: dict[sp.Basic, sp.Basic]) -> dict[sp.Basic, sp.Basic]:
    """Return what follows from a rule: where t stands for log x, x is e^t."""
    return {part.args[0]: sp.exp(symbol) for part, by in rule.items() if isinstance(part, sp.log) and by == symbol}


def _with_decay(product: sp.Mul) -> sp.Expr:
    """Return a product with s^(2c) for the powers c that λ_W and λ_H share."""
    factors = product.args
    powers = {factor.as_base_exp()[0]: factor for factor in factors}
    if not {weight_decay, feature_decay} <= powers.keys():
        return product
    of_weights, of_features = (powers[decay].as_base_exp()[1] for decay in (weight_decay, feature_decay))
    if not (of_weights.is_number and of_features.is_number and of_weights * of_features > 0):
        return product
    shared = min(of_weights, of_features, key=abs)
    others = [factor for factor in factors if factor not in (powers[weight_decay], powers[feature_decay])]
    return sp.Mul(
        *others, DECAY ** (2 * shared), weight_decay ** (of_weights - shared), feature_decay ** (of_features - shared)
    )


def _within_cases(expression: sp.Basic, quantity: Quantity) -> sp.Basic:
    """Write a quantity x that is zero unless a condition holds, also where its square or its value stands under that condition."""
    meaning, symbol = quantity.meaning, quantity.symbol
    if not (isinstance(meaning, sp.Piecewise) and len(meaning.args) == 2 and meaning.args[1][0] == 0):
        return expression
    value, condition = meaning.args[0]
    rule: dict[sp.Basic, sp.Basic] = {}
    for cases in expression.atoms(sp.Piecewise):
        (first, where), *others = cases.args
        if where != condition:
            continue
        if [other for other, _ in others] == [0] and first == value**2:
            rule[cases] = symbol**2
        elif first.has(value):
            rule[cases] = sp.Piecewise((first.xreplace({value: symbol}), where), *others)
    return expression.xreplace(rule)


def _gathered(expression: sp.Basic) -> sp.Basic:
    """Return an expression with one set of cases for all factors and terms whose cases have the same conditions."""
    if isinstance(expression, (sp.Sum, sp.Tuple)):
        return expression.func(_gathered(expression.args[0]), *expression.args[1:])
    inside = set(expression.atoms(sp.Sum))
    masked = {sum_: sp.Dummy(positive=True) for sum_ in inside}
    outside = expression.xreplace(masked)
    cases = outside.atoms(sp.Piecewise)
    conditions = {tuple(condition for _, condition in case.args) for case in cases}
    if len(conditions) == 1 and isinstance(outside, sp.Expr) and outside not in cases:
        (shared,) = conditions
        branches = [outside.xreplace({case: case.args[i][0] for case in cases}) for i in range(len(shared))]
        outside = sp.Piecewise(*zip(branches, shared, strict=True))
    return outside.xreplace({dummy: _gathered(sum_) for sum_, dummy in masked.items()})
