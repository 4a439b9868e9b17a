"""tf-keras-vis' explainers: what they give when they are called directly, on every kind of model."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path

import helpers
import keras
import numpy as np
import pytest
from kinds import KINDS, Case
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
from tf_keras_vis.layercam import Layercam
from tf_keras_vis.saliency import Saliency as VanillaSaliency
from tf_keras_vis.scorecam import Scorecam
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

import keras_advxai as kax
from keras_advxai.contrib import TFKerasVis
from keras_advxai.explainers import GradCAM, LayerCAM, Saliency
from keras_advxai.testing import check_explainer, unchanged

CAMS = {"gradcam": Gradcam, "gradcam++": GradcamPlusPlus, "layercam": Layercam, "scorecam": Scorecam}
METHODS = [*CAMS, "saliency", "smoothgrad"]
NO_MAP = {"vit", "vit_without_class_token", "only_pixels"}
CHANNELS_FIRST = {"channels_first", "channels_first_backbone"}
called_directly = pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match:UserWarning")


def close(found, expected, atol: float = 2e-5) -> None:
    """Equal but for a factor, which Grad-CAM++ takes from the score."""
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    axes = tuple(range(1, expected.ndim))
    largest = expected.max(axis=axes, keepdims=True)
    assert (largest > 0).all()
    helpers.same_but_for_a_kink(found / found.max(axis=axes, keepdims=True), expected / largest, atol)


@called_directly
@pytest.mark.sampled(3)
@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("layer", ["conv1", "conv3"])
@pytest.mark.parametrize("method", list(CAMS))
def test_the_maps_of_a_layer_are_those_of_tf_keras_vis(method, layer, score, build, few, capsys):
    x, y = few
    model = build("softmax")
    oracle = CAMS[method](model, model_modifier=ReplaceToLinear() if score == "logit" else None, clone=True)
    settings = {"penultimate_layer": layer, "expand_cam": False, "normalize_cam": False}
    expected = np.asarray(oracle(CategoricalScore(y.tolist()), np.array(x), **settings))
    capsys.readouterr()
    found = TFKerasVis(method, layer=layer, score=score).attributions(model, x, y)[..., 0]
    assert capsys.readouterr().out == ""
    seen = expected.max(axis=(1, 2)) > 0
    assert seen.any()
    divides = {"atol": 1e-3} if method == "gradcam++" else {}  # by sums in which gradients may all but cancel out
    close(found[seen], expected[seen], **divides)
    assert (found[~seen] == 0).all()


@pytest.mark.slow
@called_directly
def test_faster_score_cam_depends_on_no_other_image(model, few):
    x, y = few
    settings = {"penultimate_layer": "conv3", "expand_cam": False, "normalize_cam": False, "max_N": 3}
    oracle = Scorecam(model, model_modifier=ReplaceToLinear(), clone=True)
    expected = [oracle(CategoricalScore(int(c)), np.array(x[i : i + 1]), **settings) for i, c in enumerate(y)]
    found = TFKerasVis("scorecam", max_N=3).attributions(model, x, y)[..., 0]
    close(found, np.concatenate(expected))
    assert np.abs(found - TFKerasVis("scorecam").attributions(model, x, y)[..., 0]).max() > 1e-3


@called_directly
def test_saliency_is_that_of_tf_keras_vis(model, few):
    x, y = few
    oracle = VanillaSaliency(model, model_modifier=ReplaceToLinear(), clone=True)
    expected = oracle(CategoricalScore(y.tolist()), x, keepdims=True, normalize_map=False)
    close(TFKerasVis("saliency").attributions(model, x, y), expected)


@called_directly
def test_the_noise_of_smoothgrad_is_that_of_tf_keras_vis_for_one_image(model, few):
    x, y = few
    explainer = TFKerasVis("smoothgrad", smooth_samples=4, smooth_noise=0.1, seed=3)
    oracle = VanillaSaliency(model, model_modifier=ReplaceToLinear(), clone=True)
    before = np.random.get_state()[1].copy()
    found = explainer.attributions(model, x[:1], y[:1])
    assert (np.random.get_state()[1] == before).all()
    np.random.seed(3)
    settings = {"smooth_samples": 4, "smooth_noise": 0.1, "keepdims": True, "normalize_map": False}
    close(found, oracle(CategoricalScore(y[:1].tolist()), x[:1], **settings))


@pytest.mark.parametrize("changed", [{"smooth_samples": 5}, {"smooth_noise": 0.3}, {"seed": 1}])
def test_every_option_of_smoothgrad_changes_the_maps(changed, model, few):
    plain = {"smooth_samples": 2}
    first = TFKerasVis("smoothgrad", **plain)(model, few[0])
    assert np.abs(TFKerasVis("smoothgrad", **{**plain, **changed})(model, few[0]) - first).max() > 1e-3


@pytest.mark.parametrize(("method", "ours"), [("gradcam", GradCAM), ("layercam", LayerCAM), ("saliency", Saliency)])
@pytest.mark.parametrize("head", ["softmax", "sigmoid", "linear"])
def test_they_are_our_own(method, ours, head, build, few):
    """Also where images are preprocessed, and for class 0 of one sigmoid unit."""
    classifier = kax.ImageClassifier(build(head), bounds=(-1, 1), preprocess=lambda images: (images + 1) / 2)
    x = 2 * few[0] - 1
    for target in (0, 1):
        expected = ours().attributions(classifier, x, target)
        found = TFKerasVis(method).attributions(classifier, x, target)
        np.testing.assert_allclose(found, np.abs(expected), rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def methods_of_kinds() -> list[tuple[str, str]]:
    """Grad-CAM and one other method in turn on every kind of model, and Score-CAM where it is refused."""
    others = itertools.cycle(["layercam", "scorecam", "saliency"])
    refused = [("scorecam", kind) for kind in CHANNELS_FIRST]
    return sorted({*(("gradcam", kind) for kind in KINDS), *zip(others, KINDS, strict=False), *refused})


@pytest.mark.sampled(8)
@pytest.mark.parametrize(("method", "kind"), methods_of_kinds())
@pytest.mark.filterwarnings("ignore::keras_advxai.explainers.BlankHeatmapWarning")
def test_every_kind_of_model_is_explained_or_refused(method, kind):
    case = Case(KINDS[kind])
    x, classifier = case.kind.x, case.classifier
    settings = {} if method == "saliency" or kind in NO_MAP else case.kind.explain
    explainer = TFKerasVis(method, **settings)
    refused = method != "saliency" and kind in NO_MAP
    with unchanged(case.model, *case.arrays):
        if refused or (method == "scorecam" and kind in CHANNELS_FIRST):
            with pytest.raises(ValueError, match=r"kax\.explainers\."):
                explainer(classifier, x)
            return
        found = explainer(classifier, x)
    assert found.shape == case.map_shape
    assert np.ptp(found.reshape(len(found), -1), axis=1).max() > 0.2
    ours = {"gradcam": GradCAM, "layercam": LayerCAM, "saliency": Saliency}.get(method)
    if ours is not None:
        np.testing.assert_allclose(found, ours(**settings)(classifier, x), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["backbone_in_functional", "subclassed", "inputs_in_a_dict", "time_distributed"])
def test_the_contract_where_tf_keras_vis_fails_by_itself(kind):
    case = Case(KINDS[kind])
    check_explainer(TFKerasVis(), case.classifier, case.kind.x)


def test_weights_are_read_as_they_are(build, few):
    x, y = few
    model = build()
    explainer = TFKerasVis("layercam", layer="conv2")
    before = explainer(model, x, y)
    kernel = model.get_layer("conv2").kernel
    kernel.assign(kernel[..., ::-1])
    after = explainer(model, x, y)
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(after, LayerCAM(layer="conv2")(model, x, y), atol=1e-4)
    assert model.layers[-1].activation is keras.activations.softmax


def test_scores_of_hundreds_do_not_overflow(build, few):
    """The exponential of the score, which tf-keras-vis takes for Grad-CAM++, would be infinite."""
    x, y = few
    model = build("linear")
    *rest, kernel, bias = model.get_weights()
    before = TFKerasVis("gradcam++")(model, x, y)
    model.set_weights([*rest, kernel, bias + 200])
    np.testing.assert_allclose(TFKerasVis("gradcam++")(model, x, y), before, atol=1e-4)


@pytest.mark.parametrize("method", ["gradcam", "scorecam"])
def test_models_are_freed(method, build, few):
    model = build()
    reference = weakref.ref(model)
    TFKerasVis(method)(model, few[0])
    del model
    gc.collect()
    assert reference() is None


@pytest.mark.slow
def test_an_evaluation_mixes_them_with_our_own(model, few):
    x, y = few
    explainers = [GradCAM(), TFKerasVis(), TFKerasVis("gradcam++"), TFKerasVis("scorecam"), TFKerasVis("saliency")]
    names = ["tf_keras_vis", "tf_keras_vis_gradcam_plus_plus", "tf_keras_vis_scorecam", "tf_keras_vis_saliency"]
    assert [explainer.name for explainer in explainers[1:]] == names
    report = kax.evaluate(model, (x, y), explainers=explainers, epsilons=(0.02, 0.05), progress=False)
    for epsilon in (0.02, 0.05):
        ours = report.mod("fgsm", "grad_cam", epsilon)
        assert report.mod("fgsm", "tf_keras_vis", epsilon) == pytest.approx(ours, abs=1e-5)
        attacked = kax.attacks.FGSM()(model, x, y, epsilon)
        for explainer in explainers[2:]:
            expected = kax.metrics.nissim(explainer(model, x), explainer(model, attacked)).mean()
            assert report.mod("fgsm", explainer.name, epsilon) == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_one_thread_is_enough():
    """A compiled function that is called from the only thread that runs graphs would wait for it forever."""
    program = """
        import numpy as np, tensorflow as tf
        tf.config.threading.set_inter_op_parallelism_threads(1)
        import keras_advxai as kax
        from keras_advxai.contrib import TFKerasVis
        from kinds import KINDS, Case
        case = Case(KINDS["backbone_in_functional"])
        pairs = [(kax.explainers.GradCAM(), TFKerasVis()), (kax.explainers.Saliency(), TFKerasVis("saliency"))]
        for ours, other in pairs:
            expected = ours(case.classifier, case.kind.x)
            np.testing.assert_allclose(other(case.classifier, case.kind.x), expected, atol=1e-4)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"method": "grad-cam"}, ValueError, "`method`.*gradcam"),
        ({"layer": 3}, TypeError, "`layer`"),
        ({"method": "saliency", "layer": "conv1"}, ValueError, "`layer` has no effect"),
        ({"max_N": 3}, ValueError, "`max_N` has no effect on the method 'gradcam', only on 'scorecam'"),
        ({"method": "scorecam", "max_N": 0}, ValueError, "`max_N`"),
        ({"seed": 1}, ValueError, "`seed` has no effect"),
        ({"smooth_noise": 0.5}, ValueError, "`smooth_noise` has no effect"),
        ({"method": "smoothgrad", "smooth_samples": 0}, ValueError, "`smooth_samples`"),
    ],
)
def test_bad_arguments(settings, error, message):
    with pytest.raises(error, match=message):
        TFKerasVis(**settings)


def test_more_channels_than_there_are(model, few):
    with pytest.raises(ValueError, match=r"`max_N` must be at most \d+, the channels of layer 'conv3'"):
        TFKerasVis("scorecam", max_N=1000)(model, few[0])


@pytest.mark.parametrize("method", METHODS)
def test_it_is_found_by_name(method):
    explainer = TFKerasVis(method)
    assert kax.explainers.get(kax.explainers.serialize(explainer)) == explainer
    assert kax.explainers.get("tf_keras_vis") == TFKerasVis()
    assert explainer.passes >= 1
