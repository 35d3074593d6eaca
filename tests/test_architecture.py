"""The rooms and the arrows between them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "theory": {"torch", "numpy", "scipy", "numerics", "proofs_check", "book"},
    "numerics": {"proofs_check", "book"},
}


@pytest.mark.parametrize("room", FORBIDDEN)
def test_arrows_run_one_way(room):
    wrong = []
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            wrong += [f"{path.name}: {name}" for name in names if name.split(".")[0] in FORBIDDEN[room]]
    assert wrong == []


def test_theory_stands_on_sympy_alone():
    code = "import sys, theory.claim; [c.derivation for c in theory.claim.registry().values()]; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


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
