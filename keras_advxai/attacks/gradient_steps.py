"""The loop of iterative attacks: attempts and steps, in graphs that do not grow with the number of either."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.attacks import rows as batches
from keras_advxai.attacks.directions import Direction
from keras_advxai.attacks.keep import Best, Keep, better
from keras_advxai.attacks.loops import loop, not_inlined
from keras_advxai.attacks.objective import Objective
from keras_advxai.attacks.projections import Projection
from keras_advxai.attacks.starts import Start, at_images
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_flag
from keras_advxai.ops import norms
from keras_advxai.ops.selection import select

Labels: TypeAlias = Callable[[int | Tensor], Any]
"""From the number of an attempt, what its objective is about, `(batch, ...)`."""


@dataclasses.dataclass(frozen=True, eq=False)  # `==` of arrays has no truth value
class GradientSteps:
    """An iterative attack, put together from its parts; `run` takes the steps.

    `x_(i+1) = project(x_i + sizes_i * epsilon * direction(gradient at x_i))`. An *attempt* is a start and the steps
    from it; restarts and the classes of a multi-target attack are attempts.

    Args:
        objective: What is raised, and when an image is what the attack is after.
        direction: How a gradient becomes a direction, such as `steepest(norm)` or `momentum(norm, decay)`.
        project: What brings an iterate back into the budget and the bounds, such as `bounds_ball_bounds(norm)`.
        sizes: The size of every step, as a fraction of epsilon, `(steps,)` float32, such as `step_sizes(...)`.
        start: Where attempts begin. Defaults to the images.
        attempts: How many there are. Defaults to 1.
        from_clean_pass: Whether the first attempt takes its first step from the images, along the gradient of the pass
            over them, which then serves all epsilons; `start` is asked about the other attempts only. Defaults to
            `True`.
        keep: Which iterate is the result: the `"first_hit"`, the `"best"` or the `"last"`; see `PGD`. Defaults to
            `"first_hit"`. An attack that is to be compared by the explanations passes `"best"` where it has
            `whole_budget`; see `Attack.with_whole_budget`.

    Example:

    An iterative attack of your own, in steps that shorten and with gradients that are gathered:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> class Gathering(kax.attacks.GradientAttack):
    ...     iterative = True
    ...     def __init__(self, *, steps=10, **options):
    ...         super().__init__(**options)
    ...         self.steps = steps
    ...     def perturb(self, model, x, y, epsilon, forward):
    ...         steps = kax.attacks.GradientSteps(
    ...             objective=kax.attacks.misclassification(self),
    ...             direction=kax.attacks.momentum(self.norm, decay=0.5),
    ...             project=kax.attacks.bounds_ball_bounds(self.norm),
    ...             sizes=kax.attacks.step_sizes("cosine", self.steps),
    ...             keep="best" if self.whole_budget else "first_hit",
    ...         )
    ...         return steps.run(model, forward, y, epsilon)
    >>> net = keras.Sequential([
    ...     keras.layers.Input((2, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1, 0]] * 4)),
    ... ])
    >>> x = np.full((1, 2, 2, 1), 0.5, "float32")
    >>> Gathering(steps=4)(net, x, [0], epsilon=0.25).ravel().tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    objective: Objective
    direction: Direction
    project: Projection
    sizes: np.ndarray
    start: Start = at_images
    attempts: int = 1
    from_clean_pass: bool = True
    keep: Keep = "first_hit"

    def __post_init__(self) -> None:
        check_flag("from_clean_pass", self.from_clean_pass)

    def run(
        self, model: ImageClassifier, forward: Forward, y: Any, epsilon: Tensor, labels: Labels | None = None
    ) -> Tensor:
        """The iterate of each image that is kept, shaped as the images.

        Args:
            model: The classifier that makes the passes of the steps.
            forward: The pass over the images.
            y: What success is about, `(batch, ...)`: class indices, or whatever `objective` takes.
            epsilon: The budget, a scalar in the images' own units.
            labels: From the number of an attempt, what is raised in it. Defaults to `None`: `y` in all of them.
        """
        steps = _Run(self, model, forward, y, epsilon, labels or (lambda number: y))
        return steps.until_hit() if self.keep == "first_hit" else steps.all_steps()


