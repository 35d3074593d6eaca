"""The command lines: formats, exit codes, and interruption."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from numerics.__main__ import main as numerics_main
from numerics.console import main as console_main
from theory.__main__ import main as theory_main
from theory.claim import registry

VAE = ["vae-learnable-variance", "theta=3,1,0.5", "latent_dim=2"]


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
    assert result.keys() == {"id", "parameters", "value", "invariants", "collapsed"}
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
    from numerics import optimise, training

    def too_short(*arguments, **options):
        return optimise.minimise(*arguments, **options, max_iterations=1)

    monkeypatch.setattr(training, "minimise", too_short)
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
def test_unusable_input_ends_in_one_line(module, words, named):
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert named in done.stderr


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


@pytest.mark.parametrize("delay", [0.3, 8.0])
def test_interruption_is_clean(delay):
    """Ctrl-C while modules load, and while training runs."""
    words = [
        "train",
        "mse-imbalanced",
        "class_counts=" + ",".join(["100"] * 40),
        "widths=40",
        "weight_decay=1e-6",
        "feature_decay=1e-6",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "numerics", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever started the tests in the background made them deaf to Ctrl-C, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1
    assert err.startswith("interrupted")
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
        (["lsit"], 2, r"usage: .*\n.*invalid choice: 'lsit' .*'list'.*'attack'.*"),
    ],
)
def test_the_console_command_says_what_is_wrong(words, code, said):
    start = "from numerics.console import start; start()"
    done = subprocess.run([sys.executable, "-c", start, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert re.fullmatch(said, done.stderr.strip())


def test_the_console_command_predicts_without_torch():
    code = f"import sys; from numerics.console import main; main({['predict', *VAE]}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
