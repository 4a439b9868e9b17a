"""The square attack: random search over squares, without gradients."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks import rows as batches
from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.proposals import PROPOSALS, Grid
from keras_advxai.attacks.registry import register
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_flag, check_number, check_whole_number
from keras_advxai.ops import losses, random
from keras_advxai.ops.selection import select

_HALVED = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""After how many queries of 10,000 the part of the image that changes at once is halved."""


@register
class Square(Attack):
    """Square attack: changes one random square at a time, and keeps what lowers the margin. It needs no gradient.

    With `norm="linf"`, it begins with stripes of `x - epsilon` and `x + epsilon`; each query then gives a square of
    positions one of both values in every channel. With `norm="l2"`, it begins with a grid of bumps; each query moves
    what was spent on one square to another one. The squares shrink from `p_init` of the image on a schedule for the
    given number of queries. A change is kept if it lowers the margin of the label over the other classes (or raises
    that of the target). Images that are misclassified are not queried any more: each proposal fills the budget, so that
    nothing of it is left. Where an evaluation compares explanations, those misclassified before are queried, too.

    It uses the logits only, so it works on models whose gradients are missing or masked. The squares of an image are
    drawn from the seed and the image itself, so they depend neither on its position in the data nor on the batch size.
    Signals get intervals, videos cubes.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        queries: The maximum number of queries per image. Defaults to 1000.
        p_init: Which part of the image changes with the first squares, above 0 and at most 1. Defaults to 0.8.
        targeted: Whether the labels are target classes. Defaults to `False`.
        seed: An integer. Defaults to 0.

    Raises:
        ValueError: `queries` is below 1, `p_init` not in (0, 1], or `seed` is not an integer.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((2, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1, 0]] * 4)),
    ... ])
    >>> x = np.full((1, 2, 2, 1), 0.5, "float32")
    >>> kax.attacks.Square(queries=100)(net, x, [0], epsilon=0.25).ravel().tolist()
    [0.25, 0.25, 0.25, 0.25]

    References:
        Andriushchenko et al., "Square Attack: a query-efficient black-box adversarial attack via random search", ECCV
        2020.
    """

    def __init__(
        self,
        *,
        norm: Norm = "linf",
        queries: int = 1000,
        p_init: float = 0.8,
        targeted: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(norm=norm)
        self.queries = check_whole_number("queries", queries, 1)
        self.p_init = check_number("p_init", p_init, 0)
        if not 0 < self.p_init <= 1:
            raise ValueError(
                f"Argument `p_init` must be a part of the image, above 0 and at most 1. Received: p_init={p_init!r}"
            )
        self._targeted = check_flag("targeted", targeted)
        self.seed = check_whole_number("seed", seed, -(2**31))

    @property
    def targeted(self) -> bool:
        """Whether the labels are target classes instead of true classes."""
        return self._targeted

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """The first misclassified image, or else the one with the lowest margin; see `Attack.perturb`."""
        # The search thinks in positions and channels, and a model may have its channels first or take flat vectors.
        grid = Grid(model, x)
        begin, propose = PROPOSALS[self.norm]
        images, keys = grid.lay_out(x), random.image_keys(x, self.seed)

        def query(step: Tensor, rows: Tensor, found: Tensor, lead: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            clean, best, own = batches.take((images, found, keys), rows)
            # The beginning counts as a query, and deceives many models by itself: convolutions respond to stripes.
            proposed = tf.cond(
                tf.equal(step, 0),
                lambda: begin(clean, own, epsilon, model.bounds),
                lambda: propose(clean, best, own, step, self._part(step), epsilon, model.bounds),
            )
            proposed = tf.ensure_shape(proposed, [None, *images.shape[1:]])
            inputs = model.with_images(batches.take(forward.inputs, rows), grid.lay_back(proposed))
            # One pass for each query, over all images that are still active, and no gradient.
            here, labels, before = model.forward(inputs), batches.take(y, rows), batches.take(lead, rows)
            active = batches.active(here, labels, self.targeted)
            now = self._lead(here, labels)
            # Kept although its margin may be no lower than before, by as much as rounding makes: it is a success.
            better = (now < before) | tf.logical_not(active)
            found = batches.put(found, rows, select(better, proposed, best))
            # It never rises, also where a success was kept for being one.
            lead = batches.put(lead, rows, tf.where(now < before, now, before))  # nor becomes NaN, as a minimum would
            return step + 1, tf.boolean_mask(rows, active), found, lead

        active = batches.active(forward, y, self.targeted)
        # Where the budget is to be used, what is misclassified before is queried, too, until it is so once more.
        rows = tf.range(tf.shape(x)[0]) if self.whole_budget else batches.where(active)
        lead = tf.fill(tf.shape(x)[:1], float("inf"))
        _, left, found, _ = tf.while_loop(
            lambda step, rows, *_: (step < self.queries) & (tf.size(rows) > 0) & (epsilon > 0),
            query,
            (tf.constant(0), rows, images, lead),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None]), images.shape, lead.shape),
            parallel_iterations=1,
        )
        # Those that the search has brought back to their label are better left as they are.
        found = batches.put(found, left, select(*batches.take((active, found, images), left)))
        return grid.lay_back(found)

    def _lead(self, forward: Forward, y: Tensor) -> Tensor:
        """How far each image is from a success of the attack, `(batch,)`."""
        lead = losses.margin(forward.logits, y)
        return lead if self.targeted else -lead

    def _part(self, step: Tensor) -> Tensor:
        """The part of the image that changes at a step."""
        # The schedule was found for 10,000 queries, and is squeezed: with 100 the windows must shrink as far.
        of_10000 = tf.cast(step, tf.float32) * (10000 / self.queries)
        halvings = tf.reduce_sum(tf.cast(of_10000 > tf.constant(_HALVED, tf.float32), tf.float32))
        return self.p_init / tf.pow(2.0, halvings)
