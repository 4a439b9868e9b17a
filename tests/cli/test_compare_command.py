"""`keras-advxai compare`: what the function returns is shown and written; mistakes are one line."""

from __future__ import annotations

import csv
import io
import json

import keras
import numpy as np
import pytest
from comparison.made_reports import KEYS, made

import keras_advxai as kax

PNG = b"\x89PNG\r\n\x1a\n"
QUICK = ("--bounds", "0", "1", "--no-noise", "--epsilon", "2/255", "--epsilon", "0.1", "--quiet")
SETTINGS = {"epsilons": (2 / 255, 0.1), "noise_control": False, "progress": False}


@pytest.fixture(scope="module")
def two(here):
    """A second model in the folder, which takes smaller images."""
    layers = keras.layers
    convolutions = [layers.Conv2D(3, 1, use_bias=False, name=name) for name in ("turn", "keep")]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
    model = keras.Sequential([layers.Input((12, 12, 3)), *convolutions, *head])
    identity = np.eye(3, dtype="float32")
    model.set_weights([identity[None, None, ::-1], identity[None, None], 30 * identity, np.zeros(3)])
    model.save(here / "small.keras")
    return here


@pytest.mark.slow  # two models with their explainers, and once more through the function
def test_everything_that_the_function_returns_is_shown_and_written(two, run, tmp_path):
    out = tmp_path / "out"
    code, shown, err = run(
        "compare",
        "model.keras",
        "tiny=small.keras",
        "--data",
        "colours",
        *QUICK,
        "--output",
        out,
        "--report",
        out / "page.html",
    )
    assert (code, err) == (0, "")
    models = {"model": "model.keras", "tiny": "small.keras"}
    direct = kax.compare(
        {name: kax.load_model(two / file, bounds=(0, 1)) for name, file in models.items()}, two / "colours", **SETTINGS
    )
    assert direct.metrics == ("nissim_at_12x12",)
    assert direct.matched_by == ("the same data",)
    _check_written(out, direct, shown)
    rows = json.loads((out / "comparison.json").read_text())["rows"]
    assert rows == [row.to_dict() for row in direct.rows]
    for name in ("models.png", "trade_off.png"):
        assert (out / name).read_bytes().startswith(PNG)
        assert f"  {name} " in shown
    assert not (out / "relative_depth.png").exists()

    # What was written compares again, without models and images, and the same.
    code, shown, _ = run("compare", f"model={out}/model", out / "tiny", "--json", "--quiet")
    found = json.loads(shown)
    assert code == 0
    assert list(found["models"]) == ["model", "sequential"]
    assert found["matched_by"] == ["name"]
    assert [row["mod"] for row in found["rows"]] == [row.mod for row in direct.rows]
    assert [item["low"] for item in found["differences"]] == [item.low for item in direct.differences]


@pytest.mark.slow  # two models
def test_runs_arrays_and_accuracy_alone(two, run, tmp_path):
    accuracy = ("--explainer", "none", *QUICK)
    runs = ("net=model.keras", "net=model.keras", "tiny=small.keras")
    code, shown, _ = run("compare", *runs, "--data", "arrays.npz", *accuracy, "--output", tmp_path)
    assert code == 0
    assert "2 models on the same 6 images: net (2 runs) and tiny." in shown
    rows = list(csv.DictReader(io.StringIO((tmp_path / "models.csv").read_text())))
    assert {(row["model"], row["runs"]) for row in rows} == {("net", "2"), ("tiny", "1")}
    assert {row["accuracy_std"] for row in rows if row["model"] == "net"} == {"0.0"}
    x, y = (np.load(two / "arrays.npz")[name] for name in ("x", "y"))
    report = kax.EvaluationReport.load(tmp_path / "net-1" / "report.npz")
    assert report == kax.evaluate(kax.load_model(two / "model.keras"), (x, y), explainers=(), **SETTINGS)
    assert {path.name for path in tmp_path.iterdir()} >= {"net-0", "tiny", "models.png", "table.txt"}

    # What was evaluated is kept where it does not compare.
    arguments = ("tiny=small.keras", f"net={tmp_path}/net-1", "--data", "arrays.npz", "--limit", "4", *accuracy)
    code, shown, err = run("compare", *arguments, "--output", tmp_path / "failed")
    assert (code, shown) == (2, "")
    assert f"What was evaluated is kept, and compares again: {tmp_path}/failed/tiny/report.npz, " in err
    assert "evaluated on others: 4 and 6 images, 4 of them in both" in err
    assert len(kax.EvaluationReport.load(tmp_path / "failed/tiny/report.npz").measurements) == 4


