"""The book's reference: no operation of the array namespace is missing from its table."""

import ast
from pathlib import Path

import pytest

from book.render.api import array_operations
from book.render.pages import page
from numerics.backends.ball_arrays import BallArrays
from numerics.backends.tensors import TorchArrays
from theory.algebra import ConcreteArrays, SymbolicArrays

ROOT = Path(__file__).parents[1]
CLASSES = {"symbolic": SymbolicArrays, "concrete": ConcreteArrays, "tensors": TorchArrays, "balls": BallArrays}


@pytest.fixture(scope="module")
def rows():
    return {call.partition("(")[0].removeprefix("xp."): (says, notes) for call, says, notes in array_operations()}


@pytest.mark.parametrize("backend", CLASSES)
def test_the_table_has_what_a_backend_says_of_an_operation(backend, rows):
    offered = {name for name in dir(CLASSES[backend]) if not name.startswith("_")}
    assert rows.keys() == offered
    said = {name for name in offered if getattr(CLASSES[backend], name).__doc__}
    assert {name for name, (_, notes) in rows.items() if backend in notes} == said


def test_every_operation_is_said_in_one_sentence(rows):
    assert [name for name, (says, _) in rows.items() if not says.endswith(".")] == []


def test_the_table_has_every_operation_that_claims_use(rows):
    used = {
        node.attr
        for path in [*(ROOT / "theory").rglob("*.py"), *(ROOT / "book" / "tutorial").glob("*.py")]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "xp"
    }
    # The attributes of a symbolic namespace itself, which derivations read and losses do not.
    assert used - rows.keys() <= vars(SymbolicArrays(None)).keys()


def test_the_page_shows_the_table(rows):
    text = page("api")
    table = [line for line in text.splitlines() if line.startswith("| `xp.")]
    assert len(table) == len(rows)
    assert {line.count("|") for line in table} == {2 + len(CLASSES)}
