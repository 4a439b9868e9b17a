"""What docs/options.md says of bfloat16: a copy in another precision, beside the model itself."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax


@pytest.mark.slow
def test_a_copy_in_bfloat16_explains_roughly_the_same_and_leaves_the_model_alone(model, few):
    helpers.needs_bfloat16()

    def in_bfloat16(layer):
        return type(layer).from_config({**layer.get_config(), "dtype": "mixed_bfloat16"})

    copy = keras.models.clone_model(model, clone_function=in_bfloat16)
    copy.set_weights(model.get_weights())
    assert copy.get_layer("conv1").compute_dtype == "bfloat16"
    assert model.get_layer("conv1").compute_dtype == "float32"
    gradients = [kax.explainers.Saliency().attributions(item, few[0]) for item in (model, copy)]
    same = np.mean(np.sign(gradients[0]) == np.sign(gradients[1]))
    assert 0.6 < same < 1
    maps = [kax.explainers.GradCAM(relu=False)(item, few[0]) for item in (model, copy)]
    assert 0 < np.abs(maps[0] - maps[1]).mean() < 0.1
