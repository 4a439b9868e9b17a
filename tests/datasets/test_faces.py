import numpy as np
from skimage.data import lfw_subset

from keras_advxai.datasets import faces


def test_has_the_shape_of_keras_datasets():
    (x_train, y_train), (x_test, y_test) = faces.load_data()
    assert x_train.shape == (150, 25, 25, 1)
    assert x_test.shape == (50, 25, 25, 1)
    assert y_train.shape == (150,)
    assert y_test.shape == (50,)
    assert x_train.dtype == x_test.dtype == np.float32
    assert y_train.dtype == y_test.dtype == np.int32


def test_pixels_lie_in_0_to_1_and_use_that_range():
    for x, _ in faces.load_data():
        assert 0 <= x.min() < 0.05
        assert 0.95 < x.max() <= 1


def test_both_parts_hold_both_classes_in_about_equal_shares():
    for _, y in faces.load_data():
        assert 0.4 < y.mean() < 0.6
    assert len(faces.CLASS_NAMES) == 2


def test_every_image_of_scikit_image_is_there_once_with_its_label():
    originals = lfw_subset().astype("float32")
    (x_train, y_train), (x_test, y_test) = faces.load_data()
    found = {
        image.tobytes(): label
        for x, y in ((x_train, y_train), (x_test, y_test))
        for image, label in zip(x[..., 0], y, strict=True)
    }
    assert len(found) == 200
    assert [found[image.tobytes()] for image in originals] == [1] * 100 + [0] * 100


def test_is_the_same_every_time_and_never_shared():
    (first, _), _ = faces.load_data()
    kept = first.copy()
    first[:] = 0
    (second, _), _ = faces.load_data()
    np.testing.assert_array_equal(second, kept)
