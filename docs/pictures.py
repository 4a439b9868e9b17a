"""Makes the pictures of docs/concepts and the drawings of docs/design.md: `make docs-pictures`.

The drawings (`rooms`, `way`) need nothing; the photographs need the extra `pretrained`, and take a minute.
"""

from __future__ import annotations

import importlib.util
import json
import pathlib
from collections.abc import Sequence
from html import escape

ROOT = pathlib.Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
BOX, INK, PALE, BLUE = 'rx="6"', "#20293a", "#eef2f7", "#d5e5f7"
STYLE = (
    "<style>text{font-family:system-ui,'Segoe UI','DejaVu Sans',sans-serif;fill:#20293a;font-size:13px}"
    ".small{font-size:11px;fill:#586374}.code{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:12px}"
    "</style>"
)
MEANINGS = {
    "ops": "pure functions of arrays; tables",
    "models": "all that is known of your model; the only differentiation",
    "explainers": "explain, compare, read: each by itself",
    "attacks": "perturb; and what was measured, as arrays",
    "checks": "settings, journals, checks, other packages, the viewer",
    "reporting": "the page for a browser",
    "evaluation": "the compiled step, its report",
    "execution": "batch by batch, on devices, resumed; several models",
    "audit": "runs the model again; figures; machines",
    "tensorboard": "logs and the tab",
    "callbacks": "what is called during and after a training",
    "wrappers": "a Keras model around yours; compare",
    "training": "adversarial training",
    "cli": "the command line",
}
"""What each layer is there for, by a package in it."""


def layers() -> list[list[str]]:
    """The layers that tests/test_imports.py holds, the lowest first."""
    spec = importlib.util.spec_from_file_location("test_imports", ROOT / "tests" / "test_imports.py")
    if spec is None or spec.loader is None:
        raise ImportError("tests/test_imports.py is not there")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [[name for name in names if not name.startswith("_") and name != "text"] for names in module.LAYERS]


def box(x: float, y: float, width: float, height: float, fill: str = PALE) -> str:
    """A rounded rectangle."""
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" {BOX} fill="{fill}" stroke="#9aa7b8"/>'


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """A line of text."""
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """A drawing, on white, so that it is read on a dark page, too."""
    start = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">'
    marker = (
        '<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{INK}"/></marker></defs>'
    )
    paper = f'<rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([start, STYLE, marker, paper, *parts, "</svg>"]) + "\n"


def rooms() -> str:
    """The packages in their layers: a file imports from below."""
    found = [names for names in layers() if names]
    width, step, parts = 860, 40, []
    for place, names in enumerate(reversed(found)):
        y = 34 + place * step
        x = 20.0
        for name in names:
            wide = 18 + 7.3 * len(name)
            parts += [box(x, y, wide, 28, BLUE if name in MEANINGS else PALE), text(x + 9, y + 18, name, "code")]
            x += wide + 8
        parts += [text(width - 20, y + 18, MEANINGS[name], "small", "end") for name in names if name in MEANINGS]
    height = 34 + step * len(found) + 6
    heading = text(20, 20, "keras_advxai/: a file imports from the layers below its own, never up or sideways", "small")
    return svg(width, height, "The packages in their layers", [heading, *parts])


WAY = [
    ("images", "arrays, tf.data, folders", "data/", ["names, labels, bounds"]),
    ("forward", "one pass, every layer recorded", "models/", ["logits", "feature maps"]),
    ("attack", "for each attack and epsilon", "attacks/", ["gradients through", "the preprocessing"]),
    ("explain", "both images, one pass each", "explainers/", ["heatmaps in [0, 1]"]),
    ("compare", "two heatmaps, one number", "metrics/", ["(batch,): their mean is", "MOD, its spread VID"]),
    ("measurements", "arrays with named dimensions", "measurements/", ["image, attack, epsilon,", "explainer, metric"]),
]
USES = [("report", "evaluation/"), ("page", "reporting/"), ("figures", "figures/"), ("logs, tab", "tensorboard/")]


def way() -> str:
    """One image, from the user's data to a report."""
    parts, wide, gap = [], 136, 20
    for place, (name, what, room, carried) in enumerate(WAY):
        x = 20 + place * (wide + gap)
        inside = 0 < place < len(WAY) - 1
        parts += [box(x, 62, wide, 100, BLUE if inside else PALE), text(x + 10, 84, name)]
        half = len(what.split()) // 2 + len(what.split()) % 2
        parts += [text(x + 10, 104, " ".join(what.split()[:half]), "small")]
        parts += [text(x + 10, 119, " ".join(what.split()[half:]), "small"), text(x + 10, 148, room, "code")]
        parts += [text(x + 10, 184 + 15 * line, word, "small") for line, word in enumerate(carried)]
        if place:
            parts.append(f'<path d="M{x - gap} 112H{x - 2}" stroke="{INK}" marker-end="url(#to)"/>')
    left, right = 20 + wide + gap - 10, 20 + 5 * (wide + gap) - gap + 10
    parts.append(
        f'<rect x="{left}" y="34" width="{right - left}" height="176" rx="10" fill="none" stroke="#4a7fb5" '
        'stroke-dasharray="5 4"/>'
    )
    parts.append(text(left + 12, 52, "one compiled step for each batch: evaluation/, run by execution/", "small"))
    total = 20 + len(WAY) * (wide + gap)
    places = [20 + (len(WAY) - 1 - place) * (wide + gap) for place in range(len(USES))]
    for (name, room), x in zip(USES, places, strict=True):
        parts += [box(x, 246, wide, 50, PALE), text(x + 10, 267, name), text(x + 10, 286, room, "code")]
    from_report, *to = (x + wide / 2 for x in places)
    parts.append(f'<path d="M{from_report} 206V244" stroke="{INK}" marker-end="url(#to)"/>')
    parts += [
        f'<path d="M{from_report} 296V316H{x}V298" fill="none" stroke="{INK}" marker-end="url(#to)"/>' for x in to
    ]
    parts.append(text(20, 266, "Nothing below the report knows it;", "small"))
    parts.append(text(20, 282, "nothing above it looks at a model.", "small"))
    return svg(total, 328, "One image's way from the data to a report", parts)


