"""Configurations and the registry that finds them by name."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai._choice import nearest, snake_case
from keras_advxai._registry import Configuration, Registry


@keras.saving.register_keras_serializable(package="tests")
class Base(Configuration):
    def __init__(self, *, strength: float = 1.0, names: tuple = ()) -> None:
        self.strength = float(strength)
        self.names = names


@keras.saving.register_keras_serializable(package="tests")
class PowerRay(Base):
    """Passes the rest on to its base."""

    def __init__(self, *, fast: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.fast = fast


@keras.saving.register_keras_serializable(package="tests")
class Plain(Base):
    """Takes nothing on: its base's parameters do not belong to it."""

    def __init__(self, *, size: int = 3) -> None:
        super().__init__(strength=2)
        self.size = size


@keras.saving.register_keras_serializable(package="tests")
class Inherited(PowerRay):
    pass


REGISTRY = Registry("gadget", Base, (PowerRay, Plain))


def test_the_configuration_holds_the_parameters_of_the_base_too():
    assert PowerRay(strength=3).get_config() == {"fast": False, "strength": 3.0, "names": ()}
    assert Plain(size=4).get_config() == {"size": 4}
    assert Inherited(fast=True).get_config() == {"fast": True, "strength": 1.0, "names": ()}


def test_a_configuration_builds_an_equal_one():
    for item in (PowerRay(fast=True, strength=2), Plain(), Inherited(names=("a", "b"))):
        assert type(item).from_config(item.get_config()) == item


def test_equality_is_of_type_and_values():
    assert PowerRay(strength=2) == PowerRay(strength=2.0)
    assert PowerRay() != PowerRay(fast=True)
    assert PowerRay() != Inherited()
    assert PowerRay() != "power_ray"
    assert hash(PowerRay(names=["a", {"b": [1]}])) == hash(PowerRay(names=["a", {"b": [1]}]))
    array = np.zeros(3)
    assert PowerRay(names=array) == PowerRay(names=array)
    assert PowerRay(names=array) == PowerRay(names=np.zeros(3)) != PowerRay(names=np.zeros((3, 1)))


def test_the_repr_is_the_call():
    assert repr(PowerRay(strength=2)) == "PowerRay(fast=False, strength=2.0, names=())"


def test_names_say_what_differs_from_the_defaults():
    assert PowerRay().name == "power_ray"
    assert PowerRay(fast=True, strength=0.5).name == "power_ray_fast_strength0.5"
    assert kax.attacks.FGSM(norm="l2", targeted=True).name == "fgsm_l2_targeted"
    assert kax.explainers.GradCAM(relu=False).name == "grad_cam_no_relu"
    assert kax.explainers.GradCAM(layer="backbone/conv 1").name == "grad_cam_backbone-conv-1"
    assert kax.attacks.UniformNoise(norm="l2", seed=7).name == "uniform_noise_l2"  # seeds do not distinguish attacks


def test_names_are_fit_for_files_and_tags():
    for item in (kax.explainers.GradCAM(layer="a/b:c d"), PowerRay(names=("x", "y"), strength=1e-9)):
        assert all(letter.isalnum() or letter in "_.-" for letter in item.name)


def test_immutable():
    item = PowerRay()
    with pytest.raises(
        AttributeError, match=r"PowerRay is immutable: build another one with `fast` changed. Received: fast=True"
    ):
        item.fast = True
    with pytest.raises(AttributeError, match="PowerRay is immutable"):
        item.new = 1
    with pytest.raises(AttributeError, match="PowerRay is immutable"):
        del item.fast
    assert item == PowerRay()


@pytest.mark.parametrize("name", ["power_ray", "PowerRay", "POWER-RAY", "power ray", "powerray"])
def test_case_hyphens_and_underscores_do_not_matter(name):
    assert REGISTRY.get(name) == PowerRay()


