"""The map of what is known as a graph: objectives, claims, lemmas and shared steps, each with how sure one can be of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from book.contents import chapters
from book.render.markdown import slug
from book.render.summary import Part, Summary, shared_steps, unique
from book.render.verdicts import verdict_tables
from theory.claim import Claim, Verdict


class Level(Enum):
    """How sure one can be of a part. The sign tells the levels apart where colours do not."""

    KERNEL = ("kernel", "◆", "proved in Coq, whose kernel checks the proof")
    CERTIFIED = ("certified", "●", "proved in SymPy, and the minimum is certified at instances in ball arithmetic")
    SYMBOLIC = ("symbolic", "■", "proved in SymPy, and tested in ball arithmetic")
    QUOTED = ("quoted", "○", "taken from the literature, and tested on random matrices")
    REFUTED = ("refuted", "✕", "false: a better point is certified")
    OPEN = ("open", "?", "attacked, and neither proved nor refuted")
    DEFINED = ("defined", "▷", "the objective, written once as code")

    def __init__(self, word: str, sign: str, says: str) -> None:
        self.word, self.sign, self.says = word, sign, says


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
    """The nodes of the map from above to below in each column, and its edges as pairs of keys."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]

    def column(self, number: int) -> list[Node]:
        """Return the nodes of a column, from above to below."""
        return [node for node in self.nodes if node.column == number]


Checked = Callable[[str, str], bool]
"""Tells, for the id of a claim and the name of a step, whether the kernel of Coq has checked the step."""


def anchor(claim_id: str, part: Part) -> str:
    """Return the address of a lemma or step on the page of a claim."""
    return f"claims/{claim_id}.html#{claim_id}-{slug(part.name)}"


def level_of(claim: Claim, in_kernel: bool) -> Level:
    """Return the level of a claim: its verdict, and for a claim that holds the strongest check behind it."""
    if claim.verdict is not Verdict.HOLDS:
        return Level.REFUTED if claim.verdict is Verdict.REFUTED else Level.OPEN
    if in_kernel:
        return Level.KERNEL
    rows = [row for table in verdict_tables() for row in table.rows if row["claim"] == claim.id]
    certified = any(row["passed"] and row["certificate_gap"] is not None for row in rows)
    return Level.CERTIFIED if certified else Level.SYMBOLIC


def map_graph(summaries: Sequence[Summary], checked: Checked) -> Graph:
    """Return the map of all claims; parts that only one claim uses belong to the claim and are no nodes."""
    by_id = {summary.claim_id: summary for summary in summaries}
    claims = [claim for listed in chapters().values() for claim in listed]
    ordered = [by_id[claim.id] for claim in claims]
    nodes, edges = claim_nodes(ordered, checked), []
    place = {node.key: number for number, node in enumerate(nodes)}
    beside = [objectives(claims), lemmas(ordered), step_groups(ordered, checked)]
    for found in beside:
        edges += [(node.key, claim_id) for node, users in found for claim_id in users]
    left = by_height(beside[0], place)
    right = by_height([*beside[1], *beside[2]], place)
    return Graph((*left, *nodes, *right), tuple(edges))


Used = list[tuple[Node, list[str]]]
"""Nodes, each with the ids of the claims that use it."""


def by_height(used: Used, place: dict[str, int]) -> list[Node]:
    """Return nodes in the order of the mean place of their claims, so that few edges cross."""
    return [node for node, _ in sorted(used, key=lambda item: mean(place[claim_id] for claim_id in item[1]))]


def mean(numbers: Iterable[int]) -> float:
    """Return the mean of some numbers."""
    listed = list(numbers)
    return sum(listed) / len(listed)


def claim_nodes(summaries: Sequence[Summary], checked: Checked) -> list[Node]:
    """Return the node of each claim. A claim is in the kernel if all its steps are."""
    found = []
    for summary in summaries:
        claim = summary.claim
        in_kernel = bool(summary.steps) and all(checked(claim.id, step.name) for step in summary.steps)
        link = f"claims/{claim.id}.html"
        found.append(Node(claim.id, 1, claim.name, claim.title, link, level_of(claim, in_kernel)))
    return found


def objectives(claims: Sequence[Claim]) -> Used:
    """Return the node of each objective that claims share by name; it links to the first of them."""
    users: dict[str, list[str]] = {}
    for claim in claims:
        if claim.problem.objective:
            users.setdefault(claim.problem.objective, []).append(claim.id)
    return [
        (Node(f"objective {name}", 0, name, name, f"claims/{ids[0]}.html", Level.DEFINED), ids)
        for name, ids in users.items()
    ]


def lemmas(summaries: Sequence[Summary]) -> Used:
    """Return the node of each lemma."""
    users: dict[str, list[str]] = {}
    parts: dict[str, Part] = {}
    for summary in summaries:
        for lemma in unique(summary.lemmas):
            users.setdefault(lemma.key, []).append(summary.claim_id)
            parts[lemma.key] = lemma
    return [
        (Node(key, 2, parts[key].name, parts[key].name, anchor(ids[0], parts[key]), Level.QUOTED), ids)
        for key, ids in users.items()
    ]


def step_groups(summaries: Sequence[Summary], checked: Checked) -> Used:
    """Return a node for all steps that the same claims share; it links to the first step."""
    found: Used = []
    for ids, steps in shared_steps(summaries).items():
        more = f" and {len(steps) - 1} more" if len(steps) > 1 else ""
        in_kernel = all(checked(ids[0], step.name) for step in steps)
        says = f"{len(steps)} shared steps: {', '.join(step.name for step in steps)}" if more else steps[0].name
        level = Level.KERNEL if in_kernel else Level.SYMBOLIC
        label = f"{steps[0].name}{more}"
        found.append((Node(f"steps {' '.join(ids)}", 2, label, says, anchor(ids[0], steps[0]), level), list(ids)))
    return found


@dataclass(frozen=True)
class Entry:
    """A claim in the list form of the map.

    Arguments:
        claim: the claim.
        level: how sure one can be of it.
        parts: for each kind of part its level, name and anchor; a bound has no anchor.
    """

    claim: Claim
    level: Level
    parts: dict[str, list[tuple[Level, str, str]]]


def map_list(summaries: Sequence[Summary], checked: Checked) -> dict[str, list[Entry]]:
    """Return what every claim rests on, by chapter: all its lemmas, steps and bounds."""
    by_id = {summary.claim_id: summary for summary in summaries}
    return {
        caption: [entry(by_id[claim.id], checked) for claim in claims] for caption, claims in chapters().items()
    }


def entry(summary: Summary, checked: Checked) -> Entry:
    """Return the entry of a claim."""
    claim_id = summary.claim_id

    def target(part: Part) -> str:
        return f"{claim_id}-{slug(part.name)}"

    steps = [
        (Level.KERNEL if checked(claim_id, step.name) else Level.SYMBOLIC, step.name, target(step))
        for step in unique(summary.steps)
    ]
    return Entry(
        summary.claim,
        claim_nodes([summary], checked)[0].level,
        {
            "Lemmas": [(Level.QUOTED, lemma.name, target(lemma)) for lemma in summary.lemmas],
            "Steps": steps,
            "Bounds of the chain": [(Level.SYMBOLIC, bound.name, "") for bound in summary.bounds],
        },
    )
