"""`keras-advxai layers`: which layers of a model can be explained."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from keras_advxai.cli import models
from keras_advxai.cli.console import Console
from keras_advxai.cli.kinds import Size
from keras_advxai.cli.options import MODEL_HELP, Command, model_settings

_EXAMPLES = """
\b
Examples:
  keras-advxai layers efficientnet_lite0
  keras-advxai layers my.keras --kind conv
  keras-advxai layers VGG16 --weights none
"""


@click.command(
    "layers", cls=Command, epilog=_EXAMPLES, help=f"List the layers that Grad-CAM can explain.\n\n{MODEL_HELP}"
)
@click.argument("model")
@model_settings
@click.option(
    "--size", type=Size(), metavar="N|HxW", help="The size of the images in colour, of a model that takes any."
)
@click.option(
    "--kind",
    type=click.Choice(["all", "conv"]),
    default="all",
    show_default=True,
    help="Which of them: all, or the convolutions and the one that is explained unless another is named.",
)
@click.pass_obj
def layers(console: Console, /, model: str, size: tuple[int, int] | None, kind: str, **options: Any) -> int:
    """List the layers that Grad-CAM can explain."""
    models.check_file(model)
    with console.working():
        import keras_advxai as kax
        from keras_advxai.models.layer_table import LayerTable

        classifier = models.load(model, **options)
        table = kax.list_layers(classifier, None if size is None else (*size, 3))
        chosen = LayerTable(info for info in table if kind == "all" or info.convolutional or info.default)
        text = str(chosen)
    console.show(text)
    if not len(table):
        console.warn(
            "There is no layer that Grad-CAM can explain. Explainers of the pixels need none: --explainer "
            "integrated_gradients or --explainer saliency."
        )
    console.finish([dataclasses.asdict(info) for info in chosen])
    return 0
