"""A claim, its verdict, and the registry that finds every claim by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property

import sympy as sp

from theory.errors import ParameterError
from theory.problem import Problem
from theory.proof import Prediction, Proof
from theory.refutation import Refutation


class Verdict(StrEnum):
    """What the suite says of a claim."""

    HOLDS = "HOLDS"
    REFUTED = "REFUTED"
    OPEN = "OPEN"


@dataclass(frozen=True)
class Source:
    """Where a claim is published, or what it is modelled on."""

    authors: str
    title: str
    venue: str
    arxiv: str

    def __str__(self) -> str:
        return f"{self.authors}, “{self.title}” ({self.venue}, arXiv:{self.arxiv})"


@dataclass(frozen=True)
class Derivation:
    """What deriving a claim gives: the proof and the prediction it arrives at."""

    proof: Proof
    prediction: Prediction


@dataclass(frozen=True)
class Claim:
    """For this problem, at all parameters of its domain, every global minimiser has the predicted structure.

    ``statement`` is Markdown for the book; ``{name}`` in it stands for the LaTeX of a named result of the derivation, so
    that no formula is written twice. ``derive`` goes from the problem to proof and prediction. ``refutation`` says why and
    where the claim is false as published; the prediction is then what is left of it.
    """

    id: str
    title: str
    source: Source
    verdict: Verdict
    statement: str
    problem: Problem
    derive: Callable[[Problem], Derivation]
    refutation: Refutation | None = None

    @cached_property
    def derivation(self) -> Derivation:
        """The derivation, made once. Raises StepFailed when a step does not hold."""
        return self.derive(self.problem)

    @property
    def proof(self) -> Proof:
        return self.derivation.proof

    @property
    def prediction(self) -> Prediction:
        return self.derivation.prediction

    def rendered_statement(self) -> str:
        """Return the statement with every formula filled in from the derivation."""
        return self.statement.format(**{name: sp.latex(e) for name, e in self.prediction.named.items()})


@cache
def registry() -> dict[str, Claim]:
    """Return all claims by id, found as the ``CLAIM`` of each module of the claim packages."""
    claims: dict[str, Claim] = {}
    for package_name in ("theory.neural_collapse", "theory.posterior_collapse"):
        package = importlib.import_module(package_name)
        for info in pkgutil.iter_modules(package.__path__):
            claim = getattr(importlib.import_module(f"{package_name}.{info.name}"), "CLAIM", None)
            if claim is None:
                continue
            if claim.id in claims:
                raise ValueError(f"two claims share the id {claim.id!r}")
            claims[claim.id] = claim
    return dict(sorted(claims.items()))


def find(claim_id: str) -> Claim:
    """Return the claim of that id; raises ParameterError when there is none."""
    for claim in registry().values():
        if claim.id == claim_id:
            return claim
    raise ParameterError(f"claim: {str(claim_id)[:60]!r} is not known; the claims are {', '.join(registry())}")
