"""The name of each image goes with it, from its file to samples, examples and files of reports."""

from __future__ import annotations

import itertools
import json
import pathlib
import re

import event_files
import keras
import numpy as np
import pytest
from PIL import Image

import keras_advxai as kax
from keras_advxai import EvaluationReport
from keras_advxai.data import Batches
from keras_advxai.journal import JournalError

COUNT = 11
NAMES = tuple(f"{'ab'[index % 2]}/{index // 2} ä.png" for index in range(COUNT))
"""Each name of a file twice, in two folders."""
SETTINGS = {"bounds": (0, 255), "epsilons": (0.1,), "explainers": "grad_cam", "noise_control": False, "images": 3}
SETTINGS |= {"progress": False, "batch_size": 4}
pytestmark = pytest.mark.filterwarnings("ignore:.*blank")


@pytest.fixture(scope="module")
def model():
    """With a class for each image, so that its label says which one it is."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    stack = [layers.Conv2D(3, 3, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(COUNT)]
    return keras.Sequential([keras.Input((8, 8, 1)), *stack], name="net")


@pytest.fixture
def table(tmp_path):
    """A table of the images in a shuffled order. That of image 7 is damaged."""
    order = np.random.default_rng(0).permutation(COUNT).tolist()
    for index, name in enumerate(NAMES):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8), 20 * index, "uint8")).save(tmp_path / name)
    (tmp_path / NAMES[7]).write_bytes(b"broken")
    (tmp_path / "table.csv").write_text("".join(f"{NAMES[index]},{index}\n" for index in order), encoding="utf-8")
    return tmp_path / "table.csv"


def load(table, **options):
    return kax.data.load(table, size=8, channels=1, batch_size=4, **options)


def arrays():
    x = np.stack([np.full((8, 8, 1), 20 * index, "float32") for index in range(COUNT)])
    order = np.random.default_rng(1).permutation(COUNT)
    return (x[order], order), [NAMES[index] for index in order]


def assert_same(one, other) -> None:
    assert one.coordinates == other.coordinates
    assert {name: array.tobytes() for name, array in one.arrays.items()} == {
        name: array.tobytes() for name, array in other.arrays.items()
    }


def assert_named(report: EvaluationReport, count: int) -> None:
    """Each image has the name that belongs to its label, in samples and in examples."""
    assert len(report.samples) == count
    for sample in report.samples:
        assert sample["name"] == NAMES[sample["label"]]
    for example in report.examples:
        assert example.name == NAMES[example.label] == report.samples[example.index]["name"]
        assert round(float(example.image[0, 0, 0]) * 255) == 20 * example.label
    assert len(report.examples) == min(3, count)


def test_each_image_has_the_name_of_its_file(model, table, tmp_path):
    report = kax.evaluate(model, load(table), **SETTINGS)
    assert_named(report, COUNT - 1)
    assert NAMES[7] not in report.measurements.at("name")
    assert_named(kax.evaluate(model, load(table, limit=5), **SETTINGS), 4)  # one of which is damaged
    assert_named(kax.evaluate(model, load(table), steps=2, **SETTINGS), len(load(table)[0][0]) + len(load(table)[1][0]))
    # Divided, put together, written and read.
    parts = [kax.evaluate(model, load(table), shard=(index, 2), **SETTINGS) for index in range(2)]
    assert_same(EvaluationReport.merge(parts).measurements, report.measurements)
    assert_named(EvaluationReport.merge(parts), COUNT - 1)
    report.save(tmp_path / "report.npz")
    assert_same(EvaluationReport.load(tmp_path / "report.npz").measurements, report.measurements)
    assert_same(EvaluationReport.from_json(report.to_json()).measurements, report.measurements)
    found = report.measurements.select([3, 1])
    assert found.at("name").tolist() == [NAMES[label] for label in found.at("label")]


def test_an_evaluation_that_was_stopped_goes_on_with_the_names(model, table):
    journal = table.parent / "journal"
    whole = kax.evaluate(model, load(table), **SETTINGS)
    Image.fromarray(np.full((8, 8), 140, "uint8")).save(table.parent / NAMES[7])
    last = load(table).names[-1]
    content = (table.parent / last).read_bytes()
    (table.parent / last).write_bytes(b"broken")
    with pytest.raises(kax.EvaluationError, match="Batch 2 of the data failed") as raised:
        kax.evaluate(model, load(table, strict=True), journal=journal, **SETTINGS)
    assert_named(raised.value.report, 8)
    (table.parent / last).write_bytes(content)
    report = kax.evaluate(model, load(table, strict=True), journal=journal, **SETTINGS)
    assert_named(report, COUNT)
    assert len(whole.samples) == COUNT - 1
    (table.parent / "other.csv").write_text("./" + table.read_text(encoding="utf-8"), encoding="utf-8")
    assert load(table.parent / "other.csv").names[0] == f"./{load(table).names[0]}"
    with pytest.raises(JournalError, match="The images of batch 0 have other names in the journal"):
        kax.evaluate(model, load(table.parent / "other.csv", strict=True), journal=journal, **SETTINGS)


def test_names_that_are_given_with_arrays(model):
    data, names = arrays()
    report = kax.evaluate(model, data, names=names, **SETTINGS)
    assert_named(report, COUNT)
    assert "names" not in json.dumps(report.provenance["settings"])
    paths = kax.evaluate(model, data, names=[pathlib.PurePosixPath(name) for name in names], **SETTINGS)
    assert_same(paths.measurements, report.measurements)
    own = {key: value for key, value in SETTINGS.items() if key != "bounds"}
    wrapped = kax.ExplainableModel(model, bounds=(0, 255)).evaluate_robustness(data, names=names, **own)
    assert_same(wrapped.measurements, report.measurements)
    parts = [kax.evaluate(model, data, names=names, shard=(index, 3), **SETTINGS) for index in range(3)]
    assert_same(EvaluationReport.merge(parts).measurements, report.measurements)
    assert_named(kax.evaluate(model, data, names=names, steps=1, **SETTINGS), 4)
    unnamed = kax.evaluate(model, data, **SETTINGS)
    assert "name" not in unnamed.measurements
    assert "name" not in unnamed.samples[0]
    assert {example.name for example in unnamed.examples} == {""}
    mixed = [parts[0], kax.evaluate(model, data, shard=(1, 3), **SETTINGS), parts[2]]
    with pytest.raises(ValueError, match="In one part alone: name"):
        EvaluationReport.merge(mixed)


@pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")
def test_a_training_has_the_names_that_are_given_with_arrays(model, tmp_path):
    data, names = arrays()
    own = {key: value for key, value in SETTINGS.items() if key != "progress"}
    callback = kax.callbacks.AdversarialEvaluation(data, names=names, max_samples=5, log_dir=tmp_path, **own)
    names[:] = ["other"] * COUNT  # the list is the user's, and the names are those that it had
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(*data, epochs=1, verbose=0, callbacks=[callback])
    assert_named(callback.report, COUNT)
    sampled = callback.reports[0]
    labels = sampled.measurements.at("label")
    assert [sample["name"] for sample in sampled.samples] == [NAMES[label] for label in labels]
    assert len(set(sampled.measurements.at("name"))) == 5
    # On the disk, from which a training goes on that was killed; in figures; and beside the pictures of the logs.
    saved = EvaluationReport.load(tmp_path / "advxai" / "epochs" / "0000.npz")
    assert_same(saved.measurements, sampled.measurements)
    last = EvaluationReport.from_json(tmp_path / "advxai" / "report.json")
    assert_same(last.measurements, callback.report.measurements)
    example = callback.report.examples[1]
    heading = kax.figures.explanation(example).texts[0].get_text()
    assert f"image 1: {NAMES[example.label]}" in heading
    runs = [event_files.read(tmp_path, run.removeprefix("advxai/")) for run in event_files.folders(tmp_path)]
    words = [run.SummaryMetadata(tag).summary_description for run in runs for tag in run.Tags()["tensors"]]
    shown = {pair for text in words for pair in re.findall(r"Image (\d+), `(.*?)`, labelled class", text)}
    first = enumerate(sampled.measurements.at("name")[:3])
    assert shown == {(str(place), name.replace("ä", "?")) for place, name in first}


class Failing(kax.attacks.Attack):
    """An attack that nobody gets to run."""

    def perturb(self, model, x, y, epsilon, forward):
        raise AssertionError("This was computed.")


def trained(model, data, **own):
    callback = kax.callbacks.AdversarialEvaluation(data, attacks=Failing(), **own)
    model.fit(*arrays()[0], verbose=0, callbacks=[callback])


CALLS = {
    "evaluate": lambda model, data, **own: kax.evaluate(model, data, attacks=Failing(), **own),
    "compare_scores": lambda model, data, **own: kax.compare_scores(model, data, attack=Failing(), **own),
    "wrapper": lambda model, data, **own: kax.ExplainableModel(model).evaluate_robustness(
        data, attacks=Failing(), **own
    ),
    "callback": trained,
}


@pytest.mark.parametrize("call", list(CALLS.values()), ids=list(CALLS))
def test_a_wrong_number_of_names_is_refused_before_anything_is_computed(model, tmp_path, call):
    ((x, y), names), own = arrays(), {"log_dir": tmp_path / "logs"}
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"`names` must have one name for each of the 11 images. Received: 10 names"):
        call(model, (x / 255, y), names=names[1:], **own)
    with pytest.raises(TypeError, match="`names` must be a sequence of strings"):
        call(model, (x / 255, y), names="abcdefghijk", **own)
    with pytest.raises(ValueError, match="`names` needs the images as arrays"):
        call(model, Shuffled(), names=names, **own)
    assert model.optimizer.iterations == 0
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_comparison_of_scores_takes_names(model):
    data, names = arrays()
    own = {key: SETTINGS[key] for key in ("bounds", "progress", "images")}
    comparison = kax.compare_scores(model, data, names=names, explainers="grad_cam", **own)
    assert [example.name for example in comparison.examples] == [names[e.index] for e in comparison.examples]
    assert len({example.name for example in comparison.examples}) == 3
    assert comparison.names.tolist() == names


@pytest.mark.filterwarnings("ignore:.*predicts class")
def test_a_training_shows_the_names_of_its_sample(model, table):
    callback = kax.callbacks.AdversarialEvaluation(
        load(table),
        max_samples=5,
        bounds=(0, 255),
        explainers=(),
        epsilons=(0.1,),
        attacks="uniform_noise",
        noise_control=False,
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = arrays()[0]
    model.fit(x, y, epochs=1, verbose=0, callbacks=[callback])
    assert len(callback.reports[0].samples) == 5
    for report in (callback.reports[0], callback.report):  # the sample of an epoch, and all of the data behind
        for sample in report.samples:
            assert sample["name"] == NAMES[sample["label"]]


class Shuffled(keras.utils.PyDataset):
    """A user's own data, which come in another order each time and know their names."""

    def __init__(self) -> None:
        super().__init__()
        self.draw = np.random.default_rng(0)

    def __len__(self) -> int:
        return 3

    def named(self, index):
        (x, y), _ = arrays()
        which = self.draw.permutation(COUNT)[:3]
        return (x[which], y[which]), [NAMES[label] for label in y[which]]

    def __getitem__(self, index):
        return self.named(index)[0]


