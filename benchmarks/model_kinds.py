"""Which kinds of Keras models can a library explain with Grad-CAM?

The kinds are the fixtures of `tests/kinds`. Each is explained in the way that the library documents, for the class
that the model predicts, and the maps are compared with those computed by hand. Where the plain call fails, what the
library documents for such a model is tried too. README.md beside this file says how to run it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import pathlib
import platform
import re
import sys
import warnings
from typing import Any

import numpy as np
from kind_engines import ENGINES, Engine, Task

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / "results"
CORRELATION = 0.99

NAMES = {
    "functional": "functional",
    "sequential": "`Sequential`",
    "sequential_without_input": "`Sequential` without an input layer",
    "sequential_reloaded": "`Sequential` with a backbone, saved and loaded",
    "sequential_without_input_reloaded": "`Sequential` without an input layer, saved and loaded",
    "backbone_in_sequential": "backbone in a `Sequential`",
    "backbone_in_functional": "backbone in a functional model",
    "backbone_with_pooling": "backbone with its own pooling",
    "backbone_two_deep": "backbone nested twice",
    "backbone_frozen": "frozen backbone",
    "subclassed": "subclassed",
    "subclassed_without_pooling_layer": "subclassed, pooling without a layer",
    "subclassed_with_backbone": "subclassed around a backbone",
    "call_is_a_tf_function": "subclassed, `call` a `tf.function`",
    "jit_compiled": "compiled with XLA",
    "rematerialised": "rematerialised activations",
    "mixed_float16": "`mixed_float16`",
    "mixed_bfloat16": "`mixed_bfloat16`",
    "open_size": "images of any size",
    "softmax_layer": "`Softmax` layer at the end",
    "activation_layer": "`Activation` layer at the end",
    "linear": "logits, no softmax",
    "one_sigmoid_unit": "one sigmoid unit",
    "outputs_in_a_list": "two outputs in a list",
    "outputs_in_a_dict": "two outputs in a dictionary",
    "grayscale": "gray images",
    "augmentation": "augmentation and dropout inside",
    "normalization": "batch normalisation behind the last convolution",
    "inputs_in_a_list": "image and numbers, in a list",
    "inputs_in_a_dict": "image and numbers, in a dictionary",
    "inputs_of_a_subclassed_model": "image and numbers, subclassed",
    "siamese_left": "siamese, first image",
    "siamese_right": "siamese, second image",
    "shared_layer": "layer used twice, later call",
    "shared_layer_called_earlier": "layer used twice, earlier call",
    "channels_first": "channels first",
    "channels_first_backbone": "channels first, nested backbone",
    "signals": "signals (one dimension)",
    "time_distributed": "videos, layers in `TimeDistributed`",
    "time_distributed_backbone": "videos, backbone in `TimeDistributed`",
    "vit": "vision transformer with a class token",
    "vit_without_class_token": "vision transformer without one",
}


def judge(found: np.ndarray, task: Task, engine: Engine) -> tuple[str, str]:
    """What the maps are: right, wrong or constant; and how that shows."""
    reference = task.reference(engine.relu)
    if found.ndim == reference.ndim + 1 and found.shape[-1] == 1:
        found = found[..., 0]
    full = (len(reference), *task.size)
    if found.shape not in (full, reference.shape):
        return "wrong", f"shape {found.shape}, not {full}"
    if found.shape != reference.shape:
        reference = engine.resize(reference, task.size)
    found, reference = found.reshape(len(found), -1), reference.reshape(len(found), -1)
    if not np.isfinite(found).all():
        return "wrong", "map with values that are not finite"
    varied = np.ptp(found, axis=1) > 1e-5 * np.abs(found).max(axis=1)
    if varied.mean() <= 0.5:
        return "constant", f"no variation in {np.sum(~varied)} of {len(found)} maps"
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = np.nan_to_num([np.corrcoef(*pair)[0, 1] for pair in zip(found, reference, strict=True)])
    outcome = "right" if (correlations >= CORRELATION).all() else "wrong"
    return outcome, f"map, correlations from {correlations.min():.3f} to {correlations.max():.3f}"


def first_line(error: Exception) -> str:
    """The type of an error and the first line that says why, without what differs between machines."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines() if line.strip()]
    if lines and lines[0] == "in user code:":
        start = next((i for i, line in enumerate(lines) if re.match(r"\w+(Error|Exception): ", line)), 0)
        lines = [re.sub(r"^\w+: ", "", lines[start]), *lines[start + 1 :]]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        lines = lines[1:]
    line = re.sub(r"0x[0-9a-f]+", "0x...", lines[0]) if lines else ""
    line = re.sub(r"(?<![\w.])/[\w./+-]+/", "", line)[:200]
    return f"{type(error).__name__}: {line}".rstrip(": ")


