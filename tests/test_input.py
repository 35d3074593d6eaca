"""Bad input gives one clear line with parameter, value and domain: a ValueError in Python, exit code 2 on the command line."""

import re
import shlex
from fractions import Fraction

import pytest

from numerics.__main__ import main as numerics_main
from numerics.backends.bindings import stack_bindings
from numerics.training.optimise import minimise
from theory.__main__ import main as theory_main
from theory.claim import find
from theory.cli.arguments import parse_assignments, written_parameters
from theory.cli.entry import run
from theory.problem import RealBetween

GOOD = {
    "mse-imbalanced": {"class_counts": "3,2,1", "weight_decay": "0.1", "feature_decay": "0.1"},
    "ce-imbalanced-relu": {"class_counts": "3,2,1", "weight_decay": "0.1", "feature_decay": "0.1"},
    "ce-balanced-etf": {"class_counts": "2,2", "weight_decay": "0.1", "feature_decay": "0.1"},
    "ce-label-smoothing": {
        "class_counts": "2,2",
        "weight_decay": "0.1",
        "feature_decay": "0.1",
        "smoothing": "0.1",
    },
    "ce-soft-labels": {
        "class_counts": "2,5",
        "soft_labels": "0.9,0.1;0.25,0.75",
        "weight_decay": "0.1",
        "feature_decay": "0.1",
    },
    "spectral-contrastive": {"theta": "3,2,1"},
    "supcon-relu": {"class_counts": "4,3,2", "temperature": "0.1"},
    "vae-learnable-variance": {"theta": "3,2,1"},
    "vae-information-weights": {"theta": "3,2,1"},
    "vae-learnable-decoder-covariance": {"theta": "3,2,1", "beta": "1.5"},
    "vae-learnable-decoder-variance": {"theta": "3,2,1", "latent_dim": "2"},
    "vae-fixed-variance": {"theta": "3,2,1", "sigma": "0.5,1"},
    "cvae": {"theta": "3,2,1", "regression": "1,0;0,1;2,-1"},
    "cvae-fixed-variance": {"theta": "3,2,1", "regression": "1,0;0,1;2,-1", "sigma": "0.5,1"},
    "hvae-learnable-top-variance": {"theta": "3,2,1"},
    "hvae-learnable-variances": {"theta": "3,2,1", "beta1": "0.5", "beta2": "0.6"},
}
BAD = [
    ("mse-imbalanced", "weight_decay", "-1"),
    ("mse-imbalanced", "weight_decay", "0"),
    ("mse-imbalanced", "weight_decay", "nan"),
    ("mse-imbalanced", "weight_decay", "inf"),
    ("mse-imbalanced", "weight_decay", "abc"),
    ("mse-imbalanced", "weight_decay", ""),
    ("mse-imbalanced", "class_counts", "3,0"),
    ("mse-imbalanced", "class_counts", "3,2.5"),
    ("mse-imbalanced", "class_counts", "3"),
    ("mse-imbalanced", "class_counts", "3,,2"),
    ("mse-imbalanced", "widths", "0"),
    ("mse-imbalanced", "widths", "1.5"),
    ("mse-imbalanced", "depth", "2"),
    ("ce-imbalanced-relu", "widths", "2"),
    ("ce-balanced-etf", "class_counts", "2,3"),
    ("ce-balanced-etf", "bias", "perhaps"),
    ("ce-label-smoothing", "smoothing", "0"),
    ("ce-label-smoothing", "smoothing", "1"),
    ("ce-label-smoothing", "smoothing", "-0.1"),
    ("ce-label-smoothing", "smoothing", "nan"),
    ("ce-label-smoothing", "smoothing", "0.1,0.2"),
    ("ce-soft-labels", "soft_labels", "0.9,0.1"),
    ("ce-soft-labels", "soft_labels", "0.9,0.1;0.25,0.75;0,1"),
    ("ce-soft-labels", "soft_labels", "0.9,0.1,0;0.25,0.75,0;0,0,1"),
    ("ce-soft-labels", "soft_labels", "0.9,0.2;0.25,0.75"),
    ("ce-soft-labels", "soft_labels", "0.9,0.1000000001;0.25,0.75"),
    ("ce-soft-labels", "soft_labels", "1.1,-0.1;0.25,0.75"),
    ("ce-soft-labels", "soft_labels", "0.5,0.5;1/2,1/2"),
    ("ce-soft-labels", "soft_labels", "0.5,0.5;0.5000009,0.4999991"),
    ("ce-soft-labels", "soft_labels", "1/0,1;0.25,0.75"),
    ("ce-soft-labels", "soft_labels", "1/2/3,5/6;0.25,0.75"),
    ("ce-soft-labels", "soft_labels", "1e-999999999,1;0.25,0.75"),
    ("ce-soft-labels", "soft_labels", "nan,1;0.25,0.75"),
    ("ce-soft-labels", "soft_labels", "0.9,x;0.25,0.75"),
    ("ce-soft-labels", "soft_labels", ""),
    ("supcon-relu", "class_counts", "3,1"),
    ("supcon-relu", "widths", "2"),
    ("supcon-relu", "temperature", "0.04"),
    ("supcon-relu", "temperature", "101"),
    ("vae-learnable-variance", "theta", "3,0"),
    ("vae-learnable-variance", "theta", "3,-1"),
    ("vae-learnable-variance", "latent_dim", "0"),
    ("vae-learnable-variance", "beta", "NaN"),
    ("vae-information-weights", "beta_tc", "0"),
    ("vae-information-weights", "beta", "1"),
    ("spectral-contrastive", "eta_diff", "0"),
    ("spectral-contrastive", "eta_diff", "-1"),
    ("spectral-contrastive", "theta", "3,0"),
    ("spectral-contrastive", "latent_dim", "0"),
    ("vae-learnable-decoder-covariance", "beta", "1"),
    ("vae-learnable-decoder-covariance", "beta", "0.5"),
    ("vae-learnable-decoder-covariance", "beta", "-2"),
    ("vae-learnable-decoder-covariance", "beta", "nan"),
    ("vae-learnable-decoder-covariance", "beta", "2e50"),
    ("vae-learnable-decoder-covariance", "eta_dec", "1"),
    ("vae-learnable-decoder-variance", "latent_dim", "0"),
    ("vae-learnable-decoder-variance", "latent_dim", "3"),
    ("vae-learnable-decoder-variance", "eta_dec", "1"),
    ("vae-fixed-variance", "sigma", "0.5,0"),
    ("vae-fixed-variance", "sigma", "0.5,,1"),
    ("vae-fixed-variance", "sigma", "0.5,-1"),
    ("cvae", "regression", "1,0;0,1"),
    ("cvae", "regression", "1,0;0,1;2"),
    ("cvae", "regression", "1,0;0,1;2,x"),
    ("cvae", "regression", "1,0;0,1;2,inf"),
    ("cvae", "regression", ""),
    ("cvae-fixed-variance", "regression", "1,0;0,1"),
    ("cvae-fixed-variance", "sigma", "0"),
    ("hvae-learnable-top-variance", "latent_dim", "2"),
    ("hvae-learnable-top-variance", "latent_dim", "2,0"),
    ("hvae-learnable-top-variance", "latent_dim", "4,1"),
    ("hvae-learnable-top-variance", "sigma1", "0"),
    ("hvae-learnable-variances", "beta2", "0.5"),
    ("hvae-learnable-variances", "beta2", "0.4"),
    ("hvae-learnable-variances", "beta2", "0"),
    ("hvae-learnable-variances", "beta2", "inf"),
    ("hvae-learnable-variances", "sigma1", "1"),
]


