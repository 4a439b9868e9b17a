"""Checks that every attack and every explainer has to pass: ours, and anyone's who writes another.

In a test of one's own, with a small model and a few images:

    from keras_advxai.testing import check_attack

    def test_contract(model, x, y):
        check_attack(MyAttack(steps=3), model, x, y)
"""

from keras_advxai.testing.attacks import check_attack
from keras_advxai.testing.explainers import check_explainer
from keras_advxai.testing.state import unchanged

__all__ = ["check_attack", "check_explainer", "unchanged"]
