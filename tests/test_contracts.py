"""Every attack, explainer and dissimilarity, and every option, satisfies the contract of its kind."""

from __future__ import annotations

import copy
import itertools
import pickle

import helpers
import keras
import numpy as np
import pytest
from contracts import ATTACKS, EXPLAINERS, METRICS

import keras_advxai as kax
from keras_advxai.attacks import Attack, MultiTargetPGD
from keras_advxai.explainers import Explainer
from keras_advxai.testing import check_attack, check_explainer, check_metric

BOTH = [*ATTACKS, *EXPLAINERS]
ALL_OBJECTS = (*kax.attacks.ALL_OBJECTS, *kax.explainers.ALL_OBJECTS, *kax.contrib.ALL_OBJECTS)


HEADS = ("softmax", "one sigmoid unit", "linear, in [-1, 1]")


REPRESENTATIVE = MultiTargetPGD
"""It has the loop of all that take steps."""


def is_long(item: Attack | Explainer) -> bool:
    """Whether its contract takes five seconds and more: that of an attack in many steps or queries."""
    many = getattr(item, "iterative", False) or "queries" in item.get_config()
    return many and not isinstance(item, REPRESENTATIVE)


def pairs(items: list) -> list:
    """Each on one of the models in turn; slow but for the first of most classes. (More models: tests/kinds.)"""
    quick = [item for item in first_of_each(items) if not is_long(item)]
    marks = [() if item in quick else pytest.mark.slow for item in items]
    found = zip(items, itertools.cycle(HEADS), marks)
    return [pytest.param(item, head, marks=mark) for item, head, mark in found]


def first_of_each(items: list) -> list:
    return list({type(item): item for item in reversed(items)}.values())


@pytest.fixture(scope="module")
def cases(build, few) -> dict:
    """Models, images in their bounds, and labels."""
    x, y = few
    linear = kax.ImageClassifier(
        build("linear", "functional"), bounds=(-1, 1), preprocess=lambda images: (images + 1) / 2
    )
    first, second = build("softmax", "functional"), build("sigmoid", "sequential")
    return dict(zip(HEADS, [(first, x, y), (second, x, y), (linear, 2 * x - 1, y)], strict=True))


@pytest.mark.parametrize(("attack", "head"), pairs(ATTACKS), ids=repr)
def test_attacks(attack, head, cases):
    check_attack(attack, *cases[head])


@pytest.mark.parametrize(("explainer", "head"), pairs(EXPLAINERS), ids=repr)
def test_explainers(explainer, head, cases):
    check_explainer(explainer, *cases[head][:2])


@pytest.mark.parametrize("shape", [(16, 12, 1), (30, 1), (4, 6, 6, 1)], ids=str)
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_metrics(metric, shape):
    check_metric(metric, shape)


def test_every_dissimilarity_is_public():
    assert {metric.name for metric in METRICS} <= set(kax.metrics.__all__)


def test_every_public_class_is_in_the_list():
    needs_the_extra = {kax.contrib.AlibiIntegratedGradients}  # its contract is checked in tests/with_alibi
    assert {type(item) for item in BOTH} == set(ALL_OBJECTS) - needs_the_extra
    names = {*kax.attacks.__all__, *kax.explainers.__all__, *kax.contrib.__all__}
    assert {cls.__name__ for cls in ALL_OBJECTS} <= names


@pytest.mark.parametrize("item", BOTH, ids=repr)
def test_copies_are_equal(item):
    for other in (copy.copy(item), copy.deepcopy(item), pickle.loads(pickle.dumps(item))):
        assert other == item
        assert hash(other) == hash(item)
        with pytest.raises(AttributeError, match="immutable"):
            other.anything = 1


def test_each_is_equal_to_itself_alone_and_has_a_name_and_a_repr_of_its_own():
    for index, item in enumerate(BOTH):
        assert [other == item for other in BOTH] == [position == index for position in range(len(BOTH))]
    assert len({item.name for item in BOTH}) == len({repr(item) for item in BOTH}) == len(BOTH)
    assert len(set(BOTH)) == len(BOTH)


@pytest.mark.parametrize("item", BOTH, ids=repr)
def test_the_repr_builds_an_equal_one(item):
    scope = {cls.__name__: cls for cls in ALL_OBJECTS}
    assert eval(repr(item), scope) == item


@pytest.mark.parametrize("item", BOTH, ids=repr)
def test_the_hyperparameters_can_be_neither_assigned_nor_deleted(item):
    for name in item.get_config():
        with pytest.raises(AttributeError, match=f"{type(item).__name__} is immutable"):
            setattr(item, name, "l2")
        with pytest.raises(AttributeError, match=f"{type(item).__name__} is immutable"):
            delattr(item, name)


@pytest.fixture(scope="module")
def before_and_after(build) -> tuple[keras.Model, keras.Model, list, list]:
    """A model that is to be trained further, one that was, and the weights of both."""
    model, other = build(), build()
    weights = model.get_weights()
    generator = np.random.default_rng(0)
    trained = [generator.normal(weight, 0.01) for weight in weights]
    other.set_weights(trained)
    return model, other, weights, trained


@pytest.mark.parametrize(
    "item", [item if index % 3 == 0 else helpers.slow(item) for index, item in enumerate(first_of_each(BOTH))], ids=repr
)
def test_a_model_may_be_trained_between_two_calls(item, before_and_after, few):
    x, y = few
    y = 1 - y if getattr(item, "targeted", False) else y
    model, other, weights, trained = before_and_after
    model.set_weights(weights)
    before = item(model, x, y)
    model.set_weights(trained)
    after = item(model, x, y)
    np.testing.assert_allclose(after, item(other, x, y), atol=1e-5)
    if not isinstance(item, (kax.attacks.UniformNoise, kax.attacks.SignNoise)):
        assert not np.allclose(after, before, atol=1e-3)


def test_kinds_are_told_apart():
    assert all(isinstance(item, Attack) for item in ATTACKS)
    assert all(isinstance(item, Explainer) for item in EXPLAINERS)
    for item in ATTACKS:
        with pytest.raises(TypeError, match="identifier"):
            kax.explainers.get(item)
    for item in EXPLAINERS:
        with pytest.raises(TypeError, match="identifier"):
            kax.attacks.get(item)
