"""Checks of what an evaluation was given: the model's output, the data, the settings."""

from __future__ import annotations

from keras_advxai.checks.evidence import OF_NAN, WEIGHTS, Evidence, check
from keras_advxai.measurements.outcomes import Numbers, outcomes
from keras_advxai.measurements.statistics import sign_test, wilson_interval
from keras_advxai.models.arriving import Arriving
from keras_advxai.models.last_operation import OF_PROBABILITIES
from keras_advxai.text import enumeration, epsilon_text, to_be_said

_FAR, _VERY_FAR = 0.25, 3.0
"""Divergences from the training's statistics that are not by chance, on some images and on few."""
_SOME_IMAGES = 8
_BY_CHANCE = 1e-4
_UNSETTLED = 0.01
"""Up to which divergence a mixture with the initial values explains the statistics; it does so to about 0.001."""


@check("partial", "error")
def partial(seen: Evidence) -> str | None:
    """The evaluation stopped before the end of the data, and all figures are of the images before.

    It is the report of an `EvaluationError`, of an evaluation with `on_error="partial"`, or of one that was
    interrupted. Where the data are in some order, such as by class, the first part of them is no sample of the whole.
    With `journal=` the same call goes on where it stopped. An audit (`checks="all"`) that failed is reported here, too.
    """
    return seen.partial


@check("unsure-logits", "warning")
def unsure_logits(seen: Evidence) -> str | None:
    """The model's last operation is neither linear nor a softmax or sigmoid.

    Its output lies in [0, 1] and was taken for probabilities, and its logarithm for the logits. Say what it is:
    `from_logits=True` or `from_logits=False`.
    """
    if not seen.unsure_logits:
        return None
    return (
        "The model's last operation is neither linear nor a softmax or sigmoid: its output was taken for "
        "probabilities, their logarithm for the logits. Pass "
        f"{to_be_said('from_logits=True', 'from_logits=False')} to settle it."
    )


@check("probabilities-as-logits", "warning")
def probabilities_as_logits(seen: Evidence) -> str | None:
    """The model ends in a softmax or sigmoid, and `from_logits=True` says that its output is logits.

    Probabilities were taken for logits, then: all confidences lie close together, and attacks follow a gradient that
    vanishes where the model is sure, so that they look weak and the model robust. Leave `from_logits` out: the logits
    are what flows into the activation.
    """
    if not seen.from_logits or seen.visible_end in (None, "linear"):
        return None
    return (
        f"The model ends in a {seen.visible_end}, and from_logits=True takes its probabilities for logits: confidences "
        "are wrong, and attacks weaker than they should be. Leave `from_logits` out."
    )


@check("logits-as-probabilities", "warning")
def logits_as_probabilities(seen: Evidence) -> str | None:
    """The model ends in a linear layer, and `from_logits=False` says that its output is probabilities.

    The logarithms of logits were taken for logits, then, and of those that are negative nothing is left: confidences
    are wrong, and gradients are zero in part. Leave `from_logits` out.
    """
    if seen.from_logits is not False or seen.visible_end != "linear":
        return None
    return (
        "The model ends in a linear layer, without a softmax or sigmoid, and from_logits=False takes its logits for "
        "probabilities: confidences are wrong, and gradients zero in part. Leave `from_logits` out."
    )


@check("softmax-twice", "warning")
def softmax_twice(seen: Evidence) -> str | None:
    """The model ends in a softmax or sigmoid of what is the output of one already.

    As where `keras.layers.Softmax` is put behind a model that ends in a softmax. What is taken for its logits are
    probabilities, then, between 0 and 1: no class gets much more than its share, gradients vanish where the first one
    is sure, so that attacks look weaker, and the score that is explained is the probability. Take the second one away.
    """
    if seen.visible_end is None or not seen.visible_end.endswith(OF_PROBABILITIES):
        return None
    return (
        f"The model ends in a {seen.visible_end}: its softmax or sigmoid stands behind another one. Probabilities are "
        "taken for logits, then, so that attacks look weaker than they are and explanations are of probabilities. Take "
        "the last one away."
    )


