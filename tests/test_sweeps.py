"""Sweeps: their specifications, their results, and what becomes of them when processes are killed, files damaged and disks full.

The module is long because all faults are tried on the same two small sweeps, whose results are computed once.
"""

import dataclasses
import errno
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from numerics.__main__ import main
from numerics.networks.experiments.experiment import Comparison, Experiment
from numerics.storage import directory_lock
from numerics.storage.optional_packages import needed
from numerics.sweeps import executors, experiment_task
from numerics.sweeps.claim_task import ClaimTask
from numerics.sweeps.executors import on_a_cluster
from numerics.sweeps.figure import phase_diagram
from numerics.sweeps.grid import Axis, Chunks, cells, read_axis
from numerics.sweeps.phases import phases
from numerics.sweeps.run import run
from numerics.sweeps.specification import read_specification, specification_of
from numerics.sweeps.store import ARRAYS, Store
from numerics.sweeps.summary import lines
from numerics.sweeps.task import Column
from numerics.sweeps.tasks import task_of
from numerics.training.certified import train
from theory.cli.entry import run as ended_by
from theory.errors import ParameterError

ROOT = Path(__file__).parents[1]
SPECIFICATIONS = sorted((ROOT / "benchmarks" / "sweeps").glob("*.toml"))
SMALL = {
    "claim": "mse-imbalanced",
    "compute": ["predict", "train"],
    "starts": 1,
    "seed": 3,
    "chunk": 1,
    "fixed": {"class_counts": [2, 1], "feature_decay": 0.01},
    "grid": {"widths": [2, 3], "weight_decay": {"logspace": [1e-3, 1, 4]}},
}
"""A sweep of 8 cells, each a chunk of its own."""
CHUNKS = 8


class Products:
    """A task without training: a number that depends on both positions of a cell, and a code and a list beside it."""

    def __init__(self):
        self.axes = {"x": [0.5, 1.0], "y": ["1,1", "1,1,1"]}
        self.labels = {}
        self.further = {"part": ["a", "b"]}
        self.columns = {
            "product": Column("the product"),
            "verdict": Column("the verdict", words=("none", "HOLDS", "OPEN")),
            "count": Column("a count", ("part",), counts=True),
        }

    def compute(self, positions):
        at = np.array(positions, float)
        return {
            "product": (1 + at[:, 0]) / (3 + at[:, 1]),
            "verdict": (1 + at.sum(1) % 2).astype(np.int8),
            "count": at.astype(np.int32),
        }


PRODUCTS = specification_of({"claim": "products", "chunk": 2, "grid": {"x": [1, 2], "y": [1, 2]}})


def swept(task, specification, folder):
    with ThreadPoolExecutor(1) as executor:
        return run(task, specification, folder, executor)


def bits(folder):
    """Return every result of a sweep, bit by bit."""
    table = Store(folder).read()
    assert bool(table["done"].all())
    return {name: (array.dtype.str, array.shape, array.values.tobytes()) for name, array in table.data_vars.items()}


@pytest.fixture(scope="module")
def small():
    specification = specification_of(SMALL)
    return task_of(specification), specification


@pytest.fixture(scope="module")
def small_bits(small, tmp_path_factory):
    """Return the results of the small sweep, computed without a fault."""
    folder = tmp_path_factory.mktemp("small")
    assert swept(*small, folder).computed == CHUNKS
    return bits(folder)


@pytest.fixture(scope="module")
def products_bits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("products")
    swept(Products(), PRODUCTS, folder)
    return bits(folder)


@pytest.fixture
def file(tmp_path):
    """Return the small sweep as a file."""
    path = tmp_path / "small.toml"
    path.write_text(
        'claim = "mse-imbalanced"\ncompute = ["predict", "train"]\nstarts = 1\nseed = 3\nchunk = 1\n'
        "[fixed]\nclass_counts = [2, 1]\nfeature_decay = 0.01\n"
        "[grid]\nwidths = [2, 3]\nweight_decay = {logspace = [1e-3, 1, 4]}\n"
    )
    assert read_specification(path) == specification_of(SMALL)
    return path


