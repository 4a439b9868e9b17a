"""Explanation drift: the mean of a dissimilarity at one epsilon (MOD) and its spread over epsilons (VID)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_advxai._typing import Tensor
from keras_advxai._versions import variable_summed_on_read
from keras_advxai.metrics.dissimilarity import Dissimilarity, DissimilarityFunction
from keras_advxai.metrics.registry import get, serialize
from keras_advxai.models.inputs import check_epsilons


def mod(dissimilarities: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean observed dissimilarity of values that have been computed already.

    Args:
        dissimilarities: Values of one dissimilarity, such as NISSIM, one for each image, of any shape; NaN marks a
            pair that is left out.
        axis: The axis of the images. Defaults to `-1`.

    Returns:
        The means, float64, with the shape of `dissimilarities` less that axis; NaN where no pair is left.

    Example:
    >>> import numpy as np
    >>> from keras_advxai.metrics import mod
    >>> mod(np.array([[0.1, 0.3, np.nan], [np.nan, np.nan, np.nan]]))
    array([0.2, nan])
    """
    values = np.asarray(dissimilarities, dtype="float64")
    counted = np.sum(~np.isnan(values), axis=axis)
    with np.errstate(invalid="ignore"):  # 0 / 0: no pair is left
        means: np.ndarray = np.nansum(values, axis=axis) / counted
    return means


def vid(mods: np.ndarray) -> np.ndarray:
    """Variation in dissimilarity over epsilons: the population standard deviation of their MODs.

    Args:
        mods: MODs, shape `(..., epsilons)`.

    Returns:
        The spreads over the last axis, float64, shape `(...)`; NaN where a MOD is NaN, and with fewer than
        two epsilons: the spread of one number is not 0 but unknown.

    Example:
    >>> import numpy as np
    >>> from keras_advxai.metrics import vid
    >>> vid(np.array([[0.125, 0.375], [0.25, np.nan]]))
    array([0.125,   nan])
    """
    mods = np.asarray(mods, dtype="float64")
    if mods.shape[-1] < 2:
        return np.full(mods.shape[:-1], np.nan)
    spreads: np.ndarray = np.std(mods, axis=-1)
    return spreads


class _Drift(keras.metrics.Metric):
    """Sums over pairs of heatmaps, one for each epsilon, from which mean and spread follow.

    The state only adds up: replicas and shards are merged by adding their variables.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        name: str | None,
        dtype: Any,
        metric: str | DissimilarityFunction | Dissimilarity,
    ) -> None:
        super().__init__(name=name, dtype=dtype or "float64")  # `floatx` would be float32
        self.metric = get(metric)
        self.count = _sum_variable("count", shape)
        self.total = _sum_variable("total", shape)
        self.total_of_squares = _sum_variable("total_of_squares", shape)
        self.blank = _sum_variable("blank", shape)

    def _accumulate(
        self, reference: Tensor, heatmaps: Tensor, sample_weight: Tensor | None, chosen: bool | np.ndarray
    ) -> None:
        """Add the sums over one batch to those of the epsilons that are marked True."""
        reference = ops.convert_to_tensor(reference)
        values = self.metric(reference, heatmaps)
        # Blank is the reference alone: evidence that an attack erased has drifted, evidence that never was has not.
        blank = ops.all(ops.equal(reference, 0), axis=tuple(range(1, len(reference.shape))))
        weight = _weights(sample_weight, values)
        kept = ops.where(blank, 0.0, weight)
        values = ops.where(kept > 0, values, 0.0)  # since 0 * NaN is NaN
        sums = (
            (self.count, kept),
            (self.total, kept * values),
            (self.total_of_squares, kept * values * values),
            (self.blank, weight - kept),
        )
        for variable, terms in sums:
            # Chosen and not multiplied by 0 or 1: a NaN at one epsilon would reach all others.
            variable.assign_add(ops.where(chosen, ops.sum(terms), 0.0))

    def _means(self) -> tf.Tensor:
        return self.total / self.count  # 0 / 0 is the NaN that is wanted where there are no data

    @property
    def std(self) -> tf.Tensor:
        """Population standard deviation of the dissimilarity over the images, at each epsilon; NaN without data.

        Taken from sums in float64, and so not resolved below about 1e-8. It is not VID, which is a spread
        over epsilons.
        """
        variance = self.total_of_squares / self.count - ops.square(self._means())
        return ops.sqrt(ops.where(variance < 0, 0.0, variance))  # rounding, of values that are all the same

    @property
    def blank_count(self) -> tf.Tensor:
        """Number of pairs that were left out because the reference heatmap is blank, at each epsilon."""
        return tf.convert_to_tensor(self.blank)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, for `from_config`; the dissimilarity by name, so it must be declared."""
        return {**super().get_config(), "metric": serialize(self.metric)}


