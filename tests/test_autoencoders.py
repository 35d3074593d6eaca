"""Autoencoders: their objectives, readings, trainings and experiments."""

import json

import numpy as np
import pytest
import torch

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.tensors import DTYPE
from numerics.data import digits
from numerics.data.pairs import correlated_pairs
from numerics.networks.autoencoders.likelihood import log_likelihood
from numerics.networks.autoencoders.networks import convolutional_decoder, convolutional_encoder, mlp
from numerics.networks.autoencoders.one_level import LinearAutoencoder, Weights, random_linear
from numerics.networks.autoencoders.readings import read_levels
from numerics.networks.autoencoders.samples import plain, principal_axes, residual, whitened
from numerics.networks.autoencoders.training import SampledTraining, Schedule
from numerics.networks.autoencoders.two_levels import HierarchyWeights, random_linear_hierarchy
from numerics.networks.experiments.experiment import AGREES, DEPARTS
from numerics.networks.experiments.known import known
from numerics.networks.experiments.latent_sweep import LatentTrial
from numerics.networks.experiments.settings import labels_of, settings_of
from theory.claim import find
from theory.errors import ParameterError
from theory.point import Point

TINY = {"stages": 4, "iterations": 12}
CPU = torch.device("cpu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def data(samples=60, width=6, seed=0):
    """Draw correlated samples [60, 6] with a falling spectrum."""
    drawn = torch.randn(samples, width, generator=generator(seed), dtype=DTYPE)
    return drawn * torch.linspace(2, 0.3, width, dtype=DTYPE) @ torch.linalg.qr(drawn[:width]).Q


def weights(beta=(0.5, 1.5), eta_dec=(0.6, 0.9)):
    return Weights(torch.tensor(beta, dtype=DTYPE), torch.tensor(eta_dec, dtype=DTYPE))


def hierarchy_weights():
    values = {
        "beta1": (0.7, 1.0),
        "beta2": (0.4, 2.0),
        "eta_dec": (0.5, 0.8),
        "eta_enc": (0.9, 1.1),
        "sigma1": (0.6, 0.4),
    }
    return HierarchyWeights(**{name: torch.tensor(value, dtype=DTYPE) for name, value in values.items()})


def claim_loss(claim_id, axes, instances, **arrays):
    """Return the loss of a claim at variables given along the principal axes of the data."""
    problem = find(claim_id).problem
    bindings = stack_bindings([problem.instance(theta=axes.variances.sqrt().tolist(), **own) for own in instances])
    xp, given = setting(problem, bindings)
    return problem.loss(xp, Point(arrays), given, bindings)


def test_the_exact_objective_is_the_loss_of_the_claim():
    """The model reads coordinates of unit variance and decodes pixels; the claim is written along the principal axes."""
    axes = principal_axes(data())
    samples, own = whitened(data()), weights()
    model = random_linear(own, samples, 3, generator())
    with torch.no_grad():
        model.log_deviation += 0.3 * torch.randn(2, 1, 3, generator=generator(1), dtype=DTYPE)
        claimed = claim_loss(
            "vae-learnable-variance",
            axes,
            [{"latent_dim": 3, "beta": 0.5, "eta_dec": 0.6}, {"latent_dim": 3, "beta": 1.5, "eta_dec": 0.9}],
            U=axes.axes.mT @ model.decoder,
            W=model.encoder / axes.variances.sqrt(),
            S=torch.diag_embed(model.log_deviation[:, 0].exp()),
        )
        for same in (samples, samples.condensed()):
            torch.testing.assert_close(model.exact_objective(same), claimed, rtol=1e-10, atol=0)


def test_the_exact_objective_of_a_hierarchy_is_the_loss_of_the_claim():
    axes, samples, own = principal_axes(data()), whitened(data()), hierarchy_weights()
    model = random_linear_hierarchy(own, samples, (4, 3), generator())
    settings = [
        {"latent_dim": (4, 3), **{name: float(scale[number]) for name, scale in own.named_buffers()}}
        for number in range(2)
    ]
    with torch.no_grad():
        claimed = claim_loss(
            "hvae-learnable-top-variance",
            axes,
            settings,
            U_1=axes.axes.mT @ model.U_1,
            W_1=model.W_1 / axes.variances.sqrt(),
            U_2=model.U_2,
            W_2=model.W_2,
            S_2=torch.diag_embed(model.log_deviation[:, 0].exp()),
        )
        torch.testing.assert_close(model.exact_objective(samples.condensed()), claimed, rtol=1e-10, atol=0)
        # The readings of both levels are the terms of the objective.
        readings = read_levels(model, samples)
        below, above = (torch.tensor([r.total for r in readings[level]], dtype=DTYPE) for level in ("z_1", "z_2"))
        misfit = model.reconstruction_error(samples) + (own.sigma1[..., None] * model.U_1).square().sum((-2, -1))
        of_levels = misfit / own.eta_dec[:, 0] ** 2 + 2 * own.beta1[:, 0] * below + 2 * own.beta2[:, 0] * above
        torch.testing.assert_close(of_levels, claimed, rtol=1e-10, atol=0)


@pytest.mark.parametrize("levels", [1, 2])
def test_the_sampled_objective_has_the_exact_one_as_its_mean(levels):
    samples = whitened(data())
    model = (
        random_linear(weights(), samples, 3, generator())
        if levels == 1
        else random_linear_hierarchy(hierarchy_weights(), samples, (4, 3), generator())
    )
    noise = generator(1)
    with torch.no_grad():
        drawn = torch.stack([model.objective(samples, noise) for _ in range(400)])
        spread = drawn.std(0) / 20
        off = (drawn.mean(0) - model.exact_objective(samples)).abs()
    assert (off < 4 * spread).all()
    assert (spread < 0.02 * drawn.mean(0).abs()).all()


def test_a_conditional_vae_is_a_vae_on_the_residual():
    """With its own use of the condition at the regression and a code of the residual, its objective is that of the residual."""
    x, y = (torch.as_tensor(part) for part in correlated_pairs(80, 4, 0.5, 0))
    left = residual(x, y)
    model = random_linear(weights(), plain(left), 3, generator())
    told = plain(y, x)
    regression = torch.linalg.lstsq(told.condition[0], told.target[0]).solution.mT
    encoder = torch.cat([model.encoder, -model.encoder @ regression], -1)
    log_deviation = model.log_deviation.detach()
    conditional = LinearAutoencoder(weights(), encoder, model.decoder, regression.expand(2, -1, -1), log_deviation)
    torch.testing.assert_close(conditional.exact_objective(told), model.exact_objective(plain(left)))


def test_the_likelihood_estimate_rises_to_the_gaussian_one():
    samples, own = whitened(data()), weights()
    model = random_linear(own, samples, 2, generator())
    decoder = model.decoder.detach()
    covariance = decoder @ decoder.mT + own.eta_dec[..., None] ** 2 * torch.eye(6, dtype=DTYPE)
    exact = torch.stack(
        [
            torch.distributions.MultivariateNormal(torch.zeros(6, dtype=DTYPE), c).log_prob(samples.target[0]).mean()
            for c in covariance
        ]
    )
    few, many = (log_likelihood(model, samples, draws, generator()) for draws in (1, 1000))
    assert (few < many).all()
    assert ((many - exact).abs() < 0.05 * exact.abs()).all()


def test_settings_of_a_batch_do_not_touch_one_another():
    """The first setting ends with the same weights whatever the second one is; the second does not."""
    samples, ended = whitened(data()), []
    for second in (1.5, 3.0):
        model = random_linear(weights((0.5, second)), samples, 3, generator())
        training = SampledTraining(model, samples, Schedule(20, 1e-2, stages=2, epochs=2), generator(1))
        for _ in range(2):
            training.stage()
        ended.append(training.model.encoder.detach())
    assert torch.equal(ended[0][0], ended[1][0])
    assert not torch.equal(ended[0][1], ended[1][1])


def test_networks_map_rows_to_rows_and_settings_are_apart():
    for network, inputs, outputs in (
        (mlp(3, 10, 7, 4, generator()), 10, 4),
        (convolutional_encoder(3, 8, 4, generator()), 64, 4),
        (convolutional_decoder(3, 4, 8, generator()), 4, 64),
    ):
        rows = torch.randn(1, 5, inputs, generator=generator(1), dtype=DTYPE)
        out = network(rows)
        assert out.shape == (3, 5, outputs)
        torch.testing.assert_close(out[0], out[2])  # all settings start from the same weights
        (gradient,) = torch.autograd.grad(out[1].sum(), next(network.parameters()))
        assert gradient[1].any()
        assert not gradient[[0, 2]].any()


@pytest.mark.parametrize("transposed", [False, True])
def test_convolutions_are_those_of_pytorch(transposed):
    from numerics.networks.autoencoders.layers import Convolution

    layer = Convolution(2, 3, 4, generator(), transposed)
    images = torch.randn(2, 5, 3, 4, 4, generator=generator(1), dtype=DTYPE)
    for number in range(2):
        weight, bias = layer.weight[number], layer.bias[number].flatten()
        if transposed:
            kernel = weight.reshape(3, 4, 3, 3)
            expected = torch.nn.functional.conv_transpose2d(images[number], kernel, bias, 2, 1, 1)
        else:
            kernel = weight.mT.reshape(4, 3, 3, 3)
            expected = torch.nn.functional.conv2d(images[number], kernel, bias, 2, 1)
        torch.testing.assert_close(layer(images)[number], expected)


SHORT = {
    "vae-linear-exact": {**TINY, "beta": [1.0, 4.0], "eta_dec": 0.3, "latent_dim": 3},
    "vae-linear-fixed-sampled": {"stages": 4, "epochs": 1, "batch": 600, "beta": [1.0, 4.0], "latent_dim": 3},
    "hvae-relu": {"stages": 4, "epochs": 1, "batch": 600, "beta2": [1.0, 10.0], "hidden": 4, "latent_dim": [3, 2]},
    "cvae-relu-correlation": {
        "stages": 4,
        "epochs": 1,
        "batch": 20,
        "samples": 60,
        "width": 3,
        "latent_dim": 2,
        "hidden": 4,
    },
}


@pytest.mark.parametrize("name", SHORT)
def test_a_restored_training_ends_with_the_same_numbers(name, tmp_path):
    experiment = known()[name]
    parameters = {**experiment.sizes["small"], **SHORT[name]}
    whole = experiment.start(parameters, 3, CPU)
    rows = []
    for stage in range(whole.stages):
        rows.append(whole.advance())
        if stage == 1:
            torch.save(whole.state(), tmp_path / "state.pt")
    taken_up = experiment.start(parameters, 3, CPU)
    taken_up.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    assert [taken_up.advance(), taken_up.advance()] == rows[2:]
    assert taken_up.comparison() == whole.comparison()
    assert {name for row in rows for name in row} == set(rows[0])


def small(name, **changed):
    experiment = known()[name]
    return experiment, {**experiment.sizes["small"], **changed}


def finished(trial):
    for _ in range(trial.stages):
        trial.advance()
    return trial.comparison()


CONVERGED = {"beta": [2.0, 10.0], "eta_dec": 0.3, "latent_dim": 6, "stages": 6}


def test_an_exact_training_agrees_and_a_wrong_weight_departs():
    experiment, parameters = small("vae-linear-exact", **CONVERGED)
    trial = experiment.start(parameters, 0, CPU)
    assert isinstance(trial, LatentTrial)
    found = finished(trial)
    assert found.verdict == AGREES
    assert found.deviations["divergences"] < 0.2
    assert found.measured["active"] == [6, 0]
    assert found.predicted == experiment.predict(parameters, 0)
    json.dumps([found.predicted, found.measured, found.deviations], allow_nan=False)
    trial._theory = experiment.start({**parameters, "beta": [2.1, 10.0]}, 0, CPU)._theory
    wrong = trial.comparison()
    assert wrong.verdict == DEPARTS
    assert wrong.deviations["divergences"] > 1
    trial._theory = experiment.start({**parameters, "beta": [2.0, 4.0]}, 0, CPU)._theory
    assert trial.comparison().deviations["live_directions"] == 4


def test_all_collapses_where_the_condition_is_the_output():
    experiment, parameters = small(
        "cvae-linear-correlation-exact", samples=80, width=4, latent_dim=4, correlation=[1.0, 0.0], stages=6
    )
    found = finished(experiment.start(parameters, 1, CPU))
    assert found.verdict == AGREES
    assert found.predicted["active"] == found.measured["active"] == [0, 4]
    assert found.predicted["collapsed"] == found.measured["collapsed"] == [4, 0]


def test_judgements_on_networks_can_fail():
    from numerics.networks.experiments.nonlinear_conditional_vaes import falling
    from numerics.networks.experiments.nonlinear_vaes import active_units

    predicted = {"active": [2, 0, 0]}
    good = {"active": [2, 0, 0], "divergences": [[1.0, 0.8, 0.01], [0.0] * 3, [0.0] * 3]}
    assert set(active_units(False, [], predicted, good).values()) == {0.0}
    assert active_units(True, [], predicted, good)["collapse"] == 7
    bad = {"active": [1, 2, 1], "divergences": good["divergences"]}
    found = active_units(False, [], predicted, bad)
    assert found == {"active_increases": 1, "active_beyond_threshold": 3, "collapse": 1}
    assert falling([], {}, {"total": [0.5, 2.0, 1.5]}) == {
        "divergence_drops_nats": 0.5,
        "divergence_at_correlation_1_nats": 0.5,
    }


def test_spectra_are_those_of_the_claims_data():
    from numerics.networks.experiments.latent_data import halves_of_images, whole_images

    (whole,) = whole_images({"data": "digits"}, [], 0)
    expected = digits()["theta"]
    np.testing.assert_allclose(principal_axes(whole.target).variances.sqrt()[: len(expected)], expected, rtol=1e-10)
    (halves,) = halves_of_images({"data": "digits"}, [], 0)
    expected = digits("conditional")["theta"]
    left = principal_axes(residual(halves.condition, halves.target))
    np.testing.assert_allclose(left.variances[: len(expected)], expected, rtol=1e-9)


def test_correlated_pairs():
    x, y = correlated_pairs(20000, 3, 0.5, 0)
    np.testing.assert_allclose((x * y).mean(0), 0.5, atol=0.03)
    np.testing.assert_allclose((x * x).mean(0), 1, atol=0.05)
    same, other = correlated_pairs(10, 3, 1, 0)
    np.testing.assert_array_equal(same, other)
    with pytest.raises(ParameterError, match=r"correlation: '1.5' is not allowed; correlation is a number from 0 to 1"):
        correlated_pairs(10, 3, 1.5, 0)


def test_settings_are_lists_of_one_length():
    settings = settings_of({"beta": [1.0, 2.0], "eta_dec": 0.5}, ("beta", "eta_dec"))
    assert settings == [{"beta": 1.0, "eta_dec": 0.5}, {"beta": 2.0, "eta_dec": 0.5}]
    assert labels_of(settings) == ["beta=1", "beta=2"]
    with pytest.raises(ParameterError, match="beta, eta_dec: lists of one length"):
        settings_of({"beta": [1.0, 2.0], "eta_dec": [0.5]}, ("beta", "eta_dec"))
