"""`keras-advxai demo --photographs`: a network with ImageNet weights, and photographs."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from keras_advxai.cli.concluding import conclude
from keras_advxai.cli.console import Console

if TYPE_CHECKING:
    from keras_advxai.evaluation import EvaluationReport

ATTACKS = ("fgsm", "pgd")
EPSILONS = (0.5 / 255, 1 / 255, 2 / 255)

_GUIDE = """
The same for photographs of your own, of which the middle 87.5 % are taken here, and all of the middle by default:
  keras-advxai evaluate --model efficientnet_lite0 --data FOLDER --crop-share 0.875 --output results
  keras-advxai explain IMAGE --model efficientnet_lite0 --crop-share 0.875"""


def with_photographs(console: Console, output: pathlib.Path, seed: int) -> int:
    """Run the demo.

    Args:
        console: Where it is said.
        output: The folder of what it writes, which exists.
        seed: Seed of the noise.

    Returns:
        The exit code, 0.

    Raises:
        ImportError: The extra `pretrained` is not installed.
        OSError: The output cannot be written.
    """
    with console.working():
        import keras_advxai as kax

        model = kax.pretrained.efficientnet_lite0()
        x, y, files = kax.datasets.photographs.load_data()
        names = kax.pretrained.imagenet_class_names()
        console.say(f"Attacking EfficientNet-Lite0 on {len(x)} photographs ...")
        report = kax.evaluate(
            model,
            (x, y),
            attacks=ATTACKS,
            epsilons=EPSILONS,
            bounds=(0, 255),
            class_names=names,
            seed=seed,
            images=len(x),
            progress=console.progress,
        )
    console.show(_outcomes(report, files, names))
    console.show()
    conclude(console, report, output=output, min_accuracy=None, max_mod=None)
    console.show(_GUIDE)
    return 0


def _outcomes(report: EvaluationReport, files: tuple[str, ...], names: tuple[str, ...]) -> str:
    """What the network says of each photograph before and after the attack."""
    from keras_advxai.text import epsilon_text, percent_text

    shown = report.select(attack=ATTACKS[0], epsilon=max(EPSILONS))
    rows = [
        (
            file,
            f"{names[example.prediction]} {percent_text(example.confidence)}",
            f"{names[example.adversarial_prediction]} {percent_text(example.adversarial_confidence)}",
        )
        for file, example in zip(files, shown, strict=True)
    ]
    rows.insert(0, ("", "as it is", f"after {ATTACKS[0]} at {epsilon_text(max(EPSILONS))}"))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows)
