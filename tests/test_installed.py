"""The wheel, installed away from the repository: it checks claims, and its console command runs."""

import os
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
WRONG = ("{}sum_over(per_class, k, K),\n        threshold,", "", "(K - 1) * ")
"""A predicted value with a factor before it: how it stands in a started file, and the right and a wrong factor."""


def run(*words, folder):
    """Run a command as a user does, with nothing of this repository on the path."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COLLAPSE"))
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


def checked(programs, file, wanted="my-claim"):
    words = ("-m", "pytest", "--pyargs", "proofs_check", "--claims", file.name, "-k", wanted)
    return run(str(programs / "python"), *words, folder=file.parent)


def test_an_installed_wheel_checks_a_claim(programs, claim_file):
    done = checked(programs, claim_file)
    assert done.returncode == 0, done.stdout
    assert "my-claim  HOLDS" in done.stdout


def test_an_installed_wheel_says_what_is_wrong_with_a_claim(programs, claim_file):
    value, right, wrong = WRONG
    text = claim_file.read_text(encoding="utf-8")
    assert text.count(value.format(right)) == 1
    file = claim_file.with_name("wrong.py")
    file.write_text(text.replace(value.format(right), value.format(wrong)), encoding="utf-8")
    done = checked(programs, file, "my-claim and trained")
    assert done.returncode == 1, done.stdout
    assert "value differs: trained / predicted = 1/(K - 1)" in done.stdout


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