def test_samples_of_data_and_data_that_are_shuffled(model, table):
    """As the callback draws them."""
    classifier = kax.ImageClassifier(model, bounds=(0, 255))
    data, names = arrays()
    streamed, held = Batches(load(table), classifier, 4), Batches(data, classifier, 4, names=names)
    for batches in (streamed.sampled(6, 3), held.sampled(6, 3), held.sampled(8, 0).sampled(6, 1)):
        found = [(y.tolist(), known.tolist()) for _, y, known in batches.named()]
        assert [len(labels) for labels, _ in found] == [4, 2]
        for labels, known in found:
            assert known == [NAMES[label] for label in labels]
    for _ in range(2):
        for _, y, known in Batches(Shuffled(), classifier, 4).named():
            assert known.tolist() == [NAMES[label] for label in y]


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (NAMES[:3], ValueError, r"one name for each of the 11 images. Received: 3 names"),
        ("abcdefghijk", TypeError, r"must be a sequence of strings, one for each image. Received: names of type str"),
        (range(11), TypeError, "must be a sequence of strings"),
        (7, TypeError, "must be a sequence of strings"),
        (itertools.repeat("a"), TypeError, "must be a sequence of strings"),
        (["a"] * 10 + [""], ValueError, r"lines of text of up to 1024 characters.* Received: '' at the index 10"),
        (["a\nb"] * 11, ValueError, r"Received: 'a\\nb' at the index 0"),
        (["\ud800"] * 11, ValueError, "at the index 0"),
        (["a" * 1025] * 11, ValueError, "at the index 0"),
    ],
)
def test_names_that_are_none(model, names, error, message):
    with pytest.raises(error, match=message):
        kax.evaluate(model, arrays()[0], names=names, **SETTINGS)


def test_names_beside_a_dataset_are_refused(model, table):
    with pytest.raises(ValueError, match=r"`names` needs the images as arrays, because a dataset may change"):
        kax.evaluate(model, load(table), names=NAMES, **SETTINGS)
