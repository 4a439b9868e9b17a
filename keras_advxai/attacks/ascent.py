"""The loops of iterative attacks: attempts and steps, in graphs that do not grow with the number of either."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import keras
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.attacks import rows as batches
from keras_advxai.models import Forward, ImageClassifier

if TYPE_CHECKING:
    from keras_advxai.attacks.stepping import Stepping

_Opening: TypeAlias = tuple[Tensor, Any] | None


class _Best(NamedTuple):
    """The best images so far, their objective and whether they succeed, `(batch,)`; the images alone if any will do."""

    images: Tensor
    value: Any
    hit: Any


@dataclasses.dataclass(frozen=True)
class Ascent:
    """One iterative attack on one batch of images at one strength.

    An *attempt* is a start and the steps from it; restarts and the targets of a multi-target attack are attempts.

    Args:
        attack: What is to be done.
        model: The classifier.
        forward: The pass over the images.
        y: Class indices, `(batch,)`, or whatever else the attack's objective is about, for `all_steps`.
        radius: The budget, in the images' own units.
    """

    attack: Stepping
    model: ImageClassifier
    forward: Forward
    y: Any
    radius: Tensor

    def until_hit(self) -> Tensor:
        """Every image at its first misclassified iterate, or else at its last.

        Images that are hit leave the batch, so each step costs what those still standing cost. What the model
        misclassifies from the beginning is returned as it is.
        """
        rows = batches.where(batches.standing(self.forward, self.y, self.attack.targeted))
        attempts, opening = self.attack.attempts(self.forward), self._opening()
        if attempts == 1:
            return self._climb_until_hit(0, rows, self.x, opening)[1]

        def attempt(number: Tensor, rows: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            rows, points = self._climb_until_hit(number, rows, points, opening)
            return number + 1, self._still_standing(rows, points), points

        _, _, points = self._loop(
            lambda number, rows, _: (number < attempts) & (tf.size(rows) > 0),
            attempt,
            (tf.constant(0), rows, self.x),
        )
        return points

    def all_steps(self, best: bool) -> Tensor:
        """Every image after all steps: at the best iterate, or at the last.

        Args:
            best: Whether to return the best of all iterates of all attempts, the image itself among them: of those that
                succeed, or else of all, the one with the highest objective.
        """
        attempts, opening = self.attack.attempts(self.forward), self._opening()
        begin = _Best(self.x, *self._judged(self.forward, self.y)) if best else _Best(self.x, (), ())

        def attempt(number: int | Tensor, *found: Tensor) -> tuple[Any, ...]:
            return number + 1, *self._climb(number, _Best(*found), best, opening)

        if attempts == 1:
            return attempt(0, *begin)[1]
        return self._loop(lambda number, *_: number < attempts, attempt, (tf.constant(0), *begin))[1]

    @property
    def x(self) -> Tensor:
        """The images."""
        return self.forward.images

    def _opening(self) -> _Opening:
        """The images and the memory after the first step, if the pass over the images serves the first attempt."""
        if not self.attack.begins_at_images:
            return None
        gradient = self.attack.gradient(self.forward, self.y)
        return self._moved(self.x, self.x, gradient, self.attack.memory(self.x), 0)

    def _climb_until_hit(
        self, number: int | Tensor, rows: Tensor, points: Tensor, opening: _Opening
    ) -> tuple[Tensor, Tensor]:
        """One attempt on those still standing: who stands before the last step, and all images after it."""
        x, labels = self.x, self.attack.labels(self.forward, self.y, number)
        step, begin, memory = self._begin(number, rows, opening)
        points = batches.put(points, rows, begin)
        memory = batches.put(self.attack.memory(x), rows, memory)

        def look(at: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
            here = self._pass(at, rows)
            alive = batches.standing(here, batches.take(self.y, rows), self.attack.targeted)
            return alive, self.attack.gradient(here, batches.take(labels, rows))

        look = _apart(look)

        def advance(step: Tensor, rows: Tensor, points: Tensor, memory: Any) -> tuple[Tensor, Tensor, Tensor, Any]:
            at = batches.take(points, rows)
            alive, gradient = look(at, rows)
            moved, changed = self._moved(at, batches.take(x, rows), gradient, batches.take(memory, rows), step)
            points = batches.put(points, rows, batches.select(alive, moved, at))
            memory = batches.put(memory, rows, changed)
            return step + 1, tf.boolean_mask(rows, alive), points, memory

        _, rows, points, _ = self._loop(
            lambda step, rows, *_: (step < self.attack.steps) & (tf.size(rows) > 0),
            advance,
            (step, rows, points, memory),
        )
        return rows, points

    def _climb(self, number: int | Tensor, found: _Best, best: bool, opening: _Opening) -> _Best:
        """One attempt on all images: the best so far, or the last iterate."""
        labels = self.attack.labels(self.forward, self.y, number)
        step, points, memory = self._begin(number, tf.range(tf.shape(self.x)[0]), opening)

        def look(points: Tensor) -> tuple[Any, ...]:
            here = self._pass(points)
            return self.attack.gradient(here, labels), *(self._judged(here, labels) if best else ())

        look = _apart(look)

        def advance(step: Tensor, points: Tensor, memory: Any, *found: Tensor) -> tuple[Any, ...]:
            gradient, *judged = look(points)
            kept = _better(_Best(points, *judged), _Best(*found)) if best else found
            points, memory = self._moved(points, self.x, gradient, memory, step)
            return step + 1, points, memory, *kept

        points = tf.ensure_shape(points, self.x.shape)
        _, points, _, *kept = self._loop(
            lambda step, *_: step < self.attack.steps, advance, (step, points, memory, *found)
        )
        if not best:
            return _Best(points, (), ())
        return _better(_Best(points, *self._judged(self._pass(points), labels)), _Best(*kept))

    def _judged(self, here: Forward, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The objective of each image of a pass, and whether it succeeds."""
        return self.attack.value(here, labels), self.attack.succeeds(here, self.y)

    def _begin(self, number: int | Tensor, rows: Tensor, opening: _Opening) -> tuple[Tensor, Tensor, Any]:
        """From which step, image and memory an attempt on some images begins."""
        x = batches.take(self.x, rows)

        def first() -> tuple[Tensor, Tensor, Any]:
            return tf.constant(1), *batches.take(opening, rows)

        def another() -> tuple[Tensor, Tensor, Any]:
            begin = self.attack.begin(self.forward, x, self.radius, number)
            return tf.constant(0), tf.clip_by_value(begin, *self.model.bounds), self.attack.memory(x)

        if opening is None:
            return another()
        if isinstance(number, int):
            return first()
        return tf.cond(tf.equal(number, 0), first, another)

    def _moved(self, points: Tensor, x: Tensor, gradient: Tensor, memory: Any, step: int | Tensor) -> tuple[Any, ...]:
        """Images and memory after one step."""
        direction, memory = self.attack.direction(gradient, memory)
        size = tf.gather(tf.constant(self.attack.step_sizes), step) * self.radius
        return self.attack.within(x, points + size * direction, self.radius, self.model.bounds), memory

    def _still_standing(self, rows: Tensor, points: Tensor) -> Tensor:
        """Those of some rows that stand at their last iterate, too."""

        def check() -> Tensor:
            here = self._pass(batches.take(points, rows), rows)
            return tf.boolean_mask(rows, batches.standing(here, batches.take(self.y, rows), self.attack.targeted))

        return tf.cond(tf.size(rows) > 0, check, lambda: rows)

    def _pass(self, points: Tensor, rows: Tensor | None = None) -> Forward:
        """A pass over perturbed images, with the model's other inputs of the same rows."""
        inputs = self.forward.inputs
        inputs = inputs if rows is None else batches.take(inputs, rows)
        return self.model.forward(self.model.with_images(inputs, points))

    def _loop(
        self, goes_on: Callable[..., Tensor], body: Callable[..., Any], state: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """A loop that is not entered at strength 0, and in which the number of rows may change."""

        def shape(value: Tensor) -> tf.TensorShape:
            return tf.TensorShape([None]) if value.dtype == tf.int32 and value.shape.rank == 1 else value.shape

        result: tuple[Any, ...] = tf.while_loop(
            lambda *state: (self.radius > 0) & goes_on(*state),
            body,
            state,
            shape_invariants=keras.tree.map_structure(shape, state),
            parallel_iterations=1,
        )
        return result


def _better(new: _Best, found: _Best) -> _Best:
    """The better one of some images and those found so far: what succeeds, and then what is higher."""
    higher = (new.hit & ~found.hit) | (tf.equal(new.hit, found.hit) & (new.value > found.value))
    images = batches.select(higher, new.images, found.images)
    return _Best(images, tf.where(higher, new.value, found.value), new.hit | found.hit)


def _apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that stays one by itself in the graph.

    In the body of a loop, TensorFlow's oneDNN pass misses some kernels, depending on the order in which it visits them;
    in one process of three, a gradient of a small network took a third longer there.
    """
    apart: Callable[..., Any] = tf.function(function, autograph=False, experimental_attributes={"_noinline": True})
    return apart