def said(words, capsys, monkeypatch):
    """Return the exit code of a command line and its one line on standard error."""
    monkeypatch.setattr(sys, "argv", ["command", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        ended_by(main)
    line = capsys.readouterr().err
    assert len(line.splitlines()) == 1, line
    return caught.value.code, line


# Specifications


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"colour": 1}, "'colour': no such key"),
        ({"claim": 3}, "claim: '3' is not allowed; claim is the name of a known claim"),
        ({"claim": "nothing"}, "claim: 'nothing' is not known"),
        ({"experiment": "x"}, "claim: given beside experiment"),
        ({"starts": 0}, "starts: '0' is not allowed; starts is an integer from 1"),
        ({"seed": 1.5}, "seed: '1.5' is not allowed"),
        ({"chunk": True}, "chunk: 'True' is not allowed"),
        ({"device": "abacus"}, "device: 'abacus' is not allowed; device is cpu or cuda"),
        ({"compute": ["guess"]}, "compute: 'guess' is not allowed; compute is a list of some of predict"),
        ({"compute": []}, "compute: '' is not allowed"),
        ({"grid": 3}, "grid: '3' is not allowed; grid is a table"),
        ({"grid": {}}, "grid: a sweep has either a table grid"),
        ({"samples": {"count": 3}}, "grid: a sweep has either a table grid"),
        ({"grid": {"beta": 1}}, "grid.beta: '1' is not allowed; grid.beta is a list of values"),
        ({"grid": {"beta": []}}, "grid.beta: '' is not allowed"),
        ({"grid": {"beta": [1, 1]}}, "grid.beta: '1' is given twice"),
        ({"grid": {"beta": {"logspace": [0, 1, 3]}}}, "grid.beta.logspace: '0,1,3' is not allowed; grid.beta.logspace is [from"),
        ({"grid": {"beta": {"linspace": [1, 2, 1]}}}, "grid.beta.linspace: '1,2,1' is not allowed"),
        ({"grid": {"beta": {"repeat": [1, 3, 2]}}}, "grid.beta.repeat: '1,3,2' is not allowed"),
        ({"grid": {"weight_decay": [1, -1]}}, "weight_decay: '-1' is not allowed; weight_decay is a finite number above 0"),
        ({"grid": {"feature_decay": [1]}}, "'feature_decay': given twice"),
        ({"grid": {"gamma": [1]}}, "'gamma': no such parameter"),
        ({"same": {"bias": "nothing"}}, "same.bias: 'nothing' is not allowed"),
    ],
)  # fmt: skip
def test_a_bad_specification_is_refused_in_one_line(given, named):
    with pytest.raises(ParameterError) as caught:
        task_of(specification_of({**SMALL, **given}))
    assert str(caught.value).startswith(named)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [(None, "error: specification: "), ("claim = ", "is no TOML file"), ("claim = 'x'\n[grid]\n", "error: grid: ")],
)
def test_a_bad_file_ends_the_command_in_one_line(text, named, tmp_path, capsys, monkeypatch):
    path = tmp_path / "spec.toml"
    if text is not None:
        path.write_text(text)
    code, line = said(["sweep", path, "--out", tmp_path / "out"], capsys, monkeypatch)
    assert code == 2
    assert named in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["FILE"], "error: out: missing"),
        (["FILE", "FILE", "--out", "OUT"], "error: specification: 2 files are given"),
        (
            ["FILE", "--out", "OUT", "--workers", "0"],
            "error: workers: '0' is not allowed; workers is an integer from 1",
        ),
        (["FILE", "--out", "OUT", "--workers", "1", "--scheduler", "here"], "not allowed with argument"),
        (["FILE", "--out", "FILE"], "is not allowed; out is a folder"),
        (["show"], "error: show: takes one folder"),
        (["show", "OUT"], "out holds no sweep"),
    ],
)
def test_a_bad_command_ends_in_one_line(words, named, file, tmp_path, capsys, monkeypatch):
    given = {"FILE": file, "OUT": tmp_path / "out"}
    code, line = said(["sweep", *(given.get(word, word) for word in words)], capsys, monkeypatch)
    assert code == 2
    assert named in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", SPECIFICATIONS, ids=lambda path: path.stem)
