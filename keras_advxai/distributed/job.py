"""One evaluation as it is sent to other processes, and what is done with a shard of it there."""

from __future__ import annotations

import dataclasses
import importlib
import os
import pathlib
import tempfile
import uuid
from collections.abc import Callable, Iterator
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from keras_advxai.data import Batches, Fingerprint, ImageFiles, Shard
from keras_advxai.data.deciding import resolved
from keras_advxai.data.fingerprint import BatchHashes
from keras_advxai.data.shards import SAY_HOW_MANY, Slice
from keras_advxai.execution import Evaluator
from keras_advxai.measurements.part import Part
from keras_advxai.settings.arguments import FUNCTION_SETTINGS, EvaluationArguments
from keras_advxai.settings.evaluation_settings import EvaluationSettings

_LOADED: dict[str, tuple[EvaluationSettings, Evaluator]] = {}
"""The evaluator of the job that this process worked on last: the next shard needs no other trace."""


@dataclasses.dataclass(frozen=True)
class Job:
    """The model and the settings of an evaluation, as they are sent.

    Attributes:
        id: Which one it is.
        model: The model as Keras saves it, the bytes of a `.keras` file with its weights.
        settings: What `EvaluationSettings.to_dict` returns.
        functions: Those of the settings that are functions, which that does not hold.
        imports: Modules to import first, in which classes of a user's own are registered.
    """

    id: str
    model: bytes
    settings: dict[str, Any]
    functions: dict[str, Callable[..., Any]]
    imports: tuple[str, ...]

    @classmethod
    def of(cls, evaluator: Evaluator, imports: tuple[str, ...]) -> Job:
        """The job of an evaluator.

        Raises:
            ValueError: The model or the settings cannot be sent; the message says which and what to do.
        """
        settings = evaluator.settings
        functions = {name: getattr(settings, name) for name in FUNCTION_SETTINGS if callable(getattr(settings, name))}
        config = settings.to_dict()
        if isinstance(config["attack_targets"], list):
            config["attack_targets"] = None  # each shard has its own
        try:
            EvaluationSettings.from_dict({**config, **_some_targets(evaluator)})
        except ValueError as error:
            raise ValueError(
                f"These settings cannot be sent to other machines: {error} A class of your own has to be registered, "
                "and a dissimilarity by keras_advxai.metrics.register, in a module that RayRunner(imports=...) names."
            ) from error
        return cls(uuid.uuid4().hex, _saved(evaluator.classifier.model), config, functions, tuple(imports))

    def evaluator(self, targets: Any | None = None) -> Evaluator:
        """The evaluator in another process.

        Args:
            targets: The target class of each image of a shard, where they are given. Defaults to `None`.

        Raises:
            ValueError: The model cannot be loaded there.
        """
        for module in self.imports:
            importlib.import_module(module)
        before, known = _LOADED.get(self.id, (None, None))
        model = _loaded(self.model) if known is None else known.classifier.model
        given = {} if targets is None else {"attack_targets": targets.tolist()}
        settings = EvaluationSettings.from_dict({**self.settings, **given})
        settings = EvaluationSettings.of(settings, cast(EvaluationArguments, self.functions))
        if known is not None and before == settings:
            return known
        evaluator = Evaluator(settings.classifier(model), settings)
        _LOADED.clear()
        _LOADED[self.id] = settings, evaluator
        return evaluator


@dataclasses.dataclass(frozen=True, eq=False)
class ShardData:
    """The data of one shard, as they are sent.

    Attributes:
        shard: Which one it is.
        data: Arrays that were cut out; `None` where all of the data are sent beside it, or who makes them.
        cut: Where the arrays lie in the whole.
        targets: The target class of each image of the arrays, where they are given.
        names: What each image of the arrays is called, where it is known.
        journal: The file of the shard's journal; `None` for none.
    """

    shard: Shard
    data: Any
    cut: Slice | None = None
    targets: Any | None = None
    names: Any | None = None
    journal: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class ShardResult:
    """What was measured on a shard.

    Attributes:
        parts: The part of each batch.
        hashes: The hash of each batch of a dataset.
        has_labels: Whether the data have labels.
        ignored_weights: Whether they have sample weights.
        skipped: File to reason, of image files that were sent and could not be decoded.
    """

    parts: list[Part]
    hashes: list[str]
    has_labels: bool
    ignored_weights: bool
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)


