"""Every mistake is one line on standard error, with exit code 2 and without a traceback."""

import json
import pathlib
import zipfile

import keras
import numpy as np
import pytest

from keras_advxai.cli import failing
from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements

MODEL = ("evaluate", "--model", "model.keras", "--bounds", "0", "1")
DATA = ("--data", "colours")
BOTH = (*MODEL, *DATA)


@pytest.fixture(scope="module", autouse=True)
def _wrong_things(here):
    """Files that are not what they should be."""
    (here / "empty").mkdir()
    (here / "taken").write_text("mine")
    (here / "two.txt").write_text("a\nb\n")
    (here / "bad.json").write_text("{]")
    (here / "five.csv").write_text("colours/red/0.png,5")
    (here / "lost.csv").write_text("gone.png,1")
    (here / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (here / "broken").mkdir()
    (here / "broken" / "a.png").write_bytes(b"nothing")
    with zipfile.ZipFile(here / "no.keras", "w") as archive:
        archive.writestr("readme.txt", "no model")
    (here / "below.csv").write_text("colours/red/0.png,-1\ncolours/red/1.png,0")
    np.savez(here / "whole.npz", x=np.zeros((2, 16, 16, 3), "uint8"))
    np.savez(here / "large.npz", x=np.zeros((2, 20, 20, 3), "float32"))
    np.savez(here / "wide.npz", x=np.full((2, 16, 16, 3), 200, "float32"))
    coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    found = Measurements.of(coordinates, label=[0, 1], prediction=[[0, 1], [0, 0]])
    report = EvaluationReport(found, {"model": "net"})
    (here / "old").mkdir()
    report.save(here / "old" / "report.npz")
    newer = {**json.loads(report.to_json()), "schema": 99}
    (here / "newer.json").write_text(json.dumps(newer))
    (here / "torn.npz").write_bytes((here / "old" / "report.npz").read_bytes()[:100])
    (here / "failing_model.py").write_text(
        "def fails():\n    return {}['x']\n\n\ndef number():\n    return 3\n\n\nimport keras\n\n\ndef any_size():\n"
        "    x = image = keras.Input((None, None, 3))\n    x = keras.layers.Conv2D(2, 3)(x)\n"
        "    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))\n"
    )
    keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)]).save(here / "flat.keras")
    keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]).save(here / "mlp.keras")
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Lambda(lambda x: x), keras.layers.Flatten()])
    model.save(here / "code.keras")
    image = keras.Input((16, 16, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(image))
    keras.Model(image, keras.layers.Dense(1)(features)).save(here / "one.keras")
    outputs = [keras.layers.Dense(2, name=name)(features) for name in ("box", "kind")]
    keras.Model(image, outputs).save(here / "outputs.keras")
    keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()]).save_weights(here / "other.weights.h5")


