"""Settings: declared once, the same for all that evaluate, and enough to repeat an evaluation."""

from __future__ import annotations

import inspect
import re
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.settings.arguments import (
    ARGUMENTS,
    CONDITION_SETTINGS,
    IMAGE_NAMES,
    MODEL_SETTINGS,
    ComparisonArguments,
    EvaluationArguments,
    RobustnessArguments,
)

DECLARED = dict(list(inspect.signature(kax.EvaluationSettings.__init__).parameters.items())[1:])
EPSILONS = (0.02, 0.1)


@keras.saving.register_keras_serializable(package="tests")
class Lighten(kax.attacks.Attack):
    """An attack of a user's own that can be saved."""

    def perturb(self, model, x, y, epsilon, forward):
        return x + epsilon


class Darken(Lighten):
    """One that cannot, because nobody registered it."""


def halved(images):
    return images / 2


def own_distance(heatmaps, others):
    return tf.reduce_mean(tf.abs(heatmaps - others), axis=(1, 2, 3))


def documented(target) -> str:
    return inspect.getdoc(target) or ""


def test_the_types_for_editors_are_those_of_the_constructor():
    hints = typing.get_type_hints(kax.EvaluationSettings.__init__)
    del hints["return"]
    assert typing.get_type_hints(EvaluationArguments) == hints
    assert EvaluationArguments.__required_keys__ == frozenset()
    for others, left in ((RobustnessArguments, MODEL_SETTINGS), (ComparisonArguments, CONDITION_SETTINGS)):
        assert typing.get_type_hints(others) == {name: hint for name, hint in hints.items() if name not in left}