def divided(
    evaluator: Evaluator, batches: Batches, shards: int, journal: str | os.PathLike[str] | None
) -> Iterator[ShardData]:
    """The shards of some data.

    Args:
        evaluator: The evaluator.
        batches: The data.
        shards: How many.
        journal: The folder of their journals; `None` for none.

    Raises:
        TypeError: A `tf.data.Dataset` cannot be sent.
        ValueError: The data cannot be divided.
    """
    if isinstance(batches.source, tf.data.Dataset):
        raise TypeError(
            "A tf.data.Dataset cannot be sent to other machines. Pass a function that makes it there, as "
            "evaluate(model, make_dataset, runner=...), or a keras.utils.PyDataset. Received: "
            f"{type(batches.source).__name__}"
        )
    total = batches.total_batches
    if total is None:
        raise ValueError(f"A runner needs to know how many batches the data have. {SAY_HOW_MANY}")
    for index in range(min(shards, total)):
        shard = Shard(index, min(shards, total))
        begin, end = shard.batches(total)
        path = None if journal is None else str(pathlib.Path(journal, f"{index + 1:03d}-of-{shard.count:03d}.journal"))
        cut = batches.cut(begin, end) if batches.are_arrays and not callable(batches.source) else None
        if cut is None:
            targets = evaluator.settings.attack_targets
            given = targets if isinstance(targets, np.ndarray) else None
            yield ShardData(shard, None, None, given, batches.names, path)
        else:
            data, targets, names, place = cut
            yield ShardData(shard, data, place, targets, names, path)


def measure_shard(
    job: Job, own: ShardData, data: Any, progress: Callable[[int], None] = lambda images: None
) -> ShardResult:
    """Measure a shard.

    Args:
        job: The evaluation.
        own: The shard.
        data: All of the data, or a function that makes them, where the shard's own were not cut out.
        progress: Is called with the number of images that were measured, after each batch. Defaults to nothing.
    """
    evaluator = job.evaluator(own.targets)
    given = resolved(data) if own.cut is None else own.data
    batches = evaluator.batches(given, shard=own.cut or own.shard, names=own.names)
    hashes = Fingerprint() if batches.are_arrays else BatchHashes()
    parts, images = [], 0
    for part in evaluator.measure(batches, hashes, own.journal):
        parts.append(dataclasses.replace(part, last={}, border={}))  # which nobody asks for any more
        images += len(part.measurements)
        progress(images)
    known = list(getattr(hashes, "batches", []))
    skipped = data.skipped if isinstance(data, ImageFiles) else {}
    return ShardResult(parts, known, batches.has_labels, batches.ignored_weights, skipped)


def _some_targets(evaluator: Evaluator) -> dict[str, Any]:
    """A target that stands for those of all images, where an attack needs some."""
    return {"attack_targets": [0]} if evaluator.plan.rule is not None and evaluator.plan.rule.rule == "given" else {}


def _saved(model: keras.Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.keras")
        try:
            model.save(path)
        except Exception as error:  # Keras' own, and those of a user's `get_config`
            raise ValueError(
                f"The model {model.name!r} cannot be sent to other machines, since Keras cannot save it: {error} "
                "Evaluate shards of the data where the model is: evaluate(..., shard=(0, 16))."
            ) from error
        return path.read_bytes()


def _loaded(content: bytes) -> keras.Model:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.keras")
        path.write_bytes(content)
        try:
            return keras.models.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # whatever is missing here
            raise ValueError(
                f"The model cannot be loaded on another machine: {error} Classes of your own have to be registered "
                "with Keras in a module that RayRunner(imports=...) names."
            ) from error