class _Iterate(NamedTuple):
    """The images and the memory after a step."""

    images: Tensor
    memory: Any


@dataclasses.dataclass(frozen=True, eq=False)
class _Run:
    """The steps on one batch of images at one epsilon; see `GradientSteps.run`."""

    steps: GradientSteps
    model: ImageClassifier
    forward: Forward
    y: Any
    epsilon: Tensor
    labels: Labels

    def until_hit(self) -> Tensor:
        """Every image at its first iterate that succeeds, or else at its last.

        What has succeeded at the image itself is returned as it is.
        """
        # Images leave the batch when they are hit, so a step costs what those still active cost: on a model without
        # defence, most of ten steps are saved. The open batch dimension makes that possible within one trace.
        rows = batches.where(self._active(self.forward, self.y))
        # Outside of the loop over attempts, of which the first alone has use for it.
        opening = self._opening()
        if self.steps.attempts == 1:
            return self._climb_until_hit(0, rows, self.x, opening)[1]

        def attempt(number: Tensor, rows: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            rows, points = self._climb_until_hit(number, rows, points, opening)
            # The last step's images have been in no pass; whom they deceive needs no further attempt.
            return number + 1, self._still_active(rows, points), points

        _, _, points = loop(
            self.epsilon,
            lambda number, rows, _: (number < self.steps.attempts) & (tf.size(rows) > 0),
            attempt,
            (tf.constant(0), rows, self.x),
        )
        return points

    def all_steps(self) -> Tensor:
        """Every image after all steps, at the iterate that is kept.

        The best is the one of all attempts, the image itself among them, that has the highest value of those that
        succeed, or else of all.
        """
        begin = Best(self.x, *self._judged(self.forward, self.labels(0))) if self._best else Best(self.x, (), ())
        opening = self._opening()

        def attempt(number: int | Tensor, *found: Tensor) -> tuple[Any, ...]:
            return number + 1, *self._climb(number, Best(*found), opening)

        if self.steps.attempts == 1:
            return attempt(0, *begin)[1]
        return loop(self.epsilon, lambda number, *_: number < self.steps.attempts, attempt, (tf.constant(0), *begin))[1]

    @property
    def x(self) -> Tensor:
        """The images."""
        return self.forward.images

    @property
    def _best(self) -> bool:
        return self.steps.keep == "best"

    def _opening(self) -> _Iterate | None:
        """The first step of the first attempt, if the pass over the images serves it."""
        if not self.steps.from_clean_pass:
            return None
        # Outside of the loops, so that an evaluation at ten epsilons takes this gradient once, and FGSM shares it.
        gradient = self.steps.objective.gradient(self.forward, self.labels(0))
        return self._moved(self.x, self.x, gradient, self.steps.direction.init(self.x), 0)

    def _climb_until_hit(
        self, number: int | Tensor, rows: Tensor, points: Tensor, opening: _Iterate | None
    ) -> tuple[Tensor, Tensor]:
        """One attempt on the rows still active: those active before the last step, and all images after it."""
        x, labels = self.x, self.labels(number)
        step, begin, memory = self._begin(number, rows, opening)
        # Tensors keep a row for each image of the batch, and `rows` says who goes on: in a loop whose state shrank, the
        # results of those that left would have to be gathered afterwards.
        points = batches.put(points, rows, begin)
        memory = batches.put(self.steps.direction.init(x), rows, memory)

        def look(at: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
            # One pass says who is hit and where the others go, so k steps take k passes and not k + 1.
            here = self._pass(at, rows)
            return self._active(here, batches.take(self.y, rows)), self.steps.objective.gradient(
                here, batches.take(labels, rows)
            )

        look = not_inlined(look)

        def advance(step: Tensor, rows: Tensor, points: Tensor, memory: Any) -> tuple[Tensor, Tensor, Tensor, Any]:
            at = batches.take(points, rows)
            active, gradient = look(at, rows)
            # Those that are hit are moved, too, and put back, which is cheaper than to take them out first.
            moved, changed = self._moved(at, batches.take(x, rows), gradient, batches.take(memory, rows), step)
            points = batches.put(points, rows, select(active, moved, at))
            memory = batches.put(memory, rows, changed)
            return step + 1, tf.boolean_mask(rows, active), points, memory

        _, rows, points, _ = loop(
            self.epsilon,
            lambda step, rows, *_: (step < len(self.steps.sizes)) & (tf.size(rows) > 0),
            advance,
            (step, rows, points, memory),
        )
        return rows, points

    def _climb(self, number: int | Tensor, found: Best, opening: _Iterate | None) -> Best:
        """One attempt on all images: the best so far, or the last iterate."""
        labels = self.labels(number)
        step, points, memory = self._begin(number, tf.range(tf.shape(self.x)[0]), opening)

        def look(points: Tensor) -> tuple[Any, ...]:
            here = self._pass(points)
            return self.steps.objective.gradient(here, labels), *(self._judged(here, labels) if self._best else ())

        look = not_inlined(look)

        def advance(step: Tensor, points: Tensor, memory: Any, *found: Tensor) -> tuple[Any, ...]:
            gradient, *judged = look(points)
            # Compared before it is moved: the pass that gives the gradient judges the iterate as well.
            kept = better(Best(points, *judged), Best(*found)) if self._best else found
            points, memory = self._moved(points, self.x, gradient, memory, step)
            return step + 1, points, memory, *kept

        # Taking rows forgets a batch size that is known, and the loop is asked to keep it.
        points = tf.ensure_shape(points, self.x.shape)
        _, points, _, *best = loop(
            self.epsilon, lambda step, *_: step < len(self.steps.sizes), advance, (step, points, memory, *found)
        )
        if not self._best:
            return Best(points, (), ())
        # The last iterate has been looked at by no step, and is the best one more often than any other.
        return better(Best(points, *self._judged(self._pass(points), labels)), Best(*best))

    def _active(self, here: Forward, y: Any) -> Tensor:
        """Which images of a pass the attack has not had success with yet, `(batch,)` bool."""
        return tf.logical_not(self.steps.objective.succeeds(here, y))

    def _judged(self, here: Forward, labels: Any) -> tuple[Tensor, Tensor]:
        """The value of each image of a pass, and whether it succeeds."""
        return self.steps.objective.value(here, labels), self.steps.objective.succeeds(here, self.y)

    def _begin(self, number: int | Tensor, rows: Tensor, opening: _Iterate | None) -> tuple[Tensor, Tensor, Any]:
        """From which step, image and memory an attempt on some images begins."""
        x = batches.take(self.x, rows)

        def first() -> tuple[Tensor, Tensor, Any]:
            return tf.constant(1), *batches.take(opening, rows)

        def another() -> tuple[Tensor, Tensor, Any]:
            begin = self.steps.start(x, self.epsilon, number)
            # A start is drawn from the ball alone, and a pixel near a bound would begin outside.
            return tf.constant(0), tf.clip_by_value(begin, *self.model.bounds), self.steps.direction.init(x)

        if opening is None:
            return another()
        if isinstance(number, int):  # a single attempt needs no branch in the graph
            return first()
        begun: tuple[Tensor, Tensor, Any] = tf.cond(tf.equal(number, 0), first, another)
        return begun

    def _moved(self, points: Tensor, x: Tensor, gradient: Tensor, memory: Any, step: int | Tensor) -> _Iterate:
        """Images and memory after one step."""
        # Again, since an objective of a user's own may have any gradient.
        direction, memory = self.steps.direction.update(norms.finite(gradient), memory)
        # Gathered, because the loop's body is traced once for all steps.
        size = tf.gather(tf.constant(self.steps.sizes), step) * self.epsilon
        return _Iterate(self.steps.project(x, points + size * direction, self.epsilon, self.model.bounds), memory)

    def _still_active(self, rows: Tensor, points: Tensor) -> Tensor:
        """Those of some rows that are active at their last iterate, too."""

        def check() -> Tensor:
            here = self._pass(batches.take(points, rows), rows)
            return tf.boolean_mask(rows, self._active(here, batches.take(self.y, rows)))

        return tf.cond(tf.size(rows) > 0, check, lambda: rows)

    def _pass(self, points: Tensor, rows: Tensor | None = None) -> Forward:
        """A pass over perturbed images, with the model's other inputs of the same rows."""
        inputs = self.forward.inputs if rows is None else batches.take(self.forward.inputs, rows)
        here: Forward = self.model.forward(self.model.with_images(inputs, points))
        return here
