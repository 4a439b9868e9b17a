"""What the callback's evaluations take, beside what the training takes."""

from __future__ import annotations

import time
from collections.abc import Callable

from keras_advxai.evaluation import EvaluationSettings

_SLACK = 1.25
"""By how much an evaluation may exceed its share before the sample is made smaller: times vary by as much."""


class EpochClock:
    """Times the training steps of an epoch, without its validation and without our evaluation."""

    def __init__(self) -> None:
        self._begin = self._second = self._end = 0.0
        self._steps = 0

    def begin(self) -> None:
        """An epoch begins."""
        self._begin = time.perf_counter()
        self._end = 0.0
        self._steps = 0

    def step(self) -> None:
        """A step begins."""
        self._steps += 1
        if self._steps == 2:
            self._second = time.perf_counter()

    def end(self) -> None:
        """The steps have ended: the validation begins, or the epoch ends."""
        self._end = self._end or time.perf_counter()  # the first of the two

    @property
    def seconds(self) -> float:
        """What the steps took, compiling included."""
        return self._end - self._begin

    @property
    def has_steps(self) -> bool:
        """Whether there were several steps, so that it shows what the first one took for compiling."""
        return self._steps > 1

    @property
    def compiled_seconds(self) -> float:
        """What the steps would have taken if the first, which is compiled, had taken as long as the others."""
        if not self.has_steps:
            return self.seconds
        return (self._end - self._second) * self._steps / (self._steps - 1)


class Share:
    """How many images are evaluated, if that is to take no more than a share of an epoch's training steps.

    The number is settled after the first epoch, and once more, downwards, after the second evaluation: values of other
    samples do not compare.

    Args:
        most: The largest share of an epoch; `None` for any.
        each: What an image takes, in seconds, compiling not counted.
        compiling: What compiling took before the training, in seconds.

    Attributes:
        compiling: What compiling took.
        evaluations: How many there have been.
    """

    def __init__(self, most: float | None, each: float, compiling: float) -> None:
        self.most = most
        self.compiling = compiling
        self.evaluations = 0
        self._each = each
        self._is_settled = most is None

    def settle(self) -> None:
        """Leave the number of images as it is."""
        self._is_settled = True

    def before(self, count: int, clock: EpochClock) -> int:
        """How many images of a sample are to be evaluated; one at least.

        Args:
            count: How many the sample has.
            clock: The clock of the epoch.
        """
        if self._is_settled or self.most is None:
            return count
        # Of a single step it does not show how much of it was compiling: the second epoch will.
        self._is_settled = clock.has_steps or self.evaluations > 0
        epoch = clock.seconds if self.evaluations else clock.compiled_seconds
        return min(count, max(1, int(self.most * epoch / max(self._each, 1e-9))))

    def after(self, count: int, clock: EpochClock, taken: float) -> None:
        """Look at what an evaluation took.

        Args:
            count: How many images were evaluated.
            clock: The clock of the epoch.
            taken: What it took, in seconds.
        """
        self.evaluations += 1
        # Not the first evaluation, in which `checks="all"` compiles.
        if self.most is not None and self.evaluations == 2 and taken > _SLACK * self.most * clock.seconds:
            self._each = taken / count
            self._is_settled = False


def cost_text(
    epoch: int, taken: float, images: int, training: float, share: Share, settings: EvaluationSettings
) -> str:
    """The line on what an evaluation took, and what makes it cheaper.

    Args:
        epoch: The epoch, from 0.
        taken: The seconds of the evaluation after it.
        images: How many images it was of.
        training: The seconds of its training steps.
        share: The share of an epoch that it was to take, which knows what compiling took.
        settings: The settings.
    """
    bounded = "" if share.most is None else f" (max_share={share.most:g})"
    return (
        f"Adversarial evaluation: {taken:.1f} s for {images} images{bounded} after epoch {epoch + 1}, which trained "
        f"for {training:.1f} s. Compiling took {share.compiling:.1f} s before it, once. Cheaper: "
        f"{', '.join(_cheaper(share, settings))}."
    )


def timed(call: Callable[[], None]) -> float:
    """The seconds that a call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _cheaper(share: Share, settings: EvaluationSettings) -> list[str]:
    found = ["a smaller max_samples"]
    if len(settings.epsilons) > 2:
        found.append(f"2 epsilons for {len(settings.epsilons)}")
    if settings.corruptions and len(settings.severities) > 1:
        found.append(f"1 severity for {len(settings.severities)}")
    if settings.controls:
        found.append("noise_control=False")
    if any(attack.iterative for attack in settings.attacks):
        found.append("attacks of fewer steps")
    if any(explainer.passes for explainer in settings.explainers):
        found.append("explainers of fewer passes")
    if settings.checks == "all":
        found.append("checks='cheap'")
    # Without one, a share is the shortest way; with one, the sample is bounded already.
    return [*found, "every=2", *(["or max_share=0.2, a fifth of an epoch at most"] if share.most is None else [])]
