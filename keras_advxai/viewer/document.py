"""What the viewer shows of one report: a document of plain values, and pictures."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any

from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.finding import DOCUMENT
from keras_advxai.text import epsilon_text
from keras_advxai.viewer.families import families
from keras_advxai.viewer.numbers import figures, samples
from keras_advxai.viewer.pictures import pictures
from keras_advxai.viewer.plain import plain
from keras_advxai.viewer.probabilities import probabilities, true_classes
from keras_advxai.viewer.source import Source, controls, levels
from keras_advxai.viewer.verdict import title_of, verdict

SCHEMA = 2
"""The number of the form of a document, which the application compares."""

_MOST_CLASSES = 2000


@dataclasses.dataclass(frozen=True)
class Document:
    """A report for the viewer.

    Attributes:
        overview: All figures, findings and words, as plain values: small, so that those of all epochs are at hand.
        details: What was measured of each image, and where its pictures are: what is fetched for one epoch.
        pictures: The PNGs, by key.
    """

    overview: dict[str, Any]
    details: dict[str, Any]
    pictures: dict[str, bytes]


def document(
    report: Source, *, images: bool = True, most_bytes: int | None = None, command: str | None = None
) -> Document:
    """Make a document of a report.

    Args:
        report: The report.
        images: Whether its examples are pictured. Defaults to `True`.
        most_bytes: About how many bytes the adversarial and corrupted images may take; those of the noise are left
            out first. Defaults to `None`, any number.
        command: The command that repeats it, if there was one. Defaults to `None`.
    """
    noise = [name for name, aim in report.aims.items() if aim == "noise"]
    where, sheets = pictures(
        report.examples if images else (),
        levels(report),
        report.measurements.coordinates.explainers,
        most_bytes=most_bytes,
        last=noise,
    )
    shown = [] if where is None else where["indices"]
    first = _first_index(report)
    overview = {
        "schema": SCHEMA,
        "about": _about(report),
        "figures": figures(report),
        "verdict": verdict(report),
        "findings": [{**item.to_dict(), "explanation": _explanations().get(item.id, "")} for item in report.warnings],
        "provenance": _provenance(report, command),
    }
    places = [index - first for index in shown]
    true = true_classes(report.measurements, report.provenance["labels"] == "given", places)
    details = {
        "samples": samples(report, places),
        "pictures": None if where is None else {**where, "indices": places},
        "probabilities": probabilities(report.examples, shown, levels(report), true),
    }
    return Document(plain(overview), plain(details), sheets)


def _first_index(report: Source) -> int:
    """The place in the data of the first image, which is not 0 in a part of them."""
    part = report.provenance["part"]
    return 0 if part is None else int(part["first"])


def _about(report: Source) -> dict[str, Any]:
    source, known = report.provenance, report.measurements.coordinates
    noise, names = controls(report), source["class_names"]
    family = families(known.explainers, source["layers"], source["score_pairs"])
    return {
        "model": source["model"],
        "task": source["task"],
        "labels": source["labels"],
        "target": source["target"],
        "classes": known.classes,
        "class_names": list(names[:_MOST_CLASSES]),
        "attacks": [
            *(
                {"name": name, "aim": report.aims[name], "norm": report.norms[name], "noise": noise[name]}
                for name in known.attacks
            ),
            # Corruptions are chosen where attacks are; they have a scale of their own.
            *({"name": name, "aim": "corruption", "norm": None, "noise": None} for name in known.corruptions),
        ],
        "explainers": [
            {
                "name": name,
                "family": family[name][0],
                "score": family[name][1],
                "layers": list(source["layers"].get(name, ())),
                "depths": list(source["depths"].get(name, ())),
            }
            for name in known.explainers
        ],
        "metrics": [{"name": name, "title": title_of(name)} for name in known.metrics],
        "epsilons": [{"value": level, "text": epsilon_text(level)} for level in known.epsilons],
        "severities": [{"value": level, "text": str(level)} for level in known.severities],
    }


def _provenance(report: Source, command: str | None) -> dict[str, Any]:
    """How it was made, as a list of names and texts, and how to make it again."""
    source, known = report.provenance, report.measurements.coordinates
    lower, upper = source["bounds"]
    lines = [
        ("model", source["model"]),
        ("images", f"{len(report.measurements):,}"),
        ("bounds of the pixels", f"{lower:g} to {upper:g}"),
        ("preprocessing", source["preprocess"] or "none"),
        ("attacks", ", ".join(f"{name} ({report.norms[name]})" for name in known.attacks)),
        ("corruptions", _corruptions(known)),
        ("explainers", ", ".join(f"{name}{_at(source['layers'].get(name))}" for name in known.explainers) or "none"),
        ("heatmaps explain", source["target"]),
        ("dissimilarities", ", ".join(known.metrics)),
        ("NISSIM", source["ssim"]),
        ("seed", str(source["seed"])),
        ("hash of the data", source["data_sha256"]),
        ("versions", ", ".join(f"{name} {version}" for name, version in source["versions"].items())),
    ]
    return {
        "lines": [[name, text] for name, text in lines if text],
        "command": command,
        "python": "keras_advxai.evaluate(model, data, settings=report.settings)" if source["settings"] else None,
        "settings": source["settings"],
    }


def _corruptions(known: Coordinates) -> str:
    if not known.corruptions:
        return ""
    return f"{', '.join(known.corruptions)}; severities {', '.join(map(str, known.severities))}"


def _at(layers: Any) -> str:
    return f" at {', '.join(layers)}" if layers else ""


@functools.cache
def _explanations() -> dict[str, str]:
    """What the documentation of the checks says of each, by id."""
    sections = re.split(r"^## ", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)[1:]
    texts = {}
    for section in sections:
        name, _, text = section.partition("\n")
        texts[name.strip()] = re.sub(r"^\*(Error|Warning|Note)\.\* ", "", text.strip())
    return texts
