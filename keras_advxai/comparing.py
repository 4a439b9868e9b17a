"""`compare`: several models evaluated alike on the same images, in one call."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, Unpack, cast

import keras
import numpy as np

from keras_advxai._typing import Bounds, ImageNames
from keras_advxai._warnings import each_once
from keras_advxai.api import evaluate
from keras_advxai.comparison import Comparison
from keras_advxai.comparison.fitting import Fitted, fitted, shape_of
from keras_advxai.data import ImageFiles
from keras_advxai.data.deciding import resolved
from keras_advxai.evaluation import EvaluationReport, EvaluationSettings
from keras_advxai.explainers import LayerExplainer
from keras_advxai.metrics import at_size
from keras_advxai.metrics.at_size import size_of
from keras_advxai.models import ImageClassifier, load_model
from keras_advxai.models.inputs import check_bounds, check_flag, check_whole_number
from keras_advxai.settings.arguments import MODEL_SETTINGS, EvaluationArguments, takes_settings

Model: TypeAlias = str | os.PathLike[str] | keras.Model | ImageClassifier | EvaluationReport
"""What is compared: a model, its name or file, or the report of an evaluation or its file."""


@takes_settings(EvaluationSettings)
@each_once()
def compare(
    models: Mapping[str, Model | Sequence[Model]] | Sequence[Model],
    data: Any = None,
    *,
    size: int | Sequence[int] | None = None,
    data_bounds: Bounds | None = None,
    heatmap_size: int | Sequence[int] | None = None,
    every_layer: bool = False,
    names: ImageNames = None,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    progress: bool = True,
    settings: EvaluationSettings | None = None,
    **arguments: Unpack[EvaluationArguments],
) -> Comparison:
    """Evaluate several models alike on the same images, and compare them: accuracy, MOD, VID, differences, ranks.

    Each model is evaluated by `evaluate`, with the bounds and preprocessing of its own and at its own size. Heatmaps
    of models of several sizes are compared at one, by `metrics.at_size`, whose name says it.

    Args:
        models: What the models are called to the models, or the models alone, which are then called by their names. A
            model is a `keras.Model` or an `ImageClassifier`; a name or file, as `load_model` takes it; or the
            `EvaluationReport` of one, or its file, so that what takes hours need not be done twice. Several in a list
            under one name are runs of one model, its seeds or folds, which are summarised.
        data: The images, for all models: as `evaluate` takes them, or a path, as `kax.data.load` does. Files are read
            in a drawn order, at the size, channels and bounds of each model. Arrays and datasets that do not fit a
            model are brought to its size, batch by batch: their middle, with its proportions. A dictionary by the
            names of the models has the data of each, which must be of the same images; a list in it has those of each
            run, as of folds. Not needed where all models are reports. Defaults to `None`.
        size: `(height, width)`, or both as one number, of the images for models that take any size. Defaults to that of
            the data; files need one.
        data_bounds: The range of the pixels of arrays and datasets, which are scaled to the bounds of each model.
            Defaults to `None`: they are as the models take them, which must all have the same bounds.
        heatmap_size: `(height, width)`, or both as one number, at which heatmaps are compared. Defaults to `None`: as
            they are where all are of one size, else the smallest height and width among the models'.
        every_layer: Whether the class activation maps among `explainers` also look at every convolution, for
            `figures.relative_depth`. Defaults to `False`.
        names: {names}
        class_names: Names of the classes; see `evaluate`. Defaults to their numbers.
        progress: Whether to show a progress bar for each model. Defaults to `True`.
        settings: {settings}

    Returns:
        A `Comparison`: print it, query it, save it; `figures.models`, `figures.trade_off` and `figures.relative_depth`
        draw it.

    Raises:
        TypeError: An argument is of a wrong kind.
        ValueError: An argument is wrong, or what was evaluated does not compare, as of other images or targets.

    Whatever is raised once a model was evaluated, a `KeyboardInterrupt` too, has the reports that were made before as
    its attribute `reports`, in the form of `Comparison.reports`.

    Example:

    >>> import keras
    >>> import keras_advxai as kax
    >>> keras.utils.set_random_seed(0)
    >>> _, (x, y) = kax.datasets.faces.load_data()
    >>> def net(filters):
    ...     return keras.Sequential([
    ...         keras.layers.Input((25, 25, 1)),
    ...         keras.layers.Conv2D(filters, 3, activation="relu"),
    ...         keras.layers.GlobalAveragePooling2D(),
    ...         keras.layers.Dense(2, activation="softmax"),
    ...     ])
    >>> models = {"narrow": net(2), "wide": net(8)}
    >>> settings = kax.EvaluationSettings(epsilons=(0.01, 0.1), noise_control=False)
    >>> comparison = kax.compare(models, (x, y), settings=settings, progress=False)
    >>> report = kax.evaluate(models["wide"], (x, y), settings=settings, progress=False)
    >>> comparison.value("wide", "mod", epsilon=0.1) == report.mod("fgsm", "grad_cam", 0.1)
    True
    >>> found = comparison.difference("narrow", "wide", "mod", epsilon=0.1)
    >>> found.low <= found.difference <= found.high
    True

    References:
        Chakraborty et al., "Generalizing adversarial explanations with Grad-CAM", CVPR workshops 2022.
    """
    check_flag("progress", progress)
    check_flag("every_layer", every_layer)
    wanted = EvaluationSettings.of(settings, arguments)
    runs = _runs(models, wanted)
    bounds = None if data_bounds is None else check_bounds(data_bounds)
    of_maps = _sides("heatmap_size", heatmap_size)
    given = _given(runs, data, names, wanted, _sides("size", size), bounds)
    at = _heatmap_size(runs, given, of_maps) if wanted.explainers else None
    reports: dict[str, list[EvaluationReport]] = {}
    sources: list[np.ndarray | None] = []
    try:
        for run, own in zip(runs, given, strict=True):
            if isinstance(run.item, EvaluationReport):
                report = run.item
            else:
                report = evaluate(
                    run.item,
                    own,
                    names=None if isinstance(own, Fitted) else names,
                    class_names=class_names,
                    progress=progress,
                    settings=_settings(wanted, run.item, at, every_layer),
                )
            reports.setdefault(run.name, []).append(report)
            sources.append(_sources(report, own))
        return Comparison(reports, sources=sources)
    except (Exception, KeyboardInterrupt) as error:  # of hours of work on other models
        vars(error)["reports"] = {name: tuple(made) for name, made in reports.items()}
        raise


@dataclasses.dataclass(frozen=True, eq=False)
class _Run:
    """A model that is to be evaluated, or the report of one, and its number among those of the same name."""

    name: str
    number: int
    item: ImageClassifier | EvaluationReport


def _runs(models: Any, wanted: EvaluationSettings) -> list[_Run]:
    if isinstance(models, Mapping):
        listed = {str(name): list(item) if isinstance(item, (list, tuple)) else [item] for name, item in models.items()}
        return [
            _Run(name, number, _loaded(item, wanted))
            for name, items in listed.items()
            for number, item in enumerate(items)
        ]
    if not isinstance(models, (list, tuple)):
        raise TypeError(
            "Argument `models` must be a dictionary from names to models, or a list of models. "
            f"Received: models of type {type(models).__name__}"
        )
    items = [_loaded(item, wanted) for item in models]
    names = [_own_name(given, item) for given, item in zip(models, items, strict=True)]
    counts = Counter(names)
    # Models of one name are two models: runs of one have to be said to be so.
    told = [
        f"{name} {names[: place + 1].count(name)}" if counts[name] > 1 else name for place, name in enumerate(names)
    ]
    return [_Run(name, 0, item) for name, item in zip(told, items, strict=True)]


def _own_name(given: Any, item: ImageClassifier | EvaluationReport) -> str:
    if isinstance(item, EvaluationReport):
        return str(item.provenance["model"])
    return pathlib.Path(given).stem if isinstance(given, (str, os.PathLike)) else str(item.model.name)


def _loaded(item: Any, wanted: EvaluationSettings) -> ImageClassifier | EvaluationReport:
    if isinstance(item, EvaluationReport):
        return item
    if not isinstance(item, (str, os.PathLike)):
        return wanted.classifier(item)
    report = saved_report(item)
    if report is not None:
        return report
    # A name of keras.applications brings its own; a file knows nothing of them.
    said = {key: getattr(wanted, key) for key in MODEL_SETTINGS} if pathlib.Path(item).expanduser().exists() else {}
    return wanted.classifier(
        load_model(item, **{key: value for key, value in said.items() if value not in (None, False)})
    )


def saved_report(path: str | os.PathLike[str]) -> EvaluationReport | None:
    """The report in a file, or in a folder as the command line writes it; `None` if there is another thing.

    Args:
        path: The path.

    Raises:
        ValueError: The file is that of a report, and cannot be read.
    """
    place = pathlib.Path(path).expanduser()
    inside = [place / name for name in ("report.npz", "report.json") if (place / name).is_file()]
    if inside:
        place = inside[0]
    if not place.is_file():
        return None
    if place.suffix.lower() == ".npz":
        return EvaluationReport.load(place)
    if place.suffix.lower() != ".json" or b'"measurements"' not in place.read_bytes():  # a model may be JSON, too
        return None
    return EvaluationReport.from_json(place)


def _given(
    runs: Sequence[_Run],
    data: Any,
    names: Any,
    wanted: EvaluationSettings,
    size: tuple[int, int] | None,
    bounds: Bounds | None,
) -> list[Any]:
    """The data of each run, as its model takes them; `None` for a report."""
    evaluated = [run for run in runs if isinstance(run.item, ImageClassifier)]
    if evaluated and data is None:
        raise ValueError(f"Models need `data` to be evaluated on. Received: data=None, with {evaluated[0].name!r}")
    by_model = isinstance(data, Mapping) and {run.name for run in evaluated} <= set(data)
    ranges = {run.item.bounds for run in evaluated if isinstance(run.item, ImageClassifier)}
    if len(ranges) > 1 and bounds is None and not by_model and not isinstance(data, (str, os.PathLike)):
        listed = " and ".join(map(str, sorted(ranges)))
        raise ValueError(
            f"The models take pixels of several ranges, {listed}. Say in which the data are, as "
            "data_bounds=(0, 255): they are scaled to that of each model."
        )
    found: list[Any] = []
    for run in runs:
        if not isinstance(run.item, ImageClassifier):
            found.append(None)
            continue
        own = data[run.name] if by_model else data
        if by_model and isinstance(own, list):
            if len(own) <= run.number:
                raise ValueError(f"The data of {run.name!r} are {len(own)}, and it has more runs.")
            own = own[run.number]
        how: dict[str, Any] = {"size": size, "bounds": bounds, "batch_size": wanted.batch_size, "names": names}
        found.append(fitted(resolved(own), run.item, **how))
    return found


def _heatmap_size(runs: Sequence[_Run], given: Sequence[Any], wanted: tuple[int, int] | None) -> tuple[int, int] | None:
    """The size at which heatmaps are compared; `None` for as they are."""
    if wanted is not None:
        return wanted
    sizes = set()
    for run, data in zip(runs, given, strict=True):
        if isinstance(run.item, EvaluationReport):
            sizes.add(tuple(run.item.provenance["heatmap_size"]))
        else:
            shape = shape_of(data)
            if None not in shape:
                sizes.add(tuple(int(side or 0) for side in run.item.map_shape((None, *shape))[1:-1]))
    two = [size for size in sizes if len(size) == 2]
    if len(sizes) < 2 or len(two) < len(sizes):
        return None
    return min(height for height, _ in two), min(width for _, width in two)


def _settings(
    wanted: EvaluationSettings, classifier: ImageClassifier, at: tuple[int, int] | None, every_layer: bool
) -> EvaluationSettings:
    """What is measured of one model."""
    changed: dict[str, Any] = {}
    if at is not None:
        changed["metrics"] = [each if size_of(each) is not None else at_size(each, at) for each in wanted.metrics]
    if every_layer:
        layered = list(wanted.explainers)
        for each in wanted.explainers:
            if isinstance(each, LayerExplainer):
                own = {key: value for key, value in each.get_config().items() if key != "layer"}
                layered += [item for item in type(each).every_layer(classifier, **own) if item not in layered]
        changed["explainers"] = layered
    return EvaluationSettings.of(wanted, cast(EvaluationArguments, changed)) if changed else wanted


def _sources(report: EvaluationReport, data: Any) -> np.ndarray | None:
    """What the images of a report are known by, whatever a model sees of them; `None` if by their pixels alone."""
    if isinstance(data, Fitted):
        return data.sources(len(report.measurements))
    # A file is the same at whatever size each model sees it.
    return np.array(data.paths_read()[: len(report.measurements)]) if isinstance(data, ImageFiles) else None


def _sides(name: str, size: int | Sequence[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2:
        raise ValueError(f"Argument `{name}` must be (height, width), or both as one number. Received: {name}={size!r}")
    return check_whole_number(name, sides[0], 1), check_whole_number(name, sides[1], 1)
