"""Forward: outputs, scores and gradients of one pass, in a graph and eagerly, in closed form where there is one."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.models.scores import SCORES, logit_score

layers = keras.layers
SHAPE = (4, 4, 1)


def read(classifier: kax.ImageClassifier, x: np.ndarray, *names: str, eager: bool = False) -> list[np.ndarray]:
    def run(images):
        forward = classifier.forward(images)
        return [getattr(forward, name) for name in names]

    return [value.numpy() for value in (run(x) if eager else tf.function(run)(x))]


def with_head(*head: layers.Layer, units: int = 3, activation: str | None = None) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(
                4, 3, activation="relu", name="conv", kernel_initializer=keras.initializers.GlorotUniform(seed=1)
            ),
            layers.Flatten(),
            layers.Dense(units, activation=activation, kernel_initializer=keras.initializers.GlorotUniform(seed=2)),
            *head,
        ]
    )


# Which heads are distinguished, and what stands before them.
HEADS = {
    "a Dense with softmax": (lambda: with_head(activation="softmax"), "softmax"),
    "an Activation layer": (lambda: with_head(layers.Activation("softmax")), "softmax"),
    "a Softmax layer": (lambda: with_head(layers.Softmax()), "softmax"),
    "an operation": (lambda: _functional(keras.ops.softmax), "softmax"),
    "a float32 Activation in mixed precision": (lambda: _mixed(), "softmax"),
    "K sigmoids": (lambda: with_head(activation="sigmoid"), "sigmoid"),
    "an Activation layer of sigmoids": (lambda: with_head(layers.Activation("sigmoid")), "sigmoid"),
    "one sigmoid unit": (lambda: with_head(units=1, activation="sigmoid"), "sigmoid"),
    "logits": (lambda: with_head(), "linear"),
    "logits without a bias": (lambda: _functional(lambda x: x, use_bias=False), "linear"),
    "logits of a convolution, averaged": (lambda: _convolutional(), "linear"),
    "logits, scaled": (lambda: with_head(layers.Rescaling(2.0)), "linear"),
}


def _functional(head, use_bias: bool = True) -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = layers.Flatten()(layers.Conv2D(4, 3, activation="relu", name="conv")(inputs))
    return keras.Model(inputs, head(layers.Dense(3, use_bias=use_bias)(x)))


def _mixed() -> keras.Model:
    helpers.needs_bfloat16()
    inputs = keras.Input(SHAPE)
    x = layers.Flatten()(layers.Conv2D(4, 3, activation="relu", name="conv", dtype="mixed_bfloat16")(inputs))
    x = layers.Dense(3, dtype="mixed_bfloat16")(x)
    return keras.Model(inputs, layers.Activation("softmax", dtype="float32")(x))


def _convolutional() -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(3, 1)(layers.Conv2D(4, 3, activation="relu", name="conv")(inputs))
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("kind", HEADS)
def test_the_logits_stand_before_the_head(kind, eager):
    """What the head makes of the logits is the model's own output."""
    build, head = HEADS[kind]
    model, x = build(), helpers.random_images(5, SHAPE)
    classifier = kax.ImageClassifier(model)
    output = model(x).numpy().astype("float32")
    assert classifier.head() == head
    logits, probabilities, predictions = read(classifier, x, "logits", "probabilities", "predictions", eager=eager)
    assert logits.dtype == probabilities.dtype == np.float32
    tolerance = 1e-2 if "mixed" in kind else 1e-6
    if output.shape[1] == 1:
        output = np.concatenate([1 - output, output], axis=1)
        np.testing.assert_array_equal(logits[:, 0], 0)
        np.testing.assert_allclose(1 / (1 + np.exp(-logits[:, 1])), output[:, 1], atol=1e-6)
    expected = {
        "softmax": lambda: tf.nn.softmax(logits),
        "sigmoid": lambda: probabilities,
        "linear": lambda: logits,
    }[head]()
    np.testing.assert_allclose(expected, output, atol=tolerance)
    if head == "linear":
        output = tf.nn.softmax(output).numpy()
    np.testing.assert_allclose(probabilities, output, atol=tolerance)
    np.testing.assert_array_equal(predictions, output.argmax(-1))


