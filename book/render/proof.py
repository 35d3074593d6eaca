"""The proof of a claim as prose: the chain of bounds, with the steps and lemmas of each link folded into it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from book.render.citations import cite, keys_in
from book.render.kernel import kernel_statement
from book.render.lines import displayed
from book.render.markdown import prose, sentence, slug
from book.render.notation import Notation
from book.render.theorem import definition, set_apart
from theory.claim import Claim
from theory.export.record import StepRecord
from theory.latex import latex
from theory.proof import Bound, Convex, Identity, Lemma, Nonnegative, Stationary, Step, SumOfSquares, Vanishes

HOW = {
    Identity: "SymPy reduces the difference of the two sides to zero, for all values of the symbols.",
    Stationary: "SymPy takes the derivative and reduces it to zero at this point, for all values of the symbols.",
    Vanishes: "SymPy puts the point in and reduces the expression to zero, for all values of the symbols.",
    Nonnegative: "SymPy proves the sign from the assumptions on the symbols: parameters are positive, and sizes are at least their "
    "smallest values.",
    Convex: "SymPy takes the second derivative and proves that it is positive, from the assumptions on the symbols.",
    SumOfSquares: "SymPy expands the squares, reduces the difference to zero, and proves that no weight is negative.",
}
"""How SymPy checks a step of each kind."""
IN_BALLS = (
    "As a second opinion, every run of the checks encloses the statement in ball arithmetic at eight or more sets of random "
    "parameters; no enclosure may exclude it."
)


@dataclass(frozen=True)
class ShownStep:
    """A step as its page shows it: number, anchor, title, sentence, displayed statement, and how it is checked."""

    number: int
    anchor: str
    title: str
    says: str
    formula: str
    checked: str
    kernel: StepRecord | None


@dataclass(frozen=True)
class ShownLemma:
    """A lemma as its page shows it."""

    anchor: str
    title: str
    says: str
    source: str


@dataclass(frozen=True)
class Link:
    """A link of the chain: the two sides in words, why it holds, the bound, and what it rests on.

    ``steps`` and ``lemmas`` are shown here; ``earlier`` are links to those that an earlier link has shown.
    """

    above: str
    name: str
    because: str
    formula: str
    steps: tuple[ShownStep, ...]
    lemmas: tuple[ShownLemma, ...]
    earlier: tuple[str, ...]


@dataclass(frozen=True)
class ProofText:
    """The links of a chain, and the steps and lemmas on which no link rests: those that show that the bound is attained."""

    links: tuple[Link, ...]
    steps: tuple[ShownStep, ...]
    lemmas: tuple[ShownLemma, ...]


def anchor(claim: Claim, name: str) -> str:
    """Return the anchor of a step or lemma."""
    return f"{claim.id}-{slug(name)}"


def proof_text(claim: Claim, notation: Notation) -> ProofText:
    """Return the proof of a claim, in which each step and each lemma stands once: where it is used first."""
    proof = claim.proof
    steps = {step.name: step for step in proof.steps}
    lemmas = {lemma.name: shown_lemma(claim, lemma) for lemma in proof.lemmas}
    shown: set[str] = set()
    explained: set[sp.Basic] = set()
    numbers = itertools.count(1)
    links, above = [], "The loss"
    for number, bound in enumerate(proof.bounds):
        new = [name for name in _with_convexity(bound.rests_on, steps) if name not in shown]
        links.append(
            Link(
                sentence(above),
                bound.name,
                set_apart(bound.because),
                displayed(_expressed(number, bound, notation)),
                tuple(
                    shown_step(claim, notation, next(numbers), steps[name], explained) for name in new if name in steps
                ),
                tuple(lemmas[name] for name in new if name in lemmas),
                tuple(f"[{name}](#{anchor(claim, name)})" for name in bound.rests_on if name in shown),
            )
        )
        shown.update(new)
        above = bound.name
    return ProofText(
        tuple(links),
        tuple(
            shown_step(claim, notation, next(numbers), step, explained)
            for name, step in steps.items()
            if name not in shown
        ),
        tuple(lemma for name, lemma in lemmas.items() if name not in shown),
    )


def _with_convexity(names: tuple[str, ...], steps: Mapping[str, Step]) -> list[str]:
    """Return the names that a bound rests on, each "… is stationary" behind "… is convex", which makes the point a minimum."""
    found: dict[str, None] = {}
    for name in names:
        convex = name.removesuffix(" is stationary") + " is convex"
        if name.endswith(" is stationary") and convex in steps:
            found[convex] = None
        found[name] = None
    return list(found)


def _expressed(number: int, bound: Bound, notation: Notation) -> str:
    left = r"\text{loss} \ge" if number == 0 else r"\ge"
    return f"{left} {latex(notation.short(bound.expression))}"


def where(step: Step, notation: Notation, explained: set[sp.Basic]) -> str:
    """Return what the letters of a step stand for that neither the notation of the page nor an earlier step has given."""
    written, found = list(notation.step_formulas(step)), []
    while written:
        formula = written.pop(0)
        for quantity in notation.of_steps:
            if formula.has(quantity.symbol) and quantity.symbol not in explained:
                explained.add(quantity.symbol)
                found.append(displayed(definition(quantity)))
                written.append(quantity.meaning)
    return "\n\nwhere\n\n" + "\n\n".join(found) if found else ""


def shown_step(claim: Claim, notation: Notation, number: int, step: Step, explained: set[sp.Basic]) -> ShownStep:
    """Return a step as its page shows it. The letters that an earlier step has ``explained`` are not explained again."""
    return ShownStep(
        number,
        anchor(claim, step.name),
        sentence(step.name),
        set_apart(step.says),
        displayed(notation.step(step).latex()) + where(step, notation, explained),
        f"{HOW[type(step)]} {IN_BALLS}",
        kernel_statement(claim, step),
    )


def shown_lemma(claim: Claim, lemma: Lemma) -> ShownLemma:
    """Return a lemma as its page shows it."""
    source = f"{prose(lemma.source)} {cite(*keys_in(lemma.source))}".rstrip()
    return ShownLemma(anchor(claim, lemma.name), sentence(lemma.name), set_apart(lemma.says), source)
