"""Checks of an evaluation during a training, beside what the training itself has measured."""

from __future__ import annotations

import dataclasses
import math
from typing import Self

import numpy as np

from keras_advxai.checks.evidence import WEIGHTS
from keras_advxai.measurements.accuracy import clean_accuracy
from keras_advxai.measurements.finding import Checks
from keras_advxai.measurements.measurements import Measurements

_SIGMAS = 4
_OTHER_IMAGES = 0.05
"""By how much accuracies on different images may differ without a word, beside what chance explains."""


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingEvidence:
    """An evaluation after an epoch, and what is known of the epoch.

    Attributes:
        measurements: What was measured.
        has_labels: Whether the data have labels.
        reported: The key and the value of the accuracy that the training has measured on its validation data; `None`
            where it has measured none.
        other_weights: Whether the validation ran with other weights than the evaluation.
        averaged: Whether the optimizer has put an average into the model since the last epoch was evaluated.
        earlier: The first measurements of this training that are of as many images; `None` where there are none.
        failed: What failed, where the measurements are those of an earlier evaluation; `None` where they are not.

    Example:

    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> from keras_advxai.checks import TRAINING, TrainingEvidence
    >>> coordinates = Coordinates((), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    >>> found = Measurements.of(coordinates, label=[0] * 20, prediction=[[1] * 20], confidence=[[0.6] * 20])
    >>> [finding.id for finding in TRAINING.findings(TrainingEvidence(found, reported=("val_accuracy", 0.9)))]
    ['other-validation-accuracy']
    """

    measurements: Measurements
    has_labels: bool = True
    reported: tuple[str, float] | None = None
    other_weights: bool = False
    averaged: bool = False
    earlier: Measurements | None = None
    failed: str | None = None

    def without(self, cause: str) -> Self | None:
        """Nothing: what silences a check of a training is of the whole model.

        Args:
            cause: The id of the finding.
        """
        return None


TRAINING: Checks[TrainingEvidence] = Checks()
"""The checks that the callback adds."""


@TRAINING.check("evaluation-failed", "error")
def evaluation_failed(seen: TrainingEvidence) -> str | None:
    """The evaluation after this epoch failed, and the figures are those of the last one that succeeded.

    The training goes on after an error, as that the memory was too small, and the values of the last evaluation are
    logged again, with a 1 as `val_evaluation_failed`. What failed is in the callback's `failures`, and its traceback in
    the log `keras_advxai`. The next epoch tries again, after memory errors in batches of half the size.
    """
    return None if seen.failed is None else f"{seen.failed}. The figures are those of the last evaluation before."


@TRAINING.check("other-weights", "warning")
def other_weights(seen: TrainingEvidence) -> str | None:
    """The validation of `fit` ran with other weights than the callback's evaluation.

    `SwapEMAWeights`, and whatever else keeps an average of the weights, puts it into the model for the validation and
    takes it out again. Where the callback comes first, its figures are those of the weights as trained, and
    `val_accuracy` that of the average. Put `SwapEMAWeights(swap_on_epoch=True)` before the callback: both are of the
    average then. Without validation data it cannot be seen.
    """
    if not seen.other_weights:
        return None
    return (
        "The validation ran with other weights than this evaluation, as with SwapEMAWeights behind this callback: "
        "val_accuracy and the figures under attack are of two models. Put SwapEMAWeights(swap_on_epoch=True) before it."
    )


@TRAINING.check("averaged-weights", "warning")
def averaged_weights(seen: TrainingEvidence) -> str | None:
    """The report after the training is of averaged weights, and those of the epochs are of the weights as trained.

    An optimizer with `use_ema=True` keeps an average of the weights beside them, and Keras puts it into the model when
    the training ends, before the last evaluation. Put `SwapEMAWeights(swap_on_epoch=True)` before the callback: the
    epochs are evaluated with the average, too.
    """
    if not seen.averaged:
        return None
    return (
        "The optimizer has use_ema=True, and its average is in the model since the training ended: this report is of "
        "the average, and the figures of the epochs are of the weights as trained. Put "
        "SwapEMAWeights(swap_on_epoch=True) before this callback: all are of the average then."
    )


