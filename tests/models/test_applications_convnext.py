"""Logits, default layer, Grad-CAM and FGSM of ConvNeXt and Xception; see `application_checks.check`."""

from __future__ import annotations

import application_checks
import pytest


@pytest.mark.parametrize("name", application_checks.representatives("convnext"))
def test_one_of_each_family_on_maps_of_two_by_two(name):
    application_checks.check(name, application_checks.side(name, cells=2))


@pytest.mark.slow
@pytest.mark.parametrize("name", application_checks.members("convnext"))
def test_every_application_on_maps_of_three_by_three(name):
    application_checks.check(name, application_checks.side(name, cells=3))
