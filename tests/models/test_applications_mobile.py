"""Logits, default layer, Grad-CAM and FGSM of EfficientNetV2 and MobileNet; see `application_checks.check`."""

from __future__ import annotations

import application_checks
import pytest


@pytest.mark.slow
@pytest.mark.parametrize(("name", "cells"), application_checks.cases("mobile"))
def test_it_is_what_keras_and_a_gradient_tape_say(name, cells):
    application_checks.check(name, application_checks.side(name, cells))
