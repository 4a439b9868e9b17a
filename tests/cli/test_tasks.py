"""Regressions, several labels, and how else a model is seen, on the command line."""

from __future__ import annotations

import json

import click
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.cli import evaluate, models, writing
from keras_advxai.cli.failing import as_options
from keras_advxai.cli.program import program

PNG = b"\x89PNG\r\n\x1a\n"
QUICK = ("--bounds", "0", "1", "--explainer", "none", "--no-noise", "--epsilon", "0.1", "--quiet")


@pytest.fixture(scope="module", autouse=True)
def _models(here):
    """Networks with a convolution and two outputs, and tables of numbers for the images."""
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(3, 3, activation="relu", name="conv")(image)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    values, tags = keras.layers.Dense(2, name="values")(x), keras.layers.Dense(3, activation="sigmoid", name="tags")(x)
    keras.Model(image, values).save(here / "values.keras")
    keras.Model(image, tags).save(here / "tags.keras")
    keras.Model(image, [values, tags]).save(here / "both.keras")
    files = [file.relative_to(here) for file in sorted((here / "colours").rglob("*.png"))]
    lines = {
        "values": ["path,width,height", *(f"{file},{place / 4},-1" for place, file in enumerate(files))],
        "tags": ["path,sun,sea,sky", *(f"{file},{place % 2},1,{place // 6}" for place, file in enumerate(files))],
    }
    for name, rows in lines.items():
        (here / f"{name}.csv").write_text("\n".join(rows))


def said_by(here, name):
    """What a model says of the images in the order in which they are read, and their places in the tables."""
    plain = kax.data.load(here / "colours", size=16, bounds=(0, 1))
    data = kax.data.load(here / "colours", size=16, bounds=(0, 1), shuffle=True)
    places = np.array([plain.names.index(name) for name in data.names])
    return keras.models.load_model(here / name).predict(data[0][0], verbose=0), places


@pytest.mark.slow
def test_a_regression(run, here, tmp_path):
    command = ("evaluate", "--model", "values.keras", "--task", "regression", "--data", "values.csv", *QUICK)
    code, out, err = run(*command, "--json", "--output", tmp_path)
    assert (code, err) == (0, "")
    said, places = said_by(here, "values.keras")
    np.testing.assert_allclose([row["values"] for row in json.loads(out)["predictions"]], said[:10], rtol=1e-5)
    report = kax.EvaluationReport.load(tmp_path / "report.npz")
    assert report.settings.task == report.provenance["task"] == "regression"
    assert report.provenance["class_names"] == ["width", "height"]
    true = np.stack([places / 4, -np.ones(12)], axis=1)
    np.testing.assert_array_equal(report.measurements.at("true_values"), true.T)
    error = np.abs(said - true).mean()
    assert report.mean_error() == pytest.approx(error, rel=1e-5)
    assert report.mean_change("fgsm", 0.1) > 0
    code, out, _ = run("show", tmp_path)
    assert (code, "a regression of 2 numbers" in out) == (0, True)


def test_a_regression_of_one_number_in_arrays(run, here):
    x = np.load(here / "arrays.npz")["x"]
    np.savez(here / "numbers.npz", x=x, y=np.linspace(0, 1, len(x)))
    image = keras.Input((16, 16, 3))
    keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(image))).save(here / "number.keras")
    command = ("evaluate", "--model", "number.keras", "--task", "regression", "--data", "numbers.npz", *QUICK)
    code, out, err = run(*command)
    assert (code, err) == (0, "")  # one output is no class that is always predicted
    said = keras.models.load_model(here / "number.keras").predict(x, verbose=0)
    assert out.splitlines()[1] == f"  image 0  {said[0, 0]:.4g}"


