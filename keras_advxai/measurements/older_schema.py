"""Reports of schema 1, which version 0.1 wrote without a number, in the present schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from keras_advxai.measurements.reading import as_dictionary, reason, shown

_SAMPLES = {
    *("epsilons", "labels", "predictions", "confidence", "attacked", "nissim", "blank", "reference_blank"),
    *("completeness", "scores", "distances", "lengths", "outside", "broken", "zero_gradients", "attack_targets"),
    "saturated",
}
"""What was measured then; the second half is not in all files."""

_RENAMED = ("attacks", "explainers")
"""Entries of the provenance that became part of its settings."""


def upgraded(config: Mapping[str, Any]) -> dict[str, Any]:
    """The dictionary of a report of schema 1 in the present schema.

    What was not measured then stays unknown: the confidence on adversarial images, and, in older files, how far images
    were changed. Whatever the names of attacks and explainers lead to is looked at here, because they are a part of the
    coordinates afterwards; shapes and values are checked then, as those of any report.

    Args:
        config: What its `to_dict` returned.

    Raises:
        ValueError: It is no such dictionary; the message names what does not fit.
    """
    samples = as_dictionary("samples", config.get("samples"))
    provenance = as_dictionary("provenance", config.get("provenance"))
    try:
        measurements = _Upgrade(samples, provenance.get("target")).measurements()
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        what = f"{reason(error)} is missing" if isinstance(error, KeyError) else "an entry of another kind"
        raise ValueError(f"`samples` of the report, which is of schema 1, does not fit: {what}") from error
    kept = {key: value for key, value in provenance.items() if key not in _RENAMED}
    return {"provenance": kept, "warnings": config.get("warnings"), "measurements": measurements}


class _Upgrade:
    """The measurements of schema 1, as plain values in the present schema.

    Args:
        samples: What was measured.
        target: Whose class heatmaps explain.
    """

    def __init__(self, samples: Mapping[str, Any], target: Any) -> None:
        unknown = [name for name in samples if name not in _SAMPLES]
        if unknown:
            raise ValueError(f"`samples` has {shown(unknown[0])}, which does not belong there.")
        self.samples, self.target = samples, target
        self.attacks, self.explainers = list(samples["attacked"]), list(samples["reference_blank"])
        self.images, self.levels = len(samples["labels"]), len(samples["epsilons"])
        self.nothing: list[Any] = [None] * self.images

    def measurements(self) -> dict[str, Any]:
        """The coordinates and the quantities."""
        samples, no = self.samples, [False] * self.images
        targets, dissimilarity = self._drift()
        quantities: dict[str, Any] = {
            "label": samples["labels"],
            "prediction": self._by_condition("attacked", {**samples["attacked"], "clean": samples["predictions"]}),
            "confidence": [samples["confidence"], *(self.nothing for _ in self.attacks for _ in range(self.levels))],
            "blank": self._blank(),
            "dissimilarity": dissimilarity,
            "perturbation_norm": self._by_attack("lengths", [self.nothing] * self.levels),
            "out_of_bounds": self._by_attack("outside", [no] * self.levels),
            "zero_gradient": self._by_attack("zero_gradients", no),
            "saturated": no if samples.get("saturated") in (None, []) else samples["saturated"],
        }
        for name in ("completeness", "distances", "attack_targets", "scores", "broken"):
            as_dictionary(f"samples.{name}", samples.get(name, {}))  # or what is false would count as absent
        if samples.get("completeness"):
            gaps = _named("completeness", samples["completeness"], self.explainers)
            for name, kind in (("completeness_gap", "gap"), ("score_change", "change")):
                quantities[name] = self._by_explainer("completeness", {key: gap[kind] for key, gap in gaps.items()})
        if samples.get("distances"):
            quantities["distance"] = self._by_attack("distances", [-1.0] * self.images)
        if samples.get("attack_targets"):
            quantities["attack_target"] = self._by_attack("attack_targets", [-1] * self.images)
        if samples.get("scores"):
            quantities |= self._scores(samples["scores"])
        seen = [samples["labels"], *quantities["prediction"], *quantities.get("attack_target", ())]
        coordinates = {
            "attacks": self.attacks,
            "explainers": self.explainers,
            "metrics": ["nissim"],
            "targets": targets,
            "epsilons": samples["epsilons"],
            # The number of classes was not written: the least that the classes in it allow.
            "classes": max(2, 1 + max(max(row, default=0) for row in seen)),
        }
        return {"coordinates": coordinates, "images": self.images, "quantities": quantities}

    def _by_condition(self, name: str, values: Any) -> list[Any]:
        """A row for each condition, the clean one first."""
        values = _named(name, values, ["clean", *self.attacks], all_of=True)
        if any(len(values[attack]) != self.levels for attack in self.attacks):
            raise ValueError(f"`samples.{name}` must have a row for each of the epsilons.")
        return [values["clean"], *(row for attack in self.attacks for row in values[attack])]

    def _by_attack(self, name: str, filler: Any) -> list[Any]:
        """What some attacks have, or what older files do not have."""
        found = _named(name, self.samples.get(name, {}), self.attacks)
        return [found.get(attack, filler) for attack in self.attacks]

    def _by_explainer(self, name: str, values: Any) -> list[Any]:
        """What some explainers have, by condition."""
        found = _named(name, values, self.explainers)
        unknown = [self.nothing] * (1 + len(self.attacks) * self.levels)
        return [self._by_condition(name, found[key]) if key in found else unknown for key in self.explainers]

    def _blank(self) -> list[Any]:
        clean, found = (
            self.samples["reference_blank"],
            _named("blank", self.samples["blank"], self.attacks, all_of=True),
        )
        maps = {attack: _named("blank", found[attack], self.explainers, all_of=True) for attack in self.attacks}
        conditions = {key: {attack: maps[attack][key] for attack in self.attacks} for key in self.explainers}
        return [self._by_condition("blank", {**conditions[key], "clean": clean[key]}) for key in self.explainers]

    def _drift(self) -> tuple[list[Any], list[Any]]:
        """The targets that heatmaps explain, and NISSIM by explainer, target and attack.

        Costly explainers were run for one target alone; what an explainer has of one attack, it has of all.
        """
        by_attack = _named("nissim", self.samples["nissim"], self.attacks, all_of=True)
        maps = [_named("nissim", by_attack[attack], self.explainers, all_of=True) for attack in self.attacks]
        others: set[Any] = set()
        for name in self.explainers:
            targets = {frozenset(found[name]) for found in maps}
            if len(targets) > 1 or any(self.target not in item for item in targets):
                raise ValueError(f"`samples.nissim` must have the same targets of {shown(name)} for all attacks.")
            others = others.union(*targets)
        every = [self.target, *sorted(others - {self.target})]
        unknown = [self.nothing] * self.levels
        rows = [[[found[name].get(item, unknown) for found in maps] for item in every] for name in self.explainers]
        return every, [rows]

    def _scores(self, scores: Mapping[str, Any]) -> dict[str, Any]:
        gradients = scores["zero_gradient"]
        return {
            "prediction_log_odds": self._by_condition("scores", scores["log_odds"]),
            "score_zero_gradient": [self._by_condition("scores", gradients[key]) for key in ("logit", "probability")],
            "score_nissim": self._by_explainer("scores", scores["nissim"]),
        }


def _named(name: str, found: Any, known: Iterable[str], all_of: bool = False) -> dict[str, Any]:
    """An entry by the names of attacks or explainers, or by some of them, without others among them."""
    values = as_dictionary(f"samples.{name}", found)
    apart = set(values) ^ set(known) if all_of else set(values) - set(known)
    if apart:
        raise ValueError(f"`samples.{name}` must have the same names as the rest. Received: {shown(sorted(apart))}")
    return values
