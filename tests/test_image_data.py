"""Images with labels, Gaussian classes, and samples drawn with given class counts."""

import gzip
import hashlib
import json
from urllib.error import URLError

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import numerics.data.images
from numerics.data.gaussian_classes import gaussian_classes
from numerics.data.images import OPENML, images
from numerics.data.imbalance import draw, long_tail, step
from theory.errors import ParameterError


def cache(home, name, rows):
    """Write a data set into a folder as scikit-learn keeps what it has downloaded from OpenML; return pixels and labels."""
    number, pixels = OPENML[name].number, int(np.prod(OPENML[name].shape))
    generator = np.random.default_rng(number)
    values, labels = generator.integers(0, 256, (rows, pixels)), np.arange(rows) % 10
    columns = [f"pixel{i}" for i in range(pixels)]
    header = [f"@RELATION {name}", *(f"@ATTRIBUTE {column} REAL" for column in columns)]
    header += ["@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}", "@DATA"]
    lines = [",".join(map(str, [*row, label])) for row, label in zip(values.tolist(), labels.tolist(), strict=True)]
    arff = "\n".join([*header, *lines]).encode() + b"\n"
    shared = {"is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
    features = [{"name": c, "data_type": "numeric", "is_target": "false", **shared} for c in columns]
    features.append(
        {"name": "class", "data_type": "nominal", "is_target": "true", "nominal_value": list("0123456789")} | shared
    )
    description = {
        "id": str(number),
        "name": name,
        "version": "1",
        "format": "ARFF",
        "status": "active",
        "file_id": "1",
    }
    description |= {"url": f"https://www.openml.org/data/v1/download/{number}/{name}.arff"}
    description |= {
        "md5_checksum": hashlib.md5(arff).hexdigest(),
        "description": "",
        "default_target_attribute": "class",
    }
    numbered = [{"index": str(i), **feature} for i, feature in enumerate(features)]
    answers = {
        f"api/v1/json/data/{number}": {"data_set_description": description},
        f"api/v1/json/data/features/{number}": {"data_features": {"feature": numbered}},
        f"api/v1/json/data/qualities/{number}": {
            "data_qualities": {"quality": [{"name": "NumberOfInstances", "value": str(rows)}]}
        },
    }
    files = {path: json.dumps(answer).encode() for path, answer in answers.items()}
    files[f"data/v1/download/{number}/{name}.arff"] = arff
    for path, content in files.items():
        file = home / "openml" / "openml.org" / f"{path}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(content))
    return values, labels


@pytest.fixture
def offline(monkeypatch):
    """Let every attempt to open an address fail at once."""

    def refuse(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", refuse)
    monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda seconds: None)


def test_the_bundled_digits():
    found = images("digits")
    pixels, labels = load_digits(return_X_y=True)
    assert found.inputs.shape == (1797, 1, 8, 8)
    assert (found.labels.dtype, found.classes) == (torch.int64, 10)
    np.testing.assert_array_equal(found.inputs.flatten(1).numpy() * 16, pixels)
    assert found.counts == np.bincount(labels).tolist()


@pytest.mark.parametrize(
    ("name", "shape", "pandas"),
    [("mnist", (1, 28, 28), True), ("mnist", (1, 28, 28), False), ("cifar-10", (3, 32, 32), False)],
)
def test_images_of_openml_are_read_from_the_cache(name, shape, pandas, tmp_path, offline, monkeypatch):
    """Pixels and labels are read without a network, with pandas and without it; the first pixels belong to the first channel."""
    if pandas:
        pytest.importorskip("pandas")
    else:
        monkeypatch.setattr(numerics.data.images.importlib.util, "find_spec", lambda name: None)
    values, labels = cache(tmp_path, name, 12)
    found = images(name, tmp_path)
    assert found.inputs.shape == (12, *shape)
    np.testing.assert_allclose(found.inputs.numpy(), values.reshape(12, *shape) / 255, rtol=1e-6)
    np.testing.assert_array_equal(found.labels.numpy(), labels)


def test_without_a_network_one_line_says_so(tmp_path, offline):
    with pytest.raises(
        ParameterError, match=r"^data: fashion-mnist is neither in .* nor .* OpenML \(no network\)"
    ) as error:
        images("fashion-mnist", tmp_path)
    assert "\n" not in str(error.value)


def test_an_unknown_name_and_a_file_of_other_images(tmp_path, offline, monkeypatch):
    with pytest.raises(ParameterError, match="data: 'imagenet' is not allowed"):
        images("imagenet")
    cache(tmp_path, "mnist", 10)
    monkeypatch.setitem(OPENML, "mnist", numerics.data.images.OpenMl(554, (3, 28, 28)))
    with pytest.raises(ParameterError, match="has 784 pixels an image, not 2352"):
        images("mnist", tmp_path)


def test_a_draw_has_the_counts_and_leaves_the_rest_for_the_test():
    samples, counts = images("digits"), [20, 1, 5, 9, 30, 2, 2, 7, 11, 3]
    train, test = draw(samples, counts, seed=4)
    assert (train.counts, len(train) + len(test)) == (counts, len(samples))
    assert test.counts == [every - taken for every, taken in zip(samples.counts, counts, strict=True)]
    rows = torch.cat([train.inputs, test.inputs]).flatten(1)
    assert sorted(rows.tolist()) == sorted(samples.inputs.flatten(1).tolist())
    again, other = draw(samples, counts, seed=4)[0], draw(samples, counts, seed=5)[0]
    assert torch.equal(train.inputs, again.inputs)
    assert not torch.equal(train.inputs, other.inputs)
    few = draw(samples, counts, seed=4, test=17)[1]
    assert len(few) == 17
    assert len(set(few.labels.tolist())) > 3  # drawn from all classes


def test_imbalances():
    assert step(60, 6, 10, 3) == [60] * 7 + [6] * 3
    tail = long_tail(100, 1, 5)
    assert tail == [100, 32, 10, 3, 1]


def test_gaussian_classes():
    found = gaussian_classes(classes=3, dimension=5, samples=400, spread=0.5, seed=1)
    assert (found.inputs.shape, found.counts) == ((1200, 5), [400] * 3)
    for label in range(3):
        assert found.inputs[found.labels == label].std(0).numpy() == pytest.approx(0.5, rel=0.15)
    same = gaussian_classes(3, 5, 400, 0.5, 1)
    assert torch.equal(found.inputs, same.inputs)
    points = gaussian_classes(3, 5, 2, 0.0, 1)
    assert torch.equal(points.inputs[0], points.inputs[1])
    assert not torch.equal(points.inputs[0], points.inputs[2])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: draw(images("digits"), [5] * 9, 0), "class_counts: .* a list of 10 counts"),
        (lambda: draw(images("digits"), [5] * 9 + [0], 0), "class_counts: '0 for class 9' is not allowed"),
        (lambda: draw(images("digits"), [500] + [5] * 9, 0), "class_counts: '500 for class 0' is not allowed.* 178"),
        (lambda: long_tail(10, 20, 5), "counts: '10, 20' is not allowed"),
        (lambda: long_tail(10, 2, 1), "classes: '1' is not allowed"),
        (lambda: step(10, 0, 5, 2), "counts: '10, 0' is not allowed"),
        (lambda: step(10, 2, 5, 6), "minorities: '6' is not allowed"),
        (lambda: gaussian_classes(1, 5, 4, 0.1, 0), "classes: '1' is not allowed"),
        (lambda: gaussian_classes(2, 5, 4, -0.1, 0), "spread: '-0.1' is not allowed"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, says):
    with pytest.raises(ParameterError, match=says) as error:
        make()
    assert "\n" not in str(error.value)
