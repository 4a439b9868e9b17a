"""Real weights: from the installed package to predictions on real photographs."""

from __future__ import annotations

import hashlib
import importlib
import pathlib

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.pretrained import cache, efficientnet_lite0

network = importlib.import_module("keras_advxai.pretrained.efficientnet_lite0")  # the function has its name


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A cache folder of these tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache") / "not there yet"
        patch.setenv("KERAS_ADVXAI_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def pretrained(kept):
    return efficientnet_lite0()


@pytest.fixture(scope="module")
def photographs():
    return kax.datasets.photographs.load_data()


@pytest.mark.slow
def test_it_sees_what_is_there(pretrained, photographs):
    x, y, _ = photographs
    assert pretrained.count_params() == 4_694_024
    found = pretrained.predict(x, verbose=0)
    np.testing.assert_array_equal(found.argmax(-1), y)
    np.testing.assert_allclose(found.max(-1), [0.937, 0.951, 0.487, 0.286], atol=0.01)


@pytest.mark.slow
def test_it_comes_back_from_the_cache_the_same(pretrained, kept, photographs, monkeypatch):
    assert [path.suffix for path in kept.iterdir()] == [".keras"]
    monkeypatch.setattr(network, "_content", lambda: pytest.fail("the weights were read again"))
    again = efficientnet_lite0()
    for one, other in zip(pretrained.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    x = photographs[0]
    np.testing.assert_array_equal(again.predict(x, verbose=0), pretrained.predict(x, verbose=0))


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "empty", "folder"])
def test_a_damaged_cache_is_made_again(damage, pretrained, kept, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_ADVXAI_CACHE", str(tmp_path))
    (file,) = kept.iterdir()
    if damage == "folder":
        (tmp_path / file.name).mkdir()
    else:
        (tmp_path / file.name).write_bytes(file.read_bytes()[: 1000 if damage == "cut" else 0])
    monkeypatch.setattr(network, "_network", lambda scaled: keras.models.clone_model(pretrained))
    found = efficientnet_lite0()
    for one, other in zip(pretrained.get_weights(), found.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_the_preprocessing_can_be_left_to_the_user(pretrained, kept, photographs):
    x = photographs[0][:1]
    bare = efficientnet_lite0(include_preprocessing=False)
    np.testing.assert_allclose(bare((x - 127) / 128), pretrained(x), atol=1e-5)
    assert len(list(kept.iterdir())) == 2


@pytest.mark.slow
def test_a_backbone_is_what_the_model_has_below_its_head(pretrained, photographs):
    x = photographs[0]
    whole = keras.Model(pretrained.inputs, [pretrained.get_layer(name).output for name in ("head_relu6", "pool")])
    features, mean = whole.predict(x, verbose=0)
    np.testing.assert_array_equal(efficientnet_lite0(include_top=False).predict(x, verbose=0), features)
    pooled = efficientnet_lite0(include_top=False, pooling="avg")
    np.testing.assert_array_equal(pooled.predict(x, verbose=0), mean)
    largest = efficientnet_lite0(include_top=False, pooling="max")
    np.testing.assert_array_equal(largest.predict(x, verbose=0), features.max((1, 2)))
    assert pooled.count_params() == 4_694_024 - 1280 * 1000 - 1000


@pytest.mark.slow
def test_at_another_size_it_is_the_same_network(pretrained, photographs):
    x, y, _ = photographs
    smaller = efficientnet_lite0(input_shape=(160, 192, 3))
    for one, other in zip(pretrained.get_weights(), smaller.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    found = smaller.predict(keras.ops.image.resize(x, (160, 192), antialias=True), verbose=0).argmax(-1)
    assert np.sum(found == y) >= 3
    assert efficientnet_lite0(include_top=False, input_shape=(33, 96, 3)).output_shape == (None, 2, 3, 1280)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"input_shape": 96}, r"must be \(height, width, 3\), with sides of 32 or more. Received: 96"),
        ({"input_shape": (96, 96)}, r"Received: \(96, 96\)"),
        ({"input_shape": (96, 16, 3)}, r"Received: \(96, 16, 3\)"),
        ({"input_shape": (96, 96, 1)}, r"Received: \(96, 96, 1\)"),
        ({"include_top": False, "pooling": "mean"}, r"must be None, 'avg' or 'max'.* Received: pooling='mean'"),
        ({"pooling": "avg"}, r"pass include_top=False. Received: pooling='avg', include_top=True"),
    ],
)
def test_what_makes_no_backbone_is_said_before_weights_are_read(settings, expected, monkeypatch):
    monkeypatch.setattr(network, "_published", lambda scaled: pytest.fail("the weights were read"))
    with pytest.raises(ValueError, match=expected):
        efficientnet_lite0(**settings)


@pytest.mark.slow
def test_what_is_not_installed_or_another_file_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_ADVXAI_CACHE", str(tmp_path))
    monkeypatch.setattr(network, "_SHA256", hashlib.sha256(b"").hexdigest())
    with pytest.raises(ValueError, match=r"has the SHA-256 579344248a93e2.*, and e3b0c44298fc.* is expected"):
        efficientnet_lite0()
    monkeypatch.setattr(network, "_PACKAGE", "no_such_package")
    with pytest.raises(ImportError, match=r"pip install 'keras-advxai\[pretrained\]'"):
        efficientnet_lite0()


def test_where_the_cache_is(monkeypatch):
    monkeypatch.delenv("KERAS_ADVXAI_CACHE")
    assert cache.cache_folder() not in pathlib.Path(__file__).parents
    monkeypatch.setenv("KERAS_ADVXAI_CACHE", "~/models")
    assert cache.cache_folder() == pathlib.Path.home() / "models"


@pytest.fixture(scope="module")
def report(pretrained, photographs):
    x, y, _ = photographs
    settings = {"epsilons": (2 / 255,), "bounds": (0, 255), "progress": False}
    return kax.evaluate(pretrained, (x, y), **settings)


@pytest.mark.slow
def test_an_attack_that_nobody_sees_flips_them_and_moves_the_heatmaps(report):
    assert report.clean_accuracy == 1
    assert report.accuracy("fgsm", 2 / 255) <= 0.25
    noise, mod = (report.mod(name, "grad_cam", 2 / 255) for name in ("uniform_noise", "fgsm"))
    assert 3 * noise < mod < report.chance("grad_cam")
    assert {finding.id for finding in report.warnings} <= {"few-images", "no-vid"}


def test_the_heatmap_of_the_tripod_lies_on_the_tripod(report):
    example = next(item for item in report.examples if item.index == 0 and item.attack == "fgsm")
    heat = example.heatmap
    rows, columns = slice(100, 224), slice(95, 215)  # its legs and its head, drawn by hand
    on_tripod = heat[rows, columns].sum() / heat.sum()
    assert on_tripod > 0.6
    moved = example.adversarial_heatmap
    assert moved[rows, columns].sum() / moved.sum() < on_tripod - 0.1
