"""The text of the claims' pages, before it is built: notation, steps and formulas."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest
import sympy as sp

from book.examples import make_example
from book.render.markdown import slug
from book.render.notation import DECAY, Notation
from book.render.pages import page, with_upright_words
from book.render.predicted import rows
from book.render.proof import proof_text
from book.render.setting import objective
from book.render.theorem import (
    defined_in_statement,
    fits,
    notation_list,
    quantities_before,
    ratios_apart,
    set_apart,
)
from theory.claim import Claim, find, registry
from theory.expressions import Formula, evaluate_exactly
from theory.symbols import feature_decay, j, k, weight_decay

CLAIMS = sorted(registry())
DEEPEST = 2
"""A formula on a claim's page has no fraction in a fraction in a fraction."""


@cache
def notation(claim_id: str) -> Notation:
    return Notation(find(claim_id))


@cache
def text(claim_id: str) -> str:
    return page("claim", claim=find(claim_id))


def put_back(expression: sp.Basic, letters: Notation) -> sp.Basic:
    """Return an expression with every letter replaced by what it stands for, at the index at which it occurs."""
    meanings = {q.symbol: q.meaning for q in letters.quantities if q.symbol != DECAY}
    bases = {s.base: (s.indices[0], m) for s, m in meanings.items() if isinstance(s, sp.Indexed)}

    def expanded(atom: sp.Basic) -> sp.Basic | None:
        if isinstance(atom, sp.Indexed) and atom.base in bases:
            index, meaning = bases[atom.base]
            return meaning.xreplace({index: atom.indices[0]})
        if atom in meanings:
            return meanings[atom]
        letter, _, index = str(atom).partition("_")  # a letter of a long part, at another index
        same = [(s, m) for s, m in meanings.items() if isinstance(s, sp.Symbol) and index and str(s) == f"{letter}_k"]
        return same[0][1].xreplace({k: sp.Symbol(index, integer=True, positive=True)}) if same else None

    for _ in range(len(meanings) + 1):
        atoms = expression.atoms(sp.Indexed) | expression.free_symbols
        found = {atom: new for atom in atoms if (new := expanded(atom)) is not None and new != atom}
        if not found:
            break
        expression = expression.xreplace(found)
    return expression.xreplace({DECAY: sp.sqrt(weight_decay * feature_decay)})


def formulas(claim: Claim) -> list[Formula]:
    value = [] if claim.prediction.value is None else [claim.prediction.value]
    return [*value, *claim.prediction.invariants.values()]


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_letters_stand_for_what_they_replace(claim_id: str) -> None:
    """The formulas of the page, with every letter put back, have the values of the claim's own at an example."""
    claim, letters = find(claim_id), notation(claim_id)
    bindings = make_example(claim).instance.bindings
    for formula in formulas(claim):
        again = formula.replace_expression(put_back(letters.short(formula.expression), letters))
        free = {s for s in again.expression.free_symbols if not isinstance(s, sp.Indexed)}
        assert free <= formula.expression.free_symbols | {j, k}
        assert flat(evaluate_exactly(again, bindings)) == pytest.approx(
            flat(evaluate_exactly(formula, bindings)), rel=1e-12, abs=1e-300
        )


