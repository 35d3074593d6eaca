"""The rooms and the arrows between them."""

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
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


def test_the_python_example_of_the_readme_runs(capsys):
    """Its two numbers, predicted and trained, agree."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.partition("In Python:\n\n")[2].partition("\n**")[0]
    exec(compile(textwrap.dedent(block), "README.md", "exec"), {})
    predicted, trained = re.findall(r"\d+\.\d+", capsys.readouterr().out)[:2]
    assert float(trained) == pytest.approx(float(predicted), rel=1e-3)  # a tensor is printed with four digits
