"""What folding BatchNormalization saves, and what it changes beside what rounding changes by itself.

    python -m benchmarks folding [--full]
    python -m benchmarks.folding [--full] [--crops N] [--rounds N]

The second needs no other library than the package's own, with the extra `pretrained`.
"""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any

import keras
import tensorflow as tf

import keras_advxai as kax
from benchmarks import command, folding_changes, folding_runs, subjects
from benchmarks.cases import Ratio, timed
from benchmarks.harness import ROUNDS, Candidate, environment
from benchmarks.options import passes
from benchmarks.passes import FB, F

PACKAGES = ("keras-advxai", "tensorflow", "keras", "numpy")
F_FOLDED, FB_FOLDED = "F folded", "F+B folded"
ONE, ONE_FOLDED = "F+B, 5 F", "F+B, 5 F, all folded"
TOLD_UNFOLDED, ATTACK_FOLDED = "F+B, 5 F, all folded, and 6 F for the predictions", "F+B folded, 6 F"
SUMS = {
    ONE: {FB: 1.0, F: 5.0},
    ONE_FOLDED: {FB_FOLDED: 1.0, F_FOLDED: 5.0},
    TOLD_UNFOLDED: {FB_FOLDED: 1.0, F_FOLDED: 5.0, F: 6.0},
    ATTACK_FOLDED: {FB_FOLDED: 1.0, F: 6.0},
}
"""An evaluation by FGSM at five epsilons, and three ways to fold in it.

With the predictions of the unfolded network, either each pass is made twice or nothing is folded but the attack's.
"""
RATIOS = (
    *(Ratio(FB_FOLDED, FB), Ratio(F_FOLDED, F)),
    *(Ratio(way, ONE) for way in (ONE_FOLDED, TOLD_UNFOLDED, ATTACK_FOLDED)),
)
TIMED = {
    "mobilenet_v2": ("MobileNetV2, 224 px", 224, 8),
    "efficientnet_lite0": ("EfficientNet-Lite0, 224 px", 224, 8),
    "resnet50": ("ResNet50, 224 px", 224, 8),
    "normalized_cnn": ("CNN with BatchNormalization, 32 px", 32, 128),
}
PRETRAINED = next(iter(folding_runs.NETWORKS))
CROPS = 1000


def report(full: bool, crops: int = CROPS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to measure the times of all networks; else those of the small one, and eight crops.
        crops: How many crops of photographs the pretrained network is asked of.
        rounds: How often each candidate is timed.
    """
    return {
        "environment": environment(PACKAGES),
        "cases": [timed_case(name, rounds) for name in (TIMED if full else list(TIMED)[-1:])],
        "changes": changes(PRETRAINED, crops if full else 8),
    }


def timed_case(name: str, rounds: int) -> dict[str, Any]:
    """The times of one network's passes, folded and not."""
    title, side, batch = TIMED[name]
    print(f"{title}, times ...", flush=True)
    images = tf.constant(subjects.images(batch, side))
    model = kax.pretrained.efficientnet_lite0(include_preprocessing=False) if "lite" in name else _built(name, side)
    runs = {}
    for folded, (forward, both) in ((False, (F, FB)), (True, (F_FOLDED, FB_FOLDED))):
        classifier = kax.ImageClassifier(model, bounds=(0, 1), fold_batch_norm=folded)
        runs[forward], runs[both] = _forward(classifier, images), passes(classifier, images)
    for run in runs.values():
        run()
    candidates = [Candidate(way, run) for way, run in runs.items()]
    return timed(title, f"{batch} images", candidates, RATIOS, rounds=rounds, sums=SUMS)


def _built(name: str, side: int) -> keras.Model:
    return subjects.BUILDERS[name](side)  # with any weights: how long a pass takes does not depend on them


def _forward(classifier: kax.ImageClassifier, images: tf.Tensor) -> Any:
    return lambda: classifier.compiled("forward", _logits, images).numpy()


def _logits(classifier: kax.ImageClassifier, images: tf.Tensor) -> tf.Tensor:
    return classifier.forward(images).logits


def changes(network: str, crops: int) -> list[dict[str, Any]]:
    """What each way changes of what the default finds on so many crops, one process a way."""
    with tempfile.TemporaryDirectory() as folder:
        for way in folding_runs.WAYS:
            print(f"{network}, {crops} crops, {way} ...", flush=True)
            place = pathlib.Path(folder) / way
            if folding_runs.start(network, way, crops, place).wait():
                raise RuntimeError(f"The run of {network} with {way!r} failed.")
        return folding_changes.compared(network, pathlib.Path(folder))


if __name__ == "__main__":
    command.run("folding", report, crops={"type": int, "default": CROPS, "help": f"{CROPS} by default"})
