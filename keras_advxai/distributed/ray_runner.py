"""Shards of an evaluation as tasks of Ray."""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tqdm.auto import tqdm

from keras_advxai.data import Batches, Fingerprint, ImageFiles
from keras_advxai.data.fingerprint import BatchHashes
from keras_advxai.distributed.job import Job, ShardData, ShardResult, divided, measure_shard
from keras_advxai.execution import Evaluator
from keras_advxai.execution.moving import moving
from keras_advxai.measurements.part import Part
from keras_advxai.models.inputs import check_whole_number

_LOOK = 0.5  # seconds between two looks at how far the shards have come


class RayRunner:
    """Evaluates shards of the data as tasks of Ray, on the machines of its cluster or the cores of this one.

    The report equals that of one process in every bit, where the processors compute alike. The model is sent once, as
    Keras saves it, and loaded in safe mode; arrays are cut into shards, and a function that makes a dataset is called
    on each machine, as is a `PyDataset`, of which each shard reads its own batches. A worker that dies costs its shard
    alone, which is evaluated again; with `journal=`, a folder that all machines see, from where it stopped, and so does
    the same call after the whole cluster was stopped.

    Args:
        shards: Into how many parts the data are divided, at most one for each batch. Several for each worker, so that
            none waits long for the last one.
        resources: What a shard takes of a machine, by Ray's names, as `{"GPU": 1, "CPU": 4}`. Defaults to one CPU.
        retries: How often a shard is evaluated again whose worker died. Defaults to 3.
        imports: Modules to import on each worker first, in which classes of your own are registered. Defaults to none.
        address: The cluster. Defaults to `None`: the one that `ray.init` was called for, or else this machine.

    Raises:
        ImportError: Ray is not installed; when it evaluates.
        ValueError: An argument is wrong; when it evaluates, the model, the settings or the data cannot be sent.

    Example:

    >>> import keras_advxai as kax
    >>> kax.distributed.RayRunner(shards=16, resources={"GPU": 1, "CPU": 4})
    RayRunner(shards=16, resources={'GPU': 1, 'CPU': 4}, retries=3)

    References:
        Moritz et al., "Ray: a distributed framework for emerging AI applications", OSDI 2018.
    """

    def __init__(
        self,
        shards: int,
        *,
        resources: Mapping[str, float] | None = None,
        retries: int = 3,
        imports: Sequence[str] = (),
        address: str | None = None,
    ) -> None:
        self.shards = check_whole_number("shards", shards, 1)
        self.retries = check_whole_number("retries", retries, 0)
        self.resources = dict({"CPU": 1} if resources is None else resources)
        for name, amount in self.resources.items():
            if (
                not isinstance(name, str)
                or isinstance(amount, bool)
                or not isinstance(amount, (int, float))
                or amount < 0
            ):
                raise ValueError(
                    "Argument `resources` must be numbers by Ray's names, as {'GPU': 1, 'CPU': 4}. Received: "
                    f"resources={self.resources!r}"
                )
        self.imports = (imports,) if isinstance(imports, str) else tuple(imports)
        self.address = address

    def __repr__(self) -> str:
        return f"RayRunner(shards={self.shards}, resources={self.resources}, retries={self.retries})"

    def parts(
        self,
        evaluator: Evaluator,
        batches: Batches,
        hashes: Fingerprint,
        progress: bool,
        title: str,
        journal: str | os.PathLike[str] | None,
    ) -> Iterator[Part]:
        """What is found on each batch, in their order; see `keras_advxai.execution.runner.Runner`."""
        ray = _ray()
        job = Job.of(evaluator, self.imports)
        if journal is not None:
            pathlib.Path(journal).mkdir(parents=True, exist_ok=True)
        shared = None if batches.are_arrays and not callable(batches.source) else batches.source
        shards = list(divided(evaluator, batches, self.shards, journal))
        own = not ray.is_initialized()
        if own:  # workers find the modules that this process finds
            found = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}}
            ray.init(address=self.address, runtime_env=found, log_to_driver=False, include_dashboard=False)
        try:
            shown = tqdm(total=batches.expected_images, unit="img", desc=title, disable=not progress)
            with shown as bar, moving(bar):
                first = 0
                for shard in self._results(ray, job, shards, shared, bar):
                    batches.has_labels = shard.has_labels
                    batches.ignored_weights |= shard.ignored_weights
                    if isinstance(batches.source, ImageFiles):
                        batches.source.skipped.update(shard.skipped)
                    if isinstance(hashes, BatchHashes):
                        hashes.batches += shard.hashes
                    for part in shard.parts:
                        _check_number(evaluator, part, first)
                        yield part
                        first += len(part.measurements)
        finally:
            if own:
                ray.shutdown()

    def _results(self, ray: Any, job: Job, shards: Sequence[ShardData], shared: Any, bar: Any) -> Iterator[ShardResult]:
        """What was measured on each shard, in their order."""
        sent, data = ray.put(job), ray.put(shared)  # once, and not with each task
        counter = ray.remote(num_cpus=0)(_Counter).remote()
        task = ray.remote(**_options(self.resources))(_task).options(max_retries=self.retries, retry_exceptions=False)
        running = [task.remote(sent, shard, data, counter) for shard in shards]
        for number, reference in enumerate(running):
            while not ray.wait([reference], timeout=_LOOK)[0]:
                _show(bar, ray.get(counter.total.remote()))
            try:
                found: ShardResult = ray.get(reference)
            except BaseException as error:
                for other in running[number:]:
                    ray.cancel(other, force=True)
                raise _own(ray, error) from error
            _show(bar, ray.get(counter.total.remote()))
            running[number] = None  # the store may forget it
            yield found


class _Counter:
    """How many images each shard has measured."""

    def __init__(self) -> None:
        self.images: dict[int, int] = {}

    def set(self, shard: int, images: int) -> None:
        """Note how far a shard is; one that is evaluated again begins at 0."""
        self.images[shard] = images

    def total(self) -> int:
        """Of all shards."""
        return sum(self.images.values())


def _task(job: Job, shard: ShardData, data: Any, counter: Any) -> ShardResult:
    """What a worker does."""
    return measure_shard(job, shard, data, lambda images: counter.set.remote(shard.shard.index, images))


def _check_number(evaluator: Evaluator, part: Part, first: int) -> None:
    """Raise if a part took its images for others, where that matters: in a model that draws random numbers."""
    if part.first != first and evaluator.classifier.topology(part.shape).random:
        raise ValueError(
            f"The model is random, and what it draws depends on how many images come before: a shard took image "
            f"{first} for image {part.first}. All batches of a dataset but the last must have one size."
        )


def _show(bar: Any, images: int) -> None:
    bar.update(images - bar.n)


def _own(ray: Any, error: BaseException) -> BaseException:
    """The error that a shard raised, and not that of Ray around it."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(error, ray.exceptions.RayTaskError) and isinstance(cause, Exception) else error


def _options(resources: Mapping[str, float]) -> dict[str, Any]:
    """Resources as Ray's decorator takes them."""
    usual = {"CPU": "num_cpus", "GPU": "num_gpus"}
    found: dict[str, Any] = {usual[name]: amount for name, amount in resources.items() if name in usual}
    others = {name: amount for name, amount in resources.items() if name not in usual}
    return {**found, **({"resources": others} if others else {})}


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ImportError("RayRunner needs Ray: pip install 'keras-advxai[ray]'") from error
