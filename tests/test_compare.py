"""`compare`: each model as `evaluate` evaluates it alone, on the same images at the size that each needs."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from comparison.made_reports import KEYS, made
from PIL import Image

import keras_advxai as kax
from keras_advxai.comparing import _heatmap_size, _Run, _settings, saved_report
from keras_advxai.comparison.fitting import Fitted
from keras_advxai.metrics import at_size

EPSILONS = (2 / 255, 0.1)
SETTINGS = {"epsilons": EPSILONS, "progress": False, "batch_size": 8, "images": 1}
ACCURACY = {**SETTINGS, "explainers": (), "noise_control": False}
IMAGES = 20


def net(size: int | None, filters: int = 4, channels: int = 1, name: str = "net", seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((size, size, channels)),
            layers.Conv2D(filters, 3, activation="relu", name="first"),
            layers.Conv2D(filters, 3, activation="relu", name="second"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ],
        name=name,
    )


class Interrupted(keras.utils.PyDataset):
    """Batches of arrays, of which the second one is not read."""

    def __init__(self, data):
        super().__init__()
        self.data = data

    @property
    def num_batches(self):
        return 2

    def __getitem__(self, index):
        if index:
            raise KeyboardInterrupt
        return tuple(part[:8] for part in self.data)


@pytest.fixture(scope="module")
def models() -> dict[str, keras.Model]:
    return {"small": net(12, name="small"), "large": net(16, name="large", seed=2)}


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((IMAGES, 12, 12, 1), dtype="float32"), rng.integers(0, 3, IMAGES)


@pytest.fixture(scope="module")
def comparison(models, data):
    return kax.compare(models, data, every_layer=True, **SETTINGS)


@pytest.fixture(scope="module")
def wide() -> keras.Model:
    return net(12, 8, name="wide", seed=1)


def resized(x: np.ndarray, size: int) -> np.ndarray:
    return np.clip(tf.image.resize(x, (size, size), antialias=True).numpy(), 0, 1)


@pytest.mark.slow  # evaluates two models with three explainers each
def test_each_model_is_evaluated_as_alone_to_the_last_bit(models, wide, data, comparison):
    x, y = data
    at = at_size("nissim", 12)
    for name, model in models.items():
        alone = kax.evaluate(
            model,
            (x if name != "large" else resized(x, 16), y),
            metrics=at,
            explainers=["grad_cam", *kax.explainers.GradCAM.every_layer(model)],
            **SETTINGS,
        )
        (report,) = comparison.reports[name]
        assert report == alone
        for row in comparison.rows:
            if row.model == name:
                assert row.mod == alone.mod(row.attack, row.explainer, row.epsilon)
                assert row.accuracy == alone.accuracy(row.attack, row.epsilon)
    assert comparison.matched_by == ("content",)
    assert comparison.metrics == ("nissim_at_12x12",)
    assert comparison.shown_explainers == ("grad_cam",)
    # Of one size nothing is resized, and what is measured are the settings of the call.
    same = kax.compare([models["small"], wide], data, **ACCURACY)
    assert same.models == ("small", "wide")
    assert same.matched_by == ("the same data",)
    assert same.reports["wide"][0] == kax.evaluate(wide, data, **ACCURACY)


@pytest.mark.slow  # evaluates two models with three explainers each
def test_shuffled_data_and_saved_reports_compare_image_by_image(models, data, comparison, tmp_path):
    """A report of resized images knows those of the model that is evaluated now, which knows the data they are of."""
    shuffled = tf.data.Dataset.from_tensor_slices(data).shuffle(IMAGES, seed=1).batch(8)
    comparison.reports["large"][0].save(tmp_path / "report.npz")
    comparison.reports["small"][0].to_json(tmp_path / "small.json")
    found = kax.compare(
        {"small": str(tmp_path / "small.json"), "saved": tmp_path, "large": models["large"]},
        shuffled,
        every_layer=True,
        **SETTINGS,
    )
    assert not np.array_equal(found.reports["large"][0].measurements.at("label"), data[1])
    assert found.reports["saved"][0] == comparison.reports["large"][0]
    assert found.metrics == ("nissim_at_12x12",)
    for figure in ("accuracy", "mod", "vid"):
        expected = comparison.difference("small", "large", figure)
        for name in ("saved", "large"):
            one = found.difference("small", name, figure)
            np.testing.assert_allclose((one.low, one.high), (expected.low, expected.high), rtol=0, atol=1e-6)
        nothing = found.difference("saved", "large", figure)
        np.testing.assert_allclose((nothing.low, nothing.high), 0, atol=1e-6)


@pytest.mark.slow  # evaluates two models with three explainers each
def test_depths_are_relative(models, comparison):
    for name in models:
        profile = comparison.profile(name)
        assert profile.layers == ("first", "second")
        assert profile.depth.tolist() == [0, 1]
        (report,) = comparison.reports[name]
        names = ["grad_cam_first", "grad_cam"]  # the default layer is the second
        assert profile.mod.tolist() == [report.mod("fgsm", each, 0.1) for each in names]
        assert profile.noise.tolist() == [report.mod("uniform_noise", each, 0.1) for each in names]
        assert profile.chance.tolist() == [report.chance(each) for each in names]


def test_data_are_brought_to_what_each_model_takes(data):
    x, y = data
    wide = np.repeat(x, 2, axis=2)  # 12 x 24: its middle is square
    levels = np.round(255 * np.repeat(wide, 3, axis=3)).astype("uint8")
    fitted = Fitted((levels, y), (6, 6, 1), ((0.0, 255.0), (-1.0, 1.0)), 8, [f"{place}" for place in range(IMAGES)])
    batches = [fitted.named(index) for index in range(len(fitted))]
    images = np.concatenate([batch[0] for batch, _ in batches])
    middle = levels[:, :, 6:18].astype("float32")
    expected = tf.image.rgb_to_grayscale(tf.image.resize(middle, (6, 6), antialias=True)).numpy() / 127.5 - 1
    np.testing.assert_allclose(images, expected, atol=1e-5)
    assert images.min() >= -1
    assert images.max() <= 1
    np.testing.assert_array_equal(np.concatenate([batch[1] for batch, _ in batches]), y)
    assert [name for _, names in batches for name in names] == [f"{place}" for place in range(IMAGES)]
    assert [len(names) for _, names in batches] == [8, 8, 4]
    # A dataset gives the same, batch by batch, also when the first ones are looked at again.
    stream = Fitted(tf.data.Dataset.from_tensor_slices((levels, y)).batch(8), (6, 6, 1), ((0.0, 255.0), (-1.0, 1.0)), 1)
    for index in (0, 0, 1, 2, 0, 1, 2):
        np.testing.assert_array_equal(stream[index][0], batches[index][0][0])
    np.testing.assert_array_equal(stream.sources(IMAGES), fitted.sources(IMAGES))
    assert len(set(fitted.sources(IMAGES).tolist())) == IMAGES
    with pytest.raises(ValueError, match="how many batches"):
        Fitted(tf.data.Dataset.from_tensor_slices(x).batch(8).filter(lambda x: True), (6, 6, 1), (None, (0, 1)), 1)
    with pytest.raises(ValueError, match="Images of 2 channels cannot be made images of 3"):
        Fitted(np.zeros((1, 8, 8, 2)), (6, 6, 3), (None, (0.0, 1.0)), 1)[0]


@pytest.mark.slow  # three models
def test_files_are_read_at_the_size_and_range_of_each_model(tmp_path, models):
    rng = np.random.default_rng(0)
    for place in range(4):
        (tmp_path / str(place % 2)).mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype="uint8")).save(tmp_path / f"{place % 2}/{place}.png")
    pixels = kax.ImageClassifier(net(16, channels=3, seed=3), bounds=(0, 255))
    found = kax.compare({"small": models["small"], "pixels": pixels}, tmp_path, **ACCURACY)
    alone = kax.evaluate(pixels, kax.data.load(tmp_path, size=16, batch_size=8, shuffle=True), **ACCURACY)
    assert found.reports["pixels"][0] == alone
    assert found.matched_by == ("the same data",)
    assert found.reports["small"][0].provenance["bounds"] == [0.0, 1.0]
    with pytest.raises(ValueError, match="takes images of any size: say which"):
        kax.compare({"small": models["small"], "any": net(None)}, tmp_path, **ACCURACY)
    open_size = kax.compare({"small": models["small"], "any": net(None)}, tmp_path, size=14, **ACCURACY)
    assert open_size.reports["any"][0].provenance["heatmap_size"] == [14, 14]


@pytest.mark.slow  # two models
def test_folds_have_data_of_their_own(models, wide, data):
    x, y = data
    folds = [(x[:10], y[:10]), (x[10:], y[10:])]
    runs = {"small": [models["small"]] * 2, "wide": [wide] * 2}
    found = kax.compare(runs, {"small": folds, "wide": folds}, **ACCURACY)
    reports = [kax.evaluate(models["small"], fold, **ACCURACY) for fold in folds]
    assert list(found.reports["small"]) == reports
    assert found.images == IMAGES
    assert found.value("small", "accuracy", epsilon=0.1) == np.mean([each.accuracy("fgsm", 0.1) for each in reports])
    with pytest.raises(ValueError, match="it has more runs"):
        kax.compare(runs, {"small": folds[:1], "wide": folds}, **ACCURACY)
    with pytest.raises(ValueError, match="evaluated on others"):
        kax.compare({"small": models["small"], "wide": wide}, dict(zip(runs, folds, strict=True)), **ACCURACY)


@pytest.mark.slow  # two models
def test_what_was_evaluated_before_an_error_is_not_lost(wide, data):
    alone = kax.evaluate(wide, data, **ACCURACY)
    other = kax.evaluate(wide, (data[0][:10], data[1][:10]), **ACCURACY)
    with pytest.raises(ValueError, match="evaluated on others") as raised:  # which shows in the end
        kax.compare({"wide": wide, "other": other}, data, **ACCURACY)
    assert raised.value.reports == {"wide": (alone,), "other": (other,)}
    with pytest.raises(KeyboardInterrupt) as stopped:
        kax.compare({"wide": wide, "again": wide}, {"wide": data, "again": Interrupted(data)}, **ACCURACY)
    assert stopped.value.reports == {"wide": (alone,)}


def test_what_is_wrong_is_said_before_anything_is_computed(models, data, monkeypatch):
    monkeypatch.setattr("keras_advxai.comparing.evaluate", None)
    pixels = kax.ImageClassifier(net(12), bounds=(0, 255))
    with pytest.raises(ValueError, match=r"several ranges, \(0.0, 1.0\) and \(0.0, 255.0\)"):
        kax.compare({"small": models["small"], "pixels": pixels}, data)
    with pytest.raises(ValueError, match="Models need `data`"):
        kax.compare(models)
    with pytest.raises(TypeError, match="must be a dictionary from names to models, or a list"):
        kax.compare(models["small"], data)
    with pytest.raises(ValueError, match="`heatmap_size` must be"):
        kax.compare(models, data, heatmap_size=(1, 2, 3))
    with pytest.raises(TypeError, match="There is no argument `epsilon`"):
        kax.compare(models, data, epsilon=0.1)
    with pytest.raises(FileNotFoundError, match=r"There is no model 'nowhere\.keras'"):
        kax.compare(["nowhere.keras"], data)


def test_data_of_each_run_and_of_each_model_are_looked_at_before_anything_is_computed(models, data, monkeypatch):
    monkeypatch.setattr("keras_advxai.comparing.evaluate", None)
    x, y = data
    runs = {"small": [models["small"]] * 2, "large": models["large"]}
    with pytest.raises(ValueError, match=r"^The data of 'small' are 1, and it has more runs\.$"):
        kax.compare(runs, {"small": [(x, y)], "large": (x, y)})
    for size in ((1, 2, 3), (12,)):
        with pytest.raises(
            ValueError, match=r"`size` must be \(height, width\), or both as one number\. Received: size="
        ):
            kax.compare(models, data, size=size)
    for size in (0, (12, 0), (0, 12)):
        with pytest.raises(ValueError, match="`heatmap_size` must be an integer of at least 1"):
            kax.compare(models, data, heatmap_size=size)


def test_models_of_one_name_are_numbered_and_a_dictionary_has_their_runs(models):
    one, two = made(0, model="net"), made(1, model="net")
    assert kax.compare([one, two, made(2)]).models == ("net 1", "net 2", "net2")
    found = kax.compare({"net": [one, two], 3: made(2)})
    assert found.models == ("net", "3")
    assert list(found.reports["net"]) == [one, two]
    with pytest.raises(ValueError, match="evaluated on others") as raised:
        kax.compare([one, made(1, keys=KEYS + 1)])
    assert {name: len(reports) for name, reports in raised.value.reports.items()} == {"net": 1, "net1": 1}


def test_reports_are_found_in_files_and_in_folders(tmp_path):
    report = made(0)
    for name in ("report.npz", "report.json"):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        report.save(folder / name) if name.endswith("npz") else report.to_json(folder / name)
        assert saved_report(folder) == saved_report(folder / name) == saved_report(str(folder)) == report
    # A folder has the one of arrays where it has both.
    made(1).save(tmp_path / "report-json" / "report.npz")
    assert saved_report(tmp_path / "report-json") == made(1)
    (tmp_path / "model.json").write_text('{"class_name": "Functional"}')
    (tmp_path / "model.keras").write_bytes(b"PK")
    for name in (".", "model.json", "model.keras", "nowhere.npz"):
        assert saved_report(tmp_path / name) is None
    (tmp_path / "broken.json").write_text('{"measurements": 3}')
    with pytest.raises(ValueError, match="`schema` must be"):
        saved_report(tmp_path / "broken.json")
    found = kax.compare([tmp_path / "report-npz", str(tmp_path / "report-json")])
    assert found.models == ("net0", "net1")


def test_what_is_measured_of_one_model_among_others(models):
    wanted = kax.EvaluationSettings(metrics=["nissim", at_size("nissim", (5, 6))], explainers=["grad_cam", "saliency"])
    classifier = kax.ImageClassifier(models["small"])
    assert _settings(wanted, classifier, None, False) is wanted
    brought = _settings(wanted, classifier, (8, 9), False)
    assert [metric.name for metric in brought.metrics] == ["nissim_at_8x9", "nissim_at_5x6"]  # one that says its own
    layered = _settings(wanted, classifier, None, True)
    every = [kax.explainers.GradCAM(layer=layer) for layer in ("first", "second")]
    assert list(layered.explainers) == [kax.explainers.GradCAM(), kax.explainers.Saliency(), *every]
    assert layered.metrics == wanted.metrics


def test_heatmaps_are_compared_at_the_smallest_size_of_all(models):
    def size(reports, given=None, wanted=None):
        runs = [_Run(str(number), 0, item) for number, item in enumerate(reports)]
        return _heatmap_size(runs, given or [None] * len(runs), wanted)

    tall, wide = made(heatmap_size=[25, 9]), made(heatmap_size=[8, 30])
    assert size([tall, tall]) is None  # as they are
    assert size([tall, wide]) == (8, 9)
    assert size([tall, wide], wanted=(3, 4)) == (3, 4)
    assert size([tall, made(heatmap_size=[8])]) is None  # of signals there is no height
    classifier = kax.ImageClassifier(models["small"])
    assert size([classifier, tall], [np.zeros((2, 12, 12, 1)), None]) == (12, 9)
    assert size([classifier, tall], [tf.data.Dataset.from_tensors(np.zeros((2, 12, 12, 1))), None]) == (12, 9)
