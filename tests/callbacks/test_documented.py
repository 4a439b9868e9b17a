"""The pages list all keys in the logs, and all files in a log directory."""

from __future__ import annotations

import fnmatch
import functools
import itertools
import re

import pages
import pytest

import keras_advxai as kax
from keras_advxai.callbacks.keys import failed_value, keys, unmeasured_values

EARLY_STOPPING = (pages.ROOT / "docs/howto/early_stopping.md").read_text(encoding="utf-8")
FILES = (pages.ROOT / "docs/tensorboard.md").read_text(encoding="utf-8").split("## Files\n")[1].split("\n## ")[0]
SETTINGS = kax.EvaluationSettings(
    attacks=("fgsm", kax.attacks.PGD(steps=20), "fog"),
    explainers=("grad_cam", "saliency"),
    metrics=("nissim", "rank_distance", "center_shift"),
)


def documented(task: str) -> set[str]:
    """What the table of keys says, with the names of the settings in the places for them."""
    rows = [line.split("|")[1:3] for line in EARLY_STOPPING.splitlines() if line.startswith("| `val_")]
    of_task = {"classification": "", "multi_label": "of a model of several labels", "regression": "of a regression"}
    names = {
        "ATTACK": ["fgsm", "pgd_steps20", "uniform_noise", "fog"],
        "EXPLAINER": ["grad_cam", "saliency"],
        "METRIC": ["rank_distance", "center_shift"],
    }
    found = set()
    for cells, meaning in rows:
        named = [name for name, start in of_task.items() if start and meaning.strip().startswith(start)]
        if (named and task not in named) or (task == "regression" and "accuracy_" in cells):
            continue
        for key in re.findall(r"`(\w+)`", cells):
            lists = [[(place, name) for name in names[place]] for place in names if place in key]
            for chosen in itertools.product(*lists):
                found.add(functools.reduce(lambda text, pair: text.replace(*pair), chosen, key))
    return found


@pytest.mark.parametrize("task", ["classification", "multi_label", "regression"])
def test_the_table_has_every_key(task):
    assert documented(task) == {*unmeasured_values(SETTINGS, task, True), *failed_value(False)}


def test_the_keys_in_the_text_are_there():
    quoted = set(re.findall(r"\bval_[a-z0-9_]+\b", re.sub(r"^\|.*$", "", EARLY_STOPPING, flags=re.MULTILINE)))
    known = keys(SETTINGS) | {"val_pgd_"}  # where a callback of this name has its keys
    assert quoted
    assert quoted <= known


@pytest.mark.slow
def test_the_table_has_every_file(fit, evaluation, images, trained, tmp_path):
    """Of a training, and of an evaluation in a directory of its own."""
    fit(evaluation(images, log_dir=tmp_path / "logs"), epochs=(None, None))
    kax.evaluate(trained, images, epsilons=(0.05,), log_dir=tmp_path / "final", progress=False)
    rows = [line.split("|")[1:4] for line in FILES.splitlines() if line.startswith("| `")]
    for folder, makers in (("logs", ("both", "the callback")), ("final", ("both",))):
        cells = [cell.strip(" `") for cell, _, maker in rows if maker.strip() in makers]
        patterns = [cell.replace("RUN", "*").replace("0003", "????") for cell in cells]
        root = tmp_path / folder / "advxai"
        written = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
        assert {path.name for path in (tmp_path / folder).iterdir()} == {"advxai"}
        for name in written:
            assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns), name
        for pattern in patterns:
            assert fnmatch.filter(written, pattern), pattern
