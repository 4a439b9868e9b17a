"""How far explanations drift under weather and cameras, beside attacks: the section of docs/what_moves_explanations.md.

python examples/corruptions.py [directory] [--only fog snow] [--crops 10] [--page docs/what_moves_explanations.md]
"""

import argparse
import pathlib

import keras
import matplotlib.pyplot as plt
import numpy as np
import page
from keras import layers

import keras_advxai as kax

SEVERITIES, EPSILONS = (1, 3, 5), (2 / 255, 8 / 255)


def faces():
    """A small network that was trained on the faces, and its test images of 25 pixels."""
    (x_train, y_train), test = kax.datasets.faces.load_data()
    keras.utils.set_random_seed(0)
    stack = [layers.Input((25, 25, 1))]
    for filters in (16, 32, 64):
        stack += [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    model = keras.Sequential(
        [*stack[:-1], layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softmax")], name="faces"
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x_train, y_train, batch_size=16, epochs=15, verbose=0)
    return model, test, {}


def photographs(crops):
    """EfficientNet-Lite0 with its ImageNet weights, and crops of four photographs, also mirrored."""
    x, y, _ = kax.datasets.photographs.load_data(256)
    corners = [(16, 16), (0, 0), (0, 32), (32, 0), (32, 32)]
    found = [x[:, top : top + 224, left : left + 224] for top, left in corners]
    found += [images[:, :, ::-1] for images in found]
    found = found[:crops]
    # One photograph after the other in each crop, so that neighbours, of which chance is made, are others.
    return kax.pretrained.efficientnet_lite0(), (np.concatenate(found), np.tile(y, len(found))), {"bounds": (0, 255)}


def measured(model, data, settings, names):
    """The report of two attacks and the corruptions."""
    return kax.evaluate(
        model,
        data,
        attacks=["fgsm", "pgd", *names],
        epsilons=EPSILONS,
        severities=SEVERITIES,
        batch_size=8,
        images=1,
        **settings,
    )


def tables(report, names):
    """Corruptions by severity, and attacks by epsilon, apart."""
    explainer = "grad_cam"

    def cells(attack, levels):
        accuracies = [f"{report.accuracy(attack, level):.0%}" for level in levels]
        return [*accuracies, *(f"{report.mod(attack, explainer, level):.3f}" for level in levels)]

    severity_heads = [f"{what} at {severity}" for what in ("accuracy", "MOD") for severity in SEVERITIES]
    epsilon_heads = [f"{what} at {level}" for what in ("accuracy", "MOD") for level in ("2/255", "8/255")]
    rows = [[name, *cells(name, SEVERITIES)] for name in names]
    attacks = [[name, *cells(name, EPSILONS)] for name in report.attacks]
    said = (
        f"{len(report.measurements)} images, clean accuracy {report.clean_accuracy:.0%}, chance "
        f"{report.chance(explainer):.3f}."
    )
    return said, page.table(["corruption", *severity_heads], rows), page.table(["attack", *epsilon_heads], attacks)


def picture(names, severity=3):
    """One photograph under each corruption."""
    image = kax.datasets.photographs.load_data()[0][1:2]
    shown = {"original": image} | {name: kax.corruptions.get(name)(image, severity, bounds=(0, 255)) for name in names}
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.7 * columns, 1.9 * rows), squeeze=False, layout="constrained")
    for each in axes.flat:
        each.axis("off")
    for each, (name, images) in zip(axes.flat, shown.items(), strict=False):
        each.imshow(images[0] / 255)
        each.set_title(name, fontsize=9)
    return figure


def main():
    """Measure, print, draw, and write the section if a page is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", default="corruptions", type=pathlib.Path)
    parser.add_argument("--only", nargs="*", default=list(kax.corruptions.COMMON), help="names of corruptions")
    parser.add_argument("--crops", type=int, default=10, help="of each photograph, up to 10; 0 for the faces alone")
    parser.add_argument("--page", type=pathlib.Path, help="the page whose section is written")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    picture(options.only).savefig(options.directory / "corruptions.png", dpi=100)
    subjects = {"A small network on faces of 25 pixels": faces()}
    if options.crops:
        subjects["EfficientNet-Lite0 with ImageNet weights on photographs of 224 pixels"] = photographs(options.crops)
    parts = []
    for title, (model, data, settings) in subjects.items():
        report = measured(model, data, settings, options.only)
        report.save(options.directory / f"{report.provenance['model']}.npz")
        kax.figures.drift(report).savefig(options.directory / f"{report.provenance['model']}.png")
        said, corrupted, attacked = tables(report, options.only)
        parts.append(f"### {title}\n\n{said}\n\n{corrupted}\n\n{attacked}")
    text = "\n\n".join(parts)
    print(text)
    if options.page is not None:
        (options.page.parent / "images").mkdir(exist_ok=True)
        picture(options.only).savefig(options.page.parent / "images" / "corruptions.jpg", dpi=80)
        page.write("corruptions", _section(text), options.page)


def _section(text):
    return (
        "## Weather, cameras and files\n\n"
        "Made by `python examples/corruptions.py --page docs/what_moves_explanations.md`. The corruptions are those of "
        "Hendrycks and Dietterich 2019 at severities 1, 3 and 5, the attacks have budgets of 2/255 and 8/255: two "
        "scales, which do not compare. MOD is that of Grad-CAM at the default layer.\n\n"
        "![One photograph under each of the fifteen corruptions at severity 3](images/corruptions.jpg)\n\n" + text
    )


if __name__ == "__main__":
    main()
