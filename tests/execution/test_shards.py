"""Shards of the data that are evaluated one by one, and the report that they make together."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import SeededNoise, labelled_images, normed_cnn

import keras_advxai as kax
from keras_advxai import EvaluationReport
from keras_advxai.data.fingerprint import of_batches

X, Y = labelled_images(23)
SETTINGS: dict[str, Any] = {"batch_size": 4, "epsilons": (0.02, 0.1), "progress": False}


@pytest.fixture(scope="module")
def model():
    found = normed_cnn()
    found.get_layer("norm").moving_mean.assign(np.full(4, 0.25))  # as a training left it, and far from what arrives
    found.get_layer("norm").moving_variance.assign(np.full(4, 1e-3))
    return found


def divided(model, data, count, **settings) -> list[EvaluationReport]:
    found = [kax.evaluate(model, data, shard=(index, count), **{**SETTINGS, **settings}) for index in range(count)]
    random.Random(0).shuffle(found)
    return found


@pytest.fixture(scope="module")
def whole(model):
    return kax.evaluate(model, (X, Y), **SETTINGS)


@pytest.fixture(scope="module")
def parts(model):
    return divided(model, (X, Y), 3)


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_the_parts_make_the_report_of_one_process(model, whole, count):
    assert any(finding.id == "unlike-training" for finding in whole.warnings)
    merged = EvaluationReport.merge(divided(model, (X, Y), count))
    assert merged.to_json() == whole.to_json()
    for name, values in whole.measurements.arrays.items():
        assert merged.measurements.arrays[name].tobytes() == values.tobytes(), name
    assert [item.index for item in merged.examples] == [item.index for item in whole.examples]
    for one, other in zip(merged.examples, whole.examples, strict=True):
        np.testing.assert_array_equal(one.adversarial_heatmap, other.adversarial_heatmap)
    assert str(merged) == str(whole)


def test_files_of_parts_make_it_too(model, whole, parts, tmp_path):
    for place, part in enumerate(parts):
        part.save(tmp_path / f"{place}.npz")
        part.to_json(tmp_path / f"{place}.json")
        assert str(EvaluationReport.load(tmp_path / f"{place}.npz")) == str(part)
    for kind, read in {"npz": EvaluationReport.load, "json": EvaluationReport.from_json}.items():
        merged = EvaluationReport.merge(read(tmp_path / f"{place}.{kind}") for place in range(3))
        assert merged.to_json() == whole.to_json()
    assert merged.settings == whole.settings


def test_a_part_says_which_it_is(parts, whole):
    known = {part.provenance["part"]["shard"][0]: part for part in parts}
    assert [len(known[index].measurements) for index in range(3)] == [8, 8, 7]
    second = known[1]
    assert "PART 2 of 3, shard=(1, 3): images 8 to 15 of 23, batches 2 to 3 of 6." in str(second).splitlines()[1]
    assert second.provenance["part"]["first"] == 8
    assert second.provenance["data_sha256"] == whole.provenance["data_sha256"]  # of all, by which parts are compared
    assert second.examples == ()
    assert whole.provenance["part"] is None
    assert "PART" not in str(whole)
    chance = [known[place].measurements.at("chance_dissimilarity", explainer="grad_cam")[0] for place in range(3)]
    assert np.isnan(chance).tolist() == [True, False, False]  # to the image before, of another shard


class Batches(keras.utils.PyDataset):
    """The images in batches of four, which notes what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[int] = []

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        self.read.append(index)
        return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]


@pytest.mark.parametrize("kind", ["PyDataset", "tf.data"])
def test_datasets_are_divided_by_batches(model, whole, kind):
    data = Batches() if kind == "PyDataset" else tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    found = divided(model, data, 3)
    merged = EvaluationReport.merge(found)
    assert merged.provenance["data_sha256"] == EvaluationReport.merge(divided(model, data, 2)).provenance["data_sha256"]
    hashes = [kax.evaluate(model, (X[at : at + 4], Y[at : at + 4]), **SETTINGS) for at in range(0, 23, 4)]
    assert merged.provenance["data_sha256"] == of_batches([item.provenance["data_sha256"] for item in hashes])
    same = {**merged.provenance, "data_sha256": whole.provenance["data_sha256"]}
    assert dataclasses.replace(merged, provenance=same).to_json() == whole.to_json()


