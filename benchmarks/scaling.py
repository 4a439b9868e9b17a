"""What an image costs, and what a million of them take on 1, 8 and 64 GPUs; the tables of docs/scaling.md.

python -m benchmarks.scaling --measure    # minutes: writes results/scaling.json
python -m benchmarks.scaling              # writes the tables from it
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.cluster import Cluster, computed, mean_of_runs
from benchmarks.processes import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "scaling.json"
PAGE = ROOT / "docs" / "scaling.md"
IMAGES = 1_000_000
GPUS = (1, 8, 64)
FORWARD_AND_BACKWARD = 909.0
"""Images per second of one GPU, forward and backward: an assumption, the published training throughput of an A100."""
CORES = 12
"""Cores beside each GPU that decode: an assumption."""
EPSILONS = 4
STANDARD_STEPS = 2 * 100 + 9 * 100
"""Of the preset `standard`, at each epsilon, where no image is misclassified before its last step."""
START = 90.0
FAILURES, DELAY = 0.01, 0.15


def work(measured: dict[str, Any]) -> dict[str, float]:
    """For each evaluation, what an image takes, in passes forward and backward."""
    unit = measured["forward_and_backward"]
    conditions = 1 + 2 * EPSILONS  # the clean images, and the attack and the noise control at each epsilon
    fgsm = measured["fgsm_grad_cam"] / unit
    gradients = conditions * measured["integrated_gradients"] / unit
    standard = EPSILONS * STANDARD_STEPS * measured["pgd_step"] / unit
    return {
        "FGSM, Grad-CAM": fgsm,
        "FGSM, Grad-CAM and Integrated Gradients": fgsm + gradients,
        "`standard`, Grad-CAM": fgsm + standard,
        "`standard`, Grad-CAM and Integrated Gradients": fgsm + gradients + standard,
    }


def clusters(measured: dict[str, Any], passes: float, **changed: Any) -> list[Cluster]:
    """The same evaluation on several numbers of GPUs."""
    decode = measured["decode"] / CORES
    image = max(passes / FORWARD_AND_BACKWARD, decode)  # images are decoded while those before are measured
    given = {"image": image, "start": START, "merge": measured["merge"], "failures": FAILURES, "delay": DELAY}
    return [Cluster(IMAGES, gpus, 16 * gpus, **{**given, **changed}) for gpus in GPUS]


def tables(measured: dict[str, Any]) -> dict[str, str]:
    """The tables of the page, by name."""
    rows = [
        ("a pass forward", measured["forward"]),
        ("a pass forward and backward", measured["forward_and_backward"]),
        ("`evaluate` with FGSM, noise and Grad-CAM at four epsilons", measured["fgsm_grad_cam"]),
        ("a heatmap of Integrated Gradients", measured["integrated_gradients"]),
        ("a step of PGD", measured["pgd_step"]),
        ("decoding a JPEG of 500x375 pixels and resizing it", measured["decode"]),
        ("merging, findings and saving, for each of a million images", measured["merge"]),
    ]
    lines = ["| what | CPU time for an image |", "| --- | --- |"]
    lines += [f"| {name} | {_short(seconds)} |" for name, seconds in rows]
    costs = "\n".join(lines)
    lines = ["| evaluation | F+B for an image | " + " | ".join(f"{gpus} GPUs" for gpus in GPUS) + " | of it decoding |"]
    lines[0] = lines[0].replace("| 1 GPUs", "| 1 GPU")
    lines += ["| --- | --- |" + " --- |" * len(GPUS) + " --- |"]
    for name, passes in work(measured).items():
        found = [_long(computed(item)) for item in clusters(measured, passes)]
        share = measured["decode"] / CORES / (passes / FORWARD_AND_BACKWARD)
        lines.append(f"| {name} | {passes:,.0f} | " + " | ".join(found) + f" | {100 * share:.2g} % |")
    times = "\n".join(lines)
    lines = ["| 64 GPUs, FGSM, Grad-CAM and Integrated Gradients | computed | simulated |", "| --- | --- | --- |"]
    passes = work(measured)["FGSM, Grad-CAM and Integrated Gradients"]
    cases: dict[str, dict[str, Any]] = {
        "no deaths, no delays": {"failures": 0.0, "delay": 0.0},
        "delays of 15 %": {"failures": 0.0},
        "delays of 15 %, a death in 100 hours": {},
        "delays of 15 %, a death in 2 hours, with journals": {"failures": 0.5},
        "delays of 15 %, a death in 2 hours, without": {"failures": 0.5, "journal": False},
        "delays of 50 %, a death in 2 hours, with journals": {"failures": 0.5, "delay": 0.5},
    }
    for name, changed in cases.items():
        item = clusters(measured, passes, **changed)[-1]
        lines.append(f"| {name} | {_long(computed(item))} | {_long(mean_of_runs(item))} |")
    return {"costs": costs, "times": times, "simulation": "\n".join(lines)}


def updated(page: str, measured: dict[str, Any]) -> str:
    """The page with its tables made again."""
    for name, table in tables(measured).items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = place.sub(lambda found, table=table: f"{found[1]}\n{table}\n\n{found[2]}", page)
    return page


def measure(images: int) -> dict[str, Any]:
    """What is measured here, in seconds of CPU time for an image."""
    import keras
    import numpy as np
    import tensorflow as tf

    import keras_advxai as kax
    from benchmarks import subjects

    model = subjects.resnet50(224)
    x = np.random.default_rng(0).random((images, 224, 224, 3), dtype="float32")
    y = np.argmax(model.predict(x, verbose=0), -1)
    tensor, found = tf.constant(x), {}
    forward = tf.function(lambda x: model(x, training=False))

    @tf.function
    def backward(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            logits = tf.reduce_max(model(x, training=False), -1)
        return tape.gradient(logits, x)

    found["forward"] = _cpu(lambda: forward(tensor)) / images
    found["forward_and_backward"] = _cpu(lambda: backward(tensor)) / images
    settings: dict[str, Any] = {"progress": False, "batch_size": images, "images": 0}
    found["fgsm_grad_cam"] = _cpu(lambda: kax.evaluate(model, (x, y), **settings)) / images
    explainer = kax.explainers.IntegratedGradients()
    found["integrated_gradients"] = _cpu(lambda: explainer(model, x[:1]), 1)
    steps = 10
    attack = kax.attacks.PGD(steps=steps).with_whole_budget()
    found["pgd_step"] = _cpu(lambda: attack(model, x, y, 1e-6), 1) / (steps * images)
    picture = tf.image.resize(np.random.default_rng(0).random((24, 32, 3)), (375, 500), "bicubic")
    picture += tf.random.stateless_normal((375, 500, 3), (0, 1), stddev=0.06)
    jpeg = tf.io.encode_jpeg(tf.cast(255 * tf.clip_by_value(picture, 0, 1), tf.uint8), quality=95)
    decode = tf.function(lambda data: tf.image.resize(tf.io.decode_jpeg(data, 3), (224, 224)))
    found["decode"] = _cpu(lambda: [decode(jpeg) for _ in range(50)]) / 50
    found["jpeg_bytes"] = len(jpeg.numpy())
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.keras")
        found["save_model"] = _cpu(lambda: model.save(path), 1)
        found["load_model"] = _cpu(lambda: keras.models.load_model(path, compile=False), 1)
        found["model_bytes"] = path.stat().st_size
    found |= merging(IMAGES)
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def merging(count: int) -> dict[str, float]:
    """What putting together 64 parts takes, with the findings and the file, for an image; and the size of the file."""
    import keras
    import numpy as np

    import keras_advxai as kax

    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), keras.layers.GlobalMaxPooling2D()])
    x, y = (
        np.random.default_rng(0).random((640, 8, 8, 1), dtype="float32"),
        np.random.default_rng(1).integers(0, 2, 640),
    )
    settings: dict[str, Any] = {"progress": False, "batch_size": 10, "from_logits": True}
    parts = [kax.evaluate(model, (x, y), shard=(index, 64), **settings) for index in range(64)]
    chosen = np.arange(count // 64) % 10
    large, first = [], 0
    for part in parts:
        known = {**part.provenance["part"], "first": first}
        first += len(chosen)
        provenance = {**part.provenance, "part": known}
        large.append(kax.EvaluationReport(part.measurements.select(chosen), provenance, made_with=part.made_with))
    merged: list[Any] = []
    seconds = _cpu(lambda: merged.append(kax.EvaluationReport.merge(large)), 1, warm=False)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "report.npz")
        saving = _cpu(lambda: merged[0].save(path), 1, warm=False)
        size = path.stat().st_size
    return {"merge": (seconds + saving) / count, "report_bytes": size}


def _cpu(call: Callable[[], Any], rounds: int = 3, warm: bool = True) -> float:
    """CPU seconds of a call, the median of some rounds, after one that compiles."""
    taken = []
    for _ in range(rounds + warm):
        begin = time.process_time()
        call()
        taken.append(time.process_time() - begin)
    taken = sorted(taken[1:] if warm else taken)
    return taken[len(taken) // 2]


def _short(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.1e} s"


def _long(seconds: float) -> str:
    if seconds >= 2 * 86400:
        return f"{seconds / 86400:,.1f} days"
    return f"{seconds / 3600:.1f} h" if seconds >= 2 * 3600 else f"{seconds / 60:.0f} min"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling")
    parser.add_argument("--measure", action="store_true", help="measure, which takes minutes")
    if parser.parse_args().measure:
        measured = measure(int(os.environ.get("SCALING_IMAGES", "4")))
        RESULTS.write_text(json.dumps(measured, indent=1) + "\n")
    measured = json.loads(RESULTS.read_text())
    for name, table in tables(measured).items():
        print(f"{name}\n\n{table}\n")
    if PAGE.exists():
        PAGE.write_text(updated(PAGE.read_text(), measured))


if __name__ == "__main__":
    main()
