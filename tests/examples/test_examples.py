import csv
import json
import os
import pathlib
import re
import subprocess
import sys

import nbformat
import numpy as np
import pytest

from keras_advxai import EvaluationReport

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
PNG = b"\x89PNG\r\n\x1a\n"

pytestmark = pytest.mark.slow


def _run(name, directory, *arguments):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *(arguments or ("output",))],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, directory / "output"


def test_train_with_callback(tmp_path):
    printed, output = _run("train_with_callback.py", tmp_path)
    with open(output / "epochs.csv", encoding="utf-8") as file:
        epochs = list(csv.DictReader(file))
    assert len(epochs) == 15
    assert all(0 <= float(epoch["val_accuracy_fgsm"]) <= float(epoch["val_accuracy"]) for epoch in epochs)
    assert float(epochs[-1]["val_mod_fgsm_grad_cam"]) > float(epochs[-1]["val_mod_uniform_noise_grad_cam"])
    report = EvaluationReport.from_json(output / "advxai" / "report.json")
    assert str(report) in printed
    assert "tensorboard --logdir output" in printed
    assert (output / "comparison.png").read_bytes().startswith(PNG)
    assert {"train", "validation", "advxai"} <= {path.name for path in output.iterdir()}


def test_evaluate_after_training(tmp_path):
    printed, output = _run("evaluate_after_training.py", tmp_path)
    report = EvaluationReport.from_json(output / "report.json")
    assert report.explainers == ("grad_cam", "grad_cam_probability")
    assert report.clean_accuracy > 0.88  # trained here; measured: 0.98, with a standard error of 0.03 for 50 images
    assert str(report) in printed
    assert f"drift under attack: {report.mod('fgsm', 'grad_cam', 0.05):.3f}" in printed
    assert f"read again: VID {report.vid('fgsm', 'grad_cam'):.3f}, of 50 images" in printed
    assert "dissimilarity of the first eight pairs" in printed
    assert (output / "drift.png").read_bytes().startswith(PNG)
    assert (output / "logs" / "advxai").is_dir()
    assert (output / "model.keras").exists()


def test_adversarial_training(tmp_path):
    printed, _ = _run("adversarial_training.py", tmp_path, "1", "1")
    heading, *lines = printed.splitlines()
    assert heading.split()[:3] == ["clean", "accuracy", "0.02"]
    assert [line.split()[0] for line in lines] == ["plain", "madry", "trades"]
    for line in lines:
        values = [float(value) for value in line.split()[1:]]
        assert len(values) == 10
        assert values[0] >= values[1] >= values[2] >= values[3]