def test_a_shard_reads_its_own_batches_and_the_one_before(model, tmp_path):
    for journal in (None, tmp_path / "run.journal"):
        data = Batches()
        kax.evaluate(model, data, shard=(1, 3), journal=journal, **SETTINGS)
        assert data.read == [1, 2, 3]
    made_by: list[int] = []
    report = kax.evaluate(model, lambda: made_by.append(1) or (X, Y), shard=(1, 3), **SETTINGS)
    assert made_by == [1]
    assert len(report.measurements) == 8


class Damaged(Batches):
    """The same without some of the images, as files that cannot be decoded: batches of three, of none, and of four."""

    def __getitem__(self, index: int) -> Any:
        x, y = super().__getitem__(index)
        kept = {1: slice(3), 3: slice(0)}.get(index, slice(4))
        return x[kept], y[kept]


def test_batches_that_lack_images_are_put_together(model):
    expected = kax.evaluate(model, Damaged(), **SETTINGS)
    for count in (2, 3):
        merged = EvaluationReport.merge(divided(model, Damaged(), count))
        for name, values in expected.measurements.arrays.items():
            assert merged.measurements.arrays[name].tobytes() == values.tobytes(), name
        assert merged.warnings == expected.warnings


@pytest.mark.slow
def test_random_models_and_given_targets_are_those_of_one_process():
    noisy = normed_cnn(SeededNoise())
    settings = {"attacks": kax.attacks.PGD(targeted=True, steps=2), "attack_targets": (Y + 1) % 3, "metrics": "nissim"}
    expected = kax.evaluate(noisy, (X, Y), **SETTINGS, **settings)
    assert EvaluationReport.merge(divided(noisy, (X, Y), 4, **settings)).to_json() == expected.to_json()


@pytest.mark.slow
def test_steps_audits_and_data_without_labels(model):
    for data, settings in (((X, Y), {"steps": 5, "checks": "all"}), (X, {"explainers": (), "images": 6})):
        expected = kax.evaluate(model, data, **SETTINGS, **settings)
        count = 1 if "checks" in settings else 3
        assert EvaluationReport.merge(divided(model, data, count, **settings)).to_json() == expected.to_json()
    with pytest.raises(
        ValueError, match=r"looks at the first 128 images, and the first shard has 8\. .*checks='cheap'"
    ):
        kax.evaluate(model, (X, Y), shard=(2, 3), checks="all", **SETTINGS)


class Backwards(keras.layers.Layer):
    """Passes its input on, and a gradient that is not its own."""

    def call(self, x: Any) -> Any:
        return tf.stop_gradient(2 * x) - x


@pytest.mark.slow
def test_an_audit_is_of_the_first_shard():
    model = normed_cnn(Backwards())
    x, y = np.tile(X, (12, 1, 1, 1)), np.tile(Y, 12)
    settings = {"checks": "all", "batch_size": 64, "explainers": (), "epsilons": (0.1,), "noise_control": False}
    first, second = sorted(divided(model, (x, y), 2, **settings), key=lambda item: item.provenance["part"]["first"])
    assert first.provenance["part"]["audit"]
    assert second.provenance["part"]["audit"] == []
    expected = kax.evaluate(model, (x, y), **{**SETTINGS, **settings})
    assert EvaluationReport.merge([second, first]).to_json() == expected.to_json()


@pytest.mark.slow
def test_sizes_of_images_are_put_together():
    model = normed_cnn(size=None)

    class Sizes(keras.utils.PyDataset):
        """Four batches of two images, of which the last are larger."""

        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Any:
            x = X[2 * index : 2 * index + 2]
            return (np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))) if index == 3 else x), Y[2 * index : 2 * index + 2]

    expected = kax.evaluate(model, Sizes(), **SETTINGS)
    merged = EvaluationReport.merge(divided(model, Sizes(), 2))
    assert merged.provenance["heatmap_size"] == [] == expected.provenance["heatmap_size"]
    assert merged.warnings == expected.warnings
    assert any(finding.id == "several-sizes" for finding in merged.warnings)