def run(kind: Any, engine: Engine) -> dict[str, Any]:
    """The outcome for one kind: that of the plain call, or right if some documented option makes it so."""
    import keras

    task, failed = Task(kind), []
    for attempt in engine.attempts(task):
        keras.utils.set_random_seed(0)
        model = kind.build()
        try:
            found = np.asarray(attempt.explain(model), "float32")
        except Exception as error:
            outcome, message = "error", first_line(error)
        else:
            outcome, message = judge(found, task, engine)
        if outcome == "right":
            return {"outcome": outcome, "message": message, "option": attempt.option, "failed": grouped(failed)}
        failed.append((outcome, message, attempt.option))
    outcome, message, option = failed[0]
    return {"outcome": outcome, "message": message, "option": option, "failed": grouped(failed)}


def grouped(failed: list[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """What went wrong, each with the options that it went wrong with."""
    options: dict[tuple[str, str], list[str]] = {}
    for outcome, message, option in failed:
        options.setdefault((outcome, message), []).append(option)
    return [{"outcome": key[0], "message": key[1], "options": found} for key, found in options.items()]


def versions(engine: Engine) -> dict[str, str]:
    """What was run."""
    found = {"python": platform.python_version()}
    for package in ("tensorflow", "keras", "numpy"):
        found[package] = importlib.metadata.version(package)
    if engine.title == "keras-advxai":
        import keras_advxai as kax

        return {engine.title: kax.__version__, **found}
    return {engine.title: importlib.metadata.version(engine.title), **found}


def benchmark(name: str, only: list[str]) -> None:
    """Runs an engine on every kind and writes what came of it, or on some kinds and prints it."""
    sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]
    from kinds import KINDS, WITHOUT_POSITIONS

    engine, outcomes = ENGINES[name], {}
    for key in only or KINDS:
        if key not in WITHOUT_POSITIONS:
            outcomes[key] = found = run(KINDS[key], engine)
            print(f"{key}: {found['outcome']}, {found['message']} [{found['option']}]", flush=True)
    if only:
        print(json.dumps(outcomes, indent=2))
        return
    RESULTS.mkdir(exist_ok=True)
    report = {"engine": name, "versions": versions(engine), "kinds": outcomes}
    (RESULTS / f"model_kinds_{name}.json").write_text(json.dumps(report, indent=2) + "\n")


def cell(outcome: dict[str, Any]) -> str:
    """A cell of the table."""
    if outcome["outcome"] == "right":
        return "yes*" if outcome["option"] else "yes"
    if outcome["outcome"] == "wrong":
        return f"wrong {outcome['message'].split()[0].rstrip(',')}"
    return {"constant": "constant map", "error": "error"}[outcome["outcome"]]


def table() -> str:
    """The results as a Markdown table."""
    found = {name: RESULTS / f"model_kinds_{name}.json" for name in ENGINES}
    reports = {name: json.loads(path.read_text()) for name, path in found.items() if path.exists()}
    titles = {name: ENGINES[name].title for name in reports}
    header = ["Kind of model", *(f"{title} {reports[name]['versions'][title]}" for name, title in titles.items())]
    rows = [header, ["---"] * len(header)]
    for key in dict.fromkeys(key for report in reports.values() for key in report["kinds"]):
        cells = (cell(report["kinds"][key]) if key in report["kinds"] else "-" for report in reports.values())
        rows.append([NAMES.get(key, key.replace("_", " ")), *cells])
    counts = ([kind["outcome"] for kind in report["kinds"].values()] for report in reports.values())
    rows.append(["**right**", *(f"**{outcomes.count('right')} of {len(outcomes)}**" for outcomes in counts)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=ENGINES, help="run this library on every kind and write the results")
    parser.add_argument("--kinds", nargs="+", default=[], help="only these kinds, and print instead of writing")
    parser.add_argument("--table", action="store_true", help="print the results that there are as a Markdown table")
    arguments = parser.parse_args()
    if not arguments.engine and not arguments.table:
        parser.error("say --engine or --table")
    if arguments.engine:
        warnings.simplefilter("ignore")
        benchmark(arguments.engine, arguments.kinds)
    if arguments.table:
        print(table())


if __name__ == "__main__":
    main()