def test_a_softmax_under_a_reshape_is_found_in_a_graph_and_eagerly_the_message_says_so():
    model = with_head(layers.Reshape((1, 1, 3)), layers.Softmax(), layers.Reshape((3,)))
    classifier, x = kax.ImageClassifier(model), helpers.random_images(5, SHAPE)
    logits, probabilities = read(classifier, x, "logits", "probabilities")
    np.testing.assert_allclose(tf.nn.softmax(logits), model(x), atol=1e-6)
    np.testing.assert_allclose(probabilities, model(x), atol=1e-6)
    with pytest.raises(ValueError, match=r"in a compiled function only. Call `forward` inside a `tf.function`"):
        classifier.forward(x)


@pytest.mark.parametrize(
    "end",
    [
        [layers.Activation("log_softmax")],
        [layers.Lambda(tf.nn.log_softmax)],
        [layers.Reshape((1, 3)), layers.Activation("log_softmax"), layers.Reshape((3,))],
    ],
    ids=["activation", "operation", "reshaped"],
)
def test_the_logarithm_of_a_softmax_has_the_logits_and_heatmaps_of_the_softmax(end):
    model, x = with_head(*end), helpers.random_images(5, SHAPE)
    plain = keras.Model(model.inputs, layers.Softmax()(model.layers[-len(end) - 1].output))
    classifiers = [kax.ImageClassifier(item) for item in (model, plain)]
    assert [item.head() for item in classifiers] == ["softmax", "softmax"]
    (found, expected) = (read(item, x, "logits", "probabilities", "predictions") for item in classifiers)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    explainer, attack = kax.explainers.Saliency(), kax.attacks.FGSM()
    np.testing.assert_array_equal(explainer(model, x), explainer(plain, x))
    np.testing.assert_array_equal(attack(model, x, epsilon=0.1), attack(plain, x, epsilon=0.1))
    # Who says that the output is logits is believed.
    said = read(kax.ImageClassifier(model, from_logits=True), x, "logits")[0]
    np.testing.assert_allclose(said, model(x), atol=1e-6)


def test_all_heads_of_the_same_weights_agree(build, few):
    forwards = [
        read(kax.ImageClassifier(build(head, kind)), few[0], "probabilities")[0]
        for head in helpers.HEADS
        for kind in helpers.KINDS
    ]
    for other in forwards[1:]:
        np.testing.assert_allclose(other, forwards[0], atol=1e-6)


def test_the_logits_of_a_confident_model_are_exact_where_its_softmax_has_saturated():
    model = helpers.linear_model(np.array([[100.0, -100.0]] * 16), SHAPE, activation="softmax")
    x = np.ones((1, *SHAPE), "float32")
    assert model(x).numpy().tolist() == [[1, 0]]
    logits, probabilities = read(kax.ImageClassifier(model), x, "logits", "probabilities")
    assert logits.tolist() == [[1600, -1600]]
    assert probabilities.tolist() == [[1, 0]]


