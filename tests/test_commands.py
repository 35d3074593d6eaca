"""The command lines: formats, exit codes, and interruption.

The module is long because every command is run here, on the same few parameters.
"""

import dataclasses
import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from numerics.__main__ import main as numerics_main
from numerics.console import main as console_main
from numerics.judging.comparison import compare
from numerics.judging.measured import measure_starts
from numerics.training import optimise
from numerics.training.optimise import minimise
from theory.__main__ import main as theory_main
from theory.claim import find, registry
from theory.cli.entry import run
from theory.errors import ParameterError

VAE = ["vae-learnable-variance", "theta=3,1,0.5", "latent_dim=2"]


@pytest.fixture
def ended(capsys, monkeypatch):
    """Return a function that runs a command line to its end, and returns its exit code and its standard error."""

    def of(main, words):
        monkeypatch.setattr(sys, "argv", ["command", *words])
        with pytest.raises(SystemExit) as caught:
            run(main)
        return caught.value.code, capsys.readouterr().err

    return of


def as_json(capsys):
    return json.loads(capsys.readouterr().out)


def test_list(capsys):
    assert theory_main(["list", "--json"]) == 0
    rows = as_json(capsys)
    assert [row["id"] for row in rows] == list(registry())
    assert all({"id", "title", "source", "verdict"} <= row.keys() for row in rows)
    theory_main(["list"])
    assert "HOLDS" in capsys.readouterr().out


@pytest.mark.parametrize("claim_id", registry())
def test_show(claim_id, capsys):
    assert theory_main(["show", claim_id, "--json"]) == 0
    shown = as_json(capsys)
    assert shown["steps"]
    assert shown["bounds"]
    assert "{" not in shown["parameters"][0]["domain"]
    theory_main(["show", claim_id])
    assert "chain, from the loss down" in capsys.readouterr().out


def test_predict(capsys):
    assert theory_main(["predict", *VAE, "--json"]) == 0
    result = as_json(capsys)
    assert result.keys() >= {"id", "parameters", "value", "invariants", "collapsed"}
    assert result["collapsed"] == [False, True, True]
    theory_main(["predict", *VAE])
    assert "collapsed no yes yes" in capsys.readouterr().out


def test_train(capsys):
    assert numerics_main(["train", *VAE, "beta=0.5", "--starts", "2", "--device", "cpu", "--json"]) == 0
    result = as_json(capsys)
    assert {"value", "predicted", "gap", "deviations", "starts", "seconds", "device"} <= result.keys()
    assert abs(result["gap"]) < 1e-9
    assert result["device"] == "cpu"


def test_certify(capsys):
    assert numerics_main(["certify", *VAE, "--starts", "2", "--json"]) == 0
    result = as_json(capsys)
    assert result["rigorous"] is True
    assert result["lower"] <= result["upper"] * (1 + 1e-14)
    assert result["gap"] < 1e-7


def test_a_failed_check_has_exit_code_one(capsys, monkeypatch):
    from numerics.training import certified, optimise

    def too_short(*arguments, **options):
        return optimise.minimise(*arguments, **options, max_iterations=1)

    monkeypatch.setattr(certified, "minimise", too_short)
    assert numerics_main(["train", *VAE, "beta=0.5", "--starts", "1"]) == 1
    assert "check failed" in capsys.readouterr().err
    assert numerics_main(["certify", *VAE, "beta=0.5", "--starts", "1"]) == 1


@pytest.mark.parametrize(
    ("module", "words", "named"),
    [
        ("numerics", ["train", *VAE, "--starts", "0"], "starts"),
        ("numerics", ["train", *VAE, "--seed", "x"], "seed"),
        ("numerics", ["train", *VAE, "--device", "abacus"], "device"),
        ("numerics", ["certify", "nothing"], "nothing"),
        (
            "numerics",
            ["train", "mse-imbalanced", "class_counts=1e12,1", "weight_decay=1", "feature_decay=1"],
            "class_counts",
        ),
        ("theory", ["predict", *VAE, "colour=red"], "colour"),
    ],
)
def test_unusable_input_ends_in_one_line(module, words, named, ended):
    code, said = ended({"numerics": numerics_main, "theory": theory_main}[module], words)
    assert code == 2
    assert len(said.splitlines()) == 1
    assert named in said


@pytest.mark.parametrize(
    ("module", "words", "said"),
    [
        ("numerics", ["train", *VAE, "--starts", "0"], "error: starts: "),
        ("theory", ["predict", *VAE, "colour=red"], "error: 'colour': "),
    ],
)
def test_a_module_ends_as_its_command_does(module, words, said):
    """The module is run in a process of its own."""
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(said)


