"""What the callback adds to an epoch of training.

python -m benchmarks training [--full]
"""

from __future__ import annotations

import tempfile
from typing import Any

import keras
import numpy as np

import keras_advxai as kax
from benchmarks import subjects
from benchmarks.cases import Ratio, divided
from benchmarks.harness import CLOCKS, ROUNDS, Timings, environment

PACKAGES = ("keras-advxai", "tensorflow", "keras", "numpy")
IMAGES, SIDE, PROBES, BATCH = 50_000, 32, 256, 128
EPSILONS = (1 / 255, 2 / 255, 4 / 255, 8 / 255)
EPOCH = f"an epoch of {IMAGES:,} images"
ATTACKED, EXPLAINED, DEFAULT = "FGSM", "FGSM and Grad-CAM", "FGSM, Grad-CAM and noise control"
LOGGED = "FGSM, Grad-CAM, noise control, logs and pictures"
SETTINGS: dict[str, dict[str, Any]] = {
    ATTACKED: {"explainers": (), "noise_control": False},
    EXPLAINED: {"noise_control": False},
    DEFAULT: {},
    LOGGED: {},  # with a folder for TensorBoard
}
RATIOS = (
    Ratio(EXPLAINED, EPOCH, main=True),
    Ratio(ATTACKED, EPOCH),
    Ratio(DEFAULT, EPOCH),
    Ratio(LOGGED, DEFAULT),
)
"""What is divided by what."""


class Stopwatch(keras.callbacks.Callback):
    """Notes the time at the beginning and at the end of every epoch.

    One in front of a callback and one behind it tell how long that one takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begins: list[dict[str, float]] = []
        self.ends: list[dict[str, float]] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the time."""
        self.begins.append(now())

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the time."""
        self.ends.append(now())


def now() -> dict[str, float]:
    """What the clocks say."""
    return {clock: read() for clock, read in CLOCKS.items()}


def report(full: bool) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to train with all images, or with a tenth of them, whose time is then multiplied.
    """
    images = IMAGES if full else IMAGES // 10
    return {"environment": environment(PACKAGES), "cases": [measured(images, ROUNDS if full else 3)]}


def measured(images: int, rounds: int, probes: int = PROBES) -> dict[str, Any]:
    """The ratios of one training, whose first epoch is a warm-up.

    Args:
        images: How many it trains with. The time of an epoch is multiplied, so that it stands for all.
        rounds: How many epochs are timed.
        probes: How many images the callback evaluates.
    """
    print("training ...", flush=True)
    keras.utils.set_random_seed(0)
    model = subjects.cnn(SIDE)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(0)
    x = rng.random((images, SIDE, SIDE, 3), dtype="float32")
    y = rng.integers(0, subjects.CLASSES, images)
    watches = [Stopwatch()]
    callbacks: list[keras.callbacks.Callback] = [*watches]
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, settings) in enumerate(SETTINGS.items()):
            callbacks.append(
                kax.callbacks.AdversarialEvaluation(
                    (x[:probes], y[:probes]),
                    name=f"callback_{number}",
                    epsilons=EPSILONS,
                    batch_size=BATCH,
                    log_dir=folder if name == LOGGED else None,
                    final=False,
                    **settings,
                )
            )
            watches.append(Stopwatch())
            callbacks.append(watches[-1])
        model.fit(x, y, batch_size=BATCH, epochs=rounds + 1, verbose=0, callbacks=callbacks)
    seconds = {clock: between(watches, clock, IMAGES / images) for clock in CLOCKS}
    detail = f"{probes} probe images, {len(EPSILONS)} epsilons"
    if images < IMAGES:
        detail += f"; the epoch is {IMAGES // images} times one of {images:,} images"
    return divided("Training the CNN, 32 px", detail, Timings(seconds), RATIOS, rounds=rounds)


def between(watches: list[Stopwatch], clock: str, times: float) -> dict[str, list[float]]:
    """The seconds of each epoch but the first, and those between one watch and the next."""
    first = watches[0]
    pairs = zip(first.begins[1:], first.ends[1:], strict=True)
    found = {EPOCH: [times * (end[clock] - begin[clock]) for begin, end in pairs]}
    for name, before, after in zip(SETTINGS, watches, watches[1:], strict=False):
        ends = zip(before.ends[1:], after.ends[1:], strict=True)
        found[name] = [end[clock] - begin[clock] for begin, end in ends]
    return found
