"""Classifiers trained on images: objectives and their effective decays, continuation, verdicts that can fail, and the experiments."""

import dataclasses
import io
import json
import math

import pytest
import torch

from numerics.data.labelled import Labelled
from numerics.networks.classifiers.branches import BranchesTrial
from numerics.networks.classifiers.comparing import WRONG_FATES, compare_trained
from numerics.networks.classifiers.objective import mean_loss, objective_of
from numerics.networks.classifiers.reference import reference_of
from numerics.networks.classifiers.setting import read_setting
from numerics.networks.classifiers.trial import ClassifierTrial
from numerics.networks.experiments.classifier_experiment import Held, classifier_experiment
from numerics.networks.experiments.experiment import AGREES, DEPARTS
from numerics.networks.experiments.known import known
from numerics.networks.models.classifier import BODIES, built
from theory.errors import ParameterError

CPU = torch.device("cpu")
RELU, LINEAR, DEEP = "ce-imbalanced-relu", "mse-imbalanced", "mse-deep-linear-imbalanced"
COUNTS = [12, 12, 12, 12, 12, 6, 6, 6, 6, 6]
TINY = {
    "class_counts": COUNTS,
    "hidden": [32],
    "features": 32,
    "loss": "cross-entropy",
    "weight_decay": 0.02,
    "feature_decay": 5e-4,
    "schedule": [[0.1, 50], [1, 200]],
}
MINI_BATCHES = {"optimiser": "adam", "batch": 30, "stage": 2, "schedule": [[0.1, 4], [1, 4]]}


def trial_of(claim=RELU, seed=0, limit=1e-2, **changed):
    return ClassifierTrial(read_setting({**TINY, **changed}), claim, seed, CPU, limit)


def finished(trial):
    for _ in range(trial.stages):
        trial.last = trial.advance()
    return trial


@pytest.fixture(scope="module")
def trained():
    return finished(trial_of())


@pytest.fixture(scope="module")
def with_a_vanished_class():
    """A network whose critical count, N² λ_W λ_H K/(K − 1), is 8.8: the five smaller classes vanish."""
    counts = [20] * 5 + [3] * 5
    return finished(trial_of(class_counts=counts, feature_decay=0.03))


def against(trial, limit=1e-2, **decays):
    """Compare a trained network with the prediction for other decays than it was trained with."""
    training = dataclasses.replace(trial.setting.effective, **decays)
    reference = reference_of(trial.setting, trial.reference.claim.id, training)
    return compare_trained(trial.setting, reference, trial.network, trial.train, trial.test, limit)


def test_a_trained_network_agrees(trained):
    found = trained.comparison()
    assert found.verdict == AGREES
    assert found.nc1 < 1e-4
    assert found.deviations["mean_gram"] < 1e-3
    assert found.accuracy["train"] == 1.0
    assert 0.5 < found.accuracy["test"] < 1.0
    own = objective_of(trained.setting)(trained.network, trained.train.inputs, trained.train.labels, 1.0)
    assert found.measured["value"] == pytest.approx(own.item(), rel=1e-12)  # one objective, written twice
    last = trained.last
    for name in ("mean_norm", "classifier_norm"):
        gram = found.measured[name.replace("norm", "gram")]
        assert [last[f"{name} {k}"] for k in range(10)] == pytest.approx([gram[k][k] for k in range(10)])
    assert [last[f"margin {k}"] for k in range(10)] == pytest.approx(found.measured["margins"])
    assert last["mean_gram deviation"] == found.deviations["mean_gram"]
    json.dumps([found.predicted, found.measured])


def test_gaussian_classes_of_another_number_agree():
    trial = finished(trial_of(data="gaussian", class_counts=[10, 8, 6], schedule=[[0.1, 25], [1, 75]]))
    assert (len(trial.train), len(trial.test), trial.train.inputs.shape[1]) == (24, 156, 64)
    assert trial.comparison().verdict == AGREES