@TRAINING.check("other-images", "warning")
def other_images(seen: TrainingEvidence) -> str | None:
    """The images are others than those of the first evaluation of this training, which had as many of them.

    The sample is drawn once, when `fit` begins. Where a training goes on, in another process or by another `fit`, it is
    drawn again, and data that come in another order each time they are read, as of a `tf.data.Dataset` with `shuffle`
    or a `PyDataset` that shuffles, give other images then: a curve over the epochs has a step that is none of the
    model, and image 3 of one report is not image 3 of another. Pass data that are read the same way each time: arrays,
    `shuffle(..., seed=0, reshuffle_each_iteration=False)`, or `image_dataset_from_directory(..., shuffle=False)`.
    Images are known again by a hash of their pixels, so those that are augmented anew are other ones, too.
    """
    keys, before = _image_keys(seen)
    if keys is None or before is None or np.array_equal(np.sort(keys), np.sort(before)):
        return None
    # As often as both have it, since an image may be there twice.
    (one, counts), (other, others) = (np.unique(item, return_counts=True) for item in (keys, before))
    _, first, second = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    same = int(np.minimum(counts[first], others[second]).sum())
    return (
        f"Of these {len(keys)} images, {same} are among the {len(before)} of the first evaluation of this training: "
        "figures of the two do not compare image by image, nor as a curve. Data that are shuffled, or augmented, each "
        "time they are read do so: pass arrays, or shuffle(..., seed=0, reshuffle_each_iteration=False)."
    )


@TRAINING.check("other-order")
def other_order(seen: TrainingEvidence) -> str | None:
    """The images are those of the first evaluation of this training, in another order.

    Of data that are shuffled each time they are read, as by a `tf.data.Dataset` with `shuffle` or a `PyDataset` that
    does so in `on_epoch_end`. Accuracies and MOD are the same in any order, and chance, which compares neighbours, is
    nearly so. Arrays of single images are not in one order: image 3 of this report is not image 3 of the other one.
    Compare them by `report.measurements.at("image_key")`, or pass data that are read the same way each time.
    """
    keys, before = _image_keys(seen)
    if keys is None or before is None or np.array_equal(keys, before):
        return None
    if not np.array_equal(np.sort(keys), np.sort(before)):
        return None
    return (
        f"These {len(keys)} images are in another order than in the first evaluation of this training, as of data that "
        "are shuffled each time they are read: numbers of images are not the same in both."
    )


def _image_keys(seen: TrainingEvidence) -> tuple[np.ndarray | None, np.ndarray | None]:
    """By what the images are known again, of this evaluation and of the first one."""
    one, other = (
        item.at("image_key") if item is not None and "image_key" in item else None
        for item in (seen.measurements, seen.earlier)
    )
    return one, other


@TRAINING.check("other-validation-accuracy", "warning", silenced_by=(WEIGHTS,))
def other_validation_accuracy(seen: TrainingEvidence) -> str | None:
    """The accuracy on the clean images differs from the one that `fit` has measured on its validation data.

    By more than four standard errors, for the sample that is evaluated, and five points, for images that are not the
    same. Where both have the same images, they reach the model in two ways: a `preprocess` that the callback was not
    told of, bounds, or another output. Where the callback has other images, such as those of the training, the model
    is better or worse on those.
    """
    if seen.reported is None or not seen.has_labels or seen.other_weights:
        return None
    key, reported = seen.reported
    own, count = clean_accuracy(seen.measurements), len(seen.measurements)
    # Of the accuracy that is nearer to a half: with none right of 20 images, its own standard error would be 0.
    variance = max(accuracy * (1 - accuracy) for accuracy in (own, reported))
    if abs(own - reported) <= _SIGMAS * math.sqrt(variance / count) + _OTHER_IMAGES:
        return None
    return (
        f"The accuracy on the {count} clean images is {own:.3f}, and {key} is {reported:.3f}. If they are the images "
        "that are validated, they reach the model in another way: look at `preprocess`, `bounds` and `output`."
    )