def test_data_source(capsys):
    assert (
        numerics_main(
            ["train", "vae-learnable-variance", "data=digits", "latent_dim=2", "beta=0.5", "--starts", "1", "--json"]
        )
        == 0
    )
    assert len(as_json(capsys)["parameters"]["theta"]) > 50


@pytest.mark.parametrize("words", [["cvae"], ["vae-fixed-variance", "sigma=0.5"]])
def test_data_source_of_every_problem_family(words, capsys):
    assert theory_main(["predict", *words, "data=digits", "latent_dim=5", "beta=0.01", "--json"]) == 0
    assert as_json(capsys)["collapsed"].count(False) == 5


ONCE_IT_TRAINS = """
import os, sys
from numerics.training import certified
from theory.cli.entry import run

def told(*given, progress, **options):
    def told_of(*of):
        os.write({descriptor}, b"trains")
        progress(*of)

    return minimise(*given, progress=told_of, **options)

minimise, certified.minimise = certified.minimise, told
from numerics.__main__ import main
run(main)
"""
"""A program that runs the command, and writes to a pipe at each iteration of the training."""


@pytest.mark.parametrize("trains", [False, True])
def test_interruption_is_clean(trains):
    """Ctrl-C ends the command cleanly, while modules load and while training runs."""
    words = [
        "train",
        "mse-imbalanced",
        "class_counts=" + ",".join(["100"] * 40),
        "widths=40",
        "weight_decay=1e-6",
        "feature_decay=1e-6",
    ]
    reads, writes = os.pipe()
    program = ["-c", ONCE_IT_TRAINS.format(descriptor=writes)] if trains else ["-m", "numerics"]
    with subprocess.Popen(
        [sys.executable, *program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[writes],
        # Tests that are started in the background ignore Ctrl-C, and a child process would inherit this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        os.close(writes)
        if trains:
            assert os.read(reads, 6) == b"trains"
        time.sleep(0.25)
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
            os.close(reads)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1
    assert err.startswith("interrupted after" if trains else "interrupted before anything")
    assert out == ""


def test_attack(capsys):
    assert numerics_main(["attack", *VAE, "--starts", "1", "--steps", "3", "--json"]) == 0
    result = as_json(capsys)
    assert result["broken"] is None
    assert result["starts"] > 0
    assert result["margin"] > -1e-11
    cells = ["class_counts=1,1,1,1,1,1", "depth=2", "weight_decay=1e-3", "feature_decay=1e-3"]
    assert numerics_main(["attack", "ce-deep-linear", *cells, "--starts", "2"]) == 1
    assert "broken: a trained point lies below the claimed minimum" in capsys.readouterr().out


def test_the_console_command_lists_all_commands_in_one_list(capsys):
    listed = []
    for main in (theory_main, numerics_main, console_main):
        with pytest.raises(SystemExit) as caught:
            main(["--help"])
        assert caught.value.code == 0
        lines = capsys.readouterr().out.splitlines()
        listed.append(" ".join(line for line in lines if line.startswith("    ")).split())
    of_theory, of_numerics, of_both = listed
    assert of_both == of_theory + of_numerics
    assert {"list", "show", "predict", "new", "train", "certify", "conjecture", "attack"} <= set(of_both)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["predict", *VAE, "--json"], theory_main),
        (["attack", *VAE, "--starts", "1", "--steps", "1"], numerics_main),
    ],
)
def test_the_console_command_does_what_the_modules_do(words, expected, capsys):
    said = []
    for main in (console_main, expected):
        assert main(words) == 0
        said.append(re.sub(r"[\d.]+ s$", "", capsys.readouterr().out, flags=re.MULTILINE))
    assert said[0] == said[1] != ""


def test_the_console_command_knows_its_version(capsys):
    with pytest.raises(SystemExit) as caught:
        console_main(["--version"])
    assert caught.value.code == 0
    assert re.fullmatch(r"collapse-atlas \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["predict", *VAE, "colour=red"], 2, r"error: 'colour': no such parameter.*"),
        (["train", *VAE, "--starts", "0"], 2, r"error: starts: .*"),
        (["lsit"], 2, r"error: .*invalid choice: 'lsit' .*'list'.*"),
    ],
)
def test_the_console_command_says_what_is_wrong(words, code, said, ended):
    found, line = ended(console_main, words)
    assert found == code
    assert re.fullmatch(said, line.strip())


def test_the_console_command_predicts_without_torch():
    code = f"import sys; from numerics.console import main; main({['predict', *VAE]}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


MSE = ["mse-imbalanced", "class_counts=3,20,10", "feature_decay=0.02"]


