"""Runs in a process of its own: what TensorFlow's switches for debugging do to us. Prints JSON.

python debug_modes.py numerics | eagerly | disabled | fork
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings

import keras
import numpy as np
import tensorflow as tf

import keras_advxai as kax

X = np.random.default_rng(0).random((12, 8, 8, 1)).astype("float32")
Y = np.arange(12) % 2
SETTINGS = {
    "attacks": ("fgsm", kax.attacks.PGD(steps=3), kax.attacks.DDN(steps=4)),
    "explainers": ("grad_cam", kax.explainers.SmoothGrad(samples=2), kax.explainers.IntegratedGradients(steps=4)),
    "epsilons": (0.05, 0.1),
    "checks": "all",
}


def made() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(2, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def found(model: keras.Model) -> dict[str, list[float]]:
    """What everybody calls, as numbers."""
    warnings.simplefilter("ignore")
    report = kax.evaluate(model, (X, Y), **SETTINGS, progress=False)
    callback = kax.callbacks.AdversarialEvaluation((X, Y), explainers=(), epsilons=(0.1,))
    model.optimizer.learning_rate = 0.0
    history = model.fit(X, Y, verbose=0, callbacks=[callback]).history
    return {
        "rows": [value for row in report.rows for value in (row.accuracy, row.mod)],
        "findings": sorted(finding.id for finding in report.warnings),
        "mifgsm": np.asarray(kax.attacks.MIFGSM(steps=2)(model, X, Y)).ravel().tolist(),
        "saliency": np.asarray(kax.explainers.Saliency()(model, X)).ravel().tolist(),
        "nissim": np.asarray(kax.metrics.nissim(X, X[::-1])).tolist(),
        "history": [history["val_accuracy_fgsm"][0], history["val_accuracy_clean"][0]],
        "layers": [str(kax.list_layers(model))],
    }


def numerics() -> dict[str, object]:
    before = found(made())
    tf.debugging.enable_check_numerics()
    after = found(made())
    try:
        tf.math.log(tf.constant(-1.0))
    except tf.errors.InvalidArgumentError:
        return {"before": before, "after": after, "still": True}
    return {"still": False}


def eagerly() -> dict[str, object]:
    before = found(made())
    tf.config.run_functions_eagerly(True)
    return {"before": before, "after": found(made()), "still": tf.config.functions_run_eagerly()}


def refused(call) -> str:
    try:
        call()
    except RuntimeError as error:
        return str(error)
    return "nothing was raised"


def disabled() -> dict[str, str]:
    tf.compat.v1.disable_eager_execution()
    return calls(made())


def calls(model: keras.Model) -> dict[str, str]:
    return {
        "evaluate": refused(lambda: kax.evaluate(model, (X, Y), progress=False)),
        "attack": refused(lambda: kax.attacks.FGSM()(model, X, Y)),
        "explainer": refused(lambda: kax.explainers.GradCAM()(model, X)),
        "metric": refused(lambda: kax.metrics.nissim(X, X)),
        "classifier": refused(lambda: kax.ImageClassifier(model)),
        "wrapper": refused(lambda: kax.ExplainableModel(model)),
    }


def fork() -> dict[str, object]:
    model = made()
    reader, writer = os.pipe()
    if os.fork() == 0:
        signal.alarm(60)  # it hung
        os.write(writer, json.dumps(calls(model)).encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    with os.fdopen(reader) as file:
        said = json.loads(file.read() or "{}")
    kax.attacks.FGSM()(model, X, Y)  # here it goes on
    return said


if __name__ == "__main__":
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # as `--unoptimized` of the tests
    modes = {"numerics": numerics, "eagerly": eagerly, "disabled": disabled, "fork": fork}
    sys.stdout.write(json.dumps(modes[sys.argv[1]]()))
