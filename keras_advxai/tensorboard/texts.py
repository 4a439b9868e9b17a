"""What the Text dashboard shows: the printed table, the findings, where the numbers come from, and single images."""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from tensorboard.plugins.text.summary_v2 import text_pb

from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.figures.captions import ClassNames, class_text, flipped, number, percent
from keras_advxai.measurements.examples import Example
from keras_advxai.measurements.finding import DOCUMENT
from keras_advxai.tables.contents import contents
from keras_advxai.tables.plain_text import to_text
from keras_advxai.tables.table import Remark
from keras_advxai.tensorboard.names import REPORTED
from keras_advxai.text import one_line


def printed(report: EvaluationReport) -> str:
    """The table as it is printed, without the findings below it."""
    parts = tuple(part for part in contents(report) if not isinstance(part, Remark))
    return _as_it_is(to_text(parts))


def findings(report: EvaluationReport) -> str:
    """What would be misread otherwise, and what is to be done: with the text that the link of each leads to.

    A page of TensorBoard cannot open a file of the disk, so the text stands below, and the link beside it to be copied.
    """
    explained = _explanations()
    items = [
        f"**{item.severity.capitalize()}**: {_plain(item)} (`{item.link}`)\n\n{explained.get(item.id, '')}"
        for item in report.warnings
    ]
    return "\n\n".join(items) or "Nothing was found that would be misread."


def provenance(report: EvaluationReport) -> str:
    """Where the numbers come from, a line for each entry."""
    entries = {name: value for name, value in report.provenance.items() if value not in (None, [], {}, "")}
    settings = entries.pop("settings", {})
    versions = entries.pop("versions", {})
    groups = {"": entries, "settings": settings, "versions": versions}
    return "\n\n".join(
        f"{f'**{title}**' if title else ''}\n\n{_as_it_is(_listed(group))}" for title, group in groups.items() if group
    )


def settings(values: Mapping[str, Any]) -> str:
    """What a training was begun with, a line for each."""
    return _as_it_is(_listed(values))


def predictions(examples: Sequence[Example], class_names: ClassNames, labels: bool) -> str:
    """What the model predicts for the images that are pictured, before and after the attack, a row for each.

    Args:
        examples: Those of one attack and epsilon.
        class_names: The names of the classes; `None` for their numbers.
        labels: Whether the labels are known.
    """
    explainers = list(dict.fromkeys(example.explainer for example in examples))
    heads = ["image", *(["label"] if labels else []), "original", "adversarial", "", *explainers]
    rows = []
    for index in dict.fromkeys(example.index for example in examples):
        same = {example.explainer: example for example in examples if example.index == index}
        one = next(iter(same.values()))
        before = f"{class_text(one.prediction, class_names)} {percent(one.confidence)}"
        after = f"{class_text(one.adversarial_prediction, class_names)} {percent(one.adversarial_confidence)}"
        drifts = [_drift(same[name]) if name in same else "" for name in explainers]
        label = [class_text(one.label, class_names)] if labels else []
        name = f"{index}{f' {one.name}' if one.name else ''}"
        rows.append([name, *label, before, after, "flipped" if flipped(one) else "", *drifts])
    lines = ["|".join(map(_cell, heads)), "|".join("---" for _ in heads), *("|".join(map(_cell, row)) for row in rows)]
    return "\n".join(f"|{line}|" for line in lines)


def report_pbs(report: EvaluationReport) -> list[Any]:
    """The texts of a report as summaries."""
    made = {"1_table": printed, "2_findings": findings, "3_provenance": provenance}
    return [text_pb(f"{REPORTED}/{name}", make(report)) for name, make in made.items()]


@functools.cache
def _explanations() -> dict[str, str]:
    """The sections of the document of all checks, as quotations, by the names of the checks."""
    sections = re.split(r"(?m)^#+ +", DOCUMENT.read_text("utf-8"))
    found = dict(section.split("\n", 1) for section in sections if "\n" in section)
    return {
        name.strip().strip("`"): textwrap.indent(text.strip(), "> ", lambda line: True) for name, text in found.items()
    }


def _drift(example: Example) -> str:
    blank = {"original": example.heatmap, "adversarial": example.adversarial_heatmap}
    names = [name for name, heatmap in blank.items() if not heatmap.any()]
    return number(example.dissimilarity) + (f", blank: {' and '.join(names)}" if names else "")


def _listed(values: Mapping[str, Any]) -> str:
    width = max(map(len, values), default=0)
    return "\n".join(f"{name:{width}}  {one_line(_value(value))}" for name, value in values.items())


def _value(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _as_it_is(text: str) -> str:
    """A text in a block of code, which nothing in it can end."""
    return textwrap.indent(_encodable(text), "    ", lambda line: True)


def _plain(text: str) -> str:
    """A text in which nothing is markup, for TensorBoard's Markdown, which knows these alone as escaped."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()#+-.!" else sign for sign in _escaped(text))


def _cell(text: str) -> str:
    return _plain(text).replace("|", "&#124;")


def _escaped(text: str) -> str:
    return _encodable(one_line(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")  # half a character cannot be written
