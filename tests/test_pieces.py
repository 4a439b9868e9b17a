"""What a new attack, explainer or dissimilarity needs beside its file and its test: each test names what is missing."""

from __future__ import annotations

import re

import pages
import pytest

import keras_advxai as kax
from keras_advxai.cli.known_names import known

KINDS = {
    "attack": (kax.attacks, kax.attacks.registry.REGISTRY.classes, ["docs/howto/attacks.md"]),
    "explainer": (kax.explainers, kax.explainers.registry.REGISTRY.classes, ["docs/explainers.md"]),
    "metric": (
        kax.metrics,
        {item.name: item for item in kax.metrics.declared()},
        ["docs/getting_started.md", "docs/design.md"],
    ),
}
OF_OTHER_PACKAGES = {"clever_hans", "spsa", "tf_keras_vis", "alibi_integrated_gradients"}
PRESETS = {"quick", "standard"}


def ours(kind: str) -> dict[str, str]:
    """The public name of each of this package, by the name that it is found by."""
    _, found, _ = KINDS[kind]
    own = {name: getattr(item, "__name__", name) for name, item in found.items() if name in known(kind)}
    return {name: public for name, public in own.items() if name not in OF_OTHER_PACKAGES}


@pytest.mark.parametrize("kind", KINDS)
def test_the_package_imports_each_file_that_registers_something(kind):
    package, found, _ = KINDS[kind]
    missing = set(known(kind)) - set(found) - OF_OTHER_PACKAGES - PRESETS
    assert not missing, f"import {missing} in {package.__name__}/__init__.py"


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_public(kind):
    package, _, _ = KINDS[kind]
    missing = set(ours(kind).values()) - set(package.__all__)
    assert not missing, f"add {missing} to __all__ in {package.__name__}/__init__.py"


@pytest.mark.parametrize(("kind", "page"), [(kind, page) for kind, (*_, named) in KINDS.items() for page in named])
def test_each_has_its_row_in_the_table_of_its_kind(kind, page):
    lines = (pages.ROOT / page).read_text(encoding="utf-8").splitlines()
    rows = "\n".join(line for line in lines if line.startswith("|"))
    missing = [name for name in ours(kind).values() if not re.search(rf"`{name}\b", rows)]
    assert not missing, f"{page} has a table of every {kind}, without a row of {missing}"


def test_these_tests_look_at_something():
    assert {"fgsm", "pgd"} <= set(ours("attack"))
    assert {"grad_cam", "saliency"} <= set(ours("explainer"))
    assert {"nissim", "rank_distance"} <= set(ours("metric"))