def test_what_the_user_says_of_the_output_is_believed():
    x = helpers.random_images(3, SHAPE)
    linear = with_head()
    logits, probabilities = read(kax.ImageClassifier(linear, from_logits=True), x, "logits", "probabilities")
    np.testing.assert_allclose(logits, linear(x), atol=1e-6)
    np.testing.assert_allclose(probabilities, tf.nn.softmax(linear(x)), atol=1e-6)
    relu = with_head(layers.ReLU())
    np.testing.assert_allclose(read(kax.ImageClassifier(relu, from_logits=True), x, "logits")[0], relu(x), atol=1e-6)


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
def test_an_unknown_last_operation_is_taken_for_probabilities_with_a_warning(eager):
    def normalise(x):
        x = keras.ops.abs(x) + 0.1
        return x / keras.ops.sum(x, axis=-1, keepdims=True)

    model, x = _functional(normalise), helpers.random_images(3, SHAPE)
    with pytest.warns(UserWarning, match=r"ends in an operation `\w+` .*from_logits=True.* or from_logits=False"):
        read(kax.ImageClassifier(model), x, "logits", eager=eager)
    silent = kax.ImageClassifier(model, from_logits=False)
    logits, probabilities = read(silent, x, "logits", "probabilities", eager=eager)
    np.testing.assert_allclose(logits, np.log(model(x)), atol=1e-5)
    np.testing.assert_allclose(probabilities, model(x), atol=1e-6)
    assert silent.head() == "probability"


def test_one_unit_of_probability_is_the_odds_of_class_1():
    model = with_head(layers.Lambda(lambda x: keras.ops.clip(keras.ops.abs(x), 0, 1)), units=1)
    x = helpers.random_images(5, SHAPE)
    p = model(x).numpy()[:, 0]
    logits, probabilities = read(kax.ImageClassifier(model, from_logits=False), x, "logits", "probabilities")
    np.testing.assert_allclose(probabilities, np.stack([1 - p, p], axis=1), atol=1e-5)
    np.testing.assert_allclose(logits[:, 1], np.log(p / (1 - p)), rtol=1e-3)


def test_scores_of_one_sigmoid_unit_speak_for_either_class():
    model, x = with_head(units=1, activation="sigmoid"), helpers.random_images(3, SHAPE)
    scores, logits = read(kax.ImageClassifier(model), x, "scores", "logits")
    np.testing.assert_array_equal(scores[:, 0], -logits[:, 1])
    np.testing.assert_array_equal(scores[:, 1], logits[:, 1])


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("kind", ["logit", "probability"])
def test_scores_and_their_gradients_of_a_linear_model_are_exact(kind, eager):
    weights = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    model = helpers.linear_model(weights, SHAPE, bias=[0.1, 0.2, 0.3], activation="softmax")
    classifier = kax.ImageClassifier(model)
    x, targets = helpers.random_images(4, SHAPE), np.array([0, 1, 2, 1])

    def run(images):
        forward = classifier.forward(images)
        return forward.score(targets, kind), forward.gradient(SCORES[kind], targets)

    score, gradient = run(x) if eager else tf.function(run)(x)
    logits = x.reshape(4, 16).astype("float64") @ weights + [0.1, 0.2, 0.3]
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    row = np.arange(4)
    if kind == "logit":
        expected = logits[row, targets], weights.T[targets]
    else:
        centred = weights.T[targets] - p @ weights.T
        expected = p[row, targets], p[row, targets][:, None] * centred
    np.testing.assert_allclose(score, expected[0], rtol=1e-5)
    np.testing.assert_allclose(np.reshape(gradient, (4, 16)), expected[1], rtol=1e-4, atol=1e-6)


