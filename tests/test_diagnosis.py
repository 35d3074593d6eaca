"""Claims that are wrong on purpose: what a closer look says of each, and that it never finds nothing below a failure."""

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import sympy as sp
import torch

from numerics.training.optimise import Ending
from proofs_check.harness.diagnosis import thresholds
from proofs_check.harness.diagnosis.closer_look import CloserLook, Failure, diagnose, findings
from proofs_check.harness.diagnosis.corrections import multiplied, parts, recognised
from proofs_check.harness.examine import NO_CERTIFICATE, examine, judge
from proofs_check.harness.report import Ledger
from theory.claim import Derivation, find
from theory.cli.arguments import parse_assignments, written_parameters
from theory.differing import difference
from theory.expressions import Formula
from theory.symbols import K, N, d, feature_decay, k, n_k, positive, weight_decay

ROOT = Path(__file__).parents[1]
RIGHT = ROOT / "book" / "tutorial" / "mse_target_scale.py"
AT = (
    {"class_counts": (5, 3, 1), "widths": 3, "target_scale": 2.0},
    {"class_counts": (4, 4, 2, 1), "widths": 2, "target_scale": 0.7},
    {"class_counts": (7, 2), "widths": 1, "target_scale": 1.6},
)
DECAYS = ((0.01, 0.03), (0.02, 0.5), (0.7, 0.06), (3.0, 2.0))
LEVELS = {"theta": (2.0, 1.1), "latent_dim": (2, 2), "sigma1": 0.8, "eta_dec": 0.9, "eta_enc": 1.2}


def read(path):
    """Return the claim of a file without taking it up."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CLAIM


@pytest.fixture
def edited(tmp_path):
    """Return a function that gives the tutorial's claim with one place of its file changed."""

    def change(old, new):
        text = RIGHT.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path = tmp_path / "edited.py"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return read(path)

    return change


@cache
def right():
    return read(RIGHT)


@cache
def trained():
    """Train the tutorial's problem once: every wrong claim about it is judged on the same evidence."""
    claim = right()
    batches = [
        [claim.problem.instance(**at, weight_decay=w, feature_decay=h * shift) for w, h in DECAYS]
        for at, shift in zip(AT, (1.0, 0.6, 0.3), strict=True)
    ]
    return tuple(examine(claim, batch, "cpu") for batch in batches)


@cache
def levels():
    """Train a hierarchy whose upper level is alive in some directions and dead in others."""
    problem = find("hvae-learnable-top-variance").problem
    weights = ((0.5, 0.2), (1.3, 0.4), (0.9, 2.5), (0.4, 1.1))
    batch = [problem.instance(**LEVELS, beta1=one, beta2=two) for one, two in weights]
    return (examine(find("hvae-learnable-top-variance"), batch, "cpu"),)


def said(claim, examinations=None):
    """Return what a closer look says of a claim at what is trained already."""
    look = CloserLook(claim)
    look.further = []
    return look.at([judge(claim, examination) for examination in examinations or trained()])


def with_derivation(claim, proof=None, **changed):
    """Return a claim with another prediction or proof."""
    derivation = Derivation(proof or claim.proof, replace(claim.prediction, **changed))
    return replace(claim, derive=lambda problem: derivation)


def with_value(claim, change):
    return with_derivation(claim, value=Formula(change(claim.prediction.value.expression)))


def with_invariant(claim, name, change):
    formula = claim.prediction.invariants[name]
    changed = formula.replace_expression(change(formula.expression))
    return with_derivation(claim, invariants={**claim.prediction.invariants, name: changed})


def with_threshold(claim, number, **changed):
    thresholds = list(claim.prediction.thresholds)
    thresholds[number] = replace(thresholds[number], **changed)
    return with_derivation(claim, thresholds=tuple(thresholds))


def test_the_right_claim_shows_nothing():
    judgements = [judge(right(), examination) for examination in trained()]
    assert all(judgement.all_failures() == [] for judgement in judgements)
    assert findings(right(), judgements, lambda: ()) == []
    assert "at 12 instances shows nothing wrong in chain, value, invariants and thresholds" in said(right())