def test_positions_are_those_of_the_users_list():
    """The smallest class stands first in the user's list, and last in the matrices that are compared."""
    claim = find("mse-imbalanced")
    instance = claim.problem.instance(class_counts=(3, 20, 10), weight_decay=0.02, feature_decay=0.02)
    solution = minimise(claim.problem, [instance], starts=1)
    measured = measure_starts(claim, solution)
    assert compare(claim, solution, measured)[0].failures == ()
    measured.best[claim.problem.telling][0, 2, 2] = 0.0
    failures = compare(claim, solution, measured)[0].failures
    assert failures[0] == f"predicted and trained collapse differ ({claim.problem.telling}) at positions [1]"


def test_train_counts_the_same_runs_in_starts_endings_and_reached(capsys, monkeypatch):
    from numerics.training import certified

    def counted():
        numerics_main(["train", *MSE, "weight_decay=0.02", "--starts", "3", "--json"])
        return as_json(capsys)

    once = counted()
    assert (once["starts"], once["rounds"], once["reached"]) == (3, 1, 3)
    monkeypatch.setattr(certified, "VALUE_GAP", -1.0)  # no certificate closes such a gap
    result = counted()
    assert result["rounds"] == certified.ROUNDS
    assert result["starts"] == sum(result["endings"].values()) == 3
    numerics_main(["train", *MSE, "weight_decay=0.02", "--starts", "3"])
    printed = capsys.readouterr().out
    assert "3 starts in each of 4 rounds, of the one that ended lowest: 3 reached this value; 3 converged" in printed


def test_reached_leaves_out_starts_that_ended_higher(capsys, monkeypatch):
    from numerics.training import certified

    def one_higher(*arguments, **options):
        solution = optimise.minimise(*arguments, **options)
        values = solution.values.clone()
        values[0, 1] *= 1 + 2e-10
        return dataclasses.replace(solution, values=values)

    monkeypatch.setattr(certified, "minimise", one_higher)
    numerics_main(["train", *MSE, "weight_decay=0.02", "--starts", "3", "--json"])
    assert as_json(capsys)["reached"] == 2


def interrupt(*_arguments, **_options):
    raise KeyboardInterrupt


def test_an_interruption_before_the_first_step_tells_the_value_of_the_starts(capsys, monkeypatch):
    monkeypatch.setattr(optimise.Search, "descend", interrupt)
    assert numerics_main(["train", *MSE, "weight_decay=0.02"]) == 130
    said = capsys.readouterr().err
    assert "inf" not in said
    assert re.search(r"0 of 8 runs had converged, lowest value so far [0-9.]+\n$", said)


def test_conjecture_speaks_of_all_variables_in_the_users_order(capsys):
    words = ["conjecture", *MSE, "weight_decay=0.3", "--starts", "3"]
    assert numerics_main(words) == 0
    printed = capsys.readouterr().out
    assert "W (3×3): rank 2; singular values " in printed
    assert "class means of H: rank 2; equal within each class; zero: 1; norms 0, " in printed
    assert numerics_main([*words, "--json"]) == 0
    result = as_json(capsys)
    assert [v["rank"] for v in result["variables"]] == [2, 2]
    assert [family["norms"][0] < 1e-9 for family in result["families"]] == [True, True]
    biased = ["ce-balanced-etf", "class_counts=3,3", "weight_decay=0.02", "feature_decay=0.02", "bias=true"]
    assert numerics_main(["conjecture", *biased, "--starts", "1"]) == 0
    assert "b (2×1): all entries " in capsys.readouterr().out


def test_train_and_predict_list_the_collapse_of_every_level(capsys):
    words = ["hvae-fixed-variances", "theta=1,3,0.5", "latent_dim=2,2", "sigma2=0.4"]
    assert what_is_said_to_collapse(capsys, theory_main, ["predict", *words]) == {
        "zero": {"z_2": [False, False, True], "z_1": [False, False, True]},
        "collapses": {"z_2": [False, False, False], "z_1": [False, False, True]},
    }
    assert numerics_main(["train", *words, "--json"]) == 0
    result = as_json(capsys)
    assert result["zero"] == {"z_2": [False, False, True], "z_1": [False, False, True]}
    assert result["collapsed"] == {"z_2": 0, "z_1": 0}
    assert [len(result["divergences"][level]) for level in ("z_2", "z_1")] == [2, 2]
    assert max(result["named"].values()) < 1e-6
    assert numerics_main(["train", *words]) == 0
    assert "collapsed (z_2) 0 of 2; twice their divergences " in capsys.readouterr().out