def test_everything_that_means_an_instance():
    item = PowerRay(fast=True)
    assert REGISTRY.get(item) is item
    assert REGISTRY.get(PowerRay) == PowerRay()
    assert REGISTRY.get(REGISTRY.serialize(item)) == item
    assert REGISTRY.get(Inherited()) == Inherited()


def test_unknown_names():
    with pytest.raises(
        ValueError,
        match=r"Unknown gadget 'power_rai'. Did you mean 'power_ray'\? Known: plain, power_ray. .* subclass of Base",
    ):
        REGISTRY.get("power_rai")
    with pytest.raises(ValueError, match=r"Unknown gadget 'xyz'. Known"):
        REGISTRY.get("xyz")
    with pytest.raises(ValueError, match="Unknown gadget ''"):
        REGISTRY.get("")


@pytest.mark.parametrize("identifier", [None, 3, ["power_ray"], object, kax.attacks.FGSM(), int])
def test_what_means_nothing(identifier):
    with pytest.raises(
        TypeError, match=r"Argument `identifier` must be the name of a known gadget .power_ray, plain.*Received: "
    ):
        REGISTRY.get(identifier)


@pytest.mark.parametrize("config", [{}, "power_ray", None, {"a": 1}])
def test_configurations_of_nothing(config):
    """Keras returns unknown strings and dictionaries unchanged."""
    with pytest.raises(TypeError, match="Argument `config` must be what `serialize` made of some gadget"):
        REGISTRY.deserialize(config)


def test_configurations_of_something_else():
    for other in (keras.layers.Dense(3), kax.attacks.FGSM(), keras.losses.MeanSquaredError()):
        with pytest.raises(TypeError, match=f"some gadget. Received: .* which describes a {type(other).__name__}"):
            REGISTRY.deserialize(keras.saving.serialize_keras_object(other))
    with pytest.raises(TypeError, match=r"describes a|Could not locate"):
        REGISTRY.deserialize({"class_name": "Nothing", "config": {}})


def test_a_class_alone_is_not_an_instance():
    """Keras returns `package>Name` as a class."""
    with pytest.raises(TypeError, match="which describes a"):
        REGISTRY.deserialize("tests>PowerRay")


def test_ours_are_registered_in_our_package():
    for cls in (*kax.attacks.ALL_OBJECTS, *kax.explainers.ALL_OBJECTS, *kax.contrib.ALL_OBJECTS):
        assert keras.saving.get_registered_name(cls) == f"keras_advxai>{cls.__name__}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FGSM", "fgsm"),
        ("GradCAM", "grad_cam"),
        ("UniformNoise", "uniform_noise"),
        ("PGD2Step", "pgd2_step"),
        ("MOD", "mod"),
        ("A", "a"),
    ],
)
def test_snake_case(name, expected):
    assert snake_case(name) == expected


def test_nearest():
    assert nearest("conv", ["conv1", "dense"]) == " Did you mean 'conv1'?"
    assert nearest("cat", ["bat", "hat", "rat", "dog"]).count(" or ") == 2
    assert nearest("xyz", ["abc"]) == ""


def test_methods_of_other_packages_have_names_of_their_own():
    assert kax.explainers.get("TF-Keras-Vis") == kax.contrib.TFKerasVis()
    assert kax.attacks.get("spsa") == kax.contrib.CleverHans("spsa")


def test_what_is_elsewhere_is_known_and_imported_when_it_is_asked_for():
    registry = Registry("gadget", Base, (Plain,))
    registry.elsewhere["power_ray"] = f"{__name__}:PowerRay"
    registry.elsewhere["missing"] = "keras_advxai.not_there:Missing"
    assert registry.get("PowerRay") == PowerRay()
    assert registry.get("plain") == Plain()
    assert registry.get(registry.serialize(PowerRay(fast=True))) == PowerRay(fast=True)
    with pytest.raises(ValueError, match="Known: missing, plain, power_ray"):
        registry.get("xyz")
    with pytest.raises(ImportError, match="not_there"):
        registry.get("missing")
