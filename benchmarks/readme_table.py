"""What the README tells of all benchmarks: a table of what was run beside other packages, and three lines on speed."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.harness import RESULTS

Reports = dict[str, dict[str, Any]]

PACKAGES = {"Foolbox": "foolbox", "ART": "adversarial-robustness-toolbox"}
"""What libraries are called that have another name as packages."""
SCALED = "plain, logits x 20"
"""The model whose logits are so large that cross-entropy underflows."""
HEADER = ["run here", "keras-advxai", "others"]


def beside_others(reports: Reports) -> str:
    """What other packages made of the same models, images and budgets."""
    rows = [_kinds(), _over_confident(reports["robustness"]), _auto_attack(reports["robustness"])]
    rows += [_chain(reports["evaluation"]), _integrated_gradients(reports["integrated_gradients"])]
    return "\n".join(f"| {' | '.join(row)} |" for row in [HEADER, ["---"] * len(HEADER), *rows])


def speed(reports: Reports) -> str:
    """Three lines: an evaluation beside bare passes, beside other packages, and a training."""
    of, passes = ("keras-advxai, five epsilons", "6F+B")
    names = [case["name"] for case in reports["evaluation"]["cases"]]
    ours = sorted((_ratio(reports["evaluation"], name, of, passes), name) for name in names)
    (least, easiest), (most, hardest) = ours[0], ours[-1]
    chains = [
        ratio["wall"]["median"]
        for case in reports["evaluation"]["cases"]
        for ratio in case["ratios"]
        if ratio["to"] == of
    ]
    training = "FGSM, Grad-CAM and noise control"
    share = _ratio(reports["training"], "Training", training, "an epoch of 50,000 images")
    lines = [
        f"- FGSM, Grad-CAM and NISSIM at five epsilons take {least:.2f} ({easiest}) to {most:.2f} ({hardest})",
        "  times what six forward passes and a backward one of the network take by themselves.",
        "- tf-keras-vis, cleverhans and scikit-image, put together for the same figures, take "
        f"{min(chains):.1f} to {max(chains):.1f} times as long.",
        f"- The callback, on 256 images at four epsilons, takes {100 * share:.1f} % of an epoch of 50,000 images of a",
        "  small network.",
    ]
    return "\n".join(lines)


def _ratio(report: dict[str, Any], case: str, of: str, to: str) -> float:
    found = {
        (ratio["of"], ratio["to"]): ratio["wall"]["median"]
        for item in report["cases"]
        if item["name"].startswith(case)
        for ratio in item["ratios"]
    }
    return float(found[of, to])


def _named(report: dict[str, Any], name: str) -> str:
    return f"{name} {report['environment']['versions'][PACKAGES.get(name, name)]}"


def _kinds() -> list[str]:
    names = {
        "keras_advxai": "keras-advxai",
        "tf_keras_vis": "tf-keras-vis",
        "xplique": "xplique",
        "tf_explain": "tf-explain",
    }
    cells = []
    for key, name in names.items():
        report = json.loads((RESULTS / f"model_kinds_{key}.json").read_text(encoding="utf-8"))
        outcomes = [kind["outcome"] for kind in report["kinds"].values()]
        count = f"{outcomes.count('right')} of {len(outcomes)}"
        cells.append(count if name == "keras-advxai" else f"{name} {report['versions'][name]}: {count}")
    return ["kinds of Keras 3 models of which Grad-CAM is right", cells[0], ", ".join(cells[1:])]


def _over_confident(report: dict[str, Any]) -> list[str]:
    row = next(row for row in report["rows"] if (row["model"], row["attack"], row["norm"]) == (SCALED, "pgd", "linf"))
    share = {name: f"{count / report['images']:.3f}" for name, count in row["robust"].items()}
    others = ", ".join(f"{_named(report, name)}: {share[name]}" for name in ("cleverhans", "Foolbox", "ART"))
    return [
        "accuracy that PGD leaves a network whose logits were multiplied by 20 (lower is the stronger attack)",
        share["keras-advxai"],
        others,
    ]


def _auto_attack(report: dict[str, Any]) -> list[str]:
    apart = max(abs(row["robust"]["standard"] - row["robust"]["AutoAttack"]) for row in report["full"])
    times = [row["ratio"]["median"] for row in report["full"]]
    what = f"worst case over several attacks, of {report['images']} images"
    others = f"AutoAttack, its authors' code: {min(times):.0f} to {max(times):.0f} times as long"
    said = f"{apart} image{'s' if apart > 1 else ''} apart at most" if apart else "as many images"
    return [what, f'`"standard"`, {said}', others]


def _chain(report: dict[str, Any]) -> list[str]:
    names = ("tf-keras-vis", "cleverhans", "scikit-image")
    ours = "keras-advxai, five epsilons"
    ratio = _ratio(report, "ResNet50", f"{' + '.join(names)}, five epsilons", ours)
    others = f"{' + '.join(_named(report, name) for name in names)}: {ratio:.1f} times as long"
    return ["drift of Grad-CAM under FGSM at five epsilons, ResNet50", "one call", others]


def _integrated_gradients(report: dict[str, Any]) -> list[str]:
    ratio = _ratio(report, "MobileNetV2", "alibi", "keras-advxai")
    return [
        "Integrated Gradients, 50 steps, MobileNetV2",
        "one call",
        f"{_named(report, 'alibi')}: {ratio:.1f} times as long",
    ]
