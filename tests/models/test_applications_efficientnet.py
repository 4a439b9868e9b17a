"""Logits, default layer, Grad-CAM and FGSM of EfficientNet; see `application_checks.check`."""

from __future__ import annotations

import application_checks
import pytest


@pytest.mark.parametrize(("name", "cells"), application_checks.cases("efficientnet"))
def test_it_is_what_keras_and_a_gradient_tape_say(name, cells):
    application_checks.check(name, application_checks.side(name, cells))
