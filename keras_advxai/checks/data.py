"""Checks of the data: the order of the images, whether some come twice, and whether labels are numbered as classes."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from keras_advxai.checks.evidence import OF_NAN, Evidence, check
from keras_advxai.measurements.outcomes import Numbers, OneClass, outcomes
from keras_advxai.measurements.statistics import wilson_interval
from keras_advxai.text import percent_text

_FEWEST_IMAGES = 24
_SIGMAS = 5
_BY_CHANCE = 1e-6
_MISSING = 0.2
"""Which share of the pairs of different classes may be missing: with fewer of them gone, chance is hardly another."""
_LEVEL = 0.9999
"""Of intervals that no model that has learned nothing should leave, in thousands of evaluations."""
_FEWEST_AT_THE_END = 8
_NEARLY_ALL = 0.95
_COPIES = 0.05
"""Which share of the images may be copies without a word: some data have a few by themselves, or frames of a film."""


@check("repeated-images", "warning")
def repeated_images(seen: Evidence) -> str | None:
    """Images are read more than once, so that they count more than once, and intervals are too narrow.

    As with `steps=` beyond the end of a dataset that repeats, or a generator in an endless loop: read one round of it.
    Images are known again by a hash of their pixels; those of one value, such as black frames, do not count as copies.
    It speaks where the last 8 images or more are all copies of earlier ones, as behind the end of the first round, or
    where more than 5 % of all images are. A few true duplicates, which many data have, do neither: the 1,797 digits of
    scikit-learn and the 200 faces of the demo have none. Images that were augmented, or read with noise, are other
    images each time, and not seen. `report.measurements.at("image_key")` has the hashes.
    """
    found = seen.measurements
    if "image_key" not in found:
        return None
    keys = found.at("image_key")
    _, first = np.unique(keys, return_index=True)
    is_copy = np.ones(len(keys), bool)
    is_copy[first] = False
    is_copy &= keys != 0
    copies, different = int(is_copy.sum()), len(keys) - int(is_copy.sum())
    last = len(keys) if is_copy.all() else int(np.argmin(is_copy[::-1]))
    if last < _FEWEST_AT_THE_END and copies <= max(1, _COPIES * len(keys)):
        return None
    end = f" The last {last} of them in a row: `steps` may go beyond the end of a dataset that repeats." * (
        last >= _FEWEST_AT_THE_END
    )
    return (
        f"{copies} of {len(keys)} images are copies of earlier ones, and {different} different: each counts as often "
        f"as it was read, and intervals are too narrow.{end}"
    )


@check("sorted-data", "warning", silenced_by=OF_NAN)
def sorted_data(seen: Evidence) -> str | None:
    """Neighbouring images have the same label, or the same prediction, much more often than in shuffled data.

    *Chance*, the upper mark on the scale of a MOD, compares each image with the one before it. Where the data are
    sorted by class, or come in groups such as the frames of a film, it is the dissimilarity within a class: too small,
    and MOD as a share of it (`report.relative_mod`, the column `of chance`) too large. Shuffle the data, once and
    before they are passed; `kax.data.load(..., shuffle=True)` does that for a folder.

    It speaks where so many equal neighbours are beyond chance (five standard deviations of the number of runs in
    shuffled data, Mood 1940, and a binomial probability below one in a million) and at least a fifth of the pairs of
    different classes are missing; never of fewer than 24 images, nor without explainers.
    """
    found = seen.measurements
    kind = outcomes(found)
    if not found.coordinates.explainers or isinstance(kind, Numbers) or len(found) < _FEWEST_IMAGES:
        return None
    labels = [("label", kind.labels())] if seen.has_labels else []
    for name, values in (*labels, ("prediction", kind.predictions())):
        same, expected, is_sorted = _equal_neighbours(values)
        if is_sorted:
            return (
                f"{percent_text(same)} of the images have the same {name} as the image before; in shuffled data it "
                f"would be {percent_text(expected)}. Chance compares each image with the one before, so here mostly "
                "within a class: it is too small, and MOD as a share of it too large. Shuffle the data; "
                "of a folder, kax.data.load(..., shuffle=True)."
            )
    return None


def _equal_neighbours(values: np.ndarray) -> tuple[float, float, bool]:
    """The share of neighbours that are equal, the share in shuffled data, and whether it is beyond chance.

    Args:
        values: Classes, `(images,)`, or sets of labels, `(images, labels)`.
    """
    _, classes = np.unique(values, axis=0, return_inverse=True)
    classes = classes.reshape(len(values))
    n, counts = len(classes), np.bincount(classes).astype("float64")
    squares, pairs = float(np.sum(counts**2)), n - 1
    equal = int(np.sum(classes[1:] == classes[:-1]))
    expected = (squares - n) / (n * pairs)
    if expected >= 1:  # one class, in which no order is another
        return 1.0, 1.0, False
    # Of the number of runs, and so of equal neighbours, over all orders of these very classes.
    cubes = float(np.sum(counts**3))
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n**2 * pairs)
    beyond = equal - expected * pairs > _SIGMAS * math.sqrt(max(variance, 0.0))
    # With many classes hardly any neighbours are equal by chance, and so few are no matter of standard deviations.
    beyond &= bool(stats.binom.sf(equal - 1, pairs, expected) < _BY_CHANCE)
    share = equal / pairs
    return share, expected, bool(beyond and (share - expected) / (1 - expected) > _MISSING)


@check("ordinal-head", "warning", silenced_by=OF_NAN)
def ordinal_head(seen: Evidence) -> str | None:
    """The model ends in several sigmoids, the first of which is nearly always the largest, whatever the labels are.

    So are those of an ordinal head, each of which says that the class is beyond a threshold: they fall from the first
    to the last. Taken for scores of classes, the first one wins, and all figures are of that class. Pass a `reduce`
    that makes the logits of the classes of them: `docs/tasks.md` has one, under "Classes in an order". It speaks where
    95 % of the clean images are predicted to be class 0, less than half as many labels are, and there are three
    sigmoids or more; one of several classes that was not trained may look the same.
    """
    found = seen.measurements
    several = type(outcomes(found)) is OneClass and seen.visible_end == "sigmoid" and not seen.reduces
    if not several or not seen.has_labels or found.coordinates.classes < 3:
        return None
    first, labelled = float(np.mean(found.at("prediction") == 0)), float(np.mean(found.at("label") == 0))
    if first < _NEARLY_ALL or labelled >= first / 2:
        return None
    return (
        f"Of the model's {found.coordinates.classes} sigmoids the first is the largest on {percent_text(first)} of the "
        f"images, and {percent_text(labelled)} of the labels are class 0. If they are thresholds of one scale, pass "
        "`reduce`, a function that makes the logits of the classes of them: class k has the difference of the sigmoids "
        "of the thresholds k and k + 1, see docs/tasks.md."
    )


@check("shifted-labels", "warning", silenced_by=OF_NAN)
def shifted_labels(seen: Evidence) -> str | None:
    """The labels agree with the predictions less often than guessing would, or less than half as often as shifted ones.

    Labels that begin at 1 where the model's classes begin at 0, the other way round, or two folders in another order
    than in training: the accuracy is near 0, and whatever is measured of it means nothing. Where the labels plus one,
    minus one or, of two classes, the other ones agree in more than half of the images, at least twice as often as the
    labels do, and beyond what the frequencies of the classes make likely, the sentence says so; and also where the same
    holds of the images of two classes, if these were exchanged, as by two folders of other names. Else it speaks where
    the upper end of Wilson's 99.99 % interval of the clean accuracy is below 1 / classes, and below what the
    frequencies of labels and predictions give: a model that predicts one class for all images is not meant. A model of
    two classes that has learned the opposite looks the same as inverted labels.

    Of models of one class for each image, with labels.
    """
    found = seen.measurements
    if not seen.has_labels or type(outcomes(found)) is not OneClass:
        return None
    label, prediction, classes = found.at("label"), found.at("prediction"), found.coordinates.classes
    finite = prediction >= 0  # -1 where outputs are NaN: no class, and no label minus one
    label, prediction = label[finite], prediction[finite]
    if not len(label):
        return None
    right = float(np.mean(label == prediction))
    shifts = {"labels plus one": label + 1, "labels minus one": label - 1}
    if classes == 2:
        shifts = {"other class of each image": 1 - label}
    agreements = {name: float(np.mean(values == prediction)) for name, values in shifts.items()}
    best = max(agreements, key=agreements.__getitem__)
    if agreements[best] > max(0.5, 2 * right) and _is_beyond(shifts[best], prediction):
        way = "Are labels and classes in the same order?" if classes == 2 else "Does the model count classes as you do?"
        verb = "agrees" if classes == 2 else "agree"
        return (
            f"The labels agree with the predictions on {percent_text(right)} of the images, the {best} {verb} on "
            f"{percent_text(agreements[best])}: they seem to be {'inverted' if classes == 2 else 'shifted'}, and "
            f"accuracies mean nothing then. {way}"
        )
    upper = wilson_interval(int(np.sum(label == prediction)), len(label), _LEVEL)[1]
    if upper >= min(1 / classes, _by_frequencies(label, prediction)):
        return None if classes == 2 else _exchanged(label, prediction, classes)
    return (
        f"The labels agree with the predictions on {percent_text(right)} of the images, where guessing gives "
        f"{percent_text(1 / classes)}: are they numbered as the model's classes are? Accuracies mean nothing else."
    )


def _exchanged(label: np.ndarray, prediction: np.ndarray, classes: int) -> str | None:
    """A sentence on the two classes whose labels seem to be exchanged, if there are such."""
    pairs = np.zeros((classes, classes), int)
    np.add.at(pairs, (label, prediction), 1)
    own = np.diag(pairs)
    gain = pairs + pairs.T - own[:, None] - own[None, :]
    np.fill_diagonal(gain, 0)
    one, other = sorted(int(index) for index in np.unravel_index(np.argmax(gain), gain.shape))
    if gain[one, other] <= 0:
        return None
    of_both = (label == one) | (label == other)
    values = np.where(label == one, other, one)[of_both]
    right, agree = float(np.mean((label == prediction)[of_both])), float(np.mean(values == prediction[of_both]))
    if not (agree > max(0.5, 2 * right) and _is_beyond(values, prediction[of_both])):
        return None
    return (
        f"Of the images of the classes {one} and {other}, the labels agree with the predictions on "
        f"{percent_text(right)}, and would on {percent_text(agree)} if the two were exchanged. Accuracies mean little "
        "if they are: are labels and classes in the same order?"
    )


def _is_beyond(values: np.ndarray, prediction: np.ndarray) -> bool:
    """Whether values agree with the predictions more often than the frequencies of both make likely."""
    lower, _ = wilson_interval(int(np.sum(values == prediction)), len(values), _LEVEL)
    return lower > _by_frequencies(values, prediction)


def _by_frequencies(values: np.ndarray, prediction: np.ndarray) -> float:
    """How often values and predictions would agree if they had nothing to do with one another."""
    first, others = values - values.min(initial=0), prediction - values.min(initial=0)
    most = int(max(first.max(), others.max())) + 1
    shares = np.bincount(first, minlength=most) * np.bincount(others, minlength=most)
    return float(shares.sum()) / len(values) ** 2
