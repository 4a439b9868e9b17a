"""What has to hold for every kind of model that can be explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import keras_advxai as kax
from keras_advxai.testing import check_attack, check_explainer, unchanged
from kinds import Case

EPSILONS = (0.02, 0.1)


def each(kinds: Any) -> pytest.MarkDecorator:
    """Runs a test, or the tests of a class, on a model of each of these kinds."""
    return pytest.mark.parametrize("case", list(kinds), indirect=True, scope="module")


class Explained:
    """Attacks, explanations and evaluations of one kind of model, against what was computed by hand."""

    def test_the_maps_by_hand_are_worth_comparing_with(self, case):
        """None is blank or constant."""
        maps = case.heatmaps().reshape(len(case.images), -1)
        assert maps.max(axis=1).tolist() == [1] * len(maps)
        assert (np.quantile(maps, 0.1, axis=1) < 0.7).all()

    def test_the_explained_layer(self, case):
        if case.kind.layer is None:
            with unchanged(case.model), pytest.raises(ValueError, match=case.kind.refusal):
                kax.explainers.GradCAM()(case.classifier, case.kind.x)
            with pytest.raises(ValueError, match=case.kind.refusal):
                _ = case.classifier.default_layer
        else:
            assert case.classifier.default_layer == case.kind.layer
        explained = case.kind.explain.get("layer", case.kind.layer)
        assert case.explainer.layers(case.classifier) == (explained,)

    @pytest.mark.sampled(7)
    def test_the_contract_of_explainers(self, case):
        check_explainer(case.explainer, case.classifier, case.kind.x)

    @pytest.mark.sampled(7)
    def test_the_contract_of_attacks(self, case):
        check_attack(kax.attacks.FGSM(), case.classifier, case.kind.x, case.kind.y)

    def test_heatmaps(self, case):
        found = case.explainer(case.classifier, case.kind.x)
        assert found.shape == case.map_shape
        np.testing.assert_allclose(found, case.heatmaps(), atol=case.kind.tolerance)

    @pytest.mark.filterwarnings("ignore::keras_advxai.explainers.BlankHeatmapWarning")
    def test_heatmaps_of_other_classes(self, case):
        """Of the class with the second largest score, for which some maps are blank."""
        targets = np.argsort(case.scores(), axis=-1)[:, -2]
        found = case.explainer(case.classifier, case.kind.x, targets)
        np.testing.assert_allclose(found, case.heatmaps(targets), atol=case.kind.tolerance)

    def test_adversarial_images(self, case):
        found = kax.attacks.FGSM()(case.classifier, case.kind.x, case.kind.y, 0.1)
        assert found.shape == case.images.shape
        straying = np.abs(found - case.adversarial(0.1)) > 1e-5
        assert straying.mean() <= case.kind.straying

    @pytest.mark.sampled(7)
    def test_an_evaluation_is_made_of_the_public_calls(self, case, tmp_path):
        check_evaluation(case, tmp_path, [case.explainer])
        folder = tmp_path / "advxai" / "evaluation"
        events = EventAccumulator(str(folder))
        events.Reload()
        assert any(tag.startswith("advxai_images/") for tag in events.Tags()["tensors"])


def check_evaluation(case: Case, log_dir: Any, explainers: list) -> None:
    """Accuracy and MOD of an evaluation are those of separate calls; the model stays as it is; logs are written."""
    kind, classifier = case.kind, case.classifier
    with unchanged(case.model, *case.arrays):
        report = kax.evaluate(
            classifier,
            (kind.x, kind.y),
            explainers=explainers,
            epsilons=EPSILONS,
            noise_control=False,
            log_dir=log_dir,
            images=2,
            progress=False,
        )
    right = np.argmax(case.scores(), axis=-1) == kind.y
    assert report.clean_accuracy == right.mean()
    for epsilon in EPSILONS:
        adversarial = kax.attacks.FGSM()(classifier, kind.x, kind.y, epsilon)
        attacked = classifier.with_images(kind.x, adversarial)
        scores = kind.by_hand(case.model, attacked).scores
        assert report.accuracy("fgsm", epsilon) == (np.argmax(scores, axis=-1) == kind.y).mean()
        for explainer in explainers:
            distances = kax.metrics.nissim(explainer(classifier, kind.x), explainer(classifier, attacked))
            assert report.mod("fgsm", explainer.name, epsilon) == pytest.approx(distances.mean(), abs=kind.tolerance)
            assert distances.mean() > 0
    assert (log_dir / "advxai" / "report.json").exists()
