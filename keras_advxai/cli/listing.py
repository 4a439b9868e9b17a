"""`keras-advxai attacks`, `corruptions`, `explainers` and `metrics`: what is known by name."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
from typing import Any

import click

from keras_advxai.cli.console import Console
from keras_advxai.cli.known_names import check_names
from keras_advxai.cli.options import Command


def known_attacks() -> dict[str, str]:
    """The attacks that a name means, with what they do."""
    importlib.import_module("keras_advxai.attacks")  # which registers them
    from keras_advxai.attacks.registry import REGISTRY

    return _known(REGISTRY)


def known_explainers() -> dict[str, str]:
    """The explainers that a name means, with what they show."""
    importlib.import_module("keras_advxai.explainers")  # which registers them
    from keras_advxai.explainers.registry import REGISTRY

    return _known(REGISTRY)


def known_corruptions() -> dict[str, str]:
    """The corruptions that a name means, with what they do to an image."""
    from keras_advxai import corruptions

    return {item.name: _summary(item.function) for item in corruptions.declared()}


def known_metrics() -> dict[str, str]:
    """The dissimilarities that a name means, with what they compare."""
    from keras_advxai import metrics

    return {metric.name: _summary(metric.function) for metric in metrics.declared()}


def _known(registry: Any) -> dict[str, str]:
    """Whatever is built by its name alone; of other packages what is not imported before it is asked for."""
    found = {}
    own = [name for name, cls in registry.classes.items() if ".contrib." not in cls.__module__]
    for name in (*own, *registry.presets):
        with contextlib.suppress(ValueError):  # what needs arguments, which a name does not give
            built = registry.get(name)
            parts = ", ".join(part.name for part in built.attacks) if name in registry.presets else ""
            found[name] = f"An ensemble: {parts}." if parts else _summary(type(built))
    for name, place in registry.elsewhere.items():
        if place.rpartition(":")[2].islower():  # a function that needs nothing, and no class that does
            package = place.partition(":")[0].rpartition(".")[2]
            found[name] = f"Another package's, by keras_advxai.contrib.{package}."
    return found


def _summary(documented: Any) -> str:
    """The first sentence of a docstring."""
    text = inspect.getdoc(documented) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _described(documented: Any) -> str:
    """The docstring, as far as it is about what may be asked for."""
    text = (inspect.getdoc(documented) or "").replace("\nArgs:\n", "\nHyperparameters:\n")
    return re.split(r"\n(?:Raises|Returns|Example|References):", text)[0].strip()


def _command(name: str, what: str, option: str, find: Any, behind: Any) -> click.Command:
    one = option.partition(" ")[2]
    example = (
        f"\n\b\nExamples:\n  keras-advxai {name}\n  keras-advxai {name} {one}\n"
        f"  keras-advxai evaluate --model my.keras --data photos {option}\n"
    )
    text = f"List the {what} that have a name, or with a NAME all about one of them, its hyperparameters included."

    @click.command(name, cls=Command, epilog=example, help=text, short_help=f"List the {what} that have a name.")
    @click.argument("name", required=False)
    @click.pass_obj
    def run(console: Console, /, name: str | None) -> int:
        if name is not None:
            check_names({f"{option[2:].partition(' ')[0]}s": [name]}, [])
        with console.working():
            found = find() if name is None else {name: _described(behind(name))}
        width = max(map(len, found))
        lines = [f"{key:<{width}}  {text}" for key, text in found.items()] if name is None else [found[name]]
        console.show("\n".join(lines))
        console.finish(found)
        return 0

    return run


def _of(module: str) -> Any:
    """What documents a name of one of our registries."""
    return lambda name: importlib.import_module(f"keras_advxai.{module}").registry.REGISTRY.behind(name)


def _corruption(name: str) -> Any:
    from keras_advxai import corruptions

    return corruptions.get(name).function


def _metric(name: str) -> Any:
    from keras_advxai import metrics

    return metrics.get(name).function


attacks = _command("attacks", "attacks", "--attack pgd", known_attacks, _of("attacks"))
corruptions = _command("corruptions", "corruptions", "--attack fog", known_corruptions, _corruption)
explainers = _command("explainers", "explainers", "--explainer saliency", known_explainers, _of("explainers"))
metrics = _command("metrics", "dissimilarities of two heatmaps", "--metric rank_distance", known_metrics, _metric)
