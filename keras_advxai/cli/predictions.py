"""What a model says of the first images, as rows and as text."""

from __future__ import annotations

from typing import Any

from keras_advxai.cli.failing import printable
from keras_advxai.cli.first_look import SHOWN, FirstLook
from keras_advxai.cli.images import Images

_VALUES = 5
"""So many outputs of a regression are shown."""


def predictions_of(seen: FirstLook, found: Images) -> list[dict[str, Any]]:
    """The most probable class of each image that is shown.

    Args:
        seen: What the model says of them.
        found: The images.
    """
    rows: list[dict[str, Any]] = []
    for place in range(min(SHOWN, len(seen.predictions))):
        file = printable(found.names[place]) if place < len(found.names) else f"image {place}"
        top = seen.top(place, 1 if seen.values is None else len(seen.values[place]))
        if seen.values is not None:
            rows.append({"file": file, "values": [value for _, value in top]})
            continue
        index, share = top[0] if top else (-1, float("nan"))
        name = found.class_names[index] if found.class_names and index >= 0 else None
        rows.append({"file": file, "class": index, "name": name, "confidence": None if share != share else share})
    return rows


def predictions_text(rows: list[dict[str, Any]], count: int | None) -> str:
    """A line for each image that is shown.

    Args:
        rows: What `predictions_of` returned.
        count: How many images there are; `None` where nobody knows.
    """
    from keras_advxai.text import percent_text

    width = max((len(row["file"]) for row in rows), default=0)
    lines = []
    for row in rows:
        if "values" in row:
            values = [f"{value:.4g}" for value in row["values"]] or ["the output is not finite"]
            more = " ..." if len(values) > _VALUES else ""
            lines.append(f"  {row['file']:<{width}}  {', '.join(values[:_VALUES])}{more}")
            continue
        said = row["name"] or ("no class: the output is not finite" if row["class"] < 0 else f"class {row['class']}")
        share = "" if row["confidence"] is None else f"{percent_text(row['confidence']):>8}  "
        lines.append(f"  {row['file']:<{width}}  {share}{said}")
    of_all = "" if count is None or count <= len(rows) else f" for {len(rows)} of {count} images"
    return "\n".join([f"Predictions{of_all}:", *lines])