@check("one-of-several-maps", "warning")
def one_of_several_maps(seen: Evidence) -> str | None:
    """The classes are computed from several feature maps that no layer merges, and one of them is explained.

    As of two networks whose features are put together behind their poolings, or whose probabilities are averaged, of a
    pyramid whose levels are each pooled, of a perceptron that sees the pixels beside a CNN, or of a sum that no layer
    makes. Nobody named a layer, so the one that runs last is explained: its heatmaps have no part of the evidence that
    goes by the others. Name a layer, `GradCAM(layer=...)`, one explainer for each of them, or merge them in a layer,
    such as `keras.layers.Add`. Explainers that look at no layer see all of it.
    """
    if not seen.unmerged:
        return None
    return (
        f"The classes are computed from several feature maps that no layer merges: {enumeration(seen.unmerged)}. "
        f"{seen.unmerged[-1]} is explained, since no layer was named, and heatmaps show nothing of what goes by the "
        "others."
    )


@check("passed-over-maps", "warning")
def passed_over_maps(seen: Evidence) -> str | None:
    """Behind the layer that is explained there are convolutions whose maps have other dimensions than the images.

    As of frames that became channels, or of rows. Where their values lie in the images cannot be told, so a layer in
    front of them is explained where nobody named one. To explain such a layer, say what it returns:
    `GradCAM(layer=..., reshape_transform=...)`.
    """
    if not seen.passed_over:
        return None
    *others, explained = seen.passed_over
    return (
        f"{explained} is explained, since no layer was named; the maps of {enumeration(others)}, which run behind it, "
        "have other dimensions than the images. Where they lie is said by `reshape_transform`."
    )


@check("one-dimensional", "note")
def one_dimensional(seen: Evidence) -> str | None:
    """Images without a dimension for channels are taken for signals, and their heatmaps have one dimension.

    An input `(28, 28)` of a recurrent network or a transformer is 28 steps with 28 channels, and an input `(784,)` is
    784 values in a row: heatmaps have one value for each step, and are compared along that dimension alone. If the
    images are pictures, that is not what a picture's heatmap is, and MOD and chance are other figures: evaluate a model
    that takes them with height, width and channels. Where a network only flattens its images, `(28, 28)` is a picture
    by itself, unless a side is shorter than 7; where a convolution looks at them, it says what they are.
    """
    if not seen.signal:
        return None
    first, *channels = seen.signal
    what = f"signals of {first} steps with {channels[0]} channels each" if channels else f"signals of {first} values"
    sides, layer = (seen.signal, f"Reshape({seen.signal})") if channels else (("height", "width"), "Flatten()")
    picture = f"({sides[0]}, {sides[1]}, {'1' if channels else 'channels'})"
    return (
        f"Images of the shape {seen.signal} are taken for {what}: heatmaps have one dimension. If they are pictures, "
        f"evaluate keras.Sequential([keras.Input({picture}), keras.layers.{layer}, model]) on images of that shape."
    )


@check("mixes-images", "warning")
def mixes_images(seen: Evidence) -> str | None:
    """What the model says of an image depends on the other images of its batch.

    As where images are standardised by the mean of their batch, where BatchNormalization is called with
    `training=True`, or where attention runs over the batch. An image's prediction, its heatmap and its adversarial
    image are then those among these neighbours: another order of the data, another `batch_size`, or an attack that goes
    on with the images that are left, makes other figures. An image of noise is run beside bright images
    and beside copies of itself, once for each model with an operation that may mix images. Use the statistics of the
    training, `training=False`, or those of each image.

    It does not see what depends on neighbours only for images unlike noise, and is not looked for in a random model.
    """
    if seen.mixing_layer is None:
        return None
    where = f", by the layer {seen.mixing_layer!r}" if seen.mixing_layer else ""
    return (
        f"What the model says of an image depends on the other images of its batch{where}: with another order of the "
        "data or another batch_size all figures are others."
    )


