"""Markdown of the pages, filled in from claims, docstrings and tables; no formula is written here."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2
import sympy as sp

import numerics
import numerics.backends.balls
import numerics.backends.tensors
import numerics.tolerances
import theory
import theory.algebra
import theory.neural_collapse.lemmas
import theory.posterior_collapse.lemmas
import theory.problem
import theory.symbols
from book.examples import noun, sliding
from book.formulas import abbreviated, displayed
from book.verdicts import cells, verdict_tables
from theory.claim import Claim, Derivation, Source, Verdict, places, registry
from theory.expressions import Formula
from theory.problem import Domain, Invariant, Parameter, Problem, Variable
from theory.proof import Bound, Identity, Lemma, Prediction, Proof, Separable, Statistic, Step, Threshold
from theory.reference_code import REFERENCE_CODE
from theory.results import Level, Reading, Result

PAGES = Path(__file__).resolve().parent / "pages"
ROOT = PAGES.parents[1]
WORD_JOINER = "\u2060"
BADGES = {Verdict.HOLDS: "success", Verdict.REFUTED: "danger", Verdict.OPEN: "warning"}


def page(template: str, **values: Any) -> str:
    """Return a page as MyST Markdown from its template and the values the template names."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"latex": sp.latex, **{f.__name__: f for f in (displayed, prose, sentence, slug)}}
    named = (
        array_operations,
        badge,
        cells,
        collapsed_where,
        constants,
        crossed,
        entry_name,
        expressed,
        known_lemmas,
        noun,
        own_functions,
        parts_of_a_claim,
        public_parts,
        references,
        sliding,
        stated,
    )
    environment.globals |= {f.__name__: f for f in (*named, registry, setting, source_from, summary, within_rank)}
    environment.globals |= {"tables": verdict_tables, "tolerances": numerics.tolerances, "symbols": theory.symbols}
    environment.globals |= {"backends": list(BACKENDS), "discrepancies": list(REFERENCE_CODE.values())}
    return environment.get_template(f"{template}.md").render(**values)


def family(claim: Claim) -> str:
    """Return the family of a claim, from the package its file lies in; claims from elsewhere are a family of their own."""
    place, _ = places()[claim.id]
    return place.split(".")[-2].replace("_", " ").capitalize() if place.startswith("theory.") else "Claims of your own"


def badge(verdict: Verdict | str) -> str:
    """Return the verdict as a coloured label."""
    return f"{{bdg-{BADGES[Verdict(verdict)]}}}`{verdict}`"


def slug(text: str) -> str:
    """Return a name as part of an anchor."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def prose(text: str) -> str:
    """Return plain text as Markdown: every sign that Markdown would read is escaped, except in ``code``.

    A number such as 1e-50 stays on one line.
    """
    parts = re.split(r"(``.+?``)", text, flags=re.DOTALL)
    return "".join(part if part.startswith("``") else escaped(part) for part in parts)


def escaped(text: str) -> str:
    text = re.sub(r"([\\*_<>\[\]|$#~])", r"\\\1", text)
    return re.sub(r"(?<=\de)-(?=\d)", f"-{WORD_JOINER}", text)


def setting(claim: Claim) -> str:
    """Return the docstring of a claim's file below its first line, one paragraph for each sentence with a label."""
    (module,) = [m for m in list(sys.modules.values()) if getattr(m, "CLAIM", None) is claim]
    text = inspect.cleandoc(module.__doc__ or "").partition("\n")[2]
    return re.sub(r"^(\w+): ", r"\n**\1:** ", prose(text), flags=re.MULTILINE)


def sentence(text: str) -> str:
    """Return text with its first letter as a capital, unless it starts with a formula."""
    return text[:1].upper() + text[1:]


def expressed(left: str, expression: sp.Basic) -> str:
    """Return a displayed formula, its left side and relation given as LaTeX, with what its letters stand for."""
    short = abbreviated(expression)
    formula = displayed(f"{left} {sp.latex(short.expression)}".strip())
    return formula + (f"\n\n{short.where()}" if short.meanings else "")


def stated(step: Step) -> str:
    """Return what a step checks as a displayed formula; the sides of an identity are abbreviated."""
    if not isinstance(step, Identity):
        return displayed(step.latex())
    short = abbreviated(sp.Tuple(step.left, step.right))
    left, right = short.expression.args
    formula = displayed(replace(step, left=left, right=right).latex())
    return formula + (f"\n\n{short.where()}" if short.meanings else "")


