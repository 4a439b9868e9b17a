"""What is installed: everything that the package needs, and nothing that it is made with."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_wheel_has_the_viewer_the_template_and_the_licences(tmp_path):
    source, target = tmp_path / "source", tmp_path / "wheel"
    target.mkdir()
    shutil.copytree(ROOT / "keras_advxai", source / "keras_advxai", ignore=shutil.ignore_patterns("node_modules"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "keras_advxai_tensorboard.py"):
        shutil.copy(ROOT / name, source)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(target)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    (wheel,) = target.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    for path in (ROOT / "keras_advxai" / "viewer" / "static").iterdir():
        assert content[f"keras_advxai/viewer/static/{path.name}"] == path.read_bytes()
    for name in ("reporting/report.html.jinja", "checks.md", "py.typed"):
        assert content[f"keras_advxai/{name}"] == (ROOT / "keras_advxai" / name).read_bytes()
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "keras_advxai").rglob("*.py")}
    installed = {name for name in content if ".dist-info/" not in name}
    assert modules | {"keras_advxai_tensorboard.py"} == {name for name in installed if name.endswith(".py")}
    assert not [name for name in installed if name.endswith((".mjs", ".json", ".ts")) or "/app/" in name]
    (about,) = {name.split("/")[0] for name in content if ".dist-info/" in name}
    assert content[f"{about}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert b"advxai = keras_advxai_tensorboard:AdvXAILoader" in content[f"{about}/entry_points.txt"]
    assert b"keras-advxai = keras_advxai.cli:main" in content[f"{about}/entry_points.txt"]