@check("unlike-training", "warning", silenced_by=(WEIGHTS,))
def unlike_training(seen: Evidence) -> str | None:
    """What arrives at the first layer with moving statistics is far from what it was trained on.

    Most often the preprocessing is another one than in training: look at `preprocess` and `bounds`. A
    BatchNormalization, or a Normalization that was adapted, knows the mean and the variance of each channel; those of
    the clean images are compared with them by the Kullback-Leibler divergence of normal distributions, the median over
    the channels. It speaks from 0.25 on 8 images or more, and from 3 on fewer, which may be dark or plain by chance.

    On ImageNet weights of EfficientNet-Lite0, which take [-1, 1], and sets of 8 of 27 photographs, right preprocessing
    had at most 0.10; images divided by 255 had 0.30 to 0.82, with the mean and deviation of ImageNet 0.34 to 2.5,
    preprocessed twice 3.3, in the way of Caffe 4,400 or more, and pixels as they are 7,700 or more.

    It also speaks where augmentation inside of the model, such as a RandomRotation in front of the layer, made the
    images of the training as different (0.5 on one small network): nothing is wrong then.

    It cannot see what leaves the statistics as they are: red and blue exchanged (at most 0.10 there), images upside
    down or stretched, a range that is nearly right ([-1, 1] by 127.5 or by 128). Nor does it speak while moving
    averages still hold a part of their initial values, as after a short training with the default momentum,
    of a model without such a layer, or of one that was never trained.
    """
    return unlike_training_text(seen.arriving)


def unlike_training_text(found: Arriving | None) -> str | None:
    """What `unlike_training` says of what arrives at a layer; `None` if that is as usual.

    Args:
        found: What arrived; `None` if no layer has statistics of its training.
    """
    if found is None or _may_fit(found):
        return None
    if not found.distance > (_FAR if found.images >= _SOME_IMAGES else _VERY_FAR):  # NaN has a cause of its own
        return None
    return (
        f"What arrives at layer {found.layer!r} is unlike what it was trained on: its variance is {found.ratio:.3g} "
        f"times that of the training, the divergence {found.distance:.3g} (at most {_FAR:g} is usual). Look at "
        "`preprocess` and `bounds`: the images may be in another range than the model was trained on."
    )


def _may_fit(found: Arriving) -> bool:
    """Whether images fit moving averages, as they are or as far as these still hold what they began with."""
    return found.initial or found.unsettled <= _UNSETTLED


@check("other-range", "warning", silenced_by=OF_NAN)
def other_range(seen: Evidence) -> str | None:
    """With the pixels in another range the model is right on many more images: they may be in a wrong one.

    Where 11 % or more of the first 128 images are misclassified, the model is run on them once more as they would be in
    [0, 1], [-1, 1] and [0, 255], and with three channels also less ImageNet's mean over its deviation and in the way of
    Caffe. It speaks where one of these is right on more than half of them, beyond what the frequencies of labels and
    predictions make likely (Wilson's 99.99 % interval), and better than the images as they are by a sign test at one
    in ten thousand. Look at `preprocess` and `bounds`.

    On 14 small networks without BatchNormalization, trained on digits in [0, 1], [-1, 1], [0, 255] and standardised,
    before, during and after their training, it never spoke of the range that they were trained in (336 sets of
    images); where another one cost more than 30 points of accuracy, it spoke in 100 % of the cases with 128 images,
    93 % with 64 and 63 % with 32; where it cost 10 to 30 points, in 43, 10 and 1 %.

    It cannot see a wrong range that costs little accuracy, as of networks with ReLUs, small biases or layers that
    normalise: the same classes win, with other confidences (see `saturated-logits`). Nor one that no try fits, images
    that are inverted or have red and blue exchanged alone, and it needs labels of one class each, a model that is not
    random, and more than 14 images. Nor does it speak where the images fit what the first moving averages know, or
    where these hold a part of their initial values, as after a short training: such a model may do better in a range
    that it was never trained in.
    """
    found = seen.other_range
    if found is None or found.gained <= found.lost or sign_test(found.gained, found.lost) >= _BY_CHANCE:
        return None
    if seen.arriving is not None and _may_fit(seen.arriving):
        return None
    lower, _ = wilson_interval(found.right, found.images, 1 - _BY_CHANCE)
    if lower <= found.by_frequencies or 2 * found.right <= found.images:
        return None
    return (
        f"Of the first {found.images} images the model is right on {found.own}, and on {found.right} if the pixels "
        f"are {found.name}: they seem to be in another range than it was trained on. Look at `preprocess` and `bounds`."
    )


