"""Which of TensorBoard's seven colours runs have: it gives them in the order in which runs began, then by name."""

from __future__ import annotations

import time

from figures.made_report import make_report
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from keras_advxai.tensorboard import ReportWriter
from keras_advxai.tensorboard.event_file import EventFile, began_at

COLORS = 7
EPSILONS = (1 / 255, 2 / 255, 4 / 255, 8 / 255, 16 / 255)


def train(log_dir, keras_runs):
    """A training as the callbacks log it: Keras' own run of the validation begins between the clean run and others."""

    def log_keras(run):
        file = EventFile(log_dir / run)
        file.add(scalar_pb("epoch_loss", 1.0), 0)
        file.flush()
        time.sleep(0.01)

    if keras_runs:
        log_keras("train")
    with ReportWriter(log_dir) as writer:
        writer.begin({})
        if keras_runs:
            log_keras("validation")
        writer.write(make_report(epsilons=EPSILONS), 0, images=False)


def colors(folder):
    """By run, as TensorBoard's own server sorts them and its page takes colours from its list."""
    found = {path.parent.relative_to(folder).as_posix(): path.parent for path in folder.rglob("*tfevents*")}
    ordered = sorted(found, key=lambda run: (began_at(found[run]), run))
    return {run: place % COLORS for place, run in enumerate(ordered)}


def test_no_two_runs_in_a_chart_have_one_color(tmp_path):
    train(tmp_path, keras_runs=True)
    ours = {run: color for run, color in colors(tmp_path).items() if run.startswith("advxai/")}
    assert len(ours) == 2 + len(EPSILONS)
    assert len(set(ours.values())) == len(ours)


def test_an_epsilon_has_one_color_in_all_trainings_without_runs_of_others(tmp_path):
    for name in ("a", "b"):
        train(tmp_path / name, keras_runs=False)
    found = colors(tmp_path)
    assert all(color == found[run.replace("a/", "b/", 1)] for run, color in found.items() if run.startswith("a/"))