def test_a_factor_of_the_value_is_named(edited):
    text = said(edited("point.predict(summed,", "point.predict((K - 1) * summed,"))
    assert "value differs: trained / predicted = 1/(K - 1)" in text
    assert "classifier_gram and mean_gram agree there" in text
    assert "threshold" not in text
    assert "every trained instance" not in text  # where K = 2 nothing differs, and the widths there are no reason


def test_a_factor_missing_within_the_maximum_is_named_once_for_all_it_mends(edited):
    text = said(edited("size = best.point", "size = best.point.subs(N, 1)"))
    explanation = "with -sqrt(lambda_H)*sqrt(lambda_W) replaced by -N*sqrt(lambda_H)*sqrt(lambda_W)"
    assert f"one explanation: {explanation}, value, classifier_gram and mean_gram agree with training" in text
    assert text.count("one explanation") == 1


def test_a_wrong_turn_is_explained_by_the_term_that_must_not_grow(edited):
    text = said(edited("size = best.point", "size = scale * best.point.subs(scale, 1)"))
    assert "replaced by -N*sqrt(lambda_H)*sqrt(lambda_W)/kappa" in text
    assert text.startswith("first failing link of the chain: 'predicted value' is")


def test_a_wrong_power_in_the_value_alone_is_named():
    text = said(with_value(right(), lambda e: e.subs(feature_decay, feature_decay**2)))
    assert "one explanation: with lambda_H replaced by sqrt(lambda_H), value agrees with training" in text
    assert "classifier_gram and mean_gram agree there" in text
    assert "mean_gram differs" not in text


def test_a_value_that_no_factor_mends_is_said_to_be_such():
    text = said(with_value(right(), lambda e: e + sp.log(1 + weight_decay)))
    assert "value differs\n" in text
    assert "no single factor was found that mends its formula" in text


def test_a_wrong_invariant_alone_is_named_with_the_factor_of_its_class():
    text = said(with_invariant(right(), "mean_gram", lambda e: e * n_k[k]))
    assert text.startswith("mean_gram differs: trained / predicted = 1/n[k]\n")
    assert "value and classifier_gram agree there" in text
    assert "value differs" not in text


def test_entries_off_the_diagonal_are_shown_where_only_they_differ():
    off = sp.Piecewise((sp.Rational(1, 10), sp.Symbol("j", integer=True, positive=True) > k), (0, True))
    text = said(with_invariant(right(), "mean_gram", lambda e: e + off))
    assert "off the diagonal" in text
    assert "predicted 0.1" in text


def test_a_failure_at_one_width_is_said_to_be_there_alone():
    text = said(with_value(right(), lambda e: sp.Piecewise((3 * e, d <= 1), (e, True))))
    assert "widths is 1 at every trained instance that fails, and 2, 3 at the others" in text
    assert "value differs: trained / predicted = 1/3, at the instances where it differs" in text
    assert "nothing wrong" not in text


def test_a_factor_where_it_differs_alone_is_said_to_be_so():
    text = said(with_value(right(), lambda e: sp.Piecewise((weight_decay * e, d <= 1), (e, True))))
    assert "value differs: trained / predicted = 1/lambda_W, at the instances where it differs" in text


def test_a_bound_above_its_predecessor_is_the_first_link_to_fail(edited):
    text = said(edited("residual / (2 * N) + nuclear", "residual / N + nuclear"))
    assert text.startswith("first failing link of the chain: 'nuclear-norm form' is")
    assert "above 'loss'" in text
    assert "\n    at class_counts=" in text


def test_a_bound_that_is_too_weak_is_named_and_not_only_the_one_after_it(edited):
    text = said(edited("residual / (2 * N) + nuclear", "residual / (2 * N) + nuclear / 2"))
    assert "first bound that is not tight: 'nuclear-norm form' lies below the loss at the trained optimum" in text


def test_a_wrong_threshold_is_named_with_the_factor_of_its_ratio():
    text = said(with_threshold(right(), 0, ratio=right().prediction.threshold.ratio / N))
    assert "the threshold of mean_gram is wrong: predicted alive iff ratio > 1 and k <= d" in text
    assert "so it is predicted collapsed; trained it is alive (mean_gram" in text
    assert "one explanation of the threshold of mean_gram: with its ratio multiplied by N" in text
    assert "value differs" not in text