def test_the_specifications_of_the_benchmarks_are_allowed(path):
    task = ClaimTask(read_specification(path))
    lengths = [len(labels) for labels in task.axes.values()]
    assert min(lengths) > 1
    for position in ([0] * len(lengths), [length - 1 for length in lengths]):
        task.instance(tuple(position))


def test_axes():
    assert read_axis("m", {"linspace": [1, 8, 8]}) == Axis("m", tuple(range(1, 9)))
    assert read_axis("l", {"logspace": [1e-3, 1, 4]}).values == (1e-3, 1e-2, 1e-1, 1.0)
    assert read_axis("c", {"repeat": [1, 2, 3]}).labels == ["1,1", "1,1,1"]
    assert read_axis("flag", [True, False]).labels == ["true", "false"]


@pytest.mark.parametrize(
    ("shape", "most"), [((3, 4), 4), ((3, 4), 5), ((3, 4), 3), ((5,), 2), ((2, 3, 4), 7), ((2, 2), 100)]
)
def test_every_cell_lies_in_one_chunk(shape, most):
    chunks = Chunks(shape, most)
    found = [cell for region in chunks.regions for cell in cells(region)]
    assert sorted(found) == sorted(np.ndindex(*shape))
    assert all(len(cells(region)) <= most for region in chunks.regions)


def test_samples_depend_on_the_seed_and_their_number_alone():
    given = {"claim": "mse-imbalanced", "samples": {"count": 6}, "fixed": {"feature_decay": 0.01}}
    task, fewer, other = (
        task_of(specification_of({**given, **more}))
        for more in ({}, {"samples": {"count": 3}, "chunk": 1}, {"seed": 1})
    )
    drawn = [task.instance((i,)).values for i in range(6)]
    assert [fewer.instance((i,)).values for i in range(3)] == drawn[:3]
    assert [other.instance((i,)).values for i in range(6)] != drawn
    assert {values["feature_decay"] for values in drawn} == {0.01}
    assert len({len(values["class_counts"]) for values in drawn}) > 1
    assert set(task.labels) == {"class_counts", "widths", "weight_decay"}


# Results


VAE = {
    "claim": "vae-learnable-variance",
    "starts": 1,
    "fixed": {"theta": [3, 1, 0.5], "latent_dim": 2},
    "grid": {"beta": [0.2, 2.0]},
}


def test_cells_hold_what_the_suite_finds_at_their_parameters(tmp_path):
    specification = specification_of(VAE)
    task = task_of(specification)
    swept(task, specification, tmp_path)
    table = Store(tmp_path).read()
    for beta in (0.2, 2.0):
        instance = task.claim.problem.instance(theta=(3.0, 1.0, 0.5), latent_dim=2, beta=beta)
        trained = train(task.claim, [instance], 1, 0, "cpu")
        cell, (certificate,) = table.sel(beta=beta), trained.certificates
        assert float(cell["value"]) == pytest.approx(float(trained.solution.best_value()), rel=1e-12)
        assert float(cell["lower"]) == pytest.approx(certificate.lower, rel=1e-12)
        assert float(cell["predicted"]) == pytest.approx(float(cell["value"]), rel=1e-12)
        assert str(cell["verdict"].attrs["words"][int(cell["verdict"])]) == "HOLDS"
        alive = [min(2, int((cell["ratio"] > 1).sum()))]  # there are two latent dimensions
        assert cell["alive"].values.tolist() == cell["alive_predicted"].values.tolist() == alive
    assert table["failures"].values.tolist() == [0, 0]


def test_cells_of_different_sizes_share_a_chunk(tmp_path):
    given = {
        "claim": "vae-learnable-variance",
        "compute": ["train"],
        "starts": 1,
        "grid": {"theta": ["2,1", "3,2,1"], "beta": [0.5, 8]},
    }
    specification = specification_of(given)
    swept(task_of(specification), specification, tmp_path)
    assert Store(tmp_path).read()["alive"].values[..., 0].tolist() == [[2, 0], [3, 1]]


