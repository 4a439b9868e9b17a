"""The options that change how a pass is computed: what each saves or costs, and by how much results change.

    python -m benchmarks options [--full]
    python -m benchmarks.options [--full] [--batch N ...] [--rounds N]

The second needs no other library than the package's own. On an accelerator, name batch sizes up to its memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_advxai as kax
from benchmarks import command, subjects
from benchmarks.cases import Ratio, timed
from benchmarks.harness import ROUNDS, Candidate, environment
from keras_advxai.ops.losses import log_odds

PLAIN, FOLDED, XLA, HALF = "default", "fold_batch_norm", "jit_compile", "mixed_bfloat16"
RATIOS = tuple(Ratio(way, PLAIN) for way in (FOLDED, XLA, HALF))
PACKAGES = ("keras-advxai", "tensorflow", "keras", "numpy")
MODELS = {"mobilenet_v2": "MobileNetV2", "resnet50": "ResNet50"}
SIDE = 224
GRAD_CAM = kax.explainers.GradCAM(relu=False)


def report(full: bool, batch: Sequence[int] = (8,), rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to measure ResNet50 too, and images of 224 pixels instead of 96.
        batch: How many images go through a model at once.
        rounds: How often each candidate is timed.
    """
    names = list(MODELS) if full else list(MODELS)[:1]
    side = SIDE if full else 96
    return {
        "environment": {**environment(PACKAGES), **devices()},
        "cases": [measured(name, side, images, rounds) for name in names for images in batch],
    }


def devices() -> dict[str, Any]:
    """The accelerators that TensorFlow sees, and whether it multiplies float32 in TF32 there."""
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return {
        "accelerators": [found.get("device_name", "GPU") for found in details],
        "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
    }


def in_precision(model: keras.Model, policy: str) -> keras.Model:
    """A copy of a model that computes in another precision, with the same weights."""

    def again(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": policy})

    copy = keras.models.clone_model(model, clone_function=again)
    copy.set_weights(model.get_weights())
    return copy


def measured(name: str, side: int, batch: int, rounds: int) -> dict[str, Any]:
    """Agreement and ratios of one model."""
    print(f"{name}, {batch} images of {side} px ...", flush=True)
    model = subjects.subject(name, side)
    x = subjects.images(batch, side)
    ways = {
        PLAIN: kax.ImageClassifier(model),
        FOLDED: kax.ImageClassifier(model, fold_batch_norm=True),
        XLA: kax.ImageClassifier(model, jit_compile=True),
        HALF: kax.ImageClassifier(in_precision(model, HALF)),
    }
    images = tf.constant(x)
    runs = {way: passes(classifier, images) for way, classifier in ways.items()}
    maps = {way: np.maximum(GRAD_CAM(classifier, x, 0), 0) for way, classifier in ways.items()}
    exact = reference(subjects.subject(name, side, "float64"), x)
    found = {way: run() for way, run in runs.items()}
    candidates = [Candidate(way, run) for way, run in runs.items()]
    case = timed(f"{MODELS[name]}, {side} px", f"{batch} images", candidates, RATIOS, rounds=rounds)
    moved = {
        way: {
            "flipped": float(np.mean(np.sign(found[way]) != np.sign(found[PLAIN]))),
            "flipped_to_float64": float(np.mean(np.sign(found[way]) != np.sign(exact))),
            "nissim": float(np.mean(kax.metrics.nissim(maps[way], maps[PLAIN]))),
        }
        for way in ways
    }
    return {**case, "moved": moved}


def passes(classifier: kax.ImageClassifier, images: tf.Tensor) -> Callable[[], np.ndarray]:
    """A pass forward and one backward to the images: the work of an attack. Returns the gradient for FGSM."""
    return lambda: classifier.compiled("passes", gradient, images).numpy()


def gradient(classifier: kax.ImageClassifier, images: tf.Tensor) -> tf.Tensor:
    """The gradient of the log-odds against class 0."""
    forward = classifier.forward(images)
    return forward.gradient(objective, tf.zeros_like(forward.predictions))


def objective(forward: Any, labels: tf.Tensor) -> tf.Tensor:
    """The log-odds against the labels."""
    return log_odds(forward.logits, labels)


def reference(precise: keras.Model, x: np.ndarray) -> np.ndarray:
    """The gradient in float64, by the formula."""

    @tf.function
    def run(x: tf.Tensor) -> tf.Tensor:
        logits = precise(x, training=False)
        return tf.gradients(tf.reduce_logsumexp(logits[:, 1:], axis=1) - logits[:, 0], [x])[0]

    return run(tf.constant(x, tf.float64)).numpy()


if __name__ == "__main__":
    command.run("options", report, batch={"type": int, "nargs": "+", "default": [8], "help": "8 by default"})