MISTAKES = {
    "no such command": (("dem",), "There is no command 'dem'. Did you mean 'demo'?"),
    "no such option": (("demo", "--epoch", "3"), "--epochs"),
    "no model": (("evaluate", *DATA), "Missing option '--model'"),
    "no images to explain": (("explain", "--model", "model.keras"), "Missing argument"),
    "epochs": (("demo", "--epochs", "0"), "0 is not in the range x>=1"),
    "seed": (("demo", "--seed", "-1"), "-1 is not in the range"),
    "large seed": (("demo", "--seed", "4294967296"), "4294967296 is not in the range"),
    "NaN epsilon": ((*BOTH, "--epsilon", "nan"), "'--epsilon': must be a fraction of the pixels' range"),
    "epsilon of words": ((*BOTH, "--epsilon", "two"), "such as 8/255 or 0.03: two"),
    "epsilon by 0": ((*BOTH, "--epsilon", "2/0"), "8/255 or 0.03: 2/0"),
    "negative epsilon": ((*BOTH, "--epsilon", "-0.1"), "8/255 or 0.03: -0.1"),
    "large epsilon": ((*BOTH, "--epsilon", "8"), "--epsilon must"),
    "shard behind the last": ((*BOTH, "--shard", "16/16"), "0/16 to 15/16: 16/16"),
    "size of words": ((*BOTH, "--size", "small"), "224x320: small"),
    "accuracy in percent": ((*BOTH, "--min-accuracy", "30"), "must be a number from 0 to 1: 30"),
    "checks": ((*BOTH, "--checks", "some"), "'some' is not one of 'cheap', 'all'"),
    "bounds the wrong way": (("evaluate", "--model", "model.keras", *DATA, "--bounds", "1", "0"), "--bounds must be"),
    "two attacks for one": (
        ("explain", "broken.png", "--model", "model.keras", "--attack", "pgd", "--attack", "bim"),
        "2 times",
    ),
    "two data": ((*BOTH, "--data", "old"), "--data takes one value, and is given 2 times."),
    "labels below zero": ((*MODEL, "--data", "below.csv"), "There is no class '-1': numbers of classes are 0, 1, 2"),
    "integers in other bounds": (
        ("evaluate", "--model", "model.keras", "--data", "whole.npz"),
        "Pass --bounds 0 255 if",
    ),
    "no share of the middle": ((*BOTH, "--crop-share", "0"), "must be a number above 0 and at most 1: 0"),
    "all and a share": ((*BOTH, "--crop-share", "0.9", "--no-crop"), "--no-crop takes all of the image"),
    "labels that are not read": ((*BOTH, "--no-labels", "--target", "label"), "--no-labels reads none"),
    "NaN bounds": (("evaluate", "--model", "model.keras", *DATA, "--bounds", "nan", "1"), "--bounds must be"),
    "MOD without explainers": ((*BOTH, "--explainer", "none", "--max-mod", "0.2"), "--max-mod is a limit"),
    "preprocessing of its own": (
        ("evaluate", "--model", "efficientnet_lite0", *DATA, "--preprocess", "resnet50"),
        "efficientnet_lite0 preprocesses its images by itself: leave out --preprocess.",
    ),
    "weights of its own": (
        ("evaluate", "--model", "efficientnet_lite0", *DATA, "--weights", "none"),
        "efficientnet_lite0 has its own weights: leave out --weights.",
    ),
    "weights for a file that are not there": ((*BOTH, "--weights", "gone.h5"), "There is no file of weights 'gone.h5'"),
    "no weights for a file": ((*BOTH, "--weights", "none"), "is for names of keras.applications"),
    "weights of another model": ((*BOTH, "--weights", "other.weights.h5"), "do not fit model.keras"),
    "none and another": ((*BOTH, "--explainer", "none", "--explainer", "saliency"), "cannot stand beside"),
    "ray and a shard": ((*BOTH, "--ray", "--shard", "0/2"), "leave out one of --ray and --shard"),
    "data that are not there": ((*MODEL, "--data", "colour"), "there is nothing at 'colour'"),
    "a path with NUL": ((*MODEL, "--data", "a\0b"), "there is nothing at 'a\\x00b'"),
    "a path that is too long": ((*MODEL, "--data", "a" * 300), "cannot be a path: File name too long"),
    "output is a file": ((*BOTH, "--output", "taken"), "--output: taken is a file, and no folder"),
    "output below a file": ((*BOTH, "--output", "taken/a"), "--output: taken is a file"),
    "output of the demo": (("demo", "--output", "taken"), "--output: taken is a file"),
    "output nobody may write": ((*BOTH, "--output", "/proc/new"), "nothing can be written to /proc/new"),
    "journal nobody may write": ((*BOTH, "--journal", "/proc/new.journal"), "--journal: nothing can be written"),
    "a figure in no format": ((*BOTH, "--output", "new", "--figure-format", "jpg"), "'jpg' is not one of 'png', 'pdf'"),
    "figures of no folder": ((*BOTH, "--figure-format", "pdf"), "--figure-format is for the figures in the folder of"),
    "figures that are not shown": (("show", "old", "--figure-format", "pdf"), "of --output, which is missing."),
    "logs are a file": ((*BOTH, "--log-dir", "taken"), "--log-dir: taken is a file"),
    "no model of this name": (("evaluate", "--model", "MobilNetV2", *DATA), "Did you mean 'MobileNetV2'"),
    "no such file": (
        ("evaluate", "--model", "no.kers", *DATA),
        "There is no model 'no.kers': no such file. Did you mean 'no.keras'",
    ),
    "no such folder": (("layers", "gone/model.keras"), "There is no model 'gone/model.keras': no such file."),
    "nearly a pretrained one": (("layers", "efficientnet_lite"), "Did you mean 'efficientnet_lite0'"),
    "no model file": (("layers", "no.keras"), "'no.keras' is a zip file without a model in it"),
    "an image as model": (("layers", "broken.png"), "no model"),
    "weights as model": (("layers", "other.weights.h5"), "a file of weights without a model"),
    "code in the file": (("layers", "code.keras"), "--unsafe"),
    "no module": (("layers", "no_module:build"), "no module 'no_module'"),
    "no function": (("layers", "failing_model:build"), "has no 'build'"),
    "a function that fails": (("layers", "failing_model:fails"), "failing_model:fails failed: KeyError: 'x'"),
    "no model from a function": (("layers", "failing_model:number"), "must return a keras.Model"),
    "weights that are not there": (("layers", "MobileNet", "--weights", "gone.h5"), "no file of weights 'gone.h5'"),
    "weights that do not fit": (
        ("layers", "MobileNet", "--weights", "other.weights.h5"),
        "The weights in 'other.weights.h5' do not fit MobileNet",
    ),
    "no preprocessing of this name": ((*BOTH, "--preprocess", "resnet5"), "Did you mean 'resnet50'"),
    "no attack of this name": ((*BOTH, "--attack", "fgms"), "Unknown attack 'fgms'. Did you mean 'fgsm'"),
    "no hyperparameter of this name": (
        (*BOTH, "--attack", "pgd:step=3"),
        "--attack pgd:step=3: The attack 'pgd' has no hyperparameter 'step'. Did you mean 'steps'",
    ),
    "a value that the attack refuses": (
        (*BOTH, "--attack", "pgd:steps=0"),
        "--attack pgd:steps=0: `steps` must be an integer of at least 1. Received: steps=0",
    ),
    "values that contradict one another": (
        (*BOTH, "--attack", "pgd:keep=last,restarts=2"),
        "With keep='last' the restarts before the last one have no effect.",
    ),
    "a hyperparameter of a preset": (
        (*BOTH, "--attack", "quick:steps=3"),
        "has no hyperparameter 'steps'. It has: norm.",
    ),
    "a hyperparameter without a value": (
        (*BOTH, "--attack", "pgd:steps"),
        "OPTION=VALUE, such as pgd:steps=40,norm=l2",
    ),
    "no hyperparameter behind the colon": ((*BOTH, "--attack", "pgd:"), "NAME:OPTION=VALUE"),
    "a hyperparameter twice": ((*BOTH, "--attack", "pgd:steps=3,steps=4"), "`steps` is given twice"),
    "a bracket that stays open": (
        (*BOTH, "--attack", "ensemble:attacks=[fgsm"),
        "Quotation marks and brackets come in pairs",
    ),
    "a wrong escape": ((*BOTH, "--attack", r'pgd:norm="\l2"'), "must be as in JSON: Invalid"),
    "a hyperparameter that is missing": ((*BOTH, "--attack", "ensemble"), "say --attack ensemble:attacks=..."),
    "a wrong one inside": ((*BOTH, "--attack", "ensemble:attacks=[fgsm,pgdd:steps=3]"), "Did you mean 'pgd'"),
    "an explainer's value": (
        ("explain", "colours/red/0.png", *MODEL[1:], "--explainer", "integrated_gradients:baseline=blak"),
        "Did you mean 'black'",
    ),
    "an attack's value in explain": (
        ("explain", "colours/red/0.png", *MODEL[1:], "--attack", "fgsm:norm=l3"),
        "--attack fgsm:norm=l3: `norm` must be one of linf, l2.",
    ),
    "no target to reach": ((*BOTH, "--attack", "pgd:targeted=true"), "pass --attack-target least_likely, 'runner_up',"),
    "nobody to reach a target": ((*BOTH, "--attack-target", "random"), "--attack-target is for targeted attacks"),
    "no rule of this name": (
        (*BOTH, "--attack", "pgd:targeted=true", "--attack-target", "randm"),
        "Did you mean 'random'? Received: 'randm'",
    ),
    "a target in no model": (
        ("explain", "colours/red/0.png", *MODEL[1:], "--attack", "pgd:targeted=true", "--attack-target", "3"),
        "--attack-target must lie in 0..2, because the model has 3 classes. Received: 3",
    ),
    "a target": ((*BOTH, "--target", "labels"), "'labels' is not one of 'predicted', 'clean', 'label'"),
    "no such task": ((*BOTH, "--task", "segmentation"), "'segmentation' is not one of 'classification', 'regression'"),
    "several labels of a softmax": (
        (*MODEL, "--data", "five.csv", "--labels", "multi"),
        "--labels must be None or 'single' for a model that ends in a softmax",
    ),
    "labels of a regression": (
        (*BOTH, "--task", "regression", "--labels", "multi"),
        "--labels is about classes, and a regression has none. Received: 'multi' with --task regression",
    ),
    "sub-folders of a regression": ((*BOTH, "--task", "regression"), "The sub-folders of 'colours' are classes."),
    "a number too few": (
        (*MODEL, "--data", "five.csv", "--task", "regression"),
        "a number for each output of the model, 3 in all. Received: 1",
    ),
    "accuracy of a regression": ((*BOTH, "--task", "regression", "--min-accuracy", "0.3"), "limit on classes"),
    "one unit": (("layers", "one.keras"), "Pass --task regression or --from-logits"),
    "two outputs": (("layers", "outputs.keras"), "The model has 2 outputs, box, kind. Pass --model-output ... with"),
    "no output of this name": (
        ("layers", "outputs.keras", "--model-output", "kinds"),
        "--model-output must be one of box, kind, or an index. Did you mean 'kind'? Received: 'kinds'",
    ),
    "no such output": (("layers", "outputs.keras", "--model-output", "2"), "box, kind, or an index. Received: 2"),
    "nothing to describe": (("attacks", "fgms"), "Unknown attack 'fgms'. Did you mean 'fgsm'"),
    "no metric to describe": (("metrics", "nisim"), "Unknown dissimilarity 'nisim'. Did you mean 'nissim'"),
    "signed heatmaps": ((*BOTH, "--explainer", "grad_cam:relu=false"), "whose heatmaps are signed"),
    "two layers": (
        (*BOTH, "--explainer", "grad_cam:layer=conv", "--layer", "norm"),
        "Both --explainer grad_cam:layer=conv and --layer norm name a layer: leave out one of them.",
    ),
    "an attack twice": ((*BOTH, "--attack", "fgsm", "--attack", "FGSM"), "twice"),
    "no explainer of this name": ((*BOTH, "--explainer", "gradcan"), "Unknown explainer 'gradcan'. Did you mean"),
    "no metric of this name": ((*BOTH, "--metric", "nisim"), "Unknown dissimilarity 'nisim'. Did you mean 'nissim'"),
    "no layer of this name": ((*BOTH, "--layer", "con"), "'con'"),
    "no layer at all": (("evaluate", "--model", "mlp.keras", *DATA), "no layer"),
    "a folder without images": ((*MODEL, "--data", "empty"), "There is no image in 'empty'"),
    "no data set": ((*MODEL, "--data", "taken"), "'taken' is no data set"),
    "a table that names no file": (
        (*MODEL, "--data", "lost.csv"),
        "Line 1 of 'lost.csv' names 'gone.png', which is no file",
    ),
    "images that cannot be decoded": ((*MODEL, "--data", "broken"), "None of the first images of broken"),
    "an image to explain": (("explain", "broken.png", "--model", "model.keras"), "broken.png"),
    "a folder to explain": (("explain", "colours", "--model", "model.keras"), "colours is a folder"),
    "another size": ((*BOTH, "--size", "20"), "--size 20x20 does not fit the model, which takes 16x16"),
    "any size": (("evaluate", "--model", "failing_model:any_size", *DATA), "Pass --size"),
    "arrays of another size": ((*MODEL, "--data", "large.npz"), "16, 16, 3)"),
    "arrays out of bounds": ((*MODEL, "--data", "wide.npz"), "200"),
    "no images": (("explain", "colours/red/0.png", "--model", "flat.keras"), "which are no images"),
    "labels beyond the head": ((*MODEL, "--data", "five.csv"), "The labels reach class 5, and the model has 3 classes"),
    "too few names": ((*BOTH, "--class-names", "two.txt"), "two.txt has 2 names, and the model has 3 classes"),
    "names of other classes": ((*BOTH, "--class-names", "imagenet"), "imagenet has 1000 names, and the model has 3"),
    "names that are no JSON": ((*BOTH, "--class-names", "bad.json"), "--class-names: bad.json must be text"),
    "a folder without a report": (("show", "empty"), "empty is a folder without a report"),
    "no report": (("show", "taken"), "taken is no report that can be read"),
    "half a report": (("show", "torn.npz"), "torn.npz is no report that can be read"),
    "a newer schema": (("show", "newer.json"), "newer.json is no report that can be read"),
    "no parts": (("merge", "old"), "old is the report of all of its data, and no part"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(name, run):
    arguments, text = MISTAKES[name]
    code, out, err = run(*arguments, *(["--quiet"] if "--help" not in arguments and arguments != ("dem",) else []))
    assert (code, out) == (2, "")
    assert text in err
    assert err.count("\n") == 1, err
    assert err.startswith("keras-advxai: error: ")
    assert "Argument `" not in err


def test_what_is_there_is_left_alone(here):
    assert (here / "taken").read_text() == "mine"
    assert not pathlib.Path("/proc/new").exists()


def test_an_unexpected_error_is_one_line_and_its_traceback_in_a_file(run, monkeypatch, tmp_path):
    def broken(*_, **__):
        return {}["a key"]

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", broken)  # nobody expects it of matplotlib
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, out, err = run("show", "old", "--quiet", "--json", "--output", tmp_path / "new")
    assert (code, err.count("\n")) == (70, 1)
    result = json.loads(out)  # what was found is not lost
    assert result["clean_accuracy"] == 1
    tables = ["table.txt", "report.md", "report.tex", "rows.csv", "samples.csv"]
    assert [pathlib.Path(file).name for file in result["files"]] == ["report.npz", "report.json", *tables]
    assert all(pathlib.Path(file).is_file() for file in result["files"])
    (file,) = tmp_path.glob("*.txt")
    assert "An unexpected KeyError: 'a key' This is most likely a bug." in err
    assert str(file) in err
    assert "in broken" in file.read_text()
    code, _, err = run("show", "old", "--quiet", "--debug", "--output", tmp_path / "new")
    assert code == 70
    assert "Traceback" in err


def test_errors_of_python_in_our_own_code_are_bugs():
    def ours(statement):
        scope = {"__name__": "keras_advxai.somewhere"}
        try:
            exec(compile(statement, failing.__file__, "exec"), scope)
        except Exception as error:
            return failing.is_ours(error)

    first = failing.__file__
    assert first
    assert ours("{}['x']") is False
    assert ours("raise OSError('disk')") is True
    assert ours("import no_such_module_anywhere") is True
