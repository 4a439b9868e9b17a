"""Corruptions in an evaluation: measured beside attacks, on an axis of their own, and kept apart from them."""

from __future__ import annotations

import csv
import io
import math
import pathlib

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.callbacks import keys
from keras_advxai.measurements.drift import mod
from keras_advxai.tensorboard import ReportWriter

layers = keras.layers
NAMES, SEVERITIES, EPSILONS = ("fog", "gaussian_noise"), (5, 1), (0.02, 0.1)
SETTINGS = {
    "attacks": ["fog", "fgsm", kax.corruptions.get("gaussian_noise")],
    "severities": SEVERITIES,
    "epsilons": EPSILONS,
    "batch_size": 3,
    "images": 2,
    "bounds": (0, 255),
    "seed": 4,
}


class Batched(keras.utils.PyDataset):
    """Batches of three images, of which the last may fail."""

    def __init__(self, data, failing=False):
        super().__init__()
        self.images, self.labels = data
        self.failing = failing

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if self.failing and index == 2:
            raise OSError("the disk is gone")
        some = slice(3 * index, 3 * index + 3)
        return self.images[some], self.labels[some]


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(1)
    stack = [layers.Rescaling(1 / 64, -2), layers.Conv2D(6, 3, activation="relu", padding="same")]
    return keras.Sequential([layers.Input((12, 12, 3)), *stack, layers.GlobalAveragePooling2D(), layers.Dense(3)])


@pytest.fixture(scope="module")
def few():
    smooth = kax.corruptions.filters.gaussian(np.random.default_rng(0).random((12, 12, 24)), 2)
    images = np.stack(np.split((smooth - smooth.min()) / np.ptp(smooth) * 255, 8, axis=-1)).astype("float32")
    return images, np.arange(8) % 3


@pytest.fixture(scope="module")
def report(net, few):
    return kax.evaluate(net, few, **SETTINGS, progress=False)


def test_each_number_is_that_of_the_corrupted_images(report, net, few):
    assert (report.attacks, report.corruptions) == (("fgsm", "uniform_noise"), NAMES)
    assert (report.epsilons, report.severities) == (EPSILONS, SEVERITIES)
    classifier = kax.ImageClassifier(net, bounds=(0, 255))
    explainer, found = kax.explainers.GradCAM(), report.measurements
    clean = explainer(classifier, few[0])
    for name in NAMES:
        for severity in SEVERITIES:
            images = kax.corruptions.get(name)(few[0], severity, bounds=(0, 255), seed=4)
            logits = net.predict(images, verbose=0)
            where = {"attack": name, "severity": severity}
            np.testing.assert_array_equal(found.at("prediction", **where), logits.argmax(-1))
            confidence = keras.ops.softmax(logits).numpy().max(-1)
            np.testing.assert_allclose(found.at("confidence", **where), confidence, rtol=1e-4)
            apart = kax.metrics.nissim(clean, explainer(classifier, images))
            np.testing.assert_allclose(found.at("dissimilarity", explainer="grad_cam", **where), apart, atol=1e-4)
            # Asked for as attacks are, by position or by the word.
            for mods in (report.mod(name, "grad_cam", severity), report.mod(name, "grad_cam", severity=severity)):
                assert mods == pytest.approx(apart.mean(), abs=1e-4)
            assert report.accuracy(name, severity) == np.mean(logits.argmax(-1) == few[1])
            assert report.flip_rate(name, severity=severity) == np.mean(logits.argmax(-1) != found.at("prediction"))
            low, high = report.mod_interval(name, "grad_cam", severity)
            assert low <= report.mod(name, "grad_cam", severity) <= high
            assert report.corrupted.mod(name, "grad_cam", severity) == report.mod(name, "grad_cam", severity)
            (example, _) = report.select(attack=name, severity=severity)
            assert (example.severity, math.isnan(example.epsilon), example.level_text) == (
                *(severity, True, f"severity {severity}"),
            )
            np.testing.assert_allclose(example.adversarial, images[0] / 255, atol=1e-6)
            assert example.dissimilarity == pytest.approx(apart[0], abs=1e-4)
    spread = np.std([report.mod("fog", "grad_cam", severity) for severity in SEVERITIES])
    assert report.vid("fog", "grad_cam") == pytest.approx(spread)
    assert math.isnan(report.budget_used("fog", 5))  # a severity has no budget
    with pytest.raises(ValueError, match=r"`severity` must be one of the report's, 5, 1\. Received: severity=3"):
        report.mod("fog", "grad_cam", 3)
    with pytest.raises(ValueError, match="The report has no attack 'fog'"):
        report.robust_accuracy(0.1, attack="fog")


