"""Hyperparameters of attacks and explainers on the command line."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.attacks import DDN, FGSM, PGD, DeepFool, Ensemble, ExplanationPGD
from keras_advxai.cli.choosing import chosen_explainers
from keras_advxai.cli.configuring import configured, spelled
from keras_advxai.cli.failing import Failure
from keras_advxai.contrib import CleverHans
from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements
from keras_advxai.explainers import GradCAM, HiResCAM, IntegratedGradients, Saliency, SmoothGrad

MEANT = {
    "pgd:steps=40,norm=l2,targeted=true": PGD(steps=40, norm="l2", targeted=True),
    "PGD: steps = 40 , step_size = 1/4": PGD(steps=40, step_size=0.25),
    "pgd:step_size=.5e-1,seed=-3,keep=None": PGD(step_size=0.05, seed=-3),
    "ddn:init_norm=2/255": DDN(init_norm=2 / 255),
    'fgsm:norm="l2",samples=3': FGSM(norm="l2", samples=3),
    "deep_fool:overshoot=1e-3": DeepFool(overshoot=0.001),
    "quick:norm=l2": Ensemble.preset("quick", norm="l2"),
    "ensemble:attacks=[fgsm,pgd]": Ensemble(["fgsm", "pgd"]),
    'ensemble:attacks=[fgsm, "pgd:steps=20,restarts=2"]': Ensemble(["fgsm", PGD(steps=20, restarts=2)]),
    "spsa:nb_iter=4": CleverHans("spsa", nb_iter=4),
    "explanation_pgd:explainer=saliency,k=0.2,objective=top_k": ExplanationPGD(
        explainer=Saliency(), k=0.2, objective="top_k"
    ),
    "grad_cam": GradCAM(),
    'grad_cam:layer="3"': GradCAM(layer="3"),
    "grad_cam:layer=block/conv:0,score=probability": GradCAM(layer="block/conv:0", score="probability"),
    r'grad_cam:layer="a, \"b\" [c]"': GradCAM(layer='a, "b" [c]'),
    "integrated_gradients:steps=64,baseline=0.5": IntegratedGradients(steps=64, baseline=0.5),
    "integrated_gradients:baseline=[0,1/2,1]": IntegratedGradients(baseline=[0, 0.5, 1]),
    'smooth_grad:explainer="grad_cam:layer=conv",noise=1/8': SmoothGrad(explainer=GradCAM(layer="conv"), noise=0.125),
}


@pytest.mark.parametrize("text", MEANT)
def test_what_is_written_is_what_is_built_and_what_is_spelled(text):
    wanted = MEANT[text]
    kind = "attack" if isinstance(wanted, kax.attacks.Attack) else "explainer"
    assert configured(kind, text) == wanted
    assert configured(kind, spelled(wanted)) == wanted


def test_spelled_is_the_name_and_what_differs():
    assert spelled(PGD(steps=40, norm="l2", seed=3)) == "pgd:norm=l2,steps=40,seed=3"
    assert spelled(Ensemble.preset("standard")) == "standard"
    assert spelled(IntegratedGradients(baseline=np.zeros((4, 4, 3)))) == "integrated_gradients:baseline=<ndarray>"
    with pytest.raises(Failure, match="baseline"):
        configured("explainer", "integrated_gradients:baseline=<ndarray>")


@pytest.mark.parametrize("value", ["1" * 50, "9" * 9999, "1e999", "nan", "2/0", "[1,2]", "", "{}", '{"a": 1}', "__x__"])
def test_odd_values_are_what_the_attack_refuses(value):
    with pytest.raises(Failure) as caught:
        configured("attack", f"pgd:steps={value}")
    assert len(caught.value.message) < 20_000 + 400
    assert "`steps` must be an integer of at least 1" in caught.value.message


def test_an_option_and_a_layer_stand_together(here):
    classifier = kax.load_model(here / "model.keras")
    found = chosen_explainers(classifier, ["none", "grad_cam:score=probability", "saliency"], "every")
    assert found == [GradCAM(layer="conv", score="probability"), Saliency()]
    assert chosen_explainers(classifier, ["hi_res_cam:layer=norm"], "default") == [HiResCAM(layer="norm")]


@pytest.mark.slow
def test_the_report_holds_them_and_show_prints_them(run, tmp_path):
    command = ("evaluate", "--model", "model.keras", "--bounds", "0", "1", "--data", "colours", "--limit", "3")
    options = ("--explainer", "none", "--epsilon", "0.3", "--attack", "pgd:steps=1,step_size=1/4,seed=5", "--no-noise")
    code, out, err = run(*command, *options, "--output", tmp_path, "--quiet")
    assert (code, err) == (0, "")
    assert "pgd_steps1_step_size0.25" in out
    settings = kax.EvaluationReport.load(tmp_path / "report.npz").settings
    assert settings.attacks == (PGD(steps=1, step_size=0.25, seed=5),)
    code, out, _ = run("show", tmp_path)
    assert (code, out.partition("\n")[0]) == (0, "Measured with --attack pgd:steps=1,step_size=0.25,seed=5")
    code, out, _ = run("show", tmp_path, "--json", "--quiet")
    assert (code, json.loads(out)["provenance"]["settings"]["attacks"][0]["config"]["seed"]) == (0, 5)


def test_show_prints_what_a_shell_understands(run, tmp_path):
    attacks = (Ensemble(["fgsm", PGD(steps=3)]), FGSM(norm="l2"))
    settings = kax.EvaluationSettings(attacks=attacks, explainers=(), epsilons=(0.1,), noise_control=False)
    names = tuple(attack.name for attack in attacks)
    coordinates = Coordinates(names, (), ("nissim",), ("predicted",), (0.1,), classes=2)
    found = Measurements.of(coordinates, label=[0, 1], prediction=[[0, 1], [0, 0], [0, 0]])
    EvaluationReport(found, {"model": "net", "settings": settings.to_dict()}).save(tmp_path / "report.npz")
    code, out, _ = run("show", tmp_path)
    assert code == 0
    first, empty, *_ = out.splitlines()
    assert empty == ""
    words = shlex.split(first.removeprefix("Measured with "))
    assert words == ["--attack", 'ensemble:attacks=[fgsm,"pgd:steps=3"]', "--attack", "fgsm:norm=l2"]
    EvaluationReport(found, {"model": "net"}).save(tmp_path / "report.npz")
    assert run("show", tmp_path)[1].startswith("net on 2 images")
