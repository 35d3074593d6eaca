"""How the book is built: fingerprints of pages, cells that fail, jobs in forks, and the theme without what no page uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from book import fingerprint, kept
from book.execute import CellFailed, run_page
from book.lighter import drawn_icons, used
from book.processes import run_each
from theory.claim import find

PAGE = """---
file_format: mystnb
kernelspec:
  name: python3
---

# A page

```{{code-cell}} python
{code}
```
"""


def ran(folder: Path, code: str) -> int:
    """Run a page with this code in a fork, and return the number of jobs that failed. The outputs are written beside the page."""
    path = folder / "page.md"
    path.write_text(PAGE.format(code=code), encoding="utf-8")

    def job() -> None:
        (folder / "outputs").write_text(str(run_page(path).cells[-1].outputs), encoding="utf-8")

    return run_each([job])


def test_a_page_shows_what_its_code_prints_and_returns(tmp_path: Path) -> None:
    assert ran(tmp_path, "print('printed')\n6 * 7") == 0
    outputs = (tmp_path / "outputs").read_text()
    assert "printed" in outputs
    assert "42" in outputs


@pytest.mark.parametrize("code", ["1 / 0", "this is no Python", "import sys\nsys.exit(3)"])
def test_a_cell_that_fails_fails_the_build(tmp_path: Path, code: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert ran(tmp_path, code) == 1
    assert not (tmp_path / "outputs").exists()
    assert CellFailed.__name__ in capfd.readouterr().err


def test_all_jobs_run_though_some_fail(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def job(number: int) -> None:
        if number % 2:
            raise ValueError(f"job {number}")
        (tmp_path / str(number)).touch()

    assert run_each(lambda n=n: job(n) for n in range(5)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2", "4"]
    assert "job 3" in capfd.readouterr().err


def test_a_change_in_code_changes_the_fingerprints_that_rest_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mse, vae = find("mse-imbalanced"), find("vae-fixed-variance")
    before = [(fingerprint.of_text(c), fingerprint.of_derivation(c)) for c in (mse, vae)]
    changed, real = fingerprint.claim_file(mse.id), fingerprint.content
    monkeypatch.setattr(fingerprint, "content", lambda path: "changed" if path == changed else real(path))
    after = [(fingerprint.of_text(c), fingerprint.of_derivation(c)) for c in (mse, vae)]
    assert set(before[0]).isdisjoint(after[0])
    assert before[1] == after[1]


def test_outputs_rest_on_the_code_that_cells_import_and_the_claims_that_they_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def page(code: str) -> str:
        return fingerprint.of_run(PAGE.format(code=code))

    codes = ['from book.figures.chain import chain\nrun("mse-imbalanced")', "print(1)"]
    before, real = [page(code) for code in codes], fingerprint.content
    for name, hit in (
        ("numerics/judging/chain.py", [True, False]),
        ("theory/neural_collapse/mse_imbalanced.py", [True, False]),
        ("theory/neural_collapse/ce_imbalanced.py", [False, False]),
        ("book/results/checks/cpu.json", [True, True]),
    ):
        changed = fingerprint.ROOT / name
        assert changed.exists()
        with monkeypatch.context() as patch:
            patch.setattr(
                fingerprint, "content", lambda path, changed=changed: "changed" if path == changed else real(path)
            )
            assert [page(code) != old for code, old in zip(codes, before, strict=True)] == hit
    assert page("print(2)") != before[1]


def test_a_kept_derivation_is_that_of_the_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    claim = find("mse-imbalanced")
    derived = claim.derivation
    kept.keep_derivation(claim)
    for name in ("_derived", "derivation"):
        monkeypatch.setitem(claim.__dict__, name, None)
    kept.restore_derivations([claim])
    assert claim.derivation is not derived
    assert claim.prediction.value == derived.prediction.value
    assert claim.proof.bounds == derived.proof.bounds
    assert [step.name for step in claim.proof.steps] == [step.name for step in derived.proof.steps]
    kept.forget_all_but([])
    assert list(tmp_path.iterdir()) == []


def test_styles_keep_the_rules_that_a_page_may_use() -> None:
    css = (
        '@charset "utf-8";/* words */.used,.unused{a:b}.unused .used{c:d}p>a:not(.unused){e:f}.built-up{g:h}'
        "@media (min-width:1px){.unused{i:j}.used:is(.unused,.other)::after{content:'}'}}@keyframes turn{from{k:l}}"
    )
    words = {"used", "built-", "x"}
    assert used(css, words) == (
        '@charset "utf-8";.used{a:b}p>a:not(.unused){e:f}.built-up{g:h}'
        "@media (min-width:1px){.used:is(.unused,.other)::after{content:'}'}}@keyframes turn{from{k:l}}"
    )


def test_only_icons_in_use_are_drawn() -> None:
    script = '{moon:[384,512,[127769],"f186","M1 2z"],"x-mark":[320,512,[],"f00d","M3 4z"]}'
    drawn = drawn_icons(script, {"fa-moon"})
    assert "M1%202z" in drawn
    assert "M3%204z" not in drawn
