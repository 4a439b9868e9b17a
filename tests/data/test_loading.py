"""From a folder or a file of arrays to data that an evaluation takes."""

from __future__ import annotations

import os
import pickle

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from image_files import write

import keras_advxai as kax
from keras_advxai.data import ImageFileError
from keras_advxai.data.pictures import Picture


def test_a_folder_with_a_sub_folder_for_each_class(animals):
    data = kax.data.load(animals, size=24, channels=1, batch_size=2)
    assert data.names == ("cat/a.png", "cat/b/2.png", "dog/1.png")
    assert data.class_names == ("cat", "dog")
    assert len(data) == 2
    (x, y), (rest, last) = data[0], data[1]
    assert x.shape == (2, 24, 24, 1)
    assert (y.tolist(), last.tolist()) == ([0, 0], [1])
    assert [x[0].max(), x[1].max(), rest[0].max()] == [20, 10, 0]
    assert repr(data) == "<ImageFiles: 3 image files in batches of 2, labelled, named 'cat', 'dog'>"
    many = kax.data.load(animals, size=24, classes=("cat", "dog", "fish", "bird"))
    assert repr(many) == "<ImageFiles: 3 image files in batches of 32, labelled, named 'cat', 'dog', 'fish', ...>"
    bare = kax.data.load(animals, size=24, labels=False)
    assert repr(bare) == "<ImageFiles: 3 image files in batches of 32, without labels>"


def test_sub_folders_by_the_names_or_the_numbers_of_the_models_classes(animals, tmp_path):
    data = kax.data.load(animals, size=8, classes=("bird", "dog", "fish", "cat"))
    assert data.labels.tolist() == [3, 3, 1]
    assert data.class_names == ("bird", "dog", "fish", "cat")
    with pytest.raises(
        ValueError, match=r"There is no class 'cat'. Did you mean 'cats'\? .* the 2 classes, or by their"
    ):
        kax.data.load(animals, classes=("cats", "dog"))
    for name in ("872/a.png", "7/b.png"):
        write(tmp_path / "numbers" / name)
    numbered = kax.data.load(tmp_path / "numbers", size=8)
    assert (numbered.names, numbered.labels.tolist()) == (("7/b.png", "872/a.png"), [7, 872])
    assert numbered.class_names is None


def test_folders_that_keras_would_count_in_another_order_are_pointed_out(tmp_path):
    for name in range(11):
        write(tmp_path / str(name) / "a.png")
    with pytest.warns(UserWarning, match=r"orders them as texts, 0, 1, 10 and so on: .* pass `classes`"):
        data = kax.data.load(tmp_path, size=8)
    assert dict(zip(data.names, data.labels.tolist(), strict=True))["10/a.png"] == 10
    theirs = keras.utils.image_dataset_from_directory(tmp_path, image_size=(8, 8), shuffle=False, verbose=False)
    classes = theirs.class_names
    assert classes[:3] == ["0", "1", "10"]
    named = kax.data.load(tmp_path, size=8, classes=classes)  # without a warning, which would be an error
    assert named.labels.tolist() == np.concatenate([y for _, y in theirs]).tolist()


def test_a_folder_without_labels(tmp_path):
    for name in ("b.jpg", "a.PNG"):
        write(tmp_path / name)
    data = kax.data.load(tmp_path, size=(8, 10))
    assert (data.names, data.labels, data[0].shape) == (("a.PNG", "b.jpg"), None, (2, 8, 10, 3))


def test_a_file_that_cannot_be_decoded_is_left_out_and_named(animals):
    (animals / "cat" / "a.png").write_bytes(b"broken")
    data = kax.data.load(animals, size=8, batch_size=1)
    assert [len(data[index][0]) for index in range(3)] == [0, 1, 1]
    assert list(data.skipped) == ["cat/a.png"]
    assert "a.png: cannot identify image file" in data.skipped["cat/a.png"]
    assert [data.names_of(index) for index in range(3)] == [(), ("cat/b/2.png",), ("dog/1.png",)]
    with pytest.raises(ImageFileError, match=r"a\.png: cannot identify"):
        kax.data.load(animals, size=8, strict=True)[0]


