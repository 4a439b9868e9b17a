"""How much disk space a report will take, before there is one."""

from __future__ import annotations

from keras_advxai.settings.evaluation_settings import EvaluationSettings

_SCALAR = 60  # bytes of an event at least, and so on
_HISTOGRAM = 700
_PICTURE = 2000
_FIGURE = 5000
_HEADER = 2000
_FLOAT = 10  # characters of a number in JSON, with what stands between
_SHORT = 3
_VIEWER = 700  # of the tab AdvXAI


def logged_bytes(settings: EvaluationSettings, *, final: bool = False) -> int:
    """What a report takes in event files, at least.

    Args:
        settings: The settings of the evaluation.
        final: Whether it is logged as that of an evaluation, with figures and texts and without curves. Defaults to
            `False`.
    """
    attacks, explainers = len(settings.attacks_and_controls), _charted(settings)
    pairs = explainers * len(settings.metrics)
    conditions = attacks * len(settings.epsilons) + len(settings.corruptions) * len(settings.severities)
    pictures = (attacks + len(settings.corruptions)) * explainers * settings.pictured * _PICTURE
    histograms = conditions * _HISTOGRAM * pairs
    if final:
        figures = len(settings.attacks) * explainers * (_FIGURE if settings.pictured else 0)
        return _VIEWER + histograms + pictures + figures + _FIGURE + _HEADER
    return _VIEWER + conditions * _SCALAR * (3 + 3 * pairs) + histograms + pictures


def _charted(settings: EvaluationSettings) -> int:
    """How many explainers have charts, at least: of those that differ in their layers alone, one has."""
    return len({(type(item), getattr(item, "score", None)) for item in settings.explainers})


def saved_bytes(settings: EvaluationSettings, images: int) -> int:
    """What a report takes as JSON, at least.

    Args:
        settings: The settings of the evaluation.
        images: How many images it is of.
    """
    conditions = len(settings.attacks_and_controls) * len(settings.epsilons)
    conditions += len(settings.corruptions) * len(settings.severities)
    explainers = len(settings.explainers)
    of_pair = _SHORT * explainers + _FLOAT * explainers * len(settings.metrics)
    return _HEADER + images * conditions * (_SHORT + _FLOAT + of_pair)
