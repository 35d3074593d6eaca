"""Runs of experiments: killed, damaged, crowded and starved of disk, and still the same numbers; the command and bad input.

The experiment of these tests is a descent with noise and momentum on a quadratic, so the state of a random generator and of an
optimiser must survive. Processes are forked, since a new one would take seconds to load torch. The module is long because a
run is disturbed in many ways.
"""

import dataclasses
import errno
import itertools
import json
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest
import torch
from noisy_descent import DESCENT, SMALL, Descent, predict

from numerics.__main__ import main
from numerics.networks.experiments.experiment import AGREES, DEPARTS
from numerics.networks.runs import report as reports
from numerics.networks.runs.checkpoint import BEFORE, LAST
from numerics.networks.runs.metric_table import read_table
from numerics.networks.runs.provenance import commit
from numerics.networks.runs.run import Watch, run
from numerics.networks.runs.run_directory import CONFIGURATION, ENVIRONMENT, FIGURES, RESULT
from numerics.storage import atomic_files
from numerics.storage.directory_lock import PATIENCE, locked
from theory.cli.entry import run as run_command
from theory.errors import CheckFailed, ParameterError

CPU = torch.device("cpu")
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
KEYS = "experiment size seed parameters predicted measured deviations limits nc1 vanished accuracy verdict expected seconds"


def lasting(folder, experiment=DESCENT, size="small", seed=0, watch=None):
    return run(experiment, size, seed, CPU, folder, watch, checkpoint_seconds=0)


def numbers(folder, result):
    """Return all numbers of a run but its time."""
    return read_table(folder), {name: value for name, value in result.items() if name != "seconds"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the numbers of runs that nothing disturbed, by size."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return {size: numbers(folder / size, lasting(folder / size, size=size)) for size in DESCENT.sizes}


def in_a_process(does, *arguments):
    """Start a forked process."""
    process = multiprocessing.get_context("fork").Process(target=does, args=arguments)
    process.start()
    return process


def test_a_run_is_a_directory(tmp_path):
    result = lasting(tmp_path / "run")
    assert " ".join(result) == KEYS
    assert result == json.loads((tmp_path / "run" / RESULT).read_text())
    assert result["verdict"] == result["expected"] == AGREES
    assert result["parameters"] == {"target": [1.0, -2.0, 0.5], "stages": 6}
    asked = json.loads((tmp_path / "run" / CONFIGURATION).read_text())
    assert asked["predicted"] == result["predicted"]
    where = json.loads((tmp_path / "run" / ENVIRONMENT).read_text())
    assert where["versions"]["torch"] == torch.__version__
    assert where.keys() == {"versions", "device", "threads", "commit", "date"}
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        CONFIGURATION, ENVIRONMENT, RESULT, LAST, "lock", "metrics.zarr",
    }  # fmt: skip
    columns = read_table(tmp_path / "run")
    assert list(columns) == ["distance", "size"]
    assert all(len(column) == 6 for column in columns.values())


def test_the_prediction_is_written_before_the_training(tmp_path):
    seen = []
    watch = Watch(stage=lambda done, *_: seen.append(json.loads((tmp_path / CONFIGURATION).read_text())["predicted"]))
    lasting(tmp_path, watch=watch)
    assert len(seen) == SMALL["stages"] + 1
    assert seen[0] == json.loads(json.dumps(predict(SMALL, 0)))


def test_another_prediction_in_the_end_is_refused(tmp_path):
    moved = dataclasses.replace(DESCENT, predict=lambda parameters, seed: {"size": 2.0})
    with pytest.raises(CheckFailed, match="size: the network is compared with another prediction"):
        lasting(tmp_path, moved)
    assert not (tmp_path / RESULT).exists()


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = lasting(tmp_path)
    refusing = dataclasses.replace(DESCENT, start=None)
    lines = []
    assert lasting(tmp_path, refusing, watch=Watch(say=lines.append)) == first
    assert lines == ["has ended before, and is not trained again"]


def test_killed_at_random_moments_it_ends_with_the_same_numbers(tmp_path, undisturbed):
    rng, killed, continued = random.Random(5), 0, []
    for _ in range(8):
        process = in_a_process(lasting, tmp_path, DESCENT, "full")
        process.join(rng.uniform(0.02, 0.06))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            killed += 1
        elif process.exitcode == 0:
            break
        assert process.exitcode in (0, -signal.SIGKILL)
    watch = Watch(stage=lambda done, stages, before: continued.append(before))
    assert numbers(tmp_path, lasting(tmp_path, size="full", watch=watch)) == undisturbed["full"]
    assert killed > 0


