"""One self-contained file of HTML: the viewer, its data and its pictures."""

from __future__ import annotations

import base64
import gzip
import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any

import jinja2

from keras_advxai.text import number_text, percent_text
from keras_advxai.viewer.assets import asset
from keras_advxai.viewer.document import Document, document
from keras_advxai.viewer.plain import plain, to_json
from keras_advxai.viewer.source import Source

MOST_BYTES = 1_000_000
"""About how many bytes the adversarial images of a file may take."""

_TEMPLATE = pathlib.Path(__file__).parent / "report.html.jinja"


def to_html(reports: Mapping[str, Source], *, command: str | None = None, most_bytes: int = MOST_BYTES) -> str:
    """One page with everything in it. It asks for nothing, runs no script but its own, and prints.

    Args:
        reports: The reports by what they are called, of several models in the order in which they are listed.
        command: The command that repeats it, if there was one. Defaults to `None`.
        most_bytes: About how many bytes the adversarial images may take; of more, those of the noise are left out
            first. Defaults to 1 MB.

    Returns:
        The text of the file.

    Raises:
        ValueError: There is no report.
    """
    if not reports:
        raise ValueError("There is no report to write. Pass at least one.")
    share = most_bytes // len(reports)
    made = {name: document(report, most_bytes=share, command=command) for name, report in reports.items()}
    style, script = (asset(name).decode("utf-8") for name in ("viewer.css", "viewer.js"))
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError("The script of the viewer would end early in a page. Build it again: make viewer")
    pictures = {
        key: base64.b64encode(png).decode("ascii") for item in made.values() for key, png in item.pictures.items()
    }
    runs = [_run(place, name, item) for place, (name, item) in enumerate(made.items())]
    page = _environment().from_string(_TEMPLATE.read_text("utf-8"))
    return page.render(
        title=plain(" and ".join(reports)),
        reports=[_plain_text(name, item) for name, item in made.items()],
        style=style,
        script=script,
        style_hash=_hash(f"\n{style}"),
        script_hash=_hash(f"\n{script}"),
        data=base64.b64encode(gzip.compress(to_json({"runs": runs}).encode("utf-8"), mtime=0)).decode("ascii"),
        pictures=to_json(pictures),
    )


def _run(place: int, name: str, made: Document) -> dict[str, Any]:
    step = {"step": 0, "overview": made.overview, "details": made.details}
    return {"id": str(place), "name": plain(name), "training": False, "steps": [step]}


def _plain_text(name: str, made: Document) -> dict[str, Any]:
    """What stands in the page for a browser without scripts."""
    about, figures, said = (made.overview[key] for key in ("about", "figures", "verdict"))
    explainer = about["explainers"][0]["name"] if about["explainers"] else None
    metric = about["metrics"][0]["name"]
    drift = figures["drift"][metric][explainer] if explainer else None
    rows = [
        {
            "attack": attack["name"],
            "level": of["text"],
            "accuracy": percent_text(_known(figures["attacks"][attack["name"]]["accuracy"][level])),
            "mod": "" if drift is None else number_text(_known(drift["attacks"][attack["name"]]["mod"][level])),
        }
        for attack in about["attacks"]
        for level, of in enumerate(_levels(about, attack))
    ]
    aimed = [item for item in about["attacks"] if item["aim"] != "noise"] or about["attacks"]
    largest = {item["name"]: _largest(_levels(about, item)) for item in aimed}
    sentences = [". ".join(said["accuracy"][attack][level]) for attack, level in largest.items()]
    if explainer:
        sentences += [said["drift"][metric][explainer][attack][level] for attack, level in largest.items()]
    return {
        "name": plain(name),
        "sentences": [*sentences, said["worth"]],
        "explainer": explainer,
        "scale": "epsilon or severity" if about["severities"] else "epsilon",
        "rows": rows,
        "findings": made.overview["findings"],
        "provenance": made.overview["provenance"],
    }


def _levels(about: Mapping[str, Any], attack: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The epsilons of an attack, or the severities of a corruption."""
    found: list[dict[str, Any]] = about["severities" if attack["aim"] == "corruption" else "epsilons"]
    return found


def _largest(levels: list[dict[str, Any]]) -> int:
    return max(range(len(levels)), key=lambda place: float(levels[place]["value"]))


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def _environment() -> jinja2.Environment:
    # Names may hold markup. What is marked `safe` in the template is ours, or was made safe by `to_json`.
    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)


def _hash(text: str) -> str:
    """What a Content-Security-Policy knows an inline script or style by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
