"""Which iterate of an attack is its result."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias, cast, get_args

import tensorflow as tf

from keras_advxai._choice import check_one_of
from keras_advxai._typing import Tensor
from keras_advxai.ops.selection import select

Keep: TypeAlias = Literal["first_hit", "best", "last"]
"""The first iterate that succeeds, the best one of all, or the last."""


def check_keep(keep: str | None) -> Keep | None:
    """Return `keep` if it is a known one, or `None`.

    Raises:
        ValueError: It is not.
    """
    if keep is not None:
        check_one_of("keep", keep, get_args(Keep))
    return cast("Keep | None", keep)


def kept(keep: Keep | None, whole_budget: bool) -> Keep:
    """Which iterate is the result.

    Args:
        keep: What the user chose, which counts; `None` for nothing.
        whole_budget: Whether the attack is to use its whole budget; see `Attack.with_whole_budget`.
    """
    return keep or ("best" if whole_budget else "first_hit")


class Best(NamedTuple):
    """The best images so far, their value and whether they succeed, `(batch,)`; the images alone if any will do."""

    images: Tensor
    value: Any
    hit: Any


def better(new: Best, found: Best) -> Best:
    """The better one of some images and those found so far: what succeeds, and then what is higher."""
    # Success comes first: the log-odds against the label may be higher where nine other classes share them, and the
    # label still leads, than where one of them has overtaken it.
    # NaN, as where the model's output is not finite, is the lowest: whatever is compared with it would be false.
    above = (new.value > found.value) | (tf.math.is_nan(found.value) & ~tf.math.is_nan(new.value))
    higher = (new.hit & ~found.hit) | (tf.equal(new.hit, found.hit) & above)
    images = select(higher, new.images, found.images)
    return Best(images, tf.where(higher, new.value, found.value), new.hit | found.hit)
