"""A trained network held against the theory: metrics, the claim that applies, verdicts, factors, and bad input.

The module is long because one plain training of networks serves all its tests.
"""

import itertools
import json
import pickle
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from numerics.__main__ import main
from numerics.console import main as console_main
from numerics.networks.collecting import collect
from numerics.networks.latent import measure_latent
from numerics.networks.measure import Practice, measure
from theory.cli.entry import run
from theory.errors import ParameterError

DECAYS = {"weight_decay": 0.01, "feature_decay": 0.002}
FLOAT32 = 1e-6
"""Distance of numbers of order 1 in float32: batches of different sizes are multiplied in another order."""


def trained(counts, loss, relu=False, bias=False, depth=1, width=6, weight_decay=0.01, feature_decay=0.002):
    """Train features and head from a random start in plain PyTorch, which uses nothing of this project."""
    generator, classes = torch.Generator().manual_seed(3), len(counts)
    y = torch.arange(classes).repeat_interleave(torch.tensor(counts))
    raw = torch.randn(len(y), width, generator=generator, dtype=torch.float64).requires_grad_()
    sides = [width] * depth + [classes]
    layers = [torch.randn(b, a, generator=generator, dtype=torch.float64) / 2 for a, b in itertools.pairwise(sides)]
    shift = torch.zeros(classes, dtype=torch.float64, requires_grad=bias)
    factors = [raw, *(layer.requires_grad_() for layer in layers), *([shift] if bias else [])]
    optimiser = torch.optim.LBFGS(
        factors, max_iter=3000, tolerance_grad=1e-9, tolerance_change=1e-15, line_search_fn="strong_wolfe"
    )

    def objective():
        optimiser.zero_grad()
        h = z = raw**2 if relu else raw
        for layer in layers:
            z = z @ layer.T
        fit = torch.nn.functional.cross_entropy(z + shift, y)
        if loss == "mse":
            fit = (z + shift - torch.nn.functional.one_hot(y, classes)).square().sum() / 2 / len(y)
        value = fit + weight_decay / 2 * sum(w.square().sum() for w in layers) + feature_decay / 2 * h.square().sum()
        value.backward()
        return value

    optimiser.step(objective)
    value = objective().item()
    h = (raw**2 if relu else raw).detach()
    return h, y, [w.detach() for w in layers], shift.detach() if bias else None, value


SETTINGS = {
    "ce-balanced-etf": {"counts": (5, 5, 5, 5), "loss": "cross-entropy", "bias": True},
    "ce-imbalanced": {"counts": (3, 8, 5, 1), "loss": "cross-entropy"},
    "ce-imbalanced-relu": {"counts": (3, 8, 5, 1), "loss": "cross-entropy", "relu": True},
    "mse-imbalanced": {"counts": (3, 8, 5, 1), "loss": "mse"},
    "mse-imbalanced-relu": {"counts": (3, 8, 5, 2), "loss": "mse", "relu": True},
    "mse-deep-linear-balanced-bias": {"counts": (5, 5, 5), "loss": "mse", "bias": True},
    "mse-deep-linear-imbalanced-bias": {"counts": (3, 8, 5, 2), "loss": "mse", "bias": True},
    "mse-deep-linear-imbalanced": {
        "counts": (3, 8, 5, 2),
        "loss": "mse",
        "depth": 2,
        "weight_decay": 0.005,
        "feature_decay": 0.0005,
    },
}


@pytest.mark.parametrize("claim", SETTINGS)
def test_a_trained_network_agrees_and_a_changed_one_departs(claim):
    """The claim that applies is chosen, and a scale of the features and a wrong decay are each named as the factor."""
    setting = SETTINGS[claim]
    h, y, layers, bias, value = trained(**setting)
    given = {"loss": setting["loss"]} | {name: setting.get(name, DECAYS[name]) for name in DECAYS}
    found = measure(h, y, layers, bias, **given)
    assert (found.claim, found.verdict, found.factor) == (claim, Practice.AGREES, None)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert abs(found.gap) < 1e-5
    assert found.lower_bound <= found.value
    assert found.nc1 < 1e-6
    larger = measure(1.1 * h, y, layers, bias, **given)
    assert (larger.verdict, larger.factor.what) == (Practice.DEPARTS, "features")
    assert larger.factor.by == pytest.approx(1.1, rel=1e-3)
    for name in DECAYS:
        doubled = measure(h, y, layers, bias, **given | {name: 2 * given[name]})
        assert doubled.verdict is Practice.DEPARTS
        assert doubled.factor.what == name
        assert doubled.factor.by == pytest.approx(2, rel=1e-2)


