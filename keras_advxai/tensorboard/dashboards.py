"""What the Custom Scalars and the HParams dashboards need to know."""

from __future__ import annotations

import hashlib
import itertools
import pathlib
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import keras
import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.plugins.hparams import summary as of_sessions
from tensorboard.plugins.hparams import summary_v2 as of_hparams

from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.models.recording import all_operations
from keras_advxai.settings.evaluation_settings import EvaluationSettings
from keras_advxai.tensorboard.explained import charted, measured_name, profiles
from keras_advxai.tensorboard.names import CLEAN, safe
from keras_advxai.tensorboard.summaries import band_tags, final_scalars, mod_tag, section
from keras_advxai.text import epsilon_text

HParams: TypeAlias = Mapping[str, str | int | float | bool]

_OF_MODEL = ("network", "optimizer")

_FIRST = {
    "classification": ("accuracy", "accuracy"),
    "multi_label": ("labels right", "accuracy"),
    "regression": ("mean absolute change of the output", "mean_change"),
}
"""For each task, the title and the tag of the first charts."""

_TYPES = {bool: api_pb2.DATA_TYPE_BOOL, str: api_pb2.DATA_TYPE_STRING}
_NO_SETTINGS = ("attacks", "explainers", "metrics", "epsilons", "batch_size", "images", "noise_control")
"""Settings that are said in other words, or change no number."""


def layout(report: EvaluationReport) -> Any:
    """Charts of accuracy or of a regression's change, and of MOD with its interval, as a summary.

    Args:
        report: A report of the evaluation.
    """
    charts: dict[bool, list[Any]] = {False: [], True: []}
    for attack in report.attacks:
        charts[report.aims[attack] == "noise"].append(_line_chart(report, attack))
    for name, metric, attack in itertools.product(charted(report).values(), report.metrics, report.attacks):
        charts[report.aims[attack] == "noise"].append(_margin_chart(report, attack, measured_name(name, metric)))
    for family, metric, attack in itertools.product(profiles(report), report.metrics, report.attacks):
        charts[report.aims[attack] == "noise"].append(_layer_chart(attack, measured_name(safe(family), metric)))
    titles = {False: "attacks", True: "controls: random noise of the same norm"}
    categories = [layout_pb2.Category(title=titles[which], chart=found) for which, found in charts.items() if found]
    return custom_scalar.pb(layout_pb2.Layout(category=categories))


def session_start(hparams: HParams, log_dir: pathlib.Path, run: str) -> Any:
    """The settings of a training or of an evaluation, as a summary.

    Args:
        hparams: The settings.
        log_dir: The directory; its name, and a checksum of its path, name the trial.
        run: The run in it.
    """
    path = str(log_dir.resolve())
    # Trainings in `a/logs` and `b/logs` would be one trial by their names, and so would a training and an evaluation.
    trial = f"{pathlib.Path(path).name}-{hashlib.sha256(path.encode('utf-8')).hexdigest()[:6]}"
    return of_hparams.hparams_pb(dict(hparams), trial_id=trial if run == CLEAN else f"{trial}/{run}")


def session_end() -> Any:
    """That a training or an evaluation has ended, as a summary."""
    return of_sessions.session_end_pb(api_pb2.STATUS_SUCCESS)


def experiment(report: EvaluationReport, hparams: HParams) -> Any:
    """What the table of HParams shows, as a summary: titles, and which columns come first.

    TensorBoard takes any one that it finds for all trainings, and has room for about four columns beside the names: so
    the settings that come with every model are two, and those of a user come first.

    Args:
        report: A report of the evaluation.
        hparams: The settings.
    """
    infos = [
        api_pb2.HParamInfo(
            name=name,
            display_name=name.replace("_", " "),
            type=_TYPES.get(type(value), api_pb2.DATA_TYPE_FLOAT64),
            differs=name not in _OF_MODEL,
        )
        for name, value in hparams.items()
    ]
    metrics = [
        api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=title)
        for tag, (title, _) in final_scalars(report).items()
    ]
    content = plugin_data_pb2.HParamsPluginData(experiment=api_pb2.Experiment(hparam_infos=infos, metric_infos=metrics))
    summary = Summary()
    about = metadata.create_summary_metadata(content)
    summary.value.add(tag=metadata.EXPERIMENT_TAG, metadata=about, tensor=metadata.NULL_TENSOR)
    return summary


