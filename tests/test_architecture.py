"""The rooms and the arrows between them."""

import ast
import graphlib
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("theory", "numerics", "proofs_check", "book")
LONGEST_MODULE, LONGEST_FUNCTION, LONGEST_IN_A_CLAIM = 400, 70, 60
"""Lines of a module, of a function, and of a function of a claim or of what claims of a family share."""
TOO_LONG = {
    "theory/domains.py",
    "theory/neural_collapse/ce_imbalanced_relu.py: derive",
    "theory/neural_collapse/deep_linear.py",
    "theory/neural_collapse/deep_linear.py: deep_linear_problem",
    "theory/neural_collapse/features.py: features_problem",
    "theory/neural_collapse/mse_imbalanced.py: derive",
    "theory/neural_collapse/simplex_etf.py: derive_etf",
    "theory/posterior_collapse/cvae.py: derive",
    "theory/posterior_collapse/levels.py",
    "theory/posterior_collapse/levels.py: predict",
    "theory/posterior_collapse/levels.py: derive",
    "theory/posterior_collapse/vae_fixed_variance.py: derive",
    "numerics/training/optimise.py",
    "numerics/training/optimise.py: minimise",
    "proofs_check/harness/strategies.py",
    "proofs_check/harness/strategies.py: batches",
}
"""Modules and functions that are longer still. One that has become short enough must leave this list."""
FORBIDDEN = {
    "theory": {"torch", "numpy", "scipy", "numerics", "proofs_check", "book"},
    "numerics": {"proofs_check", "book"},
}


def imported(path):
    """Return the packages a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name.split(".")[0] for name in names)


@pytest.mark.parametrize("room", FORBIDDEN)
def test_arrows_run_one_way(room):
    files = (ROOT / room).rglob("*.py")
    wrong = [f"{path.name}: {name}" for path in files for name in imported(path) if name in FORBIDDEN[room]]
    assert wrong == []


def test_theory_stands_on_sympy_alone():
    """No file of it imports anything else, and a claim is derived where nothing else is loaded."""
    outside = {name for path in (ROOT / "theory").rglob("*.py") for name in imported(path)} - sys.stdlib_module_names
    assert outside == {"sympy", "mpmath", "theory"}  # mpmath is SymPy's own arithmetic
    code = "import sys, theory.claim; theory.claim.find('mse-imbalanced').derivation; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def modules(path):
    """Return the modules a file imports from, in full."""
    for node in ast.walk(ast.parse(path.read_text())):
        yield from ([a.name for a in node.names] if isinstance(node, ast.Import) else [])
        yield from ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])


def test_numerics_knows_no_family_of_claims():
    """What it asks of a problem goes through the problem itself."""
    families = ("theory.neural_collapse", "theory.posterior_collapse")
    files = list((ROOT / "numerics").rglob("*.py"))
    assert [f"{path.name}: {name}" for path in files for name in modules(path) if name.startswith(families)] == []


def test_numerics_knows_no_claim_by_name():
    from theory.claim import registry

    mentions = [
        (path.name, claim_id)
        for path in (ROOT / "numerics").rglob("*.py")
        for claim_id in registry()
        if claim_id in path.read_text()
    ]
    assert mentions == []


def test_readme_shows_every_claim_with_its_verdict():
    from theory.claim import registry

    readme = (ROOT / "README.md").read_text()
    rows = {
        line.split("`")[1]: line.rstrip(" |").split("| ")[-1] for line in readme.splitlines() if line.startswith("| `")
    }
    assert rows == {claim.id: str(claim.verdict) for claim in registry().values()}


def test_the_python_example_of_the_readme_runs():
    """Its two numbers, predicted and trained, agree."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.partition("In Python:\n\n")[2].partition("\n**")[0]
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(block)], capture_output=True, text=True, check=True)
    predicted, trained = re.findall(r"\d+\.\d+", done.stdout)[:2]
    assert float(trained) == pytest.approx(float(predicted), rel=1e-3)  # a tensor is printed with four digits


def rooms_below(room):
    """Return the other rooms of ``numerics`` that the files of one import from."""
    found = {
        name.split(".")[1] for path in room.rglob("*.py") for name in modules(path) if name.startswith("numerics.")
    }
    return found & {path.name for path in (ROOT / "numerics").iterdir() if path.is_dir()} - {room.name}


def test_the_rooms_of_numerics_form_no_circle():
    arrows = {room.name: rooms_below(room) for room in (ROOT / "numerics").iterdir() if (room / "__init__.py").exists()}
    assert len(arrows) > 5
    graphlib.TopologicalSorter(arrows).prepare()  # raises CycleError, which names the rooms


def too_long(path):
    """Yield the name of a file that is too long, and of each function in it that is, decorators included."""
    parts = path.relative_to(ROOT).parts
    name = "/".join(parts)
    text = path.read_text(encoding="utf-8")
    if len(text.splitlines()) > LONGEST_MODULE:
        yield name
    in_a_claim = any(folder.endswith("_collapse") or folder == "tutorial" for folder in parts)
    longest = LONGEST_IN_A_CLAIM if in_a_claim else LONGEST_FUNCTION
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if node.end_lineno - first + 1 > longest:
                yield f"{name}: {node.name}"


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_and_no_function_is_too_long(room):
    """Split by job, a module can be read at one sitting."""
    paths = [path for path in sorted((ROOT / room).rglob("*.py")) if "_build" not in path.parts]
    found = [name for path in paths for name in too_long(path)]
    assert found == [name for name in found if name in TOO_LONG]
    assert {name for name in TOO_LONG if name.startswith(f"{room}/")} == set(found)


def test_what_is_too_long_is_seen(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "long.py"
    path.write_text("@decorated\ndef f():\n" + "    x = 1\n" * 69 + "\n" * 400)
    assert list(too_long(path)) == ["long.py", "long.py: f"]
    path.write_text("def f():\n" + "    x = 1\n" * 69 + "\n" * 330)
    assert list(too_long(path)) == []
