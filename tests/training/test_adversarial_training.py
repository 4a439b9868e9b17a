"""AdversarialTraining takes the steps of a loop by hand, and is a Keras model in all else."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import keras_advxai as kax
from keras_advxai.training import AdversarialTraining, DivergencePGD, adversarial_batch

RANDOM = np.random.default_rng(0)
X = RANDOM.random((12, 6, 6, 1), "float32")
Y = np.arange(12) % 3
EPSILON = 0.1


def made(head: str | None = "softmax", *first: keras.Layer, units: int = 3) -> keras.Model:
    """With what a pass of inference must not touch: statistics and random numbers."""
    keras.utils.set_random_seed(0)
    stack = [layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(momentum=0.5), layers.ReLU()]
    stack += [layers.GlobalAveragePooling2D(), layers.Dense(units, activation=head)]
    return keras.Sequential([keras.Input((6, 6, 1)), *first, *stack])


def fit(model, *args, data=(X, Y), epochs=2, **settings):
    logits = getattr(model, "inner", model).layers[-1].activation is keras.activations.linear
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    model.compile(keras.optimizers.SGD(0.5), loss, metrics=["accuracy"], **settings.pop("compiled", {}))
    return model.fit(*data, *args, batch_size=6, epochs=epochs, shuffle=False, verbose=0, **settings)


def steepest_ascent(model, x, y, steps, size, value):
    """PGD as every textbook has it, in plain TensorFlow."""
    moved = tf.identity(x)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(moved)
            loss = tf.reduce_sum(value(y, model(moved, training=False)))
        moved += size * tf.sign(tape.gradient(loss, moved))
        moved = tf.clip_by_value(tf.clip_by_value(moved, x - EPSILON, x + EPSILON), 0, 1)
    return moved


def by_hand(model, loss, epochs=2, weights=None):
    """The weights after a loop whose loss is `loss(images, labels, weights)`."""
    optimizer = keras.optimizers.SGD(0.5)

    @tf.function
    def step(x, y, w):
        with tf.GradientTape() as tape:
            value = loss(x, y, w)
        optimizer.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)

    weights = np.ones(len(X), "float32") if weights is None else weights
    for _ in range(epochs):
        for rows in (slice(0, 6), slice(6, 12)):
            step(tf.constant(X[rows]), tf.constant(Y[rows]), tf.constant(weights[rows]))
    return model.get_weights()


def same(model, expected):
    for found, right in zip(model.inner.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, right, atol=2e-5)


def cross_entropy(y, predicted):
    return keras.losses.sparse_categorical_crossentropy(y, predicted)


@pytest.fixture(scope="module")
def of_a_loop():
    """The weights after Madry et al.'s training by hand, with a weight for each image."""
    model = made()
    weights = np.linspace(0.5, 2, len(X), dtype="float32")

    def loss(x, y, w):
        attacked = steepest_ascent(model, x, y, 3, EPSILON / 2, cross_entropy)
        return tf.reduce_mean(w * cross_entropy(y, model(attacked, training=True)))

    return by_hand(model, loss, weights=weights), weights


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_madry_is_the_loop_by_hand(of_a_loop, jit_compile):
    """Images, statistics of a BatchNormalization, and weights, whoever compiles."""
    expected, weights = of_a_loop
    attack = kax.attacks.PGD(steps=3, step_size=0.5, loss="cross_entropy", keep="last")
    model = AdversarialTraining(made(), attack=attack, epsilon=EPSILON)
    fit(model, data=(X, Y), sample_weight=weights, compiled={"jit_compile": jit_compile})
    same(model, expected)


@pytest.mark.slow
def test_trades_is_the_loop_by_hand():
    model = made()
    attack = DivergencePGD(steps=2, step_size=0.5, seed=3)

    def loss(x, y, w):
        attacked = attack(model, x, None, EPSILON)
        predicted, moved = model(x, training=True), model(attacked, training=True)
        divergence = tf.reduce_sum(predicted * (tf.math.log(predicted) - tf.math.log(moved)), axis=-1)
        return tf.reduce_mean(w * cross_entropy(y, predicted)) + 2.5 * tf.reduce_mean(w * divergence)

    weights = np.linspace(0.5, 2, len(X), dtype="float32")
    expected = by_hand(model, loss, weights=weights)
    for head in ("softmax", None):
        trained = AdversarialTraining(made(head), attack=attack, epsilon=EPSILON, loss="trades", beta=2.5)
        history = fit(trained, sample_weight=weights).history
        same(trained, expected)
        assert sorted(history) == ["accuracy", "loss"]
    plain = fit(made()).history
    unweighted = AdversarialTraining(made(), attack=attack, epsilon=EPSILON, loss="trades", beta=0.0)
    # With no weight on the divergence it is the plain training, but for the statistics of the second pass.
    assert fit(unweighted, epochs=1).history["loss"][0] == pytest.approx(plain["loss"][0], rel=1e-5)