@pytest.mark.parametrize("batch_size", [1, 2])
def test_an_evaluation_of_a_folder_is_that_of_its_images(animals, batch_size, capsys):
    (animals / "cat" / "c.png").write_bytes(b"broken")
    model = helpers.linear_model(np.random.default_rng(0).normal(size=(64, 2)), (8, 8, 1))
    settings = {"bounds": (0, 255), "explainers": (), "progress": False, "epsilons": (0.1,)}
    data = kax.data.load(animals, size=8, channels=1, batch_size=batch_size)
    found = kax.evaluate(model, data, **{**settings, "progress": True})
    bar = capsys.readouterr().err
    assert "/4 [" in bar  # of the files
    assert "3/3 [" in bar  # of the images among them
    x = np.concatenate([np.full((1, 8, 8, 1), value, "float32") for value in (20, 10, 0)])
    expected = kax.evaluate(model, (x, [0, 0, 1]), **settings)
    assert len(data.skipped) == 1
    assert found.provenance["class_names"] == ["cat", "dog"]
    assert expected.provenance["class_names"] == []
    for name, array in expected.measurements.arrays.items():
        np.testing.assert_array_equal(found.measurements.arrays[name], array, err_msg=name)


def test_at_most_so_many_of_all_classes(tmp_path):
    for name in ("a", "b", "c", "d"):
        for index in range(5):
            write(tmp_path / name / f"{index}.png")
    data = kax.data.load(tmp_path, size=8, limit=4)
    assert data.labels.tolist() == [0, 1, 2, 3]
    assert len(kax.data.load(tmp_path, size=8, limit=100).names) == 20


def test_links_and_what_is_no_file(animals):
    (animals / "cat" / "linked.png").symlink_to(animals / "dog" / "1.png")
    (animals / "cat" / "up").symlink_to(animals)
    (animals / "cat" / "nowhere.png").symlink_to(animals / "gone.png")
    os.mkfifo(animals / "cat" / "pipe.png")
    data = kax.data.load(animals, size=8)
    assert {name for name in data.names if "/up/" not in name} == {
        "cat/a.png",
        "cat/b/2.png",
        "cat/linked.png",
        "dog/1.png",
    }
    assert len(data.names) < 10  # and ends


def test_arrays(tmp_path):
    x, y = np.zeros((3, 8, 8, 1), "float32"), np.array([0, 1, 1])
    for one, other in (("x", "y"), ("images", "labels")):
        np.savez(tmp_path / "data.npz", **{one: x, other: y})
        found = kax.data.load(tmp_path / "data.npz")
        np.testing.assert_array_equal(found[0], x)
        np.testing.assert_array_equal(found[1], y)
    np.savez(tmp_path / "data.npz", x=x)
    np.testing.assert_array_equal(kax.data.load(tmp_path / "data.npz"), x)


def test_arrays_that_are_none(tmp_path):
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object))
    with pytest.raises(ValueError, match=r"objects\.npz' holds no images: Object arrays cannot be loaded"):
        kax.data.load(tmp_path / "objects.npz")
    np.savez(tmp_path / "others.npz", weights=np.zeros(3))
    with pytest.raises(ValueError, match="it has the arrays weights, and none of them is named x or images"):
        kax.data.load(tmp_path / "others.npz")
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(ValueError, match=r"text\.npz' holds no images"):
        kax.data.load(tmp_path / "text.npz")


@pytest.mark.parametrize("batched", [True, False])
def test_a_saved_dataset(batched, tmp_path):
    data = tf.data.Dataset.from_tensor_slices((np.zeros((5, 8, 8, 1), "float32"), np.arange(5)))
    (data.batch(2) if batched else data).save(str(tmp_path / "saved"))
    sizes = [len(x) for x, _ in kax.data.load(tmp_path / "saved", batch_size=3)]
    assert sizes == ([2, 2, 1] if batched else [3, 2])


def test_what_is_no_data_set(tmp_path, animals):
    with pytest.raises(FileNotFoundError, match=r"There is nothing at .*gone'. Pass a folder of images, with a sub-"):
        kax.data.load(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"There is no image in .*empty'. Images are files that end in \.jpg"):
        kax.data.load(tmp_path / "empty")
    (tmp_path / "model.keras").write_bytes(b"")
    with pytest.raises(ValueError, match=r"model\.keras' is no data set"):
        kax.data.load(tmp_path / "model.keras")
    write(animals / "beside.png")
    with pytest.raises(
        ValueError, match=r"both images, such as 'beside\.png', and sub-folders with images, such as 'cat'"
    ):
        kax.data.load(animals)


def test_sizes_that_differ_in_a_batch_are_said(tmp_path):
    write(tmp_path / "a.png", size=(8, 8))
    write(tmp_path / "b.png", size=(9, 8))
    with pytest.raises(ValueError, match=r"these files have several, such as 8x8, 9x8. Pass a `size`, or batch_size=1"):
        kax.data.load(tmp_path)[0]
    assert [len(kax.data.load(tmp_path, batch_size=1)[index]) for index in range(2)] == [1, 1]