@pytest.mark.parametrize(("claim_id", "name", "value"), BAD)
def test_python_interface_raises_value_error(claim_id, name, value):
    with pytest.raises(ValueError, match=name) as caught:
        find(claim_id).problem.instance(**{**GOOD[claim_id], name: value})
    message = str(caught.value)
    assert "\n" not in message
    assert repr(value) in message or "no such parameter" in message


@pytest.mark.parametrize(("claim_id", "name", "value"), BAD)
def test_command_line_says_it_in_one_line(claim_id, name, value, monkeypatch, capsys):
    words = [f"{n}={v}" for n, v in {**GOOD[claim_id], name: value}.items()]
    with pytest.raises(SystemExit) as caught:
        run(lambda _: theory_main(["predict", claim_id, *words]))
    output = capsys.readouterr()
    assert caught.value.code == 2
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert name in output.err


def test_good_input_is_accepted():
    for claim_id, given in GOOD.items():
        instance = find(claim_id).problem.instance(**given)
        assert set(given) <= set(instance.values)


@pytest.mark.parametrize("value", [True, None, [1, None], {"a": 1}, 3.5])
def test_python_values_of_the_wrong_kind(value):
    with pytest.raises(ValueError, match="class_counts"):
        find("mse-imbalanced").problem.instance(class_counts=value, weight_decay=0.1, feature_decay=0.1)


