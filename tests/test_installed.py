"""The wheel, installed away from the repository: it checks claims of users, right ones and wrong ones, and its command runs.

A process that runs checks takes seconds before the first of them, so that all right claims share one, and all wrong ones another.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("theory", "numerics", "proofs_check")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
TUTORIALS = {path.stem.replace("_", "-"): path for path in sorted((ROOT / "book" / "tutorial").glob("*.py"))}
WRONG_VALUE = ("        summed,\n        Threshold(", "        (K - 1) * summed,\n        Threshold(")
"""A predicted value as it stands in a started file, and with a wrong factor before it."""
WRONG_STEP = ("q_k[k] / (sp.sqrt(n_k[k]) * w)", "q_k[k] / w")
"""What a reduction of the first tutorial says, and what it says wrongly."""


def run(*words, folder):
    """Run a command as a user does, with nothing of this repository on the path."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        # Where CI is set, pytest repeats what it has said in its summary.
        if not name.startswith(("PYTHON", "PYTEST", "COLLAPSE")) and name != "CI"
    }
    return subprocess.run(words, cwd=folder, env=inherited, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The programs of an environment that has the wheel, and what it depends on from the one that runs this test."""
    folder = tmp_path_factory.mktemp("installed")
    # A copy, since setuptools leaves its traces where it builds.
    for name in ROOMS:
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    built = run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "./source", folder=folder)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "environment", symlinks=True)
    python = folder / "environment" / "bin" / "python"
    done = run(*PIP, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel), folder=folder)
    assert done.returncode == 0, done.stderr
    packages = sysconfig.get_path("purelib", vars={"base": str(folder / "environment")})
    # Of a folder that is listed here no .pth file is read, so that an editable installation in it takes no effect.
    (Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    where = f"import {', '.join(ROOMS)}; print(*(m.__file__ for m in ({', '.join(ROOMS)})), sep='\\n')"
    found = run(str(python), "-c", where, folder=folder).stdout.splitlines()
    assert len(found) == len(ROOMS)
    assert all(Path(file).is_relative_to(packages) for file in found), found
    return python.parent


@pytest.fixture(scope="module")
def claim_file(programs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    done = run(str(programs / "collapse-atlas"), "new", "my-claim", "--like", "mse-imbalanced", folder=folder)
    assert done.stdout == "wrote my_claim.py\n", done.stderr
    return folder / "my_claim.py"


def checked(programs, files, wanted):
    """Run the checks on files of claims, with every warning an error, as in the tests of this repository."""
    claims = [word for file in files for word in ("--claims", str(file))]
    words = ("-m", "pytest", "--pyargs", "proofs_check", "-W", "error", *claims, "-k", wanted)
    return run(str(programs / "python"), *words, folder=files[0].parent)


@pytest.fixture(scope="module")
def right_claims(programs, claim_file):
    """A run of all checks on a started file with nothing edited, and on the worked examples of the book."""
    return checked(programs, [claim_file, *TUTORIALS.values()], " or ".join(["my-claim", *TUTORIALS]))


def changed(file, folder, old, new):
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = folder / file.name
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def wrong_claims(programs, claim_file, tmp_path_factory):
    """A run of some checks on a started file with a wrong value, and on a worked example with a wrong step."""
    folder = tmp_path_factory.mktemp("wrong")
    value = changed(claim_file, folder, *WRONG_VALUE)
    step = changed(TUTORIALS["mse-target-scale"], folder, *WRONG_STEP)
    return checked(programs, [value, step], "(my-claim and trained) or (mse-target-scale and compared)")


def row(claim_id, done):
    """Return the row of a claim in the closing table."""
    (found,) = re.findall(rf"^{claim_id} .*$", done.stdout, re.MULTILINE)
    return found.split()


@pytest.mark.parametrize("claim_id", ["my-claim", *TUTORIALS])
def test_a_right_claim_passes_all_checks(claim_id, right_claims):
    assert right_claims.returncode == 0, right_claims.stdout
    found = row(claim_id, right_claims)
    assert found[1] == "HOLDS"
    assert found[-1] == "passed"


def test_the_author_is_told_what_is_wrong_with_a_value(wrong_claims):
    """In the run's own output, with no traceback through the suite."""
    assert wrong_claims.returncode == 1, wrong_claims.stdout
    assert "trained value" in wrong_claims.stdout
    assert "value differs: trained / predicted = 1/(K - 1)" in wrong_claims.stdout
    found = row("my-claim", wrong_claims)
    assert found[1] == "HOLDS"
    assert found[-1] == "FAILED"
    assert "Error" not in wrong_claims.stdout


def test_a_wrong_step_is_shown_in_full_once(wrong_claims):
    """There is nothing to look at more closely where no derivation is."""
    sections = re.split(r"^_+ (.+?) _+$", wrong_claims.stdout, flags=re.MULTILINE)[1:]
    of_step = "".join(text for name, text in zip(sections[::2], sections[1::2], strict=True) if "mse-target" in name)
    assert of_step.count("    left - right = ") == wrong_claims.stdout.count("    left - right = ") == 1
    assert of_step.count("loss is a sum over classes. (in full above)") == 2
    assert row("mse-target-scale", wrong_claims)[-1] == "FAILED"
    chained, *others = (text for name, text in zip(sections[::2], sections[1::2], strict=True) if "mse-target" in name)
    assert "closer look" not in chained
    assert all("closer look" not in text.partition("= claims =")[0] for text in others)


def test_other_runs_of_pytest_do_without_the_plugin(programs, tmp_path):
    (tmp_path / "test_light.py").write_text(
        "import sys\ndef test_light():\n    assert 'torch' not in sys.modules\n", encoding="utf-8"
    )
    done = run(str(programs / "python"), "-m", "pytest", "test_light.py", folder=tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_data_sources_are_installed(programs, tmp_path):
    words = ("predict", "vae-learnable-variance", "data=digits", "latent_dim=2", "beta=0.5")
    done = run(str(programs / "collapse-atlas"), *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "collapsed no no yes" in done.stdout


def test_a_conftest_that_names_the_plugin_too_does_no_harm(programs, claim_file):
    file = claim_file.with_name("conftest.py")
    shutil.copy(ROOT / "conftest.py", file)
    words = ("--pyargs", "proofs_check", "--claims", claim_file.name, "-k", "my-claim", "--collect-only", "-q")
    done = run(str(programs / "python"), "-m", "pytest", *words, folder=file.parent)
    assert done.returncode == 0, done.stdout
    assert "test_derived[my-claim]" in done.stdout
