"""Checks of what was measured: outputs, predictions and heatmaps that are meaningless or misleading."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_advxai.checks.evidence import (
    NOT_FINITE,
    OF_NAN,
    UNDEFINED,
    WEIGHTS,
    Evidence,
    affected_images,
    check,
)
from keras_advxai.measurements import completeness as sums
from keras_advxai.measurements.outcomes import outcomes
from keras_advxai.text import percent_text

_MOST_TIMES = 50
"""More than so many times the steps are no advice."""
_MOST_SENTENCES = 4
"""With more explainers than this, as `GradCAM.every_layer` makes them, one sentence is about all of them."""


@check(WEIGHTS, "error")
def non_finite_weights(seen: Evidence) -> str | None:
    """Some of the model's weights are NaN or infinite, as after a training that diverged.

    Its outputs may be finite all the same: some processors' ReLU makes 0 of NaN, and the model then says the same of
    every image, whatever an attack does. What follows from it is not said beside it.
    """
    if not seen.non_finite_weights:
        return None
    first, *others = seen.non_finite_weights
    found = seen.measurements
    clean = int(np.sum(~outcomes(found).finite()))
    so = f", and outputs are NaN or infinite for {clean} of {len(found)} clean images, which {_counted(seen)}"
    so = so if clean else ""
    return (
        f"The weights {first}{f' and {len(others)} more' if others else ''} of the model hold NaN or infinity{so}: no "
        "figure means anything, also where outputs are finite."
    )


@check(NOT_FINITE, "error", silenced_by=(WEIGHTS,))
def not_finite(seen: Evidence) -> Iterator[str]:
    """The model's outputs, on the images or under an attack, or heatmaps, are NaN or infinite for some images.

    Such images count as misclassified, and are left out of MOD and VID. Look for the operation
    that is undefined there: a root or logarithm of a negative number, a division by zero, an overflow in
    16 bits. After a training that diverged it is the weights. Under an attack, and of heatmaps, it is said only where
    it is more than what follows from clean outputs that are not finite.
    """
    found = seen.measurements
    finite = outcomes(found).finite
    clean = int(np.sum(~finite()))
    told = _counted(seen)
    if clean:
        yield (
            f"The model's outputs are NaN or infinite for {clean} of {len(found)} clean images, which {told}; look for "
            "an undefined operation, or at weights that diverged."
        )
    for name in found.coordinates.attacks:
        affected = int(np.any(~finite(name), axis=0).sum())
        if np.any(~finite(name) & finite()):
            yield (
                f"Under {name} the model's outputs are NaN or infinite for {affected} of {len(found)} images, which "
                f"{told}."
            )
    for name in found.coordinates.explainers:
        yield from _pairs_without_value(seen, name)


def _counted(seen: Evidence) -> str:
    """What becomes of images whose outputs are not finite."""
    return "are in no figure" if outcomes(seen.measurements).task == "regression" else "count as misclassified"


def _pairs_without_value(seen: Evidence, explainer: str) -> Iterator[str]:
    found = seen.measurements
    missing = np.isnan(
        [found.at("dissimilarity", explainer=explainer, metric=item) for item in found.coordinates.metrics]
    )
    missing &= ~found.at("blank", explainer=explainer)  # where the clean heatmap is blank, there is no MOD by rights
    non_finite = np.all(missing, axis=0)
    finite = outcomes(found).finite
    sound = finite() & ~affected_images(found, UNDEFINED)
    beyond = np.stack([sound & finite(name) for name in found.coordinates.attacks]) if missing.size else missing
    # For all dissimilarities: then it is the heatmaps. Where outputs are NaN, heatmaps are, and that was said.
    if np.any(non_finite & beyond):
        yield f"{int(non_finite.sum())} pairs of heatmaps of {explainer} are NaN; they are left out of its MOD and VID."
    for metric, pairs in zip(found.coordinates.metrics, missing & ~non_finite, strict=True):
        if pairs.any():  # a dissimilarity of a user's own that divides by zero, say, beside one that does not
            yield (
                f"{metric} is NaN for {int(pairs.sum())} pairs of heatmaps of {explainer}; they are left out of its "
                "MOD and VID."
            )


@check(UNDEFINED, "warning", silenced_by=(WEIGHTS, NOT_FINITE))
def undefined_inside(seen: Evidence) -> str | None:
    """Inside of the model a value is NaN or infinite for some clean images, and what is behind it makes a number of it.

    A ReLU, a maximum, a comparison may turn NaN to 0, on some processors and not on others, compiled and not eagerly:
    the model's output is finite then, and says nothing of the image. It is looked for where a root, a logarithm, a
    power, a division or an inverse trigonometric function is taken of something that depends on the image, and one
    of those operations is behind it; a `where` in between that chooses another value is taken for intent. It cannot be
    seen inside of a `tf.function` or a loop of the model's own, where finite numbers overflow in 16 bits, and under
    attacks. Add a small number to what the root, the logarithm or the division is of.
    """
    count = int(np.sum(seen.measurements.at("undefined_inside")))
    if not count:
        return None
    return (
        f"Inside of the model a root, a logarithm or a division is NaN or infinite for {count} of "
        f"{len(seen.measurements)} clean images, and an operation behind it, such as a ReLU, may make a number of it: "
        "their figures mean nothing. Add a small number to what it is of."
    )


@check("stateful-model", "warning")
def stateful_model(seen: Evidence) -> str | None:
    """A layer keeps its state from one call to the next: what the model says of an image depends on what ran before.

    As a recurrent layer with `stateful=True`. An evaluation begins each batch, and each step of an attack, from the
    state that the model has when it begins, and leaves that as it is; `predict` goes on from batch to batch. So the
    figures hang on what ran before the evaluation, and `predict` may say otherwise of the same image. Build the model
    with `stateful=False`, which takes the same weights; or call `reset_state()` of the layer before each evaluation,
    from which each batch begins then. With `checks="all"` the model is run, which also finds other layers that assign
    to a variable.
    """
    if not seen.stateful:
        return None
    first, *others = seen.stateful
    return (
        f"The layer {first!r}{f' and {len(others)} more' if others else ''} keeps its state from one call to the next "
        "(stateful=True), so predictions depend on what the model ran on before. Every batch here begins from the "
        "state that it has now, and `predict` goes on from batch to batch. Build it with stateful=False, or call "
        "reset_state() before."
    )


@check("masked-steps", "warning")
def masked_steps(seen: Evidence) -> str | None:
    """A layer leaves out steps that hold one value alone, such as padding, and noise and attacks change such steps.

    As `keras.layers.Masking` does with steps of zeros. Noise fills them, so that they are left out no more: the
    accuracy and the MOD under noise, which others are read beside, are of longer sequences than the data have. An
    attack by gradients finds none there, and leaves them. Give the network the mask as an input of its own, or cut the
    data into groups of one length; to keep the padding, a `preprocess` may set it to the value again.
    """
    if not seen.masking:
        return None
    first, *others = seen.masking
    more = f" and {len(others)} more" if others else ""
    return (
        f"The layer {first!r}{more} leaves out steps that hold one value alone, as padding does. Noise, and attacks "
        "without gradients, change them, so that they count: where the data are padded, their figures are of other "
        "sequences. See `masked-steps` in the page on checks for what helps."
    )


@check("saturated-logits", "warning", silenced_by=OF_NAN)
def saturated_logits(seen: Evidence) -> str | None:
    """The logits are so large that the gradient of cross-entropy is exactly zero in float32 on many clean images.

    That is, on more than 1 % of them. Our default loss, `"log_odds"`, has the same direction and does not underflow.
    Attacks with cross-entropy, as other libraries run them, do nothing there, and make the model appear robust. Logits
    that were multiplied by a constant, a softmax with a low temperature, and very long training do this.
    """
    saturated = seen.measurements.at("saturated")
    if saturated.sum() <= max(1, 0.01 * len(saturated)):
        return None
    return (
        f"Cross-entropy underflows on {percent_text(float(np.mean(saturated)))} of the clean images: the logits are so "
        "large that its gradient is exactly zero in float32. Attacks with that loss, as other libraries run them, fail "
        "there and make the model appear robust; the default loss 'log_odds' does not."
    )


@check("one-class", "warning", silenced_by=OF_NAN)
def one_class(seen: Evidence) -> str | None:
    """The model predicts one class for all images, which have several.

    Its accuracy under attack is then the share of that class. Either it is not trained, or the images do not arrive
    in the range that it was trained on: look at `bounds` and `preprocess`. Or a function as `reduce` makes one class of
    all outputs, such as the background of a segmentation, by a mean over too large a region.
    """
    predicted = np.unique(seen.measurements.at("prediction"))
    if (
        len(predicted) != 1 or predicted[0] < 0 or len(np.unique(seen.measurements.at("label"))) < 2
    ):  # one class is no sign, NaN another
        return None
    return (
        f"The model predicts class {int(predicted[0])} for all clean images, whatever their labels: its figures say "
        f"nothing of robustness. Look at {'`reduce`, ' * seen.reduces}`bounds` and `preprocess`, and at the training."
    )


@check("blank-heatmaps", "warning", silenced_by=OF_NAN)
def blank_heatmaps(seen: Evidence) -> Iterator[str]:
    """A clean heatmap without any evidence cannot serve as a reference.

    The pair is left out of MOD and VID. Where it is Grad-CAM's or a similar map of the logit, all channels together
    speak against the class by as much as they do against all others, which a softmax ignores and the logit does not: a
    model may be confident, and its heatmaps blank. `score="centered_logit"`, the logit less the mean of all logits,
    leaves that out, and so does `score="probability"`. With the latter on a confident model blank maps are expected:
    see `kax.compare_scores`. Of one sigmoid unit, and of several labels, there is nothing to leave out, and a blank map
    says that the layer has no evidence for the class. With Integrated Gradients it is an image that equals its
    baseline, such as a black one.
    """
    found = seen.measurements
    counts = {name: int(found.at("blank", explainer=name).sum()) for name in found.coordinates.explainers}
    counts = {name: count for name, count in counts.items() if count}
    if len(counts) > _MOST_SENTENCES:
        worst = max(counts, key=counts.__getitem__)  # one sentence for all layers of a saturated model
        yield (
            f"{len(counts)} explainers have blank clean heatmaps, which are left out of their MOD and VID: up to "
            f"{counts[worst]} of {len(found)}, of {worst}. `report.blank_rate(None, explainer)` gives that of each."
            f"{_after(seen.ways_out.get(worst, ''))}"
        )
        return
    for name, count in counts.items():
        yield (
            f"{count} of {len(found)} clean heatmaps of {name} are blank; these images are left out of its MOD and VID."
            f"{_after(seen.ways_out.get(name, ''))}"
        )


def _after(sentence: str) -> str:
    return f" {sentence}" if sentence else ""


@check("completeness", "warning", silenced_by=OF_NAN)
def completeness(seen: Evidence) -> Iterator[str]:
    """Attributions that should add up to the change of the score miss it by more than 5 % of it.

    Raise `steps`, or pass `steps="auto"`, or look at `report.completeness_gap` for which images it is; where the score
    hardly changes between the baseline and the image, the *relative* gap means little.
    """
    found = seen.measurements
    for name in found.coordinates.explainers:
        if not sums.promises_completeness(found, name):  # such as Grad-CAM
            continue
        gaps = sums.completeness(found, name)
        if gaps.exceeded > 0:
            yield (
                f"{100 * gaps.exceeded:.1f} % of the attributions of {name} miss the change of the score by more than "
                f"{100 * sums.LIMIT:g} % of it (median gap {percent_text(gaps.median)}, largest "
                f"{percent_text(gaps.largest)}). {_more_steps(seen, name)}; where the score hardly changes, "
                "nothing does."
            )


def _more_steps(seen: Evidence, explainer: str) -> str:
    """How many steps would leave few of them, where their number is known."""
    steps = next((getattr(item, "steps", None) for item in seen.explainers if item.name == explainer), None)
    if sums.decides_steps(seen.measurements, explainer):
        most = sums.steps_used(seen.measurements, explainer).largest
        return f"Their images took up to {most} steps, and a larger `max_steps` may help"
    needed = sums.steps_needed(seen.measurements, explainer, steps) if isinstance(steps, int) else 0
    if not isinstance(steps, int) or not steps < needed <= _MOST_TIMES * steps:
        return "More `steps` usually help"
    return f"With about {needed} `steps` instead of {steps}, one in twenty of them would"
