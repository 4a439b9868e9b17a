"""The commands but for `evaluate`."""

import json
import pathlib

import keras
import pytest
from PIL import Image

import keras_advxai as kax
from keras_advxai.cli import listing, models
from keras_advxai.cli.explain import _stems

PNG = b"\x89PNG\r\n\x1a\n"
FORMATS = ("--figure-format", "png", "--figure-format", "svg")
MODEL = ("--model", "model.keras", "--bounds", "0", "1")


@pytest.mark.slow
def test_explain_draws_each_explainer_and_the_softmax(run, here, tmp_path):
    odd = tmp_path / "a\nb\udcff.png"  # a name is any bytes
    odd.write_bytes((here / "colours" / "blue" / "1.png").read_bytes())
    names = ("--class-names", "names.txt", "--explainer", "grad_cam", "--epsilon", "0.4", *FORMATS)
    files = ("colours/red/0.png", "colours/blue/0.png", odd)
    code, out, err = run("explain", *files, *MODEL, *names, "--output", tmp_path / "new", "--quiet")
    assert (code, err) == (0, "")
    blocks = out.split("\n\n")
    assert [block.splitlines()[0] for block in blocks[:3]] == [*files[:2], f"{tmp_path}/a\\nb\\udcff.png"]
    heading, first, second, third = (line.split() for line in blocks[0].splitlines()[1:])
    assert heading == ["original", "fgsm", "at", "epsilon", "0.4"]
    assert first[:3][-1] == "red"
    assert {row[2] for row in (first, second, third)} == {"red", "green", "blue"}
    assert float(first[0]) > 90 > float(first[3])  # it is less sure, or of another colour, after the attack
    stems = ("0_0", "0_1", "a\nb\udcff")  # two files have one name
    kinds = {"png": PNG, "svg": b"<?xml"}
    drawn = {f"{stem}_{name}.{kind}" for stem in stems for name in ("grad_cam", "softmax") for kind in kinds}
    assert {path.name for path in (tmp_path / "new").iterdir()} == drawn
    assert all(path.read_bytes().startswith(kinds[path.suffix[1:]]) for path in (tmp_path / "new").iterdir())
    assert all(f"  {name.encode('unicode_escape', 'surrogatepass').decode()} " in out for name in drawn)


@pytest.mark.slow
def test_no_two_files_have_figures_of_one_name():
    files = [pathlib.Path(name) for name in ("a/cat.png", "b/cat.png", "c/cat_0.png", "dog.png")]
    assert _stems(files) == ["cat_0_", "cat_1", "cat_0", "dog"]


def test_explain_warns_of_a_wrong_preprocessing_and_speaks_json(run, tmp_path):
    dark = tmp_path / "dark.png"
    Image.new("RGB", (16, 16), (3, 2, 1)).save(dark)
    command = ("explain", dark, *MODEL[:2], "--explainer", "saliency", "--output", tmp_path / "new")
    code, out, err = run(*command, "--json", "--quiet")
    assert code == 0
    found = json.loads(out)
    assert [item["file"] for item in found["images"]] == [str(dark)]
    assert len(found["images"][0]["original"]) == len(found["images"][0]["adversarial"]) == 3
    assert len(found["files"]) == 2
    assert "warning: The preprocessing looks wrong. What arrives at layer 'norm'" in err


def test_layers_are_those_of_the_function(run, here):
    table = kax.list_layers(kax.load_model(here / "model.keras"))
    code, out, _ = run("layers", "model.keras")
    assert (code, out) == (0, f"{table}\n")
    code, out, err = run("layers", "model.keras", "--json", "--quiet")
    assert (code, err) == (0, "")
    assert [(item["name"], item["default"]) for item in json.loads(out)] == [(i.name, i.default) for i in table]
    code, out, _ = run("layers", "model.keras", "--kind", "conv", "--json", "--quiet")
    assert (code, [item["name"] for item in json.loads(out)]) == (0, ["conv", "norm"])  # the norm is the default


