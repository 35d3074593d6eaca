"""Claims from files: starting files, claims without a formula, and the messages for typical mistakes.

The module is long because all its tests start from the one claim file that stands in it.
"""

import functools
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from book.contents import OWN, chapter
from book.examples import train_example
from book.figures.tables import conjecture
from book.render.pages import page
from numerics.commands.main import main as numerics_main
from numerics.judging.conjecture import nearest_frame
from numerics.judging.validation import require_sight, require_well_posed
from proofs_check.harness.diagnosis.closer_look import diagnose
from theory import sources
from theory.__main__ import main as theory_main
from theory.claim import Verdict, add_files, find, places, registry
from theory.cli.commands import predict
from theory.cli.entry import run
from theory.cli.template import shared_derivations, starting_file, starting_points
from theory.errors import CheckFailed, ParameterError

ROOT = Path(__file__).parents[1]
QUESTION = '''"""MSE whose fit is squared once more: nothing is claimed about it."""


from theory.claim import Claim, Source, Verdict
from theory.problem import ClassCounts, Parameter, PositiveReal, Problem, Variable, WholeNumber, Width
from theory.point import Point
from theory.symbols import K, N, beta, d, feature_decay, n_k, weight_decay


def loss(xp, v, data, p):
    fit = xp.squared_norm(v.W @ v.H - data.Y) ** 2 / p[N]
    return fit + p[weight_decay] * xp.squared_norm(v.W) + p[feature_decay] * xp.squared_norm(v.H)


def bind(values):
    counts = values["class_counts"]
    decays = {weight_decay: values["weight_decay"], feature_decay: values["feature_decay"]}
    return {K: len(counts), d: values["widths"], N: sum(counts), n_k: counts, **decays}


PROBLEM = Problem(
    parameters=(
        Parameter("class_counts", ClassCounts(), "samples per class"),
        Parameter("widths", Width(), "feature dimension", default=lambda values: len(values["class_counts"])),
        Parameter("weight_decay", PositiveReal(decay=True), "weight decay"),
        Parameter("feature_decay", PositiveReal(decay=True), "feature decay"),
    ),
    variables=(Variable("W", (K, d)), Variable("H", (d, N))),
    loss=loss,
    invariants=(),
    sorted_parameter="class_counts",
    tied=n_k,
    bind=bind,
    data=lambda xp: Point(Y=xp.labels()),
)
CLAIM = Claim(
    id="squared-mse",
    title="MSE squared",
    source=Source("nobody", "a question", "unpublished", "none"),
    verdict=Verdict.OPEN,
    statement="What are the minimisers?",
    problem=PROBLEM,
)
'''
AT = {"class_counts": (5, 3, 1), "weight_decay": 0.01, "feature_decay": 0.01}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return a function that writes a file and adds its claims to the registry until the test ends."""
    monkeypatch.setenv(sources.FILES, "")

    def take_up(text):
        path = tmp_path / f"own_{len(list(tmp_path.iterdir()))}.py"
        path.write_text(text, encoding="utf-8")
        add_files([path])
        return path

    yield take_up
    places.cache_clear()


def in_its_place(text, old, new):
    assert text.count(old) == 1
    return text.replace(old, new)


def test_help_says_which_claims_to_start_from(capsys):
    """The help lists the claims that derive and bound in their own file, and apart from them those that share a derivation."""
    with pytest.raises(SystemExit) as caught:
        theory_main(["new", "--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    offered = starting_points()
    assert "mse-imbalanced" in offered
    assert "ce-balanced-etf" not in offered
    assert list(offered.values()) == sorted(offered.values())
    for claim_id, claim in registry().items():
        lines = f"{offered[claim_id]}  " if claim_id in offered else ""
        assert re.search(rf"^  {claim_id} +{lines}{re.escape(claim.name)}$", said, re.MULTILINE)
        assert bool(shared_derivations(claim)) == (claim_id not in offered)


def test_a_claim_that_leaves_its_derivation_to_others_says_where_it_is(tmp_path, capsys):
    assert theory_main(["new", "my-setting", "--like", "cvae", "--out", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("wrote ")
    assert "theory.posterior_collapse.learnable_variance.chain" in second
    assert "mse-imbalanced" in second
    assert theory_main(["new", "my-setting-2", "--like", "mse-imbalanced", "--out", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_claims_of_ones_own_are_starting_points_too(own):
    """A file that imports its derivation is told from a file that derives, whatever the file is called."""
    own(starting_file("my-own", find("ce-imbalanced-relu"), "my_own.py"))
    own(starting_file("my-shared", find("mse-imbalanced-relu"), "my_shared.py"))
    assert "my-own" in starting_points()
    assert shared_derivations(find("my-shared")) == ["theory.neural_collapse.mse_imbalanced.derive"]


def user_runs(*words, folder):
    """Run a module as a user does, in a process of its own."""
    here = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", *words], env=here, cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_file_is_not_overwritten_and_a_folder_not_invented(tmp_path, capsys):
    assert theory_main(["new", "my-setting", "--like", "cvae", "--out", str(tmp_path)]) == 0
    with pytest.raises(ParameterError, match="exists already"):
        theory_main(["new", "my-setting", "--like", "cvae", "--out", str(tmp_path)])
    with pytest.raises(ParameterError, match=r"out: .* is a folder that exists"):
        theory_main(["new", "my-setting", "--like", "cvae", "--out", str(tmp_path / "no")])
    with pytest.raises(ParameterError, match="id: 'My setting'"):
        theory_main(["new", "My setting", "--like", "cvae", "--out", str(tmp_path)])
    with pytest.raises(ParameterError, match=r"id: 'cvae' .* no claim has yet"):
        theory_main(["new", "cvae", "--like", "cvae", "--out", str(tmp_path)])


def test_a_claim_without_a_formula_is_trained_and_described(own, capsys):
    path = own(QUESTION)
    words = [f"{name}={','.join(map(str, v)) if isinstance(v, tuple) else v}" for name, v in AT.items()]
    assert numerics_main(["conjecture", "squared-mse", *words, "--claims", str(path), "--starts", "3"]) == 0
    printed = capsys.readouterr().out
    assert "no lower bound applies" in printed
    assert "class means of H: rank 3; equal within each class" in printed
    assert "it is a general orthogonal frame" in printed
    assert numerics_main(["train", "squared-mse", *words, "--starts", "2"]) == 0
    assert theory_main(["show", "squared-mse"]) == 0
    with pytest.raises(ParameterError, match="claims nothing that could be broken"):
        numerics_main(["attack", "squared-mse", *words])
    with pytest.raises(ParameterError, match="no lower bound to certify with"):
        numerics_main(["certify", "squared-mse", *words, "--starts", "2"])


def test_the_book_has_a_page_for_it(own):
    own(QUESTION)
    claim = find("squared-mse")
    assert chapter(claim) == OWN
    text = page("claim", claim=claim)
    assert "Nothing is claimed" in text
    assert "## Derivation" not in text
    shown = conjecture(train_example("squared-mse")).data
    assert "<li>class means of H: rank" in shown


MISTAKES = {
    "wrong shape": ("v.W @ v.H", "v.H @ v.W", r"squared-mse: loss: shapes do not fit \(W is 3×3, H is 3×9\)"),
    "singular matrix": (
        "v.W @ v.H",
        "xp.solve(0 * v.W, v.W) @ v.H",
        r"squared-mse: loss: a matrix is singular at a random point: .*linalg.solve",
    ),
    "undeclared parameter": ("p[weight_decay]", "p[beta]", r"loss: p\[beta\] is not bound; bind gives K, d, N"),
    "undeclared variable": ("v.W @ v.H", "v.V @ v.H", r"line 11: .*v.V is not declared; the variables are W, H"),
    "unknown operation": ("fit = xp.squared_norm", "fit = xp.frobenius", "xp.frobenius is not an operation; there are"),
    "loss not a number": (
        "return fit + p[weight_decay] * xp.squared_norm(v.W)",
        "return v.W; fit",
        r"loss: gives \(3, 3\) at a point, and has to give one number",
    ),
    "loss not finite": ("/ p[N]", "/ 0", "loss: is inf at a random point, and has to be finite"),
}


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES.values(), ids=MISTAKES)
def test_what_cannot_be_evaluated_is_said_in_one_line(old, new, said, own):
    own(in_its_place(QUESTION, old, new))
    claim = find("squared-mse")
    with pytest.raises(ParameterError, match=said) as caught:
        require_well_posed(claim, claim.problem.instance(**AT))
    assert "\n" not in str(caught.value)


SOFT = {
    "a domain beyond what its symbol allows": (
        ('"weight_decay", PositiveReal(decay=True)', '"weight_decay", RealBetween(-1, 1)'),
        ("PositiveReal, Problem", "PositiveReal, Problem, RealBetween"),
        r"weight_decay: may be -1 .*, and lambda_W is assumed to lie strictly between 0 and inf",
    ),
    "directions tied that differ": (
        ("n_k: counts", "n_k: counts, layer_decay: (1.0,) * len(counts)"),
        ("tied=n_k", "tied=layer_decay"),
        ("feature_decay, n_k", "feature_decay, layer_decay, n_k"),
        r"lambda, which is tied, is the same for directions 1 and 2, and class_counts is not",
    ),
    "an invariant that sees nothing": (
        (
            "invariants=()",
            'invariants=(Invariant("gram", "nothing", lambda xp, v, data, p: 0 * v.W @ xp.transpose(v.W)),)',
        ),
        ("import ClassCounts", "import ClassCounts, Invariant"),
        r"invariant gram: is the same at two random points",
    ),
}


@pytest.mark.parametrize("mistake", SOFT.values(), ids=SOFT)
def test_what_would_hide_a_mistake_is_said_in_one_line(mistake, own):
    *changes, said = mistake
    own(functools.reduce(lambda text, change: in_its_place(text, *change), changes, QUESTION))
    claim = find("squared-mse")
    instance = claim.problem.instance(**AT)
    with pytest.raises(ParameterError, match=said):
        (require_well_posed(claim, instance), require_sight(claim, instance))


UNBOUND = {
    "a size forgotten": ('d: values["widths"], ', "", r"variable W: its size 'd' is no integer here; .* gives K, N, n"),
    "a list forgotten": (", n_k: counts", "", r"squared-mse: data: .*own_0.py, line 34: KeyError: n"),
    "bind does not run": ('values["class_counts"]\n', 'values["counts"]\n', r"bind: .*line 16: KeyError: 'counts'"),
    "bind gives nothing": ("return {K", "return None and {K", r"bind: 'None' is not allowed; bind gives a dictionary"),
    "a default does not run": (
        'len(values["class_counts"])',
        'len(values["k"])',
        r"widths: default: .*line 24: KeyError",
    ),
    "exists does not run": ("(K, d))", '(K, d), exists=lambda v: v["k"])', r"W: exists: .*line 28: KeyError: 'k'"),
    "a loss that exits": ("fit = xp", "raise SystemExit(0); fit = xp", r"loss: .*line 11: SystemExit: 0"),
    "nothing tied": ("tied=n_k", "tied=None", r"squared-mse: tied: None is not bound; bind gives K, d, N, n"),
}


@pytest.mark.parametrize(("old", "new", "said"), UNBOUND.values(), ids=UNBOUND)
def test_what_bind_forgets_ends_in_one_line(old, new, said, own, capsys):
    own(in_its_place(QUESTION, old, new))
    words = ["class_counts=5,3,1", "weight_decay=0.01", "feature_decay=0.01"]
    with pytest.raises(SystemExit) as caught:
        run(lambda _: numerics_main(["train", "squared-mse", *words, "--starts", "1"]))
    output = capsys.readouterr()
    assert caught.value.code == 2
    assert len(output.err.splitlines()) == 1
    assert re.search(said, output.err)


def test_a_path_may_hold_any_sign(tmp_path, monkeypatch):
    """A path may hold the signs that separate paths in a list, in this process and in processes that it starts."""
    monkeypatch.setenv(sources.FILES, "")
    folder = tmp_path / "a:b;c\nd"
    folder.mkdir()
    (folder / "own.py").write_text(QUESTION, encoding="utf-8")
    done = user_runs("theory", "show", "squared-mse", "--claims", str(folder / "own.py"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    add_files([folder / "own.py"])
    assert user_runs("theory", "show", "squared-mse", folder=tmp_path).returncode == 0
    monkeypatch.setenv(sources.FILES, "/some/where:/else")
    with pytest.raises(ParameterError, match=f"{sources.FILES}: '/some/where:/else' is not allowed; .* is a JSON list"):
        sources.add_files([])
    monkeypatch.setenv(sources.FILES, "")
    places.cache_clear()


FILES_THAT_GIVE_NOTHING = {
    "exits": (b"import sys\nsys.exit(0)", r"own.py, line 2: SystemExit: 0"),
    "another encoding": ('CLAIM = "Müller"'.encode("latin-1"), r"SyntaxError: .*(utf-8|encoding)"),
    "zeros": (b"CLAIM\0= 1", r"null bytes"),
    "wrong type": (b"CLAIM = 3", r"own.py defines no claim"),
    "empty": (b"", r"own.py defines no claim"),
    "an error of many lines": (b"raise ValueError('a\\n' * 5000)", r"ValueError: a a a"),
}


@pytest.mark.parametrize(("text", "said"), FILES_THAT_GIVE_NOTHING.values(), ids=FILES_THAT_GIVE_NOTHING)
def test_a_file_of_any_kind_ends_in_one_line(text, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(sources.FILES, "")
    path = tmp_path / "own.py"
    path.write_bytes(text)
    with pytest.raises(SystemExit) as caught:
        run(lambda _: theory_main(["list", "--claims", str(path)]))
    monkeypatch.setenv(sources.FILES, "")
    places.cache_clear()
    output = capsys.readouterr()
    assert caught.value.code == 2
    assert len(output.err.splitlines()) == 1
    assert len(output.err) < 1000
    assert re.search(said, output.err)


def test_a_started_file_takes_over_whatever_its_model_says(own, tmp_path):
    """The model may have no docstring, a docstring with backslashes or in single quotes, or an encoding of its own."""
    bare = QUESTION.partition("\n\n")[2].replace('id="squared-mse"', "id='squared-mse'")
    own(bare)
    text = starting_file("my-setting", find("squared-mse"), "my_setting.py")
    assert "from theory.point import Point" in text
    assert 'id="my-setting"' in text
    deep = QUESTION.replace('"""MSE', 'r"""MSE', 1).replace(
        ": nothing is claimed about it.", ".\n\nNot \\underline nor \\x."
    )
    own(deep.replace("squared-mse", "deeper-mse"))
    compile(starting_file("my-setting", find("deeper-mse"), "it's \\x.py"), "my_setting.py", "exec")
    latin = tmp_path / "latin.py"
    latin.write_bytes(
        ("# -*- coding: latin-1 -*-\n" + QUESTION.replace("squared-mse", "latin-mse")).encode("latin-1") + b"# \xe9"
    )
    add_files([latin])
    assert "é" in starting_file("my-setting", find("latin-mse"), "my_setting.py")


@pytest.mark.parametrize("folder", ["a" * 300, "/proc", "/dev/null", "no/such", "nul\0"])
def test_a_folder_that_cannot_be_written_to_is_said(folder):
    with pytest.raises(ParameterError, match=r"^out: "):
        theory_main(["new", "my-setting", "--like", "cvae", "--out", folder])
    with pytest.raises(ParameterError, match=r"^out: .*File name too long"):
        theory_main(["new", "a" * 300, "--like", "cvae"])


UNREADABLE = {
    "syntax": ("CLAIM = Claim(", "CLAIM = = Claim(", r"line 36: SyntaxError"),
    "no claim": ("CLAIM = Claim(", "THING = Claim(", r"defines no claim; it has to end in CLAIM"),
    "name taken": ('id="squared-mse"', 'id="cvae"', r"the id 'cvae' is taken, by theory.posterior_collapse.cvae"),
    "bad id": ('id="squared-mse"', 'id="Squared MSE"', r"id: 'Squared MSE' is not allowed"),
    "empty domain": ("ClassCounts(), ", "WholeNumber(5, 3), ", r"line 23: domain: an integer from 5 to 3 is empty"),
    "verdict without a proof": ("Verdict.OPEN", "Verdict.HOLDS", r"verdict: 'HOLDS' is not allowed"),
    "refuted by nothing": ("Verdict.OPEN", "Verdict.REFUTED", r"verdict: 'REFUTED' is not allowed"),
    "a second sorted list": (
        '"weight_decay", PositiveReal(decay=True)',
        '"weight_decay", ClassCounts()',
        r"weight_decay: its domain ClassCounts is for the list that is sorted, which is class_counts",
    ),
    "misspelt import": (
        "import Claim, Source",
        "import Clam, Source",
        r"line 4: ImportError: cannot import name 'Clam'",
    ),
}


@pytest.mark.parametrize(("old", "new", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_gives_no_claim_ends_in_one_line(old, new, said, own, capsys):
    own(in_its_place(QUESTION, old, new))
    with pytest.raises(SystemExit) as caught:
        run(lambda _: theory_main(["list"]))
    output = capsys.readouterr()
    assert caught.value.code == 2
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert re.search(said, output.err)


def test_a_refuted_claim_cannot_be_said_to_hold():
    with pytest.raises(ParameterError, match="verdict: 'HOLDS' is not allowed"):
        replace(find("ce-deep-linear"), verdict=Verdict.HOLDS)


@pytest.fixture
def started():
    return starting_file("my-setting", find("mse-imbalanced"), "my_setting.py")


def test_a_wrong_step_is_named(own, started, capsys):
    own(in_its_place(started, "q_k[k] / (sp.sqrt(n_k[k]) * w)", "q_k[k] / w"))
    with pytest.raises(SystemExit) as caught:
        run(lambda _: theory_main(["show", "my-setting"]))
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith("check failed: step 'reduction' fails: At W = diag(w_k)")


def test_a_bound_that_rests_on_nothing_is_located(own, started):
    own(in_its_place(started, "(MIRSKY.name,)", '("some lemma",)'))
    with pytest.raises(ParameterError, match=r"my-setting: .*line \d+: ValueError: bound .* rests on \['some lemma'\]"):
        assert find("my-setting").prediction


def test_a_formula_with_a_symbol_that_nothing_binds_is_named(own, started):
    own(in_its_place(started, "residual / (2 * N) + decay", "positive('c') * residual + decay"))
    claim = find("my-setting")
    with pytest.raises(ParameterError, match="bound nuclear-norm form: c has no value"):
        require_well_posed(claim, claim.problem.instance(**AT))


WHOLE = "(Piece(summand, sp.Integer(0)),)"
ONE = "sp.Integer(1)"


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (f"(Piece(summand, sp.Integer(0), {ONE}), Piece(summand, 2 * {ONE}))", "nothing is said between 1 and 2"),
        ("(Piece(summand, sp.Integer(0), sp.sqrt(n_k[k]) / 2),)", "Beyond its upper end the last piece rises"),
    ],
)
def test_pieces_that_leave_something_out_are_rejected(own, started, pieces, said):
    own(in_its_place(started, WHOLE, pieces))
    with pytest.raises(CheckFailed, match=said):
        find("my-setting").proof.check()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "xp.squared_norm(v.W @ v.H - data.Y)",
            "CLAIM.problem.loss(xp, v, data, p)",
            "statistic R: is the loss itself",
        ),
        ("reading=s[k]", "reading=s[k] - 100", "below the lower end of its first piece at a random point"),
    ],
)
def test_a_chain_that_says_nothing_is_rejected(own, started, old, new, said):
    own(in_its_place(started, old, new))
    claim = find("my-setting")
    with pytest.raises(ParameterError, match=said):
        require_well_posed(claim, claim.problem.instance(**AT))


def test_a_statement_names_what_the_derivation_named(own, started):
    own(in_its_place(started, "{singular_value}", "{size}"))
    with pytest.raises(ParameterError, match="my-setting: statement: 'size' is not named; named are singular_value, "):
        find("my-setting").rendered_statement()


def test_directions_that_do_not_match_are_named(own, started, capsys):
    own(
        in_its_place(
            started,
            "Threshold(minimum.ratio, k, K, tuned",
            "Threshold(minimum.ratio.subs(k, 1), k, 1, tuned",
        )
    )
    claim = find("my-setting")
    instance = claim.problem.instance(**AT)
    with pytest.raises(ParameterError, match="threshold of the claim: has 1 directions where n, which is tied, has 3"):
        require_well_posed(claim, instance)
    with pytest.raises(ParameterError, match="collapsed: has 1 entries, and class_counts has 3"):
        predict(claim, instance)


def test_an_installed_package_offers_its_claims(own, monkeypatch):
    path = own(QUESTION)
    claim = find("squared-mse")
    monkeypatch.setenv(sources.FILES, "")
    offered = SimpleNamespace(value="a_package.squared:CLAIM", load=lambda: claim)
    monkeypatch.setattr(sources, "entry_points", lambda group: [offered] if group == sources.PACKAGES else [])
    places.cache_clear()
    assert places()["squared-mse"] == ("a_package.squared:CLAIM", claim)
    with pytest.raises(ParameterError, match=r"the id 'squared-mse' is taken, by a_package.squared:CLAIM"):
        (add_files([path]), registry())


def test_a_bound_above_the_loss_is_the_first_link_to_fail(own, started):
    own(in_its_place(started, "residual / (2 * N) + decay", "residual / N + decay"))
    said = diagnose(find("my-setting"))
    assert said.startswith("first failing link of the chain: 'nuclear-norm form' is")
    assert "above 'loss'" in said


def with_a_wrong_factor(started):
    """Return the starting file with a predicted value that is K − 1 times too large."""
    value = "        {}summed,\n        Threshold("
    return in_its_place(started, value.format(""), value.format("(K - 1) * "))


def test_a_missing_factor_is_recognised_with_both_sides_shown(own, started):
    own(with_a_wrong_factor(started))
    said = diagnose(find("my-setting"))
    assert "value differs: trained / predicted = 1/(K - 1)" in said
    assert "mean_logits and within_class_scatter agree there" in said
    assert "trained   " in said


@pytest.mark.parametrize("size", [2, 3, 6])
def test_frames_are_named(size):
    lengths = torch.linspace(1, 2, size, dtype=torch.float64)
    simplex = (size * torch.eye(size, dtype=torch.float64) - 1) / (size - 1)
    frames = {
        "an orthogonal frame": 3 * torch.eye(size, dtype=torch.float64),
        "a general orthogonal frame": lengths.diag(),
        "a simplex ETF": 0.5 * simplex,
        "one vector for all": torch.ones(size, size, dtype=torch.float64),
        "a simplex with unequal lengths": torch.outer(lengths, lengths) * simplex,
    }
    for name, gram in frames.items():
        assert nearest_frame(gram) == (name, pytest.approx(0.0, abs=1e-12))
    lopsided = torch.outer(lengths, lengths) + torch.diag(lengths**4)
    assert nearest_frame(lopsided)[1] > 0.1
