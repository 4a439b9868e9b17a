"""Corruptions: against a second implementation at the published size, and what holds for each of them."""

from __future__ import annotations

import numpy as np
import pytest
import reference_corruptions as reference
from skimage import data

import keras_advxai as kax
from keras_advxai.corruptions import COMMON, EXTRA, filters, get, length
from keras_advxai.corruptions.weather import ice

ALL = (*COMMON, *EXTRA)
GRAY = tuple(name for name in ALL if name != "saturate")
OTHERWISE = {"defocus_blur": (5e-3, 0.2), "jpeg_compression": (5e-3, 0.2)}
"""Where the reference is another one by more than rounding, the mean and the largest distance: with a kernel of whole
pixels, and by another encoder."""


@pytest.fixture(scope="module")
def photograph():
    return data.astronaut()[10:234, 120:344] / 255


def small(channels, count=3):
    rng = np.random.default_rng(0)
    smooth = filters.gaussian(rng.random((18, 20, channels * count)), 1.5)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return np.stack(np.split(smooth, count, axis=-1)).astype("float32")


@pytest.mark.parametrize("name", [name for name in ALL if name in vars(reference)])
def test_it_is_what_the_paper_defines(name, photograph):
    # Randomly, so that all severities come up, and each time the same.
    severity = 1 + ALL.index(name) % 5
    constants = reference.PUBLISHED[name][severity - 1]
    found = get(name).function(photograph.copy(), severity, np.random.default_rng(7))
    expected = getattr(reference, name)(photograph.copy(), constants, np.random.default_rng(7))
    apart = np.abs(np.clip(found, 0, 1) - np.clip(expected, 0, 1))
    mean, largest = OTHERWISE.get(name, (1e-6, 1e-5))
    assert apart.mean() < mean
    assert apart.max() < largest
    assert np.abs(found - photograph).mean() > 0.005  # it is another image


@pytest.mark.parametrize("name", ALL)
def test_constants_are_the_published_ones(name):
    """At each severity, of an image so small that all five take no time, and of which pixels are as at 224."""
    if name in ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "brightness", "contrast", "saturate"):
        image = small(3)[0].astype("float64")
        for severity, constants in enumerate(reference.PUBLISHED[name], 1):
            found = get(name).function(image.copy(), severity, np.random.default_rng(severity))
            expected = getattr(reference, name)(image.copy(), constants, np.random.default_rng(severity))
            np.testing.assert_allclose(found, expected, atol=1e-9)
    known = {
        **{
            key: vars(kax.corruptions.blurs)[place]
            for key, place in (("gaussian_blur", "_SIGMAS"), ("defocus_blur", "_DISKS"))
        },
        **{
            key: vars(kax.corruptions.blurs)[place]
            for key, place in (("glass_blur", "_GLASS"), ("motion_blur", "_MOTIONS"))
        },
        **{key: vars(kax.corruptions.weather)[f"_{key.upper()}"] for key in ("snow", "frost", "fog")},
        "pixelate": vars(kax.corruptions.digital)["_PIXELS"],
        "jpeg_compression": vars(kax.corruptions.digital)["_QUALITY"],
    }
    if name in known:
        np.testing.assert_array_equal(np.array(known[name]), np.array(reference.PUBLISHED[name]))


@pytest.mark.parametrize("name", ALL)
def test_the_same_image_gets_the_same_corruption_and_others_another(name):
    corruption, images = get(name), small(3)
    for severity in (1, 5):
        found = corruption(images, severity)
        assert found.shape == images.shape
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 1
        assert np.abs(found - images).max() > 1e-3
        # Alone, at another place, and in other bounds, where the pixels are the same but for rounding.
        np.testing.assert_array_equal(corruption(images[1:2], severity), found[1:2])
        np.testing.assert_array_equal(corruption(images[::-1], severity), found[::-1])
    levels = np.round(images * 255).astype("float32")
    dark = corruption(levels, 3, bounds=(0, 255)) / 255
    np.testing.assert_allclose(dark, corruption(levels / np.float32(255), 3), atol=2e-6)
    centered = corruption(levels / np.float32(127.5) - 1, 3, bounds=(-1, 1))
    assert centered.min() >= -1
    np.testing.assert_allclose((centered + 1) / 2, dark, atol=2e-6)
    np.testing.assert_array_equal(images, small(3))  # nobody's images are changed
    other = corruption(images, 3, seed=1)
    random = name not in ("defocus_blur", "zoom_blur", "gaussian_blur", "brightness", "contrast")
    random = random and name not in ("pixelate", "jpeg_compression", "saturate")
    assert bool((other != corruption(images, 3)).any()) == random


def test_each_image_has_random_numbers_of_its_own_and_all_severities_of_it_the_same():
    images = np.stack([np.full((16, 16, 1), value) for value in (0.4, 0.6, 0.4)])
    weak, strong = (get("gaussian_noise")(images, severity) - images for severity in (1, 2))
    np.testing.assert_array_equal(weak[0], weak[2])
    assert abs(np.corrcoef(weak[0].ravel(), weak[1].ravel())[0, 1]) < 0.3  # four standard errors are 0.25
    np.testing.assert_allclose(strong, weak * 0.12 / 0.08, atol=1e-6)
    other = get("speckle_noise")(images, 1) - images
    assert abs(np.corrcoef(weak[0].ravel(), other[0].ravel())[0, 1]) < 0.3  # nor are those of another corruption


