"""Checks of the gradients: whether they predict how the model responds to a small change of an image.

They report only the first problem that they find, because the others follow from it. The model is run nine
times on the first batch, and four times backward.

References:
    Athalye, Carlini and Wagner, "Obfuscated gradients give a false sense of security", ICML 2018.
"""

from __future__ import annotations

from keras_advxai.audit.context import AuditContext, check
from keras_advxai.audit.gradient_probes import FEW_PIXELS, GradientProbes
from keras_advxai.checks.advice import add_without_gradients
from keras_advxai.checks.evidence import OF_NAN
from keras_advxai.text import percent_text

_MOST = 0.5


@check("blocked-gradient", "warning", silenced_by=OF_NAN)
def blocked_gradient(seen: AuditContext) -> str | None:
    """No gradient at all returns from the classes to the images.

    It is stopped by the layer that is named, or by the preprocessing. Attacks with gradients raise an error that says
    so; with black-box attacks alone it would go unnoticed. They are weaker than attacks with gradients, so the true
    robust accuracy may be far lower. Replace that layer by something differentiable for the attack (a rounding by a
    straight-through estimator), and attack the model with both.
    """
    if seen.gradients.stop is None or not seen.gradients.stop[1]:
        return None
    return (
        f"No gradient flows {seen.gradients.stop[0]}, so attacks with gradients cannot be run, and those without are "
        "weaker: robust accuracy may be far lower. Attack the model with something differentiable in that place, too."
    )


@check("stopped-gradient", "warning", silenced_by=OF_NAN)
def stopped_gradient(seen: AuditContext) -> str | None:
    """The classes depend on the images along several paths, and one of them has no gradient.

    A layer's own gradient is missing or exactly zero although its output depends on the image, or no gradient from the
    classes reaches it. Or the gradient is exactly zero at some pixels, and the logits change with these. Attacks with
    gradients follow the other paths only, and their figures may be too high: replace what stops the gradient by
    something differentiable for the attack, and add `Square`.
    """
    if seen.gradients.stop is None:
        return _pixels(seen)  # a part of the image may be stopped where no layer is
    place, whole = seen.gradients.stop
    if whole:
        return None
    return (
        f"No gradient flows {place}, though what it returns depends on the image: attacks with gradients see a part of "
        f"the model only. Look for a rounding, a threshold or a stop_gradient, and {_without(seen)}."
    )


@check("quantised-input", "warning", silenced_by=OF_NAN)
def quantised_input(seen: AuditContext) -> str | None:
    """The logits of most images stay exactly the same when 64 pixels are changed by a ten-thousandth of the range.

    The model quantises its input, to some 16 levels or fewer, or the images lie on the levels. A gradient, such as that
    of a straight-through estimator, does not describe such a model; add `Square`. Not checked for models that
    compute in 16 bits.
    """
    if not _is_quantised(seen.gradients):
        return None
    return (
        f"On {percent_text(seen.gradients.still)} of the images the logits do not change at all when {FEW_PIXELS} "
        "pixels change a little: the model rounds or quantises what it sees. Gradients say nothing about such a model, "
        f"even where there are any; {_without(seen)}."
    )


@check("misleading-gradients", "warning", silenced_by=OF_NAN)
def misleading_gradients(seen: AuditContext) -> str | None:
    """A short step along the gradient does not change the log-odds as the gradient predicts, on most images.

    The step goes a hundredth of the way to the boundary, and the difference is half of the prediction or more.
    A custom gradient, a straight-through estimator or a part that is hidden from the gradient does this; add `Square`.
    Not checked for models that compute in 16 bits.
    """
    probes = seen.gradients
    # Each of these has its own sentence, and misleads as a consequence.
    if probes.stop or not probes.is_exact or _is_quantised(probes) or _pixels(seen):
        return None
    wrong, judged = probes.misled
    if wrong <= _MOST * judged:  # of those that tell at all
        return None
    return (
        "A small step along the gradient does not change the logits as the gradient predicts, by half or more, on "
        f"{percent_text(wrong)} of the images: it is not the gradient of this model. Look for a custom gradient, a "
        f"straight-through estimator or a stop_gradient, and {_without(seen)}."
    )


def _is_quantised(probes: GradientProbes) -> bool:
    return probes.is_exact and probes.still > _MOST


def _pixels(seen: AuditContext) -> str | None:
    """The finding about pixels without a gradient; a model that rounds has none anywhere, and has its own finding."""
    probes = seen.gradients
    if not probes.is_exact or _is_quantised(probes):
        return None
    images, share = probes.pixels_without_gradient
    if images <= _MOST:
        return None
    return (
        f"The gradient is exactly zero at {percent_text(share)} of the pixels, though the logits change with them: "
        "attacks with gradients leave these pixels alone. Look for a stop_gradient, a rounding or a threshold, and "
        f"{_without(seen)}."
    )


def _without(seen: AuditContext) -> str:
    return add_without_gradients(seen.outcomes.task)
