"""The labels along the dimensions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from made_measurements import COORDINATES

from keras_advxai.attacks import UniformNoise


def test_labels_are_found_by_name_by_configuration_and_in_spite_of_rounding():
    assert COORDINATES.index("attack", UniformNoise()) == 2
    assert COORDINATES.index("epsilon", np.float32(0.02)) == 1
    assert COORDINATES.label("epsilon", np.float32(0.02)) == 0.02
    assert COORDINATES.size("condition") == 11
    assert COORDINATES.conditions(None) == 0
    assert COORDINATES.conditions("pgd_targeted") == slice(3, 5)
    assert COORDINATES.conditions("pgd_targeted", 0.02) == 4
    assert COORDINATES.corrupted_conditions() == slice(7, 11)
    assert COORDINATES.corrupted_conditions("snow") == slice(9, 11)
    assert COORDINATES.index("severity", 1) == 1
    assert [COORDINATES.is_corruption(name) for name in ("snow", "ddn", None, 3)] == [True, False, False, False]
    seen = COORDINATES.corrupted
    assert (seen.attacks, seen.epsilons, seen.size("condition")) == (("fog", "snow"), (5.0, 1.0), 5)
    with pytest.raises(ValueError, match=r"`severity` must be one of the report's, 5, 1\. Received: severity=3"):
        seen.index("epsilon", 3)
    with pytest.raises(ValueError, match=r"The report has no corruption 'smog'\. Did you mean 'fog'"):
        seen.index("attack", "smog")
    with pytest.raises(ValueError, match=r"The report has no corruptions\. Evaluate with some"):
        str(dataclasses.replace(COORDINATES, corruptions=(), severities=()).corrupted)
    with pytest.raises(ValueError, match=r"no attack 'pgd_targetet'. Did you mean 'pgd_targeted'"):
        COORDINATES.index("attack", "pgd_targetet")
    with pytest.raises(ValueError, match=r"must be one of the report's, 0.1, 0.02. Received: epsilon='0.1'"):
        COORDINATES.index("epsilon", "0.1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attacks", ("fgsm", "fgsm")),
        ("attacks", ("a\nb",)),
        ("attacks", ("\ud800",)),
        ("attacks", (["fgsm"],)),
        ("explainers", ("",)),
        ("metrics", ()),
        ("targets", ("predicted", "other")),
        ("targets", ()),
        ("epsilons", ()),
        ("epsilons", (0.1, 0.1 + 1e-9)),
        ("epsilons", (True,)),
        ("epsilons", (float("nan"),)),
        ("epsilons", (float("inf"),)),
        ("epsilons", (10**400,)),
        ("epsilons", ("0.1",)),
        ("epsilons", (-0.1,)),
        ("classes", 0),
        ("classes", 2.5),
        ("classes", True),
        ("classes", 2**31),
    ],
)
def test_what_no_evaluation_has_is_refused(field, value):
    with pytest.raises(ValueError, match=f"`coordinates.{field}` must"):
        dataclasses.replace(COORDINATES, **{field: value})