def test_pixels_are_scaled_to_the_bounds(animals):
    as_they_are, _ = kax.data.load(animals, size=20)[0]
    scaled, _ = kax.data.load(animals, size=20, bounds=(-1, 1))[0]
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, as_they_are / 127.5 - 1, atol=1e-6)
    assert np.abs(scaled).max() <= 1
    with pytest.raises(ValueError, match="`bounds` must be"):
        kax.data.load(animals, bounds=(1, 1))


def test_a_name_of_two_classes_is_refused(animals):
    with pytest.raises(ValueError, match="There are several classes 'cat': 0, 2"):
        kax.data.load(animals, classes=("cat", "dog", "cat"))
    assert kax.data.load(animals, classes=("cat", "dog", "cow", "cow")).labels is not None  # no folder is named so


def test_an_order_that_is_drawn(animals):
    plain, drawn, again = (
        kax.data.load(animals, size=8, channels=1, batch_size=1, **how)
        for how in ({}, {"shuffle": True}, {"shuffle": True, "seed": 0})
    )
    assert sorted(drawn.names) == sorted(plain.names)
    assert drawn.names == again.names != plain.names
    of_name = {name: plain[index] for index, name in enumerate(plain.names)}
    for index, name in enumerate(drawn.names):
        for found, expected in zip(drawn[index], of_name[name], strict=True):
            np.testing.assert_array_equal(found, expected)
    assert {kax.data.load(animals, shuffle=True, seed=seed).names for seed in range(20)} > {drawn.names}
    assert len(kax.data.load(animals, limit=2, shuffle=True).labels) == 2


def test_a_folder_without_images_is_a_class_as_in_keras(animals):
    (animals / "bird").mkdir()
    data = kax.data.load(animals)
    expected = keras.utils.image_dataset_from_directory(animals, image_size=(8, 8), verbose=False)
    assert list(data.class_names) == expected.class_names == ["bird", "cat", "dog"]
    assert data.labels.tolist() == [1, 1, 2]
    assert kax.data.load(animals, classes=["cat", "dog"]).labels.tolist() == [0, 0, 1]


def test_no_labels_are_read_where_there_are_none_to_be_read(animals, tmp_path):
    write(animals / "beside.png")
    with pytest.raises(ValueError, match="both images"):
        kax.data.load(animals)
    data = kax.data.load(animals, labels=False, size=8)
    assert data.names == ("beside.png", "cat/a.png", "cat/b/2.png", "dog/1.png")
    assert (data.labels, data.class_names) == (None, None)
    (animals / "table.csv").write_text("path,day,hour\ncat/a.png,3,4\ndog/1.png,,\n")
    with pytest.raises(ValueError, match="none of them a label"):
        kax.data.load(animals / "table.csv")
    assert kax.data.load(animals / "table.csv", labels=False).names == ("cat/a.png", "dog/1.png")
    x, y = np.zeros((3, 4, 4, 1), "float32"), np.arange(3)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    assert kax.data.load(tmp_path / "a.npz", labels=False).shape == x.shape
    tf.data.Dataset.from_tensor_slices((x, y)).save(str(tmp_path / "saved"))
    assert next(iter(kax.data.load(tmp_path / "saved", labels=False))).shape == x.shape


def test_each_file_is_decoded_once_where_some_were_looked_at_before(animals, monkeypatch):
    read = []
    original = Picture.read
    monkeypatch.setattr(Picture, "read", lambda self, path: (read.append(path.name), original(self, path))[1])
    (animals / "dog" / "0.png").write_bytes(b"nothing")
    how = {"size": 8, "shuffle": True}
    first, data, again = (kax.data.load(animals, limit=limit, batch_size=2, **how) for limit in (2, None, None))
    expected = [again[index] for index in range(2)]
    read.clear()
    x, _ = first[0]
    data.reuse(x, first, 0)
    assert pickle.loads(pickle.dumps(data))._decoded == {}
    for found, wanted in zip((data[0], data[1]), expected, strict=True):
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
    names = [name.rpartition("/")[2] for name in data.names]
    assert sorted(read) == sorted([*names, *(["0.png"] if "dog/0.png" in first.names else [])])
    assert data._decoded == {}
    assert [data.images_in(*ends) for ends in ((0, 2), (0, 1), (1, 2), (1, 1))] == [4, 2, 2, 0]