def flat(value: object) -> list[float]:
    return [x for part in value for x in flat(part)] if isinstance(value, list) else [float(value)]  # type: ignore[arg-type]


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_every_quantity_is_defined_once(claim_id: str) -> None:
    claim, letters = find(claim_id), notation(claim_id)
    if claim.derive is None:
        return
    in_theorem = [*defined_in_statement(claim, letters), *quantities_before(claim, letters)]
    apart, of_steps = ratios_apart(letters), list(letters.of_steps)
    listed = [re.match(r"\$(.+?)( = .+)?\$$", head)[1] for head, _ in notation_list(claim, letters)]  # type: ignore[index]
    counted = Counter([*(sp.latex(q.symbol) for q in (*in_theorem, *apart, *of_steps)), *listed])  # letters as written
    assert [letter for letter, times in counted.items() if times > 1] == []
    for quantity in letters.quantities:
        assert counted[sp.latex(quantity.symbol)] == 1, quantity


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_different_symbols_look_different(claim_id: str) -> None:
    """No two symbols in the formulas of prediction, chain and notation are written alike."""
    letters = notation(claim_id)
    if find(claim_id).derive is None:
        return
    symbols = {s for s in letters.symbols_used() if not isinstance(s, sp.Indexed)}
    looks = {}
    for symbol in symbols:
        name = sp.latex(symbol.label if isinstance(symbol, sp.IndexedBase) else symbol)
        looks.setdefault((name, isinstance(symbol, sp.IndexedBase)), set()).add(str(symbol))
    assert [look for look, names in looks.items() if len(names) > 1] == []


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_every_step_and_lemma_stands_on_the_page_once(claim_id: str) -> None:
    claim = find(claim_id)
    names = [part.name for part in (*claim.proof.steps, *claim.proof.lemmas)]
    anchors = re.findall(r"^:name: (.+)$", text(claim_id), flags=re.MULTILINE)
    assert sorted(anchors) == sorted(f"{claim_id}-{slug(name)}" for name in names)
    shown = proof_text(claim, notation(claim_id)) if claim.derive else None
    if shown is not None:
        steps = [step for link in shown.links for step in link.steps] + list(shown.steps)
        assert [step.number for step in steps] == list(range(1, len(claim.proof.steps) + 1))
        linked = [set(re.findall(r"\(#([^)]+)\)", " ".join(link.earlier))) for link in shown.links]
        for link, bound, before in zip(shown.links, claim.proof.bounds, linked, strict=True):
            here = {part.anchor for part in (*link.steps, *link.lemmas)}
            assert {f"{claim_id}-{slug(name)}" for name in bound.rests_on} <= here | before


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_the_page_has_its_parts_in_order(claim_id: str) -> None:
    claim = find(claim_id)
    headings = re.findall(r"^## (.+)$", text(claim_id), flags=re.MULTILINE)
    theorem = "Claim" if claim.refutation else "Theorem"
    assert headings[:4] == ["Setting", theorem, "The idea of the proof", "Proof"]
    assert headings[4] == ("The counterexample" if claim.refutation else "Prediction")
    assert claim.idea in text(claim_id)
    assert claim.setting.partition("$")[0] in text(claim_id)
    assert with_upright_words(objective(claim.problem).partition("\n\n")[0]) in text(claim_id)
    assert f"https://arxiv.org/abs/{claim.source.arxiv}" in text(claim_id)


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_the_table_has_a_row_for_everything_predicted(claim_id: str) -> None:
    claim = find(claim_id)
    prediction = claim.prediction
    expected = len(prediction.thresholds) + (prediction.value is not None) + len(prediction.invariants)
    assert len(rows(claim, notation(claim_id))) == expected


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_formulas_are_no_raw_computer_algebra(claim_id: str) -> None:
    claim = find(claim_id)
    shown = [row.equation for row in rows(claim, notation(claim_id))]
    if claim.derive is not None:
        shown += [link.formula for link in proof_text(claim, notation(claim_id)).links]
    assert [formula for formula in shown if stories(formula) > DEEPEST] == []
    for formula in re.findall(r"\$\$?([^$]+)\$", "\n".join(shown)):
        assert r"\sqrt{\lambda_{W}} \sqrt{\lambda_{H}}" not in formula


def stories(latex: str) -> int:
    """Return how many fractions are nested in one another."""
    deepest, open_fractions, stack = 0, 0, []
    pending = 0
    for token in re.findall(r"\\frac(?=\{)|(?<!\\)[{}]", latex):
        if token == r"\frac":
            pending = 2
        elif token == "{":
            is_part = pending > 0
            pending -= is_part
            stack.append((is_part, pending))
            open_fractions += is_part
            pending = 0
            deepest = max(deepest, open_fractions)
        elif stack:
            is_part, pending = stack.pop()
            open_fractions -= is_part
    return deepest


def test_stories_are_counted() -> None:
    assert stories(r"\frac{a}{b} + \frac{c}{d}") == 1
    assert stories(r"\frac{\frac{a}{b}}{c}") == 2
    assert stories(r"x + \frac{a}{\sqrt{\frac{b}{1 + \frac{c}{d}}}}") == 3


def test_what_does_not_fit_into_a_line_is_set_apart() -> None:
    assert fits(r"\frac{1}{K}")
    assert not fits(r"\frac{\left(K - 1\right) n}{K N^{2}}")
    assert set_apart(r"It is $a + b$, and so on.") == r"It is $a + b$, and so on."
    assert "words" + set_apart(r"$\frac{\left(K - 1\right) n}{K N^{2}}$ ends.") == (
        "words\n\n$$\n\\frac{\\left(K - 1\\right) n}{K N^{2}}\n$$\n\nends."
    )
    said = set_apart(r"It is $\frac{\left(K - 1\right) n}{K N^{2}}$, and so on.")
    assert re.fullmatch(r"It is\s+\$\$\n\\frac.*\\text\{,\}\n\$\$\n\nand so on\.", said, flags=re.DOTALL)
