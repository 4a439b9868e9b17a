"""The words under the pictures: classes, probabilities, dissimilarities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from keras_advxai.measurements.examples import Example
from keras_advxai.text import ending

ClassNames: TypeAlias = Sequence[str] | Mapping[int, str] | None
"""The names of the classes, in the order of their numbers or by number; `None` for the numbers themselves."""

LONGEST = 24


def class_text(index: int, class_names: ClassNames = None, longest: int = LONGEST) -> str:
    """The name of a class, shortened if need be, or `class 3` where there are no names.

    Args:
        index: The number of the class; -1 stands for none, where the model's output is not finite.
        class_names: The names.
        longest: How many characters a name may have.

    Raises:
        ValueError: There is no name for this class.
        TypeError: `class_names` is one string.

    Example:

    >>> from keras_advxai.figures.captions import class_text
    >>> class_text(1), class_text(1, ["cat", "dog"])
    ('class 1', 'dog')
    """
    if index < 0:  # which would be the last name of a sequence
        return "no class"
    if class_names is None:
        return f"class {index}"
    if isinstance(class_names, str):  # a sequence, too: of letters
        raise TypeError(
            "Argument `class_names` must be a sequence of names or a dictionary from numbers to names. "
            f"Received: class_names={class_names!r}"
        )
    try:
        name = str(class_names[index])
    except (IndexError, KeyError):
        raise ValueError(
            "Argument `class_names` must name every class that occurs. "
            f"Received: {len(class_names)} names, none of them for class {index}"
        ) from None
    return name if len(name) <= longest else name[: longest - 3] + "..."


def percent(share: float) -> str:
    """A share as `63.1 %`; `-` where it is NaN."""
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def number(value: float) -> str:
    """A number with three decimals; `-` where it is NaN."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def image_text(example: Example) -> str:
    """Which image it is: its place in the data, and its name if it has one, of a long one the end.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.evaluation import Example
    >>> from keras_advxai.figures.captions import image_text
    >>> pictures = np.zeros((8, 8, 1)), np.zeros((8, 8, 1)), np.zeros((8, 8)), np.zeros((8, 8))
    >>> image_text(Example("fgsm", "grad_cam", 0.1, 3, 1, *pictures, 1, 0, 1.0, 1.0, 0.0, "cats/a.png"))
    'image 3: cats/a.png'
    """
    return f"image {example.index}{f': {ending(example.name, LONGEST)}' if example.name else ''}"


def flipped(example: Example) -> bool:
    """Whether the attack changed the prediction."""
    return example.prediction != example.adversarial_prediction