DISK = ("fsync", "replace")
"""What a run asks of the disk: to flush a file or folder, and to rename it."""


def killed_at(operation, folder):
    """Run, and die by SIGKILL before the given flush or renaming, counted from 1."""
    count = itertools.count(1)

    def dying(does):
        def counted(*arguments):
            if next(count) == operation:
                os.kill(os.getpid(), signal.SIGKILL)
            return does(*arguments)

        return counted

    for name in DISK:
        setattr(os, name, dying(getattr(os, name)))
    lasting(folder)


def operations(folder, monkeypatch):
    """Return the number of flushes and renamings of a whole run."""
    count = itertools.count()
    with monkeypatch.context() as patched:
        for name in DISK:
            does = getattr(os, name)
            patched.setattr(os, name, lambda *arguments, does=does: (next(count), does(*arguments))[1])
        lasting(folder)
    return next(count)


def test_killed_before_a_write_it_ends_with_the_same_numbers(tmp_path, monkeypatch, undisturbed):
    """The process dies before a flush or a renaming: of the configuration, a checkpoint, the table and the result."""
    last = operations(tmp_path / "counted", monkeypatch)
    for operation in (*range(1, 10), *range(last - 7, last + 1)):
        folder = tmp_path / str(operation)
        process = in_a_process(killed_at, operation, folder)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        # Only the flush of the folder that has the result already comes after the result.
        assert (folder / RESULT).exists() == (operation == last)
        assert numbers(folder, lasting(folder)) == undisturbed["small"]


def spoil(path, at=-100):
    """Change one byte of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def stopped(folder, after):
    """Leave a run in a directory as a process leaves it that dies after some stages."""

    def stage(done, *_):
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lasting(folder, watch=Watch(stage=stage))
    assert not (folder / RESULT).exists()


@pytest.mark.parametrize(
    ("damaged", "told"),
    [
        ((), ["continues after stage 3 of 6"]),
        ((LAST,), ["checkpoint.pt is damaged or of another run and is left aside", "continues after stage 2 of 6"]),
        ((LAST, BEFORE), [f"{name} is damaged or of another run and is left aside" for name in (LAST, BEFORE)]),
    ],
)
@pytest.mark.parametrize("at", [0, -100])
def test_a_damaged_checkpoint_is_noticed(tmp_path, undisturbed, damaged, told, at):
    stopped(tmp_path, 4)
    for name in damaged:
        spoil(tmp_path / name, at)
    lines = []
    assert numbers(tmp_path, lasting(tmp_path, watch=Watch(say=lines.append))) == undisturbed["small"]
    assert lines == told


def test_a_cut_checkpoint_is_noticed(tmp_path, undisturbed):
    stopped(tmp_path, 4)
    (tmp_path / LAST).write_bytes((tmp_path / LAST).read_bytes()[:50])
    (tmp_path / BEFORE).write_bytes(b"")
    assert numbers(tmp_path, lasting(tmp_path)) == undisturbed["small"]


def test_a_checkpoint_of_another_run_is_not_taken(tmp_path, undisturbed):
    stopped(tmp_path / "other", 4)
    stopped(tmp_path / "run", 2)
    asked = json.loads((tmp_path / "other" / CONFIGURATION).read_text())
    lasting(tmp_path / "third", seed=1)
    for name in (LAST,):
        (tmp_path / "run" / name).write_bytes((tmp_path / "third" / name).read_bytes())
    assert asked["seed"] == 0
    assert numbers(tmp_path / "run", lasting(tmp_path / "run")) == undisturbed["small"]


def test_a_damaged_result_is_written_again(tmp_path, undisturbed):
    lasting(tmp_path)
    (tmp_path / RESULT).write_text('{"experiment": "noisy')
    lines = []
    assert numbers(tmp_path, lasting(tmp_path, watch=Watch(say=lines.append))) == undisturbed["small"]
    assert lines == ["result.json is damaged and is left aside", "continues after stage 6 of 6"]


def test_a_second_process_is_refused(tmp_path):
    tmp_path.joinpath("run").mkdir()
    with locked(tmp_path / "run"), pytest.raises(ParameterError, match="another process runs there"):
        lasting(tmp_path / "run")
    assert lasting(tmp_path / "run")["verdict"] == AGREES


def test_the_lock_dies_with_its_process(tmp_path):
    def hold():
        with locked(tmp_path):
            (tmp_path / RESULT).mkdir()
            time.sleep(60)

    process = in_a_process(hold)
    while not (tmp_path / RESULT).exists():
        time.sleep(0.005)
    with pytest.raises(ParameterError, match="another process"), locked(tmp_path):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with locked(tmp_path):
        pass


def test_a_lock_that_ends_in_a_moment_is_waited_for(tmp_path):
    """A killed process may leave a child that holds the lock until the child begins its program."""

    def hold():
        with locked(tmp_path):
            (tmp_path / RESULT).mkdir()
            time.sleep(0.05)

    process = in_a_process(hold)
    while not (tmp_path / RESULT).exists():
        time.sleep(0.005)
    with locked(tmp_path):
        process.join(PATIENCE)
    assert process.exitcode == 0


def test_a_full_disk_ends_in_one_line_and_keeps_the_run(tmp_path, undisturbed):
    """Files may not be longer than some hundred bytes, so the first checkpoint does not fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(
            ParameterError, match=r"out: .*checkpoint.pt cannot be written \(File too large\); the same"
        ):
            lasting(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert numbers(tmp_path, lasting(tmp_path)) == undisturbed["small"]


def full_after(monkeypatch, writes):
    """Let the disk be full after some flushes."""
    left, flush = iter(range(writes)), os.fsync

    def limited(descriptor):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(descriptor)

    monkeypatch.setattr(atomic_files.os, "fsync", limited)


@pytest.mark.parametrize("writes", range(1, 27, 3))
def test_a_disk_that_fills_up_loses_nothing(tmp_path, monkeypatch, undisturbed, writes):
    """The disk fills up while configuration, checkpoints, table or result are written, and has room again."""
    with monkeypatch.context() as patched:
        full_after(patched, writes)
        with pytest.raises(ParameterError, match="cannot be written"):
            lasting(tmp_path)
    assert not (tmp_path / RESULT).exists()
    assert numbers(tmp_path, lasting(tmp_path)) == undisturbed["small"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seed": 1}, "holds a run with seed 0; choose another directory"),
        ({"size": "full"}, "holds a run with size small; choose another directory"),
        ({"experiment": dataclasses.replace(DESCENT, name="other")}, "holds a run with experiment noisy-descent"),
        (
            {"experiment": dataclasses.replace(DESCENT, sizes={"small": {**SMALL, "stages": 7}})},
            "holds a run with other parameters",
        ),
    ],
)
def test_a_directory_of_another_run_is_refused(tmp_path, changes, told):
    lasting(tmp_path)
    before = (tmp_path / RESULT).read_bytes()
    with pytest.raises(ParameterError, match=told):
        lasting(tmp_path, **changes)
    assert (tmp_path / RESULT).read_bytes() == before


