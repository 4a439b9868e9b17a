"""The labels along the dimensions of what was measured."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any, Literal, get_args

import numpy as np

from keras_advxai._choice import nearest
from keras_advxai._typing import Score, TargetMode
from keras_advxai.measurements.reading import is_name, shown
from keras_advxai.text import epsilon_text

_CLOSE: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-12}  # a float32 may have come in between
_LARGEST = float(np.finfo("float32").max)

SCORES: tuple[Score, ...] = ("logit", "probability")
"""The scores that are compared: before the softmax, and after it."""


@dataclasses.dataclass(frozen=True)
class Coordinates:
    """The labels along the dimensions of `Measurements`.

    Attributes:
        attacks: Names of the attacks, the noise control last.
        explainers: Names of the explainers.
        metrics: Names of the dissimilarities, the report's own first.
        targets: Whose classes heatmaps explain, the report's own first.
        epsilons: The budgets, as they were given.
        classes: How many classes the model has.
        corruptions: Names of the corruptions, which are no attacks. Defaults to none.
        severities: Their severities, as they were given. Defaults to none.
        scale: What `epsilons` are, for messages: `"severity"` where the attacks are corruptions, as in
            `Measurements.corrupted`. Defaults to `"epsilon"`.

    Raises:
        ValueError: Labels along one dimension are the same, or of another kind; the message names the dimension.

    Example:

    >>> from keras_advxai.measurements import Coordinates
    >>> known = Coordinates(("fgsm", "pgd"), (), ("nissim",), ("predicted",), (0.1, 0.2), classes=3)
    >>> known.size("condition"), known.index("attack", "pgd"), known.conditions("pgd", 0.2)
    (5, 1, 4)
    """

    attacks: tuple[str, ...]
    explainers: tuple[str, ...]
    metrics: tuple[str, ...]
    targets: tuple[str, ...]
    epsilons: tuple[float, ...]
    classes: int
    corruptions: tuple[str, ...] = ()
    severities: tuple[int, ...] = ()
    scale: Literal["epsilon", "severity"] = "epsilon"

    def __post_init__(self) -> None:
        for key, least in (("attacks", 0), ("explainers", 0), ("metrics", 1), ("targets", 1), ("corruptions", 0)):
            names = getattr(self, key)
            if not all(map(is_name, names)) or len(set(names)) < max(len(names), least):
                raise ValueError(f"`coordinates.{key}` must be different names. Received: {shown(names)}")
        self._check_corruptions()
        if not set(self.targets) <= set(get_args(TargetMode)):
            raise ValueError(f"`coordinates.targets` must be among {', '.join(get_args(TargetMode))}.")
        real = [item for item in self.epsilons if _is_real(item) and 0 <= item <= _LARGEST]
        ordered = np.sort(np.array(real, "float64"))
        # Those that `index` could not distinguish would be one.
        if not real or len(real) < len(self.epsilons) or np.isclose(ordered[1:], ordered[:-1], **_CLOSE).any():
            raise ValueError(
                f"`coordinates.epsilons` must be different numbers from 0. Received: {shown(self.epsilons)}"
            )
        if type(self.classes) is not int or not 1 <= self.classes < 2**31:
            raise ValueError(f"`coordinates.classes` must be an integer from 1. Received: {shown(self.classes)}")
        # An epsilon of 1 is an int in most calls, and a float in the report that was read from a file.
        object.__setattr__(self, "epsilons", tuple(map(float, self.epsilons)))

    def _check_corruptions(self) -> None:
        both = [name for name in self.corruptions if name in self.attacks]
        if both:
            raise ValueError(f"`coordinates.corruptions` must not be attacks, too. Received: {shown(both)}")
        known = [item for item in self.severities if type(item) is int and 1 <= item < 2**31]
        if len(set(known)) < len(self.severities) or bool(self.corruptions) != bool(self.severities):
            raise ValueError(
                "`coordinates.severities` must be different integers from 1, and there where there are corruptions. "
                f"Received: {shown(self.severities)}"
            )

    def size(self, dim: str) -> int:
        """How many labels there are along a dimension."""
        if dim == "condition":
            return 1 + len(self.attacks) * len(self.epsilons) + len(self.corruptions) * len(self.severities)
        return len(self.labels(dim))

    def labels(self, dim: str) -> tuple[Any, ...]:
        """The labels along a dimension."""
        if dim == "score":  # both are always measured where there is a comparison of scores
            return SCORES
        if dim == "class":
            return tuple(range(self.classes))
        if dim == "severity":
            return self.severities
        # Names differ from fields by an s alone.
        labels: tuple[Any, ...] = getattr(self, f"{dim}s")
        return labels

    def index(self, dim: str, label: Any) -> int:
        """The place of a label along its dimension.

        Args:
            dim: `"attack"`, `"explainer"`, `"metric"`, `"target"`, `"score"`, `"class"`, `"epsilon"`, `"corruption"` or
                `"severity"`.
            label: The name, a configuration or function of that name, or the epsilon, to the precision of float32.

        Raises:
            ValueError: There is no such label; the message lists the labels and the nearest.
        """
        labels = self.labels(dim)
        if dim == "epsilon":
            # A plain float first: whether something is a `Real` takes longer than all the rest.
            wanted = float(label) if type(label) is float or isinstance(label, numbers.Real) else math.nan
            # Asked some thousand times for the tables and charts of a report: NumPy takes ten times as long for five.
            near = _CLOSE["atol"] + _CLOSE["rtol"] * abs(wanted) if math.isfinite(wanted) else -1.0
            for place, known_label in enumerate(labels):
                if abs(known_label - wanted) <= near:
                    return place
            shown_labels = ", ".join(map(epsilon_text, labels))
            raise ValueError(
                f"Argument `{self.scale}` must be one of the report's, {shown_labels}. Received: {self.scale}={label!r}"
            )
        name = getattr(label, "name", getattr(label, "__name__", label))  # a user's dissimilarity is a plain function
        if name in labels:
            return labels.index(name)
        known = [str(item) for item in labels]  # classes are numbers
        what = "corruption" if (dim, self.scale) == ("attack", "severity") else dim
        raise ValueError(
            f"The report has no {what} {name!r}.{nearest(str(name), known)} It has: {', '.join(known) or 'none'}"
        )

    def label(self, dim: str, label: Any) -> Any:
        """A label as the report knows it, for one that was given in another form; see `index`."""
        return self.labels(dim)[self.index(dim, label)]

    def level(self, attack: Any | None, epsilon: float | None) -> float | None:
        """The epsilon of a condition, as the report knows it: `None` for the clean images, no attack, which have none.

        Raises:
            ValueError: There is no such epsilon, or one is named without an attack.
        """
        if attack is not None:
            found: float = self.label("epsilon", epsilon)
            return found
        if epsilon is not None:
            raise ValueError(
                "The clean images have no epsilon. Name the attack, or leave `epsilon` out. "
                f"Received: attack=None, epsilon={epsilon!r}"
            )
        return None

    def is_corruption(self, label: Any) -> bool:
        """Whether a name, or something of that name, is one of the corruptions."""
        name = getattr(label, "name", label)
        return isinstance(name, str) and name in self.corruptions

    @property
    def corrupted(self) -> Coordinates:
        """The same with the corruptions for attacks, and their severities for epsilons."""
        if not self.corruptions:
            raise ValueError("The report has no corruptions. Evaluate with some, such as attacks=['fgsm', 'fog'].")
        return dataclasses.replace(
            self,
            attacks=self.corruptions,
            epsilons=tuple(map(float, self.severities)),
            corruptions=(),
            severities=(),
            scale="severity",
        )

    def corrupted_conditions(self, corruption: Any | None = None) -> slice:
        """Where the conditions of corruptions lie, behind all attacks: of one at all severities, or of all."""
        first = 1 + len(self.attacks) * len(self.epsilons)
        if corruption is None:
            return slice(first, self.size("condition"))
        first += self.index("corruption", corruption) * len(self.severities)
        return slice(first, first + len(self.severities))

    def conditions(self, attack: Any | None, epsilon: float | None = None) -> int | slice:
        """Where conditions lie: the clean one for no attack, else the attack's at one epsilon, or at all in order."""
        if attack is None:
            return 0
        first = 1 + self.index("attack", attack) * len(self.epsilons)
        return slice(first, first + len(self.epsilons)) if epsilon is None else first + self.index("epsilon", epsilon)


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
