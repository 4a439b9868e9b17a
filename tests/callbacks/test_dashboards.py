"""What a training shows in TensorBoard from its beginning, and what of it is Keras' own."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from event_files import by_plugin, folders, read, scalars, steps
from scripted import weights
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

import keras_advxai as kax
from keras_advxai.tensorboard.dashboards import of_model

pytestmark = pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")

COMMAND = "Adversarial evaluation: tensorboard --logdir "


class Look(keras.callbacks.Callback):
    """What there is when the first batch is trained."""

    def __init__(self, log_dir, capsys):
        super().__init__()
        self.log_dir, self.capsys, self.seen = log_dir, capsys, None

    def on_train_batch_begin(self, batch, logs=None):
        if self.seen is None:
            self.seen = folders(self.log_dir), self.capsys.readouterr().err


def hparams(log_dir):
    content = read(log_dir, "clean").PluginTagToContent("hparams")[metadata.SESSION_START_INFO_TAG]
    found = metadata.parse_session_start_info_plugin_data(content).hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in found.items()}


def test_before_the_first_batch_there_is_something_to_see_and_it_is_told_where(
    fit, evaluation, images, tmp_path, capsys
):
    look = Look(tmp_path, capsys)
    ours = evaluation(images, log_dir=tmp_path, hparams={"width": np.int64(2), "kind": "small"}, images=0)
    fit(ours, look, epochs=(None, None), verbose=2)
    runs, said = look.seen
    assert runs == {"advxai/clean"}
    (line,) = [line for line in said.splitlines() if line.startswith(COMMAND)]
    assert line == f"{COMMAND}{tmp_path}, then {'http://localhost:6006/'}?smoothing=0#advxai"
    assert COMMAND not in capsys.readouterr().err
    assert hparams(tmp_path) == {"network": "26 in 3 layers", "optimizer": "SGD 0", "width": 2, "kind": "small"}
    ((step, text),) = by_plugin(read(tmp_path, "clean"), "text")["advxai_settings"].items()
    assert step == 0
    assert "    epsilons    0.05, 0.2" in text.item().decode()
    assert steps(tmp_path / "advxai" / "clean")["advxai/accuracy/fgsm"] == [0, 1]


def test_corruptions_have_runs_and_charts_of_their_own(fit, evaluation, images, tmp_path):
    attacks = ["fgsm", "contrast"]
    ours = evaluation(images, attacks=attacks, severities=(1, 5), log_dir=tmp_path, final=False, images=1)
    fit(ours)
    runs = {"clean", "noise_0.2", "eps_0.05", "eps_0.2", "severity_1", "severity_5"}
    assert folders(tmp_path) == {f"advxai/{run}" for run in runs}
    for severity in (1, 5):
        found = scalars(tmp_path, f"severity_{severity}")
        accuracy = pytest.approx(ours.report.accuracy("contrast", severity=severity))
        assert found["advxai_corruptions/accuracy/contrast"] == {0: accuracy}
        mod = pytest.approx(ours.report.mod("contrast", "grad_cam", severity=severity))
        assert found["advxai_corruptions/mod/grad_cam/contrast"] == {0: mod}
        assert not [tag for tag in found if "fgsm" in tag]
    clean = scalars(tmp_path, "clean")
    assert clean["advxai_corruptions/accuracy/contrast"] == {0: pytest.approx(ours.report.clean_accuracy)}
    assert all(len(at) == 1 for run in folders(tmp_path) for at in steps(tmp_path / run).values())
    drawn = {run: set(by_plugin(read(tmp_path, run), "images")) for run in runs}
    assert drawn["severity_5"] == {"advxai_images/contrast/grad_cam/0"}
    assert drawn["eps_0.2"] == {f"advxai_images/{name}/grad_cam/0" for name in ("fgsm", "uniform_noise")}
    assert not drawn["severity_1"] | drawn["eps_0.05"]


def test_a_quiet_training_tells_nothing(fit, evaluation, images, tmp_path, capsys):
    fit(evaluation(images, log_dir=tmp_path, final=False, images=0), verbose=0)
    assert capsys.readouterr() == ("", "")
    assert "advxai_report/1_table" in steps(tmp_path / "advxai" / "clean")
    assert not [tag for tag in steps(tmp_path / "advxai" / "clean") if "drift" in tag]  # who wants no pictures


def test_another_training_in_the_directory_is_told_of(fit, evaluation, images, tmp_path):
    def train(**settings):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(evaluation(images, log_dir=tmp_path, images=0, final=False, **settings))
        return [str(item.message) for item in caught if "another training" in str(item.message)]

    assert not train()
    (sentence,) = train()
    assert sentence.startswith(f"'{tmp_path}' holds the logs of another training, whose epochs TensorBoard will show")
    assert len(train(epsilons=(0.1,))) == 1


def test_values_are_not_logged_twice_by_a_tensorboard_in_front(fit, evaluation, images, tmp_path):
    best = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras", "val_accuracy_fgsm", mode="max")
    board = keras.callbacks.TensorBoard(tmp_path, write_graph=False)
    history = fit(
        board, evaluation(images, log_dir=tmp_path, final=False, images=0), best, epochs=(weights(), None)
    ).history
    assert len(history["val_accuracy_fgsm"]) == 2
    assert (tmp_path / "2.keras").exists()
    events = [
        EventAccumulator(str(path.parent)).Reload()
        for path in tmp_path.rglob("*tfevents*")
        if "advxai" not in str(path)
    ]
    tags = {tag for found in events for tag in found.Tags()["tensors"]}
    assert {"epoch_accuracy", "epoch_loss"} <= tags
    assert not [tag for tag in tags if any(word in tag for word in ("fgsm", "noise", "clean", "mod", "evaluation_f"))]


def test_of_a_model_is_said_how_large_it_is_and_how_it_was_compiled(trained):
    assert of_model(trained)["network"] == "26 in 3 layers"
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(2)])(inputs))
    assert of_model(model) == {"network": f"{15 + 8} in 2 layers"}
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 5)))
    assert of_model(model)["optimizer"] == "Adam CosineDecay"
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.25)))
    assert of_model(model)["optimizer"] == "SGD 0.25"
    assert tf.executing_eagerly()


def test_an_evaluation_after_training_is_a_run_of_its_own(fit, evaluation, images, trained, tmp_path):
    ours = evaluation(images, log_dir=tmp_path, final=False, images=0)
    fit(ours, epochs=(None, None))
    before = {run: steps(tmp_path / run) for run in folders(tmp_path)}
    for step in (0, 1):
        report = kax.evaluate(trained, images, settings=ours.settings, log_dir=tmp_path, progress=False)
        assert {run: steps(tmp_path / run) for run in before} == before
        assert folders(tmp_path) == {*before, "advxai/evaluation"}
        found = scalars(tmp_path, "evaluation")
        assert list(found["~advxai_final/accuracy/fgsm"]) == list(range(step + 1))
        assert found["~advxai_final/accuracy/fgsm"][step] == pytest.approx(report.accuracy("fgsm", 0.2))
        assert all(tag.startswith("~advxai_final/") for tag in found)  # and so no curve
    assert list(by_plugin(read(tmp_path, "evaluation"), "images")) == ["advxai_report/1_drift"]


@pytest.mark.parametrize("wrong", [3, {"a": None}, {"a": [1]}, {1: "a"}])
def test_what_hparams_cannot_show_is_refused(images, wrong):
    with pytest.raises(TypeError, match=r"`hparams` must be a dictionary.*Received: "):
        kax.callbacks.AdversarialEvaluation(images, hparams=wrong)