@pytest.mark.parametrize("name", GRAY)
def test_a_gray_image_is_as_an_rgb_image_of_gray_pixels(name):
    gray = small(1)
    found = get(name)(gray, 2)
    assert found.shape == gray.shape
    assert np.ptp(found) > 0
    if name in ("gaussian_blur", "defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate"):
        np.testing.assert_allclose(get(name)(np.repeat(gray, 3, -1), 2), np.repeat(found, 3, -1), atol=1e-6)


def test_what_is_refused_is_refused_in_a_sentence():
    many = small(2)
    for name in ("snow", "frost", "spatter", "jpeg_compression"):
        with pytest.raises(
            ValueError, match=rf"{name}' is for gray images \(1 channel\) or RGB images \(3\).*2 channels"
        ):
            get(name)(many, 1)
    with pytest.raises(ValueError, match=r"saturate' is for RGB images \(3\).*1 channels"):
        get("saturate")(small(1), 1)
    for name in set(ALL) - {"snow", "frost", "spatter", "jpeg_compression", "saturate"}:
        assert get(name)(many[:1], 3).shape == (1, 18, 20, 2)
    with pytest.raises(ValueError, match=r"fog' is for images, \(batch, height, width, channels\).*\(3, 20\)"):
        get("fog")(np.zeros((3, 20)), 1)
    for severity in (0, 6, True, 1.5):
        with pytest.raises((ValueError, TypeError), match="`severity` must be"):
            get("fog")(many, severity)
    with pytest.raises(ValueError, match=r"Unknown corruption 'smog'\. Did you mean 'fog'"):
        get("smog")
    with pytest.raises(TypeError, match=r"must be the name of a corruption\. Received: 3"):
        get(3)


def test_one_of_ones_own():
    @kax.corruptions.register(name="tests_half", channels=(3,))
    def half(image, severity, rng):
        return image / 2 + rng.random() - 10 * severity * (severity > 1)

    @kax.corruptions.register
    def tests_wrong(image, severity, rng):
        return image[0] if severity == 1 else image * np.nan

    try:
        found = get("tests-half")
        assert (found.name, found.function, found.channels) == ("tests_half", half, (3,))
        assert found(small(3), 2).max() == 0  # clipped
        for severity in (1, 2):
            with pytest.raises(
                ValueError, match=r"'tests_wrong' must return a finite image of the shape \(18, 20, 3\)"
            ):
                get("tests_wrong")(small(3), severity)
        with pytest.raises(ValueError, match="Another function is the corruption 'fog' already"):
            kax.corruptions.register(name="fog")(half)
        with pytest.raises(ValueError, match="needs a name"):
            kax.corruptions.register(name="a b")(half)
        with pytest.raises(TypeError, match="must be a function"):
            kax.corruptions.register(3)
    finally:
        for name in ("testshalf", "testswrong"):
            kax.corruptions.registry._KNOWN.pop(name)


def test_widths_follow_the_size():
    assert [length(np.zeros((224, 500, 3)), pixels) for pixels in (0, 1, 6)] == [0, 1, 6]
    assert length(np.zeros((448, 500, 3)), 3) == 6
    # The widths of blurs that the authors chose for CIFAR-10: Gaussian, and of motion.
    for ours, theirs in ((1, 2, 3, 4, 6), (0.4, 0.6, 0.7, 0.8, 1)), ((3, 5, 8, 12, 15), (1, 1.5, 2, 2, 2.5)):
        ratios = np.array([length(np.zeros((32, 32, 3)), pixels) for pixels in ours]) / theirs
        assert (ratios > 0.6).all()
        assert (ratios < 1.1).all()
    # A blur is as wide as it is said to be: the variance of what becomes of a point.
    point = np.zeros((65, 65, 1))
    point[32, 32] = 1
    spread = get("gaussian_blur").function(point, 5, np.random.default_rng(0))[..., 0].sum(0)
    variance = (spread * (np.arange(65) - 32) ** 2).sum()
    assert variance == pytest.approx(length(point, 6) ** 2, rel=0.02)


def test_frost_is_bright_varied_and_never_the_same(photograph):
    layers = [ice(64, 80, np.random.default_rng(seed)) for seed in range(4)]
    for layer in layers:
        assert layer.shape == (64, 80, 3)
        assert 0 <= layer.min() < layer.max() <= 1
        assert 0.3 < layer.mean() < 0.75
        assert layer.std() > 0.08
        assert (layer[..., 2] >= layer[..., 0]).all()  # bluish
    assert np.abs(layers[0] - layers[1]).mean() > 0.05
    for severity, (kept, share) in list(enumerate(reference.PUBLISHED["frost"], 1))[::3]:
        found = get("frost").function(photograph.copy(), severity, np.random.default_rng(3))
        np.testing.assert_allclose(found, kept * photograph + share * ice(224, 224, np.random.default_rng(3)))


def test_images_of_any_size_and_of_one_value():
    for side in ((1, 1), (2, 5), (7, 3)):
        for value in (0.0, 1.0):
            for name in ALL:
                found = get(name)(np.full((1, *side, 3), value), 4)
                assert np.isfinite(found).all()
                assert found.shape == (1, *side, 3)