def test_what_is_there_without_corruptions_is_the_same_to_the_last_bit(report, net, few):
    plain = kax.evaluate(net, few, **{**SETTINGS, "attacks": "fgsm"}, progress=False)
    assert set(report.measurements.arrays) - set(plain.measurements.arrays) == {"corrupted_dissimilarity"}
    for name, array in plain.measurements.arrays.items():
        ours = report.measurements.arrays[name]
        if array.shape != ours.shape:  # corruptions come behind
            axis = next(axis for axis, side in enumerate(array.shape) if side != ours.shape[axis])
            ours = np.take(ours, range(array.shape[axis]), axis)
        assert ours.tobytes() == array.tobytes(), name
    # Nothing that is said of attacks speaks of corruptions, which have neither budget nor epsilon.
    assert [str(finding) for finding in report.warnings] == [str(finding) for finding in plain.warnings]
    assert repr([row for row in report.rows if row.severity is None]) == repr(list(plain.rows))  # NaN is not itself
    before, after = str(plain).partition("\n\nNote")[0], str(report)
    assert before.partition("\n\nWarning")[0] in after
    assert "severities" not in plain.provenance["settings"]
    assert plain.corruptions == plain.severities == ()
    with pytest.raises(ValueError, match="The report has no corruptions"):
        str(plain.corrupted)
    examples = [example for example in report.examples if example.severity is None]
    assert [(e.attack, e.epsilon, e.index) for e in examples] == [
        (e.attack, e.epsilon, e.index) for e in plain.examples
    ]


def test_tables_files_and_figures_keep_the_two_apart(report, tmp_path):
    text = str(report)
    table = text[text.index("grad_cam under corruptions") :]
    assert f"{report.accuracy('fog', 5):.1%}".replace("%", " %") in table
    assert f"{report.mod('gaussian_noise', 'grad_cam', 1):.3f}" in table
    assert "mean of 2" in table
    assert "fog" not in text[: text.index("grad_cam under corruptions")]
    assert table.startswith(str(report.corrupted).strip())
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert [(row["attack"], row["epsilon"], row["severity"]) for row in rows] == [
        *((name, str(epsilon), "") for name in ("fgsm", "uniform_noise") for epsilon in EPSILONS),
        *((name, "", str(severity)) for name in NAMES for severity in SEVERITIES),
    ]
    assert float(rows[-1]["mod"]) == report.mod("gaussian_noise", "grad_cam", 1)
    frame = report.to_dataframe()
    assert frame[frame["severity"] == 5]["mod"].tolist() == [report.mod(name, "grad_cam", 5) for name in NAMES]
    assert "grad_cam under corruptions" in report._repr_html_()
    report.save(tmp_path / "report.npz")
    for copy in (
        kax.EvaluationReport.load(tmp_path / "report.npz"),
        kax.EvaluationReport.from_json(report.to_json()),
    ):
        assert copy == report
        assert copy.settings == report.settings
        assert copy.mod("fog", "grad_cam", 5) == report.mod("fog", "grad_cam", 5)
    figure = kax.figures.drift(report)
    assert [axes.get_title() for axes in figure.axes] == [
        *("accuracy under attack", "MOD of grad_cam"),
        *("accuracy under corruptions", "MOD of grad_cam under corruptions"),
    ]
    assert [axes.get_xlabel() for axes in figure.axes] == ["epsilon", "epsilon", "severity", "severity"]
    assert [label.get_text() for label in figure.axes[2].get_xticklabels()] == ["clean", "1", "5"]
    curves = {line.get_label(): line.get_ydata() for line in figure.axes[2].get_lines()}
    assert list(curves) == list(NAMES)
    np.testing.assert_allclose(
        curves["fog"], [report.clean_accuracy, report.accuracy("fog", 1), report.accuracy("fog", 5)]
    )
    assert "severity 5" in kax.figures.comparison(report.select(attack="fog", severity=5)).axes[0].get_ylabel()


def test_models_are_compared_under_corruptions(report):
    compared = kax.compare({"one": report.corrupted, "other": report.corrupted})
    assert (compared.attacks, compared.epsilons, compared.scale) == (NAMES, (5.0, 1.0), "severity")
    assert compared.value("one", "mod", attack="fog", epsilon=5) == report.mod("fog", "grad_cam", 5)
    assert compared.difference("one", "other", "accuracy", attack="fog", epsilon=1).difference == 0
    said = " ".join(str(compared).split())
    assert "of the MOD at the largest severity" in said
    assert "the mean over the severities" in said
    assert "epsilon" not in said
    axes = kax.figures.models(compared, attack="fog").axes
    assert [each.get_xlabel() for each in axes[:2]] == ["severity", "severity"]
    assert kax.compare({"one": report, "other": report}).scale == "epsilon"


def test_logs_have_runs_and_keys_of_corruptions(report, tmp_path):
    with ReportWriter(tmp_path) as writer:
        writer.write(report, step=0)
    runs = {path.name for path in pathlib.Path(tmp_path, "advxai").iterdir()}
    assert runs >= {"severity_1", "severity_5", "eps_0.02", "eps_0.1"}
    assert not [name for name in runs if name.startswith(NAMES)]  # they are tags of these runs, as attacks are
    found = keys.values(report)
    assert set(found) | {"val_evaluation_failed"} == keys.keys(report.settings)
    assert set(found) == set(keys.unmeasured_values(report.settings, "classification", has_labels=True))
    assert found["val_accuracy_fog"] == report.accuracy("fog", 5)
    assert found["val_mod_fog_grad_cam"] == np.mean(
        [mod(report.measurements.corrupted, "fog", "grad_cam", 1.0), report.mod("fog", "grad_cam", 5)]
    )
    assert found["val_vid_fog_grad_cam"] == report.vid("fog", "grad_cam")


