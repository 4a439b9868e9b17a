"""What a dissimilarity is: a function of two batches of heatmaps with a name, checked around every call."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.metrics.maps import as_pair, known
from keras_advxai.models.inputs import check_flag

DissimilarityFunction: TypeAlias = Callable[[Any, Any], Any]
"""Two batches of heatmaps, `(batch, *positions, 1)` each, to `(batch,)`."""


class Dissimilarity:
    """The dissimilarity of two heatmaps, image by image: a function that the evaluation finds by its name.

    It is made by `keras_advxai.metrics.register` from a function of two batches of heatmaps to `(batch,)`, 0 for the
    same, and called like that function; the heatmaps are checked before and the shape of the result after. Inside of a
    graph, where values are not known, a pair with a value that is not finite is at NaN, whatever the function makes of
    it. A dissimilarity is immutable, and equal to another of the same name that calls the same function.

    Args:
        function: What computes it. It is given float32 or float64 tensors of the shape `(batch, *positions, 1)`
            with values in [0, 1] and made of TensorFlow or Keras operations; see `numpy`.
        name: What it is called in reports, figures and logs; a Python identifier. Defaults to `None`, the function's
            own name.
        upper: The largest value that it may take. Defaults to `None`, unknown.
        numpy: Whether the function computes with NumPy or SciPy. It is then given copies, as NumPy arrays, and called
            from a graph by `tf.numpy_function`; XLA cannot compile it. Defaults to `False`.

    Attributes:
        function: As passed.
        name: The name.
        upper: As passed, a float or `None`.
        numpy: As passed.

    Raises:
        ValueError: If there is no usable name, or `upper` is not a positive number.
        TypeError: If `function` cannot be called.

    Example:

    >>> import numpy as np
    >>> import keras_advxai as kax
    >>> metric = kax.metrics.get("rank_distance")
    >>> metric, metric.upper
    (<Dissimilarity 'rank_distance'>, 1.0)
    >>> ramp = np.linspace(0, 1, 16).reshape(1, 4, 4, 1)
    >>> metric(ramp, ramp**2), metric(ramp, 1 - ramp)
    (array([0.]), array([1.]))
    """

    function: DissimilarityFunction
    name: str
    upper: float | None
    numpy: bool
    __name__: str

    def __init__(
        self,
        function: DissimilarityFunction,
        *,
        name: str | None = None,
        upper: float | None = None,
        numpy: bool = False,
    ) -> None:
        if not callable(function) or isinstance(function, (type, Dissimilarity)):
            raise TypeError(
                "Argument `function` must be a function of two batches of heatmaps. "
                f"Received: function={function!r} (of type {type(function).__name__})"
            )
        if upper is not None and not (math.isfinite(upper) and upper > 0):
            raise ValueError(f"Argument `upper` must be a positive number or None. Received: upper={upper}")
        # What help, inspect and doctest look for in a function, they find here.
        kept: dict[str, Any] = {
            key: getattr(function, key) for key in functools.WRAPPER_ASSIGNMENTS if hasattr(function, key)
        }
        self.__dict__.update(  # past `__setattr__`, which refuses
            kept,
            __wrapped__=function,
            function=function,
            name=_usable_name(function, name),
            upper=None if upper is None else float(upper),
            numpy=check_flag("numpy", numpy),
        )

    @tf.autograph.experimental.do_not_convert
    def __call__(self, heatmaps: Tensor, others: Tensor) -> Tensor:
        """The dissimilarity of every pair.

        Args:
            heatmaps: Heatmaps with values in [0, 1], shape `(batch, *positions, 1)` with 1 to 3 dimensions of
                positions; maps of images: `(batch, height, width, 1)`. Of these alone the last axis may be left out:
                `(batch, height, width)` is read so if its last dimension is not 1, while `(batch, steps, 1)` is the map
                of a signal. Any dtype, NumPy or tensor.
            others: Heatmaps to compare with, of the same shape.

        Returns:
            float64 values, `(batch,)`: a NumPy array if neither argument is a tensor, else a tensor.

        Raises:
            ValueError: If the shapes differ or are not those of heatmaps, if a value that is known is not finite or
                outside [0, 1] by more than 1e-6, or if the function's result is not `(batch,)` numbers, or is known to
                be so only for one batch size; then the message names the dissimilarity.
        """
        as_numpy = not any(tf.is_tensor(maps) for maps in (heatmaps, others))
        first, second = as_pair(heatmaps, others)
        batch = first.shape[:1].merge_with(second.shape[:1])  # in a graph, one may be known and the other open
        if known(first, second):
            found = self._found(first, second, batch)
            return found.numpy() if as_numpy else found
        found = self._found(first, second, batch)
        axes = tuple(range(1, len(first.shape)))
        # In a graph nothing can be raised for a map that is not finite, of which a function may make any number.
        finite = tf.math.is_finite(tf.reduce_sum(first, axes) + tf.reduce_sum(second, axes))
        return tf.where(finite, found, tf.constant(np.nan, tf.float64))

    def _found(self, first: tf.Tensor, second: tf.Tensor, batch: tf.TensorShape) -> tf.Tensor:
        if not self.numpy:
            return self._checked(self._called(first, second), batch)
        if known(first, second):
            return tf.constant(self._of_arrays(first.numpy(), second.numpy()), tf.float64)
        found = tf.numpy_function(self._of_arrays, [first, second], tf.float64, stateful=False)
        return tf.ensure_shape(found, batch)  # `numpy_function` loses it

    def _called(self, first: tf.Tensor, second: tf.Tensor) -> Any:
        try:
            return self.function(first, second)
        except (NotImplementedError, AttributeError) as error:
            # In a graph TensorFlow raises the first for a function of NumPy and the second for `.numpy()`, and neither
            # says what to do. What has another cause goes on as it is.
            if known(first, second) or "numpy" not in str(error):
                raise
            raise ValueError(
                f"The dissimilarity {self.name!r} computes with NumPy and cannot be called from a graph as it is. "
                f"Declare it with @keras_advxai.metrics.register(numpy=True). The error was: {error}"
            ) from error

    def _checked(self, found: Any, batch: tf.TensorShape) -> tf.Tensor:
        if found is None:  # a function that forgets its `return`
            self._refuse("None")
        found = tf.convert_to_tensor(found)
        if not (found.dtype.is_floating or found.dtype.is_integer):
            self._refuse(f"values of {found.dtype.name}")
        # A length that is known where the batch's is not does not follow the batch: a mean over everything, as (1,).
        fixed = found.shape.rank == 1 and found.shape[0] is not None and batch[0] is None
        if fixed or not found.shape.is_compatible_with(batch):
            self._refuse(f"the shape {found.shape}")
        return tf.cast(tf.ensure_shape(found, batch), tf.float64)

    def _of_arrays(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """What a function of NumPy arrays finds. It gets copies: TensorFlow's own memory must not be written to."""
        if not len(first):
            return np.zeros(0)
        found = np.asarray(self.function(np.array(first), np.array(second)))
        if found.dtype.kind not in "fiu":
            self._refuse(f"values of {found.dtype}")
        if found.shape != (len(first),):
            self._refuse(f"the shape {found.shape} for {len(first)} pairs")
        return found.astype("float64")

    def _refuse(self, received: str) -> NoReturn:
        raise ValueError(
            f"The dissimilarity {self.name!r} must return one number for each pair of heatmaps, of the shape (batch,): "
            f"reduce all axes but the first. Received: {received}"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{self!r} is immutable. Received: {name}={value!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{self!r} is immutable. Received: del {name}")

    def __repr__(self) -> str:
        return f"<Dissimilarity {self.name!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dissimilarity) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash((Dissimilarity, self.name))  # a callable object need not have a hash

    def _key(self) -> tuple[Any, ...]:
        return self.name, self.function, self.upper, self.numpy


def _usable_name(function: DissimilarityFunction, name: str | None) -> str:
    """The name given or the function's own, where it can stand in a file's name, a tag and a column."""
    found = getattr(function, "__name__", None) if name is None else name
    if isinstance(found, str) and found.isidentifier():
        return found
    if name is not None:
        raise ValueError(
            f"Argument `name` must be letters, digits and underscores, such as 'my_metric'. Received: name={name!r}"
        )
    raise ValueError(
        "A dissimilarity needs a name, and a lambda or an object that is called has none of its own. Give it one: "
        f'keras_advxai.metrics.register(name="my_metric")(function). Received: {function!r}'
    )
