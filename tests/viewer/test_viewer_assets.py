"""What is installed of the application: built from the sources that are here, and checked by its sums."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from keras_advxai.viewer.assets import STATIC, TYPES, asset

APP = STATIC.parent / "app"


def test_the_files_have_their_checksums_and_there_are_no_others():
    lines = (STATIC / "SHA256SUMS").read_text().splitlines()
    sums = {name: known for known, name in (line.split("  ") for line in lines)}
    assert set(sums) == {path.name for path in STATIC.iterdir()} - {"SHA256SUMS"} == set(TYPES)
    for name, known in sums.items():
        assert hashlib.sha256(asset(name)).hexdigest() == known, f"{name} is not as `make viewer` wrote it"


def test_the_application_was_built_from_these_sources():
    paths = sorted((APP / "src").iterdir(), key=lambda path: path.name)
    listed = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)
    said = re.search(r"built from sources ([0-9a-f]{64})", asset("viewer.js").decode())[1]
    assert said == hashlib.sha256(listed.encode()).hexdigest(), "the sources have changed since: make viewer"


def test_the_licences_of_what_is_bundled_are_there():
    text = asset("LICENSES.txt").decode()
    assert re.search(r"^@observablehq/plot \d", text, re.MULTILINE)
    assert "Mike Bostock" in text
    assert "ISC" in text


@pytest.mark.parametrize("name", ["SHA256SUMS", "../assets.py", "../app/package.json", "", "viewer.js\0", "VIEWER.JS"])
def test_no_other_file_is_given(name):
    with pytest.raises(KeyError):
        asset(name)


def test_what_comes_from_data_never_becomes_markup():
    for path in (APP / "src").glob("*.js"):
        source = path.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert word not in source, f"{path.name} uses {word}"


# CI has Node. Who runs the tests beside Python alone has not, and is not to fail for it. Nor is who has Node and did
# not install its packages: what is computed knows none of them, which a copy without `node_modules` shows.
@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node, as CI has it")
def test_its_pure_functions_pass_their_tests_without_a_package(tmp_path):
    app = shutil.copytree(APP, tmp_path / "app", ignore=shutil.ignore_patterns("node_modules"))
    tests = [str(path.relative_to(app)) for path in sorted((app / "tests").glob("*.test.js"))]
    done = subprocess.run(["node", "--test", *tests], cwd=app, capture_output=True, text=True, timeout=120)
    assert tests
    assert done.returncode == 0, done.stdout[-4000:]


# The same: the compiler is what `make viewer` installs.
@pytest.mark.slow
@pytest.mark.skipif(not Path(APP, "node_modules", ".bin", "tsc").exists(), reason="needs `make viewer`, as CI runs it")
def test_its_types_are_right():
    done = subprocess.run(["node_modules/.bin/tsc", "-p", "."], cwd=APP, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:]
