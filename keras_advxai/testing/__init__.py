"""Checks that every attack, explainer and dissimilarity has to pass: ours, and your own.

In a test of your own, with a small model and a few images:

    from keras_advxai.testing import check_attack

    def test_contract(model, x, y):
        check_attack(MyAttack(steps=3), model, x, y)
"""

from keras_advxai.testing.attacks import check_attack
from keras_advxai.testing.explainers import check_explainer
from keras_advxai.testing.metrics import check_metric
from keras_advxai.testing.state import unchanged

__all__ = ["check_attack", "check_explainer", "check_metric", "unchanged"]
