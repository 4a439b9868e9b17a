"""Figures that would be silently wrong if the evaluation did not look."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax

L = keras.layers


def images(count=12, seed=0):
    x = np.random.default_rng(seed).random((count, 8, 8, 1), dtype="float32")
    return x * np.linspace(0.2, 1, count, dtype="float32")[:, None, None, None]


def network(*head) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([L.Input((8, 8, 1)), L.Conv2D(4, 3, activation="relu"), L.GlobalAveragePooling2D(), *head])


def run(model, data, **settings):
    return kax.evaluate(model, data, **{"epsilons": (0.05, 0.2), "progress": False, **settings})


@pytest.mark.slow
def test_each_target_leaves_out_its_own_blank_references():
    kernel, bias = np.array([[1.0, -1.0]]), np.array([-0.5, 0.5])
    model = keras.Sequential(
        [L.Input((8, 8, 1)), L.Conv2D(1, 1), L.GlobalAveragePooling2D(), L.Dense(2, activation="softmax")]
    )
    model.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1), kernel, bias])
    x = images(40)
    data = (x, np.arange(40) % 2)
    by_label, by_clean = run(model, data, target="label"), run(model, data, target="clean")
    for epsilon in by_label.epsilons:
        expected = by_clean.dissimilarity("fgsm", "grad_cam", epsilon)
        np.testing.assert_array_equal(by_label.dissimilarity("fgsm", "grad_cam", epsilon, target="clean"), expected)
    assert np.isnan(expected).any()


@pytest.mark.parametrize(
    "head",
    [
        [L.Dense(3), L.BatchNormalization(beta_initializer=keras.initializers.Constant(-5.0))],
        [L.Dense(3), L.Lambda(lambda z: (z - 5.0) / 2.0)],
        [L.Dense(3), L.Lambda(lambda z: -z - 9.0)],
        [L.Dense(3), L.Lambda(lambda z: z + 2.0 * z)],
    ],
    ids=["batch_norm", "divided", "negated", "sum"],
)
def test_linear_heads_of_every_form_are_logits(head):
    model, x = network(*head), images()
    own = model.predict(x, verbose=0).argmax(-1)
    report = run(model, (x, own))
    assert report.clean_accuracy == 1.0
    assert report.provenance["head"] == "linear"


@pytest.mark.filterwarnings("ignore:The model ends in an operation")
def test_an_output_that_is_no_probability_is_refused():
    model, x = network(L.Dense(3), L.Lambda(lambda z: tf.nn.elu(z - 5.0))), images()
    for use in (run, kax.explainers.GradCAM(), kax.attacks.FGSM()):
        with pytest.raises(ValueError, match=r"its values are not probabilities\. Received: values from -"):
            use(model, x)
    assert run(kax.ImageClassifier(model, from_logits=True), x).provenance["head"] == "linear"


@pytest.mark.filterwarnings("ignore:The model ends in an operation")
def test_an_output_that_was_small_before_the_training_is_looked_at_again():
    """Found: a softplus of untrained logits is below 1, was taken for probabilities, and then for good."""
    model, x = network(L.Dense(3, activation="softplus", bias_initializer=keras.initializers.Constant(-4.0))), images()
    run(model, x)
    kax.attacks.FGSM()(model, x, np.zeros(12))
    head = model.layers[-1]
    head.bias.assign([4.0, -4.0, -4.0])
    for use in (run, kax.explainers.GradCAM(), kax.attacks.FGSM()):
        with pytest.raises(ValueError, match=r"its values are not probabilities\. Received: values from "):
            use(model, x)
    head.bias.assign([-4.0, -4.0, -4.0])
    head.kernel.assign_add(40 * np.eye(*head.kernel.shape))
    later = x.copy()
    later[:8] = 0
    with pytest.raises(kax.EvaluationError, match="its values are not probabilities") as e:
        run(model, later, batch_size=4)
    assert len(e.value.report.measurements) == 8


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_images_of_every_precision(dtype):
    model = network(L.Dense(3, activation="softmax"))
    x = tf.cast(images(), dtype)
    report = run(model, (x, np.zeros(12)))
    assert len(report.provenance["data_sha256"]) == 64
    assert len(report.samples) == 12


@pytest.mark.parametrize("settings", [{"seed": -1}, {"seed": 1.5}, {"images": 2.5}, {"batch_size": 0}])
def test_numbers_are_checked_first(settings):
    with pytest.raises(ValueError, match=f"`{next(iter(settings))}` must be an integer"):
        run(network(L.Dense(3)), images(), **settings)


@pytest.mark.slow
def test_numbers_may_come_from_numpy():
    report = run(network(L.Dense(3)), images(), seed=np.int64(3), images=np.int32(1), batch_size=np.int64(5))
    assert kax.EvaluationReport.from_json(report.to_json()) == report


def test_what_was_compiled_for_one_model_does_not_pile_up():
    from keras_advxai.models import compiled

    model = network(L.Dense(3))
    for value in range(300):
        compiled.remember(model, value, lambda value=value: value)
    assert len(compiled._STORE[model][1]) == compiled._MAX_ENTRIES
    assert compiled.remember(model, 299, lambda: None) == 299
