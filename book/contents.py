"""The contents of the book, in the order of the story: which pages there are, and under which captions."""

from __future__ import annotations

from book.render.practice import FAMILIES, families
from theory.claim import Claim, Verdict, places, registry
from theory.problem import REQUIRED

CHAPTERS = {
    "cross-entropy": "Neural collapse: cross-entropy",
    "MSE": "Neural collapse: MSE",
    "depth": "Neural collapse: depth",
    "imbalance": "Neural collapse: imbalance",
    "dimensional collapse": "Dimensional collapse: contrastive features",
    "one level": "Posterior collapse: one level",
    "two levels": "Posterior collapse: two levels",
}
"""The captions of the chapters that a claim may name, in the order of the book."""
FALSE, QUESTIONS, OWN = "Where theorems fail", "Open questions", "Claims of your own"
AT_A_GLANCE = {
    "map": "Map of what is known",
    "thresholds": "All thresholds",
    "one_scalar_problem": "One scalar problem",
    "verdict_table": "Verdict table",
}
PAGES = {
    "What is argued about": {"disputes": "Disputes", "discrepancies": "Released code"},
    "Run and extend": {
        "live": "Live, in your browser",
        "bring_us_your_theorem": "Bring us your theorem",
        "add_a_claim": "Add a claim",
        "tutorial": "Tutorial",
        "second_example": "A second example",
        "sweeps": "Sweeps",
    },
    "Reference": {
        "how_the_checks_work": "How the checks work",
        "what_the_verdicts_mean": "What the verdicts mean",
        "benchmarks": "Benchmarks",
        "glossary": "Glossary and notation",
        "bibliography": "Bibliography",
        "api": "Symbols, lemmas and operations",
        "api_theory": "Functions of theory",
        "api_numerics": "Functions of numerics",
    },
}
"""The pages below the chapters: their captions, and the short title of each page."""


def chapter(claim: Claim) -> str:
    """Return the caption under which a claim stands.

    A claim from elsewhere is one of the reader's own. A claim of the suite stands where it fails or is open, and otherwise in the
    chapter that it names; without such a chapter it stands under the name of its package.
    """
    place, _ = places()[claim.id]
    if not place.startswith("theory."):
        return OWN
    if claim.verdict is not Verdict.HOLDS:
        return FALSE if claim.verdict is Verdict.REFUTED else QUESTIONS
    return CHAPTERS.get(claim.chapter) or place.split(".")[-2].replace("_", " ").capitalize()


def chapters() -> dict[str, list[Claim]]:
    """Return the claims under their captions, in the order of the book; in a chapter the simplest problem comes first."""
    found: dict[str, list[Claim]] = {}
    for claim in sorted(registry().values(), key=simplicity):
        found.setdefault(chapter(claim), []).append(claim)
    last = [caption for caption in (FALSE, QUESTIONS, OWN) if caption in found]
    others = [caption for caption in found if caption not in (*CHAPTERS.values(), *last)]
    first = [caption for caption in CHAPTERS.values() if caption in found]
    return {caption: found[caption] for caption in (*first, *others, *last)}


def all_claims() -> list[Claim]:
    """Return all claims in the order of the book."""
    return [claim for claims in chapters().values() for claim in claims]


def simplicity(claim: Claim) -> tuple[int, int, int, str]:
    """Return what orders the claims of a chapter: its variables, the parameters that have to be given, all of them, and the id."""
    parameters = claim.problem.parameters
    required = sum(p.default is REQUIRED for p in parameters)
    return required, len(claim.problem.variables), len(parameters), claim.id


def contents() -> dict:
    """Return the table of contents, as ``_toc.yml`` writes it."""
    parts = {
        caption: [{"file": f"claims/{claim.id}", "title": claim.name} for claim in claims]
        for caption, claims in chapters().items()
    }
    of_families = [{"file": f"experiments/{word}", "title": FAMILIES[word].title} for word in families()]
    practice = [("experiments", "Experiments on data"), ("your_network", "Your own network")]
    first, last = ({"file": name, "title": title} for name, title in practice)
    parts["Theory and practice"] = [first, *of_families, last]
    for caption, pages in PAGES.items():
        parts[caption] = listed(pages)
    captioned = [{"caption": caption, "chapters": chapters} for caption, chapters in parts.items()]
    return {"format": "jb-book", "root": "index", "parts": [{"chapters": listed(AT_A_GLANCE)}, *captioned]}


def listed(pages: dict[str, str]) -> list[dict[str, str]]:
    """Return pages as entries of the table of contents."""
    return [{"file": name, "title": title} for name, title in pages.items()]