def test_a_value_must_exceed_the_other_even_where_that_is_the_default():
    problem = find("hvae-learnable-variances").problem
    with pytest.raises(
        ValueError, match=r"beta2: '1.0' is not allowed; .* above beta1, .* unbounded below\): above 1 here"
    ):
        problem.instance(theta="3,2", beta2=1.0)
    with pytest.raises(ValueError, match=r"beta2: '2.5' is not allowed; .* above 3 here"):
        problem.instance(theta="3,2", beta1=3.0, beta2=2.5)
    assert problem.instance(theta="3,2", beta1=3.0).values["beta2"] == 6.0


def test_labels_are_exact_fractions_in_the_order_of_the_classes():
    """Text is read exactly, and the largest entry makes up for what rounded numbers miss of the sum 1."""
    claim = find("ce-soft-labels")
    decays = {"weight_decay": 0.1, "feature_decay": 0.1}
    given = [["1/3", "2/3", 0], [0.05, 0.9, 0.05], [0, "0", "1e0"]]
    instance = claim.problem.instance(class_counts=(2, 7, 5), soft_labels=given, **decays)
    assert instance.order == (1, 2, 0)
    tenth = Fraction(1, 20)
    exact = ((1 - 2 * tenth, tenth, tenth), (0, 1, 0), (Fraction(2, 3), 0, Fraction(1, 3)))
    assert instance.values["soft_labels"] == exact
    assert claim.problem.parameter("soft_labels").domain.as_given(exact, instance.order) == [
        ["1/3", "2/3", 0],
        [0.05, 0.9, 0.05],
        [0, 0, 1],
    ]
    rounded = [[1 / 3, 2 / 3, 0.0], [0.1 + 0.2, 0.3, 0.4], [0.0, 0.0, 1.0]]
    labels = claim.problem.instance(class_counts=(3, 2, 1), soft_labels=rounded, **decays).values["soft_labels"]
    assert [sum(label) for label in labels] == [1, 1, 1]
    assert [float(x) for label in labels for x in label] == pytest.approx(
        [x for label in rounded for x in label], abs=1e-15
    )
    with pytest.raises(ValueError, match=r"soft_labels: .* 3 labels here"):
        claim.problem.instance(class_counts=(3, 2, 1), soft_labels="0.5,0.5;1,0", **decays)
    words = ["class_counts=2,7,5", "soft_labels=1/3,2/3,0;0.05,0.9,0.05;0,0,1", "weight_decay=0.1", "feature_decay=0.1"]
    written = written_parameters(claim, claim.problem.instance(**parse_assignments(words, claim.problem)))
    assert "soft_labels=1/3,2/3,0.0;0.05,0.9,0.05;0.0,0.0,1.0" in written.replace("'", "")


@pytest.mark.parametrize(("sigma", "latent_dim"), [("0.5,1", 3), ("0.5,1,2", 2)])
def test_one_sigma_for_each_latent_dimension(sigma, latent_dim):
    with pytest.raises(ValueError, match=f"sigma: .* 1 or {latent_dim} here"):
        find("vae-fixed-variance").problem.instance(theta="3,2,1", sigma=sigma, latent_dim=latent_dim)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1, 0), (float("nan"), 1)])
def test_an_empty_interval_is_no_domain(low, high):
    with pytest.raises(ValueError, match=r"domain: a finite number strictly between .* is empty"):
        RealBetween(low, high)


def test_an_interval_is_open_and_says_so():
    domain = RealBetween(-1, 0.5)
    assert [domain.canonical("share", v) for v in ("-0.999", 0, 0.25)] == [-0.999, 0.0, 0.25]
    for value in (-1, 0.5, "1e999", True):
        with pytest.raises(ValueError, match=r"share: .* strictly between -1 and 0\.5"):
            domain.canonical("share", value)


def test_missing_parameter():
    with pytest.raises(ValueError, match="weight_decay: missing"):
        find("mse-imbalanced").problem.instance(class_counts=(2, 1), feature_decay=0.1)


def test_unknown_claim():
    with pytest.raises(ValueError, match="'no-such' is not known"):
        find("no-such")


