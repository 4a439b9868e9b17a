"""A classifier whose logits are multiplied by a factor, without another model."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from keras_advxai._typing import Tensor
from keras_advxai.models.autograph import do_not_convert
from keras_advxai.models.classifier import ImageClassifier
from keras_advxai.models.forward import Forward


class RescaledClassifier(ImageClassifier):
    """An `ImageClassifier` of the same model that sees its logits multiplied by a factor.

    Its predictions are the same, and so should be what attacks find. It is made while a graph is traced and lives no
    longer than the trace, so the factor may be a tensor, and nothing is compiled for it.

    Args:
        classifier: The classifier.
        factor: A number above 0.
    """

    def __init__(self, classifier: ImageClassifier, factor: float | Tensor) -> None:
        vars(self).update(vars(classifier))
        self.factor = factor

    @do_not_convert
    def forward(self, x: Tensor, *, layers: Sequence[str] = ()) -> Forward:
        """As that of the classifier, with other logits, scores and probabilities."""
        return _RescaledForward(self, x, layers=layers)

    def compiled(self, key: Hashable, function: Callable[..., Any], *args: Any) -> Any:
        """The result of `function(self, *args)`, not compiled by itself."""
        return function(self, *args)


class _RescaledForward(Forward):
    """A pass whose logits are multiplied by the factor of its classifier."""

    classifier: RescaledClassifier

    def _read(self, logits: Tensor) -> None:
        super()._read(logits)
        self.logits *= self.classifier.factor
        self.scores *= self.classifier.factor
        self.probabilities = self.classifier.kind.rescaled(self.logits, self.head, self.raw_logits.shape[-1])
