"""Names of runs and tags, and what importing them loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from keras_advxai import tensorboard
from keras_advxai.tensorboard.names import runs_by_epsilon, safe


def test_importing_the_package_loads_neither_keras_nor_tensorflow():
    code = (
        "import sys, keras_advxai.tensorboard, keras_advxai.tensorboard.names\n"
        "sys.exit(', '.join({'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="'Writer'; it has ReportWriter"):
        _ = tensorboard.Writer


@pytest.mark.parametrize("name", ["fgsm", "pgd_steps10", "a.b-c", "UPPER"])
def test_good_names_are_kept(name):
    assert safe(name) == name


@pytest.mark.parametrize("name", ["a/b", "a b", "Angriff_ä", "..", "", ".hidden/x", "a\nb", "a:b"])
def test_other_names_become_fit_for_tags(name):
    changed = safe(name)
    assert changed.isascii()
    assert not set(changed) & set('/\\:*?"<>| \n')
    assert changed.strip(".")


def test_different_names_stay_different():
    names = ["a/b", "a b", "a-b", "ä", "ö", "clean", "clean-"]
    assert len({safe(name) for name in names}) == len(names)


def test_runs_are_named_as_people_write_epsilons():
    runs = runs_by_epsilon((8 / 255, 0.05, 0.25 / 255, 0))
    assert list(runs.values()) == ["eps_8_255", "eps_0.05", "eps_0.25_255", "eps_0"]


def test_close_epsilons_get_all_their_digits():
    epsilons = (0.123441, 0.123442, 0.1)
    assert list(runs_by_epsilon(epsilons).values()) == ["eps_0.123441", "eps_0.123442", "eps_0.1"]
    assert len(set(runs_by_epsilon((1e-5, 2e-5, 8 / 255, 8 / 255 + 1e-12)).values())) == 4
