"""What the contracts take for the same, and what they do not: rounding, and the kinks that it crosses."""

from __future__ import annotations

import numpy as np
import pytest

from keras_advxai.testing.common import same_images, same_maps


@pytest.fixture
def pictures() -> np.ndarray:
    """Three of 20 by 20, the largest value 1."""
    pictures = np.random.default_rng(0).uniform(0.2, 0.9, (3, 20, 20, 1))
    pictures[:, 0, 0] = 1
    return pictures


def straying(pictures: np.ndarray, share: float, by: float) -> np.ndarray:
    """The same with this share of all pixels moved, those at the end."""
    found = pictures.copy()
    found.reshape(-1)[len(found.reshape(-1)) - round(share * found.size) :] -= by
    return found


@pytest.mark.parametrize(("share", "by"), [(0, 0), (1, 1e-5), (0.15, 0.049)])
def test_maps_are_the_same_but_for_rounding_and_a_patch(pictures, share, by):
    same_maps(straying(pictures, share, by), pictures, "They differ.")
    same_maps(255 * straying(pictures, share, by), 255 * pictures, "They differ.")


@pytest.mark.parametrize(("share", "by"), [(0.16, 0.01), (1, 1e-2), (0.01, 0.06), (0.001, 1)])
def test_maps_that_are_computed_otherwise_are_not(pictures, share, by):
    with pytest.raises(AssertionError, match="They differ"):
        same_maps(straying(pictures, share, by), pictures, "They differ.")


@pytest.mark.parametrize(("share", "by"), [(0, 0), (1, 1e-5), (0.15, 0.009), (0.01, 0.2)])
def test_images_are_the_same_but_for_a_patch_and_a_few_pixels_of_any_value(pictures, share, by):
    same_images(straying(pictures, share, by), pictures, "They differ.")
    same_images(255 * straying(pictures, share, by), 255 * pictures, "They differ.")


@pytest.mark.parametrize(("share", "by"), [(0.16, 0.005), (0.02, 0.02), (1, 1e-2)])
def test_images_that_are_computed_otherwise_are_not(pictures, share, by):
    with pytest.raises(AssertionError, match="They differ"):
        same_images(straying(pictures, share, by), pictures, "They differ.")


@pytest.mark.parametrize("same", [same_images, same_maps])
def test_another_shape_is_not_the_same(same, pictures):
    with pytest.raises(AssertionError, match="They differ"):
        same(pictures[:2], pictures, "They differ.")


@pytest.mark.parametrize("same", [same_images, same_maps])
def test_what_is_not_a_number_is_not_the_same(same, pictures):
    with pytest.raises(AssertionError, match="They differ"):
        same(np.full_like(pictures, np.nan), pictures, "They differ.")
