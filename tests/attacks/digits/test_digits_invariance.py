"""What must not matter to an attack: the scale of the logits, the head, the batch, the order, early stopping."""

from __future__ import annotations

import digits
import numpy as np
import pytest
from helpers import slow

from keras_advxai.attacks import PGD, Ensemble

POINT = 0.01
ON_THE_EDGE = 1
"""Of 128 images, how many may be found in one way and just not in the other. With most kernels none is."""
cases = pytest.mark.parametrize(
    ("kind", "norm"),
    [("plain", "linf"), slow("overconfident", "l2"), slow("adversarial", "linf"), slow("adversarial", "l2")],
)


@pytest.mark.slow
@cases
def test_neither_the_scale_of_the_logits_nor_a_softmax_changes_it_by_more_than_a_point(
    kind, norm, digits_weights, models, images
):
    epsilon, weights = digits.EPSILONS[norm], digits_weights(kind)
    attack = Ensemble.preset("quick", norm=norm)
    expected = digits.standing(models[kind], *images, attack(models[kind], *images, epsilon))
    for activation, factor in ((None, 20), ("softmax", 100)):
        model = digits.model(weights, activation, factor)
        found = attack(model, *images, epsilon)
        # The model itself, without rounding to equal probabilities, says what it predicts.
        stands = digits.standing(models[kind], *images, found)
        assert abs(stands.mean() - expected.mean()) <= POINT, (activation, factor)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "norm"), [("plain", "linf"), slow("adversarial", "l2")])
def test_mixed_precision_changes_it_by_three_points_at_most(kind, norm, digits_weights, models, images):
    mixed = digits.model(digits_weights(kind), dtype="mixed_float16")
    attack = Ensemble.preset("quick", norm=norm)
    left = [
        digits.standing(model, *images, attack(model, *images, digits.EPSILONS[norm])).mean()
        for model in (models[kind], mixed)
    ]
    assert abs(left[0] - left[1]) <= 3 * POINT


@pytest.mark.slow
@pytest.mark.parametrize("norm", digits.EPSILONS)
def test_neither_the_batch_nor_the_order_changes_what_is_misclassified(norm, models, images):
    """Pixels change: sums over batches of another size are rounded in another order, and a step may go elsewhere."""
    (x, y), epsilon, model = images, digits.EPSILONS[norm], models["plain"]
    order = np.random.default_rng(0).permutation(len(x))
    attack = Ensemble.preset("quick", norm=norm)
    whole = digits.standing(model, x, y, attack(model, x, y, epsilon))
    assert 0.1 < whole.mean() < 0.9
    for size in (37, 16):
        parts = [attack(model, x[i : i + size], y[i : i + size], epsilon) for i in range(0, len(x), size)]
        assert np.sum(digits.standing(model, x, y, np.concatenate(parts)) != whole) <= ON_THE_EDGE
    found = attack(model, x[order], y[order], epsilon)
    assert np.sum(digits.standing(model, x[order], y[order], found) != whole[order]) <= ON_THE_EDGE


@pytest.mark.slow
@cases
def test_early_stopping_does_not_change_what_is_misclassified(kind, norm, models, images):
    stands = [
        digits.standing(models[kind], *images, attack(models[kind], *images, digits.EPSILONS[norm]))
        for attack in (PGD(norm=norm, restarts=2, keep=keep) for keep in ("first_hit", "best"))
    ]
    assert np.sum(stands[0] != stands[1]) <= ON_THE_EDGE
