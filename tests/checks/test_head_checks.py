"""What is said of the output, against what the model visibly ends in."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_advxai as kax

L = keras.layers
X = np.random.default_rng(0).random((6, 6, 6, 1), dtype="float32")
IDS = {"unsure-logits", "probabilities-as-logits", "logits-as-probabilities", "softmax-twice"}


def network(*head):
    return keras.Sequential([L.Input((6, 6, 1)), L.Conv2D(3, 3), L.GlobalAveragePooling2D(), *head])


def found(model, **settings):
    given = {"explainers": (), "epsilons": (0.05,), "noise_control": False, "progress": False, **settings}
    warnings = {finding.id: finding for finding in kax.evaluate(model, X, **given).warnings}
    return {id: warnings[id] for id in IDS & set(warnings)}


HEADS = {
    "softmax": lambda: network(L.Dense(3, activation="softmax")),
    "softmax layer, reshaped": lambda: network(L.Dense(3), L.Softmax(), L.Reshape((3,))),
    "sigmoid": lambda: network(L.Dense(1, activation="sigmoid")),
    "linear": lambda: network(L.Dense(3)),
    "scaled": lambda: network(L.Dense(3), L.Rescaling(0.5)),
}


@pytest.mark.parametrize("head", HEADS)
def test_what_contradicts_the_head_is_told_and_what_agrees_is_not(head):
    model = HEADS[head]()
    ends_linear = head in ("linear", "scaled")
    wrong = found(model, from_logits=not ends_linear)
    assert list(wrong) == ["logits-as-probabilities" if ends_linear else "probabilities-as-logits"]
    (finding,) = wrong.values()
    assert finding.severity == "warning"
    assert "ends in a " + ("linear" if ends_linear else head.split()[0]) in finding
    assert found(model) == {}
    assert found(model, from_logits=ends_linear) == {}


def test_several_labels_from_probabilities_are_told():
    model = network(L.Dense(3, activation="sigmoid"))
    assert list(found(model, labels="multi", from_logits=True)) == ["probabilities-as-logits"]
    assert found(model, labels="multi") == {}


class Transitions(L.Layer):
    """Probabilities times a matrix: what noisy labels are modelled with."""

    def call(self, probabilities):
        return keras.ops.matmul(probabilities, 0.7 * keras.ops.eye(3) + 0.1)


def members(count):
    """The mean of several softmaxes, weighted by a product."""
    image = L.Input((6, 6, 1))
    features = L.GlobalAveragePooling2D()(L.Conv2D(3, 3)(image))
    found = [L.Dense(3, activation="softmax")(features) for _ in range(count)]
    weights = keras.ops.ones((count,)) / count
    mean = L.Lambda(lambda all_of: keras.ops.einsum("m,mbc->bc", weights, keras.ops.stack(all_of)))(found)
    return keras.Model(image, mean)


@pytest.mark.parametrize("mix", [lambda: network(L.Dense(3, activation="softmax"), Transitions()), lambda: members(2)])
def test_products_of_probabilities_are_probabilities(mix):
    model = mix()
    with pytest.warns(UserWarning, match="on the output of a softmax"):
        assert list(found(model)) == ["unsure-logits"]
    assert found(model, from_logits=False) == {}
    probabilities = kax.ImageClassifier(model, from_logits=False).forward(X).probabilities
    np.testing.assert_allclose(probabilities, model.predict(X, verbose=0), rtol=1e-4)


def averaged(mix, units=3, activation="softmax"):
    """An ensemble of two members, put together by a function of their outputs."""
    image = L.Input((6, 6, 1))
    features = L.GlobalAveragePooling2D()(L.Conv2D(3, 3)(image))
    return keras.Model(image, mix([L.Dense(units, activation=activation)(features) for _ in range(2)]))


AVERAGES = {
    "a layer": lambda members: L.Average()(members),
    "a mean": lambda members: keras.ops.mean(keras.ops.stack(members), axis=0),
    "a mean along the last axis": lambda members: keras.ops.mean(keras.ops.stack(members, axis=-1), axis=-1),
    "a half of the sum": lambda members: (members[0] + members[1]) / 2,
    "weights": lambda members: 0.25 * members[0] + members[1] * 0.75,
    "of three, nested": lambda members: L.Average()([L.Average()(members), members[0]]),
}


@pytest.mark.parametrize("mix", AVERAGES)
def test_an_average_of_probabilities_is_no_question(mix):
    model = averaged(AVERAGES[mix])
    assert found(model) == {}  # nor is there a warning, which would be an error here
    np.testing.assert_allclose(
        kax.ImageClassifier(model).forward(X).probabilities, model.predict(X, verbose=0), rtol=1e-4
    )
    assert list(found(model, from_logits=True)) == ["probabilities-as-logits"]


def test_so_is_one_of_single_sigmoids():
    model = averaged(AVERAGES["a layer"], 1, "sigmoid")
    assert found(model) == {}
    probabilities = kax.ImageClassifier(model).forward(X).probabilities[:, 1:]
    np.testing.assert_allclose(probabilities, model.predict(X, verbose=0), rtol=1e-4)


OTHERS = {
    "a sum": lambda: averaged(lambda members: 0.4 * members[0] + 0.4 * members[1]),
    "a product": lambda: averaged(lambda members: members[0] * members[1]),
    "a maximum": lambda: averaged(lambda members: keras.ops.maximum(*members)),
    "a mean over the classes": lambda: averaged(
        lambda members: keras.ops.mean(keras.ops.stack([members[0]] * 3, axis=1), axis=2)
    ),
    "several sigmoids": lambda: averaged(AVERAGES["a layer"], 3, "sigmoid"),
}


@pytest.mark.parametrize("mix", OTHERS)
def test_what_is_no_average_of_probabilities_stays_a_question(mix):
    with pytest.warns(UserWarning, match="so its output is taken for probabilities"):
        assert list(found(OTHERS[mix]())) == ["unsure-logits"]


TWICE = {
    "softmax of softmax": lambda: network(L.Dense(3, activation="softmax"), L.Softmax()),
    "around a model": lambda: keras.Sequential(
        [L.Input((6, 6, 1)), network(L.Dense(3, activation="softmax")), L.Softmax()]
    ),
    "softmax of sigmoids": lambda: network(L.Dense(3, activation="sigmoid"), L.Softmax()),
    "sigmoid of sigmoid": lambda: network(L.Dense(1, activation="sigmoid"), L.Activation("sigmoid")),
}


@pytest.mark.parametrize("end", TWICE)
def test_an_activation_behind_another_one_is_told(end):
    assert list(found(TWICE[end]())) == ["softmax-twice"]


@pytest.mark.parametrize("units", [3, 4])
def test_a_layer_between_two_of_them_makes_logits(units):
    ends = L.Dense(units, activation="softmax"), L.Dense(3, activation="softmax")
    assert found(network(*ends)) == {}


class Normalised(L.Layer):
    """A dense layer whose weights are a softmax of its variable: a softmax of parameters, and not of classes."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3))

    def call(self, features):
        return keras.ops.matmul(features, keras.ops.softmax(self.kernel))