DRAWINGS = {"rooms.svg": rooms, "way.svg": way}


def photographs() -> None:
    """`epsilon.png` and `targets.png`, of a photograph that EfficientNet-Lite0 classifies."""
    import matplotlib.pyplot as plt
    import numpy as np

    import keras_advxai as kax

    model = kax.ImageClassifier(kax.pretrained.efficientnet_lite0(), bounds=(0, 255))
    x, y, _ = kax.datasets.photographs.load_data()
    names = kax.pretrained.imagenet_class_names()
    x, y = x[:1], y[:1]

    def says(images: np.ndarray) -> tuple[int, str]:
        found = np.asarray(model.forward(images).probabilities)[0]
        return int(found.argmax()), f"{names[int(found.argmax())]}, {found.max():.0%}"

    figure, axes = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained")
    for axis, levels in zip(axes, (0, 2, 8, 32), strict=True):
        images = np.asarray(kax.attacks.FGSM()(model, x, y, epsilon=levels / 255)) if levels else x
        axis.imshow(images[0].astype("uint8"))
        axis.set_title(f"epsilon {levels}/255\n{says(images)[1]}", fontsize=10)
        axis.axis("off")
    figure.savefig(IMAGES / "epsilon.png", dpi=90, bbox_inches="tight", pad_inches=0.1)

    before, said = says(x)
    attack = kax.attacks.PGD().with_whole_budget()
    adversarial = np.asarray(attack(model, x, y, epsilon=2 / 255))
    after, told = says(adversarial)
    grad_cam = kax.explainers.GradCAM()
    shown = [
        (x, None, f"the photograph\n{said}"),
        (x, before, f"its heatmap for\n{names[before]}"),
        (adversarial, None, f"PGD, 2/255\n{told}"),
        (adversarial, after, f'target="predicted"\n{names[after]}'),
        (adversarial, before, f'target="clean"\n{names[before]}'),
    ]
    figure, axes = plt.subplots(1, 5, figsize=(13, 3.1), layout="constrained")
    for axis, (images, target, title) in zip(axes, shown, strict=True):
        picture = images[0] / 255
        if target is not None:
            picture = kax.figures.overlay(images[0] / 255, np.asarray(grad_cam(model, images, targets=target))[0])
        axis.imshow(picture)
        axis.set_title(title, fontsize=10)
        axis.axis("off")
    figure.savefig(IMAGES / "targets.png", dpi=90, bbox_inches="tight", pad_inches=0.1)


def worth() -> None:
    """`worth.png`: the accuracy that remains under PGD, by library, from benchmarks/results."""
    import matplotlib.pyplot as plt
    import numpy as np

    results = json.loads((ROOT / "benchmarks" / "results" / "robustness.json").read_text(encoding="utf-8"))
    wanted = ("plain", "plain, logits x 20")
    rows = {
        row["model"]: row["robust"]
        for row in results["rows"]
        if row["model"] in wanted and (row["attack"], row["norm"]) == ("pgd", "linf")
    }
    libraries = list(rows["plain"])
    figure, axis = plt.subplots(figsize=(8, 3.2), layout="constrained")
    for place, (model, color) in enumerate(zip(wanted, ("#9aa7b8", "#c8553d"), strict=True)):
        heights = [rows[model][library] / results["images"] for library in libraries]
        bars = axis.bar(np.arange(len(libraries)) + 0.38 * place, heights, 0.36, label=model, color=color)
        axis.bar_label(bars, fmt="%.2f", fontsize=9)
    axis.set_xticks(np.arange(len(libraries)) + 0.19, libraries)
    axis.set_ylim(0, 1)
    axis.set_ylabel("accuracy under PGD, 10 steps")
    axis.set_title("lower is the stronger attack; both are the same network", fontsize=10)
    axis.legend(frameon=False, loc="upper left")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "worth.png", dpi=90, bbox_inches="tight", pad_inches=0.1)


if __name__ == "__main__":
    for file, drawn in DRAWINGS.items():
        (IMAGES / file).write_text(drawn(), encoding="utf-8")
    worth()
    photographs()