def test_a_failed_check_leaves_a_cell_without_a_verdict(tmp_path, monkeypatch):
    specification = specification_of({**VAE, "compute": ["certify"], "grid": {"beta": [0.2]}})
    task = task_of(specification)
    wrong = task.claim.prediction.value.replace_expression(task.claim.prediction.value.number + 1)
    monkeypatch.setitem(vars(task.claim), "derivation", dataclasses.replace(
        task.claim.derivation, prediction=dataclasses.replace(task.claim.prediction, value=wrong)
    ))  # fmt: skip
    swept(task, specification, tmp_path)
    table = Store(tmp_path).read()
    assert table["verdict"].values.tolist() == [0]
    assert table["failures"].values[0] > 0


def test_samples_are_labelled_with_what_was_drawn(tmp_path):
    specification = specification_of({"claim": "mse-imbalanced", "compute": ["predict"], "samples": {"count": 3}})
    task = task_of(specification)
    swept(task, specification, tmp_path)
    assert swept(task, specification, tmp_path).computed == 0
    table = Store(tmp_path).read()
    for number in range(3):
        values = task.instance((number,)).values
        assert float(table["feature_decay"][number]) == values["feature_decay"]
        assert str(table["class_counts"].values[number]).count(",") == len(values["class_counts"]) - 1
        assert np.isfinite(table["predicted"].values[number])
    assert lines(table.to_dict())[0] == "3 of 3 cells over sample"
    assert len(phase_diagram(phases(table.to_dict())).data) == 1


class Doubling:
    """A training of two stages that ends with twice its rate; it agrees up to a rate of 1."""

    stages = 2

    def __init__(self, parameters, seed, device):
        self.rate, self.seed, self.trained = parameters["rate"], seed, 0

    def advance(self):
        self.trained += 1
        return {"rate": self.rate}

    def comparison(self):
        reached = {"rate": self.trained * self.rate}
        return Comparison({}, reached, reached, {"rate": 2.0}, nc1=self.seed, accuracy={"train": 0.5})


def test_an_experiment_is_swept_like_a_claim(tmp_path, monkeypatch):
    sizes = {"small": {"rate": 1.0, "width": 3}}
    experiment = Experiment("double", "", "", "", "", "", sizes, lambda parameters, seed: {}, Doubling)
    monkeypatch.setattr(experiment_task, "known", lambda: {"double": experiment})
    specification = specification_of({"experiment": "double", "grid": {"rate": [0.5, 2], "seed": [0, 7]}, "chunk": 3})
    swept(task_of(specification), specification, tmp_path)
    table = Store(tmp_path).read()
    assert table["excess"].values.tolist() == [[0.5, 0.5], [2.0, 2.0]]
    assert table["nc1"].values.tolist() == [[0, 7], [0, 7]]
    assert [table["verdict"].attrs["words"][code] for code in table["verdict"].values[:, 0]] == ["AGREES", "DEPARTS"]
    for given, named in (
        ({"experiment": "halve"}, "experiment: 'halve' is not allowed; experiment is one of double"),
        ({"size": "vast"}, "size: 'vast' is not allowed; size is one of small"),
        ({"fixed": {"colour": 1}}, "'colour': no such parameter"),
        ({"grid": {"rate": ["high"]}}, "rate: 'high' is not allowed"),
        ({"compute": ["train"]}, "compute: not allowed for an experiment"),
    ):
        with pytest.raises(ParameterError) as caught:
            task_of(specification_of({"experiment": "double", "grid": {"rate": [1]}, **given}))
        assert str(caught.value).startswith(named)


