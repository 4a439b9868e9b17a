"""The programs in README.md and in docs/: what is read, and how it is run.

A page's `python` blocks run one after another. A page that says "The programs go on from [Another](other.md)" begins
with what the blocks of the other page left behind; that one runs once a process.
"""

from __future__ import annotations

import functools
import os
import pathlib
import re
import tempfile
from typing import Any

import keras
import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
GOES_ON = re.compile(r"^\*The programs go on from \[[^\]]+\]\(([^)]+)\)", re.MULTILINE)


def blocks(page: pathlib.Path, language: str) -> list[tuple[int, str]]:
    """The code blocks of a language, each with the line that it begins on."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)), match[1]) for match in found]


def name(page: pathlib.Path) -> str:
    """`docs/howto/own.md`."""
    return page.relative_to(ROOT).as_posix()


NOT_RUN = {
    "docs/old_models.md": "reads files of packages that are downloaded one by one",
    "docs/contributing.md": "shows a part of a file of the package; the tests of its package run it",
    "docs/pretrained.md": "prints the table of its page, in three minutes; howto/preprocessing.md runs the same calls",
    "docs/scaling.md": "is a job of an array on a cluster; tests/distributed and tests/execution merge parts",
}
"""Pages whose programs are compiled only, with the reason."""
WITH_PROGRAMS = [page for page in PAGES if blocks(page, "python")]
RUN = [page for page in WITH_PROGRAMS if name(page) not in NOT_RUN]


def before(page: pathlib.Path) -> pathlib.Path | None:
    """The page that this one goes on from."""
    found = GOES_ON.search(page.read_text(encoding="utf-8"))
    return None if found is None else (page.parent / found[1]).resolve()


def run(page: pathlib.Path, namespace: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the blocks of a page leave behind, run in the current folder."""
    other = before(page)
    found = {"__name__": page.stem, **({} if other is None else _left_by(other)), **(namespace or {})}
    keras.utils.set_random_seed(0)
    for line, block in blocks(page, "python"):
        # The only thing changed: nothing is downloaded.
        block = block.replace('weights="imagenet"', "weights=None")
        exec(compile("\n" * line + block, name(page), "exec"), found)
    return found


@functools.cache
def _left_by(page: pathlib.Path) -> dict[str, Any]:
    here = pathlib.Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return run(page)
        finally:
            os.chdir(here)


def photographs(folder: pathlib.Path) -> None:
    """Three files for `kax.data.load`."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for file in ("a.png", "b.png", "c.png"):
        keras.utils.save_img(folder / file, generator.integers(0, 256, (90, 120, 3)), scale=False)
