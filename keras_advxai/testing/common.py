"""What the contracts of attacks and of explainers have in common."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._registry import Configuration
from keras_advxai._typing import Tensor
from keras_advxai.models import ImageClassifier
from keras_advxai.models.classifier import SETTINGS
from keras_advxai.testing.state import require, unchanged

_CROSSED = 0.15
"""The share of all pixels that may lie where rounding crossed a kink: a patch of one image of three or more."""
_KINK = 0.05
"""How far a heatmap may differ there, as a share of its largest value."""
_SHIFTED = 0.01
"""How far an adversarial image may differ there, as a share of the largest pixel."""
_STRAYING = 0.01
"""The share of an adversarial image's pixels that may differ by more, because a sign turned."""


def check_configuration(instance: Configuration, module: Any) -> None:
    """Fail unless a configuration makes the round trip through `module`, and cannot be assigned to."""
    cls = type(instance)
    try:
        config = json.loads(json.dumps(module.serialize(instance)))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"Its configuration cannot be written as JSON: {first_line(error)}") from None
    try:
        again = module.deserialize(config)
    except (TypeError, ValueError) as error:
        is_known = keras.saving.get_registered_object(keras.saving.get_registered_name(cls)) is not None
        why = f"the error was: {first_line(_innermost(error))}"
        if not is_known:
            decorator = '@keras.saving.register_keras_serializable(package="mine")'
            why = f"Keras does not know its class. Write {decorator} in the line above `class {cls.__name__}`."
        raise AssertionError(f"It cannot be built from its serialised configuration: {why}") from None
    for other in (again, type(instance).from_config(instance.get_config()), module.get(config)):
        require(other == instance, f"It became {other!r} in a round trip through its configuration.")
        require(hash(other) == hash(instance), "Two equal instances have different hashes.")
    require(module.get(instance) is instance, "`get` must return an instance as it is.")
    missing = [key for key in instance.get_config() if f"{key}=" not in repr(instance)]
    require(not missing, f"The repr leaves out {', '.join(missing)}.")
    for key in (*instance.get_config(), "anything"):
        try:
            setattr(instance, key, getattr(instance, key, None))
        except AttributeError:
            continue
        raise AssertionError(f"It must be immutable, but its attribute {key!r} can be assigned.")


def check_independence(run: Callable[..., Any], same: Callable[[Any, Any, str], None], *arrays: Any) -> None:
    """Fail unless each image's result depends on nothing but the image, and the other inputs that belong to it."""
    whole = run(*arrays)
    same(run(*arrays), whole, "It gives another result when it is called again.")
    singles = np.concatenate([run(*take(arrays, [index])) for index in range(len(whole))])
    same(singles, whole, "It treats an image differently beside other images than alone.")


def counting(preprocess: Callable[[Tensor], Any]) -> tuple[Callable[[Tensor], Any], list[Tensor]]:
    """The same preprocessing, and a list that becomes longer whenever it is traced."""
    traced: list[Tensor] = []

    def counted(images: Tensor) -> Any:
        traced.append(images)
        return preprocess(images)

    return counted, traced


def check_one_trace(run: Callable[..., Any], classifier: ImageClassifier, traced: list[Tensor], *arrays: Any) -> None:
    """Fail unless one trace serves all batch sizes, of a classifier whose preprocessing is counted in `traced`."""
    run(classifier, *arrays)
    before = len(traced)
    for size in (1, 2, None):
        run(classifier, *take(arrays, slice(size)))
    require(len(traced) == before, "It is traced again for another batch size.")


def check_exception(run: Callable[..., Any], classifier: ImageClassifier, *arrays: Any) -> None:
    """Fail unless the model is as it was after an exception in the middle of a pass."""

    def preprocess(images: Tensor) -> Tensor:
        raise _ExpectedError

    with contextlib.suppress(_ExpectedError), unchanged(classifier.model):
        run(like(classifier, bounds=classifier.bounds, preprocess=preprocess), *arrays)


class _ExpectedError(Exception):
    """Raised on purpose."""


def like(classifier: ImageClassifier, *, bounds: Any, preprocess: Any) -> ImageClassifier:
    """The same classifier for other images."""
    kept = {name: getattr(classifier, name) for name in SETTINGS}
    return ImageClassifier(classifier.model, **{**kept, "bounds": bounds, "preprocess": preprocess})


def _innermost(error: BaseException) -> BaseException:
    """What an error was raised for in the end: that of a user's constructor rather than Keras' text around it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def first_line(error: BaseException) -> str:
    """The first line of an error's message, of which TensorFlow's and Keras' have many.

    Args:
        error: The error.
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def take(arrays: Any, chosen: Any) -> Any:
    """Some of the rows of every array in a nested structure."""
    return keras.tree.map_structure(lambda array: array[chosen], arrays)


def tensors(arrays: Any) -> Any:
    """Every array in a nested structure as a tensor."""
    return keras.tree.map_structure(tf.constant, arrays)


def predicted(classifier: ImageClassifier, x: Any) -> np.ndarray:
    """The model's own predictions, `(batch,)`."""
    predictions: np.ndarray = classifier.compiled("predictions", _predictions, tensors(x)).numpy()
    return predictions


def _predictions(classifier: ImageClassifier, inputs: Any) -> Tensor:
    return classifier.forward(inputs).predictions


def same_images(first: Any, second: Any, sentence: str) -> None:
    """Fail unless two sets of adversarial images are equal up to rounding, kinks, and a few pixels.

    Where a gradient is zero up to rounding, its sign may be either, and the pixel goes up or down. Where rounding
    crosses a kink (see `same_maps`), a step of the L2 norm is turned a little in the patch that the unit looks at; seen
    were 5 % of the pixels of six images, with one instruction set of four, and a difference of 0.0007.
    """
    first, second = np.asarray(first), np.asarray(second)
    require(first.shape == second.shape, sentence)
    largest = max(1.0, float(np.abs(second).max()))
    crossed = ~np.isclose(first, second, rtol=1e-3, atol=1e-5 * largest)
    require(float(crossed.mean()) <= _CROSSED, sentence)
    straying = ~np.isclose(first, second, rtol=1e-3, atol=_SHIFTED * largest)
    require(float(straying.mean()) <= _STRAYING, sentence)


def same_maps(first: Any, second: Any, sentence: str) -> None:
    """Fail unless two sets of maps are equal up to rounding and the kinks that it crosses.

    Where an activation is zero up to rounding, a ReLU lets the gradient pass or does not, and a max-pooling chooses
    one of two equal values: one unit more or less, in the patch of the image that it looks at. How often depends on
    the processor's kernels; seen were 0.5 % of the pixels of six images, and a difference of 0.0085 of the largest
    value, at one of five points of a path. Something that is really computed otherwise changes whole maps.
    """
    first, second = np.asarray(first), np.asarray(second)
    require(first.shape == second.shape, sentence)
    largest = float(np.abs(second).max())
    crossed = ~np.isclose(first, second, rtol=1e-3, atol=1e-4 * largest)
    require(float(crossed.mean()) <= _CROSSED, sentence)
    require(np.allclose(first, second, rtol=0, atol=_KINK * largest), sentence)


@contextlib.contextmanager
def naming(instance: object) -> Iterator[None]:
    """Begin the sentences of what fails inside the block with the instance."""
    try:
        yield
    except AssertionError as error:
        # One error with one traceback, that of what failed; what caused it is said where it is a user's own.
        raise AssertionError(f"{instance!r}: {error}").with_traceback(error.__traceback__) from error.__cause__