def test_a_directory_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ParameterError, match="which is no part of a run"):
        lasting(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_that_goes_on_elsewhere_says_so(tmp_path, monkeypatch):
    stopped(tmp_path, 2)
    where = json.loads((tmp_path / ENVIRONMENT).read_text())
    (tmp_path / ENVIRONMENT).write_text(json.dumps({**where, "device": "an abacus"}))
    lines = []
    lasting(tmp_path, watch=Watch(say=lines.append))
    assert lines[0].startswith("continues with other versions, threads or another device")
    assert json.loads((tmp_path / ENVIRONMENT).read_text())["continued"][0]["device"] == where["device"]


def test_the_commit_is_that_of_the_code(tmp_path):
    """A file that lies in a checkout of something else, as an installed package may, has no commit."""

    def git(*words):
        done = subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    installed = tmp_path / "installed.py"
    installed.write_text("")
    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    assert commit(installed) is None
    git("add", "installed.py")
    git("commit", "--quiet", "--message", "second")
    assert commit(installed) == git("rev-parse", "HEAD")
    installed.write_text("changed")
    assert commit(installed) == git("rev-parse", "HEAD") + "+changes"


def test_without_its_packages_a_run_is_refused_before_it_trains(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ParameterError, match=r"zarr is not installed; .*collapse-atlas\[sweeps\]"):
        lasting(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_columns_that_change_are_refused(tmp_path):
    class Changing(Descent):
        def advance(self):
            return super().advance() if self.stage < 2 else {"size": 0.0}

    with pytest.raises(CheckFailed, match="stage 3 measures other columns"):
        lasting(tmp_path, dataclasses.replace(DESCENT, start=Changing))


@pytest.fixture
def listed(monkeypatch):
    """Let the command know two experiments: one that agrees, and one that should depart and does not."""
    wrong = dataclasses.replace(DESCENT, name="noisy-other", expected=DEPARTS, why="for this test")
    experiments = {each.name: each for each in (DESCENT, wrong)}
    monkeypatch.setattr("numerics.networks.experiments.known.known", lambda: experiments)


@pytest.mark.usefixtures("listed")
def test_the_command_lists_runs_and_reports(tmp_path, capsys):
    assert main(["experiment", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["expected"]) for row in rows] == [("noisy-descent", AGREES), ("noisy-other", DEPARTS)]
    assert rows[0]["sizes"]["small"] == {"target": [1.0, -2.0, 0.5], "stages": 6}
    assert main(["experiment", "list"]) == 0
    assert "noisy-descent  AGREES   descent with noise" in capsys.readouterr().out
    out = tmp_path / "run"
    words = ["experiment", "run", "noisy-descent", "--out", str(out), "--seed", "3", "--device", "cpu"]
    assert main([*words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((out / RESULT).read_text())
    assert main(words) == 0
    assert "verdict AGREES, as expected" in capsys.readouterr().out
    assert main(["experiment", "run", "noisy-other", "--out", str(tmp_path / "other")]) == 1
    assert "check failed: noisy-other (seed 0) AGREES, expected was DEPARTS" in capsys.readouterr().err
    stopped(tmp_path / "third", 4)
    assert main(["experiment", "report", str(out), str(tmp_path / "third"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["finished"], row["stages"]) for row in rows] == [(True, 6), (False, 3)]
    assert rows[0].items() >= result.items()
    assert {path.name for path in (out / FIGURES).iterdir()} == {"gram.html", "metrics.html", "plotly.min.js"}
    assert main(["experiment", "report", str(out), str(tmp_path / "other"), str(tmp_path / "third")]) == 1
    shown = capsys.readouterr().out
    assert "gram deviates by" in shown
    assert "third: noisy-descent has not ended, 3 stages are kept" in shown


@pytest.mark.usefixtures("listed")
def test_a_report_without_plotly_has_no_figures(tmp_path, capsys, monkeypatch):
    lasting(tmp_path)
    monkeypatch.setattr(reports, "find_spec", lambda name: None)
    assert main(["experiment", "report", str(tmp_path)]) == 0
    assert capsys.readouterr().err == (
        "no figures: plotly is not installed; pip install 'collapse-atlas[book]' installs it\n"
    )
    assert not (tmp_path / FIGURES).exists()


@pytest.mark.usefixtures("listed")
def test_ctrl_c_ends_in_one_line(tmp_path, capsys, monkeypatch):
    advance = Descent.advance

    def pressed(trial):
        if trial.stage == 3:
            raise KeyboardInterrupt
        return advance(trial)

    monkeypatch.setattr(Descent, "advance", pressed)
    assert main(["experiment", "run", "noisy-descent", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == f"interrupted: the same command continues the run in {tmp_path}\n"


BAD = {
    "unknown": (["run", "nothing", "--out", "OUT"], "experiment: 'nothing' is not allowed"),
    "size": (
        ["run", "noisy-descent", "--out", "OUT", "--size", "huge"], "size: 'huge' is not allowed; size is small or full",
    ),
    "seed": (["run", "noisy-descent", "--out", "OUT", "--seed", "-1"], "seed: '-1' is not allowed"),
    "device": (["run", "noisy-descent", "--out", "OUT", "--device", "abacus"], "device: 'abacus' is not allowed"),
    "no out": (["run", "noisy-descent"], "the following arguments are required: --out"),
    "out is a file": (["run", "noisy-descent", "--out", "FILE"], "is not allowed; out is a directory"),
    "out in a file": (["run", "noisy-descent", "--out", "FILE/run"], "Not a directory"),
    "no run": (["report", "OUT"], "holds no run"),
    "no action": ([], "list | run | report"),
}  # fmt: skip


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_in_one_line(tmp_path, capsys, monkeypatch, case):
    words, told = BAD[case]
    (tmp_path / "file").write_text("")
    places = {"OUT": str(tmp_path / "out"), "FILE": str(tmp_path / "file"), "FILE/run": str(tmp_path / "file" / "run")}
    monkeypatch.setattr(sys, "argv", ["command", "experiment", *(places.get(word, word) for word in words)])
    with pytest.raises(SystemExit) as caught:
        run_command(main)
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert told in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
