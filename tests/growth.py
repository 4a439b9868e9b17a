"""Runs in a process of its own: what is left behind by many calls, or by many models. Prints JSON.

python growth.py calls | models
"""

from __future__ import annotations

import gc
import json
import sys
import weakref

import keras
import trained_models
from helpers import resident_memory
from trained_models import SHAPE, X, Y

import keras_advxai as kax

layers = keras.layers


def calls(warm_up: int = 20, count: int = 200) -> dict[str, float]:
    """Explain, attack and evaluate one model, each time with new objects and a training step in between."""
    traces = []

    def preprocess(images):
        traces.append(images)
        return images

    model = trained_models.build("functional, nested, augmented")
    before: dict[str, float] = {}
    for index in range(warm_up + count):
        if index == warm_up:
            before = {"memory": resident_memory(), "traces": len(traces)}
        model.train_on_batch(X, Y)
        classifier = kax.ImageClassifier(model, preprocess=preprocess)
        kax.explainers.GradCAM(relu=False)(classifier, X)
        kax.attacks.FGSM()(classifier, X, Y)
        kax.evaluate(classifier, (X, Y), epsilons=(0.01, 0.1), noise_control=False, progress=False)
    return {"growth": resident_memory() - before["memory"], "traces": len(traces) - before["traces"]}


def models(warm_up: int = 5, count: int = 25) -> dict[str, float]:
    """Make a model, explain or attack it, and drop it."""
    before = 0.0
    references = []
    gc.freeze()  # what is there already needs no looking through each time
    for index in range(warm_up + count):
        if index == warm_up:
            before = resident_memory()
        conv = layers.Conv2D(4, 3, activation="relu")
        model = keras.Sequential([keras.Input(SHAPE), conv, layers.GlobalAveragePooling2D(), layers.Dense(2)])
        look = kax.attacks.FGSM() if index % 2 else kax.explainers.GradCAM(relu=False)
        look(model, X)
        references += [weakref.ref(model), weakref.ref(conv), weakref.ref(conv.kernel)]
        del model, conv
        gc.collect()
    return {"growth": resident_memory() - before, "alive": sum(reference() is not None for reference in references)}


if __name__ == "__main__":
    keras.utils.set_random_seed(0)  # models drawn at random may be dead for some image, of which they would warn
    sys.stdout.write(json.dumps({"calls": calls, "models": models}[sys.argv[1]]()))
