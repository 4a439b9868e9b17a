"""The one direction of imports, and what importing the package does not do."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import keras_advxai

PACKAGE = Path(keras_advxai.__file__).parent

LAYERS = [
    ["_typing", "_backend", "_versions", "_choice", "_registry", "_files", "_answer", "_failures", "_warnings", "text"],
    ["ops", "tables"],
    ["models"],
    ["explainers", "metrics", "data", "datasets", "pretrained", "corruptions"],
    ["attacks", "measurements"],
    ["checks", "contrib", "settings", "journal", "viewer"],
    ["reporting"],
    ["evaluation", "testing"],
    ["execution", "comparison"],
    ["audit", "distributed", "figures"],
    ["tensorboard"],
    ["callbacks", "api"],
    ["wrappers", "comparing"],
    ["training"],
    ["__init__"],
    ["cli"],
    ["__main__"],
]
"""From the lowest up. A file imports from lower layers and from its own package only; the modules of the lowest
layer count as one package."""

LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def part_of(file: Path, root: Path) -> str:
    """The package or module right under `keras_advxai` that a file belongs to."""
    relative = file.relative_to(root)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported_modules(source: str) -> list[str]:
    """Every module of ours that a file names in an import, wherever the import stands."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they go"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] == "keras_advxai"]


def file_of(root: Path, names: list[str]) -> str:
    """The file behind `keras_advxai.names`, where the last one may be a name in the module before it."""
    for path in (root.joinpath(*names), root.joinpath(*names[:-1])):
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.exists() and file != root.with_suffix(".py"):
                return str(file.relative_to(root))
    return "/".join(names)


def violations(root: Path) -> list[str]:
    """One sentence for each import that goes up or sideways, naming both files."""
    found = []
    for file in sorted(root.rglob("*.py")):
        part = part_of(file, root)
        for module in imported_modules(file.read_text()):
            names = module.split(".")[1:]
            target = names[0] if names and names[0] in LEVEL else "__init__"
            shown = file_of(root, names)
            if part not in LEVEL:
                found.append(
                    f"{file.relative_to(root)} belongs to no layer: give {part!r} one in tests/test_imports.py."
                )
            elif target != part and LEVEL[target] >= LEVEL[part] and (LEVEL[target], LEVEL[part]) != (0, 0):
                found.append(
                    f"{file.relative_to(root)} (layer {LEVEL[part]}) imports {shown} (layer "
                    f"{LEVEL[target]}): a file imports only from lower layers and from its own package."
                )
    return found


def test_imports_go_one_way():
    assert violations(PACKAGE) == []


def test_every_part_of_the_package_has_a_layer():
    parts = {part_of(file, PACKAGE) for file in PACKAGE.rglob("*.py")}
    assert parts <= set(LEVEL), f"give {sorted(parts - set(LEVEL))} a layer in tests/test_imports.py"


@pytest.mark.parametrize(
    ("file", "statement", "target"),
    [
        ("ops/norms.py", "from keras_advxai.models import ImageClassifier", "models/__init__.py"),
        ("ops/norms.py", "import keras_advxai.models.classifier", "models/classifier.py"),
        ("explainers/grad_cam.py", "from keras_advxai.attacks.fgsm import FGSM", "attacks/fgsm.py"),
        ("explainers/grad_cam.py", "from keras_advxai import metrics", "metrics/__init__.py"),
        ("attacks/fgsm.py", "def f():\n    from keras_advxai.execution import Evaluator", "execution/__init__.py"),
        ("models/forward.py", "if TYPE_CHECKING:\n    from keras_advxai.attacks import Attack", "attacks/__init__.py"),
        ("models/forward.py", "import keras_advxai", "__init__.py"),
        ("_typing.py", "from keras_advxai.ops import norms", "ops/norms.py"),
    ],
)
def test_a_planted_violation_is_found_and_both_files_are_named(tmp_path, file, statement, target):
    for part in (
        "ops/norms",
        "models/__init__",
        "models/classifier",
        "explainers/grad_cam",
        "metrics/__init__",
        "attacks/fgsm",
        "execution/__init__",
        "attacks/__init__",
        "__init__",
    ):
        (tmp_path / f"{part}.py").parent.mkdir(exist_ok=True)
        (tmp_path / f"{part}.py").write_text("")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(statement)
    (sentence,) = violations(tmp_path)
    assert sentence.startswith(f"{file} (layer ")
    assert f" imports {target} (layer " in sentence


def test_what_is_allowed_is_not_reported(tmp_path):
    (tmp_path / "attacks").mkdir()
    lines = [
        "from keras_advxai.ops import norms",
        "from keras_advxai.explainers import GradCAM",
        "from keras_advxai.attacks.attack import Attack",
        "import keras",
        "from keras_advxai import _registry",
    ]
    (tmp_path / "attacks" / "fgsm.py").write_text("\n".join(lines))
    (tmp_path / "_registry.py").write_text("from keras_advxai import _backend")
    assert violations(tmp_path) == []