def test_a_threshold_upside_down_is_named():
    text = said(with_threshold(right(), 0, ratio=1 / right().prediction.threshold.ratio))
    assert "the threshold of mean_gram is wrong" in text
    assert "it is the other way round at all" in text


def test_a_wrong_rank_limit_is_named():
    text = said(with_threshold(right(), 0, within_rank=k <= d - 1))
    assert "lies beyond the rank limit, so it is predicted collapsed; trained it is alive" in text


def test_a_wrong_second_threshold_is_named(monkeypatch):
    monkeypatch.setattr(thresholds, "CONFIRMING", 1)  # enough here, where the batch takes seconds to train
    claim = find("hvae-learnable-top-variance")
    number = next(i for i, t in enumerate(claim.prediction.thresholds) if t.telling == "top_decoder_spectrum")
    wrong = with_threshold(claim, number, ratio=claim.prediction.thresholds[number].ratio * 4)
    text = said(wrong, levels())
    assert "one explanation of the threshold of top_decoder_spectrum: with its ratio multiplied by 1/4" in text
    assert "the threshold of top_decoder_spectrum is wrong: predicted alive iff ratio > 1" in text
    assert "so it is predicted alive; trained it has collapsed (top_decoder_spectrum" in text
    assert "the threshold of encoder_gram" not in text
    assert "top_decoder_spectrum differs" not in text


def test_a_wrong_step_shows_both_sides_and_numbers(edited):
    text = diagnose(edited("q_k[k] / (sp.sqrt(n_k[k]) * w)", "q_k[k] / w"))
    assert text.startswith("step 'reduction' fails: Along the axes of the classes")
    assert "    left = " in text
    assert "    left - right = " in text
    assert ": left is " in text
    assert len(text) < 2000


def test_a_wrong_collapse_is_said_with_its_instance():
    """The direction that keeps to its prior has collapsed, and is said not to have."""
    claim = find("vae-fixed-variance")
    batch = [claim.problem.instance(theta=(2.0, 0.7), sigma=(0.5, 1.0), eta_dec=eta) for eta in (0.3, 1.1)]
    levels = tuple(replace(level, keeps_prior=sp.false) for level in claim.prediction.levels)
    text = said(with_derivation(claim, levels=levels), (examine(claim, batch, "cpu"),))
    assert "nothing wrong" not in text
    assert "z: another number of latent directions than predicted has the prior for posterior" in text
    assert "eta_dec=1.1" in text


def test_a_missing_certificate_is_said_again_where_all_agrees():
    proof = replace(right().proof, separable=None)
    unproved = [replace(e, certificates=(None,) * len(e.instances)) for e in trained()]
    text = said(with_derivation(right(), proof), unproved)
    assert f"certified fails: {NO_CERTIFICATE}" in text
    assert "value, classifier_gram and mean_gram agree there (relative gap" in text


def test_a_start_that_stalls_is_said_again_where_all_agrees():
    stalled = [
        replace(e, solution=replace(e.solution, endings=torch.full_like(e.solution.endings, Ending.STALLED)))
        for e in trained()
    ]
    text = said(right(), stalled)
    assert text.startswith("trained fails: the best start stalled\n    at class_counts=")
    assert "nothing wrong" not in text


def test_a_check_of_its_own_is_said_again_where_all_agrees():
    instance = trained()[0].instances[1]
    judgement = judge(right(), examine(right(), [instance], "cpu"))
    failure = Failure("the threshold from either side", "direction 1 is optimal at zero", judgement)
    (finding,) = findings(right(), [judgement], lambda: (), [failure])
    assert finding.headline == "the threshold from either side fails: direction 1 is optimal at zero"
    assert finding.instance is instance
    assert "agree there" in finding.details[0]


def test_a_failure_without_any_reason_is_said_again():
    judgement = judge(right(), trained()[0])
    failing = replace(judgement, failures={**judgement.failures, "certified": ["an unknown failure"]})
    look = CloserLook(right())
    look.further = []
    assert look.at([failing]) == "no reason was found for what a check says: certified: an unknown failure"


def test_the_same_is_said_once():
    wrong = with_value(right(), lambda e: 2 * e)
    look, judgements = CloserLook(wrong), [judge(wrong, examination) for examination in trained()]
    look.further = []
    assert "value differs: trained / predicted = 1/2" in look.at(judgements)
    assert look.at(judgements[1:]) == "as said above: value off by 1/2"


