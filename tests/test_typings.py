"""The stub files for the type checker name only what the libraries have."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest
import sympy as sp
from mpmath.ctx_iv import MPIntervalContext

TYPINGS = Path(__file__).parent.parent / "typings"
STUBS = sorted(TYPINGS.rglob("*.pyi"))
EXAMPLES = {"MutableDenseMatrix": sp.eye(2), "MPIntervalContext": MPIntervalContext()}
"""An object of each class whose attributes are made with the object."""


def module_of(stub: Path) -> str:
    package, *rest = stub.relative_to(TYPINGS).with_suffix("").parts
    return ".".join([package.removesuffix("-stubs"), *rest])


def named(body: list[ast.stmt]) -> set[str]:
    """The names that a module or class of a stub declares, without those of its own in which types are spelt."""
    names = {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    names |= {node.target.id for node in body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    aliases = [node.targets[0] for node in body if isinstance(node, ast.Assign)]
    names |= {target.id for target in aliases if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_") or name.startswith("__")}


def has(thing: object, name: str) -> bool:
    """Tell whether a class or object has an attribute; what has no ``__iter__`` is iterated over by its ``__getitem__``."""
    return hasattr(thing, name) or (name == "__iter__" and hasattr(thing, "__getitem__"))


@pytest.mark.parametrize("stub", STUBS, ids=module_of)
def test_a_stub_names_what_its_module_has(stub):
    module, tree = importlib.import_module(module_of(stub)), ast.parse(stub.read_text())
    missing = {name for name in named(tree.body) if not hasattr(module, name)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and hasattr(module, node.name):
            found = EXAMPLES.get(node.name, getattr(module, node.name))
            missing |= {f"{node.name}.{name}" for name in named(node.body) if not has(found, name)}
    assert not missing


def test_every_package_of_stubs_is_partial():
    """The type checker reads what a partial package leaves out from the library itself."""
    assert {path.parent for path in TYPINGS.glob("*/py.typed")} == {path for path in TYPINGS.iterdir() if path.is_dir()}
    assert all(path.read_text() == "partial\n" for path in TYPINGS.glob("*/py.typed"))
