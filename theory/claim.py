"""A claim, its verdict, and the registry that finds every claim by itself."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType

import sympy as sp

from theory import sources
from theory.errors import CheckFailed, ParameterError, quoted, shown_path
from theory.latex import latex
from theory.problem import Problem, reject
from theory.proof import Prediction, Proof
from theory.refutation import Refutation
from theory.results import Letter, Shown

ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Verdict(StrEnum):
    """The verdict of the suite on a claim."""

    HOLDS = "HOLDS"
    REFUTED = "REFUTED"
    OPEN = "OPEN"


@dataclass(frozen=True)
class Source:
    """The publication that states a claim, or on which the claim is modelled."""

    authors: str
    title: str
    venue: str
    arxiv: str

    def __str__(self) -> str:
        return f"{self.authors}, “{self.title}” ({self.venue}, arXiv:{self.arxiv})"


@dataclass(frozen=True)
class Derivation:
    """The result of deriving a claim: a proof and a prediction.

    ``notation`` gives letters to quantities that recur in both. Whoever prints the derivation writes these letters.
    """

    proof: Proof
    prediction: Prediction
    notation: tuple[Letter, ...] = ()


@dataclass(frozen=True)
class Claim:
    """The claim that every global minimiser of a problem has the predicted structure, at all parameters of the domain.

    ``statement`` is Markdown for the book. ``{name}`` in it stands for the LaTeX of a named result of the derivation,
    or of the meaning of one of its letters, so that no formula is written twice. ``derive(problem)`` returns the
    derivation. A claim without ``derive`` asks what the minimisers are, and its verdict is OPEN. ``refutation`` says
    why and where the published claim is false; the prediction then describes the part that holds. ``setting`` tells in
    Markdown what the problem models, and ``idea`` why the claim is true, in a few sentences. ``short_title`` names
    the claim in lists, and ``chapter`` is its place in the contents of the book. Raises
    ParameterError for an ``id`` that is no name, for a verdict other than OPEN without ``derive``, and unless the verdict is
    REFUTED exactly where there is a refutation.
    """

    id: str
    title: str
    source: Source
    verdict: Verdict
    statement: str
    problem: Problem
    derive: Callable[[Problem], Derivation] | None = None
    refutation: Refutation | None = None
    setting: str = ""
    idea: str = ""
    short_title: str = field(default="", kw_only=True)
    chapter: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise reject("id", self.id, "lower-case words and numbers joined by hyphens, such as my-setting")
        if self.derive is None and self.verdict is not Verdict.OPEN:
            raise reject("verdict", self.verdict, f"{Verdict.OPEN} for a claim without a derivation")
        if (self.verdict is Verdict.REFUTED) != (self.refutation is not None):
            raise reject("verdict", self.verdict, f"{Verdict.REFUTED} for a claim with a refutation, and for no other")

    @property
    def name(self) -> str:
        """The name of the claim in lists: the short title, or the whole title of a claim without one."""
        return self.short_title or self.title

    @cached_property
    def derivation(self) -> Derivation:
        """The derivation, computed once. Its steps are checked when ``proof`` is asked for.

        Raises StepFailed when calculus finds no unique minimiser, and ParameterError, with the line of the file, when
        ``derive`` does not run.
        """
        if self.derive is None:
            return Derivation(Proof((), (), (), ()), Prediction(None, {}, ()))
        if isinstance(self._derived, Exception):
            raise self._derived
        return self._derived

    @cached_property
    def _derived(self) -> Derivation | CheckFailed | ParameterError:
        """The derivation, or the error that stopped it: no check runs a failed derivation again."""
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
        """The proof, with every step checked. Raises StepFailed for a step that does not hold."""
        proof = self.derivation.proof
        for step in proof.steps:
            step.check()
        return proof

    @property
    def prediction(self) -> Prediction:
        return self.derivation.prediction

    def check_named(self) -> None:
        """Raise CheckFailed for a Shown result that is not in its step or family, and for a letter that replaces nothing."""
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

    def rendered_statement(self, write: Callable[[sp.Expr, sp.Expr], str] | None = None) -> str:
        """Return the statement with every ``{name}`` replaced by LaTeX from the derivation; letters replace what they stand for.

        ``write(shown, meaning)`` turns a formula into LaTeX: ``shown`` is the formula with its letters, ``meaning`` the
        formula itself. Raises ParameterError for a name that the derivation does not give.
        """
        write = write or (lambda shown, meaning: latex(shown))
        results = self.prediction.named
        letters = [letter for result in results.values() for letter in result.letters]
        named = {name: write(result.shown, result.expression) for name, result in results.items()}
        named |= {letter.name: write(letter.meaning, letter.meaning) for letter in letters if letter.name not in named}
        try:
            return self.statement.format(**named)
        except KeyError as error:
            raise ParameterError(f"{self.id}: statement: {error} is not named; named are {', '.join(named)}") from None


def _own() -> Iterator[tuple[str, Claim]]:
    """Yield the name and the ``CLAIM`` of each module of the claim packages that has one."""
    for package_name in ("theory.neural_collapse", "theory.posterior_collapse"):
        package = importlib.import_module(package_name)
        for info in pkgutil.iter_modules(package.__path__):
            module = f"{package_name}.{info.name}"
            if claim := getattr(importlib.import_module(module), "CLAIM", None):
                yield module, claim


@cache
def places() -> dict[str, tuple[str, Claim]]:
    """Return all claims by id, each with the module or file that it comes from.

    Raises ParameterError for a file or package that gives no claim, and for an id that is taken.
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


@cache
def shipped() -> list[str]:
    """Return the ids of the claims of this suite, without those of other packages and files."""
    return sorted(claim.id for _, claim in _own())


def registry() -> dict[str, Claim]:
    """Return all claims by id: those of this suite, of installed packages, and of the files given to ``add_files``."""
    return {claim_id: claim for claim_id, (_, claim) in places().items()}


def module_of(claim_id: str) -> ModuleType:
    """Return the module that defines a claim. Other modules may hold the same object under the same name."""
    place, _ = places()[claim_id]
    return sources.module_at(place)


def add_files(paths: Sequence[str | Path]) -> None:
    """Add the claims of these files to the registry of this process and of the processes that it starts."""
    sources.add_files(paths)
    places.cache_clear()


def find(claim_id: str) -> Claim:
    """Return the claim with this id. Raises ParameterError when there is none."""
    for claim in registry().values():
        if claim.id == claim_id:
            return claim
    raise ParameterError(f"claim: {quoted(claim_id)} is not known; the claims are {', '.join(registry())}")