@keras.saving.register_keras_serializable(package="keras_advxai")
class MOD(_Drift):
    """Mean observed dissimilarity: the mean of a dissimilarity over an adversarial set, at one epsilon.

    A pair whose reference heatmap is blank (all zeros) has nothing that could drift: it is left out of the
    mean and counted in `blank_count`. A pair of which only the adversarial heatmap is blank counts.

    The state consists of sums in float64 (`count`, `total`, `total_of_squares` and `blank`), so that the
    variables of metrics that have seen different shards of the data are merged by adding them up.

    Args:
        name: Name of the metric. Defaults to `"mod"`.
        dtype: Dtype of the result; the state is float64 in any case. Defaults to `"float64"`.
        metric: Which dissimilarity: a name, such as `"rank_distance"`, or anything else that
            `keras_advxai.metrics.get` takes. Defaults to `"nissim"`.

    Example:
    >>> import numpy as np
    >>> from keras_advxai.metrics import MOD
    >>> clean, adversarial = np.zeros((3, 16, 16, 1)), np.zeros((3, 16, 16, 1))
    >>> clean[:2, 2:8, 2:8], adversarial[0, 2:8, 2:8], adversarial[1, 8:14, 8:14] = 1.0, 1.0, 1.0
    >>> metric = MOD()
    >>> metric.update_state(clean, adversarial)
    >>> round(float(metric.result()), 3), round(float(metric.std), 3), int(metric.blank_count)
    (0.242, 0.242, 1)

    References:
        - [Chakraborty et al. 2022, Generalizing adversarial explanations with Grad-CAM, CVPR
          workshops](https://arxiv.org/abs/2204.05427)
    """

    def __init__(
        self,
        name: str | None = "mod",
        dtype: Any = None,
        *,
        metric: str | DissimilarityFunction | Dissimilarity = "nissim",
    ) -> None:
        super().__init__((), name, dtype, metric)

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Add a batch of pairs.

        Args:
            y_true: Heatmaps of the original images, the reference, of a shape that the dissimilarity takes, such as
                `(batch, height, width, 1)`, values in [0, 1].
            y_pred: Heatmaps of the adversarial images, of the same shape.
            sample_weight: Weights of the pairs, not negative, shape `(batch,)` or a scalar; 0 leaves a pair
                out. `count` and `blank` are then sums of weights. Defaults to `None`, 1 for each.

        Raises:
            ValueError: As the dissimilarity does, or if the weights are negative, not finite or
                of another shape.
        """
        self._accumulate(y_true, y_pred, sample_weight, chosen=True)

    def result(self) -> tf.Tensor:
        """MOD, a scalar tensor from 0 to the dissimilarity's `upper`; NaN as long as no pair has been counted."""
        return ops.cast(self._means(), self.dtype)


