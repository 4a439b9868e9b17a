"""What is said while a model is trained: findings once, what it took, and progress."""

from __future__ import annotations

import logging
import warnings

import keras
import numpy as np
import pytest
from scripted import BLANK, Weights, weights

from keras_advxai.callbacks import FindingWarning
from keras_advxai.callbacks.telling import Teller
from keras_advxai.measurements.finding import Finding


def said(fit, *callbacks, **settings):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(*callbacks, **settings)  # whatever trains
    return [str(item.message) for item in caught if issubclass(item.category, FindingWarning)]


@pytest.mark.slow
def test_each_finding_is_said_once_however_its_numbers_change(fit, evaluation, images):
    sentences = said(fit, evaluation(images, epsilons=(0.1,)), epochs=(BLANK, BLANK, weights(), BLANK))
    topics = [item.rpartition("#")[2] if "#" in item else "unmeasured" for item in sentences]
    assert len(set(topics)) == len(topics)
    keys = "val_mod_fgsm_grad_cam, val_mod_uniform_noise_grad_cam"
    assert sum(f"blank, so {keys} could not be measured" in it for it in sentences) == 1
    assert sum(it.startswith("After epoch 1: The model predicts class 0 for all") for it in sentences) == 1
    assert sum(it.startswith("After epoch 1: 64 of 64 clean heatmaps of grad_cam are blank") for it in sentences) == 1
    assert not said(fit, evaluation(images))


def test_notes_are_not_said_and_errors_are():
    found = [Finding(f"{number} of 9 are NaN.", id="not-finite", severity="error") for number in (3, 4.5)]
    found += [Finding("Few.", id="few-images"), Finding("Other words.", id="not-finite", severity="error")]
    teller = Teller(False)
    with pytest.warns(FindingWarning) as caught:
        teller.findings(found, "After epoch 1")
    teller.findings(found, "After epoch 2")
    texts = [str(item.message).partition(" (")[0] for item in caught]
    assert texts == ["After epoch 1: 3 of 9 are NaN.", "After epoch 1: Other words."]
    assert "checks.md#not-finite" in str(caught[0].message)


@pytest.mark.slow
def test_a_preprocessing_that_was_forgotten_is_said(fit, evaluation, images, trained):
    x, y = images
    given = (np.float32(4) * x, y)
    first, *others = weights()
    scaled = [first / 4, *others]  # a model that takes images in [0, 4]
    settings = {"epochs": (scaled, scaled), "validation_data": given}
    ours = evaluation(images, final=False)
    (sentence,) = [item for item in said(fit, ours, **settings) if "val_accuracy" in item]
    assert "The accuracy on the 64 clean images is 0.500, and val_accuracy is 1.000." in sentence
    assert all("other-validation-accuracy" in {it.id for it in found.warnings} for found in ours.reports.values())
    right = evaluation(images, final=False, preprocess=lambda image: 4 * image)
    assert not said(fit, right, **settings)
    assert not any(finding.id.startswith("other-") for finding in right.report.warnings)


@pytest.mark.parametrize("place", ["in front", "behind", "in front, for the validation alone"])
def test_where_the_weights_are_exchanged_for_the_validation(evaluation, images, trained, place):
    """SwapEMAWeights puts the average in for the validation, and only in front of us also for the epoch's end."""
    optimizer = keras.optimizers.SGD(0.0, use_ema=True, ema_momentum=0.9999)
    trained.compile(optimizer, trained.loss, metrics=["accuracy"])
    trained.set_weights(weights())
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=place == "in front")
    ours = evaluation(images, final=False)
    # The average stays with the weights of the first epoch.
    script = Weights(weights(), weights(1.6))
    callbacks = [script, ours, swap] if place == "behind" else [swap, script, ours]

    def train(**settings):
        settings |= {"epochs": 2, "batch_size": 16, "verbose": 0, "validation_data": images}
        return trained.fit(*images, callbacks=callbacks, **settings).history

    sentences = said(train)
    measured, validated = ours.report.clean_accuracy, trained.history.history["val_accuracy"][1]
    assert sum("validation ran with other weights" in item for item in sentences) == (place != "in front")
    assert not any("in another way" in item for item in sentences)  # which it explains
    assert validated == 1
    assert (measured == validated) == (place == "in front")


