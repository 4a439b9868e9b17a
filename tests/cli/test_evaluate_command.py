import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

import keras_advxai as kax
from keras_advxai.cli import images
from keras_advxai.cli.console import Console
from keras_advxai.cli.legend import legend
from keras_advxai.tables import Table, contents

PNG = b"\x89PNG\r\n\x1a\n"
COMMAND = ("evaluate", "--model", "model.keras", "--bounds", "0", "1", "--data", "colours")
QUICK = (*COMMAND, "--explainer", "none", "--no-noise", "--epsilon", "0.1")


@pytest.mark.slow
def test_everything_that_the_function_returns_is_shown_and_written(run, here, tmp_path):
    out, logs = tmp_path / "out", tmp_path / "logs"
    settings = ("--no-noise", "--epsilon", "2/255", "--epsilon", "0.1", "--layer", "conv")
    code, shown, err = run(
        *COMMAND, *settings, "--output", out, "--log-dir", logs, "--report", tmp_path / "new" / "page.html"
    )
    assert code == 0
    first, _, rest = shown.partition("\n\n")
    lines = first.splitlines()
    assert lines[0] == "Predictions for 10 of 12 images:"
    names = [f"{colour}/{number}.png" for colour in ("blue", "green", "red") for number in range(4)]
    found = [line.split()[0] for line in lines[1:]]
    assert set(found) < set(names)
    assert found != names[:10]  # those of all classes, in an order that is drawn
    assert [line.split()[-1] for line in lines[1:]] == [name.partition("/")[0] for name in found]
    assert "evaluating" in err
    assert f"tensorboard --logdir {logs}" in err
    assert (logs / "advxai" / "report.json").exists()
    written = {path.name for path in out.iterdir()}
    assert written >= {"report.npz", "report.json", "table.txt", "drift.png"}
    assert any(name.startswith("examples_grad_cam") for name in written)
    for name in written:
        assert f"  {name} " in rest
        assert name.endswith(".png") == (out / name).read_bytes().startswith(PNG)

    data = kax.data.load(here / "colours", size=16, bounds=(0, 1), shuffle=True)
    assert list(data.names[:10]) == found
    direct = kax.evaluate(
        kax.load_model(here / "model.keras", bounds=(0, 1)),
        data,
        epsilons=(2 / 255, 0.1),
        explainers=kax.explainers.GradCAM(layer="conv"),
        noise_control=False,
        class_names=data.class_names,
        progress=False,
    )
    assert str(direct) in rest
    page = (tmp_path / "new" / "page.html").read_text("utf-8")
    assert "Content-Security-Policy" in page
    assert str(direct.provenance["model"]) in page
    assert "The page is " in rest
    code, _, err = run(*COMMAND, "--report", tmp_path)  # said before anything is loaded
    assert code != 0
    assert "is a folder. Name a file" in err
    assert (out / "table.txt").read_text() == f"{direct}\n"
    assert (out / "report.md").read_text() == direct.to_markdown()
    assert (out / "report.tex").read_text() == direct.to_latex()
    assert (out / "rows.csv").read_text() == direct.to_csv()
    assert (out / "samples.csv").read_text() == direct.samples.to_csv()
    assert kax.EvaluationReport.load(out / "report.npz") == direct
    assert kax.EvaluationReport.from_json(out / "report.json") == direct

    formats = [word for form in ("pdf", "SVG", "pdf") for word in ("--figure-format", form)]
    code, shown, _ = run("show", out, "--output", tmp_path / "again", *formats, "--min-accuracy", "0", "--max-mod", "1")
    assert code == 0
    assert str(direct) in shown
    again = {path.name for path in (tmp_path / "again").iterdir()}
    assert again >= {"report.npz", "table.txt", "drift.pdf", "drift.svg"}
    assert not any(name.endswith(".png") for name in again)
    assert (tmp_path / "again" / "drift.pdf").read_bytes().startswith(b"%PDF-")
    assert all(shown.count(f"  {name} ") == 1 for name in again)
    code, _, err = run("show", out, "--output", tmp_path / "again", "--quiet")
    assert "also has figures of an earlier run: drift.pdf, drift.svg" in err
    code, shown, err = run("show", out / "report.json", "--json", "--quiet", "--max-mod", "0")
    assert (code, err.count("\n")) == (1, 1)
    (failed,) = json.loads(shown)["failed"]
    assert failed == err.partition("error: ")[2].strip()
    assert failed.startswith("The MOD of grad_cam_conv under fgsm at 0.1 is 0.")
    assert failed.endswith(", and --max-mod allows 0.")


