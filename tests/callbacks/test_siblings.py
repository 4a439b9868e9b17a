"""Several callbacks in one training, and several trainings with one callback."""

from __future__ import annotations

import gc
import warnings

import keras
import pytest
from scripted import BLANK

from keras_advxai.callbacks import FindingWarning
from keras_advxai.callbacks.siblings import _STARTED

pytestmark = pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")


class Count(keras.callbacks.Callback):
    epochs = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs += 1


@pytest.mark.slow
@pytest.mark.parametrize("names", [(None, None), ("same", "same")])
def test_two_of_one_name_are_refused_before_the_first_epoch(fit, evaluation, images, names):
    count = Count()
    pair = [evaluation(images, name=name, attacks=attack) for name, attack in zip(names, ("fgsm", "bim"), strict=True)]
    with pytest.raises(ValueError, match=r"write the same keys .*Give each AdversarialEvaluation a `name`"):
        fit(*pair, count)
    assert not count.epochs
    fit(pair[0])  # what broke off is no sibling
    fit(pair[1])


def test_names_keep_their_values_apart(fit, evaluation, images):
    dark = (images[0] * 0.5, images[1])
    plain, other = evaluation(images, final=False), evaluation(dark, name="dark", final=False)
    history = fit(plain, other).history
    for ours, start in ((plain, "val_"), (other, "val_dark_")):
        assert history[f"{start}accuracy_clean"] == [ours.report.clean_accuracy]
        assert history[f"{start}accuracy_fgsm"] == [ours.report.accuracy("fgsm", 0.2)]
    assert plain.report.clean_accuracy != other.report.clean_accuracy


def test_where_keras_does_not_tell_they_overwrite_with_a_warning(fit, trained, evaluation, images):
    pair = [evaluation(images, final=False, epsilons=(0.1,)) for _ in range(2)]
    listed = keras.callbacks.CallbackList(pair, add_history=True, model=trained)
    assert pair[0].params is None
    with pytest.warns(FindingWarning, match="val_accuracy_clean, .* was overwritten. Give this callback a `name`"):
        trained.fit(*images, batch_size=16, verbose=0, callbacks=listed)


def test_a_metric_of_the_same_name_is_not_lost_silently(fit, evaluation, images):
    class Logs(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_accuracy_clean"] = 0.25

    with pytest.warns(FindingWarning, match="val_accuracy_clean of the logs"):
        fit(Logs(), evaluation(images, final=False))


def test_a_new_training_has_reports_of_its_own_and_the_old_ones_are_kept(fit, evaluation, images):
    ours = evaluation(images, final=False)
    fit(ours, epochs=(None, None, None))
    first, kept = ours.reports, dict(ours.reports)
    fit(ours, epochs=(None,))
    assert sorted(ours.reports) == [0]
    assert ours.earlier_reports == (first,)
    assert first == kept  # whoever holds them holds them whole


def test_a_training_that_goes_on_keeps_them(fit, evaluation, images):
    ours = evaluation(images, final=False)
    fit(ours, epochs=(None, None))
    before = dict(ours.reports)
    fit(ours, initial_epoch=2, until=4)
    assert sorted(ours.reports) == [0, 1, 2, 3]
    assert all(ours.reports[epoch] is report for epoch, report in before.items())
    assert not ours.earlier_reports
    whole = ours.reports
    fit(ours, initial_epoch=1, until=2)  # goes back to the second epoch
    assert sorted(ours.reports) == [0, 1]
    assert ours.earlier_reports == (whole,)


@pytest.mark.slow
def test_reports_of_another_model_are_of_another_training(fit, trained, evaluation, images):
    ours = evaluation(images, final=False, explainers=())
    fit(ours, epochs=(None, None))
    other = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    other.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    other.fit(*images, verbose=0, initial_epoch=2, epochs=3, callbacks=[ours])
    assert sorted(ours.reports) == [2]
    assert [sorted(item) for item in ours.earlier_reports] == [[0, 1]]


@pytest.mark.slow
def test_no_callback_is_kept_alive(fit, evaluation, images):
    gc.collect()
    before = {id(item) for item in _STARTED}  # those of other tests that somebody holds
    fit(evaluation(images, final=False))
    gc.collect()
    assert {id(item) for item in _STARTED} <= before


@pytest.mark.slow
def test_what_two_callbacks_find_alike_is_said_once(fit, evaluation, images):
    dark = (images[0][:40] * 0.5, images[1][:40])
    pair = [evaluation(images, name=name, final=False, epsilons=(0.1,)) for name in ("one", "two")]
    other = evaluation(dark, name="dark", final=False, epsilons=(0.1,))

    def said(*callbacks):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(*callbacks, epochs=(BLANK, BLANK))
        return [str(item.message) for item in caught if "blank-heatmaps" in str(item.message)]

    (sentence,) = said(*pair)
    assert "64 of 64 clean heatmaps of grad_cam are blank" in sentence
    assert all("blank-heatmaps" in {item.id for item in ours.report.warnings} for ours in pair)  # each report has it
    # What differs in its numbers is of other images. In another training it is said again.
    assert [item.partition(" clean")[0] for item in said(pair[0], other)] == [
        "After epoch 1: 64 of 64",
        "After epoch 1: 40 of 40",
    ]
    assert said(pair[1]) == [sentence]