def test_remedies(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- remedies -->\n<!-- end of remedies -->\nafter\n", encoding="utf-8")
    sizes = "--seeds 2 --epochs 1 --steps 1 --images 8 --data digits --ways plain smooth"
    arguments = [*sizes.split(), "--results", "results.json", "--page", str(page)]
    printed, _ = _run("remedies.py", tmp_path, *arguments)
    assert page.read_text(encoding="utf-8").split("\n\n", 1)[1].startswith(printed.strip())
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["digits"]
    for way in ("plain", "smooth"):
        rows = list(results[way].values())
        accuracy = np.array([row["accuracy"] for row in rows])
        assert accuracy.shape == (2, 4)
        assert (np.diff(accuracy) <= 0).all()
        mean, spread = 100 * accuracy.mean(axis=0), 100 * accuracy.std(axis=0, ddof=1)
        cells = [f"{one:.1f} ± {other:.1f}" for one, other in zip(mean, spread, strict=True)]
        assert f"| {way} | {' | '.join(cells)} |" in printed
        for explainer in ("Grad-CAM", "IG"):
            for under in ("noise", "PGD", "ExplanationPGD"):
                assert f"| {way} | {under} | ." in printed
                mods = np.array([row[f"{explainer} {under}"] for row in rows])
                np.testing.assert_allclose(mods[:, 3], mods[:, :3].std(axis=1))
    # What was measured is not measured again: the tables are those of the file.
    results["plain"]["0"]["accuracy"] = results["plain"]["1"]["accuracy"] = [0.5, 0.25, 0.125, 0]
    (tmp_path / "results.json").write_text(json.dumps({"digits": results}), encoding="utf-8")
    printed, _ = _run("remedies.py", tmp_path, *arguments)
    assert "| plain | 50.0 ± 0.0 | 25.0 ± 0.0 | 12.5 ± 0.0 | 0.0 ± 0.0 |" in printed


SMALL = ("--epochs", "1", "--seeds", "1", "--images", "8", "--width", "0.1", "--output", ".")


def _page(directory):
    """A copy of the page of which the program writes a part."""
    page = EXAMPLES.parent / "docs" / "what_moves_explanations.md"
    (directory / page.name).write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    return directory / page.name


def _part(text, name):
    """What stands between two marks, and the rest."""
    found = re.search(f"<!-- {name} -->(.*)<!-- end of {name} -->", text, re.DOTALL)
    return found[1], text[: found.start(1)] + text[found.end(1) :]


def test_paper(tmp_path):
    page = _page(tmp_path)
    old, rest = _part(page.read_text(encoding="utf-8"), "paper")
    printed, _ = _run("paper.py", tmp_path, *SMALL, "--models", "vgg16", "vgg19", "--heads")
    assert "VGG19, seed 0: " in printed
    assert "s of a core" in printed
    new, same = _part(page.read_text(encoding="utf-8"), "paper")
    assert same == rest
    assert new != old
    assert new.count("| VGG16 ") == 7  # once in each table
    assert "| VGG19 (deep) | 32x32 |" in new
    figures = {path.name: path.read_bytes() for path in (tmp_path / "images").iterdir()}
    assert sorted(figures) == [f"paper_{name}.png" for name in ("depth", "faces", "models", "trade_off")]
    assert all(content.startswith(PNG) for content in figures.values())


def test_paper_heads(tmp_path):
    page = _page(tmp_path)
    old, rest = _part(page.read_text(encoding="utf-8"), "paper heads")
    printed, _ = _run("paper.py", tmp_path, *SMALL, "--models", "--heads", "linear", "hidden")
    assert "hidden: " in printed
    new, same = _part(page.read_text(encoding="utf-8"), "paper heads")
    assert same == rest
    assert new != old
    assert "| hidden, noise |" in new
    assert (tmp_path / "images" / "paper_heads.png").read_bytes().startswith(PNG)


def test_every_example_is_tested():
    names = {path.stem for path in EXAMPLES.glob("*.py")} - {"page", "paper_tables"}  # no programs
    assert {f"test_{name}" for name in names} <= set(globals())


def test_the_notebooks(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES.parent / "tests" / "notebooks.py"), str(EXAMPLES), str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(EXAMPLES.parent)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kept, executed = (
        [nbformat.read(path, 4) for path in sorted(folder.glob("*.ipynb"))] for folder in (EXAMPLES, tmp_path)
    )
    assert len(kept) == len(executed) == 2
    for one, other in zip(kept, executed, strict=True):
        assert kinds_of_outputs(one) == kinds_of_outputs(other), "run `make notebooks`"
    assert sum(path.stat().st_size for path in EXAMPLES.glob("*.ipynb")) < 1_000_000


def kinds_of_outputs(notebook):
    """What each cell shows: text, a table, a picture."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [[sorted(item.get("data", [item.output_type])) for item in cell.outputs] for cell in cells]


def test_corruptions(tmp_path):
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("<!-- corruptions -->\n<!-- end of corruptions -->\n", encoding="utf-8")
    arguments = ("output", "--only", "fog", "pixelate", "--crops", "0", "--page", str(page))
    printed, output = _run("corruptions.py", tmp_path, *arguments)
    report = EvaluationReport.load(output / "faces.npz")
    assert (report.corruptions, report.severities) == (("fog", "pixelate"), (1, 3, 5))
    accuracies = [f"{report.accuracy('fog', severity):.0%}" for severity in report.severities]
    mods = [f"{report.mod('fog', 'grad_cam', severity):.3f}" for severity in report.severities]
    line = f"| fog | {' | '.join([*accuracies, *mods])} |"
    assert line in printed
    assert line in page.read_text(encoding="utf-8")
    assert (output / "corruptions.png").read_bytes().startswith(PNG)
    assert (page.parent / "images" / "corruptions.jpg").exists()
