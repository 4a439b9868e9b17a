"""Numbers, epsilons and lists as people write them, for tables, figures, messages and logs."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_NO_LETTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, ends of lines, and halves of characters, which no file can hold."""


def epsilon_text(epsilon: float) -> str:
    """An epsilon as people write it: `8/255` where it is a number of grey levels, `0.15` or `0.2` as they are.

    Parts of levels are told with up to two decimals, such as `0.25/255`.

    Example:

    >>> from keras_advxai.text import epsilon_text
    >>> epsilon_text(8 / 255), epsilon_text(0.25 / 255), epsilon_text(0.15)
    ('8/255', '0.25/255', '0.15')
    """
    levels = epsilon * 255
    short = float(f"{epsilon:.3g}") == epsilon
    if not short and abs(levels - round(levels, 2)) < 1e-6 and 0 < round(levels, 2) < 255:
        return f"{round(levels, 2):g}/255"
    return f"{epsilon:.4g}"


def number_text(value: float) -> str:
    """A number with three decimals; `-` where it is NaN."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def value_text(value: float) -> str:
    """A number of any size with four digits; `-` where it is NaN."""
    return "-" if math.isnan(value) else f"{value:.4g}"


def range_text(low: float, high: float) -> str:
    """An interval with three decimals; `-` where it is NaN."""
    return "-" if math.isnan(low) else f"{low:.3f}-{high:.3f}"


def percent_text(value: float, digits: int = 1) -> str:
    """A share in percent; `-` where it is NaN, and `> 1000 %` where no number would help."""
    if math.isnan(value):
        return "-"
    return f"{100 * value:.{digits}f} %" if value <= 10 else "> 1000 %"


def share_text(value: float, ends: tuple[float, float]) -> str:
    """A share in percent with its interval, both to one digit; without one where that is NaN.

    Example:

    >>> from keras_advxai.text import share_text
    >>> share_text(0.0, (0.0, 0.4345)), share_text(0.5, (float("nan"), float("nan")))
    ('0.0 % (0.0-43.5)', '50.0 %')
    """
    low, high = ends
    return percent_text(value) + ("" if math.isnan(low) else f" ({100 * low:.1f}-{100 * high:.1f})")


def duration_text(seconds: float) -> str:
    """A duration with the precision of a forecast.

    Example:

    >>> from keras_advxai.text import duration_text
    >>> duration_text(4.2), duration_text(130), duration_text(8000)
    ('4 s', '2 min', '2.2 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def is_line(text: str) -> bool:
    r"""Whether a text is one line that a table can show and a file can hold.

    Example:

    >>> from keras_advxai.text import is_line
    >>> is_line("Käse 1.png"), is_line("a\nb"), is_line("\ud800")
    (True, False, False)
    """
    return _NO_LETTERS.search(text) is None


def one_line(text: str) -> str:
    r"""A text as one line: what cannot be shown or written stands there as Python writes it.

    Example:

    >>> from keras_advxai.text import one_line
    >>> one_line("a\tb")
    'a\\tb'
    """
    return _NO_LETTERS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def ending(name: str, longest: int) -> str:
    """A name, of a long one the end, as of a path.

    Args:
        name: The name.
        longest: How many characters may be left.

    Example:

    >>> from keras_advxai.text import ending
    >>> ending("dogs/first.png", 20), ending("photographs/dogs/first.png", 20)
    ('dogs/first.png', '...hs/dogs/first.png')
    """
    return name if len(name) <= longest else f"...{name[3 - longest :]}"


def shortened(name: str) -> str:
    """A name as Python writes it, in a message; of a long one the beginning.

    Example:

    >>> from keras_advxai.text import shortened
    >>> shortened("cat"), len(shortened("cat" * 1000))
    ("'cat'", 85)
    """
    return repr(name) if len(name) <= 80 else f"{name[:80]!r}..."


def enumeration(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; nothing of nothing."""
    if not names:
        return ""
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


def to_be_said(*ways: str) -> str:
    """Settings of the model that a message advises, with what takes them, whichever of these the user has called.

    Args:
        *ways: Settings as they are written in a call; of several, one is to be chosen.

    Example:

    >>> from keras_advxai.text import to_be_said
    >>> to_be_said("output=...")
    'output=... (to evaluate, the callback, ExplainableModel or ImageClassifier)'
    """
    return f"{' or '.join(ways)} (to evaluate, the callback, ExplainableModel or ImageClassifier)"