def test_several_labels(run, here, tmp_path):
    command = ("evaluate", "--model", "tags.keras", "--labels", "multi", "--data", "tags.csv", *QUICK)
    code, out, err = run(*command, "--json", "--output", tmp_path)
    assert (code, err) == (0, "")
    said, places = said_by(here, "tags.keras")
    first = json.loads(out)["predictions"][0]
    assert (first["class"], first["name"]) == (said[0].argmax(), ("sun", "sea", "sky")[said[0].argmax()])
    assert first["confidence"] == pytest.approx(said[0].max())
    report = kax.EvaluationReport.load(tmp_path / "report.npz")
    assert report.provenance["task"] == "multi_label"
    labels = np.array([[place % 2, 1, place // 6] for place in places])
    np.testing.assert_array_equal(report.measurements.at("true_labels"), labels.T)
    assert report.clean_accuracy == pytest.approx(np.mean((said > 0.5) == labels))


@pytest.mark.slow
def test_explain_a_regression_that_is_one_of_two_outputs(run, here, tmp_path):
    seen = ("--model", "both.keras", "--model-output", "values", "--task", "regression", "--bounds", "0", "1")
    options = ("--explainer", "saliency", "--attack", "fgsm:norm=l2", "--epsilon", "0.2", "--output", tmp_path)
    code, out, err = run("explain", "colours/red/1.png", *seen, *options, "--quiet")
    assert (code, err) == (0, "")
    said, places = said_by(here, "values.keras")
    file, heading, *rows = (line.split() for line in out.partition("\n\n")[0].splitlines())
    assert (file, heading) == (["colours/red/1.png"], ["original", "fgsm_l2", "at", "epsilon", "0.2"])
    assert [row[1:3] for row in rows] == [["output", "0"], ["output", "1"]]
    assert [float(row[0]) for row in rows] == pytest.approx(said[places.tolist().index(9)].tolist(), rel=1e-3)
    assert any(row[0] != row[3] for row in rows)  # before and after the attack
    assert {path.name for path in tmp_path.iterdir()} == {"1_saliency.png"}  # and none of a softmax
    assert (tmp_path / "1_saliency.png").read_bytes().startswith(PNG)


@pytest.mark.slow
def test_explain_an_attack_towards_a_class(run):
    options = ("--attack", "fgsm:targeted=true", "--attack-target", "0", "--epsilon", "0.6", "--explainer", "saliency")
    code, out, err = run(
        "explain", "colours/red/0.png", "--model", "model.keras", "--bounds", "0", "1", *options, "--json"
    )
    assert code == 0, err
    found = json.loads(out)["images"][0]
    assert (found["original"][0]["class"], found["adversarial"][0]["class"]) == (2, 0)


def test_every_setting_arrives(here, monkeypatch):
    monkeypatch.chdir(here)
    arguments = (
        *("--model", "both.keras", "--model-output", "1", "--labels", "multi", "--from-logits", "--bounds", "0", "2"),
        *("--data", "tags.csv", "--attack", "pgd:targeted=true", "--attack-target", "runner_up", "--target", "clean"),
        *("--metric", "nissim", "--metric", "rank_distance", "--fold-batch-norm", "--jit-compile", "--seed", "7"),
        *("--epsilon", "0.2", "--epsilon", "2/255", "--no-noise", "--checks", "all", "--batch-size", "5"),
    )
    options = (
        program.commands["evaluate"].make_context("evaluate", list(arguments), parent=click.Context(program)).params
    )
    classifier, settings, _ = evaluate._loaded(options)
    assert (classifier.output, classifier.labels, classifier.bounds) == (1, "multi", (0, 2))
    assert classifier.from_logits is classifier.fold_batch_norm is classifier.jit_compile is True
    assert settings.attacks == (kax.attacks.PGD(targeted=True),)
    assert (settings.attack_targets, settings.target, settings.seed) == ("runner_up", "clean", 7)
    assert [metric.name for metric in settings.metrics] == ["nissim", "rank_distance"]
    assert (settings.epsilons, settings.noise_control) == ((2 / 255, 0.2), False)
    assert (settings.checks, settings.batch_size) == ("all", 5)
    assert models.load("tags.keras", from_logits=False).from_logits is False
    plain = models.load("tags.keras", from_logits=None, task=None, labels=None, model_output=None, fold_batch_norm=None)
    assert (plain.from_logits, plain.task, plain.labels, plain.output) == (None, None, None, None)
    assert models.load("both.keras", model_output="0").output == 0


def test_pictures_name_the_outputs_of_a_regression():
    assert writing.pictured(None, "regression", 2) == ["output 0", "output 1"]
    assert writing.pictured(["width", "height"], "regression", 2) == ["width", "height"]
    assert writing.pictured([], "classification", 2) is writing.pictured(None, "multi_label", 2) is None


def test_messages_name_the_options():
    for text, wanted in {
        "Pass labels='multi' or labels='single'.": "Pass --labels multi or --labels single.",
        "from_logits=True says so, and from_logits=False not": "--from-logits says so, and --no-from-logits not",
        "Look at `output`, `from_logits`": "Look at --model-output, --from-logits",
        "Argument `attack_targets` must lie in 0..2. Received: attack_targets=3": "--attack-target must lie in 0..2. "
        "Received: 3",
    }.items():
        assert as_options(text) == wanted