def changed(report: EvaluationReport, **part: Any) -> EvaluationReport:
    known = {**report.provenance["part"], **part}
    return dataclasses.replace(report, provenance={**report.provenance, "part": known})


@pytest.mark.slow
def test_what_does_not_belong_together_is_refused(model, whole, parts):
    one, two, three = sorted(parts, key=lambda item: item.provenance["part"]["first"])
    merge = EvaluationReport.merge
    with pytest.raises(ValueError, match=r"1 of 3 parts are missing\. .*shard=\(1, 3\)$"):
        merge([three, one])
    with pytest.raises(ValueError, match=r"Part shard=\(1, 3\) was passed twice"):
        merge([one, two, two, three])
    with pytest.raises(ValueError, match=r"Only reports of parts can be merged.*23 images"):
        merge([whole])
    with pytest.raises(ValueError, match="must have the reports of all parts"):
        merge([])
    with pytest.raises(ValueError, match=r"of one division\. Received: shard=\(0, 3\) and shard=\(1, 2\)"):
        merge([one, *(item for item in divided(model, (X, Y), 2) if item.provenance["part"]["first"])])
    with pytest.raises(
        ValueError, match=r"shard=\(1, 3\) and part shard=\(2, 3\) were not evaluated alike: `seed` is 0, and 1"
    ):
        merge([one, two, kax.evaluate(model, (X, Y), shard=(2, 3), seed=1, **SETTINGS)])
    with pytest.raises(ValueError, match="different data"):
        merge([one, two, kax.evaluate(model, (1 - X, Y), shard=(2, 3), **SETTINGS)])
    with pytest.raises(ValueError, match=r"not consecutive: one ends before batch 4 of 6, .* with batch 5 of 6"):
        merge([one, two, changed(three, batches=[5, 6])])
    with pytest.raises(ValueError, match=r"not consecutive: one ends before image 16, .* for image 15\. All batches"):
        merge([one, two, changed(three, first=15, random=["noise"])])
    other = normed_cnn()
    other.get_layer("one").kernel.assign_add(np.full((3, 3, 1, 4), 1e-7))
    with pytest.raises(ValueError, match="different weights"):
        merge([one, two, kax.evaluate(other, (X, Y), shard=(2, 3), **SETTINGS)])


@pytest.mark.parametrize("shard", [(3, 3), (-1, 3), (0, 0), (0.5, 2), (True, 2), 3, (1, 2, 3), "01"])
def test_there_is_no_such_shard(model, shard):
    with pytest.raises(ValueError, match="Argument `shard` must be"):
        kax.evaluate(model, (X, Y), shard=shard, **SETTINGS)


def test_what_cannot_be_divided_is_refused_before_anything_is_computed(model):
    with pytest.raises(ValueError, match="Data of 6 batches make at most 6 shards"):
        kax.evaluate(model, (X, Y), shard=(0, 7), **SETTINGS)
    unknown = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4).filter(lambda x, y: True)
    with pytest.raises(ValueError, match=r"how many batches.*assert_cardinality"):
        kax.evaluate(model, unknown, shard=(0, 2), **SETTINGS)
    report = kax.evaluate(model, unknown, shard=(1, 2), steps=4, **SETTINGS)
    assert report.provenance["part"]["batches"] == [2, 4]


@pytest.mark.parametrize(
    ("name", "value"),
    [("shard", [3, 3]), ("first", -1), ("arriving", {"layer": "norm"}), ("audit", ["text"]), ("hashes", [1])],
)
def test_a_part_from_a_file_is_checked(parts, name, value):
    with pytest.raises(ValueError, match=r"`provenance\.part` must be where a part lies"):
        changed(parts[0], **{name: value})