def test_instances_are_words_to_paste():
    problem = right().problem
    instance = problem.instance(class_counts=(1, 20, 3), weight_decay=0.1, feature_decay=1e-7, target_scale=1 / 3)
    words = written_parameters(right(), instance)
    assert words.startswith("class_counts=1,20,3 widths=3 weight_decay=0.1 feature_decay=1e-07 ")
    again = problem.instance(**parse_assignments(words.split(), problem))
    assert (again.values, again.order) == (instance.values, instance.order)
    cvae = find("cvae")
    given = {"theta": (1.0, 2.0), "regression": ((1.0, 0.0), (0.5, -2.0))}
    instance = cvae.problem.instance(**given)
    assert "regression=1.0,0.0;0.5,-2.0" in written_parameters(cvae, instance)
    bias = find("ce-balanced-etf")
    instance = bias.problem.instance(class_counts=(2, 2), weight_decay=0.1, feature_decay=0.1, bias=False)
    assert " bias=false" in written_parameters(bias, instance)


def test_factors_are_recognised_by_their_simplest_form():
    counts = torch.tensor([9.0, 4.0, 2.0, 7.0, 7.0, 1.0], dtype=torch.float64)
    classes = torch.tensor([3.0, 3.0, 3.0, 5.0, 5.0, 5.0], dtype=torch.float64)
    decay = torch.tensor([0.1, 0.1, 0.1, 0.7, 0.7, 0.7], dtype=torch.float64)
    own_count = positive("n_k")
    factors = {own_count: counts, K - 1: classes - 1, weight_decay: decay, N: counts.sum().expand(6)}
    predicted = torch.rand(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 1
    assert recognised(predicted, predicted, factors) is None
    assert recognised(predicted * counts.sqrt(), predicted, factors) == sp.sqrt(own_count)
    assert recognised(-predicted / (classes - 1), predicted, factors) == -1 / (K - 1)
    assert recognised(predicted * counts * decay.sqrt(), predicted, factors) == own_count * sp.sqrt(weight_decay)
    assert recognised(predicted * torch.linspace(1, 2, 6, dtype=torch.float64), predicted, factors) is None


def test_a_ratio_that_is_the_same_everywhere_is_a_number_and_not_a_size_of_that_value():
    predicted = torch.linspace(1, 2, 4, dtype=torch.float64)
    nine = {N: torch.full((4,), 9.0, dtype=torch.float64)}
    assert recognised(predicted / 3, predicted, nine) == sp.Rational(1, 3)
    assert recognised(predicted * 9, predicted, nine) == 9


def test_what_is_tried_in_a_formula_are_its_symbols_terms_and_arguments():
    formula = Formula(sp.Max(0, sp.sqrt(n_k[k]) - N * weight_decay) / (2 * N), ((k, K),))
    tried = parts(formula)
    assert {N, weight_decay, n_k[k], sp.sqrt(n_k[k]), -N * weight_decay} <= set(tried)
    assert not {k, K} & set(tried)
    assert tried[0] == formula.expression
    within = sp.Sum(K * n_k[k], (k, 1, K))
    assert multiplied(within, K, N) == sp.Sum(K * N * n_k[k], (k, 1, K))
    assert multiplied(sp.Piecewise((K, k <= K), (0, True)), K, N) == sp.Piecewise((K * N, k <= K), (0, True))


def test_sides_that_agree_at_numbers_are_said_to_do_so():
    x = sp.Symbol("x", real=True)
    text = difference(sp.Abs(x), sp.sqrt(x**2) + sp.Integer(0))
    assert "both sides have the same value at 10 random numbers" in text
    text = difference(sp.Add(*[sp.sin(i * x) for i in range(200)]), x)
    assert max(map(len, text.splitlines())) < 350
    assert "at x = " in text


def test_a_check_that_says_the_same_as_another_refers_to_it():
    ledger = Ledger("cpu", "quick", 0)
    says = "step 'reduction' fails: no\n    left = 1\n    right = 2"
    assert ledger.once("mine", says) == says
    assert ledger.once("mine", says) == "step 'reduction' fails: no (in full above)"
    assert ledger.once("another", says) == says
