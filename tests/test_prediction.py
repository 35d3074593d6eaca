"""Predictions: the numbers of the reference configurations, and formulas evaluated exactly and on tensors."""

import numpy as np
import pytest
import torch

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.points import predicted_point
from numerics.backends.tensors import DTYPE
from theory.claim import find, registry
from theory.cli.commands import predict
from theory.expressions import evaluate_exactly

EXAMPLES = {
    "cvae": {
        "theta": (0.5, 2.0, 1.0),
        "regression": ((1.0, 0.0), (-2.0, 0.5), (0.0, 3.0)),
        "latent_dim": 2,
        "beta": 0.7,
        "eta_dec": 0.9,
        "eta_enc": 1.3,
    },
    "bce-balanced": {"class_counts": (3, 3, 3, 3, 3, 3), "weight_decay": 0.02, "feature_decay": 0.01},
    "cvae-fixed-variance": {
        "theta": (0.5, 2.0, 1.0),
        "regression": ((1.0, 0.0), (-2.0, 0.5), (0.0, 3.0)),
        "sigma": (0.9, 0.3),
        "beta": 0.7,
        "eta_dec": 0.9,
        "eta_enc": 1.3,
    },
    "ce-balanced-etf": {"class_counts": (3, 3, 3), "weight_decay": 0.02, "feature_decay": 0.01, "bias": True},
    "ce-deep-linear": {"class_counts": (2, 2, 2), "depth": 2, "weight_decay": 0.01, "feature_decay": 0.01},
    "mse-deep-relu": {"class_counts": (2, 2, 2), "depth": 2, "weight_decay": 0.01, "feature_decay": 0.01},
    "ce-deep-linear-bias": {"class_counts": (2, 2, 2), "depth": 3, "weight_decay": 0.01, "feature_decay": 0.01},
    "ce-imbalanced": {"class_counts": (20, 5, 10), "weight_decay": 0.01, "feature_decay": 0.003},
    "ce-imbalanced-relu": {"class_counts": (20, 5, 10), "weight_decay": 0.01, "feature_decay": 0.003},
    "ce-soft-labels": {
        "class_counts": (20, 5, 10),
        "soft_labels": ((0.8, 0.15, 0.05), (0.3, 0.3, 0.4), (0.0, 0.25, 0.75)),
        "weight_decay": 0.01,
        "feature_decay": 0.003,
    },
    "ce-relu-bias": {"class_counts": (20, 5, 10), "weight_decay": 0.01, "feature_decay": 0.003},
    "ce-relu-bias-balanced": {"class_counts": (4, 4, 4, 4), "weight_decay": 0.01, "feature_decay": 0.003},
    "ce-relu-bias-two-classes": {"class_counts": (5, 20), "weight_decay": 0.01, "feature_decay": 0.003},
    "ce-sphere": {"class_counts": (3, 3, 3, 3), "widths": 3, "temperature": 2.5},
    "ce-label-smoothing": {"class_counts": (3, 3, 3), "weight_decay": 0.02, "feature_decay": 0.01, "smoothing": 0.1},
    "hvae-anisotropic-variances": {
        "theta": (0.5, 4.0, 2.0, 1.0),
        "latent_dim": (3, 4),
        "beta1": 0.7,
        "beta2": 0.4,
        "eta_dec": 0.9,
        "eta_enc": 1.3,
        "sigma1": (1.5, 0.6, 0.9),
        "sigma2": 0.8,
    },
    "hvae-fixed-variances": {
        "theta": (0.5, 4.0, 2.0, 1.0),
        "latent_dim": (3, 2),
        "beta1": 0.7,
        "beta2": 0.4,
        "eta_dec": 0.9,
        "eta_enc": 1.3,
        "sigma1": 0.6,
        "sigma2": 0.8,
    },
    "hvae-learnable-top-variance": {
        "theta": (0.5, 4.0, 2.0, 1.0),
        "latent_dim": (3, 2),
        "beta1": 0.7,
        "beta2": 0.4,
        "eta_dec": 0.9,
        "eta_enc": 1.3,
        "sigma1": 0.6,
    },
    "hvae-learnable-variances": {
        "theta": (0.5, 4.0, 2.0, 1.0),
        "latent_dim": (3, 2),
        "beta1": 0.7,
        "beta2": 0.8,
        "eta_dec": 0.9,
        "eta_enc": 1.3,
    },
    "ordinal-cumulative-link": {
        "odds": (0.4, 3.0, 1.2),
        "class_counts": (4, 1, 6, 2),
        "weight_decay": 0.01,
        "feature_decay": 0.02,
    },
    "mse-deep-linear-balanced": {
        "class_counts": (6, 6, 6),
        "depth": 3,
        "widths": (2, 4, 3),
        "weight_decay": (0.01, 0.02, 0.03),
        "feature_decay": 0.001,
    },
    "mse-deep-linear-balanced-bias": {
        "class_counts": (6, 6, 6, 6),
        "depth": 2,
        "widths": (2, 5),
        "weight_decay": (0.01, 0.02),
        "feature_decay": 0.001,
    },
    "mse-deep-linear-imbalanced": {
        "class_counts": (20, 5, 10, 10),
        "depth": 2,
        "widths": 3,
        "weight_decay": 0.01,
        "feature_decay": 0.003,
    },
    "mse-deep-linear-imbalanced-bias": {
        "class_counts": (20, 5, 10, 10),
        "depth": 2,
        "widths": 3,
        "weight_decay": 0.01,
        "feature_decay": 0.003,
    },
    "mse-imbalanced": {"class_counts": (20, 5, 10, 10), "widths": 3, "weight_decay": 0.01, "feature_decay": 0.003},
    "mse-imbalanced-relu": {"class_counts": (20, 5, 10, 10), "widths": 3, "weight_decay": 0.01, "feature_decay": 0.003},
    "mse-regression": {
        "theta": (0.5, 2.0, 1.0, 1.0),
        "sample_size": 6,
        "depth": 2,
        "widths": 3,
        "weight_decay": 0.01,
        "feature_decay": 0.003,
    },
    "mse-regularised-bias": {
        "class_counts": (3, 3, 3),
        "weight_decay": 0.02,
        "feature_decay": 0.01,
        "bias_decay": 0.1,
    },
    "supcon-relu": {"class_counts": (2, 6, 3), "widths": 4, "temperature": 0.4},
    "vae-fixed-variance": {
        "theta": (0.5, 2.0, 1.0),
        "sigma": (0.9, 0.3),
        "beta": 0.7,
        "eta_dec": 0.9,
        "eta_enc": 1.3,
    },
    "vae-information-weights": {
        "theta": (0.5, 2.0, 1.0),
        "latent_dim": 2,
        "beta_mi": 0.7,
        "beta_tc": 1.5,
        "beta_kl": 0.4,
        "eta_dec": 0.9,
        "eta_enc": 1.3,
    },
    "spectral-contrastive": {"theta": (0.5, 2.0, 1.0), "latent_dim": 2, "eta_diff": 0.8},
    "vae-learnable-decoder-covariance": {"theta": (0.5, 2.0, 1.0), "latent_dim": 2, "beta": 1.7, "eta_enc": 1.3},
    "vae-learnable-decoder-variance": {"theta": (0.5, 2.0, 1.0), "latent_dim": 2, "beta": 0.7, "eta_enc": 1.3},
    "vae-learnable-variance": {"theta": (0.5, 2.0, 1.0), "latent_dim": 2, "beta": 0.7, "eta_dec": 0.9, "eta_enc": 1.3},
}


