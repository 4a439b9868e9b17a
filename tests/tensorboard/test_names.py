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


@pytest.mark.parametrize("name", ["a/b", "a b", "Angriff_ä", "..", "", ".hidden/x", "clean", "hparams", "a\nb", "a:b"])
def test_other_names_become_fit_for_folders(name):
    changed = safe(name)
    assert changed.isascii()
    assert not set(changed) & set('/\\:*?"<>| \n')
    assert changed.strip(".")
    assert changed not in ("clean", "hparams")


def test_different_names_stay_different():
    names = ["a/b", "a b", "a-b", "ä", "ö", "clean", "clean-"]
    assert len({safe(name) for name in names}) == len(names)


def test_runs_have_four_decimals():
    assert runs_by_epsilon("fgsm", (1 / 255, 0.1)) == {1 / 255: "fgsm_eps0.0039", 0.1: "fgsm_eps0.1000"}


def test_close_epsilons_get_as_many_decimals_as_it_takes():
    runs = runs_by_epsilon("fgsm", (0.00001, 0.00002, 0.1))
    assert list(runs.values()) == ["fgsm_eps0.00001", "fgsm_eps0.00002", "fgsm_eps0.10000"]
