"""What AlibiIntegratedGradients says where alibi is not installed. With it: tests/with_alibi."""

from __future__ import annotations

import sys

import pytest

from keras_advxai.contrib import AlibiIntegratedGradients
from keras_advxai.explainers import get


@pytest.mark.parametrize("build", [AlibiIntegratedGradients, lambda: get("alibi_integrated_gradients")])
def test_without_alibi_it_cannot_be_built(build, monkeypatch):
    monkeypatch.setitem(sys.modules, "alibi", None)
    monkeypatch.setitem(sys.modules, "alibi.explainers", None)
    with pytest.raises(ImportError, match=r"below 3\.13: pip install 'keras-advxai\[alibi\]'.*IntegratedGradients\(\)"):
        build()
