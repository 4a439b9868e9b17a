"""Pictures of the tab and of the page for the documentation: python tests/screenshots.py docs/images [folder].

Trains the demo and attacks the photographs, looks at both in a browser at 1280 and at 1920 pixels, in light and dark,
writes all of these into the folder, and those of the documentation, `KEPT`, into the first.
"""

from __future__ import annotations

import itertools
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import browsers
from PIL import Image

import keras_advxai as kax

WIDTHS = {1280: 900, 1920: 1080}
EPSILON = 0.05
"""What the demo's pictures show: there noise moves heatmaps by half of what the attack does."""
FREQUENT = 40
KEPT = {
    "viewer_tab.png": "tab-1280-light.png",
    "viewer_tab_dark.png": "tab-1920-dark.png",
    "viewer_file.png": "page-1280-light.png",
    "viewer_file_dark.png": "page-1280-dark.png",
}


def train(folder: pathlib.Path) -> pathlib.Path:
    """The demo's logs."""
    subprocess.run([sys.executable, "-m", "keras_advxai", "demo", "--output", str(folder)], check=True)
    return folder / "logs"


def attack(path: pathlib.Path) -> None:
    """The page of the photographs."""
    x, y, files = kax.datasets.photographs.load_data()
    report = kax.evaluate(
        kax.pretrained.efficientnet_lite0(),
        (x, y),
        attacks=("fgsm", "pgd"),
        epsilons=(0.5 / 255, 1 / 255, 2 / 255),
        bounds=(0, 255),
        names=files,
        class_names=kax.pretrained.imagenet_class_names(),
        images=len(x),
    )
    report.to_html(path)


def look(logs: pathlib.Path, page: pathlib.Path, folder: pathlib.Path) -> None:
    """Write a picture of each, at each width and in both themes."""
    with browsers.tensorboards({"tab": ["--logdir", str(logs)]}) as boards:
        asked = {
            "chromium": browsers.CHROMIUM,
            "pages": {"tab": f"{boards['tab']}#advxai&advxai.epsilon={EPSILON}", "page": page.as_uri()},
            "sizes": list(WIDTHS.items()),
            "folder": str(folder),
        }
        subprocess.run(["node", "tests/screenshots.mjs", json.dumps(asked)], cwd=browsers.APP, check=True)
    for path in folder.glob("*.png"):
        compressed(Image.open(path).convert("RGB")).save(path, optimize=True)


def compressed(image: Image.Image) -> Image.Image:
    """256 colours: the most frequent ones, of the page itself, as they are, and others that are far off from none."""
    frequent = [color for _, color in sorted(image.getcolors(2**24), reverse=True)[:FREQUENT]]
    rare = image.quantize(256 - FREQUENT, method=Image.Quantize.MAXCOVERAGE, kmeans=2).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([*itertools.chain.from_iterable(frequent), *rare][: 3 * 256])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


if __name__ == "__main__":
    documentation, *others = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory() as scratch:
        made = others[0] if others else pathlib.Path(scratch, "pictures")
        made.mkdir(parents=True, exist_ok=True)
        attack(pathlib.Path(scratch, "photographs.html"))
        look(train(pathlib.Path(scratch, "demo")), pathlib.Path(scratch, "photographs.html"), made)
        for name, source in KEPT.items():
            shutil.copy(made / source, documentation / name)