def test_the_divergence_is_raised_as_far_as_the_budget_lets_it():
    """Two classes: it grows with the distance of the logits, so the best image is the one that FGSM would take."""
    model = keras.Sequential([keras.Input((2, 2, 1)), layers.Flatten(), layers.Dense(2)])
    model.set_weights([np.array([[1.0, 0], [2, 0], [-1, 0], [0, 0]]), np.zeros(2)])
    x = np.full((2, 2, 2, 1), 0.5, "float32")
    moved = DivergencePGD()(model, x, epsilon=0.2) - x
    np.testing.assert_allclose(np.abs(moved).reshape(2, 4)[:, :3], 0.2, atol=1e-6)
    np.testing.assert_allclose(np.sign(moved).reshape(2, 4)[:, :3] * np.sign(moved[0, 0, 0, 0]), [[1, 1, -1]] * 2)


@pytest.mark.slow
def test_the_attack_keeps_the_contract_of_attacks():
    kax.testing.check_attack(DivergencePGD(steps=2), made(), X[:4], Y[:4])


def test_a_share_of_the_batch_is_attacked_and_epsilon_rises():
    model = AdversarialTraining(made(), attack="fgsm", epsilon=EPSILON, share=0.5, warmup_steps=4)
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(float(model.training_epsilon))

    fit(model, callbacks=[Look()], epochs=3)
    np.testing.assert_allclose(seen, EPSILON * np.array([0, 1, 2, 3, 4, 4]) / 4)
    changed = np.abs(adversarial_batch(model, X, Y, "fgsm", EPSILON, share=0.5) - X).max(axis=(1, 2, 3))
    np.testing.assert_allclose(changed, [EPSILON] * 6 + [0] * 6, atol=1e-6)
    assert np.flatnonzero((adversarial_batch(model, X, Y, "fgsm", share=0.01) != X).any(axis=(1, 2, 3))) == [0]