@pytest.mark.parametrize("samples", [48, 64])  # of 64, after which the final evaluation has nothing new to look at
@pytest.mark.parametrize("place", ["none", "in front"])
def test_an_average_that_is_in_the_model_after_the_training_alone_is_told(evaluation, images, trained, place, samples):
    """Keras puts that of `use_ema` into the model when the training ends; the epochs are of the weights as trained."""
    trained.compile(keras.optimizers.SGD(0.0, use_ema=True, ema_momentum=0.9999), trained.loss, metrics=["accuracy"])
    trained.set_weights(weights())
    ours = evaluation(images, max_samples=samples)
    # The average stays with the weights of the first epoch.
    callbacks = [Weights(weights(), weights(1.6)), ours]
    if place == "in front":
        callbacks.insert(0, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    sentences = said(lambda: trained.fit(*images, callbacks=callbacks, epochs=2, batch_size=16, verbose=0))
    assert sum("this report is of the average" in item for item in sentences) == (place == "none")
    of_epoch, of_all = ours.reports[1].clean_accuracy, ours.report.clean_accuracy
    assert (of_epoch != of_all) == (place == "none")
    assert ("averaged-weights" in {item.id for item in ours.report.warnings}) == (place == "none")


@pytest.fixture(autouse=True)
def _as_it_was(trained):
    yield
    if getattr(trained.optimizer, "use_ema", False):
        trained.compile(keras.optimizers.SGD(0.0), trained.loss, metrics=["accuracy"])


def lines(text):
    return [line for line in text.splitlines() if line.startswith("Adversarial evaluation: ")]


def test_one_line_says_what_it_took(fit, evaluation, images, capsys):
    said(fit, evaluation(images, final=False), epochs=(None, None), verbose=2)
    (line,) = lines(capsys.readouterr().err)
    assert " s for 64 images after epoch 1, which trained for " in line
    assert "Cheaper: a smaller max_samples, noise_control=False, every=2, or max_share=0.2" in line
    said(fit, evaluation(images, final=False), verbose=0)
    assert capsys.readouterr() == ("", "")


def test_a_log_is_told_instead(fit, evaluation, images, capsys, caplog):
    with caplog.at_level(logging.INFO, logger="keras_advxai"):
        said(fit, evaluation(images, final=False), verbose=2)
    assert len(lines("\n".join(item.getMessage() for item in caplog.records))) == 1
    assert not lines(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("settings", "again"),
    [({}, False), ({"max_samples": 63}, True), ({"every": 2}, True)],
    ids=["all of the data", "a part of them", "an epoch before"],
)
def test_what_was_evaluated_is_not_evaluated_again(fit, evaluation, images, capsys, settings, again):
    ours = evaluation(images, **settings)
    said(fit, ours, epochs=(weights(), weights(), weights(2 if again else 1)), verbose=2)
    last = ours.reports[max(ours.reports)]
    assert (ours.report.measurements is last.measurements) != again
    assert ("evaluating all of the data" in capsys.readouterr().err) == again
    assert len(ours.report.samples) == 64
    assert ours.report.examples
    if again:
        said(fit, ours, verbose=0)
        assert capsys.readouterr() == ("", "")


class After(keras.callbacks.Callback):
    def __init__(self, change):
        super().__init__()
        self.change = change

    def on_epoch_end(self, epoch, logs=None):
        self.change(self.model)


@pytest.mark.parametrize("what", ["weights", "data"])
def test_it_is_where_something_has_changed(fit, evaluation, images, trained, what):
    x, y = images[0].copy(), images[1]

    def change(model):
        if what == "data":
            x[0] = 1 - x[0]
        else:
            model.layers[-1].bias.assign_add([0.0, 1e-6])

    ours = evaluation((x, y))
    said(fit, ours, After(change))
    assert ours.report.measurements is not ours.reports[0].measurements
