"""Every number of a report, by name, whichever version of the package made it; see `same_numbers`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def figures(report: Any) -> Iterator[tuple[str, Any]]:
    """Every figure of a report, every value of an image, every picture."""
    yield "clean_accuracy", report.clean_accuracy
    yield "findings", " ".join(f"{finding.severity}:{finding.id}" for finding in report.warnings)
    for sample, found in enumerate(report.samples):
        for key in ("label", "prediction", "confidence"):
            yield f"sample{sample}/{key}", found[key]["clean"] if isinstance(found[key], dict) else found[key]
    for attack in report.attacks:
        yield from _accuracies(report, attack)
        for explainer in report.explainers:
            yield from _drifts(report, attack, explainer)
    for explainer in report.explainers:
        yield f"{explainer}/clean_blank_rate", report.blank_rate(None, explainer)
        try:
            yield f"{explainer}/completeness", tuple(report.completeness(explainer))
            yield f"{explainer}/completeness_gap", report.completeness_gap(explainer)
        except ValueError:
            yield f"{explainer}/completeness", "none"
    for example in report.examples:
        at = f"example/{example.attack}/{example.explainer}/{example.epsilon}/{example.index}"
        names = ("image", "adversarial", "heatmap", "adversarial_heatmap", "prediction", "adversarial_prediction")
        for name in (*names, "confidence", "adversarial_confidence", "label"):
            yield f"{at}/{name}", getattr(example, name)
        drift = example.dissimilarity if hasattr(example, "dissimilarity") else example.nissim
        yield f"{at}/nissim", drift


def _accuracies(report: Any, attack: str) -> Iterator[tuple[str, Any]]:
    yield f"{attack}/minimum_perturbation", report.minimum_perturbation(attack)
    yield f"{attack}/median_perturbation", report.median_perturbation(attack)
    for epsilon in report.epsilons:
        at = f"{attack}/{epsilon}"
        for name in ("accuracy", "flip_rate", "attack_success_rate", "accuracy_interval"):
            yield f"{at}/{name}", getattr(report, name)(attack, epsilon)
        yield f"{at}/robust", report.robust(epsilon, attack=attack)
        yield f"{at}/robust_interval", report.robust_interval(epsilon, attack=attack)
        if attack in report.targeted_attacks:
            yield f"{at}/targeted", report.targeted_success_rate(attack, epsilon)
            yield f"{at}/targeted_interval", report.targeted_interval(attack, epsilon)


def _drifts(report: Any, attack: str, explainer: str) -> Iterator[tuple[str, Any]]:
    dissimilarity = getattr(report, "dissimilarity", None) or report.nissim
    deviation = getattr(report, "dissimilarity_std", None) or report.nissim_std
    yield f"{attack}/{explainer}/vid", report.vid(attack, explainer)
    yield f"{attack}/{explainer}/vid_interval", report.vid_interval(attack, explainer)
    for epsilon in report.epsilons:
        at = f"{attack}/{explainer}/{epsilon}"
        yield f"{at}/nissim", dissimilarity(attack, explainer, epsilon)
        yield f"{at}/std", deviation(attack, explainer, epsilon)
        yield f"{at}/mod", report.mod(attack, explainer, epsilon)
        yield f"{at}/mod_flipped", report.mod(attack, explainer, epsilon, split="flipped")
        yield f"{at}/mod_kept", report.mod(attack, explainer, epsilon, split="kept")
        yield f"{at}/mod_interval", report.mod_interval(attack, explainer, epsilon)
        yield f"{at}/blank_rate", report.blank_rate(attack, explainer, epsilon)
        try:
            yield f"{at}/clean_target", dissimilarity(attack, explainer, epsilon, target="clean")
        except ValueError:
            yield f"{at}/clean_target", "not measured"
