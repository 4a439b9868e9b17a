"""What SECURITY.md says: nothing of a file is run, and names from data lead to no other folder."""

from __future__ import annotations

import ast
import json
import os
import pathlib
import pickle
import sys
import zipfile
import zlib

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.callbacks.keys import keys
from keras_advxai.evaluation import Coordinates, Measurements
from keras_advxai.pretrained.state_dict import read_state_dict
from keras_advxai.tensorboard import ReportWriter
from keras_advxai.tensorboard.directory import check_log_dir
from keras_advxai.tensorboard.names import runs_by_epsilon, safe

ROOT = pathlib.Path(kax.__file__).parents[1]
SOURCES = sorted((ROOT / "keras_advxai").rglob("*.py"))

RUNNING = {"eval", "exec", "compile", "__import__"}
PICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE = {"load_weights", "unsafe_load", "enable_unsafe_deserialization", "system", "Popen"}
EXPLICIT = {"load_model": "safe_mode", "load": "allow_pickle"}
"""What has to say that it is safe."""

ALLOWED = {
    "models/loading.py": ["load_weights", "safe_mode=something"],  # code in a file runs if `unsafe=True` says so
    "pretrained/state_dict.py": ["pickle"],  # a restricted one, see below
}
"""What stands there for a reason, and is tested by itself."""


