"""The map of what is known as a graph: objectives, claims, lemmas and shared steps, each with how sure one can be of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from book.render.kernel import kernel_statement, kernel_theorems
from book.render.markdown import sentence, slug
from book.render.shared_parts import lemma_users, shared_steps
from book.render.verdicts import verdict_tables
from theory.claim import Claim, Verdict
from theory.proof import Step


class Level(Enum):
    """How sure one can be of a part. The sign tells the levels apart where colours do not."""

    KERNEL = ("kernel", "◆", "proved in Coq, whose kernel checks the proof; the page of a claim says for which sizes")
    CERTIFIED = ("certified", "●", "proved in SymPy, and the minimum is certified at instances in ball arithmetic")
    SYMBOLIC = ("symbolic", "■", "proved in SymPy, and tested in ball arithmetic")
    QUOTED = ("quoted", "○", "taken from the literature, and tested on random matrices")
    REFUTED = ("refuted", "✕", "false: a better point is certified")
    OPEN = ("open", "?", "attacked, and neither proved nor refuted")
    DEFINED = ("defined", "▷", "the objective, written once as code")

    def __init__(self, word: str, sign: str, says: str) -> None:
        self.word, self.sign, self.says = word, sign, says


WHOLE = {"lower_bound", "attained"}
"""The theorems that together are the value of a claim: no point lies below it, and the predicted point attains it."""


@dataclass(frozen=True)
class Node:
    """A part of the map.

    Arguments:
        key: the key that edges name.
        column: 0 for objectives, 1 for claims, 2 for what proofs rest on.
        label: the text of the node.
        says: the part in a sentence.
        link: address of its place in the book, from the root of the book.
        level: how sure one can be of it.
    """

    key: str
    column: int
    label: str
    says: str
    link: str
    level: Level


@dataclass(frozen=True)
class Graph:
    """The nodes of the map from above to below in each column, and its edges as pairs of keys; the second is a claim's id."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]

    def column(self, number: int) -> list[Node]:
        """Return the nodes of a column, from above to below."""
        return [node for node in self.nodes if node.column == number]


Used = list[tuple[Node, list[str]]]
"""Nodes, each with the ids of the claims that use it."""


def map_graph(claims: Sequence[Claim]) -> Graph:
    """Return the map of these claims, in their order. What only one claim uses belongs to the claim and is no node."""
    nodes = [Node(c.id, 1, c.name, c.title, f"claims/{c.id}.html", level_of(c)) for c in claims]
    place = {node.key: number for number, node in enumerate(nodes)}
    left, right = objectives(claims), [*lemmas(claims), *step_groups(claims)]
    edges = tuple((node.key, claim_id) for node, users in (*left, *right) for claim_id in users)
    return Graph((*by_height(left, place), *nodes, *by_height(right, place)), edges)


def by_height(used: Used, place: dict[str, int]) -> list[Node]:
    """Return nodes in the order of the mean place of their claims, so that few edges cross."""
    return [node for node, _ in sorted(used, key=lambda item: mean(place[claim_id] for claim_id in item[1]))]


def mean(numbers: Iterable[int]) -> float:
    """Return the mean of some numbers."""
    listed = list(numbers)
    return sum(listed) / len(listed)


def level_of(claim: Claim) -> Level:
    """Return the level of a claim: its verdict, and for a claim that holds the strongest check behind it."""
    if claim.verdict is not Verdict.HOLDS:
        return Level.REFUTED if claim.verdict is Verdict.REFUTED else Level.OPEN
    if {theorem.name.rpartition(".")[2] for theorem in kernel_theorems(claim)} >= WHOLE:
        return Level.KERNEL
    rows = [row for table in verdict_tables() for row in table.rows if row["claim"] == claim.id]
    certified = any(row["passed"] and row["certificate_gap"] is not None for row in rows)
    return Level.CERTIFIED if certified else Level.SYMBOLIC


def kernel_in_words(claims: Sequence[Claim]) -> str:
    """Return in a sentence how many steps the kernel of Coq has checked, and how many claims it proves as a whole."""
    steps = [level_of_step(claim, step) for claim in claims for step in claim.proof.steps]
    if Level.KERNEL not in steps:
        return ""
    whole = sum(level_of(claim) is Level.KERNEL for claim in claims)
    of_claims = f"; for {whole} claims it proves the value as a whole" if whole else ""
    return f"The kernel of Coq has also checked {steps.count(Level.KERNEL)} of the {len(steps)} steps{of_claims}."


def level_of_step(claim: Claim, step: Step) -> Level:
    """Return the level of a step of a claim."""
    return Level.SYMBOLIC if kernel_statement(claim, step) is None else Level.KERNEL


def objectives(claims: Sequence[Claim]) -> Used:
    """Return the node of each objective that a claim names; it links to the first claim with this objective."""
    users: dict[str, list[str]] = {}
    for claim in claims:
        if claim.problem.objective:
            users.setdefault(claim.problem.objective, []).append(claim.id)
    return [
        (
            Node(f"objective {name}", 0, sentence(name), f"objective: {name}", f"claims/{ids[0]}.html", Level.DEFINED),
            ids,
        )
        for name, ids in users.items()
    ]


def lemmas(claims: Sequence[Claim]) -> Used:
    """Return the node of each lemma; it links to the lemma on the page of the first claim that rests on it."""
    return [
        (Node(f"lemma {x.name}", 2, x.name, f"lemma: {x.name}", page_of(ids[0], x.name), Level.QUOTED), ids)
        for x, ids in lemma_users(claims)
    ]


def step_groups(claims: Sequence[Claim]) -> Used:
    """Return a node for all steps that the same claims share; it links to the first of these steps."""
    by_id, found = {claim.id: claim for claim in claims}, []
    for ids, steps in shared_steps(claims).items():
        names = [step.name for step in steps]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        levels = {level_of_step(by_id[ids[0]], step) for step in steps}
        level = Level.SYMBOLIC if Level.SYMBOLIC in levels else Level.KERNEL
        says = f"shared by {len(ids)} claims: {', '.join(names)}"
        found.append(
            (Node(f"steps {' '.join(ids)}", 2, f"{names[0]}{more}", says, page_of(ids[0], names[0]), level), list(ids))
        )
    return found


def anchor(claim_id: str, name: str) -> str:
    """Return the anchor of a lemma or step on the page of a claim."""
    return f"{claim_id}-{slug(name)}"


def page_of(claim_id: str, name: str) -> str:
    """Return the address of a lemma or step on the page of a claim."""
    return f"claims/{claim_id}.html#{anchor(claim_id, name)}"


def rests_on(claim: Claim) -> dict[str, list[tuple[Level, str, str]]]:
    """Return all that a proof consists of: for each kind of part the level, name and anchor of the parts. A bound has no anchor."""
    return {
        "Lemmas": [(Level.QUOTED, lemma.name, anchor(claim.id, lemma.name)) for lemma in claim.proof.lemmas],
        "Steps": [(level_of_step(claim, step), step.name, anchor(claim.id, step.name)) for step in claim.proof.steps],
        "Bounds of the chain": [(Level.SYMBOLIC, bound.name, "") for bound in claim.proof.bounds],
    }