@pytest.mark.parametrize(
    ("target", "without"),
    [
        (kax.evaluate, ()),
        (kax.compare, ()),
        (kax.callbacks.AdversarialEvaluation, ()),
        (kax.ExplainableModel.evaluate_robustness, MODEL_SETTINGS),
        (kax.compare_scores, ("attacks", "epsilons", "severities")),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_what_evaluates_takes_every_setting_with_its_default_and_documentation(target, without):
    taken = inspect.signature(target).parameters
    own = {"explainers", "noise_control"} if target is kax.compare_scores else set()  # with other defaults
    expected = {name: item for name, item in DECLARED.items() if name not in {*without, *own}}
    assert {name: taken[name] for name in DECLARED if name in taken and name not in own} == expected
    assert taken["settings"].default is None
    assert taken["names"].default is None
    assert taken["names"].annotation == "ImageNames"
    assert not any(item.kind is inspect.Parameter.VAR_KEYWORD for item in taken.values())
    text = documented(target)
    text = re.split(r"\n(?:Attributes|Returns):\n", text)[0]
    assert "{" not in text
    assert " ".join(f"names: {IMAGE_NAMES}".split()) in " ".join(text.split())
    for name in (*DECLARED, "settings", "names"):
        assert text.count(f"\n    {name}: ") == (0 if name in without else 1), name


def test_each_is_documented_with_its_default():
    text = documented(kax.EvaluationSettings)
    assert all(text.count(f"\n    {name}: ") == 1 for name in DECLARED)
    _, *parts = re.split(r"^(\w+): ", ARGUMENTS, flags=re.MULTILINE)
    assert parts[::2] == list(DECLARED)
    assert all("Defaults to" in part for part in parts[1::2])


@pytest.mark.slow
def test_the_wrapper_takes_the_ones_of_the_model_and_its_evaluation_the_others(model, few):
    taken = inspect.signature(kax.ExplainableModel).parameters
    assert {name: taken[name].default for name in MODEL_SETTINGS} == {
        name: DECLARED[name].default for name in MODEL_SETTINGS
    }
    wrapped = kax.ExplainableModel(model)
    others = {name: item.default for name, item in DECLARED.items() if name not in MODEL_SETTINGS}
    report = wrapped.evaluate_robustness(few, **{**others, "epsilons": EPSILONS}, progress=False)
    assert report == kax.evaluate(model, few, epsilons=EPSILONS, progress=False)
    again = wrapped.evaluate_robustness(few, settings=report.settings, progress=False)
    assert again == report
    for name in MODEL_SETTINGS:
        with pytest.raises(TypeError, match=f"takes no `{name}`: the wrapper has its own"):
            wrapped.evaluate_robustness(few, **{name: DECLARED[name].default})


@pytest.mark.slow
def test_a_whole_is_what_its_parts_are_and_what_stands_beside_it_counts(model, few):
    settings = kax.EvaluationSettings(attacks=("fgsm", Lighten()), epsilons=EPSILONS, metrics="cosine_distance", seed=3)
    report = kax.evaluate(model, few, settings=settings, progress=False)
    flat = {"attacks": ("fgsm", Lighten()), "metrics": "cosine_distance"}
    assert report == kax.evaluate(model, few, **flat, epsilons=EPSILONS, seed=3, progress=False)
    # As the model was really seen, which is what repeats it.
    assert report.settings == kax.EvaluationSettings(**{**settings.get_config(), "bounds": (0, 1)})
    other = kax.evaluate(model, few, settings=settings, epsilons=(0.1,), progress=False)
    assert other.epsilons == (0.1,)
    assert other.metrics == ("cosine_distance",)
    assert other.settings == kax.EvaluationSettings(**{**settings.get_config(), "epsilons": (0.1,), "bounds": (0, 1)})
    with pytest.raises(TypeError, match=r"`settings` must be an EvaluationSettings\. Received: settings=\{"):
        kax.evaluate(model, few, settings=flat)
    with pytest.raises(TypeError, match="epsilon"):
        kax.evaluate(model, few, epsilon=0.1)


def rich() -> dict:
    """Settings of every kind, none at its default."""
    smooth = kax.explainers.SmoothGrad(explainer=kax.explainers.GradCAM(layer="conv2"), samples=2)
    return {
        "attacks": [Lighten(), kax.attacks.PGD(steps=2, seed=5), kax.attacks.FGSM(targeted=True)],
        "explainers": [smooth, "saliency"],
        "epsilons": (0.1, 0.02),
        "metrics": ["rank_distance", "nissim"],
        "target": "clean",
        "noise_control": False,
        "attack_targets": np.array([1, 1, 1, 0, 0, 0]),
        "seed": 7,
        "batch_size": 4,
        "steps": 2,
        "images": 2,
        "bounds": (-1, 2),
        "fold_batch_norm": True,
    }


@pytest.mark.slow
@pytest.mark.parametrize("way", ["as it is", "json", "file"])
def test_a_report_can_be_run_again(model, few, tmp_path, way):
    report = kax.evaluate(model, few, **rich(), progress=False)
    found = report
    if way == "json":
        found = kax.EvaluationReport.from_json(report.to_json())
    elif way == "file":
        report.save(tmp_path / "report.npz")
        found = kax.EvaluationReport.load(tmp_path / "report.npz")
    settings = found.settings
    expected = kax.EvaluationSettings(**rich()).get_config()
    np.testing.assert_array_equal(settings.get_config().pop("attack_targets"), expected.pop("attack_targets"))
    assert {name: value for name, value in settings.get_config().items() if name in expected} == expected
    again = kax.evaluate(model, few, settings=settings, progress=False)
    assert again == report
    for one, other in zip(again.examples, report.examples, strict=True):
        np.testing.assert_array_equal(one.adversarial_heatmap, other.adversarial_heatmap)


@pytest.mark.slow
def test_a_name_as_preprocess_comes_back_and_a_function_has_to_be_passed_again(model, few):
    report = kax.evaluate(model, few, preprocess=halved, epsilons=EPSILONS, progress=False)
    assert kax.evaluate(model, few, settings=report.settings, progress=False) == report
    settings = kax.EvaluationReport.from_json(report.to_json()).settings
    with pytest.raises(ValueError, match=r"holds no functions\. Received: preprocess='halved'\..* again: "):
        kax.evaluate(model, few, settings=settings, progress=False)
    assert kax.evaluate(model, few, settings=settings, preprocess=halved, progress=False) == report
    named = kax.EvaluationSettings(preprocess="mobilenet_v2", bounds=(0, 255))
    assert kax.EvaluationSettings.from_dict(named.to_dict()) == named


@pytest.mark.slow
def test_what_is_not_known_where_a_report_is_read_is_named_with_the_remedy(model, few):
    settings = {"epsilons": EPSILONS, "explainers": (), "progress": False}
    report = kax.evaluate(model, few, attacks=Darken(), **settings)
    with pytest.raises(ValueError, match=r"an attack .* not known here: 'Darken'\. .*register_keras_serializable"):
        _ = kax.EvaluationReport.from_json(report.to_json()).settings
    own = kax.evaluate(model, few, metrics=own_distance, epsilons=EPSILONS, progress=False)
    again = kax.EvaluationReport.from_json(own.to_json())
    assert again == own  # the figures are there all the same
    with pytest.raises(ValueError, match=r"Unknown dissimilarity 'own_distance'\..*metrics\.register"):
        _ = again.settings
    assert kax.evaluate(model, few, metrics=own_distance, epsilons=EPSILONS, progress=False) == own


def test_what_no_file_could_hold_repeats_an_evaluation_as_long_as_the_report_is_at_hand(model, few):
    report = kax.evaluate(
        model, few, attacks=Darken(), metrics=("nissim", own_distance), epsilons=EPSILONS, progress=False
    )
    assert kax.evaluate(model, few, settings=report.settings, progress=False) == report


def test_what_a_classifier_says_of_its_model_is_among_the_settings(model, few):
    x, y = few
    classifier = kax.ImageClassifier(model, bounds=(0, 2))
    report = kax.evaluate(classifier, (x, y), epsilons=EPSILONS, explainers=(), progress=False)
    assert report.settings.bounds == (0, 2)
    for again in (model, classifier, kax.ExplainableModel(model, bounds=(0, 2))):
        assert kax.evaluate(again, (x, y), settings=report.settings, progress=False) == report
    with pytest.raises(ValueError, match=r"bounds and preprocessing of its own\. Received: .*bounds=\(0\.0, 1\.0\)"):
        kax.evaluate(classifier, (x, y), settings=report.settings, bounds=(0, 1), progress=False)


def test_a_report_by_hand_has_none():
    from keras_advxai.evaluation import Coordinates, Measurements

    coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    report = kax.EvaluationReport(Measurements.of(coordinates, label=[0], prediction=[[0], [1]]), {"model": "net"})
    with pytest.raises(ValueError, match="no settings: it was made by hand"):
        _ = report.settings


def test_they_are_immutable_and_compared_by_value():
    settings = kax.EvaluationSettings(epsilons=[0.1], attacks="fgsm", metrics="nissim")
    assert settings == kax.EvaluationSettings(epsilons=(0.1,), attacks=[kax.attacks.FGSM()])
    assert hash(settings) == hash(kax.EvaluationSettings(epsilons=(0.1,)))
    assert settings != kax.EvaluationSettings(epsilons=(0.2,))
    with pytest.raises(AttributeError):
        settings.seed = 3
    assert settings.metrics[0].name == "nissim"


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"metrics": ()}, ValueError, "`metrics` must name at least one"),
        ({"metrics": "nisim"}, ValueError, "Unknown dissimilarity 'nisim'. Did you mean 'nissim'"),
        (
            {"metrics": ["nissim", "nissim"]},
            ValueError,
            r"`metrics` must not name the same one twice.*nissim twice",
        ),
        ({"metrics": [3]}, TypeError, "name of a known dissimilarity"),
        ({"metrics": lambda a, b: a}, ValueError, "needs a name"),
        ({"noise_control": 1.5}, TypeError, "`noise_control` must be True or False"),
        ({"checks": "none"}, ValueError, r"`checks` must be one of cheap, all\. Received: checks='none'"),
        ({"fold_batch_norm": "yes"}, TypeError, "`fold_batch_norm` must be True or False"),
        ({"jit_compile": None}, TypeError, "`jit_compile` must be True or False"),
    ],
)
def test_what_is_wrong_is_said_without_a_model(wrong, error, message):
    with pytest.raises(error, match=message):
        kax.EvaluationSettings(**wrong)
