"""What the package costs on an accelerator, beside the bare passes there. No peer, and no other package.

    benchmarks/on_device.sh            # prints, and writes results/on_device.json
    benchmarks/on_device.sh --quick    # the same parts, small: for a look on any processor; writes nothing
    benchmarks/on_device.sh --write    # puts what was measured last into docs/benchmarks.md

On an accelerator the processor waits for the device, so the times are those of the wall, of interleaved runs.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

import keras_advxai as kax
from benchmarks import options, passes, subjects, table
from benchmarks.cases import Ratio, timed
from benchmarks.harness import RESULTS, Candidate, environment, interleaved, rounded, write
from benchmarks.processes import ROOT
from keras_advxai.evaluation.measure import Measure
from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.ops.ssim import one_minus_ssim

NAME = "on_device"
PAGE = ROOT / "docs" / "benchmarks.md"
PLACE = re.compile(r"(<!-- on a device -->\n).*?(<!-- end of a device -->)", re.DOTALL)
EPSILONS = (1 / 255, 2 / 255, 4 / 255, 8 / 255, 16 / 255)
OURS, XLA, BARE = "evaluate", "evaluate, XLA", "6F+B"
FLOAT32, FLOAT64 = "NISSIM in float32", "NISSIM in float64"
MINUTES = 8.0
"""After so long, no larger batch is begun."""


def report(quick: bool) -> dict[str, Any]:
    """Measure everything.

    Args:
        quick: Whether to run each part on a small model and few images.
    """
    begin = time.monotonic()
    name, side, batches, rounds = ("cnn", 32, (4, 8), 2) if quick else ("resnet50", 224, doubled(8, 1024), 5)
    model = subjects.subject(name, side)
    found: dict[str, Any] = {
        "environment": {**environment(options.PACKAGES), **options.devices()},
        "model": f"{name}, {side} px",
        "ssim": [precision(side, pairs, rounds) for pairs in batches[:2]],
        "transfers": transfers(step(model)),
        "cases": [],
        "stopped": None,
    }
    for batch in batches:
        if time.monotonic() - begin > 60 * MINUTES:
            found["stopped"] = f"{batch} images: no time was left"
            break
        try:
            found["cases"].append(throughput(model, side, batch, rounds))
        except (tf.errors.ResourceExhaustedError, MemoryError):
            found["stopped"] = f"{batch} images: more than the memory of the device"
            break
    return found


def doubled(first: int, last: int) -> tuple[int, ...]:
    """The powers of two times `first`, up to `last`."""
    sizes = [first]
    while sizes[-1] * 2 <= last:
        sizes.append(sizes[-1] * 2)
    return tuple(sizes)


def throughput(model: Any, side: int, batch: int, rounds: int) -> dict[str, Any]:
    """Images per second of FGSM and Grad-CAM at five epsilons, with and without XLA, beside bare passes."""
    print(f"{batch} images of {side} px ...", flush=True)
    x = subjects.images(batch, side)
    targets = subjects.predictions(model, x)
    ways = {OURS: kax.ImageClassifier(model), XLA: kax.ImageClassifier(model, jit_compile=True)}

    def evaluated(classifier: kax.ImageClassifier) -> Callable[[], Any]:
        settings: dict[str, Any] = {"epsilons": EPSILONS, "noise_control": False, "batch_size": batch}
        return lambda: kax.evaluate(classifier, (x, targets), progress=False, **settings)

    candidates = [
        Candidate(passes.F, passes.forward(model, x)),
        Candidate(passes.FB, passes.forward_backward(model, x, targets)),
        *(Candidate(way, evaluated(classifier)) for way, classifier in ways.items()),
    ]
    # Twice, as XLA compiles for a further number of images at the second call with it.
    seconds = interleaved(candidates, rounds, warm_up=2).with_sum(BARE, {passes.F: len(EPSILONS), passes.FB: 1})
    return {
        "batch": batch,
        "images_per_second": {name: batch / median for name, median in seconds.medians().items()},
        "ratios": {way: seconds.ratio(way, BARE)["wall"] for way in ways},
    }


def precision(side: int, pairs: int, rounds: int) -> dict[str, Any]:
    """What NISSIM in float32 would save, and what it would get wrong, also of heatmaps that are nearly equal."""
    rng = np.random.default_rng(0)
    one = tf.image.resize(rng.random((pairs, 7, 7, 1)), (side, side)).numpy()
    other = tf.constant(np.clip(one + rng.normal(0, 10.0 ** rng.integers(-5, 0, (pairs, 1, 1, 1)), one.shape), 0, 1))
    one = tf.constant(one)

    def of(dtype: str) -> Callable[[], np.ndarray]:
        made = tf.function(lambda a, b: one_minus_ssim(a, b, (7, 7), 1.0, dtype) / 2, autograph=False, jit_compile=True)
        return lambda: made(tf.cast(one, "float32"), tf.cast(other, "float32")).numpy()

    candidates = [Candidate(FLOAT32, of("float32")), Candidate(FLOAT64, of("float64"))]
    exact = candidates[1].run()
    apart = np.abs(candidates[0].run() - exact)
    case = timed(f"NISSIM, {side} px", f"{pairs} pairs", candidates, (Ratio(FLOAT64, FLOAT32),), rounds=rounds)
    return {**case, "error": float(apart.max()), "relative_error": float((apart / exact).max())}


def step(model: Any) -> Any:
    """The graph that an evaluation runs on each batch."""
    metrics = (kax.metrics.get("nissim"),)
    plan = MeasurementPlan((kax.attacks.FGSM(),), (kax.explainers.GradCAM(),), metrics, "predicted")
    classifier, measure = kax.ImageClassifier(model), Measure(plan)

    def run(x: tf.Tensor, y: tf.Tensor) -> Any:
        return measure(classifier, x, y, tf.constant(EPSILONS), tf.constant(0))

    images = tf.TensorSpec([None, *model.input_shape[1:]])
    return tf.function(run, autograph=False).get_concrete_function(images, tf.TensorSpec([None], tf.int32))


def transfers(graph: Any) -> int:
    """How many arrays of a batch go from the device to the processor: what the graph returns, and nothing else."""
    return len(graph.outputs)


def render(found: dict[str, Any]) -> str:
    """What was measured, in Markdown."""
    lines = [table.ran_on(found["environment"])]
    names = (passes.F, passes.FB, BARE, OURS, XLA)
    rows = [
        [
            f"{found['model']}, {case['batch']} images",
            *(f"{case['images_per_second'][name]:.3g}" for name in names),
            *(table.spread(case["ratios"][name]) for name in (OURS, XLA)),
        ]
        for case in found["cases"]
    ]
    header = ["images per second", *names, f"{OURS} / {BARE}", f"{XLA} / {BARE}"]
    lines.append(table.markdown(header, rows))
    if found["stopped"]:
        lines.append(f"Not measured: {found['stopped']}.")
    rows = [
        [
            f"{case['name']}; {case['detail']}",
            table.spread(case["ratios"][0]["wall"]),
            f"{case['error']:.1e}",
            f"{100 * case['relative_error']:.2g} %",
        ]
        for case in found["ssim"]
    ]
    lines.append(table.markdown(["case", f"{FLOAT64} / {FLOAT32}", "error of float32", "as a part"], rows))
    lines.append(
        f"Of each batch, {found['transfers']} arrays go from the device to the processor, when all is computed."
    )
    return "\n\n".join(lines)


def update(page: pathlib.Path = PAGE, results: pathlib.Path = RESULTS) -> None:
    """Write what was measured last into the documentation."""
    text = render(json.loads((results / f"{NAME}.json").read_text(encoding="utf-8")))
    page.write_text(PLACE.sub(lambda place: f"{place[1]}\n{text}\n\n{place[2]}", page.read_text("utf-8")), "utf-8")


def main(given: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks/on_device.sh", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a small model and few images; writes nothing")
    parser.add_argument("--write", action="store_true", help="put what was measured last into docs/benchmarks.md")
    arguments = parser.parse_args(given)
    if arguments.write:
        update()
        return
    warnings.simplefilter("ignore")  # the models are drawn at random, of which evaluations warn
    found = rounded(report(arguments.quick))
    if not arguments.quick:
        write(NAME, found)
    print(render(found), flush=True)


if __name__ == "__main__":
    main()