def own_functions(claim: Claim) -> list[tuple[str, str]]:
    """Return the functions of the theory that a claim's results are written in: how each is printed and its definition.

    The definition is the first sentence of the docstring of its class, which names the arguments.
    """
    prediction = claim.prediction
    values = [] if prediction.value is None else [prediction.value.expression]
    results = [
        *values,
        *(r.expression for r in prediction.named.values()),
        *(f.expression for f in prediction.invariants.values()),
    ]
    kinds = {
        type(f) for e in results for f in sp.sympify(e).atoms(sp.Function) if type(f).__module__.startswith("theory.")
    }
    found = []
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        arguments, _, definition = inspect.getdoc(kind).partition("\n\n")[0].partition("``: ")
        names = arguments.partition("(")[2].rstrip(")").split(", ")
        found.append((sp.latex(kind(*(sp.Symbol(spelt(name)) for name in names))), prose(" ".join(definition.split()))))
    return found


def spelt(name: str) -> str:
    """Return a name with its Greek letter written out, as SymPy takes it."""
    return unicodedata.name(name).split()[-1].lower() if len(name) == 1 and not name.isascii() else name


def crossed(claim: Claim, threshold: Threshold) -> str:
    """Return the entry that a threshold takes to zero, in words and LaTeX."""
    name = threshold.telling or claim.problem.telling
    invariant = next(i for i in claim.problem.invariants if i.name == name)
    index = sp.latex(threshold.index)
    entry = rf"\text{{{name.replace('_', ' ')}}}_{{{index if invariant.kind == 'spectrum' else f'{index} {index}'}}}"
    return f"${entry}$"


def collapsed_where(prediction: Prediction, level: Level) -> str:
    """Return the condition under which a direction of a level has collapsed, as a clause."""
    zero = " and in ".join(f"${prediction.thresholds[position].of}$" for position in level.thresholds)
    conditions = [f"direction $k$ is zero in {zero}"] if zero else []
    if level.keeps_prior != sp.true:
        conditions.append(f"${sp.latex(level.keeps_prior)}$")
    return f"iff {' and '.join(conditions)}" if conditions else "always"


def entry_name(invariant: Invariant, predicted: Formula) -> str:
    """Return LaTeX for an entry of an invariant, to stand left of its formula."""
    name = rf"\text{{{invariant.name.replace('_', ' ')}}}"
    indices = " ".join(sp.latex(index) for index, _ in predicted.axes)
    return f"{name}_{{{indices}}}" if indices else name


def references(claim: Claim, bound: Bound) -> str:
    """Return links to the steps and lemmas that a bound rests on."""
    return ", ".join(f"[{name}](#{claim.id}-{slug(name)})" for name in bound.rests_on)


def within_rank(threshold: Threshold) -> str:
    """Return the rank limit of a threshold as a clause, or nothing where there is none."""
    condition = threshold.within_rank
    return "" if condition == sp.true else f" and ${sp.latex(condition)}$"


def summary(thing: Any) -> str:
    """Return the docstring of a class as Markdown; a domain without one is described by the values it allows."""
    text = inspect.getdoc(thing) or ""
    return prose(sentence(thing.says) + "." if text.startswith(f"{thing.__name__}(") else text)


def constants(module: Any) -> list[tuple[str, Any, str]]:
    """Return name, value and docstring of each constant of a module, in the order of the file."""
    body = ast.parse(inspect.getsource(module)).body
    found = []
    for statement, following in pairwise(body):
        if isinstance(statement, ast.Assign) and isinstance(following, ast.Expr):
            name = statement.targets[0].id
            found.append((name, getattr(module, name), prose(" ".join(ast.literal_eval(following.value).split()))))
    return found