def check_hparams(hparams: Any) -> HParams | None:
    """Return what a user says of a training, if HParams can show it.

    Args:
        hparams: Strings, numbers, `True` and `False` by name; `None` for nothing.

    Raises:
        TypeError: It is something else.
    """
    if hparams is None:
        return None
    if not isinstance(hparams, Mapping):
        raise TypeError(f"Argument `hparams` must be a dictionary, or None. Received: hparams={hparams!r}")
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in hparams.items()}
    for name, value in plain.items():
        if not isinstance(name, str) or not isinstance(value, (str, int, float)):
            raise TypeError(
                "Argument `hparams` must be a dictionary from names to strings, numbers, True or False. "
                f"Received: {name!r}: {value!r}"
            )
    return plain


def of_model(model: keras.Model) -> dict[str, str | int | float | bool]:
    """What tells a model from others in HParams: how large it is, and how it was compiled.

    Args:
        model: The model.
    """
    others = (keras.Model, keras.layers.InputLayer)  # which compute nothing themselves
    layers = [
        item for item in all_operations(model) if isinstance(item, keras.layers.Layer) and not isinstance(item, others)
    ]
    found = {"network": f"{model.count_params()} in {len(layers)} layers"} if model.built else {}
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of mixed precision
    if optimizer is not None:
        rate = getattr(optimizer, "_learning_rate", None)
        scheduled = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
        known = "" if rate is None else type(rate).__name__ if scheduled else f"{float(optimizer.learning_rate):.3g}"
        found["optimizer"] = f"{type(optimizer).__name__} {known}".strip()
    return {**found}


def of_report(report: EvaluationReport) -> dict[str, str | int | float | bool]:
    """What is known of a report without its model."""
    return {"network": report.provenance["model"]}


def of_settings(settings: EvaluationSettings) -> dict[str, str | int | float | bool]:
    """What is evaluated, and how, as far as it is not as usual.

    Args:
        settings: The settings.
    """
    said: dict[str, str | int | float | bool] = {
        "attacks": ", ".join(item.name for item in settings.attacks_and_controls),
        "explainers": ", ".join(item.name for item in settings.explainers),
        "metrics": ", ".join(item.name for item in settings.metrics),
        "epsilons": ", ".join(map(epsilon_text, settings.epsilons)),
    }
    before = EvaluationSettings().to_dict()
    changed = {name: value for name, value in settings.to_dict().items() if value != before.get(name)}
    return said | {name: _plain(value) for name, value in changed.items() if name not in _NO_SETTINGS}


def _plain(value: Any) -> str | int | float | bool:
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def _line_chart(report: EvaluationReport, attack: str) -> Any:
    title, what = _FIRST[report.provenance["task"]]
    tag = f"{section(report, attack)}/{what}/{safe(attack)}"
    return layout_pb2.Chart(
        title=f"{title}, {attack}", multiline=layout_pb2.MultilineChartContent(tag=[f"^{re.escape(tag)}$"])
    )


def _margin_chart(report: EvaluationReport, attack: str, name: str) -> Any:
    low, high = band_tags(attack, name)
    series = layout_pb2.MarginChartContent.Series(value=mod_tag(report, attack, name), lower=low, upper=high)
    return layout_pb2.Chart(
        title=f"MOD of {name}, {attack}, with its 95 % interval",
        margin=layout_pb2.MarginChartContent(series=[series]),
    )


def _layer_chart(attack: str, name: str) -> Any:
    pattern = f"^~advxai_layers/mod/{re.escape(f'{name}/{safe(attack)}')}/"
    return layout_pb2.Chart(
        title=f"MOD of {name} at each layer, {attack}", multiline=layout_pb2.MultilineChartContent(tag=[pattern])
    )
