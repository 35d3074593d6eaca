"""Command lines drawn at random: each ends with a documented exit code and at most one line of error, never with a traceback."""

import io
import os
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from numerics.commands.main import main as numerics_main
from theory import sources
from theory.claim import places, registry
from theory.cli.commands import main as theory_main
from theory.cli.entry import CHECK_FAILED, DONE, INTERRUPTED, UNUSABLE_INPUT, run

EXAMPLES = int(os.environ.get("COLLAPSE_ATLAS_FUZZ", "200"))
"""Number of command lines drawn. The environment variable sets another number, such as thousands for a long search."""
SEED = 20240607
LONGEST_ECHO = 200
"""Largest number of characters of one given word that a message may repeat in a row."""

CLAIMS = registry()
SMALL = {
    "class_counts": ["2,2", "1,1", "3,1", "1,3,2"],
    "theta": ["2,1", "1,3", "1"],
    "latent_dim": ["1", "2", "1,1"],
    "regression": ["1,0;0,1", "1;2", "0;0;1"],
    "soft_labels": ["0.9,0.1;0,1", "1/3,2/3;0.5,0.5", "1,0,0;0,1,0;0.2,0.2,0.6", "0.5,0.5;0.5,0.5"],
    "weight_decay": ["0.1", "1e-3", "7"],
    "feature_decay": ["0.1", "2"],
    "widths": ["1", "2", "3,2"],
    "depth": ["1", "2"],
    "bias": ["true", "false"],
    "smoothing": ["0.1"],
    "beta": ["0.5", "2"],
    "beta2": ["3"],
    "sigma": ["0.5", "0.5,1"],
}
"""Values that some claim takes, small enough to be trained within a moment."""
EXTREME = [
    "",
    "0",
    "-1",
    "nan",
    "inf",
    "1e-50",
    "1e50",
    "1e400",
    "1" * 5000,
    "1e9,1e9",
    "1," * 3000 + "1",
    "1;2,3",
    ";",
    ",",
    "=",
    "²",
]
STRANGE = [
    "",
    " ",
    "-",
    "--",
    "-x",
    "=",
    "a=",
    "\0",
    "\n",
    "a\nb=1",
    "\udc80",
    "\ud800",
    "é\u2028",
    "𝕊" * 300,
    "x" * 5000,
    "'\"" * 50,
]