def test_batches_shards_journals_and_settings_make_no_difference(report, net, few, tmp_path):
    for changed in ({"batch_size": 8}, {"settings": report.settings}):
        again = kax.evaluate(net, few, **{**({} if "settings" in changed else SETTINGS), **changed}, progress=False)
        for name in ("prediction", "corrupted_dissimilarity"):
            np.testing.assert_allclose(again.measurements.arrays[name], report.measurements.arrays[name], atol=1e-6)
    parts = [kax.evaluate(net, few, **SETTINGS, shard=(index, 2), progress=False) for index in range(2)]
    assert kax.EvaluationReport.merge(parts) == report

    journal = tmp_path / "run.journal"
    with pytest.raises(kax.EvaluationError, match="the disk is gone") as stopped:
        kax.evaluate(net, Batched(few, failing=True), **SETTINGS, journal=journal, progress=False)
    assert stopped.value.report.mod("fog", "grad_cam", 5) > 0
    resumed = kax.evaluate(net, Batched(few), **SETTINGS, journal=journal, progress=False)
    for name, array in report.measurements.arrays.items():
        assert resumed.measurements.arrays[name].tobytes() == array.tobytes(), name
    for one, other in zip(resumed.examples, report.examples, strict=True):
        assert (one.attack, one.severity, str(one.epsilon)) == (other.attack, other.severity, str(other.epsilon))
        np.testing.assert_array_equal(one.adversarial, other.adversarial)


def test_corruptions_alone_stand_beside_the_noise_control(net, few):
    settings = kax.EvaluationSettings(attacks="common-corruptions", severities=2, explainers=())
    assert [item.name for item in settings.corruptions] == list(kax.corruptions.COMMON)
    assert [item.name for item in settings.attacks_and_controls] == ["uniform_noise"]
    assert settings.severities == (2,)
    assert kax.EvaluationSettings.from_dict(settings.to_dict()) == settings
    report = kax.evaluate(net, few, attacks="fog", explainers=(), bounds=(0, 255), epsilons=(0.1,), progress=False)
    assert (report.attacks, report.corruptions, report.severities) == (("uniform_noise",), ("fog",), (1, 3, 5))
    assert "Under corruptions" in str(report)
    assert 0 <= report.accuracy("fog", 3) <= 1


def test_what_is_refused_is_refused_before_anything_is_computed(net, few):
    for severities in ((), (0,), (6,), (1, 1), (1.0,), "3", (True, 2), None):
        with pytest.raises(ValueError, match="`severities` must be"):
            kax.EvaluationSettings(attacks="fog", severities=severities)
    with pytest.raises(ValueError, match=r"must not name the same one twice\. Received: fog twice"):
        kax.EvaluationSettings(attacks=["fog", "Fog"])
    with pytest.raises(
        ValueError, match=r"Corruptions have no epsilon.*Received: attacks=\['fog'\], noise_control=False"
    ):
        kax.EvaluationSettings(attacks="fog", noise_control=False)
    with pytest.raises(ValueError, match=r"Unknown attack 'foggy'.*Corruptions: .*Did you mean 'fog'"):
        kax.EvaluationSettings(attacks="foggy")
    with pytest.raises(TypeError, match=r"is of one attack\. Received: severities=\(1,\)"):
        kax.compare_scores(net, few, severities=(1,))
    two = keras.Sequential([layers.Input((8, 8, 2)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(
        ValueError, match=r"corruption 'snow' is for gray images \(1 channel\) or RGB images.*2 channels"
    ):
        kax.evaluate(two, np.zeros((2, 8, 8, 2), "float32"), attacks=["fgsm", "snow"], explainers=(), progress=False)
    signal = keras.Sequential([layers.Input((20, 3)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"corruption 'fog' is for images"):
        kax.evaluate(signal, np.zeros((2, 20, 3), "float32"), attacks="fog", explainers=(), progress=False)


def test_a_model_with_channels_first_sees_the_same_pictures(few):
    helpers.needs_channels_first()
    images = np.moveaxis(few[0], -1, 1)
    stack = [layers.Conv2D(3, 3, data_format="channels_first"), layers.GlobalAveragePooling2D("channels_first")]
    first = keras.Sequential([layers.Input((3, 12, 12)), *stack, layers.Dense(2)])
    report = kax.evaluate(
        first, images, attacks="fog", explainers="saliency", bounds=(0, 255), images=1, progress=False
    )
    corrupted = kax.corruptions.get("fog")(few[0][:1], 3, bounds=(0, 255))
    (example,) = report.select(attack="fog", severity=3)
    np.testing.assert_allclose(example.adversarial, corrupted[0] / 255, atol=1e-6)
    predicted = first.predict(np.moveaxis(corrupted, -1, 1), verbose=0).argmax(-1)
    assert report.measurements.at("prediction", attack="fog", severity=3)[:1] == predicted
