"""Projected gradient descent against the explanation instead of the prediction."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks import rows as batches
from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.directions import steepest
from keras_advxai.attacks.explanation_objectives import (
    DEFAULT_K,
    ExplanationObjective,
    check_fits,
    check_k,
    check_objective,
    explanation_objective,
)
from keras_advxai.attacks.gradient_steps import GradientSteps
from keras_advxai.attacks.objective import Objective
from keras_advxai.attacks.projections import bounds_ball_bounds
from keras_advxai.attacks.registry import register
from keras_advxai.attacks.schedules import check_schedule, check_step_size, step_sizes
from keras_advxai.attacks.starts import check_start, starts
from keras_advxai.explainers import Explainer, GradCAM
from keras_advxai.explainers import get as get_explainer
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_flag, check_number, check_whole_number
from keras_advxai.ops import norms
from keras_advxai.ops.losses import margin
from keras_advxai.ops.selection import select

_GRAD_CAM = GradCAM()
_LEAD = 0.01
"""The fraction of its margin over the other classes that a prediction must keep: passes in batches of another size
round differently, and one with a margin of almost nothing could flip there."""


class _Reference(NamedTuple):
    """The clean images, row by row: their predictions, the margins of these, and their heatmaps."""

    targets: Tensor
    lead: Tensor
    maps: Tensor


@register
class ExplanationPGD(Attack):
    """Changes the heatmap within the budget, and leaves the prediction as it is.

    Under attacks on labels explanations drift as a side effect; this attack measures how far they can be made to drift.
    Steps of projected gradient descent maximise the `objective` of the heatmap of the image's own prediction, which the
    attack takes from the model whatever labels it is given. The result is the best iterate that kept the prediction,
    the image itself among them, evaluated on the model and the explainer themselves. Where an iterate's prediction has
    flipped, the next step follows the gradient of the clean prediction's margin back instead. A prediction counts as
    kept if its margin is at least 1 % of that at the image, so that rounding elsewhere does not flip it; the images are
    checked once more when they have been projected, so that all predictions are kept.

    A heatmap is made of gradients, and those of a ReLU network are piecewise constant: the gradient of a saliency map
    is zero almost everywhere, and that of Grad-CAM is incomplete. So the direction of each step, and
    nothing else, comes from a surrogate: in both derivatives, that in the heatmap and that of the objective, a ReLU has
    the derivative `sigmoid(beta * x / s)` of a softplus, with `s` the root mean square of its input, image by image;
    ReLU6 and leaky ReLU alike. Activations, logits and what is evaluated and returned are the model's own. ReLUs inside
    of a `tf.function` or loop of their own, and what is written as `tf.maximum(x, 0)`, stay as they are.

    Each step takes one pass forward, the heatmap on it as the model sees it, the heatmap through the surrogate, and the
    gradient of that one; two more passes evaluate the last iterate and the result. For Grad-CAM that is one pass
    forward and about one backward for each step, for a saliency map about two forward and three backward. With
    Integrated Gradients and SmoothGrad, each point or copy takes as much. The way back takes one forward and backward
    pass of the images that need it.

    In an evaluation, the heatmaps that it attacks are those of `target="predicted"` or `"clean"`, which are the same
    for it as long as predictions are kept. With `keep_label=False` the class explained stays the clean prediction's, so
    `"predicted"` shows another class where the prediction changed.

    Args:
        explainer: Whose heatmaps are changed, by name or instance; one that computes in TensorFlow and whose heatmaps
            are in [0, 1]. Defaults to `GradCAM()`.
        objective: What is maximised. `"nissim"`: the dissimilarity from the clean heatmap, whose mean is MOD.
            `"top_k"`: the share of the heatmap outside of the clean one's `k` strongest positions. `"mass_center"`: how
            far the centre of mass moves, in pixels. Or a target map, `(height, width)`, not negative, which is divided
            by its maximum: minus the mean squared difference from it. Defaults to `"nissim"`.
        k: For `"top_k"`, how many positions, or which fraction of all. Defaults to 0.1.
        keep_label: Whether only iterates that keep the prediction count. Defaults to `True`.
        beta: How sharp the surrogate's step is; `None` for the exact gradients of ReLUs. Defaults to 10.
        norm: See `PGD`. Defaults to `"linf"`.
        steps: See `PGD`. Defaults to 30.
        step_size: See `PGD`. Defaults to 0.5.
        schedule: See `PGD`. Defaults to `"cosine"`.
        restarts: How many attempts are made; the best of all counts. Defaults to 1.
        start: Where the first attempt begins: `"uniform"`, anywhere in the budget, or `"zero"`, at the image, where
            `"nissim"` and `"mass_center"` have no gradient. Defaults to `"uniform"`.
        seed: See `PGD`. Defaults to 0.

    Raises:
        TypeError: `explainer` or `objective` is something else.
        ValueError: A name is unknown or a number out of range; the explainer cannot be differentiated, or its heatmaps
            are signed; a target map is not a heatmap or, in the call, has another shape than the model's heatmaps; the
            heatmaps do not depend on the images in a differentiable way.

    Example:

    A model that passes the image on, so that Grad-CAM is the image. What draws attention away from its brightest pixel
    is to darken that, and to brighten the others:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((2, 2, 1)),
    ...     keras.layers.Conv2D(1, 1, kernel_initializer="ones"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1.0, 0.5]])),
    ... ])
    >>> x = np.array([0.75, 0.25, 0.25, 0.25], "float32").reshape(1, 2, 2, 1)
    >>> attack = kax.attacks.ExplanationPGD(objective="top_k", k=1)
    >>> attack(net, x, epsilon=0.125).ravel().tolist()
    [0.625, 0.375, 0.375, 0.375]

    References:
        Ghorbani, Abid and Zou, "Interpretation of neural networks is fragile", AAAI 2019. Dombrowski et al.,
        "Explanations can be manipulated and geometry is to blame", NeurIPS 2019.
    """

    aim = "explanation"
    uses_gradients = True
    iterative = True

    def __init__(
        self,
        *,
        explainer: str | Explainer = _GRAD_CAM,
        objective: str | ExplanationObjective = "nissim",
        k: float = DEFAULT_K,
        keep_label: bool = True,
        beta: float | None = 10.0,
        norm: Norm = "linf",
        steps: int = 30,
        step_size: float | None = 0.5,
        schedule: str = "cosine",
        restarts: int = 1,
        start: str = "uniform",
        seed: int = 0,
    ) -> None:
        super().__init__(norm=norm)
        self.explainer = _check_explainer(explainer)
        self.objective = check_objective(objective)
        self.k = check_k(k, self.objective)
        self.keep_label = check_flag("keep_label", keep_label)
        self.beta = beta if beta is None else _check_beta(beta)
        self.steps = check_whole_number("steps", steps, 1)
        self.step_size = check_step_size(step_size)
        self.schedule = check_schedule(schedule)
        self.restarts = check_whole_number("restarts", restarts, 1)
        self.start = check_start(start)
        self.seed = check_whole_number("seed", seed, -(2**31))
        if self.start == "zero" and isinstance(self.objective, str) and self.objective != "top_k":
            raise ValueError(
                f"The gradient of objective={self.objective!r} is zero at the image itself, so that the attack would "
                "stay there. Pass start='uniform'. Received: start='zero'"
            )

    _in_graphs = True  # the surrogate marks operations of a graph, and a pass that was made eagerly has none

    def check(self, model: ImageClassifier, images: Tensor) -> None:
        """Raise if the explainer or a target map does not fit the model; see `Attack.check`."""
        self.explainer.layers(model, images.shape[1:])
        self.explainer.check(model, images)
        check_fits(self.objective, self.k, model.map_shape(images.shape))

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """The best iterate that kept the prediction; see `Attack.perturb`."""
        # Again, as `check` is not called inside of somebody's graph, such as the step of an evaluation.
        check_fits(self.objective, self.k, model.map_shape(x.shape))
        # Not the labels: what is to stay is what the model says, right or wrong.
        targets = forward.predictions
        # Once for all epsilons, like the clean pass itself.
        maps = forward.remember((self, "maps"), targets, lambda: self._maps(forward, targets))
        reference = _Reference(targets, _lead(forward, targets), maps)
        steps = GradientSteps(
            objective=Objective(self.value, self.gradient, self.succeeds),
            direction=steepest(self.norm),
            project=bounds_ball_bounds(self.norm),
            sizes=step_sizes(self.schedule, self.steps, self.step_size),
            start=starts(self.start, self.norm, self.seed, attempts=self.restarts),
            attempts=self.restarts,
            from_clean_pass=False,  # others made that pass, and not with a smoothed model
            keep="best",  # the first hit would be the image itself, whose prediction is kept
        )
        smoothed = model if self.beta is None else model.smoothed(self.beta)
        return steps.run(smoothed, forward, reference, epsilon)

    def value(self, forward: Forward, y: _Reference) -> Tensor:
        """The objective of the model's own heatmaps, `(batch,)`, also where the pass is one of a smoothed model."""
        # The surrogate shows the way and judges nothing: its heatmap is not the one that a user would see.
        exact = (
            forward
            if forward.classifier.relu_beta is None
            else forward.with_classifier(forward.classifier.smoothed(None))
        )
        return self._objective(exact, y)

    def gradient(self, forward: Forward, y: _Reference) -> Tensor:
        """The gradient of the objective to the images of a pass, through smoothed ReLUs if the pass has such.

        For images whose prediction has flipped, it is the gradient of the clean prediction's margin instead.
        """
        try:
            found = norms.finite(forward.gradient(self._objective, y))
        except ValueError as error:
            raise ValueError(
                f"The heatmaps of {self.explainer!r} do not depend on the images in a differentiable way, so there is "
                f"no way to change them along a gradient. {error}"
            ) from error
        # Without labels to keep there is no way back to go, and no pass to pay for it.
        return self._turned_back(forward, y, found) if self.keep_label else found

    def _turned_back(self, forward: Forward, y: _Reference, gradient: Tensor) -> Tensor:
        """A gradient with the way back in it for the images that have lost their prediction, from a pass of theirs."""
        # In a wide budget most iterates lose their prediction; if the steps went on up the objective from there, none
        # after the first few would count. A pass of its own, since the one at hand is differentiated smoothly.
        lost = batches.where(tf.logical_not(self.succeeds(forward, y)))

        def turned() -> Tensor:
            here = forward.classifier.smoothed(None).forward(batches.take(forward.inputs, lost))
            return batches.put(gradient, lost, norms.finite(here.gradient(_lead, batches.take(y.targets, lost))))

        return tf.cond(tf.size(lost) > 0, turned, lambda: gradient)

    def succeeds(self, forward: Forward, y: _Reference) -> Tensor:
        """Which images of a pass keep their prediction, by a margin that rounding does not flip, `(batch,)` bool."""
        if not self.keep_label:  # then the objective alone ranks the iterates
            return tf.ones_like(y.targets, tf.bool)
        lead = _lead(forward, y.targets)
        return tf.equal(forward.decisions, y.targets) & (lead >= _LEAD * y.lead)

    def _maps(self, forward: Forward, targets: Tensor) -> Tensor:
        # On the pass at hand: a heatmap costs what lies behind its layer, and no further pass forward.
        return self.explainer(forward.classifier, forward.inputs, targets, forward=forward)

    def _objective(self, forward: Forward, y: _Reference) -> Tensor:
        """What is raised, computed once for each pass."""

        def build() -> Tensor:
            return explanation_objective(self.objective, self.k)(y.maps, self._maps(forward, y.targets))

        return forward.remember((self, "objective"), y.maps, build)

    def _returned(self, model: ImageClassifier, forward: Forward, found: Tensor, epsilon: Tensor) -> Tensor:
        """The images after their last projection, and the clean ones where the prediction should have changed in it."""
        images = super()._returned(model, forward, found, epsilon)
        if not self.keep_label:
            return images
        # The last projection rounds, and a prediction that led by little may be lost to that.
        clean = tf.clip_by_value(forward.images, *model.bounds)

        def unflipped() -> Tensor:
            here = model.forward(model.with_images(forward.inputs, images))
            return select(tf.equal(here.decisions, forward.predictions), images, clean)

        return tf.cond(epsilon > 0, unflipped, lambda: clean)


def _lead(forward: Forward, targets: Tensor) -> Tensor:
    """The margin of some classes over all others, `(batch,)`."""
    return -margin(forward.logits, targets)


def _check_explainer(explainer: Any) -> Explainer:
    if not isinstance(explainer, (str, dict, type, Explainer)):
        raise TypeError(
            f"Argument `explainer` must be the name of an explainer, or an explainer. Received: {explainer!r}"
        )
    found = get_explainer(explainer)
    if not found.differentiable:
        raise ValueError(
            "Argument `explainer` must be one whose heatmaps can be differentiated, such as 'grad_cam', 'saliency' or "
            f"'integrated_gradients'. Received: {found!r}, which computes outside of TensorFlow"
        )
    if found.signed:
        raise ValueError(
            f"An attack on explanations compares heatmaps in [0, 1]. Received: {found!r}, whose heatmaps are signed. "
            "Leave its `relu` at True."
        )
    return found


def _check_beta(beta: float) -> float:
    checked = check_number("beta", beta, 0)
    if checked == 0:
        raise ValueError(
            f"Argument `beta` must be above 0, or None for the exact gradient of ReLUs. Received: beta={beta!r}"
        )
    return checked