def source_from(path: str, first: str, until: str | None = None) -> str:
    """Return a file of the repository as a code block, from the line that starts with ``first`` on, to the one before ``until``."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(first))
    rest = lines[start:]
    end = len(rest) if until is None else next(number for number, line in enumerate(rest) if line.startswith(until))
    return "```python\n" + "\n".join(rest[:end]).rstrip() + "\n```"


def public_parts() -> dict[str, tuple[str, list[tuple[str, str, list[tuple[str, str]]]]]]:
    """Return each module of ``theory`` and ``numerics`` with its docstring and its public classes and functions: signature, docstring, methods.

    The modules of claims are left out: their pages say more.
    """
    found = {}
    for package in (theory, numerics):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name) if not info.name.endswith("__main__") else None
            if module is None or info.ispkg or hasattr(module, "CLAIM"):
                continue
            parts = [
                (written_signature(thing), prose(inspect.getdoc(thing) or ""), methods(thing))
                for name, thing in vars(module).items()
                if getattr(thing, "__module__", None) == info.name and not name.startswith("_") and callable(thing)
            ]
            found[info.name] = prose(inspect.getdoc(module) or ""), parts
    return found


BACKENDS = {
    "symbolic": theory.algebra.SymbolicArrays,
    "concrete": theory.algebra.ConcreteArrays,
    "tensors": numerics.backends.tensors.TorchArrays,
    "balls": numerics.backends.balls.BallArrays,
}
"""The classes that offer the operations of the array namespace, by what their matrices are made of."""


def array_operations() -> list[tuple[str, str, dict[str, bool]]]:
    """Return the operations of the array namespace: how each is called, what it does, and which backends have it.

    What it does is the first sentence of its docstring in the first backend that has one.
    """
    offered = {backend: public_methods(kind) for backend, kind in BACKENDS.items()}
    found = []
    for name in sorted(set().union(*offered.values())):
        having = [methods[name] for methods in offered.values() if name in methods]
        _, *arguments = inspect.signature(having[0]).parameters
        texts = filter(None, map(inspect.getdoc, having))
        says = prose(re.split(r"(?<=\.)\s", next(texts, ""))[0])
        found.append((f"xp.{name}({', '.join(arguments)})", says, {b: name in m for b, m in offered.items()}))
    return found


def known_lemmas() -> dict[str, list[tuple[str, Lemma]]]:
    """Return the lemmas that proofs may rest on, by the module they are imported from: the name there, and the lemma."""
    modules = (theory.neural_collapse.lemmas, theory.posterior_collapse.lemmas)
    return {m.__name__: [(name, x) for name, x in vars(m).items() if isinstance(x, Lemma)] for m in modules}


class Shortened:
    """Stands for a default that is not worth its room."""

    def __repr__(self) -> str:
        return "..."


def written_signature(thing: Any) -> str:
    """Return the signature of a class or function, defaults shortened but for numbers, words and the like."""
    try:
        signature = inspect.signature(thing)
    except ValueError:
        return thing.__name__
    short = [
        p
        if p.default is p.empty or p.default is None or isinstance(p.default, int | float | str | sp.Number)
        else p.replace(default=Shortened())
        for p in signature.parameters.values()
    ]
    return f"{thing.__name__}{signature.replace(parameters=short)}".replace("'", "")


def methods(thing: Any) -> list[tuple[str, str]]:
    """Return the public methods of a class that say what they do: the call, and their docstring."""
    if not inspect.isclass(thing):
        return []
    return [
        (written_signature(method).replace("self, ", "").replace("(self)", "()"), prose(inspect.getdoc(method) or ""))
        for method in public_methods(thing).values()
    ]


def public_methods(kind: type) -> dict[str, Callable[..., Any]]:
    """Return the functions of a class by name, but for those whose name begins with an underscore."""
    return {name: f for name, f in vars(kind).items() if inspect.isfunction(f) and not name.startswith("_")}


def parts_of_a_claim() -> dict[str, list[type]]:
    """Return the classes a claim is written in, by what they are for."""
    domains = [kind for _, kind in inspect.getmembers(theory.problem, inspect.isclass) if issubclass(kind, Domain)]
    steps = [kind for kind in Step.__subclasses__() if kind.__module__ == Step.__module__]
    return {
        "The problem": [Problem, Variable, Parameter, Invariant],
        "Domains of parameters": [kind for kind in domains if kind is not Domain],
        "Steps, each checked in SymPy when it is recorded": steps,
        "The chain": [Lemma, Statistic, Bound, Separable],
        "The result": [Threshold, Level, Prediction, Proof, Derivation, Source, Claim],
        "What a statement names": [*Result.__subclasses__(), Reading],
    }
