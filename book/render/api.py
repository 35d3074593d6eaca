"""The contents of the reference: modules with their public parts, operations of the array namespace, constants and lemmas."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import sympy as sp

import numerics
import numerics.backends.ball_arrays
import numerics.backends.tensors
import theory
import theory.algebra
import theory.neural_collapse.lemmas
import theory.posterior_collapse.lemmas
import theory.problem
from book.render.markdown import prose
from theory.claim import Claim, Derivation, Source
from theory.namespace import ArrayNamespace
from theory.problem import Domain, Invariant, Parameter, Problem, Variable
from theory.proof import Bound, Lemma, Prediction, Proof, Separable, Statistic, Step, Threshold
from theory.results import Letter, Level, Reading, Result

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = {
    "symbolic": theory.algebra.SymbolicArrays,
    "concrete": theory.algebra.ConcreteArrays,
    "tensors": numerics.backends.tensors.TorchArrays,
    "balls": numerics.backends.ball_arrays.BallArrays,
}
"""The classes that offer the operations of the array namespace, by the kind of their matrices."""


def summary(thing: Any) -> str:
    """Return the docstring of a class as Markdown."""
    return prose(inspect.getdoc(thing) or "")


def definitions(module: str) -> str:
    """Return the docstring of a module as Markdown, with each indented line as an item of a list."""
    lines = (inspect.getdoc(importlib.import_module(module)) or "").splitlines()
    return "\n".join(f"- {prose(line.strip())}" if line.startswith("    ") else prose(line) for line in lines)


def constants(module: Any) -> list[tuple[str, Any, str]]:
    """Return name, value and docstring of each constant of a module, in the order of the file."""
    body = ast.parse(inspect.getsource(module)).body
    found = []
    for statement, following in pairwise(body):
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(following, ast.Expr):
            target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            name = target.id
            found.append((name, getattr(module, name), prose(" ".join(ast.literal_eval(following.value).split()))))
    return found


def source_from(path: str, first: str, until: str | None = None) -> str:
    """Return a part of a file as a code block.

    The part begins with the line that starts with ``first``. It ends before the line that starts with ``until``, or with the file.
    Raises StopIteration if there is no such line.
    """
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(first))
    rest = lines[start:]
    end = len(rest) if until is None else next(number for number, line in enumerate(rest) if line.startswith(until))
    return "```python\n" + "\n".join(rest[:end]).rstrip() + "\n```"


def public_parts(package: str) -> dict[str, tuple[str, list[tuple[str, str, list[tuple[str, str]]]]]]:
    """Return the modules of a package by name, each with its docstring and its public classes and functions.

    Arguments:
        package: ``theory`` or ``numerics``.

    A class or function is given by its signature, docstring and methods. The modules of claims are left out: each claim has a page.
    """
    found = {}
    for info in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
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


def in_one_line(docstring: str) -> str:
    """Return a docstring as Markdown for the cell of a table."""
    return prose(" ".join(docstring.split()))


def array_operations() -> list[tuple[str, str, dict[str, str]]]:
    """Return the operations of the array namespace: the call, its docstring, and the docstrings of the backends by name.

    A backend without a docstring does what the docstring of the namespace says, for all input.
    """
    found = []
    for name, operation in public_methods(ArrayNamespace).items():
        _, *arguments = inspect.signature(operation).parameters
        notes = {
            backend: in_one_line(text) for backend, kind in BACKENDS.items() if (text := getattr(kind, name).__doc__)
        }
        found.append((f"xp.{name}({', '.join(arguments)})", in_one_line(operation.__doc__ or ""), notes))
    return sorted(found)


def known_lemmas() -> dict[str, list[tuple[str, Lemma]]]:
    """Return the lemmas on which proofs may rest, by module: the name of the lemma in the module, and the lemma."""
    modules = (theory.neural_collapse.lemmas, theory.posterior_collapse.lemmas)
    return {m.__name__: [(name, x) for name, x in vars(m).items() if isinstance(x, Lemma)] for m in modules}


class Shortened:
    """A stand-in for a default value that is too long to be shown."""

    def __repr__(self) -> str:
        return "..."


def written_signature(thing: Any) -> str:
    """Return the signature of a class or function. Defaults other than numbers and words are shortened."""
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
    """Return the public methods of a class: the call and the docstring of each."""
    if not inspect.isclass(thing):
        return []
    return [
        (written_signature(method).replace("self, ", "").replace("(self)", "()"), prose(inspect.getdoc(method) or ""))
        for method in public_methods(thing).values()
    ]


def public_methods(kind: type) -> dict[str, Callable[..., Any]]:
    """Return the functions of a class by name, without those whose name begins with an underscore."""
    return {name: f for name, f in vars(kind).items() if inspect.isfunction(f) and not name.startswith("_")}


def parts_of_a_claim() -> dict[str, list[type]]:
    """Return the classes in which a claim is written, by their purpose."""
    domains = [kind for _, kind in inspect.getmembers(theory.problem, inspect.isclass) if issubclass(kind, Domain)]
    steps = [kind for kind in Step.__subclasses__() if kind.__module__ == Step.__module__]
    return {
        "The problem": [Problem, Variable, Parameter, Invariant],
        "Domains of parameters": [kind for kind in domains if kind is not Domain],
        "Steps, each checked in SymPy": steps,
        "The chain": [Lemma, Statistic, Bound, Separable],
        "The result": [Threshold, Level, Prediction, Proof, Derivation, Source, Claim],
        "What a statement names": [*Result.__subclasses__(), Reading, Letter],
    }