def test_every_claim_has_an_example():
    assert set(EXAMPLES) == set(registry())


@pytest.mark.parametrize("claim_id", EXAMPLES)
def test_exact_and_tensor_evaluation_agree(claim_id):
    claim = find(claim_id)
    instance = claim.problem.instance(**EXAMPLES[claim_id])
    bindings = stack_bindings([instance])
    value = {} if claim.prediction.value is None else {"value": claim.prediction.value}
    for name, formula in {**value, **claim.prediction.invariants}.items():
        exact = np.array(evaluate_exactly(formula, instance.bindings), dtype=float)
        np.testing.assert_allclose(evaluate(formula, bindings)[0].numpy(), exact, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("claim_id", [claim_id for claim_id in EXAMPLES if "vae" in claim_id])
def test_the_predicted_minimiser_of_a_vae_attains_the_predicted_value(claim_id):
    """Variables that the claim does not predict to be diagonal are zero here, as they are for the default regression."""
    claim = find(claim_id)
    given = {name: value for name, value in EXAMPLES[claim_id].items() if name != "regression"}
    instance = claim.problem.instance(**given)
    bindings, point = stack_bindings([instance]), predicted_point(claim, [instance])
    sizes = {symbol: value for symbol, value in bindings.items() if isinstance(value, int)}
    for variable in claim.problem.active_variables(instance):
        if variable.name not in point:
            shape = [int(side.subs(sizes)) for side in variable.shape]
            point = point.extended(**{variable.name: torch.zeros(1, *shape, dtype=DTYPE)})
    xp, data = setting(claim.problem, bindings)
    attained = claim.problem.loss(xp, point, data, bindings)
    np.testing.assert_allclose(attained, evaluate(claim.prediction.value, bindings), rtol=1e-12)


def test_relu_reference_configuration():
    claim = find("ce-imbalanced-relu")
    result = predict(claim, claim.problem.instance(class_counts="20,10,5,5", weight_decay=0.01, feature_decay=0.0001))
    assert result["value"] == pytest.approx(0.069270307659830, abs=1e-14)
    norms = [result["invariants"]["mean_gram"][i][i] for i in range(4)]
    assert norms == pytest.approx([11.524873654, 15.340632022, 20.334847000, 20.334847000], abs=1e-9)


def test_mse_reference_configuration():
    """The value by hand is Σ_k (√(λ_W λ_H) (√n_k − 0.2) + 0.04/800): with N √(λ_W λ_H) = 0.2 every class is alive."""
    claim = find("mse-imbalanced")
    result = predict(
        claim, claim.problem.instance(class_counts="200,100,50,50", widths=64, weight_decay=5e-4, feature_decay=5e-4)
    )
    by_hand = sum(5e-4 * (n**0.5 - 0.2) + 0.04 / 800 for n in (200, 100, 50, 50))
    assert result["value"] == pytest.approx(by_hand, rel=1e-14)


def test_results_come_in_the_order_the_user_gave():
    claim = find("mse-imbalanced")
    shared = {"weight_decay": 0.01, "feature_decay": 0.003}
    given = predict(claim, claim.problem.instance(class_counts=(5, 20, 10), **shared))
    ordered = predict(claim, claim.problem.instance(class_counts=(20, 10, 5), **shared))
    back = [2, 0, 1]
    assert given["parameters"]["class_counts"] == [5, 20, 10]
    gram = np.array(ordered["invariants"]["classifier_gram"])
    np.testing.assert_array_equal(given["invariants"]["classifier_gram"], gram[np.ix_(back, back)])


def test_collapse_exactly_on_the_threshold_is_decided_exactly():
    """A class with n_k = N² λ_W λ_H collapses. The decimal 0.1 is taken as one tenth, so no rounding blurs the tie."""
    claim = find("mse-imbalanced")
    on = predict(claim, claim.problem.instance(class_counts=(9, 1), weight_decay=0.1, feature_decay=0.1))
    above = predict(claim, claim.problem.instance(class_counts=(9, 1), weight_decay=0.1, feature_decay=0.0999999))
    assert on["collapsed"] == [False, True]
    assert above["collapsed"] == [False, False]


def test_fixed_variance_reference_configuration():
    """The prediction is computed by hand: √β c = 1/2, and the pairs (θ, σ) are (2, 0.2), (1, 0.5) and (0.1, 0.5)."""
    claim = find("vae-fixed-variance")
    given = {"theta": "1,2,0.1", "sigma": "0.5,0.2,0.5", "beta": 0.25, "eta_enc": 0.5, "eta_dec": 0.5}
    result = predict(claim, claim.problem.instance(**given))
    decoder, encoder = result["invariants"]["decoder_gram"], result["invariants"]["encoder_gram"]
    assert [decoder[i][i] for i in range(3)] == pytest.approx([0.5 * 0.75 / 0.5, 0.5 * 1.9 / 0.2, 0.0])
    assert [encoder[i][i] for i in range(3)] == pytest.approx([0.5 * 0.75 / 0.5, 0.2 * 1.9 / 0.5, 0.0])
    assert result["collapsed"] == [False, False, True]


def test_a_zero_direction_has_collapsed_only_where_its_variance_is_the_priors():
    claim = find("vae-fixed-variance")
    shared = {"theta": "1,0.1,0.1", "sigma": "0.2,1,2", "latent_dim": 3}
    result = predict(claim, claim.problem.instance(**shared))
    assert [result["invariants"]["decoder_gram"][i][i] > 0 for i in range(3)] == [True, False, False]
    assert result["collapsed"] == [False, True, False]
    spared = predict(claim, claim.problem.instance(theta="1,0.1,0.1", sigma=0.2, latent_dim=1, eta_enc=0.7))
    assert spared["collapsed"] == [False, True, True]


@pytest.mark.parametrize(
    ("conditional", "without_condition", "given", "collapsed"),
    [
        ("cvae", "vae-learnable-variance", {}, [True, False, False]),
        ("cvae-fixed-variance", "vae-fixed-variance", {"sigma": (1.0, 0.4, 0.5)}, [True, False, False]),
    ],
)
def test_conditional_prediction_does_not_depend_on_the_regression(conditional, without_condition, given, collapsed):
    claim, plain = find(conditional), find(without_condition)
    theta, rows = (0.5, 2.0, 1.5), ((1.0, 0.0), (-2.0, 0.5), (0.0, 3.0))
    result = predict(claim, claim.problem.instance(theta=theta, regression=rows, beta=0.7, **given))
    assert result["parameters"]["regression"] == [list(row) for row in rows]
    on_residual = predict(plain, plain.problem.instance(theta=[t**0.5 for t in theta], beta=0.7, **given))
    assert result["value"] == pytest.approx(on_residual["value"], rel=1e-13)
    assert result["collapsed"] == on_residual["collapsed"] == collapsed