def test_a_claim_without_a_data_source_says_so():
    with pytest.raises(ValueError, match=r"data: 'digits' is not allowed; this claim takes no data source"):
        parse_assignments(["data=digits", "weight_decay=1"], find("mse-imbalanced").problem)
    problem = find("cvae").problem
    assert problem.instance(**parse_assignments(["data=digits"], problem)).values["theta"]


@pytest.mark.parametrize("name", ["starts", "seed"])
@pytest.mark.parametrize("number", ["9" * 5000, "1e3", "-1", "", "²", "0" * 5000 + "x"])
def test_numbers_of_any_length(name, number):
    words = ["train", "vae-learnable-variance", "theta=2,1", f"--{name}={number}"]
    with pytest.raises(ValueError, match=f"{name}: .* is an integer from") as caught:
        numerics_main(words)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "words", [["{}"], ["{}=1"], ["{}=1", "{}=2"], ["data={}"], ["theta={}"], ["theta=1", "beta={}"]]
)
@pytest.mark.parametrize("letter", ["x", "'", "é", "\0", "\n", "\udc80", "\U0001d54a"])
def test_names_and_values_are_cut(words, letter):
    problem = find("vae-learnable-variance").problem
    with pytest.raises(ValueError, match=r"allowed|no such|given twice") as caught:
        problem.instance(**parse_assignments([word.format(5000 * letter) for word in words], problem))
    message = str(caught.value)
    assert len(message) < 300
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("words", [["weight_decay"], ["=1"], ["a=1", "a=2"], ["data=nothing"]])
def test_malformed_assignments(words):
    with pytest.raises(ValueError, match=r"parameter|given twice|data"):
        parse_assignments(words, find("mse-imbalanced").problem)


def test_a_problem_too_large_for_the_memory_is_refused_before_it_is_built():
    problem = find("mse-imbalanced").problem
    instance = problem.instance(class_counts=(10**9, 10**9), widths=10**4, weight_decay=0.1, feature_decay=0.1)
    with pytest.raises(ValueError, match=r"class_counts: .* is too large"):
        minimise(problem, [instance])


def test_instances_of_different_sizes_are_not_trained_together():
    problem = find("mse-imbalanced").problem
    a = problem.instance(class_counts=(2, 1), weight_decay=0.1, feature_decay=0.1)
    b = problem.instance(class_counts=(3, 1), weight_decay=0.1, feature_decay=0.1)
    with pytest.raises(ValueError, match="share"):
        stack_bindings([a, b])


def test_unknown_device_and_no_starts():
    problem = find("mse-imbalanced").problem
    instance = problem.instance(class_counts=(2, 1), weight_decay=0.1, feature_decay=0.1)
    with pytest.raises(ValueError, match="device: 'tpu'"):
        minimise(problem, [instance], device="tpu")
    with pytest.raises(ValueError, match="starts: 0"):
        minimise(problem, [instance], starts=0)


WORDS = [
    *((claim_id, [f"{name}={value}" for name, value in given.items()]) for claim_id, given in GOOD.items()),
    ("cvae", ["theta=0.5,3,2", "regression=1,-0.1;0,1;2,-1e-7", "beta=0.1"]),
    ("ce-balanced-etf", ["class_counts=2,2", "weight_decay=0.1", "feature_decay=1e-9", "bias=true"]),
    ("mse-imbalanced", ["class_counts=3,20,10", "weight_decay=0.30000000000000004", "feature_decay=1e-50"]),
]


@pytest.mark.parametrize(("claim_id", "words"), WORDS)
def test_parameters_are_written_as_they_are_read(claim_id, words):
    """Written parameters are in the user's order and lose no digit."""
    claim = find(claim_id)
    instance = claim.problem.instance(**parse_assignments(words, claim.problem))
    written = shlex.split(written_parameters(claim, instance))
    again = claim.problem.instance(**parse_assignments(written, claim.problem))
    assert (again.values, again.order) == (instance.values, instance.order)
    lists = [word for word in words if "," in word]
    for word in lists:
        name, _, value = word.partition("=")
        (other,) = (w.partition("=")[2] for w in written if w.startswith(f"{name}="))
        assert [float(v) for v in re.split("[,;]", other)] == [float(v) for v in re.split("[,;]", value)]
    if claim_id == "ce-balanced-etf" and "bias=true" in words:
        assert "bias=true" in written