def cycles(root: Path) -> list[list[str]]:
    """The files that import one another in a circle: each list is one knot of the graph of imports.

    Imports inside of functions and for type checkers count: they hide a circle, and do not break it. That a package is
    imported before the files in it does not, unless a file names it.
    """
    files = {str(file.relative_to(root)): file for file in root.rglob("*.py")}
    graph = {
        name: {file_of(root, module.split(".")[1:]) for module in imported_modules(file.read_text())} & set(files)
        for name, file in files.items()
    }
    ahead = {name: reached(graph, name) for name in graph}
    knots = {tuple(sorted(other for other in ahead[name] if name in ahead[other])) for name in graph}
    return [list(knot) for knot in sorted(knots) if knot]


def reached(graph: dict[str, set[str]], start: str) -> set[str]:
    """The files that one imports, directly or by way of others; itself only if it lies on a circle."""
    found: set[str] = set()
    queue = [start]
    while queue:
        new = graph[queue.pop()] - found
        found |= new
        queue.extend(new)
    return found


def test_no_files_import_one_another_in_a_circle():
    knots = cycles(PACKAGE)
    assert knots == [], "\n".join(f"These files import one another in a circle: {', '.join(knot)}" for knot in knots)


@pytest.mark.parametrize(
    "back",
    [
        "from keras_advxai.models.classifier import ImageClassifier",
        "import keras_advxai.models.classifier",
        "from keras_advxai.models import classifier",
        "if TYPE_CHECKING:\n    from keras_advxai.models.classifier import ImageClassifier",
        "def f():\n    from keras_advxai.models.classifier import ImageClassifier",
        "from keras_advxai.models import ImageClassifier",
    ],
)
def test_a_planted_cycle_is_found_and_its_files_are_named(tmp_path, back):
    (tmp_path / "models").mkdir()
    sources = {
        "__init__": "from keras_advxai.models.classifier import ImageClassifier",
        "classifier": "from keras_advxai.models.forward import Forward",
        "forward": "from keras_advxai.models import graph",
        "graph": "import keras",
    }
    for name, source in sources.items():
        (tmp_path / "models" / f"{name}.py").write_text(source)
    assert cycles(tmp_path) == []
    (tmp_path / "models" / "graph.py").write_text(back)
    (knot,) = cycles(tmp_path)
    circle = ["models/classifier.py", "models/forward.py", "models/graph.py"]
    assert knot == (["models/__init__.py", *circle] if back.endswith("models import ImageClassifier") else circle)


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), **environment}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=600)


def test_importing_the_package_loads_neither_keras_nor_tensorflow_nor_what_is_not_needed():
    done = python(
        "import sys; import keras_advxai\n"
        "dir(keras_advxai)\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'keras', 'tensorflow', 'numpy', 'matplotlib', 'skimage'}, loaded\n"
        "ours = [name for name in sys.modules if name.startswith('keras_advxai.')]\n"
        "assert set(ours) <= {'keras_advxai._backend'}, ours\n"
    )
    assert done.returncode == 0, done.stderr


NAMES = sorted({*keras_advxai.__all__} - {"__version__"})


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_is_refused_before_anything_else(backend):
    """Keras is not even imported: it would fail for want of that backend, and say nothing of ours."""
    code = (
        "import importlib, sys\n"
        "for name in ('', '.attacks', '.explainers', '.metrics', '.models', '.callbacks', '.execution', '.api'):\n"
        "    try:\n"
        "        importlib.import_module('keras_advxai' + name)\n"
        "    except ImportError as error:\n"
        f"        assert \"KERAS_BACKEND='{backend}'\" in str(error) and 'not supported yet' in str(error), error\n"
        "    else:\n"
        "        sys.exit(f'{name} was imported')\n"
        "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules\n"
    )
    done = python(code, KERAS_BACKEND=backend)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("backend", ["tensorflow", ""])
def test_the_backend_that_is_supported_passes(backend):
    done = python("import keras_advxai; keras_advxai._backend.check_environment()", KERAS_BACKEND=backend)
    assert done.returncode == 0, done.stderr[-2000:]


def test_dir_has_the_public_names():
    assert {"evaluate", "EvaluationReport", "ImageClassifier"} <= set(keras_advxai.__all__)
    assert {"attacks", "explainers", "metrics", "callbacks", "datasets", "figures"} <= set(keras_advxai.__all__)
    assert set(keras_advxai.__all__) <= set(dir(keras_advxai))
    assert len(keras_advxai.__all__) == len(set(keras_advxai.__all__))


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there(name):
    assert getattr(keras_advxai, name) is getattr(keras_advxai, name)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        AttributeError, match=r"module 'keras_advxai' has no attribute 'atacks'; it has .*attacks.*evaluate"
    ):
        _ = keras_advxai.atacks
