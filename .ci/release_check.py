"""Builds what would be released, installs it in an environment of its own, and runs it outside of this folder.

`make release-check` runs it. It fails, with a sentence, where the wheel is larger than 2 MB or holds a file that is not
of the package, where a file that the package needs is missing, and where a command of the installed package fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 2 * 10**6
"""Bytes of the wheel, at most."""
NEEDED = (
    "keras_advxai/py.typed",
    "keras_advxai/checks.md",
    "keras_advxai/reporting/report.html.jinja",
    "keras_advxai_tensorboard.py",
)
"""What is no module of the package, and what TensorBoard imports."""
FIRST = ("keras_advxai/", "keras_advxai_tensorboard.py", "keras_advxai-")
"""How every name in the wheel begins."""


def run(*command: str | Path, folder: Path, **variables: str) -> str:
    """What a command prints. It ends this program if the command fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_wheel(wheel: Path) -> None:
    """List what the wheel holds, and refuse one that is too large, lacks something or has something of another kind."""
    with zipfile.ZipFile(wheel) as archive:
        entries = archive.infolist()
    names = {entry.filename for entry in entries}
    for entry in sorted(entries, key=lambda entry: entry.filename):
        print(f"{entry.compress_size:>9,} {entry.filename}")
    size = wheel.stat().st_size
    print(f"{size:>9,} {wheel.name}, {len(entries)} files")

    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "keras_advxai").rglob("*.py")}
    static = {str(path.relative_to(ROOT)) for path in (ROOT / "keras_advxai/viewer/static").iterdir()}
    wrong = [f"{name} is missing." for name in sorted({*NEEDED, *sources, *static} - names)]
    wrong += [f"{name} does not belong there." for name in sorted(names) if not name.startswith(FIRST)]
    if size > LARGEST:
        wrong.append(f"It has {size:,} bytes, more than {LARGEST:,}.")
    if wrong:
        sys.exit("The wheel is not one to release:\n" + "\n".join(wrong))


def check_sdist(sdist: Path) -> None:
    """Refuse a source distribution from which the package could not be built, or without its licence."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    missing = [name for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", *NEEDED) if name not in names]
    print(f"{sdist.stat().st_size:>9,} {sdist.name}, {len(names)} files")
    if missing:
        sys.exit(f"The source distribution lacks {', '.join(missing)}.")


def check_installed(wheel: Path, folder: Path, constraints: Path) -> None:
    """Install the wheel in an environment of its own, and run its commands in a folder that has nothing of ours."""
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    quiet = ("--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-c", constraints)
    run(binaries / "python", "-m", "pip", "install", *quiet, f"{wheel}[pretrained]", folder=elsewhere)
    run(binaries / "python", "-m", "pip", "check", folder=elsewhere)

    found = run(binaries / "python", "-c", "import keras_advxai; print(keras_advxai.__file__)", folder=elsewhere)
    if not Path(found.strip()).is_relative_to(folder):
        sys.exit(f"Another package than the one installed was imported: {found}")
    version = run(binaries / "keras-advxai", "--version", folder=elsewhere).split()[-1]
    if version != wheel.name.split("-")[1]:
        sys.exit(f"The command says {version}, and the wheel is {wheel.name}.")
    for options in ([], ["--photographs"]):
        output = elsewhere / "-".join(["demo", *options])
        print("demo", *options, flush=True)
        print(run(binaries / "keras-advxai", "demo", *options, "--output", output, folder=elsewhere))
        print("\n".join(str(path.relative_to(output)) for path in sorted(output.rglob("*")) if path.is_file()))
        if not list(output.rglob("*.png")):
            sys.exit(f"keras-advxai demo {' '.join(options)} has written no picture.")
    run(binaries / "python", "-c", _TAB, folder=elsewhere)


_TAB = """
from tensorboard import default
names = [getattr(plugin, "__name__", "") for plugin in default.get_plugins()]
assert "AdvXAILoader" in names, names
"""


def main() -> None:
    """Build, look and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--constraints", type=Path, default=ROOT / "requirements/lock.txt")
    constraints = parser.parse_args().constraints.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The wheel is built from the source distribution, so that both are looked at.
        run(sys.executable, "-m", "build", "--outdir", folder / "dist", folder=ROOT)
        wheel, sdist = next(folder.glob("dist/*.whl")), next(folder.glob("dist/*.tar.gz"))
        check_wheel(wheel)
        check_sdist(sdist)
        check_installed(wheel, folder, constraints)
    print("This can be released.")


if __name__ == "__main__":
    main()
