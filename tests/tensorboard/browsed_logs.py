"""What a browser looks at in TensorBoard: logs of all kinds, and a training that goes on."""

from __future__ import annotations

import dataclasses
import time
import warnings

import keras
import numpy as np
from figures.made_report import make_report
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from keras_advxai.callbacks import AdversarialEvaluation, FindingWarning
from keras_advxai.measurements.finding import Finding
from keras_advxai.tensorboard import ReportWriter

EPOCHS = 30
PERIOD = 3
"""Reports that differ, which follow one another again and again."""
ATTACKS = ("fgsm", "pgd", "uniform_noise")
WEAKEST, STRONGEST = 8 / 255, 16 / 255
SIZE = 12
LIKELY = np.array([[0.75, 0.25], [0.0625, 0.9375]], "float32")
"""Of the two images with pictures; the adversarial ones have them the other way round."""
PATIENCE = 300  # seconds


def reports():
    """Of six images, two with pictures: heatmaps of 12x12 places at random."""
    generator = np.random.default_rng(0)
    made = []
    for seed in range(PERIOD):
        report = make_report(seed, attacks=ATTACKS, metrics=("nissim", "cosine_distance"), chance=True)
        images = {index: generator.integers(0, 256, (SIZE, SIZE, 1)) / 255 for index in (0, 1)}
        before = {index: _map(generator) for index in (0, 1)}
        signs = {attack: generator.choice([-1, 1], (SIZE, SIZE, 1)) for attack in ATTACKS}
        examples = tuple(
            dataclasses.replace(
                item,
                image=images[item.index],
                adversarial=np.clip(images[item.index] + item.epsilon * signs[item.attack], 0, 1),
                heatmap=before[item.index],
                adversarial_heatmap=_map(generator),
                probabilities=LIKELY[item.index],
                adversarial_probabilities=LIKELY[item.index][::-1],
            )
            for item in report.examples
        )
        finding = Finding("Take care.", id="no-labels", severity="warning")
        made.append(dataclasses.replace(report, examples=examples, warnings=(finding,)))
    return made


def _map(generator):
    found = generator.random((SIZE, SIZE))
    return (found / found.max()).astype("float32")


def write_old_logs(folder):
    """As version 0.1 wrote them: a run for each attack and epsilon, and nothing for the tab."""
    for run in ("clean", "fgsm_eps0.0314"):
        writer = EventFileWriter(str(folder / "advxai" / run))
        event = scalar_pb("advxai/accuracy", 0.5)
        writer.add_event(Event(step=0, wall_time=0, summary=event))
        writer.close()


def train(log_dir, seen):
    """Three epochs, of which each waits until the one before was looked at."""

    def wait_for(name):
        end = time.monotonic() + PATIENCE
        while not (seen / f"seen-{name}").exists() and time.monotonic() < end:
            time.sleep(0.1)

    wait_for("empty")
    x = np.random.default_rng(0).random((8, 12, 12, 1), dtype="float32")
    y = np.arange(8) % 2
    pool = keras.layers.GlobalAveragePooling2D()
    layers = [keras.layers.Conv2D(2, 3, activation="relu"), pool, keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((12, 12, 1)), *layers], name="small")
    model.compile("adam", "sparse_categorical_crossentropy")
    evaluation = AdversarialEvaluation(
        (x, y), epsilons=(0.02, 0.1), explainers="grad_cam", images=2, log_dir=log_dir, final=False
    )
    waiting = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: wait_for(epoch + 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FindingWarning)  # three epochs make no good model
        model.fit(x, y, epochs=3, verbose=0, callbacks=[evaluation, waiting])


def write_logs(folder, made):
    """Two trainings, of 30 and of two epochs, below `logs`; old ones below `old`; nothing below `live`."""
    with ReportWriter(folder / "logs" / "first") as writer:
        for epoch in range(EPOCHS):
            report = made[epoch % PERIOD]
            # Drawing those for Images takes the time.
            writer.write(report if epoch >= EPOCHS - PERIOD else dataclasses.replace(report, examples=()), epoch)
    with ReportWriter(folder / "logs" / "second") as writer:
        writer.write(made[0], 0)
        writer.write(made[1], 1)
    write_old_logs(folder / "old")
    (folder / "live").mkdir()


def boards(folder):
    """The flags of TensorBoards that look at them, by what each is there for."""
    both = ["--logdir", str(folder / "logs")]
    spec = ",".join(f"{name}:{folder / 'logs' / of}" for name, of in (("one", "first"), ("two", "second")))
    return {
        "fast": [*both, "--load_fast=true"],
        "slow": [*both, "--load_fast=false", "--path_prefix=/some/where"],
        "spec": ["--logdir_spec", spec],
        "old": ["--logdir", str(folder / "old")],
        "live": ["--logdir", str(folder / "live"), "--load_fast=true", "--reload_interval=1"],
    }
