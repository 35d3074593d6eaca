"""Statement and notation of a claim's page, and the verdict in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sympy as sp
from sympy.logic.boolalg import Boolean

from book.render.api import constants
from book.render.brackets import fractions, is_tall
from book.render.citations import cite, key_of
from book.render.claims import own_functions
from book.render.kernel import kernel_statement, kernel_theorems
from book.render.lines import displayed, tidy
from book.render.markdown import prose
from book.render.notation import Notation, Quantity
from book.render.setting import listed
from book.render.width import TEXT, width
from theory import symbols
from theory.claim import Claim, Source, Verdict
from theory.latex import latex

INLINE = 15.0
"""A formula is written in the text up to this width, in em, which fits the column of a phone. A wider one is displayed."""
SHORT_PART = 3.0
"""Fractions whose parts are wider than this, in em, are too small to read in a line of text."""
FORMULA = re.compile(r"(?<!\$)\$([^$]+)\$([.,;:)]*)")


def statement(claim: Claim, notation: Notation) -> str:
    """Return the theorem as Markdown in the letters of the page: first the letters that it uses, then the statement."""
    letters = listed([f"${definition(q)}$" for q in quantities_before(claim, notation)])
    said = claim.rendered_statement(lambda shown, meaning: tidy(latex(written(claim, notation, shown, meaning))))
    return set_apart(f"Write {letters}. {said}" if letters else said)


def written(claim: Claim, notation: Notation, shown: sp.Expr, meaning: sp.Expr) -> sp.Basic:
    """Return a formula of the statement in the letters of the page, but for the letter that it defines."""
    defined = next((q.symbol for q in defined_in_statement(claim, notation) if q.meaning == meaning), None)
    return notation.write(shown, without=defined)


def quantities_before(claim: Claim, notation: Notation) -> list[Quantity]:
    """Return the letters that come into the statement only through its formulas, so that it does not say what they are."""
    defined = {q.symbol for q in notation.own if names(claim.statement, q.symbol)}
    waiting: list[sp.Basic] = []

    def use(shown: sp.Expr, meaning: sp.Expr) -> str:
        waiting.append(written(claim, notation, shown, meaning))
        return ""

    claim.rendered_statement(use)
    found: list[Quantity] = []
    while waiting:
        formula = waiting.pop()
        new = [q for q in notation.quantities if formula.has(q.symbol) and q.symbol not in defined and q not in found]
        found += new
        waiting += [q.meaning for q in new]
    return [q for q in notation.quantities if q in found]


def defined_in_statement(claim: Claim, notation: Notation) -> list[Quantity]:
    """Return the letters that the statement itself defines, such as ``t_k = {margin}``."""
    results = claim.prediction.named
    named = {name: result.expression for name, result in results.items()}
    named |= {letter.name: letter.meaning for result in results.values() for letter in result.letters}
    return [
        q
        for q in notation.own
        if any(m == q.meaning and f"{plain(q.symbol)} = {{{name}}}" in claim.statement for name, m in named.items())
    ]


def names(statement: str, symbol: sp.Basic) -> bool:
    """Tell whether the formulas of a statement, as the claim writes it, contain a letter."""
    letter = re.compile(rf"(?<![A-Za-z\\]){re.escape(plain(symbol))}(?![A-Za-z_])")
    return any(letter.search(re.sub(r"\{[^{}]*\}", "", formula)) for formula in re.findall(r"\$([^$]+)\$", statement))


def plain(symbol: sp.Basic) -> str:
    """Return a letter as statements write it: t_k, and a_k^+ for the entry k of a^+."""
    if not isinstance(symbol, sp.Indexed):
        return str(symbol)
    base, _, above = str(symbol.base.label).partition("^")
    return f"{base}_{symbol.indices[0]}" + (f"^{above}" if above else "")


def definition(quantity: Quantity) -> str:
    """Return the LaTeX that says what a letter stands for."""
    relation = r"\iff" if isinstance(quantity.meaning, Boolean) else "="
    return tidy(f"{latex(quantity.symbol)} {relation} {latex(quantity.meaning)}")


def set_apart(markdown: str) -> str:
    """Display the formulas of a text that are too wide or too tall for a line, each with the sign that ends its clause.

    A text that begins with such a formula begins with an empty line, so that words may stand before the text.
    """

    def apart(match: re.Match[str]) -> str:
        return match[0] if fits(match[1]) else f"\n\n{displayed(match[1] + closing(match[2]))}\n\n"

    return re.sub(r"\n\n\s*", "\n\n", FORMULA.sub(apart, markdown)).rstrip()


def closing(signs: str) -> str:
    """Return the punctuation behind a displayed formula."""
    return rf"\text{{{signs}}}" if signs else ""


def fits(formula: str) -> bool:
    """Tell whether a formula can stand in a line of text: it is narrow, and its fractions have short parts."""
    parts = (argument for pair in fractions(formula) for argument in pair)
    return width(formula, TEXT) <= INLINE and not is_tall(formula) and all(width(p) <= SHORT_PART for p in parts)


def notation_list(claim: Claim, notation: Notation) -> Iterator[tuple[str, str]]:
    """Yield the notation of a page that the theorem has not given: a letter, and its meaning as Markdown."""
    given = {q.symbol for q in [*defined_in_statement(claim, notation), *quantities_before(claim, notation)]}
    given |= {q.symbol for q in ratios_apart(notation)} | {q.symbol for q in notation.of_steps}
    for quantity in notation.quantities:
        if quantity.symbol not in given:
            yield from entry(quantity)
    for statistic in claim.proof.statistics:
        indices = {1: "_k", 2: "_{kl}"}.get(axes(claim, statistic.symbol), "")
        yield f"${tidy(latex(statistic.symbol))}{indices}$", statistic.says
    for written, says in own_functions(claim):
        yield f"${written}$", says
    listed = {q.symbol for q in notation.quantities}
    for says, symbol in symbols_of_theory(claim, notation):
        if symbol not in listed:
            yield f"${tidy(latex(symbol))}$", says


def ratios_apart(notation: Notation) -> list[Quantity]:
    """Return the ratios of thresholds that no other formula of the page uses. The table of the prediction defines them."""
    claim = notation.claim
    ratios = {notation.ratio(threshold) for threshold in claim.prediction.thresholds}
    ratios -= {q.symbol for q in (*defined_in_statement(claim, notation), *quantities_before(claim, notation))}
    return [q for q in notation.quantities if q.symbol in ratios and not notation.uses(q.symbol)]


def axes(claim: Claim, symbol: sp.Basic) -> int:
    """Return how many indices a statistic has in the bounds."""
    entries = [e for b in claim.proof.bounds for e in b.expression.atoms(sp.Indexed) if e.base == symbol]
    return max((len(entry.indices) for entry in entries), default=0)


def entry(quantity: Quantity) -> Iterator[tuple[str, str]]:
    """Yield a letter with its meaning, in the text or, if it is wide, displayed."""
    formula = definition(quantity)
    says = quantity.says
    if fits(formula):
        yield f"${formula}$", says
    else:
        yield f"${tidy(latex(quantity.symbol))}$", (f"{says}:" if says else "") + f"\n\n{displayed(formula)}"


def symbols_of_theory(claim: Claim, notation: Notation) -> Iterator[tuple[str, sp.Basic]]:
    """Yield what symbols of a page mean that all claims share and that are no parameters of the claim, such as N and K."""
    means = " ".join(parameter.means for parameter in claim.problem.parameters)
    used = notation.symbols_used()
    for _, symbol, says in constants(symbols):
        if not isinstance(symbol, sp.Symbol | sp.IndexedBase):
            continue
        label = symbol.label if isinstance(symbol, sp.IndexedBase) else symbol
        if symbol in used and not re.search(
            rf"\$[^$]*{re.escape(latex(sp.Symbol(str(label))).replace('{', '').replace('}', ''))}", means
        ):
            words = says.partition(". ")[0].rstrip(".")
            yield words[:1].lower() + words[1:], symbol


def verdict_in_words(claim: Claim, notation: Notation) -> str:
    """Return what has been proved, and in what sense, as Markdown."""
    if claim.derive is None:
        return "Attacked by an optimiser from many starts; nothing is proved."
    proof = claim.proof
    steps, checked = len(proof.steps), sum(kernel_statement(claim, step) is not None for step in proof.steps)
    lemmas = {0: "no lemma is", 1: "one lemma is"}.get(len(proof.lemmas), f"{len(proof.lemmas)} lemmas are")
    of_them = "all" if checked == steps else str(checked)
    by_kernel = f", and the kernel of Coq checks {of_them} of them, too" if checked else ""
    basis = f"SymPy checks {steps} steps{by_kernel}; {lemmas} taken from the literature."
    theorems = len(kernel_theorems(claim))
    several = {1: "one statement"}.get(theorems, f"{theorems} statements")
    whole = f" The kernel of Coq proves {several} on the claim as a whole." if theorems else ""
    if claim.verdict is Verdict.REFUTED:
        return (
            f"Disproved: certified points lie below what the claim allows, and the argument is symbolic. {basis}{whole}"
        )
    if claim.prediction.value is None:
        return (
            f"Proved in part, for all parameters of the domain: the structure stated as proved. The minimum has no closed form. {basis}"
            f"{whole}"
        )
    return (
        f"Proved for all parameters of the domain: no point lies below the predicted minimum, and the predicted point attains it. "
        f"{basis}{whole}"
    )


def cited(source: Source) -> str:
    """Return the source of a claim as Markdown, with a link to the paper."""
    link = f"[arXiv:{source.arxiv}](https://arxiv.org/abs/{source.arxiv})"
    return f"{prose(f'{source.authors}, “{source.title}”, {source.venue}')}, {link} {cite(key_of(source))}".rstrip()
