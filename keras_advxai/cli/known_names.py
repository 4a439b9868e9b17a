"""The names of attacks, explainers, dissimilarities and corruptions, for who asks before TensorFlow is loaded."""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from keras_advxai._choice import nearest, snake_case
from keras_advxai.cli.failing import Failure, printable

_PACKAGES = {"attack": "attacks", "explainer": "explainers", "metric": "metrics", "corruption": "corruptions"}
"""Where those that an option names are registered."""

_OTHERS = {"attack": ("quick", "standard"), "corruption": ("common_corruptions",)}
"""Names for several of them."""

_REGISTERED = re.compile(r"^@register\b.*\n(?:@.*\n)*(?:class|def) (\w+)", re.MULTILINE)
_ELSEWHERE = re.compile(r"^REGISTRY\.elsewhere\[\"(\w+)\"\]", re.MULTILINE)


@functools.cache
def known(kind: str) -> tuple[str, ...]:
    """The names of one kind that this package registers; none where its sources are not installed.

    Args:
        kind: `"attack"`, `"explainer"`, `"metric"` or `"corruption"`.

    Example:

    >>> from keras_advxai.cli.known_names import known
    >>> known("metric")
    ('center_shift', 'cosine_distance', 'nissim', 'rank_distance', 'top_k_distance')
    """
    # Importing the registries loads TensorFlow, which takes seconds. Their files are read as text, in a thousandth of
    # one, so that a name need not be written down a second time; a test compares what is found with the registries.
    folder = pathlib.Path(__file__).parents[1] / _PACKAGES[kind]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    registered = [snake_case(name) for name in _REGISTERED.findall(text)]
    return tuple(sorted([*registered, *_ELSEWHERE.findall(text), *_OTHERS.get(kind, ())])) if registered else ()


def check_names(options: dict[str, Any], sources: Sequence[str]) -> None:
    """Raise for a name that nothing has, in seconds less than it takes to ask the registries.

    Args:
        options: What the options of a command give.
        sources: What models are loaded from. The module of a function may register names of its own.

    Raises:
        Failure: There is no such attack, explainer or dissimilarity.
    """
    if any(":" in source for source in sources):
        return
    for kind in ("attack", "explainer", "metric"):
        given, names = options.get(f"{kind}s", options.get(kind, ())), known(kind)
        # What may be named among several attacks, and in place of all explainers.
        several = known("corruption") if "attacks" in options else ()
        others = {"explainer": ("none",), "attack": several}.get(kind, ())
        squeezed = {_squeezed(name) for name in (*names, *others)}
        for text in (given,) if isinstance(given, str) else given:
            name = text.partition(":")[0]
            if names and _squeezed(name) not in squeezed:
                what = "dissimilarity" if kind == "metric" else kind
                raise Failure(
                    f"Unknown {what} {printable(name[:200])!r}.{nearest(name, (*names, *others))} Known: "
                    f"{', '.join(names)}. See keras-advxai {kind}s."
                )


def _squeezed(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()
