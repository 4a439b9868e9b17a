"""What `ExplanationPGD` is given: a configuration that comes back, and options that are refused with what to do."""

from __future__ import annotations

import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.attacks import ExplanationPGD
from keras_advxai.contrib import TFKerasVis
from keras_advxai.explainers import GradCAM, SmoothGrad


def test_the_configuration_makes_the_round_trip():
    target = np.arange(36.0).reshape(6, 6)
    attack = ExplanationPGD(explainer=SmoothGrad(samples=2), objective=target, beta=2, norm="l2")
    again = kax.attacks.deserialize(kax.attacks.serialize(attack))
    assert again == attack == ExplanationPGD.from_config(attack.get_config())
    assert hash(again) == hash(attack)
    assert again.name == attack.name
    assert attack == ExplanationPGD(explainer=SmoothGrad(samples=2), objective=target * 2, beta=2, norm="l2")
    target[0, 0] = 9
    assert attack != ExplanationPGD(explainer=SmoothGrad(samples=2), objective=target, beta=2, norm="l2")
    assert kax.attacks.get("explanation_pgd") == ExplanationPGD(explainer="grad_cam")
    with pytest.raises(ValueError, match="read-only"):
        attack.objective[0, 0] = 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"objective": "nisim"},
            ValueError,
            "nissim, top_k, mass_center, or .* Did you mean 'nissim'.*objective='nisim'",
        ),
        ({"objective": None}, TypeError, "`objective` must be one of .* or a target map"),
        ({"objective": np.eye(3) - 0.25}, ValueError, "not negative.* Received: values from -0.25 to 0.75"),
        ({"objective": np.zeros((3, 3))}, ValueError, "not zero everywhere"),
        ({"objective": np.full((3, 3), np.nan)}, ValueError, "finite"),
        ({"objective": "top_k", "k": 0}, ValueError, "`k` must be a number of positions, 1 or more, .* k=0"),
        ({"objective": "top_k", "k": 1.0}, ValueError, "between 0 and 1. Received: k=1.0"),
        ({"objective": "top_k", "k": True}, ValueError, "`k` must be"),
        ({"k": 5}, ValueError, "`k` belongs to objective='top_k'"),
        ({"beta": 0}, ValueError, "`beta` must be above 0, or None"),
        ({"beta": "sharp"}, ValueError, "`beta` must be a number"),
        ({"steps": 0}, ValueError, "`steps` must be an integer of at least 1"),
        ({"start": "zero"}, ValueError, "zero at the image itself.* Pass start='uniform'"),
        ({"norm": "l1"}, ValueError, "`norm` must be one of linf, l2"),
        ({"explainer": "gradcam_x"}, ValueError, "Unknown explainer 'gradcam_x'.* Did you mean 'grad_cam'"),
        ({"explainer": 3}, TypeError, "`explainer` must be the name of an explainer"),
        ({"explainer": TFKerasVis()}, ValueError, "can be differentiated.* TFKerasVis.* outside of TensorFlow"),
        ({"explainer": SmoothGrad(explainer=TFKerasVis())}, ValueError, "can be differentiated"),
        ({"explainer": GradCAM(relu=False)}, ValueError, "are signed. Leave its `relu` at True"),
    ],
    ids=str,
)
def test_bad_options_are_refused_with_what_to_do(options, error, message):
    with pytest.raises(error, match=message):
        ExplanationPGD(**options)
