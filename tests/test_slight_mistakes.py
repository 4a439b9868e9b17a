"""Arguments and data that are a little off: refused, or taken as they are meant."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai import attacks, explainers
from keras_advxai.contrib import CleverHans
from keras_advxai.models.inputs import check_bounds, check_class_names, check_epsilons, check_images
from keras_advxai.text import epsilon_text

L = keras.layers


def linear(shape=(4, 4, 1), classes: int = 3) -> keras.Model:
    kernel = np.random.default_rng(0).normal(size=(int(np.prod(shape)), classes))
    model = keras.Sequential([keras.Input(shape), L.Flatten(), L.Dense(classes)])
    model.layers[-1].kernel.assign(kernel)
    return model


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 0.8, shape).astype("float32")


SETTINGS = {"explainers": (), "epsilons": (0.1,), "progress": False}


@pytest.mark.parametrize("value", ["False", 0, 1, None, "yes"])
@pytest.mark.parametrize(
    ("build", "name"),
    [
        *((getattr(attacks, cls), "targeted") for cls in ("FGSM", "PGD", "BIM", "MIFGSM", "DDN", "Square")),
        (CleverHans, "targeted"),
        (attacks.ExplanationPGD, "keep_label"),
        *((getattr(explainers, cls), "relu") for cls in ("GradCAM", "GradCAMPlusPlus", "HiResCAM", "LayerCAM")),
    ],
)
def test_a_flag_is_true_or_false_and_no_word(build, name, value):
    with pytest.raises(TypeError, match=f"Argument `{name}` must be True or False. Received: {name}={value!r}"):
        build(**{name: value})


@pytest.mark.parametrize("value", ["False", 0, None])
@pytest.mark.parametrize("name", ["progress", "final", "numpy", "relative", "from_clean_pass"])
def test_a_flag_of_a_call_is_true_or_false_and_no_word(name, value):
    model, x = linear(), images(2, 4, 4, 1)
    calls = {
        "progress": [
            lambda: kax.evaluate(model, x, progress=value),
            lambda: kax.compare_scores(model, x, progress=value),
            lambda: kax.ExplainableModel(model).evaluate_robustness(x, progress=value),
        ],
        "final": [lambda: kax.callbacks.AdversarialEvaluation(x, final=value)],
        "numpy": [
            lambda: kax.metrics.register(name="own", numpy=value)(lambda a, b: a),
            lambda: kax.metrics.Dissimilarity(lambda a, b: a, name="own", numpy=value),
        ],
        "relative": [lambda: explainers.IntegratedGradients().completeness_gap(model, x, relative=value)],
        "from_clean_pass": [
            lambda: attacks.GradientSteps(None, None, None, np.ones(1, "float32"), from_clean_pass=value)
        ],
    }
    for call in calls[name]:
        with pytest.raises(TypeError, match=f"Argument `{name}` must be True or False. Received: {name}={value!r}"):
            call()


@pytest.mark.parametrize("name", ["from_logits", "fold_batch_norm", "jit_compile"])
def test_a_flag_of_the_model_is_true_or_false_wherever_it_is_said(name):
    unbuilt = keras.Sequential([L.Flatten(), L.Dense(3)])
    match = f"Argument `{name}` must be True or False. Received: {name}='False'"
    for build in (
        lambda **given: kax.ImageClassifier(linear(), **given),
        lambda **given: kax.ExplainableModel(linear(), **given),
        lambda **given: kax.ExplainableModel(unbuilt, **given),
        lambda **given: kax.EvaluationSettings(**given),
    ):
        with pytest.raises(TypeError, match=match):
            build(**{name: "False"})


def test_what_is_wrong_is_said_before_a_wrapped_model_is_built():
    unbuilt = keras.Sequential([L.Flatten(), L.Dense(3)])
    for given, match in (({"labels": "two"}, "`labels`"), ({"task": "sorting"}, "`task`")):
        with pytest.raises(ValueError, match=match):
            kax.ExplainableModel(unbuilt, **given)
    with pytest.raises(TypeError, match="`reduce`"):
        kax.ExplainableModel(unbuilt, reduce=3)


RAGGED = [[0], [0, 1]]


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda model, x: kax.evaluate(model, (x, RAGGED), **SETTINGS), "the labels of `data`"),
        (lambda model, x: attacks.FGSM()(model, x, RAGGED, 0.1), "`y`"),
        (lambda model, x: explainers.IntegratedGradients(steps=2)(model, x, RAGGED), "`targets`"),
        (
            lambda model, x: kax.EvaluationSettings(attacks=attacks.FGSM(targeted=True), attack_targets=RAGGED),
            "Argument `attack_targets`",
        ),
    ],
)
def test_rows_of_several_lengths_are_named(call, where):
    with pytest.raises(ValueError, match=rf"^{where} must be one array. Received: a list of 2 rows of length 1 and 2$"):
        call(linear(), images(2, 4, 4, 1))


def test_images_of_several_sizes_are_named():
    several = np.empty(2, object)
    several[:] = [images(4, 4, 1), images(3, 4, 1)]
    for call in (
        lambda: kax.evaluate(linear(), several, **SETTINGS),
        lambda: attacks.FGSM()(linear(), several, [0, 1]),
    ):
        with pytest.raises(TypeError, match=r"of object\. Images of several sizes are resized to one, or come in"):
            call()
    maps = [several[0][..., 0], several[1][..., 0]]
    with pytest.raises(ValueError, match="Argument `heatmaps` must be one array of heatmaps of one size"):
        kax.metrics.get("nissim")(maps, maps)


@pytest.mark.parametrize("shape", [((4, 4), (1, 2, 3)), (4, "4", 1), (4, 4.0, 1), (True, 4, 1), (0, 4, 1), 4, "441"])
def test_a_shape_is_that_of_one_image(shape):
    with pytest.raises(ValueError, match="Argument `shape` must be that of one image"):
        kax.list_layers(linear(), shape=shape)


@pytest.mark.parametrize("value", ["False", 0, 1])
def test_those_that_have_no_default_are_alike(value):
    with pytest.raises(ValueError, match="Argument `rand_init` must be True or False"):
        CleverHans("projected_gradient_descent", rand_init=value)


@pytest.mark.parametrize("epsilons", [[0.1, True], (False, 0.2), [np.True_, 0.1], True])
def test_true_is_no_epsilon(epsilons):
    with pytest.raises(ValueError, match="Argument `epsilons` must be numbers"):
        check_epsilons(epsilons)


@pytest.mark.parametrize("bounds", [(0, 1e-44), (0, 1e-31), (-2e38, 2e38), (0, 2e38), (1e38, 1.5e38)])
def test_bounds_that_float32_cannot_hold_are_refused(bounds):
    with pytest.raises(ValueError, match="Argument `bounds` must be 1e-30 to 1e\\+30 apart"):
        check_bounds(bounds)
    assert check_bounds((0, 1e-29)) == (0, 1e-29)


@pytest.mark.parametrize("shape", [(2, 0, 4, 1), (2, 4, 4, 0)])
def test_images_have_pixels(shape):
    with pytest.raises(ValueError, match=r"must have at least one pixel and channel\. Received: shape"):
        check_images(np.zeros(shape, "float32"), (0, 1))


def test_hints_know_sixteen_bits():
    deep = np.array([[0, 40000]], "uint16").reshape(1, 1, 2, 1)
    with pytest.raises(ValueError, match=r"bounds=\(0, 65535\) .* x.astype\('float32'\) / 65535"):
        check_images(deep, (0, 1))
    with pytest.raises(ValueError, match=r"x.astype\('float32'\) / 255\."):
        check_images((deep // 256).astype("uint16"), (0, 1))
    with pytest.raises(ValueError, match=r"These images fit bounds=\(0, 65535\)"):
        check_images(deep.astype("float32"), (0, 1))
    with pytest.raises(ValueError, match=r"These images fit bounds=\(0, 255\)"):
        check_images(deep.astype("float32") / 256, (0, 1))


@pytest.mark.parametrize("count", [4, 7])
def test_a_list_of_images_is_no_array(count):
    model, several = linear(), list(images(count, 4, 4, 1))
    said = rf"must be one array. Received: a list of {count} where the model takes one input.*np.stack\(images\)"
    with pytest.raises(ValueError, match=said):
        attacks.FGSM()(model, several)
    with pytest.raises(ValueError, match=said):
        explainers.Saliency()(model, several)
    with pytest.raises(ValueError, match=said):
        kax.evaluate(model, several, **SETTINGS)
    with pytest.raises(ValueError, match=said):
        kax.evaluate(model, (several, [0] * count), **SETTINGS)


def test_labels_may_be_none():
    model, x = linear(), images(3, 4, 4, 1)
    report, alone = (kax.evaluate(model, data, **SETTINGS) for data in ((x, None), x))
    assert report.provenance["labels"] == "clean prediction"
    assert report.measurements.at("prediction", attack="fgsm").tolist() == (
        alone.measurements.at("prediction", attack="fgsm").tolist()
    )


def test_names_of_classes_are_looked_at_before_anything_is_computed():
    model, x = linear(), images(2, 4, 4, 1)
    with pytest.raises(ValueError, match="a name with half of a character"):
        kax.evaluate(model, x, class_names=["a", "b", "\ud800"], **SETTINGS)
    with pytest.raises(ValueError, match=r"from 0 to 2\. Received: names of"):
        kax.evaluate(model, x, class_names={0: "a", 1: "b", 3: "c"}, **SETTINGS)
    with pytest.raises(TypeError, match="or a dictionary of them by class index"):
        kax.evaluate(model, x, class_names={0: "a", 1: "b", 2: 3}, **SETTINGS)
    check_class_names({2: "c", 0: "a", 1: "b"}, 3)


def test_names_of_classes_may_be_a_dictionary(tmp_path):
    model, x = linear(), images(2, 4, 4, 1)
    names = {0: "a", 1: "b", 2: "c"}
    settings = {**SETTINGS, "explainers": "saliency", "noise_control": False}
    report = kax.evaluate(model, x, class_names=names, log_dir=tmp_path, **settings)
    assert kax.EvaluationReport.from_json(tmp_path / "advxai" / "report.json") == report


def test_a_lambda_leaves_no_brackets_in_a_name():
    explainer = explainers.GradCAM(layer="tokens", reshape_transform=lambda tokens: tokens)
    assert explainer.name == "grad_cam_tokens_reshape_transform_lambda"


@pytest.mark.parametrize(
    ("epsilon", "text"),
    [
        (0.25 / 255, "0.25/255"),
        (0.5 / 255, "0.5/255"),
        (1.5 / 255, "1.5/255"),
        (1 / 255, "1/255"),
        (8 / 255, "8/255"),
        (0.1, "0.1"),
        (0.0123, "0.0123"),
        (1 / 3, "85/255"),
        (0.012345, "0.01235"),
        (0.001, "0.001"),
        (0, "0"),
        (1.0, "1"),
    ],
)
def test_an_epsilon_is_written_in_levels_where_it_is_some(epsilon, text):
    assert epsilon_text(epsilon) == text


def test_epsilons_below_half_a_level_are_noted():
    model, x = linear(), images(2, 4, 4, 1)
    settings = {**SETTINGS, "epsilons": (0.25 / 255, 0.5 / 255, 1 / 255)}
    (said,) = (item for item in kax.evaluate(model, x, **settings).warnings if item.id == "below-half-level")
    assert said.startswith("0.25/255: less than half a grey level")
    others = kax.evaluate(model, x, attacks=attacks.FGSM(norm="l2"), **settings).warnings
    assert "below-half-level" not in {item.id for item in others}


@pytest.mark.parametrize("explainer", ["saliency", explainers.GradCAM()])
def test_heatmaps_that_are_too_small_for_ssim_are_refused_before_the_trace(explainer):
    model = keras.Sequential([keras.Input((2, 6, 1)), L.Conv2D(2, 1), L.Flatten(), L.Dense(2)])
    x = images(2, 2, 6, 1)
    with pytest.raises(ValueError, match=r"at least 3x3 for SSIM.*metrics='cosine_distance'"):
        kax.evaluate(model, x, explainers=explainer, epsilons=(0.1,), progress=False)
    with pytest.raises(ValueError, match="at least 3x3 for SSIM"):
        attacks.ExplanationPGD(explainer=explainer)(model, x)
    found = kax.evaluate(model, x, explainers=explainer, epsilons=(0.1,), metrics="cosine_distance", progress=False)
    assert found.metrics == ("cosine_distance",)


@pytest.mark.slow
def test_images_of_several_sizes_have_no_one_size():
    model = keras.Sequential([L.Input((None, None, 1)), L.Conv2D(2, 3), L.GlobalAveragePooling2D(), L.Dense(2)])

    class Sizes(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return images(2, 6 + 2 * index, 6, 1), np.zeros(2)

    report = kax.evaluate(model, Sizes(), epsilons=(0.1,), noise_control=False, progress=False)
    assert report.provenance["heatmap_size"] == []
    assert "NISSIM at the images' own sizes, of which there are several." in str(report)
    assert kax.EvaluationReport.from_json(report.to_json()) == report


def pointed() -> keras.Model:
    """Poolings down to a map of a single position, which is neither pooled nor flattened before."""
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            L.Conv2D(3, 3, padding="same", name="wide"),
            L.AveragePooling2D(4, name="narrow"),
            L.Conv2D(2, 1, name="point", kernel_initializer=keras.initializers.Ones(), bias_initializer="ones"),
            L.Flatten(),
            L.Dense(2),
        ]
    )


def test_a_map_of_one_position_is_explained_where_it_is_named():
    model, x = pointed(), images(2, 4, 4, 1)
    assert kax.ImageClassifier(model).default_layer == "wide"
    assert "point" not in [info.name for info in kax.list_layers(model)]
    model.layers[-1].kernel.assign([[1, -1], [1, -1]])
    for layer in ("point", model.get_layer("point")):
        # The one position has evidence for class 0, and so has the whole image; for class 1 it has none.
        np.testing.assert_array_equal(explainers.GradCAM(layer=layer)(model, x, 0), np.ones((2, 4, 4, 1)))
        with pytest.warns(explainers.BlankHeatmapWarning):
            assert not explainers.GradCAM(layer=layer)(model, x, 1).any()
    with pytest.raises(ValueError, match="has no layer 'flatten' with a spatial output"):
        explainers.GradCAM(layer="flatten")(model, x)


def test_layers_of_tokens_are_told_of_in_a_sentence_of_its_own():
    inputs = keras.Input((4, 4, 1))
    x = L.Reshape((16, 1))(inputs)
    x = L.Dense(4, name="tokens")(x)
    model = keras.Model(inputs, L.Dense(2)(L.Flatten()(x)))
    with pytest.raises(ValueError, match=r"can be explained: .*\. It returns tokens: pass"):
        explainers.GradCAM(layer="tokens")(model, images(1, 4, 4, 1))


@pytest.mark.slow
def test_completeness_names_how_many_steps_would_do():
    """Of a network with a kink halfway along the path, at which the error falls as one over the steps."""
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Flatten(), L.Dense(8, activation="relu"), L.Dense(2)])
    draw = np.random.default_rng(5)
    model.set_weights([draw.normal(size=(16, 8)), draw.normal(size=8), draw.normal(size=(8, 2)), np.zeros(2)])
    x = images(12, 4, 4, 1)
    settings = {"epsilons": (0.01,), "noise_control": False, "progress": False}

    def said(steps):
        report = kax.evaluate(model, x, explainers=explainers.IntegratedGradients(steps=steps), **settings)
        return report, {item.id: item for item in report.warnings}.get("completeness", "")

    coarse, text = said(3)
    words = text.split()
    assert "`steps` instead of 3, one in twenty of them would; where" in text
    needed = int(words[words.index("about") + 1])
    assert needed > 3
    fine, _ = said(needed)
    assert fine.completeness(fine.explainers[0]).exceeded < coarse.completeness(coarse.explainers[0]).exceeded / 2


@pytest.mark.slow
@pytest.mark.parametrize(("count", "attack"), [(6, "fgsm"), (4, attacks.PGD(steps=2))])
def test_a_batch_size_that_is_built_in_is_named(count, attack):
    inputs = keras.Input(batch_shape=(4, 4, 4, 1))
    fixed = keras.Model(inputs, L.Dense(2)(L.Lambda(lambda x: keras.ops.reshape(x, (4, 16)))(inputs)))
    fixed.layers[-1].kernel.assign(np.random.default_rng(1).normal(size=(16, 2)))
    with pytest.raises(ValueError, match="is built for batches of 4 images, and failed on another number"):
        kax.evaluate(
            fixed, (images(count, 4, 4, 1), [0, 1, 0, 1, 0, 1][:count]), attacks=attack, batch_size=4, **SETTINGS
        )
    # Declared alone, as exported models have it, it is no hindrance.
    declared = keras.Model(inputs, L.Dense(2)(L.Flatten()(inputs)))
    assert len(attacks.get(attack)(declared, images(6, 4, 4, 1))) == 6
