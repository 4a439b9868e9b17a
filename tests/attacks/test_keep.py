"""Which of two iterates is the better one."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import tensorflow as tf

from keras_advxai.attacks.keep import Best, better

ITERATES = [(hit, value) for hit in (False, True) for value in (math.nan, -1.0, 1.0)]


def test_of_three_iterates_the_best_is_kept_with_its_value_and_whether_it_succeeds():
    """What succeeds, then what is higher, with NaN below all numbers; of equal ones the first."""
    cases = list(itertools.product(ITERATES, repeat=3))
    steps = [
        Best(
            tf.fill([len(cases), 1, 1, 1], float(number)),
            tf.constant([case[number][1] for case in cases]),
            tf.constant([case[number][0] for case in cases]),
        )
        for number in range(3)
    ]
    found = functools.reduce(lambda found, new: better(new, found), steps)
    for index, case in enumerate(cases):
        rank = [(hit, -math.inf if math.isnan(value) else value) for hit, value in case]
        best = rank.index(max(rank))
        assert found.images[index].numpy().item() == best
        assert bool(found.hit[index]) == case[best][0]
        np.testing.assert_equal(float(found.value[index]), case[best][1])
