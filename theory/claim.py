"""A claim, its verdict, and the registry that finds every claim by itself."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path

from theory import sources
from theory.errors import CheckFailed, ParameterError, quoted, shown_path
from theory.latex import latex
from theory.problem import Problem, reject
from theory.proof import Prediction, Proof
from theory.refutation import Refutation
from theory.results import Shown

ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


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

    ``statement`` is Markdown for the book. ``{name}`` in it stands for the LaTeX of a named result of the derivation, or of what
    one of its letters means, so that no formula is written twice. ``derive`` goes from the problem to proof and prediction.
    Without it the claim is the question what the minimisers are, and its verdict OPEN. ``refutation`` says why and where the
    claim is false as published; the prediction is then what is left of it. Raises ParameterError for an id that is no name, or a
    verdict without a proof.
    """

    id: str
    title: str
    source: Source
    verdict: Verdict
    statement: str
    problem: Problem
    derive: Callable[[Problem], Derivation] | None = None
    refutation: Refutation | None = None

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise reject("id", self.id, "lower-case words and numbers joined by hyphens, such as my-setting")
        if self.derive is None and self.verdict is not Verdict.OPEN:
            raise reject("verdict", self.verdict, f"{Verdict.OPEN} for a claim without a derivation")
        if (self.verdict is Verdict.REFUTED) != (self.refutation is not None):
            raise reject("verdict", self.verdict, f"{Verdict.REFUTED} for a claim with a refutation, and for no other")

    @cached_property
    def derivation(self) -> Derivation:
        """The derivation, made once.

        Raises StepFailed when a step does not hold, and ParameterError, with the line of the file, when it does not run.
        """
        if self.derive is None:
            return Derivation(Proof((), (), (), ()), Prediction(None, {}, ()))
        if isinstance(self._derived, Exception):
            raise self._derived
        return self._derived

    @cached_property
    def _derived(self) -> Derivation | CheckFailed | ParameterError:
        """The derivation, or why there is none: a step that fails is not tried again by every check."""
        assert self.derive is not None
        try:
            return self.derive(self.problem)
        except CheckFailed as error:
            return error
        except (Exception, SystemExit) as error:
            located = ParameterError(f"{self.id}: {sources.located(error, inspect.getfile(self.derive))}")
            located.__cause__ = error
            return located

    @property
    def proof(self) -> Proof:
        return self.derivation.proof

    @property
    def prediction(self) -> Prediction:
        return self.derivation.prediction

    def check_named(self) -> None:
        """Raise CheckFailed for a named result that does not stand where it is said to, and for a letter that stands for nothing."""
        formulas = {step.name: [getattr(step, f.name) for f in fields(step)] for step in self.proof.steps}
        if self.refutation is not None:
            formulas |= {family.name: [family.objective] for family in self.refutation.families}
        for name, result in self.prediction.named.items():
            for letter in result.letters:
                if not result.shown.has(letter.symbol):
                    raise CheckFailed(
                        f"{self.id}: named: {name} has no part that {letter.symbol} stands for: {letter.meaning}"
                    )
            if isinstance(result, Shown) and result.expression not in formulas.get(result.by, []):
                raise CheckFailed(f"{self.id}: named: {name} does not stand in {result.by!r}: {result.expression}")

    def rendered_statement(self) -> str:
        """Return the statement with every formula filled in from the derivation, and letters written for what has one.

        Raises ParameterError for a name that the derivation did not give.
        """
        results = self.prediction.named
        letters = [letter for result in results.values() for letter in result.letters]
        named = {name: latex(result.shown) for name, result in results.items()}
        named |= {letter.name: latex(letter.meaning) for letter in letters if letter.name not in named}
        try:
            return self.statement.format(**named)
        except KeyError as error:
            raise ParameterError(f"{self.id}: statement: {error} is not named; named are {', '.join(named)}") from None


def _own() -> Iterator[tuple[str, Claim]]:
    """Yield the ``CLAIM`` of each module of the claim packages, and the module's name."""
    for package_name in ("theory.neural_collapse", "theory.posterior_collapse"):
        package = importlib.import_module(package_name)
        for info in pkgutil.iter_modules(package.__path__):
            module = f"{package_name}.{info.name}"
            if claim := getattr(importlib.import_module(module), "CLAIM", None):
                yield module, claim


@cache
def places() -> dict[str, tuple[str, Claim]]:
    """Return all claims by id, each with the module or file it comes from.

    Raises ParameterError when a file or package does not give a claim, or one whose id is taken.
    """
    found: dict[str, tuple[str, Claim]] = {}
    for place, claim in itertools.chain(_own(), sources.from_packages(), sources.from_files()):
        if not isinstance(claim, Claim):
            raise ParameterError(f"claims: {shown_path(place)} defines no claim; it has to end in CLAIM = Claim(…)")
        if claim.id in found:
            taken = f"the id {quoted(claim.id)} is taken, by {shown_path(found[claim.id][0])}"
            raise ParameterError(f"claims: {shown_path(place)}: {taken}")
        found[claim.id] = place, claim
    return dict(sorted(found.items()))


def registry() -> dict[str, Claim]:
    """Return all claims by id: those of this suite, of installed packages, and of the files that ``add_files`` was given."""
    return {claim_id: claim for claim_id, (_, claim) in places().items()}


def add_files(paths: Sequence[str | Path]) -> None:
    """Take up the claims of these files, here and in the processes that are started from here."""
    sources.add_files(paths)
    places.cache_clear()


def find(claim_id: str) -> Claim:
    """Return the claim of that id; raises ParameterError when there is none."""
    for claim in registry().values():
        if claim.id == claim_id:
            return claim
    raise ParameterError(f"claim: {quoted(claim_id)} is not known; the claims are {', '.join(registry())}")