@pytest.mark.slow
def test_json_is_alone_on_standard_output_and_limits_give_the_exit_code(run):
    attacks = ("--attack", "fgsm", "--attack", "bim", "--epsilon", "0.3")
    code, out, err = run(*QUICK, *attacks, "--json", "--quiet", "--min-accuracy", "0.9")
    found = json.loads(out)
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("keras-advxai: error: The robust accuracy at 0.3 is ")
    assert found["failed"] == [err.partition("error: ")[2].strip()]
    assert found["clean_accuracy"] == 1
    assert {(row["attack"], row["epsilon"]) for row in found["rows"]} == {
        (attack, epsilon) for attack in ("fgsm", "bim") for epsilon in (0.1, 0.3)
    }
    assert "measurements" not in found
    first = found["predictions"][0]
    assert first["name"] == first["file"].partition("/")[0] == ("blue", "green", "red")[first["class"]]
    assert 0.9 < first["confidence"] < 1


def test_a_wrong_preprocessing_ends_it_before_the_attack(run, tmp_path):
    wrong = [item for item in QUICK if item not in ("--bounds", "0", "1")]  # 255 times as bright as it was trained on
    code, out, err = run(*wrong, "--quiet", "--output", tmp_path / "out")
    assert code == 3
    assert out.startswith("Predictions")
    assert "accuracy" not in out
    assert err.startswith("keras-advxai: error: The preprocessing looks wrong. What arrives at layer 'norm' is unlike")
    assert "--preprocess and --bounds" in err
    assert "--yes" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
    code, out, _ = run(*wrong, "--quiet", "--json")
    assert (code, json.loads(out)["doubts"][0][:28]) == (3, "What arrives at layer 'norm'")
    code, out, err = run(*wrong, "--quiet", "--yes")
    assert code == 0
    assert err.startswith("keras-advxai: warning: The preprocessing looks wrong.")
    assert "unlike-training" in out
    assert "The columns:" not in out  # where it is quiet


def test_labels_whose_classes_nobody_knows_end_it_too(run, here, tmp_path):
    """Two folders, and a model of three classes: which of them?"""
    for name in ("green", "red"):
        (tmp_path / "two" / name).mkdir(parents=True)
        (tmp_path / "two" / name / "0.png").write_bytes((here / "colours" / name / "0.png").read_bytes())
    two = ["two" if item == "colours" else item for item in QUICK]
    two[two.index("two")] = tmp_path / "two"
    code, out, err = run(*two, "--quiet")
    assert code == 3
    assert out.startswith("Predictions")
    assert "error: The images are of 2 classes, 'green', 'red', and the model has 3, so that nobody knows" in err
    assert "--class-names" in err
    code, out, err = run(*two, "--class-names", "names.txt", "--quiet", "--json")
    assert (code, err, json.loads(out)["clean_accuracy"]) == (0, "", 1)


def test_words_of_the_table_model_and_preprocessing_are_said(run):
    command = [*QUICK[:4], *("0", "255"), *QUICK[6:], "--preprocess", "mobilenet_v2", "--no-labels", "--yes"]
    assert command[3:6] == ["--bounds", "0", "255"]
    code, out, err = run(*command)
    assert code == 0
    text = " ".join(out.split())
    assert " colours (model.keras) on 12 images in [0, 255], preprocessed by mobilenet_v2, no labels" in text
    assert max(map(len, out.splitlines())) <= 120
    assert "\n  flipped: share of the images whose prediction is another one" in out
    assert "  MOD" not in out
    assert "hardly surer" not in err


