"""How the peers are asked, as their documentation says. Each is imported where it is used."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.passes import Run, compiled_forward

TF_KERAS_VIS, XPLIQUE, CLEVERHANS, FOOLBOX, ART, SKIMAGE = (
    "tf-keras-vis",
    "xplique",
    "cleverhans",
    "Foolbox",
    "ART",
    "scikit-image",
)


def tf_keras_vis(
    model: keras.Model, x: np.ndarray, targets: np.ndarray, layer: str, method: str = "gradcam", **settings: Any
) -> Run:
    """Grad-CAM or Score-CAM of tf-keras-vis, on the model itself, which returns logits already.

    Args:
        model: The model.
        x: Images.
        targets: Classes.
        layer: The name of the explained layer.
        method: `"gradcam"` or `"scorecam"`. Defaults to `"gradcam"`.
        **settings: For the call of its `Gradcam` or `Scorecam`.
    """
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

    made = {"gradcam": Gradcam, "scorecam": Scorecam}[method]
    explain, score = made(model, clone=False), CategoricalScore(targets.tolist())
    call = {"penultimate_layer": layer, "seek_penultimate_conv_layer": False, **settings}

    def run() -> np.ndarray:
        with contextlib.redirect_stdout(io.StringIO()):  # Score-CAM shows a bar of Keras' `predict`
            return np.asarray(explain(score, x, **call))

    return run


def xplique(model: keras.Model, x: np.ndarray, targets: np.ndarray, layer: str) -> Run:
    """Grad-CAM of xplique, all images at once: bicubic at the images' size, not normalised."""
    from xplique.attributions import GradCAM

    explain = GradCAM(model, batch_size=len(x), conv_layer=layer)
    wanted = np.eye(model.output_shape[-1], dtype="float32")[targets]
    return lambda: np.asarray(explain(x, wanted))


def cleverhans(model: keras.Model, x: np.ndarray, y: np.ndarray | None, epsilon: float, compiled: bool = False) -> Run:
    """The fast gradient method of cleverhans, with one callable for all calls, so that it is traced once.

    Args:
        model: The model.
        x: Images.
        y: Classes to leave; `None` for those that it finds by a pass of its own.
        epsilon: The epsilon.
        compiled: Whether the callable is a `tf.function`. Without labels it matters: cleverhans runs the pass that
            finds them as the callable runs it.
    """
    from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method

    logits = compiled_forward(model) if compiled else model
    images, labels = tf.constant(x), None if y is None else tf.constant(y)

    def run() -> np.ndarray:
        return fast_gradient_method(logits, images, epsilon, np.inf, clip_min=0.0, clip_max=1.0, y=labels).numpy()

    return run


STEP = 0.25
"""The step size of PGD, as a fraction of epsilon."""


def foolbox(
    model: keras.Model, x: np.ndarray, y: np.ndarray, epsilon: float, steps: int, compiled: bool = False
) -> Run:
    """Projected gradient descent of Foolbox, from the images themselves."""
    import foolbox as fb

    wrapped = fb.TensorFlowModel(compiled_forward(model) if compiled else model, bounds=(0, 1), device="/CPU:0")
    attack = fb.attacks.LinfPGD(rel_stepsize=STEP, steps=steps, random_start=False)
    images, labels = tf.constant(x), tf.constant(y, tf.int64)  # int32 asks NumPy 2 for what it no longer has
    return lambda: attack(wrapped, images, labels, epsilons=epsilon)[1].numpy()


def art(
    model: keras.Model, x: np.ndarray, y: np.ndarray, epsilon: float, steps: int, size: int, compiled: bool = False
) -> Run:
    """Projected gradient descent of the Adversarial Robustness Toolbox, with the same steps.

    Args:
        model: The model.
        x: Images.
        y: Classes to leave.
        epsilon: The epsilon.
        steps: How many steps.
        size: Images at a time.
        compiled: Whether it gets a model whose calls are compiled.
    """
    from art.attacks.evasion import ProjectedGradientDescent
    from art.estimators.classification import TensorFlowV2Classifier

    forward = compiled_forward(model)
    classifier = TensorFlowV2Classifier(
        model=(lambda images, training=False: forward(tf.cast(images, tf.float32))) if compiled else model,
        nb_classes=model.output_shape[-1],
        input_shape=model.input_shape[1:],
        loss_object=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        clip_values=(0, 1),
    )
    attack = ProjectedGradientDescent(
        classifier,
        norm=np.inf,
        eps=epsilon,
        eps_step=STEP * epsilon,
        max_iter=steps,
        batch_size=size,
        verbose=False,
    )
    return lambda: attack.generate(x, y)


def skimage_nissim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """NISSIM by scikit-image, pair by pair: `(batch,)` of maps `(batch, height, width)` or with one channel."""
    from skimage.metrics import structural_similarity

    pairs = zip(a.reshape(a.shape[:3]), b.reshape(b.shape[:3]), strict=True)
    return np.clip([(1 - structural_similarity(one, other, data_range=1.0)) / 2 for one, other in pairs], 0, 1)


def resized(maps: np.ndarray, side: int) -> np.ndarray:
    """Raw maps of a peer at the images' size, divided by each one's maximum, as the evaluation compares them.

    Args:
        maps: `(batch, height, width)`.
        side: Height and width of the images.
    """
    large = tf.image.resize(maps[..., None], (side, side)).numpy()
    largest = large.max(axis=(1, 2, 3), keepdims=True)
    return np.divide(large, largest, out=np.zeros_like(large), where=largest > 0)