@check("random-model", "warning")
def random_model(seen: Evidence) -> str | None:
    """The model is random when it runs: it gives another output when it is run again on the same images.

    Such as a Dropout that is always on. Each pass draws anew, as `predict` does: what an attack finds under one draw is
    judged under another, and each figure is of one draw. `robust_accuracy`, the worst over attacks and epsilons, is
    that of as many draws, and falls with their number alone; checks that compare attacks with one another speak of
    draws, too. `seed` repeats an evaluation of what Keras' generators draw; `tf.random` and NumPy are out of its reach.
    Attacks with gradients follow the mean gradient over many draws with `samples=`; iterative ones should not stop at a
    misclassification by chance: `keep="last"`. Several seeds show the spread of the figures. With `checks="all"`, the
    model is run a second time, which also finds what is random without a trace in its graph; nothing else is then
    reported of that kind.
    """
    if not seen.random:
        return None
    others = f" and {len(seen.random) - 1} more" if len(seen.random) > 1 else ""
    return (
        f"The model is random when it runs (by {seen.random[0]}{others}). Each pass draws anew, so each figure is of "
        "one draw, and robust accuracy, the worst of many, is too low. Attacks with gradients follow the mean over "
        "many draws with `samples=`, as PGD(samples=16, keep='last')."
    )


@check("several-sizes", "warning")
def several_sizes(seen: Evidence) -> str | None:
    """NISSIM depends on the size of the heatmaps, so its mean over images of several sizes is not comparable.

    So do other dissimilarities. Resize the images first.
    """
    if seen.image_sizes < 2:  # a stream may bring batches of several
        return None
    what = "NISSIM" if "nissim" in seen.measurements.coordinates.metrics else "a dissimilarity"
    return (
        f"The images have {seen.image_sizes} sizes, and {what} depends on the size: its mean over them compares with "
        "nothing."
    )


@check("no-labels")
def no_labels(seen: Evidence) -> str | None:
    """Without labels an attack runs against the clean prediction, and accuracy counts how often it is kept.

    Pass labels to measure the accuracy of the model.
    """
    # Attacks on a regression always lead away from its clean output.
    if seen.has_labels or isinstance(outcomes(seen.measurements), Numbers):
        return None
    return "The data have no labels: attacks run against the clean prediction, and accuracy is agreement with it."


@check("no-vid")
def no_vid(seen: Evidence) -> str | None:
    """VID is the spread of MOD over epsilons, and needs two or more of them."""
    known = seen.measurements.coordinates
    if not known.explainers or len(known.epsilons) > 1:  # accuracy alone has no VID
        return None
    return "VID is a spread over epsilons: give two or more to have one."


@check("l2-epsilon")
def l2_epsilon(seen: Evidence) -> str | None:
    """In the L2 norm, epsilon is the norm of the whole perturbation with the pixels scaled to [0, 1].

    It grows with the number of pixels: 8/255 for every pixel of a 224x224 image with one channel has the norm 7, with
    three channels 12. So the same number does not mean the same as in L-infinity, or for images of another size.
    """
    if all(attack.norm != "l2" for attack in seen.attacks):
        return None
    return (
        "For attacks in the L2 norm, epsilon is the norm of the whole perturbation in the unit image scale, not the "
        "change of each pixel."
    )


@check("below-half-level")
def below_half_level(seen: Evidence) -> str | None:
    """An epsilon below half a grey level, 0.5/255, is lost when images are saved with 8 bits.

    Such an adversarial image exists as an array of floats alone: rounded to whole levels, as a PNG holds them, it is
    the original again. Not said of attacks in the L2 norm, which may change single pixels by more.
    """
    small = [item for item in seen.measurements.coordinates.epsilons if 0 < item < 0.5 / 255 * (1 - 1e-6)]
    if not small or all(attack.norm != "linf" for attack in seen.attacks):
        return None
    return (
        f"{enumeration([epsilon_text(item) for item in small])}: less than half a grey level. In files of 8 bits, such "
        "as PNG, nothing of these perturbations is left."
    )


@check("sample-weights")
def sample_weights(seen: Evidence) -> str | None:
    """Data may have sample weights, as for `fit`; an evaluation counts every image once."""
    return "The data have sample weights, which were not used." if seen.has_sample_weights else None