@pytest.mark.slow
def test_every_heading_of_the_tables_is_explained(here):
    classifier = kax.load_model(here / "model.keras", bounds=(0, 1))
    x = np.random.default_rng(0).random((4, 16, 16, 3)).astype("float32")
    report = kax.evaluate(classifier, x, attacks="fgsm", epsilons=0.1, progress=False)
    words = legend(report)
    for table in (part for part in contents(report) if isinstance(part, Table)):
        for column in table.columns[1:]:
            word = {"of chance": "chance", "MOD kept": "kept"}.get(column.title, column.title)
            assert any(f"{mark}{word}{end} " in words for mark in ("\n  ", ", ") for end in (":", ",")), column
    assert "\n  VID: variation in dissimilarity" in words


def test_a_model_that_knows_nothing_is_said_to(run, tmp_path):
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    outputs = keras.layers.Dense(20, activation="softmax", kernel_initializer=keras.initializers.RandomNormal(0, 0.01))
    keras.Model(image, outputs(x), name="random").save(tmp_path / "random.keras")
    command = (*QUICK[:2], tmp_path / "random.keras", "--bounds", "0", "255", *QUICK[6:], "--quiet")
    code, _, err = run(*command)
    assert code == 3  # three folders, and 20 classes, before it would be attacked
    assert "warning: The model is hardly surer of any class than of all others" in err


def test_what_is_assumed_of_pixels_is_said(run):
    said = "Pixels reach the model as 0 to 255."
    code, _, err = run(*[item for item in QUICK if item not in ("--bounds", "0", "1")])
    assert (code, err.count(said)) == (3, 1)
    assert said not in run(*QUICK, "--json")[2]


def test_how_images_are_resized_is_said_and_can_be_as_keras_loader_does(run, here, tmp_path):
    """Found: fine textures, right on 70 % of the pixels that a network was trained with, on 33 % of others."""
    for name in ("blue", "green", "red"):
        (tmp_path / "large" / name).mkdir(parents=True)
        pixels = np.zeros((31, 40, 3), "uint8")
        pixels[::2, ::2, ("red", "green", "blue").index(name)] = 255
        Image.fromarray(pixels).save(tmp_path / "large" / name / "0.png")
    large = [tmp_path / "large" if item == "colours" else item for item in QUICK]
    said = "Images are resized, their middle, by a bicubic filter. A model that was trained"
    _, _, err = run(*large, "--yes")
    assert err.count(said) == 1
    out = tmp_path / "out"
    code, _, err = run(*large, "--no-crop", "--interpolation", "bilinear", "--yes", "--output", out)
    assert (code, said in err) == (0, False)
    given = {"image_size": (16, 16), "shuffle": False, "verbose": False}
    ((x, _),) = keras.utils.image_dataset_from_directory(tmp_path / "large", **given)
    expected = keras.models.load_model(here / "model.keras").predict(x / 255, verbose=0).max(-1)
    found = kax.EvaluationReport.load(out / "report.npz").measurements.at("confidence")
    np.testing.assert_allclose(np.sort(found), np.sort(expected), atol=1e-5)
    for path in (tmp_path / "large").rglob("*.png"):
        Image.open(path).resize((16, 16)).save(path)
    assert said not in run(*large, "--yes")[2]


def test_corruptions_are_attacks_of_their_own_severities(run):
    severities = ("--severity", "5", "--severity", "2")
    code, out, err = run(*QUICK, "--attack", "fgsm", "--attack", "contrast", *severities, "--json", "--quiet")
    assert (code, err) == (0, "")
    rows = json.loads(out)["rows"]
    assert [(row["attack"], row["epsilon"], row.get("severity")) for row in rows] == [
        *(("fgsm", 0.1, None), ("contrast", None, 2), ("contrast", None, 5)),
    ]
    code, _, err = run(*QUICK, "--attack", "fog", "--severity", "6")
    assert (code, "6 is not in the range 1<=x<=5" in err) == (2, True)
    code, _, err = run(*QUICK, "--attack", "foggy")
    assert (code, "Did you mean 'fog'" in err) == (2, True)