@pytest.fixture
def reports(tmp_path):
    """Two made-up reports in files, and one of other images."""
    made(0).save(tmp_path / "one.npz")
    made(1).to_json(tmp_path / "two.json")
    made(2, keys=KEYS + 1).save(tmp_path / "other.npz")
    return tmp_path


def test_reports_compare_without_models_and_all_of_it_is_written(reports, run):
    out = reports / "out"
    code, shown, err = run("compare", reports / "one.npz", f"b:c={reports}/two.json", "--output", out, "--quiet")
    assert (code, err) == (0, "")
    direct = kax.compare({"net0": made(0), "b:c": made(1)})
    _check_written(out, direct, shown)
    assert json.loads((out / "comparison.json").read_text()) == json.loads(direct.to_json())
    assert kax.EvaluationReport.load(out / "net0" / "report.npz") == made(0)
    assert kax.EvaluationReport.load(out / "b_c" / "report.npz") == made(1)  # a folder of a name that is none
    assert [name for name in ("models", "trade_off", "relative_depth") if (out / f"{name}.png").exists()] == [
        "models",
        "trade_off",
    ]


def test_what_other_programs_read_are_the_rows_the_files_and_what_was_doubted(reports, run):
    code, shown, _ = run("compare", reports / "one.npz", reports / "two.json", "--json", "--quiet")
    found, direct = json.loads(shown), kax.compare([made(0), made(1)])
    assert code == 0
    assert found["rows"] == [row.to_dict() for row in direct.rows]
    assert (found["doubts"], found["skipped"], found["files"]) == ([], {}, [])


def test_reports_of_other_images_are_no_comparison(reports, run):
    code, shown, err = run(
        "compare", reports / "one.npz", reports / "other.npz", "--output", reports / "out", "--quiet"
    )
    assert (code, shown, err.count("\n")) == (2, "", 1)
    assert "evaluated on others" in err
    assert not (reports / "out").exists()  # of reports that were there nothing is kept again


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model.keras",), "model.keras is no report, and a model needs images: pass --data."),
        (("model.keras", "--data", "colours"), "at least two models. Received: model. Name them apart as NAME=MODEL."),
        (("a=model.keras", "a=small.keras", "--data", "colours"), "at least two models. Received: a."),
        (("model.keras", "nothing.keras", "--data", "colours"), "There is no model 'nothing.keras'"),
        (
            ("model.keras", "small.keras", "--data", "colours", "--explainer", "none", "--explainer", "grad_cam"),
            "beside",
        ),
        (("model.keras", "small.keras", "--data", "colours", "--attack", "fgms"), "Did you mean 'fgsm'"),
        (("model.keras", "small.keras", "--data", "colours", "--output", "table.csv"), "is a file, and no folder"),
        (("--data", "colours"), "Missing argument"),
        (("model.keras", "small.keras", "--data", "colours", "--journal", "x"), "No such option"),
    ],
)
def test_a_mistake_is_one_line(two, run, arguments, message):
    code, shown, err = run("compare", *arguments, "--quiet")
    assert (code, shown, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_wrong_preprocessing_ends_it_before_the_attack(two, run):
    arguments = ("compare", "model.keras", "small.keras", "--data", "colours", "--bounds", "0", "255", "--json")
    code, shown, err = run(*arguments, "--quiet")
    assert code == 3
    assert "The preprocessing of model looks wrong." in err
    assert len(json.loads(shown)["doubts"]) == 1


def _check_written(out, direct, shown):
    """The comparison that was printed, and its files, are those of the call."""
    assert str(direct) in shown
    assert (out / "table.txt").read_text() == f"{direct}\n"
    assert (out / "comparison.md").read_text() == direct.to_markdown()
    assert (out / "comparison.tex").read_text() == direct.to_latex()
    assert (out / "models.csv").read_text() == direct.to_csv()
    assert (out / "differences.csv").read_text() == direct.differences_to_csv()