@keras.saving.register_keras_serializable(package="keras_advxai")
class VID(_Drift):
    """Variation in dissimilarity: how much MOD varies over the epsilons of an attack.

    With `m` the mean of MOD over all epsilons, the square root of the mean over all epsilons of
    `(MOD(epsilon) - m)²`. The result is NaN as long as there is an epsilon without data, and always NaN with
    a single epsilon, of which the constructor warns. The state is that of `MOD`, one value for each epsilon.

    Args:
        epsilons: The budgets of the attack, as fractions of the range of the pixel values: numbers in [0, 1], at
            least two, all different. Defaults to 1/255, 2/255, 4/255 and 8/255, as in `evaluate`.
        name: Name of the metric. Defaults to `"vid"`.
        dtype: Dtype of the result; the state is float64 in any case. Defaults to `"float64"`.
        metric: Which dissimilarity, as in `MOD`. Defaults to `"nissim"`.

    Raises:
        ValueError: If `epsilons` is empty or holds duplicates or a number outside [0, 1].

    Example:
    >>> import numpy as np
    >>> from keras_advxai.metrics import VID
    >>> clean, adversarial = np.zeros((1, 16, 16, 1)), np.zeros((1, 16, 16, 1))
    >>> clean[:, 2:8, 2:8], adversarial[:, 8:14, 8:14] = 1.0, 1.0
    >>> metric = VID(epsilons=(2 / 255, 8 / 255))
    >>> metric.update_state(clean, clean, epsilon=2 / 255)
    >>> metric.update_state(clean, adversarial, epsilon=8 / 255)
    >>> metric.mods.numpy().round(3)
    array([0.   , 0.484])
    >>> round(float(metric.result()), 3)
    0.242

    References:
        - [Chakraborty et al. 2022, Generalizing adversarial explanations with Grad-CAM, CVPR
          workshops](https://arxiv.org/abs/2204.05427)
    """

    def __init__(
        self,
        epsilons: Sequence[float] = (1 / 255, 2 / 255, 4 / 255, 8 / 255),
        name: str | None = "vid",
        dtype: Any = None,
        *,
        metric: str | DissimilarityFunction | Dissimilarity = "nissim",
    ) -> None:
        checked = check_epsilons(epsilons)
        super().__init__((len(checked),), name, dtype, metric)
        self.epsilons = checked
        if len(checked) < 2:
            warnings.warn(
                "VID is a spread over epsilons and is NaN with a single epsilon; pass two or more. "
                f"Received: epsilons={checked}. (The spread over the images is `std`.)",
                UserWarning,
                stacklevel=2,
            )

    def update_state(self, y_true: Tensor, y_pred: Tensor, epsilon: float, sample_weight: Tensor | None = None) -> None:
        """Add a batch of pairs at one epsilon.

        Args:
            y_true: Heatmaps of the original images, the reference, of a shape that the dissimilarity takes, such as
                `(batch, height, width, 1)`, values in [0, 1].
            y_pred: Heatmaps of the adversarial images, of the same shape.
            epsilon: The budget with which the adversarial images were made, one of `epsilons`, known when a
                `tf.function` is traced.
            sample_weight: Weights of the pairs, as in `MOD.update_state`. Defaults to `None`, 1 for each.

        Raises:
            ValueError: As `MOD.update_state` does, or if `epsilon` is not one of `epsilons`.
        """
        if tf.is_symbolic_tensor(epsilon):  # it chooses the sums while the graph is traced
            raise ValueError(
                "Argument `epsilon` must be a number that is known when the function is traced; loop over "
                f"the epsilons in Python. Received: epsilon={epsilon}"
            )
        # A float32 of 8/255 is another number.
        matches = np.array([_same(float(epsilon), other) for other in self.epsilons])
        if not matches.any():
            raise ValueError(f"Argument `epsilon` must be one of {self.epsilons}. Received: epsilon={epsilon}")
        self._accumulate(y_true, y_pred, sample_weight, chosen=matches)

    @property
    def mods(self) -> tf.Tensor:
        """MOD at each of the epsilons, float64, shape `(epsilons,)`; NaN where there are no data."""
        return self._means()

    def result(self) -> tf.Tensor:
        """VID, a scalar tensor, at most half of `metric.upper`; NaN with an epsilon without data, or with one alone."""
        # The spread of one number is 0, which would say that drift does not depend on epsilon.
        spread = ops.std(self._means()) if len(self.epsilons) > 1 else ops.cast(math.nan, "float64")
        return ops.cast(spread, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, for `from_config`."""
        return {**super().get_config(), "epsilons": list(self.epsilons)}  # JSON has no tuples


def _sum_variable(name: str, shape: tuple[int, ...]) -> keras.Variable:
    """As `Metric.add_variable` makes it, but float64 even in a layer that computes in half precision."""
    # Replicas of a distribution strategy add up their own sums, and are summed when somebody reads.
    return variable_summed_on_read(
        initializer="zeros",
        shape=shape,
        dtype="float64",
        trainable=False,
        autocast=False,
        name=name,
    )


def _same(epsilon: float, other: float) -> bool:
    """Equal up to what a float32 loses."""
    return math.isclose(epsilon, other, rel_tol=1e-6, abs_tol=1e-12)


def _weights(sample_weight: Tensor | None, values: tf.Tensor) -> tf.Tensor:
    """The weights as a float64 tensor of the shape of the values, `(batch,)`."""
    if sample_weight is None:
        return ops.ones_like(values)
    try:
        weight = ops.convert_to_tensor(sample_weight)
        if not isinstance(weight, tf.Tensor) or weight.dtype.is_complex:
            raise TypeError(f"of type {weight.dtype}")
        weight = ops.cast(weight, "float64")
    except Exception as error:  # words, objects, rows of several lengths: each has an error of its own
        raise ValueError(
            f"Argument `sample_weight` must be numbers. Received: {type(sample_weight).__name__}: {str(error)[:200]}"
        ) from error
    if weight.shape.rank != 0 and not weight.shape.is_compatible_with(values.shape):
        raise ValueError(
            "Argument `sample_weight` must be a scalar or have the shape (batch,), one weight per pair. "
            f"Received: sample_weight.shape={weight.shape} for {values.shape[0]} pairs"
        )
    if not tf.is_symbolic_tensor(weight) and not np.all(np.isfinite(weight) & (np.asarray(weight) >= 0)):
        raise ValueError(
            "Argument `sample_weight` must hold finite weights that are not negative. "
            f"Received: sample_weight={np.asarray(weight)}"
        )
    return ops.broadcast_to(weight, ops.shape(values))