@pytest.mark.slow
def test_tables_arrays_limits_and_names(run):
    same = ("--model", "model.keras", "--bounds", "0", "1", "--explainer", "none", "--no-noise", "--epsilon", "0.1")
    rows = {}
    for name, data in {
        "table": ("--data", "table.csv", "--class-names", "names.txt", "--limit", "3"),
        "arrays": ("--data", "arrays.npz", "--yes", "--limit", "4"),
    }.items():
        code, out, _ = run("evaluate", *same, *data, "--json")
        assert code == 0
        rows[name] = json.loads(out)
    assert rows["table"]["clean_accuracy"] == 1
    shown = [(row["file"], row["name"]) for row in rows["table"]["predictions"]]
    assert sorted(shown) == [(f"colours/{name}/0.png", name) for name in ("blue", "green", "red")]
    assert [row["file"] for row in rows["arrays"]["predictions"]] == [f"image {number}" for number in range(4)]
    assert rows["arrays"]["predictions"][0]["name"] is None


@pytest.mark.slow
def test_parts_make_the_whole(run, tmp_path):
    parts = [tmp_path / f"part{number}" for number in range(2)]
    for number, part in enumerate(parts):
        assert run(*QUICK, "--batch-size", "4", "--shard", f"{number}/2", "--output", part, "--quiet")[0] == 0
    assert run(*QUICK, "--batch-size", "4", "--output", tmp_path / "one", "--quiet")[0] == 0
    code, out, _ = run("merge", *parts, "--output", tmp_path / "whole")
    assert code == 0
    one, whole = (kax.EvaluationReport.load(tmp_path / name / "report.npz") for name in ("one", "whole"))
    assert whole.to_dict()["rows"] == one.to_dict()["rows"]
    assert str(whole) in out
    code, _, err = run("merge", parts[0], "--quiet")
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.slow
def test_a_file_that_turns_out_to_be_broken_is_left_out(run, tmp_path):
    for number in range(3):
        pixels = np.full((16, 16, 3), 100 + number, "uint8")
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"nothing")
    command = [item if item != "colours" else tmp_path for item in QUICK]
    code, out, err = run(*command, "--yes", "--json", "--quiet")
    assert code == 0
    assert {row["file"] for row in json.loads(out)["predictions"]} == {"0.png", "2.png"}
    assert "1.png was left out: " in err
    assert list(json.loads(out)["skipped"]) == ["1.png"]


def test_of_many_files_that_are_left_out_the_first_are_named_and_all_counted(capsys):
    images.say_left_out(Console(), {f"{number}.png": "broken" for number in range(25)})
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [f"keras-advxai: warning: {number}.png was left out: broken" for number in range(2)]
    assert said[10:] == ["keras-advxai: warning: 25 files were left out, of which these are the first."]


@pytest.mark.slow
def test_ray_finds_the_same_and_names_what_was_left_out_as_does_a_journal(run, here, tmp_path):
    shutil.copytree(here / "colours", tmp_path / "colours")
    (tmp_path / "colours" / "red" / "0.png").write_bytes(b"nothing")
    command = [item if item != "colours" else tmp_path / "colours" for item in QUICK]
    journal = ("--journal", tmp_path / "run.journal")
    for name, extra in {"one": journal, "again": journal, "ray": ("--ray",)}.items():
        code, _, err = run(*command, "--batch-size", "6", "--output", tmp_path / name, "--quiet", *extra)
        assert (code, err.count("red/0.png was left out: ")) == (0, 1), name
    one, ray = (kax.EvaluationReport.load(tmp_path / name / "report.npz") for name in ("one", "ray"))
    assert ray.to_dict()["rows"] == one.to_dict()["rows"]