def findings(source: str) -> list[str]:
    """What runs, unpickles or loads something in a source, as far as it can be seen there."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in {*PICKLING, "subprocess"}]
        elif isinstance(node, ast.ImportFrom):
            found += [f"from {node.module}"] if (node.module or "").split(".")[0] in {*PICKLING, "subprocess"} else []
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            named = isinstance(node.func, ast.Name) and name in RUNNING
            found += [name] if named or name in UNSAFE else []
            for keyword in node.keywords:
                risky = keyword.arg in ("allow_pickle", "safe_mode")
                said = getattr(keyword.value, "value", "something")
                if risky and said is not (keyword.arg == "safe_mode"):
                    found.append(f"{keyword.arg}={said}")
            of = ast.unparse(node.func).rpartition(".")[0]
            needed = EXPLICIT.get(name) if of in ("np", "numpy", "yaml", "keras.models", "keras.saving") else None
            if needed and needed not in [keyword.arg for keyword in node.keywords]:
                found.append(f"{name} without {needed}")
    return found


def test_nothing_in_the_package_runs_or_unpickles_anything():
    assert len(SOURCES) > 150
    found = {str(file.relative_to(ROOT / "keras_advxai")): findings(file.read_text("utf-8")) for file in SOURCES}
    assert {file: sorted(said) for file, said in found.items() if said} == ALLOWED


def test_the_only_unpickler_refuses_all_names_but_those_of_tensors():
    source = (ROOT / "keras_advxai" / "pretrained" / "state_dict.py").read_text("utf-8")
    uses = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle"
    }
    assert uses == {"Unpickler", "UnpicklingError"}
    for evil in (print, pathlib.Path.touch, os.system, keras.models.load_model):
        with pytest.raises(ValueError, match="does not belong into a dictionary of tensors"):
            read_state_dict(pickle.dumps(evil))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib.numpy_pickle",
        "eval('1')",
        "exec(text)",
        "np.load(path)",
        "f(allow_pickle=True)",
        "f(allow_pickle=flag)",
        "keras.saving.deserialize_keras_object(config, safe_mode=False)",
        "keras.models.load_model(path)",
        "keras.models.load_model(path, safe_mode=flag)",
        "model.load_weights(path)",
        "os.system('x')",
        "import subprocess",
    ],
)
def test_what_would_be_found(source):
    assert findings(source)
    assert not findings("np.load(path, allow_pickle=False)\nkeras.models.load_model(path, safe_mode=True)\nmodel.eval")


class Trap:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def test_a_pickle_inside_a_report_is_refused_and_not_run(tmp_path):
    report_of("fgsm").save(tmp_path / "report.npz")
    with zipfile.ZipFile(tmp_path / "report.npz") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    trap = np.empty(1, object)
    trap[0] = Trap(tmp_path / "run")
    np.save(tmp_path / "trap.npy", trap, allow_pickle=True)
    entries["label.npy"] = (tmp_path / "trap.npy").read_bytes()
    with zipfile.ZipFile(tmp_path / "evil.npz", "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="label"):
        kax.EvaluationReport.load(tmp_path / "evil.npz")
    assert not (tmp_path / "run").exists()
    np.load(tmp_path / "trap.npy", allow_pickle=True)
    assert (tmp_path / "run").exists()  # the trap works


def test_a_file_that_inflates_to_more_than_it_says_is_inflated_no_further(tmp_path):
    """The directory of a zip says how large an entry is; deflate may go on for a thousand times as long."""
    report_of("fgsm").save(tmp_path / "report.npz")
    with zipfile.ZipFile(tmp_path / "report.npz") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    bomb, size = b"\0" * 200_000_000, len(entries["label.npy"])
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, bomb if name == "label.npy" else content)
    content = (tmp_path / "bomb.npz").read_bytes()
    assert len(content) < 1_000_000
    real, said = len(bomb).to_bytes(4, "little"), size.to_bytes(4, "little")
    check, lie = zlib.crc32(bomb).to_bytes(4, "little"), zlib.crc32(entries["label.npy"]).to_bytes(4, "little")
    (tmp_path / "bomb.npz").write_bytes(content.replace(real, said).replace(check, lie))
    before = helpers.peak_memory()
    with pytest.raises(ValueError, match="label"):
        kax.EvaluationReport.load(tmp_path / "bomb.npz")
    assert helpers.peak_memory() - before < 100


def evil_model(tmp_path: pathlib.Path, place: str, evil: dict) -> pathlib.Path:
    """A saved wrapper in whose configuration something was changed."""
    inner = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    kax.ExplainableModel(inner).save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(entries["config.json"])
    config["config"][place] = evil
    entries["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(tmp_path / "evil.keras", "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return tmp_path / "evil.keras"


LAMBDA = {"class_name": "__lambda__", "config": {"value": ["YQ==", None, None]}}
EVIL = [
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
    {"module": "antigravity", "class_name": "function", "config": "fly", "registered_name": "fly"},
    {"module": "antigravity", "class_name": "fly", "config": {}, "registered_name": None},
    LAMBDA,
    {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"name": "run", "trainable": True, "dtype": "float32", "function": LAMBDA, "arguments": {}},
        "registered_name": None,
    },
]


@pytest.mark.parametrize("evil", EVIL, ids=lambda evil: evil["class_name"])
@pytest.mark.parametrize("place", ["preprocess", "reduce", "model"])
def test_a_saved_wrapper_runs_and_imports_nothing_that_its_file_names(tmp_path, place, evil):
    path = evil_model(tmp_path, place, evil)
    with pytest.raises((TypeError, ValueError)):
        keras.models.load_model(path)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("evil", EVIL, ids=lambda evil: evil["class_name"])
def test_a_configuration_of_an_attack_or_explainer_runs_and_imports_nothing(evil):
    for module in (kax.attacks, kax.explainers):
        for call in (module.get, module.deserialize):
            with pytest.raises((TypeError, ValueError)):
                call(evil)
    for settings in ({"attacks": [evil], "explainers": []}, {"attacks": [], "explainers": [evil]}):
        with pytest.raises(ValueError, match=r"not known here|settings"):
            kax.EvaluationSettings.from_dict(settings)
    assert "antigravity" not in sys.modules


NAMES = {
    "up": "../../up",
    "up on another system": "..\\..\\up",
    "absolute": "/etc/passwd",
    "home": "~/up",
    "a drive": "C:\\up",
    "NUL": "a\0b",
    "half of a character": "a\ud800b",
    "long": "a" * 10_000,
    "long and strange": "ä/" * 5_000,
    "dots": "..",
    "one dot": ".",
    "hidden": ".hidden",
    "nothing": "",
    "a line": "a\nb",
    "right to left": "a\u202egnp.b",
    "reserved": "hparams",
}


REFUSED = ("half of a character", "NUL", "nothing", "a line", "right to left")
"""What no report may have for a name: it could not be written, or would be read as another."""


@pytest.mark.parametrize("kind", NAMES)
def test_a_name_for_a_folder_is_one_short_name(kind):
    name = NAMES[kind]
    made = safe(name)
    assert os.path.basename(made) == made
    assert 0 < len(made) <= 200
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert made.strip(".")
    assert not made.startswith(".")
    for run in runs_by_epsilon((0.1, 1e-17)).values():
        assert len(run.encode()) <= 255


def test_different_long_names_stay_different():
    assert safe("a" * 10_000) != safe("a" * 9_999) != safe("a" * 200)
    assert safe("a" * 200) == "a" * 200
    assert safe("a\ud800") != safe("a\ud801")


class Named(kax.attacks.Attack):
    """An attack that is called as somebody pleases."""

    def __init__(self, called: str) -> None:
        super().__init__()
        self.called = called

    @property
    def name(self) -> str:
        return self.called

    def perturb(self, model, x, y, epsilon, forward):
        return x + epsilon


def report_of(name: str) -> kax.EvaluationReport:
    """A report of an attack, an explainer and a model of this name."""
    coordinates = Coordinates((name,), (f"{name}e",), ("nissim",), ("predicted",), (0.1,), classes=2)
    found = Measurements.of(
        coordinates, label=[0, 0], prediction=[[0, 0], [0, 1]], dissimilarity=np.full((1, 1, 1, 1, 1, 2), 0.5)
    )
    return kax.EvaluationReport(found, {"model": name})


@pytest.mark.parametrize("kind", [kind for kind in NAMES if kind not in REFUSED])
def test_logs_of_strange_names_stay_in_their_folder(tmp_path, kind):
    folder = tmp_path / "inside" / "logs"
    with ReportWriter(folder) as writer:
        writer.write(report_of(NAMES[kind]), step=0)
        writer.write_final(report_of(NAMES[kind]), images=False)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 2
    assert all(path.parent.parent == folder / "advxai" for path in written)
    assert {path.parent.name for path in written} == {"clean", "eps_0.1"}


@pytest.mark.parametrize("kind", NAMES)
def test_a_report_with_strange_names_is_written_where_it_was_told_to_be_or_refused(tmp_path, kind):
    (tmp_path / "inside").mkdir()
    try:
        report = report_of(NAMES[kind])
        report.save(tmp_path / "inside" / "report.npz")
        report.to_json(tmp_path / "inside" / "report.json")
        again = kax.EvaluationReport.load(tmp_path / "inside" / "report.npz")
    except ValueError:
        assert kind in REFUSED
        again = None
    assert again is None or again.attacks == (NAMES[kind],)
    assert set(os.listdir(tmp_path)) == {"inside"}
    assert set(os.listdir(tmp_path / "inside")) <= {"report.npz", "report.json"}


@pytest.mark.parametrize("kind", NAMES)
def test_the_keys_of_a_strange_name_can_stand_in_a_path(kind):
    """`ModelCheckpoint` may have them in its own."""
    for key in keys(kax.EvaluationSettings(attacks=[Named(NAMES[kind])])):
        assert key.replace("_", "").isascii() or key.isidentifier()
        assert not {"/", "\\", "\0", ".", "~", ":"} & set(key)


@pytest.mark.parametrize("log_dir", [3, None.__class__, b"a\0b", "a\0b", ["logs"], 1.5])
def test_a_log_directory_that_is_no_path(log_dir):
    with pytest.raises((TypeError, ValueError), match="Argument `log_dir` must be"):
        check_log_dir(log_dir)