def words_from(*texts):
    return st.sampled_from([word for text in texts for word in text])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write files and folders of every kind, and return their paths, which are drawn as words of a command line."""
    folder = tmp_path_factory.mktemp("a:b c")
    contents = {
        "exits.py": b"import sys\nsys.exit(0)",
        "syntax.py": b"x = = 1",
        "latin.py": 'CLAIM = "é"'.encode("latin-1"),
        "zeros.py": b"x = 1\0",
        "wrong.py": b"CLAIM = 3",
        "not_python.txt": b"CLAIM",
        "raises.py": b"raise RuntimeError('a\\nb' * 1000)",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [*(str(folder / name) for name in contents), str(folder), str(folder / ("n" * 300)), "/proc", "/dev/full"]


def assignments():
    small = words_from([f"{name}={value}" for name, values in SMALL.items() for value in values])
    extreme = st.tuples(st.sampled_from([*SMALL, "data", "colour"]), st.sampled_from(EXTREME)).map("=".join)
    free = st.tuples(st.text(max_size=12), st.text(max_size=12)).map("=".join)
    return st.one_of(small, small, small, extreme, free, words_from(STRANGE), st.just("data=digits"))


@st.composite
def whole_problems(draw):
    """Draw a claim with most of its parameters, so that the problem can usually be trained."""
    claim_id, claim = draw(st.sampled_from(list(CLAIMS.items())))
    given = [p.name for p in claim.problem.parameters if p.name in SMALL and draw(st.integers(0, 9))]
    return [claim_id, *(f"{name}={draw(st.sampled_from(SMALL[name]))}" for name in given)]


THEORY = ["list", "show", "predict", "new"]
NUMERICS = ["train", "certify", "conjecture", "attack"]


def one_in(number, strategy):
    """Draw from a strategy of lists once in ``number`` times, and an empty list otherwise."""
    return st.integers(1, number).flatmap(lambda drawn: strategy if drawn == number else st.just([]))


def options(files, command):
    """Draw options of a command, sometimes an option that the command does not have, and sometimes a word that is no option."""
    numbers = words_from(["0", "1", "2", "10"], ["-1", "x", "9" * 5000, "1e3", "", "1" * 9])
    paths = st.one_of(st.sampled_from(files), words_from(STRANGE))
    sweeps = words_from(STRANGE, ["widths=1:2:2", "beta=1:0:3", "beta=1:2:2", "beta=1:2:" + "9" * 5000])
    values = {
        "--seed": numbers,
        "--steps": numbers,
        "--device": words_from(["cpu", "cpu", "auto", "tpu"], STRANGE[:3]),
        "--sweep": sweeps,
        "--claims": paths,
        "--out": paths,
        "--like": st.one_of(paths, st.sampled_from(list(CLAIMS))),
    }
    own = {"conjecture": ["--sweep"], "attack": ["--seed", "--steps"], "new": ["--like"]}.get(command, [])
    own += ["--claims"] + ["--seed", "--device"] * (command in NUMERICS[:3])
    fitting = st.sampled_from(own).flatmap(lambda name: values[name].map(lambda value: [name, value]))
    foreign = st.sampled_from(list(values)).flatmap(lambda name: values[name].map(lambda value: [name, value]))
    strays = words_from(STRANGE, ["--help", "--claims", "--see", "--s=" + "x" * 5000]).map(lambda word: [word])
    as_json = st.just([] if command == "new" else ["--json"])
    return st.tuples(one_in(2, as_json), one_in(3, fitting), one_in(9, foreign), one_in(9, strays)).map(
        lambda lists: [word for words in lists for word in words]
    )


@st.composite
def command_lines(draw, files):
    """Draw a main function and its words. Training takes one start, and descent takes two steps."""
    command = draw(words_from(2 * THEORY, 4 * NUMERICS, STRANGE[:3]))
    claim_id, *problem = draw(st.one_of(whole_problems(), whole_problems(), st.lists(assignments(), min_size=1)))
    words = {
        "list": [],
        "show": [claim_id],
        "new": [draw(words_from(["my-setting"], STRANGE)), "--like", draw(st.sampled_from(list(CLAIMS)))],
    }.get(command, [claim_id, *problem])
    words += draw(one_in(5, st.lists(assignments(), min_size=1, max_size=1)))
    words += draw(options(files, command))
    if command == "new":
        writable = str(Path(files[0]).parent)
        words += [
            "--out",
            draw(words_from([writable] * 9, files)),
        ]  # the last --out counts, so nothing is written anywhere else
    if command in NUMERICS:
        words += ["--starts", draw(words_from(["1"] * 9, ["0", "9" * 5000]))]
    if command == "attack":
        words += ["--steps", "2"]
    mains = [theory_main] * (command not in NUMERICS) + [numerics_main] * (command not in THEORY)
    return draw(st.sampled_from(mains)), [command, *words]


def ended(main, words):
    """Return exit code, standard output and standard error of a command line, run as a user does."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as caught:
        run(lambda _: main(words))
    return caught.value.code, out.getvalue(), err.getvalue()


def test_a_command_line_ends_in_a_code_and_one_line(files, monkeypatch):
    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(command_lines(files))
    def holds(line):
        main, words = line
        monkeypatch.setenv(sources.FILES, "")
        # Earlier commands wrote files, and Python compiles what it imports into a folder beside it.
        for made in Path(files[0]).parent.iterdir():
            if str(made) not in files:
                shutil.rmtree(made) if made.is_dir() else made.unlink()
        code, out, err = ended(main, words)
        assert code in {DONE, CHECK_FAILED, UNUSABLE_INPUT, INTERRUPTED}
        assert "Traceback" not in out + err
        if code == UNUSABLE_INPUT:
            assert len(err.splitlines()) == 1
            assert out == ""
        for word in words:
            for part in re.findall(rf"\S{{{LONGEST_ECHO + 1},}}", word):
                assert part[: LONGEST_ECHO + 1] not in out + err

    try:
        holds()
    finally:
        monkeypatch.setenv(sources.FILES, "")
        places.cache_clear()