@pytest.mark.parametrize("name", ["attacks", "corruptions", "explainers", "metrics"])
def test_what_is_listed_is_known_by_name(name, run):
    code, out, err = run(name, "--json", "--quiet")
    assert (code, err) == (0, "")
    found = json.loads(out)
    registry = getattr(kax, name)
    for each, text in found.items():
        assert registry.get(each) is not None
        assert text.endswith((".", "`"))
        assert text.strip()
    names = {"attacks": "fgsm pgd quick spsa", "explainers": "grad_cam score_cam", "metrics": "nissim rank_distance"}
    names |= {"corruptions": " ".join((*kax.corruptions.COMMON, *kax.corruptions.EXTRA))}
    assert found.keys() >= set(names[name].split())
    code, out, _ = run(name)
    assert [line.split()[0] for line in out.splitlines()] == list(found)


def test_one_of_them_with_its_hyperparameters(run):
    code, out, err = run("attacks", "PGD", "--quiet")
    assert (code, err) == (0, "")
    assert out.startswith("Projected gradient descent: many steps")
    assert "\nHyperparameters:\n    norm: `" in out
    assert "\n    steps: How many steps there are" in out
    assert "Raises" not in out
    assert "Example" not in out
    assert json.loads(run("attacks", "PGD", "--json")[1]) == {"PGD": out.strip()}
    for command, expected in {
        ("attacks", "ensemble"): "attacks: The attacks, by name or instance",  # which needs arguments
        ("attacks", "spsa"): "nb_iter: How many steps",
        ("attacks", "quick"): "norm: `",
        ("explainers", "integrated-gradients"): "baseline: ",
        ("metrics", "nissim"): "SSIM",
        ("corruptions", "frost"): "The published corruption lays one of five photographs",
    }.items():
        code, out, _ = run(*command)
        assert (code, expected in out) == (0, True)


def test_a_name_that_needs_arguments_is_not_listed():
    assert "ensemble" not in listing.known_attacks()
    assert "tf_keras_vis" not in listing.known_explainers()


def test_names_of_classes_are_given_only_where_they_are_known(here):
    classifier = kax.load_model(here / "model.keras")
    assert models.names_of_classes(None, classifier, "efficientnet_lite0", "imagenet") is None  # it has three classes
    assert models.names_of_classes(here / "names.txt", classifier, "model.keras", "imagenet") == (
        "blue",
        "green",
        "red",
    )
    photographs = kax.ImageClassifier(
        keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(1000)]), from_logits=True
    )
    assert models.names_of_classes(None, photographs, "own.keras", "imagenet") is None  # nobody has said that it is one
    assert models.names_of_classes("imagenet", photographs, "own.keras", "imagenet")[872] == "tripod"
    index = {str(number): [f"n{number}", name] for number, name in enumerate(("cat", "dog", "cow"))}
    (here / "index.json").write_text(json.dumps(index))  # as Keras has them
    assert models.names_of_classes(here / "index.json", classifier, "model.keras", "none") == ("cat", "dog", "cow")


def test_bounds_of_the_models_of_a_function(here, run):
    lines = (
        "import keras, keras_advxai as kax",
        "plain = lambda: keras.models.load_model('model.keras')",
        "own = lambda: kax.ImageClassifier(plain(), bounds=(-1, 1))",
    )
    (here / "two_models.py").write_text("\n".join(lines))
    assert models.load("two_models:plain").bounds == (0, 255)  # as the files of images have them
    assert models.load("two_models:plain", of_files=False).bounds == (0, 1)
    assert models.load("two_models:plain", bounds=(0.0, 2.0)).bounds == (0, 2)
    assert models.load("two_models:own").bounds == (-1, 1)
    code, _, err = run("layers", "two_models:own", "--bounds", "0", "1", "--quiet")
    assert (code, err.count("\n")) == (2, 1)
    assert "The classifier that two_models:own returns has bounds of its own: leave out --bounds." in err


@pytest.mark.slow
def test_demo_with_photographs(run, tmp_path):
    code, out, err = run("demo", "--photographs", "--output", tmp_path / "new")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["camera.png", "coffee.png", "motorcycle_left.png", "rocket.jpg"]
    assert [line.split()[1] for line in lines[1:5]] == ["tripod", "espresso", "moped", "missile"]
    report = kax.EvaluationReport.load(tmp_path / "new" / "report.npz")
    assert str(report) in out
    assert report.clean_accuracy == 1
    assert report.accuracy("pgd", 2 / 255) == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} >= {"drift.png", "table.txt", "report.json"}
    assert "keras-advxai evaluate --model efficientnet_lite0 --data FOLDER" in out
    assert "evaluating" in err
