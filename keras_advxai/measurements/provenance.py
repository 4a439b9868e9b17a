"""How something was measured: what a report says beside the measurements, with the checks of what is read."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import numpy as np

from keras_advxai._answer import Answer
from keras_advxai._typing import Aim, Norm, TargetMode
from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.outcomes import outcomes
from keras_advxai.measurements.part import MOMENTS
from keras_advxai.measurements.reading import is_plain, is_text, shown

_LARGEST = float(np.finfo("float32").max)
_HEADS = ("linear", "softmax", "sigmoid", "probability")
_TASKS = ("classification", "multi_label", "regression")
_RULES = ("least_likely", "runner_up", "random", "given")


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _LARGEST  # NaN is none of it


def _bounds(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or not all(type(item) in (int, float) for item in value):
        return False
    return len(value) == 2 and -_LARGEST <= value[0] < value[1] <= _LARGEST  # NaN is none of it


def _one_of(*known: Any) -> Callable[[Any], bool]:
    return lambda value: type(value) in {type(item) for item in known} and value in known


def _list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (list, tuple)) and all(map(check, value))


def _dict_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(is_text, value)) and all(map(check, value.values()))


def _or_none(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _partial(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"images", "of", "batch", "batches", "reason"}:
        return False
    totals = all(value[key] is None or _whole(value[key]) for key in ("of", "batches"))
    return totals and _whole(value["images"]) and _whole(value["batch"]) and is_text(value["reason"])


def _part(value: Any) -> bool:
    """Whether something is what `evaluation.merging` makes of a part: of what it is used for, nothing is missing."""
    if not isinstance(value, dict) or not set(_PART) <= set(value) <= {*_PART, *_OF_SOME_PARTS}:
        return False
    known = {**_PART, **_OF_SOME_PARTS}
    return is_plain(value) and all(known[name](item) for name, item in value.items())


def _pair(value: Any) -> bool:
    return _list_of(_whole)(value) and len(value) == 2 and value[0] < value[1]


def _moments(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"layer", *MOMENTS} or not is_text(value["layer"]):
        return False
    numbers = _list_of(lambda item: item is None or type(item) is float)
    return all(numbers(value[name]) for name in MOMENTS) and len({len(value[name]) for name in MOMENTS}) == 1


def _tried(value: Any) -> bool:
    """Whether something is an `OtherRange` of `models`, as a list."""
    if not isinstance(value, list) or len(value) != 7:
        return False
    name, *counts, share = value
    return is_text(name) and all(map(_whole, counts)) and counts[0] > 0 and type(share) is float and 0 <= share <= 1


_PART: dict[str, Callable[[Any], bool]] = {
    "shard": _pair,
    "batches": _pair,
    "of_batches": _whole,
    "first": _whole,
    "of_images": _or_none(_whole),
    "hashes": _list_of(is_text),
    "weights_sha256": is_text,
    "shapes": _list_of(_list_of(_whole)),
    "has_sample_weights": _flag,
    "unsure_logits": _flag,
    "visible_end": _or_none(is_text),
    "ways_out": _dict_of(is_text),
    "random": _list_of(is_text),
    "non_finite_weights": _list_of(is_text),
    "arriving": _or_none(_moments),
    "other_range": _or_none(_tried),
    "audit": _list_of(lambda item: isinstance(item, dict) and {"id", "severity", "text"} == set(item)),
}
"""What is kept of a part of the data, with the check of each entry."""
_OF_SOME_PARTS: dict[str, Callable[[Any], bool]] = {
    "own_prediction": is_text,
    "own_evaluation": is_text,
    "own_threshold": _number,
    "unmerged": _list_of(is_text),
    "passed_over": _list_of(is_text),
    "mixing_layer": is_text,
    "signal": _list_of(_whole),
    "stateful": _list_of(is_text),
    "masking": _list_of(is_text),
    "answer": lambda value: Answer.from_dict(value) is not None,
}
"""What is there only where a model has it, so that parts of other models are those of earlier versions."""

_FIELDS: dict[str, tuple[Any, str, Callable[[Any], bool]]] = {
    "model": ("model", "a string", is_text),
    "bounds": ([0.0, 1.0], "two finite numbers, the smaller one first", _bounds),
    "preprocess": (None, "a string or nothing", _or_none(is_text)),
    "reduce": (None, "a string or nothing", _or_none(is_text)),
    "task": ("classification", f"one of {', '.join(_TASKS)}", _one_of(*_TASKS)),
    "fold_batch_norm": (False, "true or false", _flag),
    "jit_compile": (False, "true or false", _flag),
    "head": ("softmax", f"one of {', '.join(_HEADS)}", _one_of(*_HEADS)),
    "target": ("predicted", f"one of {', '.join(get_args(TargetMode))}", _one_of(*get_args(TargetMode))),
    "class_names": ([], "a list of strings", _list_of(is_text)),
    "labels": ("given", "'given' or 'clean prediction'", _one_of("given", "clean prediction")),
    "norms": ({}, f"{' or '.join(get_args(Norm))} by attack", _dict_of(_one_of(*get_args(Norm)))),
    "aims": ({}, f"{', '.join(get_args(Aim))} by attack", _dict_of(_one_of(*get_args(Aim)))),
    "attack_targets": (None, "a rule, a class or nothing", lambda v: v is None or _whole(v) or _one_of(*_RULES)(v)),
    "score_pairs": ({}, "names of explainers by name", _dict_of(is_text)),
    "layers": ({}, "lists of layers by explainer", _dict_of(_list_of(is_text))),
    "depths": ({}, "lists of integers by explainer", _dict_of(_list_of(_whole))),
    "heatmap_size": ([], "up to three integers", lambda v: _list_of(_whole)(v) and len(v) <= 3),
    "ssim": ("", "a string", is_text),
    "seed": (0, "an integer", _whole),
    "data_sha256": ("", "a string", is_text),
    "source": (None, "a string or nothing", _or_none(is_text)),
    "partial": (None, "where and why it stopped, or nothing", _or_none(_partial)),
    "part": (None, "where a part lies in the whole, or nothing", _or_none(_part)),
    "versions": ({}, "strings by package", _dict_of(is_text)),
    "settings": ({}, "a dictionary of plain values", lambda value: isinstance(value, dict) and is_plain(value)),
}
"""Each entry of a provenance: what stands where it is left out, what it must be, and the check of that."""


def checked_provenance(provenance: Any, found: Measurements) -> dict[str, Any]:
    """A provenance with all its entries, after each was checked, by itself and against the measurements.

    Args:
        provenance: Entries by name: `model`, its name, and `source`, what it was loaded from; `bounds`, `preprocess`,
            `reduce`, `task`, `fold_batch_norm`, `jit_compile` and `head`, how it was seen; `class_names`, where they
            are known; `target` and `labels`, what
            heatmaps and accuracy are about; `norms` and `aims` of the attacks; `attack_targets`; `layers` and `depths`
            of the explainers, `score_pairs` among them; `heatmap_size` and `ssim`; `seed`, `data_sha256`, `versions`,
            and the `settings`.
        found: The measurements that it is about.

    Raises:
        ValueError: It is no dictionary, an entry is wrong, or there is no such entry; the message names the entry.
    """
    if not isinstance(provenance, Mapping):
        raise ValueError(f"`provenance` must be a dictionary. Received: {shown(provenance)}")
    for name, value in provenance.items():
        if name not in _FIELDS:
            raise ValueError(f"`provenance` has no entry {shown(name)}. It has: {', '.join(_FIELDS)}")
        _, what, check = _FIELDS[name]
        if not check(value):
            raise ValueError(f"`provenance.{name}` must be {what}. Received: {shown(value)}")
    # Copies, since what a report holds may be changed by whoever has it.
    own = {"target": found.coordinates.targets[0], "task": outcomes(found).task}
    usual = {name: default for name, (default, _, _) in _FIELDS.items()} | own
    entries = {name: copy.deepcopy(provenance.get(name, default)) for name, default in usual.items()}
    for name, what in _disagreements(entries, found):
        raise ValueError(f"`provenance.{name}` must agree with the measurements: {what}")
    return entries


def fitting(provenance: Any, found: Measurements) -> Any:
    """A provenance without what it says of attacks and explainers that are not among the measurements.

    So a report can be given other measurements, such as those without some explainers, and keep its provenance.

    Args:
        provenance: The provenance, which nobody has checked.
        found: The measurements.
    """
    if not isinstance(provenance, Mapping):
        return provenance
    kept = dict(provenance)
    for name, of in _NAMES.items():
        labels = getattr(found.coordinates, of)
        if isinstance(kept.get(name), Mapping):
            kept[name] = {key: value for key, value in kept[name].items() if key in labels}
    return kept


_NAMES = {
    "norms": "attacks",
    "aims": "attacks",
    "layers": "explainers",
    "depths": "explainers",
    "score_pairs": "explainers",
}
"""What the names in an entry are names of."""


def _disagreements(entries: Mapping[str, Any], found: Measurements) -> Iterator[tuple[str, str]]:
    """The entries that say something else than the measurements, and what."""
    known = found.coordinates
    if entries["target"] != known.targets[0]:
        yield "target", f"the first of their targets is {known.targets[0]!r}."
    if entries["task"] != outcomes(found).task:
        yield "task", f"they are those of a {outcomes(found).task.replace('_', '-')} model."
    for name, of in _NAMES.items():
        labels = getattr(known, of)
        unknown = [item for item in entries[name] if item not in labels]
        if unknown:
            yield name, f"{shown(unknown[0])} does not belong to their {of}."
    for logit, probability in entries["score_pairs"].items():
        if probability not in known.explainers or probability == logit:
            yield "score_pairs", f"{shown(probability)} does not belong to their explainers, or is {shown(logit)}."
    yield from (
        ("depths", f"{shown(name)} has another number of layers.")
        for name, depths in entries["depths"].items()
        if len(depths) != len(entries["layers"].get(name, ()))
    )
    if known.attacks and max(known.epsilons) > 1 and set(entries["norms"].values()) == {"linf"}:
        yield "norms", "in L-infinity an epsilon is at most 1, the width of the bounds."
    yield from _settings_apart(entries, known)
    rule, targets = entries["attack_targets"], found.at("attack_target")
    if type(rule) is int and not (rule < known.classes and np.isin(targets, (rule, -1)).all()):
        yield "attack_targets", f"a targeted attack was to reach another class than {rule}."


def _settings_apart(entries: Mapping[str, Any], known: Coordinates) -> Iterator[tuple[str, str]]:
    """What the settings say otherwise than the report, which would then be repeated as another one."""
    settings = entries["settings"]
    for name in ("target", "seed"):
        if name in settings and settings[name] != entries[name]:
            yield "settings", f"`{name}` is {shown(settings[name])}, and theirs is {shown(entries[name])}."
    levels = {"epsilons": known.epsilons, "severities": known.severities}
    if known.scale == "severity":
        levels = {"severities": known.epsilons}
    # At least theirs: a part of a report keeps the settings of the whole.
    for name, theirs in {**levels, "metrics": known.metrics}.items():
        said = settings.get(name)
        if said is not None and not (isinstance(said, (list, tuple)) and all(item in said for item in theirs)):
            yield "settings", f"`{name}` are {shown(said)}, and theirs are {shown(theirs)}."
