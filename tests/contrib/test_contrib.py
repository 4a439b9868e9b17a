"""Attacks and explainers of other packages: where they are found, and that they are loaded only when they are."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import keras
import pytest

import keras_advxai as kax
from keras_advxai import contrib
from keras_advxai.attacks.registry import REGISTRY as ATTACKS
from keras_advxai.explainers.registry import REGISTRY as EXPLAINERS

MOVED = [(kax.attacks, "CleverHans"), (kax.explainers, "TFKerasVis"), (kax.explainers, "AlibiIntegratedGradients")]


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]


def test_each_is_in_contrib_under_its_own_name():
    assert {cls.__name__ for cls in contrib.ALL_OBJECTS} | {"ALL_OBJECTS"} == set(contrib.__all__)
    for cls in contrib.ALL_OBJECTS:
        assert getattr(kax.contrib, cls.__name__) is cls
        assert keras.saving.get_registered_name(cls) == f"keras_advxai>{cls.__name__}"


@pytest.mark.parametrize(("module", "name"), MOVED)
def test_the_old_names_work_and_say_where_the_new_ones_are(module, name):
    with pytest.warns(
        DeprecationWarning, match=rf"{module.__name__}\.{name} has moved.*use keras_advxai\.contrib\.{name}"
    ):
        found = getattr(module, name)
    assert found is getattr(contrib, name)
    assert name not in module.__all__


@pytest.mark.parametrize("module", [kax.attacks, kax.explainers])
def test_other_names_are_still_unknown(module):
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'Nothing'"):
        _ = module.Nothing


@pytest.mark.parametrize(("registry", "cls"), [(ATTACKS, contrib.CleverHans), (EXPLAINERS, contrib.TFKerasVis)])
def test_a_place_is_that_of_the_class_of_this_name(registry, cls):
    for name, place in registry.elsewhere.items():
        built = registry.get(name) if name != "alibi_integrated_gradients" else None
        assert place.startswith("keras_advxai.contrib")
        assert built is None or type(built) is cls


@pytest.mark.slow
def test_they_are_loaded_when_they_are_asked_for():
    run(
        """
        import sys
        import keras_advxai as kax
        def loaded():
            return {"cleverhans", "tf_keras_vis", "alibi", "keras_advxai.contrib"} & set(sys.modules)
        attacks, explainers = kax.attacks.get("fgsm"), kax.explainers.get("grad_cam")
        assert not loaded(), loaded()
        for get, message in ((kax.attacks.get, "spsa"), (kax.explainers.get, "tf_keras_vis")):
            try:
                get("nothing at all")
            except ValueError as error:
                assert message in str(error), error
        assert not loaded(), loaded()
        assert kax.attacks.get("Clever-Hans").method == "fast_gradient_method"
        assert kax.attacks.get("spsa").method == "spsa"
        assert kax.explainers.get("tf_keras_vis").method == "gradcam"
        assert loaded() == {"keras_advxai.contrib"}, loaded()
        """
    )


def saved_before(config, module: str) -> str:
    """The configuration as it was saved when the class lived elsewhere."""
    return json.dumps(config).replace("keras_advxai.contrib.", module)


@pytest.mark.slow
def test_configurations_that_were_saved_before_are_found_without_an_import():
    attack = kax.attacks.Ensemble(["fgsm", contrib.CleverHans("madry_et_al", nb_iter=2)])
    explainer = kax.explainers.SmoothGrad(explainer=contrib.TFKerasVis("layercam"), samples=2)
    for item, module, new in ((attack, "attacks", kax.attacks), (explainer, "explainers", kax.explainers)):
        config = saved_before(new.serialize(item), f"keras_advxai.{module}.")
        assert "contrib" not in config
        run(
            f"""
            import json
            import keras_advxai as kax
            for read in (kax.{module}.deserialize, kax.{module}.get):
                found = read(json.loads({config!r}))
                assert repr(found) == {repr(item)!r}, found
            """
        )


@pytest.mark.parametrize(
    ("method", "uses_gradients", "iterative", "fills_budget"),
    [
        ("fast_gradient_method", True, False, True),
        ("projected_gradient_descent", True, True, True),
        ("momentum_iterative_method", True, True, True),
        ("spsa", False, False, False),
    ],
)
def test_what_an_attack_of_cleverhans_is_depends_on_its_method(method, uses_gradients, iterative, fills_budget):
    attack = contrib.CleverHans(method)
    assert (attack.uses_gradients, attack.iterative, attack.fills_budget) == (uses_gradients, iterative, fills_budget)