@pytest.mark.parametrize("name", ["weight_decay", "feature_decay"])
def test_a_wrong_decay_departs(trained, name):
    given = {"weight_decay": (0.02,), "feature_decay": 5e-4}[name]
    wrong = (1.1 * given[0],) if name == "weight_decay" else 1.1 * given
    assert against(trained, **{name: given}).verdict == AGREES
    found = against(trained, **{name: wrong})
    assert found.verdict == DEPARTS
    assert found.deviations[f"effective_{name}"] == pytest.approx(1 - 1 / 1.1, rel=1e-2)


def test_a_wrong_set_of_vanished_classes_departs(with_a_vanished_class):
    """The set decides alone: every other limit is out of reach."""
    trial = with_a_vanished_class
    found = trial.comparison()
    assert (found.verdict, found.vanished) == (AGREES, (5, 6, 7, 8, 9))
    assert "nc1" not in found.limits
    assert against(trial, limit=1e9).verdict == AGREES
    everything = against(trial, limit=1e9, feature_decay=0.1)
    assert everything.predicted["vanished"] == list(range(10))
    assert everything.deviations[WRONG_FATES] == 5
    assert everything.verdict == DEPARTS


def test_nc1_has_a_limit_where_no_class_vanishes():
    trial = finished(trial_of(schedule=[[1, 25]]))
    found = trial.comparison()
    assert (found.verdict, found.limits["nc1"]) == (DEPARTS, 1e-3)
    assert found.deviations["nc1"] > 1e-3


def restored(trial, state, again):
    """Return a new trial that continues from a state that was written to bytes and read again."""
    written = io.BytesIO()
    torch.save(state, written)
    written.seek(0)
    other = again()
    other.restore(torch.load(written, weights_only=False))
    return other


def branches():
    schedules = {"from below": [[0.1, 5], [1, 10]], "from above": [[1.2, 5], [1, 5]]}
    return BranchesTrial(read_setting({**TINY, "stage": 5}), schedules, RELU, 3, CPU, 1e-2)


CONTINUED = {
    "l-bfgs": lambda: trial_of(stage=5, schedule=[[0.1, 5], [1, 10]]),
    "float32": lambda: trial_of(stage=5, schedule=[[0.1, 5], [1, 10]], precision="float32"),
    "adam": lambda: trial_of(**MINI_BATCHES),
    "sgd": lambda: trial_of(**{**MINI_BATCHES, "optimiser": "sgd", "rate": 0.05}),
    "branches": branches,
}


@pytest.mark.parametrize("name", CONTINUED)
def test_continuation_is_bit_identical(name):
    """After every stage, a trial that is put down and taken up by another process ends with the same rows and the same network."""
    start = CONTINUED[name]
    whole, states, rows = start(), [], []
    for _ in range(whole.stages):
        states.append(whole.state())
        rows.append(whole.advance())
    assert {frozenset(row) for row in rows} == {frozenset(rows[0])}
    for done in (1, whole.stages - 1):
        other = restored(whole, states[done], start)
        torch.manual_seed(done)  # the trial draws nothing from the global generator
        assert [other.advance() for _ in range(done, whole.stages)] == rows[done:]
        assert other.comparison() == whole.comparison()