def gated():
    """Features, as many as there are classes, multiplied with the softmax of an attention."""
    image = L.Input((6, 6, 1))
    features = L.GlobalAveragePooling2D()(L.Conv2D(3, 3)(image))
    return keras.Model(image, L.Dense(3)(L.Multiply()([features, L.Dense(3, activation="softmax")(features)])))


LOGITS = {
    "softmax of other units": lambda: network(L.Dense(5, activation="softmax"), L.Dense(3)),
    "sigmoids": lambda: network(L.Dense(3, activation="sigmoid"), L.Dense(3)),
    "normalised weights": lambda: network(Normalised()),
    "gated": gated,
}


@pytest.mark.parametrize("end", LOGITS)
def test_products_of_features_are_logits(end):
    model = LOGITS[end]()
    assert found(model) == {}
    np.testing.assert_allclose(kax.ImageClassifier(model).forward(X).logits, model(X), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_what_cannot_be_seen_is_believed():
    model = network(L.Dense(4), L.Reshape((2, 2)), L.Softmax(), L.Reshape((4,)))  # a softmax over parts of the output
    assert found(model, from_logits=True) == found(model, from_logits=False) == {}
    softplus = network(L.Dense(3, activation="softplus"))
    assert found(softplus, from_logits=True) == found(softplus, from_logits=False) == {}


def test_a_function_of_the_users_may_make_logits_of_probabilities_and_regressions_have_none():
    softmax = network(L.Dense(3, activation="softmax"))
    assert found(softmax, from_logits=True, reduce=lambda p: keras.ops.log(p)) == {}
    assert found(network(L.Dense(1, activation="sigmoid")), task="regression") == {}


def test_probabilities_as_logits_have_flat_confidences():
    model = HEADS["softmax"]()
    model.layers[-1].kernel.assign(10 * model.layers[-1].kernel)
    given = {"explainers": (), "epsilons": (0.05,), "progress": False}
    right, wrong = (kax.evaluate(model, X, **given, from_logits=said) for said in (None, True))
    np.testing.assert_allclose(right.measurements.at("confidence"), model.predict(X, verbose=0).max(axis=-1), rtol=1e-5)
    assert np.all(wrong.measurements.at("confidence") <= np.exp(1) / (np.exp(1) + 2) + 1e-6)


@pytest.mark.slow
def test_reports_of_shards_that_are_put_together_tell_it_too():
    model, x = HEADS["softmax"](), np.concatenate([X, X])
    given = {"explainers": (), "epsilons": (0.05,), "noise_control": False, "progress": False, "batch_size": 6}
    parts = [kax.evaluate(model, x, shard=(index, 2), from_logits=True, **given) for index in range(2)]
    whole = kax.EvaluationReport.merge(parts)
    assert "probabilities-as-logits" in [finding.id for finding in whole.warnings]


class Standardising(keras.Model):
    """Predicts by a method of its own, which changes the images."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def call(self, images):
        return self.network(images)

    def predict_step(self, data):
        return self((data - 0.5) / 0.25, training=False)


def test_a_way_of_its_own_to_predict_is_told():
    network_ = network(L.Dense(3))
    model = Standardising(network_)
    model(X)

    def told(model, **settings):
        given = {"explainers": (), "epsilons": (0.05,), "noise_control": False, "progress": False, **settings}
        return [finding for finding in kax.evaluate(model, X, **given).warnings if finding.id == "own-prediction"]

    (finding,) = told(model)
    assert "`Standardising.predict_step`" in finding
    assert "`preprocess=`" in finding
    assert told(network_) == []
    assert told(kax.training.AdversarialTraining(network_)) == []  # ours, which trains otherwise and predicts alike
    parts = [kax.evaluate(model, X, explainers=(), progress=False, batch_size=2, shard=(i, 2)) for i in range(2)]
    merged = kax.EvaluationReport.merge(parts)
    assert [finding.id for finding in merged.warnings].count("own-prediction") == 1


def step_of(*names):
    """A class with steps of its own, which standardise the images."""

    def step(name):
        def own(self, data):
            return getattr(keras.Sequential, name)(self, ((data[0] - 0.5) / 0.25, *data[1:]))

        return own

    return type("Net", (keras.Sequential,), {name: step(name) for name in names})


@pytest.mark.parametrize(
    ("names", "id", "severity"),
    [
        (["test_step"], "own-evaluation", "warning"),
        (["train_step", "test_step"], "own-evaluation", "warning"),
        (["compute_metrics"], "own-evaluation", "warning"),
        (["train_step"], "own-training", "note"),
        (["predict_step", "train_step"], "own-prediction", "warning"),
        ([], None, None),
    ],
)
def test_a_way_of_its_own_to_train_or_to_measure_is_told(names, id, severity):
    model = step_of(*names)([L.Input((6, 6, 1)), L.Flatten(), L.Dense(3)])
    given = {"explainers": (), "epsilons": (0.05,), "noise_control": False, "progress": False}
    ids = {"own-prediction", "own-evaluation", "own-training"}
    whole = kax.evaluate(model, (X, np.arange(6) % 3), **given)
    parts = [kax.evaluate(model, (X, np.arange(6) % 3), batch_size=3, shard=(i, 2), **given) for i in range(2)]
    merged = kax.EvaluationReport.merge([kax.EvaluationReport.from_json(part.to_json()) for part in parts])
    for report in (whole, merged):
        told = [finding for finding in report.warnings if finding.id in ids]
        assert [(finding.id, finding.severity) for finding in told] == ([(id, severity)] if id else [])
        assert all("`preprocess=`" in finding for finding in told)
        assert all("`Net.test_step`" in finding for finding in told if "test_step" in names)
        assert all("`Net.compute_metrics`" in finding for finding in told if "compute_metrics" in names)


def compiled(head, threshold):
    model = network(L.Dense(1, activation=head))
    metric = keras.metrics.BinaryAccuracy(name="accuracy", threshold=threshold)
    model.compile("sgd", "binary_crossentropy", metrics=[metric])
    model.evaluate(X, np.zeros(len(X)), verbose=0)  # before its first batch, Keras does not show a metric
    return model


@pytest.mark.parametrize(
    ("head", "threshold", "told"),
    [("sigmoid", 0.5, False), ("sigmoid", 0.9, True), (None, 0.0, False), (None, 0.5, True), (None, 1.5, True)],
)
def test_a_metric_that_decides_elsewhere_is_told(head, threshold, told):
    settings = {"explainers": (), "epsilons": (0.05,), "noise_control": False, "progress": False}
    settings |= {} if head else {"from_logits": True}
    model, labels = compiled(head, threshold), np.arange(6) % 2
    report = kax.evaluate(model, (X, labels), **settings)
    sentences = [str(finding) for finding in report.warnings if finding.id == "other-threshold"]
    assert len(sentences) == told
    assert all(f"output is above {threshold:g}, and" in sentence for sentence in sentences)
    parts = [kax.evaluate(model, (X, labels), batch_size=3, shard=(index, 2), **settings) for index in range(2)]
    whole = kax.EvaluationReport.merge([kax.EvaluationReport.from_json(part.to_json()) for part in parts])
    assert [str(finding) for finding in whole.warnings if finding.id == "other-threshold"] == sentences


BY_LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    "metric", ["accuracy", "binary_accuracy", keras.metrics.BinaryAccuracy(), keras.metrics.binary_accuracy]
)
@pytest.mark.parametrize("units", [1, 3])
def test_keras_default_on_logits_decides_elsewhere(metric, units):
    """One logit of 0.25 is class 1 here, and class 0 of Keras' accuracy."""
    model = network(L.Dense(units, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(0.25)))
    labels = np.ones((len(X), units) if units > 1 else len(X), int)
    model.compile("sgd", BY_LOGITS, metrics=[metric])
    keras_accuracy = model.evaluate(X, labels, verbose=0)[1]
    given = {"explainers": (), "epsilons": (0.05,), "progress": False, "from_logits": True}
    report = kax.evaluate(model, (X, labels), **given, labels="multi" if units > 1 else None)
    told = "other-threshold" in [finding.id for finding in report.warnings]
    assert told == (units == 1 or metric != "accuracy")  # of several columns that is the accuracy of the largest
    assert report.clean_accuracy == 1
    assert not told or keras_accuracy == 0


def test_of_several_outputs_the_metrics_of_the_one_that_is_evaluated_count():
    image = L.Input((6, 6, 1))
    h = L.GlobalAveragePooling2D()(L.Conv2D(3, 3)(image))
    model = keras.Model(image, {"a": L.Dense(1, name="a")(h), "b": L.Dense(1, activation="sigmoid", name="b")(h)})
    at = keras.metrics.BinaryAccuracy
    model.compile("sgd", {"a": BY_LOGITS, "b": "binary_crossentropy"}, metrics={"a": [at(threshold=0)], "b": [at()]})
    labels = {name: np.arange(len(X)) % 2 for name in "ab"}
    model.evaluate(X, labels, verbose=0)
    given = {"explainers": (), "epsilons": (0.05,), "progress": False}
    for output, from_logits in (("a", True), ("b", None), (0, True), (1, None)):
        report = kax.evaluate(model, (X, labels), output=output, from_logits=from_logits, **given)
        assert "other-threshold" not in [finding.id for finding in report.warnings], output