def test_classes_are_shown_in_the_order_of_the_labels():
    h, y, layers, _, _ = trained((3, 8, 5, 1), "cross-entropy", relu=True)
    found = measure(h, y, layers[0], loss="cross-entropy", **DECAYS)
    means = np.stack([h[y == k].mean(0).numpy() for k in range(4)])
    np.testing.assert_allclose(found.measured["mean_gram"], means @ means.T, atol=1e-12)
    z = means @ layers[0].numpy().T
    margins = [z[k, k] - np.delete(z[k], k).mean() for k in range(4)]
    np.testing.assert_allclose(found.measured["margins"], margins, rtol=1e-10)
    np.testing.assert_allclose(found.predicted["margins"], margins, rtol=1e-4)
    assert found.predicted["margins"][1] == max(found.predicted["margins"])


def test_vanished_classes():
    """The critical count is N² λ_W λ_H = 2.02 here: of the classes of 3, 8, 5 and 1 samples the last one vanishes."""
    decays = {"weight_decay": 0.1, "feature_decay": 0.07}
    h, y, layers, _, _ = trained((3, 8, 5, 1), "mse", **decays)
    found = measure(h, y, layers[0], loss="mse", **decays)
    assert (found.vanished, found.should_vanish, found.verdict) == ([3], [3], Practice.AGREES)
    kept = h.clone()
    kept[y == 3] = 0.5 * h[y == 0].mean(0)
    alive = measure(kept, y, layers[0], loss="mse", **decays)
    assert (alive.vanished, alive.should_vanish, alive.verdict) == ([], [3], Practice.DEPARTS)


def test_a_network_that_has_collapsed_to_zero():
    y, none = np.arange(12) % 3, {"features": np.zeros((12, 4)), "weight": np.zeros((3, 4))}
    found = measure(none["features"], y, none["weight"], loss="mse", weight_decay=1, feature_decay=1)
    assert (found.verdict, found.vanished, found.should_vanish) == (Practice.AGREES, [0, 1, 2], [0, 1, 2])
    assert (found.nc1, found.nc2, found.nc3) == (None, None, None)
    assert found.value == found.predicted_value == 0.5
    alive = measure(none["features"], y, none["weight"], loss="mse", **DECAYS)
    assert (alive.verdict, alive.should_vanish) == (Practice.DEPARTS, [])


def test_smoothed_labels_and_a_narrow_head():
    h, y, layers, _, _ = trained((5, 5, 5, 5), "cross-entropy")
    smoothed = measure(h, y, layers[0], loss="cross-entropy", smoothing=0.1, **DECAYS)
    assert (smoothed.claim, smoothed.verdict) == ("ce-label-smoothing", Practice.DEPARTS)
    h, y, layers, _, _ = trained((4, 4, 4, 3), "mse", width=2)
    narrow = measure(h, y, layers[0], loss="mse", **DECAYS)
    assert (narrow.claim, narrow.verdict) == ("mse-imbalanced", Practice.AGREES)


def test_many_samples_are_bounded_as_few_are():
    """Every sample twice with half the feature decay is the same problem in the class means, and so has the same bound."""
    h, y, layers, _, _ = trained((5, 5, 5, 5), "cross-entropy")
    given = {"loss": "cross-entropy", "weight_decay": 0.01}
    once = measure(h, y, layers[0], feature_decay=0.002, **given)
    again = measure(h.repeat(2000, 1), y.repeat(2000), layers[0], feature_decay=0.002 / 2000, **given)
    assert again.predicted_value == pytest.approx(once.predicted_value, rel=1e-12)
    assert again.lower_bound == pytest.approx(once.lower_bound, rel=1e-12)
    assert once.lower_bound == pytest.approx(once.predicted_value, rel=1e-5)
    assert again.lower_bound <= again.predicted_value


def test_nothing_agrees_without_a_minimum_and_without_a_bound(monkeypatch, tmp_path, capsys):
    """For unequal classes the cross-entropy has no closed form: with too many samples for a bound the value is not judged."""
    monkeypatch.setattr("numerics.networks.measure.LARGEST_DUAL", 0)
    h, y, layers, _, _ = trained(**SETTINGS["ce-imbalanced"])
    found = measure(h, y, layers[0], loss="cross-entropy", **DECAYS)
    assert (found.claim, found.lower_bound, found.gap, found.verdict) == ("ce-imbalanced", None, None, None)
    assert measure(1.1 * h, y, layers[0], loss="cross-entropy", **DECAYS).verdict is Practice.DEPARTS
    np.savez(tmp_path / "net.npz", features=h, labels=y, weight=layers[0])
    assert main(["measure", str(tmp_path / "net.npz"), *GIVEN]) == 0
    assert "verdict none" in capsys.readouterr().out


