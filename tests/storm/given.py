"""What is passed for an argument: right values in all their forms, and wrong ones."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import fractions
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from subjects import Subject


@dataclasses.dataclass(frozen=True, eq=False)
class Given:
    """A value of an argument.

    Attributes:
        label: What it is called in the description of a case.
        build: Makes it for a model.
        right: Whether it must be accepted; `None` where that depends on the rest of the call.
    """

    label: str
    build: Callable[[Subject], Any]
    right: bool | None = None

    def __repr__(self) -> str:
        return self.label


def literal(value: Any, right: bool | None = None) -> Given:
    """One that is the same for all models."""
    text = f"{type(value).__name__} {value!r}" if isinstance(value, (np.generic, tf.Tensor)) else repr(value)
    return Given(text[:80], lambda subject: value, right)


def literals(*values: Any, right: bool | None = None) -> list[Given]:
    return [literal(value, right) for value in values]


def table(right: bool | None, /, **builders: Callable[[Subject], Any]) -> list[Given]:
    return [Given(label, build, right) for label, build in builders.items()]


HUGE = 10**400
ODD_OBJECTS = (
    *literals(None, "", "fgsm", "\ud800", "a\0b", b"bytes", True, 0, -1, 1.5, HUGE, float("nan"), float("inf"), 1 + 2j),
    *literals((), [], {}, set(), {"a": 1}, [None], [[]], ["a"], Ellipsis, range(3), slice(2)),
    *literals(decimal.Decimal(1), fractions.Fraction(1, 3), datetime.date(2020, 1, 1), np.float32(0.1), np.bool_(True)),
    *literals(np.int64(2), np.array(2), np.array([1, 2]), np.array([]), np.array(["a"]), np.array([None, 1], object)),
    *table(None, tensor=lambda s: tf.constant(2), floats=lambda s: tf.constant([0.1, 0.2])),
    *table(None, model=lambda s: s.model, generator=lambda s: (item for item in (1, 2)), instance=lambda s: object()),
    *table(None, symbolic=lambda s: keras.Input((2,)), variable=lambda s: tf.Variable(2)),
)
"""What may stand in the place of anything."""


def changed(index: tuple[int, ...], value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(images: np.ndarray) -> np.ndarray:
        images = images.copy()
        images[(*index, *[0] * (images.ndim - len(index)))] = value
        return images

    return change


def view(images: np.ndarray) -> np.ndarray:
    """Every other row of a larger array."""
    return np.repeat(images, 2, axis=0)[::2]


def frozen(images: np.ndarray) -> np.ndarray:
    images = images.copy()
    images.flags.writeable = False
    return images


def ragged(images: np.ndarray) -> Any:
    found = np.empty(len(images), object)
    found[:] = [image[: 4 + index % 2] for index, image in enumerate(images)]
    return found


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "float32": lambda u: u.copy(),
    "float64": lambda u: u.astype("float64"),
    "float16": lambda u: u.astype("float16"),
    "longdouble": lambda u: u.astype("longdouble"),
    "big endian": lambda u: u.astype(">f4"),
    "big endian of 64 bits": lambda u: u.astype(">f8"),
    "tensor": lambda u: tf.constant(u),
    "tensor of 64 bits": lambda u: tf.constant(u, tf.float64),
    "bfloat16": lambda u: tf.cast(tf.constant(u), tf.bfloat16),
    "variable": lambda u: tf.Variable(u),
    "keras variable": lambda u: keras.Variable(u),
    "Fortran order": lambda u: np.asfortranarray(u),
    "a view": view,
    "read-only": frozen,
    "masked": lambda u: np.ma.masked_array(u, u > 2),
    "one": lambda u: u[:1].copy(),
    "the lower bound": lambda u: np.zeros_like(u),
    "the upper bound": lambda u: np.ones_like(u),
    "denormal": lambda u: np.full_like(u, 1e-41),
    "nearly above": lambda u: np.full_like(u, 1 + 5e-7),
    "minus zero": lambda u: np.full_like(u, -0.0),
    "the same": lambda u: np.repeat(u[:1], len(u), axis=0),
}
"""Images that are right."""

WRONG_IMAGES: dict[str, Callable[[np.ndarray], Any]] = {
    "NaN": changed((1,), np.nan),
    "infinite": changed((2,), np.inf),
    "too large": changed((0,), 1.5),
    "too small": changed((0,), -0.5),
    "enormous": changed((0,), 3e38),
    "float64 beyond float32": lambda u: u.astype("float64") + 1e300,
    "pixels": lambda u: (u * 255).astype("uint8"),
    "bools": lambda u: u > 0.5,
    "integers": lambda u: (u > 0.5).astype("int64"),
    "complex": lambda u: u.astype("complex64"),
    "strings": lambda u: u.astype("U8"),
    "objects": lambda u: u.astype(object),
    "dates": lambda u: np.zeros(u.shape, "datetime64[s]"),
    "records": lambda u: np.zeros(u.shape, [("a", "f4")]),
    "none": lambda u: u[:0],
    "no pixels": lambda u: u[:, :0],
    "one image": lambda u: u[0],
    "without channels": lambda u: u[..., 0],
    "one dimension more": lambda u: u[None],
    "flattened": lambda u: u.reshape(len(u), -1),
    "more channels": lambda u: np.repeat(u, 3, -1),
    "other size": lambda u: u[:, :-1],
    "small": lambda u: u[:, :2],
    "a list": lambda u: list(u),
    "nested lists": lambda u: u.tolist(),
    "several sizes": ragged,
    "ragged tensor": lambda u: tf.ragged.constant([[[1.0]], [[1.0], [0.0]]]),
    "sparse tensor": lambda u: tf.sparse.from_dense(u),
    "string tensor": lambda u: tf.constant(["a", "b"]),
    "in a dictionary": lambda u: {"image": u},
    "in a tuple": lambda u: (u,),
    "two": lambda u: [u, u],
    "a generator": lambda u: (item for item in u),
}

IMAGES = [Given(label, lambda s, form=form: s.inputs(form(s.unit)), True) for label, form in FORMS.items()] + [
    Given(label, lambda s, form=form: s.inputs(form(s.unit))) for label, form in WRONG_IMAGES.items()
]

STRUCTURES: dict[str, Callable[[Any, Any], Any]] = {
    "a part is missing": lambda x, s: {"image": s.unit},
    "a part more": lambda x, s: {**x, "height": s.unit[:, 0, 0]},
    "another name": lambda x, s: {"picture": s.unit, "age": x["age"]},
    "other order": lambda x, s: {"age": x["age"], "image": s.unit},
    "in a list": lambda x, s: [s.unit, x["age"]],
    "in a tuple": lambda x, s: (s.unit, x["age"]),
    "fewer ages": lambda x, s: {**x, "age": x["age"][:2]},
    "wider ages": lambda x, s: {**x, "age": np.ones((4, 7))},
    "ages that are NaN": lambda x, s: {**x, "age": x["age"] * np.nan},
    "ages that are words": lambda x, s: {**x, "age": np.array([["a", "b"]] * 4)},
    "ages that are nothing": lambda x, s: {**x, "age": None},
    "ages in a list": lambda x, s: {**x, "age": x["age"].tolist()},
    "ages of 64 bits": lambda x, s: {**x, "age": x["age"].astype("longdouble")},
}
"""Of a model that takes several inputs: what may be wrong with the others."""


def structured(form: Callable[[Any, Any], Any]) -> Callable[[Subject], Any]:
    def build(s: Subject) -> Any:
        x = s.inputs(s.unit)
        return form(x, s) if isinstance(x, dict) else x

    return build


IMAGES += [Given(label, structured(form)) for label, form in STRUCTURES.items()]


def hot(s: Subject) -> np.ndarray:
    """One-hot rows, of what has classes."""
    return np.eye(s.classes)[s.y] if s.kind == "classes" else s.y


LABELS = [
    *table(True, right=lambda s: s.y.copy(), listed=lambda s: s.y.tolist(), tensor=lambda s: tf.constant(s.y)),
    *table(True, floats=lambda s: s.y.astype("float64"), read_only=lambda s: frozen(s.y), one_hot=hot),
    *table(True, big_endian=lambda s: s.y.astype(s.y.dtype.newbyteorder(">")), view=lambda s: view(s.y)),
    *table(True, column=lambda s: s.y[:, None] if s.y.ndim == 1 else s.y, halves=lambda s: s.y.astype("float16")),
    *table(None, small=lambda s: s.y.astype("int8"), unsigned=lambda s: s.y.astype("uint64")),
    *table(None, nothing=lambda s: None, objects=lambda s: s.y.astype(object), bools=lambda s: s.y.astype(bool)),
    *table(None, few=lambda s: s.y[:-1], many=lambda s: np.concatenate([s.y, s.y]), none=lambda s: s.y[:0]),
    *table(None, negative=lambda s: s.y - 2, large=lambda s: s.y + 3, enormous=lambda s: s.y + 2.0**40),
    *table(None, huge=lambda s: np.full(s.y.shape, 2**63, "uint64"), beyond=lambda s: [HUGE] * len(s.y)),
    *table(None, half=lambda s: s.y + 0.5, nan=lambda s: np.full(s.y.shape, np.nan), inf=lambda s: s.y + np.inf),
    *table(None, words=lambda s: np.array(["cat"] * len(s.y)), digits=lambda s: s.y.astype("U4")),
    *table(None, missing=lambda s: [None] * len(s.y), complex=lambda s: s.y.astype(complex)),
    *table(None, dates=lambda s: np.zeros(s.y.shape, "datetime64[s]"), cube=lambda s: s.y.reshape(-1, 1, 1)),
    *table(None, several=lambda s: np.ones((len(s.y), s.classes), int), wide=lambda s: np.eye(7)[: len(s.y)]),
    *table(None, soft=lambda s: np.full((len(s.y), s.classes), 0.5), ragged=lambda s: [[0], [0, 1], [0], [1]]),
    *table(None, scalar=lambda s: 1, dictionary=lambda s: {"classes": s.y}, a_set=lambda s: {0, 1}),
    *table(None, word=lambda s: "right", strings=lambda s: tf.constant(["a"] * len(s.y)), rows=lambda s: s.y[None]),
    *table(None, symbolic=lambda s: keras.Input((2,)), sparse=lambda s: tf.sparse.from_dense(hot(s))),
    *table(None, generator=lambda s: (item for item in s.y), two=lambda s: (s.y, s.y)),
]

EPSILON = [
    *literals(0.1, 0.03, 0.0, 0, 1, 8 / 255, np.float32(0.05), np.float64(0.1), np.array(0.1), right=True),
    *literals([0.02, 0.1], (0.1, 0.02), np.array([0.02, 0.1]), [0, 1], right=True),
    *literals(1e-45, 1e-30, -0.0, 1e-7, fractions.Fraction(1, 3), decimal.Decimal("0.1"), [np.float32(0.1)]),
    *literals(-0.1, 1.1, 8, 1e30, 1e39, HUGE, float("nan"), float("inf"), [0.1, float("nan")], [0.1, 0.1], [0.1, -1]),
    *literals([], (), "0.1", "8/255", ["0.1"], None, True, [True, 0.1], {}, {0.1: 1}, {0.1, 0.2}, [[0.1, 0.2]], 1j),
    *literals([[0.1], [0.1, 0.2]], [None], object, np.array(["0.1"]), np.array([[0.1]]), range(2), b"0.1"),
    *table(True, tensor=lambda s: tf.constant(0.1), tensors=lambda s: tf.constant([0.02, 0.1])),
    *table(None, symbolic=lambda s: keras.Input((2,)), generator=lambda s: (item for item in (0.1, 0.2))),
    *table(None, variable=lambda s: tf.Variable(0.1), strings=lambda s: tf.constant("0.1")),
    *table(None, ragged=lambda s: tf.ragged.constant([[0.1], [0.1, 0.2]])),
]

BOUNDS = [
    *literals((0, 1), [0, 1], (0.0, 1.0), np.array([0, 1]), (np.float32(0), np.float32(1)), None, right=True),
    *literals((1, 0), (0, 0), (0,), (0, 1, 2), (), (float("nan"), 1), (0, float("inf")), (0, HUGE), (-HUGE, 1), "01"),
    *literals(("0", "1"), (0, None), (0, 1j), 1, True, (False, True), {0: 1, 1: 2}, {0, 1}, [[0, 1]], ((0,), (1,))),
    *literals((0, 1e-40), (0, 1e38), (-1e300, 1e300), (1e6, 1e6 + 1), (1e9, 1e9 + 1), (0, 1e-7), "images", len),
    *table(True, tensor=lambda s: tf.constant([0.0, 1.0])),
    *table(None, symbolic=lambda s: keras.Input((2,)), array=lambda s: s.unit, word=lambda s: b"01"),
]