def test_the_table_and_the_figure_show_the_phases(tmp_path, capsys):
    swept(Products(), PRODUCTS, tmp_path)
    assert main(["sweep", "show", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "4 of 4 cells over x, y" in printed
    assert "HOLDS            2 cells" in printed
    assert "  3 × 1 BA\n  2 × 1 AB" in printed
    assert (tmp_path / "phases.html").stat().st_size > 10**6  # it can be read with no network
    assert main(["sweep", "show", str(tmp_path), "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["data_vars"]["verdict"]["data"] == [[1, 2], [2, 1]]
    assert table["runs"][0]["cells"] == 4
    (drawn,) = phase_diagram(phases(table)).data
    assert np.array(drawn.z).tolist() == [[0, 1], [1, 0]]
    assert list(drawn.y) == ["2 × 1", "3 × 1"]


def test_a_sweep_that_is_not_done_shows_what_it_has(tmp_path):
    swept(Products(), PRODUCTS, tmp_path)
    (tmp_path / ARRAYS / "checksum" / "c" / "1" / "0").unlink()
    table = Store(tmp_path).read().to_dict()
    assert lines(table)[0] == "2 of 4 cells over x, y"
    assert phases(table).counts() == {"not known": 2, "HOLDS": 1, "OPEN": 1}


# Faults


def test_a_second_run_computes_nothing(tmp_path, products_bits):
    assert swept(Products(), PRODUCTS, tmp_path).kept == 0
    again = swept(Products(), PRODUCTS, tmp_path)
    assert (again.computed, again.kept) == (0, 2)
    assert bits(tmp_path) == products_bits


def test_a_folder_with_another_sweep_is_refused(tmp_path):
    swept(Products(), PRODUCTS, tmp_path)
    with pytest.raises(ParameterError, match="holds another sweep: seed differ"):
        swept(Products(), dataclasses.replace(PRODUCTS, seed=1), tmp_path)


def damaged(path, how):
    """Damage a file: flip a bit in the middle, cut it, empty it, or remove it."""
    held = bytearray(path.read_bytes())
    if how == "removed":
        path.unlink()
        return
    if how == "flipped":
        held[len(held) // 2] ^= 1
    path.write_bytes(held if how == "flipped" else held[: len(held) // 2] if how == "cut" else b"")


@pytest.mark.parametrize("turn", range(2))
def test_damage_to_any_file_is_noticed_and_mended(turn, tmp_path, products_bits):
    """One file after the other is damaged. The files of one kind are damaged in different ways."""
    swept(Products(), PRODUCTS, tmp_path)
    files = sorted(path for path in (tmp_path / ARRAYS).rglob("*") if path.is_file())
    assert len(files) > 15
    for number, path in enumerate(files[turn::2]):
        damaged(path, ("flipped", "cut", "emptied", "removed")[number % 4])
        assert swept(Products(), PRODUCTS, tmp_path).computed <= (path.name != "zarr.json"), path
        assert bits(tmp_path) == products_bits, path


def test_a_damaged_description_is_no_other_sweep(tmp_path, products_bits):
    """One letter of the specification that the folder holds is wrong, and can still be read."""
    swept(Products(), PRODUCTS, tmp_path)
    path = tmp_path / ARRAYS / "zarr.json"
    held = path.read_text()
    path.write_text(held.replace("products", "prodacts"))
    with pytest.raises(ParameterError, match="holds no sweep"):
        Store(tmp_path).read()
    assert swept(Products(), PRODUCTS, tmp_path).computed == 0
    assert path.read_text() == held
    assert bits(tmp_path) == products_bits


def test_a_damaged_chunk_is_not_shown(tmp_path):
    swept(Products(), PRODUCTS, tmp_path)
    damaged(tmp_path / ARRAYS / "product" / "c" / "0" / "0", "flipped")
    done = Store(tmp_path).read()["done"].values
    assert done.tolist() == [[False, False], [True, True]]


class Killed(BaseException):
    """The end of a process: nothing cleans up behind it, as after SIGKILL."""


class Failing(io.FileIO):
    """A file of which only half of the bytes can be written."""

    def __init__(self, path, mode, error):
        super().__init__(path, mode)
        self.error = error

    def write(self, data):
        view = data.encode() if isinstance(data, str) else memoryview(data).cast("B")
        super().write(view[: len(view) // 2])
        raise self.error


def failing_at(number, error, monkeypatch):
    """Let the write of this number fail half-way. Return a function that tells whether it came to that."""
    opened, real = [], pathlib.Path.open

    def opening(self, mode="r", *rest, **options):
        if mode in ("wb", "a"):
            opened.append(self)
            if len(opened) == number:
                return Failing(self, mode.rstrip("b"), error)
        return real(self, mode, *rest, **options)

    monkeypatch.setattr(pathlib.Path, "open", opening)
    return lambda: len(opened) >= number


@pytest.mark.parametrize(
    ("first", "error"),
    [(1, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))), (3, Killed())],
    ids=["full disk", "killed"],
)
def test_a_sweep_that_ends_at_a_write_goes_on_from_there(first, error, tmp_path, products_bits):
    """The disk is full, or the process is killed, half-way through a write: every fourth one, up to the last."""
    for number in range(first, 200, 4):
        folder = tmp_path / str(number)
        with pytest.MonkeyPatch.context() as monkeypatch:
            came = failing_at(number, error, monkeypatch)
            failed = None
            try:
                swept(Products(), PRODUCTS, folder)
            except (ParameterError, Killed) as ended:
                failed = ended
        if not came():
            break
        assert isinstance(failed, Killed if isinstance(error, Killed) else ParameterError)
        assert str(failed).endswith("No space left on device; the same command continues the sweep") or not str(failed)
        held = sum(Store(folder).complete()) if (folder / ARRAYS / "zarr.json").exists() else 0
        assert swept(Products(), PRODUCTS, folder).kept == held
        assert bits(folder) == products_bits
        assert not list(folder.rglob("*.partial"))
    assert number > 20


def test_the_extra_is_named_where_it_is_missing():
    with pytest.raises(
        ParameterError, match=r"sweeps: no_such_package is not installed; pip install 'collapse-atlas\[sweeps\]'"
    ):
        needed("no_such_package")


def until(happened, seconds=60):
    """Wait until something has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_killed_sweep_goes_on_and_two_do_not_write_at_once(small, small_bits, file, tmp_path, monkeypatch):
    """SIGKILL ends the command. While it runs another one is refused, and the process that it started ends with it."""
    monkeypatch.setattr(directory_lock, "PATIENCE", 0.0)  # the command may end within any longer time
    folder = tmp_path / "out"
    words = [sys.executable, "-m", "numerics", "sweep", str(file), "--out", str(folder), "--workers", "1"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as command:
        until(lambda: command.poll() is not None or list((folder / ARRAYS / "checksum" / "c").rglob("?/?")))
        with pytest.raises(ParameterError, match="another process runs there"):
            swept(*small, folder)
        started = psutil.Process(command.pid).children(recursive=True)
        command.send_signal(signal.SIGKILL)
        assert command.wait() == -signal.SIGKILL, command.stderr.read()
        assert psutil.wait_procs(started, timeout=10)[1] == []
    held = sum(Store(folder).complete())
    assert 0 < held < CHUNKS
    outcome = swept(*small, folder)
    assert (outcome.kept, outcome.computed) == (held, CHUNKS - held)
    assert bits(folder) == small_bits


def dask(program, *words):
    """Start a program of Dask on the loopback device, in the folder of this repository."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *words, "--host", "127.0.0.1", "--no-dashboard"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def cluster(tmp_path):
    """Start a scheduler and two workers. Return the address of the scheduler, and the processes of the workers."""
    scheduler_file = tmp_path / "scheduler.json"
    at = ("--scheduler-file", str(scheduler_file))
    scheduler = dask("scheduler", "--port", "0", *at)
    workers = [dask("worker", "--no-nanny", "--nthreads", "1", *at) for _ in range(2)]
    try:
        until(scheduler_file.exists)
        yield json.loads(scheduler_file.read_text())["address"], workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_a_worker_of_a_cluster_may_die(cluster, small, small_bits, tmp_path):
    """Two workers compute, and one of them is killed while it does: the results are those of one thread of this process."""
    address, workers = cluster
    alive = []

    def kill_one(done, total):
        if done and not alive:
            workers[0].kill()
            alive.append(workers[1].poll() is None)

    with on_a_cluster(address) as executor:
        outcome = run(*small, tmp_path / "out", executor, kill_one)
    assert alive == [True]
    assert outcome.computed == CHUNKS
    assert bits(tmp_path / "out") == small_bits


def test_a_cluster_that_does_not_answer_is_named_in_one_line(monkeypatch):
    monkeypatch.setattr(executors, "REACHED_WITHIN", "100ms")
    refused = pytest.raises(ParameterError, match=r"^scheduler: 'tcp://127\.0\.0\.1:1' is not allowed; .*\)$")
    with refused, on_a_cluster("tcp://127.0.0.1:1"):
        pass