def test_a_seed_draws_samples_and_network_and_nothing_else():
    state = torch.random.get_rng_state()
    first, second, other = trial_of(), trial_of(), trial_of(seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first.train.inputs, second.train.inputs)
    weights = [trial.network.head[0].weight for trial in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert first.advance() == second.advance()


@pytest.mark.parametrize("loss", ["cross-entropy", "mse"])
def test_batches_of_an_epoch_have_the_objective_of_all_samples_as_their_mean(loss):
    """The released objective is the theory's at the effective decays, times the factor of the loss, and at no other decays."""
    common = {**TINY, "loss": loss, "schedule": [[1, 2]], "stage": 2, "optimiser": "adam", "batch": 30}
    released = read_setting({**common, "objective": "released", "loss_factor": 0.2})
    effective = released.effective
    decays = {"weight_decay": effective.weight_decay[0], "feature_decay": effective.feature_decay}
    assert decays == pytest.approx({"weight_decay": 0.02 / 0.2, "feature_decay": 5e-4 * 30 / 90 / 0.2})
    trial = ClassifierTrial(released, RELU if loss == "cross-entropy" else "mse-imbalanced-relu", 0, CPU, 1e-2)
    mixed = trial.train.chosen(torch.randperm(90, generator=torch.Generator().manual_seed(0)))
    parts = [mixed.chosen(torch.arange(first, first + 30)) for first in (0, 30, 60)]

    def mean(setting, batches):
        values = [objective_of(setting)(trial.network, each.inputs, each.labels, 1.0).item() for each in batches]
        return sum(values) / len(values)

    theory = read_setting({**common, **decays})
    assert mean(released, parts) == pytest.approx(0.2 * mean(theory, [mixed]), rel=1e-12)
    assert mean(theory, parts) == pytest.approx(mean(theory, [mixed]), rel=1e-12)
    nominal = read_setting(common)
    assert mean(released, parts) != pytest.approx(0.2 * mean(nominal, [mixed]), rel=1e-3)


def test_plain_decay_takes_every_parameter():
    trial = trial_of(objective="plain")
    images, labels = trial.train.inputs, trial.train.labels
    found = objective_of(trial.setting)(trial.network, images, labels, 1.0)
    every = sum((parameter**2).sum() for parameter in trial.network.parameters())
    assert found.item() == pytest.approx(
        (mean_loss("cross-entropy", trial.network(images), labels) + 0.01 * every).item()
    )


def test_the_released_trainer_is_held_against_both_decays():
    trial = finished(trial_of(objective="released", loss_factor=0.5, weight_decay=0.01, feature_decay=2.5e-4))
    found = trial.comparison()
    assert found.verdict == AGREES
    assert found.deviations["mean_gram_at_nominal_decays"] > 0.1
    assert found.measured["effective_weight_decay"] == pytest.approx([0.02], rel=1e-2)


def test_the_lower_of_two_branches_is_compared():
    """Between fold and jump the class stays alive on the way from below, and is dead on the way from above, which is lower."""
    rise = [[0.05, 50], [0.3, 50]]
    schedules = {"from below": [*rise, [1.0, 50]], "from above": [*rise, [1.18, 75], [1.0, 75]]}
    tiny = {**TINY, "class_counts": [20] * 9 + [7], "loss": "mse", "rectified": False, "depth": 2, "features": 16}
    setting = read_setting({**tiny, "feature_decay": 3.0e-3, "weight_decay": 0.0146})
    trial = finished(BranchesTrial(setting, schedules, DEEP, 0, CPU, 1e-2))
    found = trial.comparison()
    assert (found.verdict, found.measured["lowest"], found.vanished) == (AGREES, "from above", (9,))
    assert found.measured["branches"]["from below"]["vanished"] == []
    assert found.deviations["value of from below"] > found.deviations["value of from above"] + 1e-4
    with pytest.raises(ValueError, match=r"stage: .* is not allowed"):
        trial.advance()


@pytest.mark.parametrize("architecture", BODIES)
def test_networks_compute_each_sample_by_itself(architecture):
    """Features have their width for images of odd sides, are nonnegative after a ReLU, and do not depend on other samples."""
    images = torch.rand(5, 2, 11, 7, generator=torch.Generator().manual_seed(0))
    network = built(architecture, (2, 11, 7), [4, 6, 8], True, [12, 12], 3, True, 0)
    features = network.features(images)
    assert (features.shape, network(images).shape) == ((5, 12), (5, 3))
    assert features.min() == 0
    torch.testing.assert_close(network.features(images[2:3]), features[2:3])
    head = network.read_head()
    assert (head.widths, head.classes, head.bias.shape) == ((12, 12), 3, (3,))
    torch.testing.assert_close(
        torch.tensor(head.logits(features.detach().double().numpy())),
        network(images).detach().double(),
        rtol=1e-5,
        atol=1e-6,
    )
    assert built(architecture, (2, 11, 7), [4, 6, 8], False, [12], 3, False, 0).features(images).min() < 0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"width": 3}, "parameter: 'width' is not allowed"),
        ({"loss": "hinge"}, "loss: 'hinge' is not allowed; loss is one of cross-entropy, mse"),
        ({"optimiser": "newton"}, "optimiser: 'newton' is not allowed"),
        ({"schedule": [[1, 30]]}, "schedule: .* a multiple of 25"),
        ({"schedule": [[0, 25]]}, "schedule: .* a positive factor"),
        ({"optimiser": "adam", "batch": 40}, "batch: '40' is not allowed; batch is a divisor of the 90"),
    ],
)
def test_bad_parameters_are_refused_in_one_line(changed, says):
    with pytest.raises(ParameterError, match=says) as error:
        read_setting({**TINY, **changed})
    assert "\n" not in str(error.value)