def random_network(samples=400, width=7, classes=5, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(samples) % classes)
    features = generator.normal(size=(classes, width))[labels] + 0.3 * generator.normal(size=(samples, width))
    return features, labels, generator.normal(size=(classes, width)), generator.normal(size=classes)


def test_metrics_equal_an_independent_computation():
    features, labels, weight, bias = random_network()
    labels[:37] = 0  # unequal classes: the global mean is the mean of the class means
    found = measure(features, labels, weight, bias, loss="mse", **DECAYS)
    means = np.array([features[labels == k].mean(0) for k in range(5)])
    m = means - means.mean(0)
    within = np.mean([np.outer(x, x) for x in features - means[labels]], 0)
    etf = (np.eye(5) - np.ones((5, 5)) / 5) / 2
    assert found.nc1 == pytest.approx(np.trace(np.linalg.pinv(m.T @ m / 5) @ within) / 5, rel=1e-10)
    assert found.nc2 == pytest.approx(np.linalg.norm(m @ m.T / np.linalg.norm(m @ m.T) - etf), rel=1e-10)
    assert found.nc3 == pytest.approx(np.linalg.norm(weight @ m.T / np.linalg.norm(weight @ m.T) - etf), rel=1e-10)
    nearest = np.linalg.norm(features[:, None] - means, axis=2).argmin(1)
    chosen = (features @ weight.T + bias).argmax(1)
    assert found.nc4 == (nearest == chosen).mean()
    assert found.accuracy == (chosen == labels).mean()
    assert found.verdict is Practice.DEPARTS