def what_is_said_to_collapse(capsys, main, words):
    assert main([*words, "--json"]) == 0
    result = as_json(capsys)
    return {name: result[name] for name in ("zero", "collapses")}


def test_predict_prints_named_results_and_ratios(capsys):
    assert (
        theory_main(["predict", "mse-imbalanced", "class_counts=3,20,10", "weight_decay=0.02", "feature_decay=0.02"])
        == 0
    )
    printed = capsys.readouterr().out
    assert "named critical_count 0.4356\n" in printed
    assert "ratio (classes) 6.88705234 45.9136823 22.9568411\n" in printed
    assert "collapsed no no no\n" in printed


SWEEP = ["conjecture", *MSE, "--starts", "3", "--sweep", "weight_decay=0.1:1:3"]


def test_a_sweep_says_where_the_structure_changes(capsys):
    assert numerics_main(SWEEP) == 0
    first, said, second, _, third = capsys.readouterr().out.splitlines()
    assert first.startswith("weight_decay=0.1  value ")
    assert said.startswith("  the structure changes between weight_decay=0.1 and 0.316228: W: rank 3 → rank 2; ")
    assert second.startswith("weight_decay=0.316228  value ")
    assert "class means of H: rank 2, zero: 1, a general orthogonal frame" in second
    assert third.startswith("weight_decay=1.0  value 0.5  W: rank 0; ")
    assert numerics_main([*SWEEP, "--json"]) == 0
    result = as_json(capsys)
    assert [row["weight_decay"] for row in result["rows"]] == [0.1, 0.316228, 1.0]
    assert [change["between"] for change in result["changes"]] == [[0.1, 0.316228], [0.316228, 1.0]]
    assert result["interrupted"] is False
    sizes = ["conjecture", *MSE, "weight_decay=1e-3", "--starts", "1", "--sweep", "widths=4:5:9"]
    assert numerics_main(sizes) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert (first[:9], second[:9], last) == ("widths=4 ", "widths=5 ", "  the structure is the same at all 2 values")


@pytest.mark.parametrize("as_json_too", [[], ["--json"]])
def test_an_interrupted_sweep_keeps_what_it_has(as_json_too, capsys, monkeypatch):
    from numerics.commands import training as commands

    left = [commands.train, commands.train, interrupt]
    monkeypatch.setattr(commands, "train", lambda *given: left.pop(0)(*given))
    assert numerics_main([*SWEEP, *as_json_too]) == 130
    printed, said = capsys.readouterr()
    assert said == "interrupted after 2 of 3 values\n"
    if as_json_too:
        assert json.loads(printed)["interrupted"] is True
        assert len(json.loads(printed)["rows"]) == 2
    else:
        assert len(printed.splitlines()) == 3


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        ("weight_decay", "sweep: 'weight_decay' is not allowed"),
        ("weight_decay=1:2", "sweep: .* is not allowed"),
        ("weight_decay=0:2:3", "sweep: .* is not allowed"),
        ("weight_decay=1:2:" + "9" * 5000, "sweep: .* is not allowed"),
        ("weight_decay=1:1:3", "sweep: .* is not allowed"),
        ("weight_decay=1:nan:3", "sweep: .* is not allowed"),
        ("weight_decay=1e-300:1e300:3", "weight_decay: '1e-300' is not allowed"),
        ("colour=1:2:3", "'colour': no such parameter"),
        ("feature_decay=1:2:3", "feature_decay: given twice"),
        ("class_counts=1:2:3", "class_counts: given twice"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_said(sweep, said):
    with pytest.raises(ParameterError, match=said):
        numerics_main(["conjecture", *MSE, "--sweep", sweep])


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_output_in_any_encoding(encoding, monkeypatch):
    """Characters that an encoding lacks are escaped, and JSON stays valid."""
    for words in (["show", "cvae"], ["show", "cvae", "--json"]):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
        monkeypatch.setattr(sys, "argv", ["theory", *words])
        with pytest.raises(SystemExit) as caught:
            run(theory_main)
        assert caught.value.code == 0
        text = written.getvalue().decode(encoding)
    assert json.loads(text)["id"] == "cvae"


def test_output_in_the_encoding_of_the_process():
    done = subprocess.run(
        [sys.executable, "-m", "theory", "show", "cvae", "--json"],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode("ascii"))["id"] == "cvae"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [["list"], ["show", "nothing"]])
def test_a_full_disk_ends_in_one_line(words):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "theory", *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
        silent = subprocess.run([sys.executable, "-m", "theory", *words], stdout=full, stderr=full, check=False)
    assert done.returncode == silent.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr == "error: output: No space left on device\n" or "nothing" in words
