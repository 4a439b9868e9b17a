"""Models, preprocessing and dissimilarities of a user's own file, `module:function`."""

from __future__ import annotations

import json
import pathlib
import shlex
import sys

import pages
import pytest
from PIL import Image

import keras_advxai as kax
from keras_advxai.metrics import registry

OWN = """
import keras
import tensorflow as tf
import keras_advxai as kax

@kax.metrics.register(upper=1)
def change_of_colours(heatmaps, others):
    return tf.reduce_mean(tf.abs(heatmaps - others), axis=(1, 2, 3))

@keras.saving.register_keras_serializable(package="tests_of_the_command_line")
class Lighten(kax.attacks.Attack):
    def perturb(self, model, x, y, epsilon, forward):
        return x + epsilon

def network():
    return kax.ImageClassifier(keras.models.load_model("model.keras"), bounds=(0, 1))
"""


@pytest.fixture
def forgetting(monkeypatch):
    """Modules that are imported from the current folder, and what they register, are gone afterwards."""
    modules, path, known = set(sys.modules), list(sys.path), dict(registry._KNOWN)
    yield
    for name in set(sys.modules) - modules:
        if name.startswith("my_"):
            del sys.modules[name]
    sys.path[:] = path
    registry._KNOWN.clear()
    registry._KNOWN.update(known)


@pytest.mark.slow
def test_the_example_of_the_page_runs(run, tmp_path, monkeypatch, forgetting):
    page = pages.ROOT / "docs/howto/preprocessing.md"
    program = next(block for _, block in pages.blocks(page, "python") if block.startswith("# my_models.py"))
    command = shlex.split(pages.blocks(page, "sh")[0][1])
    monkeypatch.chdir(tmp_path)
    pathlib.Path("my_models.py").write_text(program)
    pathlib.Path("photos").mkdir()
    for pixels, name in zip(*(kax.datasets.photographs.load_data()[place] for place in (0, 2)), strict=True):
        Image.fromarray(pixels.astype("uint8")).save(f"photos/{pathlib.Path(name).stem}.png")
    code, out, err = run(*command[1:], "--json")
    assert code == 0, err
    found = json.loads(out)
    assert {row["attack"] for row in found["rows"]} >= {"fgsm"}
    # The same network with its preprocessing inside predicts the same of them.
    code, other, _ = run(*[word.replace("my_models:lite", "efficientnet_lite0") for word in command[1:]], "--json")
    assert code == 0
    for one, same in zip(found["rows"], json.loads(other)["rows"], strict=True):
        assert one["accuracy"] == pytest.approx(same["accuracy"], abs=0.26)  # one of four
        assert one["mod"] == pytest.approx(same["mod"], abs=0.02)


@pytest.mark.slow
def test_a_file_registers_dissimilarities_and_no_attacks(run, here, forgetting):
    (here / "my_colours.py").write_text(OWN)
    common = ("evaluate", "--model", "my_colours:network", "--data", "colours", "--no-noise", "--epsilon", "0.1")
    common += ("--json",)
    code, out, err = run(*common, "--metric", "change_of_colours", "--explainer", "grad_cam")
    assert code == 0, err
    assert {row["metric"] for row in json.loads(out)["rows"]} == {"change_of_colours"}
    code, _, err = run(*common, "--attack", "lighten", "--explainer", "none")
    assert (code, "Unknown attack 'lighten'" in err) == (2, True)
