"""The sample that is evaluated after an epoch: how many images, in batches of which size."""

from __future__ import annotations

import time
from collections.abc import Sequence

from keras_advxai import audit
from keras_advxai.callbacks.cost import EpochClock, Share, cost_text, timed
from keras_advxai.callbacks.guard import is_of_memory
from keras_advxai.callbacks.telling import Teller
from keras_advxai.data.batches import Batches
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.execution import Evaluator
from keras_advxai.models.compiled import cached_structure


class SampleEvaluation:
    """Evaluates a fixed random sample of the data after epochs, and all of the data after the training.

    Args:
        evaluator: The evaluator.
        batches: All of the data.
        most: At most so many images are in the sample.
        teller: Says what it takes.
        class_names: The names of the classes, for the reports.
    """

    def __init__(
        self, evaluator: Evaluator, batches: Batches, most: int, teller: Teller, class_names: Sequence[str] | None
    ) -> None:
        self._evaluator = evaluator
        self._batches = batches
        self._sample = batches.sampled(most, evaluator.settings.seed)
        self._teller = teller
        self._class_names = class_names
        self._share = Share(None, 0.0, 0.0)

    @property
    def images(self) -> int:
        """How many images are in the sample."""
        return self._sample.images or 1

    @property
    def is_all(self) -> bool:
        """Whether the sample is all of the data."""
        return self._sample.images == self._batches.images

    def warm_up(self, most_share: float | None) -> None:
        """Compile, and see what that takes, and what an image takes then.

        Args:
            most_share: The largest share of an epoch's time that an evaluation is to take; `None` for any.
        """
        first = timed(lambda: self._evaluator.warm_up(self._sample))
        images = min(self._sample.images or 1, self._sample.batch_size)
        # A second time only where it is asked for: it is a batch of the evaluation.
        again = 0.0 if most_share is None else timed(lambda: self._evaluator.warm_up(self._sample))
        self._share = Share(most_share, again / images, compiling=first - again)

    def after_epoch(self, epoch: int, clock: EpochClock) -> EvaluationReport:
        """The report of the sample.

        Args:
            epoch: The epoch, from 0.
            clock: What its training steps took.
        """
        count = self._share.before(self._sample.images or 1, clock)
        self._make_smaller(count)
        begin = time.perf_counter()
        report = self.again()
        taken = time.perf_counter() - begin
        if self._share.evaluations == 0:
            self._teller.line(cost_text(epoch, taken, count, clock.seconds, self._share, self._evaluator.settings))
        self._share.after(count, clock, taken)
        return report

    def again(self) -> EvaluationReport:
        """The report of the sample as large as it is, whatever that takes."""
        with cached_structure(self._evaluator.classifier.model):  # looked at once, not in every batch
            return audit.run(self._evaluator, self._sample, progress=False, class_names=self._class_names)

    def go_on(self, images: int) -> None:
        """Take the sample of a training that is gone on with: values of other samples do not compare.

        Args:
            images: How many images it had.
        """
        if images < (self._sample.images or 1):
            self._make_smaller(images)
            self._share.settle()

    def of_all(self) -> EvaluationReport:
        """The report of all of the data, in smaller batches where the memory turns out too small."""
        while True:
            try:
                return self._of_all()
            except Exception as error:
                # There is no next epoch that could try again. A dataset keeps its own batches.
                if not is_of_memory(error) or self._batches.known_images is None or self._batches.batch_size == 1:
                    raise
                self.halve()

    def _of_all(self) -> EvaluationReport:
        return audit.run(
            self._evaluator,
            self._batches,
            progress=self._teller.shows,
            title="evaluating all of the data",
            class_names=self._class_names,
        )

    def halve(self) -> None:
        """Go on in batches of half the size, after the memory was too small."""
        for batches in (self._sample, self._batches):
            batches.batch_size = max(1, min(batches.batch_size, batches.images or batches.batch_size) // 2)

    def _make_smaller(self, count: int) -> None:
        if count != self._sample.images:
            self._sample = self._sample.sampled(count, self._evaluator.settings.seed)