def test_gradients_go_through_the_preprocessing():
    weights = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    model = helpers.linear_model(weights, SHAPE)
    classifier = kax.ImageClassifier(model, bounds=(0, 255), preprocess=lambda x: x / 127.5 - 1)
    x = np.full((2, *SHAPE), 200.0, "float32")
    logits, gradient = tf.function(
        lambda x: ((f := classifier.forward(x)).logits, f.gradient(logit_score, np.array([0, 1])))
    )(x)
    np.testing.assert_allclose(logits, (200 / 127.5 - 1) * weights.sum(0)[None].repeat(2, 0), rtol=1e-4)
    np.testing.assert_allclose(np.reshape(gradient, (2, 16)), weights.T / 127.5, rtol=1e-5)


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
def test_activations_and_their_gradients_are_those_of_the_model(build, few, eager):
    model = build()
    classifier = kax.ImageClassifier(model)
    x, y = few

    def run(images):
        forward = classifier.forward(images, layers=["conv1", "conv3"])
        return [
            (forward.activation(name), forward.gradient(logit_score, y, wrt=name))
            for name in ("conv1", "conv2", "conv3")
        ]

    found = run(x) if eager else tf.function(run)(x)
    for name, (activation, gradient) in zip(("conv1", "conv2", "conv3"), found, strict=True):
        inner = keras.Model(model.input, model.get_layer(name).output)
        head = keras.Model(model.get_layer(name).output, model.get_layer("mean").output)
        kernel, bias = model.get_layer("head").get_weights()
        with tf.GradientTape() as tape:
            expected = inner(x)
            tape.watch(expected)
            logits = head(expected) @ kernel + bias
            score = tf.gather(logits, y, batch_dims=1)
        np.testing.assert_allclose(activation, expected, atol=1e-5)
        np.testing.assert_allclose(gradient, tape.gradient(score, expected), atol=1e-6)


def test_a_layer_that_the_pass_did_not_reach(model, few):
    with pytest.raises(ValueError, match="did not reach a layer 'conv9'; it reached conv1, pool1"):
        kax.ImageClassifier(model).forward(few[0]).activation("conv9")


def test_a_model_without_gradient_says_where_to_look():
    model = with_head()
    x = helpers.random_images(2, SHAPE)
    for blocked in (lambda x: tf.round(x * 255) / 255 * 0 + tf.stop_gradient(x), tf.stop_gradient):
        classifier = kax.ImageClassifier(model, preprocess=blocked)
        with pytest.raises(
            ValueError, match=r"do not depend on the images .* Look for a rounding, an argmax or a stop_gradient"
        ):
            kax.attacks.FGSM()(classifier, x)


def test_a_gradient_is_remembered(model, few):
    calls = []

    def objective(forward, labels):
        calls.append(labels)
        return forward.score(labels)

    classifier = kax.ImageClassifier(model)
    labels, others = tf.constant(few[1]), tf.constant(1 - few[1])
    for run in (lambda f: f, tf.function):

        def ask(x):
            forward = classifier.forward(x)
            first = forward.gradient(objective, labels)
            again = forward.gradient(objective, labels)
            return first, again, forward.gradient(objective, others), forward.gradient(objective, labels, wrt="conv1")

        calls.clear()
        first, again, other, _ = run(ask)(few[0])
        assert len(calls) == 3
        np.testing.assert_array_equal(first, again)
        assert not np.allclose(first, other)


def test_layers_named_together_take_one_backward_pass(model, few):
    classifier = kax.ImageClassifier(model)
    names = ["conv1", "conv2", "conv3"]

    def ask(*together):
        def run(x):
            forward = classifier.forward(x, layers=together)
            return [forward.gradient(logit_score, forward.predictions, wrt=name) for name in names]

        return tf.function(run)

    spec = tf.TensorSpec([None, *helpers.SHAPE])
    together, apart = ask(*names), ask()
    for first, second in zip(together(few[0]), apart(few[0]), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-7)
    # To conv1 through conv3 and conv2, and to conv2 through conv3: two convolutions, or three.
    assert helpers.counted_operations(together, spec)["Conv2DBackpropInput"] == 2
    assert helpers.counted_operations(apart, spec)["Conv2DBackpropInput"] == 3


def test_the_images_are_checked_in_eager_use_and_not_looked_at_in_a_graph(model):
    classifier = kax.ImageClassifier(model)
    with pytest.raises(ValueError, match="must lie within the bounds"):
        classifier.forward(np.full((1, *helpers.SHAPE), 2.0))
    (images,) = read(classifier, np.full((1, *helpers.SHAPE), 2.0, "float64"), "images")
    assert images.dtype == np.float32