@pytest.mark.slow
def test_images_are_preprocessed_in_fit_evaluate_and_predict():
    """As a model that rescales by itself, in [0, 255]."""
    inside = AdversarialTraining(made("softmax", layers.Rescaling(1 / 255)), attack="fgsm", bounds=(0, 255))
    outside = AdversarialTraining(
        made(), attack="fgsm", bounds=(0, 255), preprocess=layers.Rescaling(1 / 255, name="outside")
    )
    data = (255 * X, Y)
    for first, second in zip(*(fit(model, data=data).history.values() for model in (inside, outside)), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4)
    np.testing.assert_allclose(inside.predict(data[0], verbose=0), outside.predict(data[0], verbose=0), atol=1e-4)
    report = outside.evaluate_robustness(data, epsilons=(EPSILON,), explainers=(), progress=False)
    assert report.clean_accuracy == pytest.approx(outside.evaluate(*data, verbose=0)[1])


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"loss": "trades"}], ids=str)
def test_several_outputs_class_weights_and_half_precision(settings):
    """The one with the classes is attacked; the other one is trained beside it."""
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 6, 1), name="image")
    features = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, dtype="mixed_float16")(image))
    classes = layers.Dense(3, activation="softmax", name="classes", dtype="float32")(features)
    size = layers.Dense(1, name="size", dtype="float32")(features)
    inner = keras.Model(image, {"classes": classes, "size": size})
    model = AdversarialTraining(inner, attack="fgsm", epsilon=EPSILON, output="classes", **settings)
    model.compile("adam", {"classes": "sparse_categorical_crossentropy", "size": "mse"})
    y = {"classes": Y, "size": X.mean(axis=(1, 2, 3))}
    before = inner.get_weights()
    weights = {"classes": np.ones(12), "size": np.zeros(12)}
    history = model.fit(X, y, sample_weight=weights, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    changes = [np.abs(a - b).max() for a, b in zip(inner.get_weights(), before, strict=True)]
    assert min(changes[:4]) > 0
    assert max(changes[4:]) == 0  # the size has no weight
    one = AdversarialTraining(made(), attack="fgsm", epsilon=EPSILON, **settings)
    other = AdversarialTraining(made(), attack="fgsm", epsilon=EPSILON, **settings)
    given = np.array([1.0, 3, 0.5])
    first = fit(one, class_weight=dict(enumerate(given))).history["loss"]
    np.testing.assert_allclose(first, fit(other, sample_weight=given[Y]).history["loss"], rtol=1e-6)
    assert first != fit(AdversarialTraining(made(), attack="fgsm", **settings)).history["loss"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")
def test_callbacks_saving_and_going_on(tmp_path):
    path = tmp_path / "best.keras"
    model = AdversarialTraining(made(), attack=kax.attacks.PGD(steps=2), epsilon=EPSILON, warmup_steps=3)
    callbacks = [
        kax.callbacks.AdversarialEvaluation((X, Y), epsilons=(EPSILON,), explainers=()),
        keras.callbacks.ModelCheckpoint(path),
        keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False),
    ]
    history = fit(model, callbacks=callbacks).history
    assert len(history["val_accuracy_fgsm"]) == 2
    loaded = keras.models.load_model(path)
    assert isinstance(loaded, AdversarialTraining)
    config, other = loaded.get_config(), model.get_config()
    names = ("attack", "epsilon", "loss", "beta", "share", "warmup_steps", "bounds")
    assert {name: config[name] for name in names} == {name: other[name] for name in names}
    assert float(loaded.training_epsilon) == float(model.training_epsilon) > 0
    straight = AdversarialTraining(made(), attack=kax.attacks.PGD(steps=2), epsilon=EPSILON, warmup_steps=3)
    right = fit(straight, epochs=4).history
    goes_on = loaded.fit(X, Y, batch_size=6, epochs=4, initial_epoch=2, shuffle=False, verbose=0).history
    np.testing.assert_allclose(goes_on["loss"], right["loss"][2:], rtol=1e-5)
    again = AdversarialTraining(made(), attack=kax.attacks.PGD(steps=2), epsilon=EPSILON, warmup_steps=3)
    restored = fit(again, epochs=4, callbacks=callbacks[2:]).history
    np.testing.assert_allclose(restored["loss"], right["loss"][2:], rtol=1e-5)


@pytest.mark.slow
def test_a_step_of_ones_own_datasets_and_sequences():
    """The same images by `dataset.map`, a PyDataset, a `train_step` of the model's own and a call."""
    model = made()
    classifier = kax.ImageClassifier(model)
    attack = kax.attacks.FGSM(loss="cross_entropy")
    expected = steepest_ascent(model, tf.constant(X), Y, 1, EPSILON, cross_entropy)
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(6)
    mapped = data.map(lambda x, y: (adversarial_batch(classifier, x, y, attack, EPSILON), y))
    np.testing.assert_allclose(np.concatenate([x for x, _ in mapped]), expected, atol=1e-6)

    class Sequence(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            rows = slice(6 * index, 6 * index + 6)
            return adversarial_batch(classifier, X[rows], Y[rows], attack, EPSILON), Y[rows]

    np.testing.assert_allclose(np.concatenate([Sequence()[i][0] for i in range(2)]), expected, atol=1e-6)
    seen = []

    class Own(keras.Sequential):
        def train_step(self, data):
            x, y = data
            x = adversarial_batch(self, x, y, attack, EPSILON)
            seen.append(x.shape)
            return super().train_step((x, y))

    keras.utils.set_random_seed(0)
    own = Own([keras.Input((6, 6, 1)), *made().layers])
    wrapped = AdversarialTraining(made(), attack=attack, epsilon=EPSILON)
    np.testing.assert_allclose(fit(own).history["loss"], fit(wrapped).history["loss"], rtol=1e-5)
    assert seen
    # Without labels the model's own predictions are attacked.
    own_labels = model.predict(X, verbose=0).argmax(-1)
    np.testing.assert_array_equal(adversarial_batch(model, X), adversarial_batch(model, X, own_labels))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.stack = [layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]

    def call(self, x):
        for layer in self.stack:
            x = layer(x)
        return x


@pytest.mark.parametrize("loss", ["madry", "trades"])
def test_models_that_fit_builds(loss):
    """Without a shape, by the first batch."""
    keras.utils.set_random_seed(0)
    stack = [layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
    for inner in (keras.Sequential(stack), Subclassed()):
        model = AdversarialTraining(inner, attack="fgsm", epsilon=EPSILON, loss=loss)
        model.compile("sgd", "sparse_categorical_crossentropy")
        before = model.evaluate(X, Y, verbose=0)
        model.fit(X, Y, epochs=3, verbose=0)
        assert model.evaluate(X, Y, verbose=0) < before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attack": "uniform_noise"}, "must be an attack that makes a model misclassify.*aims at nothing"),
        ({"attack": kax.attacks.ExplanationPGD()}, "aims at the explanation"),
        ({"attack": kax.attacks.FGSM(targeted=True)}, "must be untargeted"),
        ({"loss": "trade"}, "`loss` must be"),
        ({"share": 0.0}, "above 0 and up to 1"),
        ({"share": 1.5}, "above 0 and up to 1"),
        ({"share": 0.5, "loss": "trades"}, "belongs to loss='madry'"),
        ({"epsilon": 8}, "epsilon"),
        ({"beta": -1}, "`beta` must be a number of at least 0"),
        ({"warmup_steps": 0.5}, "`warmup_steps` must be an integer"),
        ({"bounds": (1, 0)}, "bounds"),
    ],
    ids=str,
)
def test_mistakes_show_when_it_is_built(settings, message):
    with pytest.raises(ValueError, match=message):
        AdversarialTraining(made(), **settings)