def test_a_missing_parameter_an_unknown_network_and_a_wrong_claim():
    with pytest.raises(ParameterError, match=r"parameters: missing .*loss"):
        read_setting({name: value for name, value in TINY.items() if name != "loss"})
    with pytest.raises(ParameterError, match="architecture: 'transformer' is not allowed"):
        trial_of(architecture="transformer")
    with pytest.raises(ParameterError, match=f"claim: {LINEAR} is named, and {RELU} applies"):
        trial_of(LINEAR)


EXPERIMENTS = [
    experiment for experiment in known().values() if isinstance(getattr(experiment.start, "__self__", 0), Held)
]
FAMILIES = ("ufm", "mini-batch", "deep-head", "jump", "minority", "released", "network", "plain-decay")


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_every_experiment_is_predicted(experiment):
    """The claim that an experiment names applies to it at both sizes, and what decides the run can be written as JSON."""
    assert experiment.name.startswith(tuple(f"{family}-" for family in FAMILIES))
    assert (experiment.expected == DEPARTS) == bool(experiment.why)
    for parameters in experiment.sizes.values():
        predicted = experiment.predict(json.loads(json.dumps(parameters)), 0)
        json.dumps(predicted)
        if experiment.name.startswith("minority-"):
            ratios = [count / predicted["critical_count"] for count in parameters["class_counts"]]
            assert all(abs(ratio - 1) >= 0.1 for ratio in ratios)
            assert len(predicted["vanished"]) == int(experiment.name.split("-")[-3])
        if experiment.name.startswith("jump-"):
            largest = max(parameters["class_counts"][label] for label in predicted["vanished"])
            assert 0.8 < largest / predicted["critical_count"] < 0.9  # the fold of two layers lies at 0.77


def test_an_experiment_writes_its_defaults_out_and_starts():
    made = classifier_experiment(
        name="ufm-tiny", title="", source="", shows="", held=Held(RELU), architecture="", small=TINY, full=TINY
    )
    assert made.sizes["small"]["architecture"] == "perceptron"
    trial = made.start(made.sizes["small"], 0, CPU)
    row = trial.advance()
    assert {
        "gap",
        "nc1",
        "margin 9",
        "mean_norm 0",
        "classifier_norm 1",
        "mean_gram deviation",
        "test_accuracy",
    } <= row.keys()
    assert trial.stages == 10
    predicted = made.predict(made.sizes["small"], 0)
    assert trial.comparison().predicted == {name: predicted[name] for name in trial.comparison().measured}


def test_an_empty_test_part_has_no_accuracy():
    trial = trial_of(schedule=[[1, 25]])
    trial.test = Labelled(trial.test.inputs[:0], trial.test.labels[:0], 10)
    assert math.isnan(trial.advance()["test_accuracy"])