def test_a_setting_without_a_claim_is_measured_all_the_same():
    features, labels, weight, bias = random_network()
    found = measure(np.abs(features), labels, weight, bias, loss="mse", **DECAYS)
    assert (found.claim, found.verdict, found.gap) == (None, None, None)
    assert found.setting == "mse, nonnegative features, a bias, 1 linear layer"
    assert found.nc1 > 0


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_features_are_read_in_blocks(kind, tmp_path):
    """Memory stays far below the size of the array, mapped from a file or in an archive, and the result is that of blocks of any size."""
    features, labels, weight, _ = random_network(samples=120_000, width=64)
    path = tmp_path / f"features.{kind}"
    if kind == "npy":
        np.save(path, features)
    else:
        np.savez(path, features=features, labels=labels, weight=weight)
    size = features.nbytes
    first = measure(features[:2000], labels[:2000], weight, loss="mse", **DECAYS)  # derives the claim
    whole = measure(features, labels, weight, loss="mse", **DECAYS)
    del features
    tracemalloc.start()
    if kind == "npy":
        found = measure(np.load(path, mmap_mode="r"), labels, weight, loss="mse", **DECAYS)
    else:
        from numerics.networks.network_file import read_network

        arrays = read_network(path)
        found = measure(arrays["features"], arrays["labels"], arrays["weight"], loss="mse", **DECAYS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 4
    assert found.claim == first.claim == "mse-imbalanced"
    assert found.nc1 == pytest.approx(whole.nc1, rel=1e-12)
    assert found.value == pytest.approx(whole.value, rel=1e-12)


def good_file(path, **changed):
    features, labels, weight, bias = random_network(samples=40)
    arrays = {"features": features, "labels": labels, "weight": weight, "bias": bias} | changed
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def with_entry(array, value):
    array = np.array(array)
    array.flat[3] = value
    return array


FEATURES, LABELS, WEIGHT, BIAS = random_network(samples=40)
BAD = {
    "no features": ({"features": None}, "features: missing"),
    "no labels": ({"labels": None}, "labels: missing"),
    "no weight": ({"weight": None}, "weight: missing"),
    "nan": ({"features": with_entry(FEATURES, np.nan)}, "features: 'nan in row 0' is not allowed"),
    "infinite weight": ({"weight": with_entry(WEIGHT, np.inf)}, "weight: 'inf' is not allowed"),
    "label too large": (
        {"labels": with_entry(LABELS, 5)},
        "labels: '5 in row 3' is not allowed; labels is an array of integers from 0 to 4",
    ),
    "negative label": ({"labels": with_entry(LABELS, -1)}, "labels: '-1 in row 3'"),
    "float labels": ({"labels": LABELS.astype(float)}, "labels: 'an array of float64'"),
    "empty class": ({"labels": np.where(LABELS == 2, 1, LABELS)}, "labels: 'no sample of class 2'"),
    "another number of labels": ({"labels": LABELS[:-1]}, "labels: 'an array of shape (39,)'"),
    "another width": (
        {"weight": WEIGHT[:, :-1]},
        "weight: 'an array of shape (5, 6)' is not allowed; weight is an array of 7 columns",
    ),
    "another bias": ({"bias": BIAS[:-1]}, "bias: 'an array of shape (4,)'"),
    "images": ({"features": FEATURES[:, :, None]}, "features: 'an array of shape (40, 7, 1)'"),
    "complex features": ({"features": FEATURES + 1j}, "features: 'an array of complex128'"),
    "objects": ({"weight": WEIGHT.astype(object)}, "weight: 'an array of Python objects'"),
    "a gap between layers": ({"weight": None, "weight_2": WEIGHT}, "weight: 'weight_2' is not allowed"),
    "another array": ({"wieght": WEIGHT}, "wieght: no such array"),
}
GIVEN = ["loss=cross-entropy", "weight_decay=0.01", "feature_decay=0.002"]


@pytest.fixture
def ended(capsys, monkeypatch):
    """Return a function that runs a command line to its end, and returns its exit code and its standard error."""

    def of(*words):
        monkeypatch.setattr(sys, "argv", ["numerics", "measure", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            run(main)
        return caught.value.code, capsys.readouterr().err

    return of


@pytest.mark.parametrize("name", BAD)
def test_bad_arrays_end_in_one_line(name, tmp_path, ended):
    changed, says = BAD[name]
    good_file(tmp_path / "bad.npz", **changed)
    code, line = ended(tmp_path / "bad.npz", *GIVEN)
    assert code == 2
    assert line.startswith(f"error: {says}")
    assert line.count("\n") == 1


def cut_off(path):
    good_file(path)
    path.write_bytes(path.read_bytes()[:500])


def one_array(path):
    with path.open("wb") as stream:
        np.save(stream, WEIGHT)


def no_array(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("features.npy", b"text")


BAD_FILES = {
    "missing": lambda path: None,
    "text": lambda path: path.write_text("0 1 2"),
    "pickled": lambda path: path.write_bytes(pickle.dumps([1, 2])),
    "one array": one_array,
    "cut off": cut_off,
    "no array": no_array,
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_end_in_one_line(name, tmp_path, ended):
    BAD_FILES[name](tmp_path / "bad.npz")
    code, line = ended(tmp_path / "bad.npz", *GIVEN)
    assert code == 2
    assert line.startswith("error: file: ")
    assert line.count("\n") == 1


def test_a_file_that_is_damaged_in_the_features_ends_in_one_line(tmp_path, ended):
    path = tmp_path / "bad.npz"
    features, labels, weight, bias = random_network()
    np.savez(path, features=features, labels=labels, weight=weight, bias=bias)
    data = bytearray(path.read_bytes())
    data[15_000] ^= 255  # within the features, which come first
    path.write_bytes(data)
    code, line = ended(path, *GIVEN)
    assert code == 2
    assert line.startswith("error: features: 'an array of shape (400, 7), cut off' is not allowed")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (GIVEN[:2], "feature_decay: missing"),
        (["loss=hinge", *GIVEN[1:]], "loss: 'hinge' is not allowed; loss is cross-entropy or mse"),
        (["weight_decay=-1", GIVEN[0], GIVEN[2]], "weight_decay: '-1' is not allowed"),
        (["weight_decay=1,2", GIVEN[0], GIVEN[2]], "weight_decay: '1,2' is not allowed"),
        ([*GIVEN, "nonnegative=maybe"], "nonnegative: 'maybe' is not allowed"),
        ([*GIVEN, "decay=1"], "parameter: 'decay=1' is not allowed"),
        ([*GIVEN, GIVEN[0]], "loss: given twice"),
        ([*GIVEN, "smoothing=2"], "smoothing: '2' is not allowed"),
        ([*GIVEN, "nonnegative=true"], "nonnegative: 'true' is not allowed"),
    ],
)
def test_bad_parameters_end_in_one_line(words, says, tmp_path, ended):
    good_file(tmp_path / "good.npz")
    code, line = ended(tmp_path / "good.npz", *words)
    assert code == 2
    assert line.startswith(f"error: {says}")
    assert line.count("\n") == 1


def test_the_command_reports_measured_beside_predicted(tmp_path, capsys):
    h, y, layers, bias, _ = trained(**SETTINGS["ce-balanced-etf"])
    np.savez_compressed(tmp_path / "net.npz", features=h, labels=y, weight=layers[0], bias=bias)
    assert main(["measure", str(tmp_path / "net.npz"), *GIVEN, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {
        "claim",
        "measured",
        "predicted",
        "deviations",
        "nc1",
        "nc2",
        "nc3",
        "nc4",
        "vanished",
        "gap",
        "verdict",
    } <= found.keys()
    assert (found["claim"], found["verdict"]) == ("ce-balanced-etf", "AGREES")
    np.testing.assert_allclose(found["measured"]["mean_gram"], found["predicted"]["mean_gram"], atol=1e-4)
    assert console_main(["measure", str(tmp_path / "net.npz"), "weight_decay=0.02", GIVEN[0], GIVEN[2]]) == 0
    report = capsys.readouterr().out
    assert "the network is trained with a weight_decay of 0.01, and 0.02 is given" in report
    assert report.rstrip().endswith("verdict DEPARTS (within 0.01)")


def test_features_are_collected_by_a_hook():
    torch.manual_seed(0)
    body = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Dropout(0.5), torch.nn.ReLU())
    network = torch.nn.Sequential(body, torch.nn.Linear(6, 3)).train()
    x, y = torch.randn(20, 4), torch.arange(20) % 3
    loader = DataLoader(TensorDataset(x, y), batch_size=8)
    features, labels = collect(network, network[1], loader, inputs=True)
    with torch.no_grad():
        expected = torch.relu(body[0](x)).numpy()  # without dropout
    np.testing.assert_allclose(features, expected, rtol=0, atol=FLOAT32)
    np.testing.assert_array_equal(labels, y.numpy())
    assert all(part.training for part in network.modules())
    assert not network[1]._forward_hooks
    np.testing.assert_allclose(collect(network, "0", loader)[0], expected, rtol=0, atol=FLOAT32)
    assert measure(features, labels, network[1].weight, network[1].bias, loss="mse", **DECAYS).nc1 > 0
    with pytest.raises(ParameterError, match="layer: 'head' is not allowed"):
        collect(network, "head", loader)
    with pytest.raises(ParameterError, match="layer: 'Linear' is not allowed"):
        collect(network, torch.nn.Linear(6, 3), loader)
    with pytest.raises(ParameterError, match="loader: yields no batch"):
        collect(network, "0", [])


def test_latent_directions():
    """The first direction carries information, the second has its prior for posterior, the third only a smaller variance."""
    generator = np.random.default_rng(0)
    means = np.stack([generator.normal(size=1000), np.zeros(1000), np.zeros(1000)], 1)
    variances = np.array([0.1, 1.0, 0.5])
    found = measure_latent(means, torch.tensor(variances))
    prior = torch.distributions.Normal(0.0, 1.0)
    posterior = torch.distributions.Normal(torch.tensor(means), torch.tensor(variances).sqrt())
    expected = torch.distributions.kl_divergence(posterior, prior).mean(0)
    np.testing.assert_allclose(found.divergences, expected, rtol=1e-10, atol=1e-15)
    assert found.total == pytest.approx(float(expected.sum()))
    assert (found.active, found.collapsed) == ([0], [1])
    means[:5, 1] = 1.0
    assert measure_latent(means, variances).collapsed == [1]
    assert measure_latent(means, variances, delta=0.001).collapsed == []
    for wrong, says in (
        ({"variances": -variances}, "variances: '-1.0' is not allowed"),
        ({"variances": variances[:2]}, "variances: 'an array of shape"),
        ({"means": means[:, 0]}, "means: 'an array of shape"),
        ({"delta": 2}, "delta: '2' is not allowed"),
    ):
        given = {"means": means, "variances": variances} | wrong
        with pytest.raises(ParameterError, match=says):
            measure_latent(**given)


def test_tensors_and_arrays_give_the_same():
    features, labels, weight, bias = random_network()
    of_arrays = measure(features, labels, weight, bias, loss="mse", **DECAYS)
    of_tensors = measure(*map(torch.as_tensor, (features, labels, weight, bias)), loss="mse", **DECAYS)
    assert of_arrays == of_tensors
