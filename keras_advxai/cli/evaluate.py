"""`keras-advxai evaluate`: accuracy under attack and drift of the explanations, of a model and images."""

from __future__ import annotations

import pathlib
import time
from typing import TYPE_CHECKING, Any

import click

from keras_advxai.cli import images, models, writing
from keras_advxai.cli.choosing import NONE, chosen_explainers, name_or_number
from keras_advxai.cli.concluding import conclude
from keras_advxai.cli.configuring import configured
from keras_advxai.cli.console import Console
from keras_advxai.cli.failing import DOUBTFUL, Failure, as_options
from keras_advxai.cli.first_look import SHOWN, UNDECIDED, look
from keras_advxai.cli.kinds import Epsilon, Path, Shard, Share
from keras_advxai.cli.known_names import check_names
from keras_advxai.cli.options import (
    Command,
    figure_option,
    image_options,
    layer_option,
    model_options,
    page_option,
    seed_option,
    severity_option,
    target_options,
)
from keras_advxai.cli.predictions import predictions_of, predictions_text

if TYPE_CHECKING:
    from keras_advxai.evaluation import EvaluationReport, EvaluationSettings
    from keras_advxai.models import ImageClassifier

_EXAMPLES = """
\b
Examples:
  keras-advxai evaluate --model efficientnet_lite0 --data photos
  keras-advxai evaluate --model MobileNetV2 --data photos --epsilon 2/255 --output results
  keras-advxai evaluate --model my.keras --data test.csv --bounds 0 1 \\
      --attack fgsm --attack pgd:steps=40 --explainer integrated_gradients:steps=64
  keras-advxai evaluate --model my.keras --data test --min-accuracy 0.3 --max-mod 0.2 --json
  keras-advxai evaluate --model my.keras --data test --journal run.journal
"""


@click.command(
    "evaluate", cls=Command, short_help="Measure accuracy under attack and drift of explanations.", epilog=_EXAMPLES
)
@model_options
@click.option(
    "--data",
    required=True,
    type=Path(exists=True),
    metavar="DIR|CSV|NPZ",
    help="The images: a folder, with a sub-folder for each class or without labels; a table with a path and a label in "
    "each line; an .npz file with x and y; or a folder that tf.data.Dataset.save wrote.",
)
@click.option(
    "--attack",
    "attacks",
    multiple=True,
    default=["fgsm"],
    show_default=True,
    metavar="NAME[:OPTION=VALUE,...]",
    help="See `attacks`. Hyperparameters stand behind a colon: pgd:steps=40,norm=l2. Or a corruption, such as fog: see "
    "`corruptions`.",
)
@click.option(
    "--epsilon",
    "epsilons",
    multiple=True,
    type=Epsilon(),
    default=["1/255", "2/255", "4/255", "8/255"],
    show_default=True,
    metavar="E",
    help="A budget, as a fraction of the pixels' range: 2/255 or 0.01.",
)
@severity_option
@click.option(
    "--explainer",
    "explainers",
    multiple=True,
    default=["grad_cam"],
    show_default=True,
    metavar="NAME[:OPTION=VALUE,...]|none",
    help="See `explainers`. Hyperparameters stand behind a colon: integrated_gradients:steps=64. With none, accuracy "
    "alone is measured.",
)
@layer_option
@click.option(
    "--metric", "metrics", multiple=True, default=["nissim"], show_default=True, metavar="NAME", help="See `metrics`."
)
@target_options
@click.option(
    "--noise/--no-noise", default=True, show_default=True, help="Whether to measure the same under random noise."
)
@image_options
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most so many images, spread over all; of a saved dataset the first.",
)
@click.option(
    "--no-labels",
    is_flag=True,
    help="Read no labels: sub-folders are no classes, and attacks run against the model's own predictions.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    metavar="N",
    help="How many images go through the model at once; fewer take less memory.",
)
@click.option(
    "--fold-batch-norm", is_flag=True, default=None, help="Compute BatchNormalization with the layer before it: faster."
)
@click.option("--jit-compile", is_flag=True, default=None, help="Let XLA compile the passes; slower on a CPU.")
@seed_option("Seed of the noise, of random targets and of the intervals.")
@click.option(
    "--checks",
    type=click.Choice(["cheap", "all"]),
    default="cheap",
    show_default=True,
    help="Whether to run the model and the attacks again to see what the figures are worth.",
)
@click.option("--journal", type=Path(), metavar="FILE", help="Keep what is done there, and go on from it.")
@click.option("--ray", is_flag=True, help="Measure the batches as tasks of Ray, on its cluster or all cores.")
@click.option(
    "--shard", type=Shard(), metavar="N/OF", help="Evaluate one part of the data, 0/16 to 15/16; see `merge`."
)
@click.option("--log-dir", type=Path(), metavar="DIR", help="Where to write logs for TensorBoard.")
@click.option(
    "--output",
    type=Path(),
    metavar="DIR",
    help="Where to write the report, the table and figures; those of an earlier run are replaced.",
)
@page_option
@figure_option
@click.option(
    "--min-accuracy",
    type=Share(),
    metavar="SHARE",
    help="End with exit code 1 where the robust accuracy at the largest epsilon is lower.",
)
@click.option("--max-mod", type=Share(), metavar="MOD", help="End with exit code 1 where any attack's MOD is larger.")
@click.option("-y", "--yes", is_flag=True, help="Go on although the preprocessing looks wrong.")
@click.pass_obj
def evaluate(console: Console, /, **options: Any) -> int:
    """Measure how accuracy falls and how far explanations drift under attack.

    First the predictions for some images are shown; where the preprocessing looks wrong, it ends there, with exit code
    3. Then come the table, what is to be known of it, and the files.
    """
    _check(options)
    with console.working():
        classifier, settings, found = _loaded(options)
        seen = look(classifier, found.look, found.labels)
        predictions = predictions_of(look(classifier, found.shown), found)
    console.show(predictions_text(predictions, found.count))
    if _is_assumed(classifier, options):
        console.say("Pixels reach the model as 0 to 255. If it takes others, say so, as by --bounds 0 1.")
    if found.are_resized and _is_usual(options):
        console.say(
            "Images are resized, their middle, by a bicubic filter. A model that was trained with Keras' "
            "image_dataset_from_directory takes --no-crop --interpolation bilinear."
        )
    if seen.is_undecided:
        console.warn(UNDECIDED)
    doubts = [as_options(doubt) for doubt in seen.doubts]
    if doubts or found.doubts:
        preface = ["The preprocessing looks wrong."] if doubts else []
        doubts += found.doubts
        text = " ".join([*preface, *doubts])
        if not options["yes"]:
            console.finish({"predictions": predictions, "doubts": doubts})
            raise Failure(f"{text} To go on nevertheless, say --yes.", DOUBTFUL)
        console.warn(text)
    with console.working():
        report = _evaluated(console, classifier, settings, found, options)
    skipped = images.left_out(found.data)
    images.say_left_out(console, skipped)
    console.show()
    if options["log_dir"] is not None:
        console.say(f"TensorBoard shows more: tensorboard --logdir {options['log_dir']}")
    wanted = {key: options[key] for key in ("output", "page", "min_accuracy", "max_mod", "figure_formats")}
    return conclude(console, report, **wanted, predictions=predictions, doubts=doubts, skipped=skipped)


def _check(options: dict[str, Any]) -> None:
    """Raise for what is wrong, as far as it shows without TensorFlow."""
    check_names(options, [options["model"]])
    models.check_file(options["model"])
    images.part_of(options)
    writing.check_figures(options)
    writing.check_folder(options["output"])
    writing.check_folder(options["log_dir"], "--log-dir")
    writing.check_page(options["page"])
    if options["journal"] is not None:
        writing.check_folder(options["journal"].parent, "--journal")
    if options["ray"] and options["shard"] is not None:
        raise click.UsageError("--ray makes the shards by itself: leave out one of --ray and --shard.")
    if not check_measuring(options) and options["max_mod"] is not None:
        raise click.UsageError("--max-mod is a limit on explanations, and --explainer none measures none.")
    if options["no_labels"] and options["target"] == "label":
        raise click.UsageError("--target label explains the labels, and --no-labels reads none.")
    if options["min_accuracy"] is not None and options["task"] == "regression":
        raise click.UsageError("--min-accuracy is a limit on classes, and --task regression has none.")


def check_measuring(options: dict[str, Any]) -> list[str]:
    """Raise for what is wrong in how is measured, as far as it shows without TensorFlow.

    Args:
        options: What the options say.

    Returns:
        The explainers, `none` not among them.

    Raises:
        Failure: The bounds are none.
        click.UsageError: Options do not go together.
    """
    bounds = options["bounds"]
    if bounds is not None and not bounds[0] < bounds[1]:
        raise Failure(f"--bounds must be the lower and the upper bound, such as 0 1. Received: {bounds[0]} {bounds[1]}")
    without = [name for name in options["explainers"] if name.lower() != NONE]
    if without and len(without) < len(options["explainers"]):
        raise click.UsageError("--explainer none cannot stand beside other explainers.")
    return without


def _loaded(options: dict[str, Any]) -> tuple[ImageClassifier, EvaluationSettings, images.Images]:
    """The model, what is to be measured, and the images."""
    name, weights = options["model"], options["weights"]
    classifier = models.load(name, **models.seen_as(options), of_files=images.are_files(options["data"]))
    settings = wanted_settings(classifier, options)
    names = models.names_of_classes(options["class_names"], classifier, name, weights)
    return classifier, settings, images.load(options["data"], classifier, images.Reading.of(options, names), SHOWN)


def _is_assumed(classifier: ImageClassifier, options: dict[str, Any]) -> bool:
    """Whether nobody has said which pixels the model takes, neither the user nor the model."""
    said = options["bounds"] is not None or classifier.preprocess is not None or options["model"] in models.PRETRAINED
    return not said and images.are_files(options["data"])


def _is_usual(options: dict[str, Any]) -> bool:
    """Whether images are resized as networks of ImageNet are tested, for a model that may be of another kind."""
    name = options["model"]
    said = options["crop_share"] is not None or not options["crop"] or options["interpolation"] != "bicubic"
    return not said and name not in models.PRETRAINED and not models.is_application(name)


def wanted_settings(classifier: ImageClassifier, options: dict[str, Any]) -> EvaluationSettings:
    """What is to be measured, as far as it can be checked before there are images.

    Args:
        classifier: The model.
        options: What the options say.
    """
    import keras_advxai as kax
    from keras_advxai.settings.conditions import corruptions_of

    settings = kax.EvaluationSettings(
        attacks=[text if corruptions_of(text) else configured("attack", text) for text in options["attacks"]],
        epsilons=sorted(set(options["epsilons"])),
        severities=sorted(set(options["severities"])),
        explainers=chosen_explainers(classifier, options["explainers"], options["layer"]),
        metrics=list(options["metrics"]),
        target=options["target"],
        attack_targets=name_or_number(options["attack_target"]),
        noise_control=options["noise"],
        checks=options["checks"],
        seed=options["seed"],
        batch_size=options["batch_size"],
    )
    for explainer in settings.explainers:
        explainer.layers(classifier)  # raises for one that is not there
    return settings


def _evaluated(
    console: Console,
    classifier: ImageClassifier,
    settings: EvaluationSettings,
    found: images.Images,
    options: dict[str, Any],
) -> EvaluationReport:
    import keras_advxai as kax

    runner: Any = kax.distributed.RayRunner(shards=_shards(found)) if options["ray"] else None
    journal = options["journal"]
    began = time.time()
    try:
        return kax.evaluate(
            classifier,
            found.data,
            settings=settings,
            class_names=found.class_names,
            log_dir=options["log_dir"],
            journal=journal,
            shard=options["shard"],
            runner=runner,
            progress=console.progress,
        )
    except kax.EvaluationError as error:
        kept = _kept(error, options["output"], journal, began)
        raise Failure(f"{as_options(str(error).partition(chr(10))[0])} {kept}") from error
    except KeyboardInterrupt as error:
        vars(error)["kept"] = _kept(error, options["output"], journal, began)
        raise


def _kept(error: BaseException, output: pathlib.Path | None, journal: pathlib.Path | None, began: float) -> str:
    """A sentence on what was kept of an evaluation that ended early, after it was."""
    report: EvaluationReport | None = getattr(error, "report", None)
    said = []
    if journal is not None and journal.exists() and (report is not None or journal.stat().st_mtime >= began - 1):
        images_done = "" if report is None else f"What was measured of {len(report.measurements)} images"
        said.append(f"{images_done or 'What was measured'} is in {journal}: the same command goes on from there.")
    if output is not None and report is not None:
        writing.write(report, output, [], pictures=False)
        said.append(f"The report of {len(report.measurements)} images is in {output}.")
    return " ".join(said) or "Nothing was kept; with --journal FILE, the same command goes on where it stopped."


def _shards(found: images.Images) -> int:
    """Into how many parts the data are divided: at most one for each batch."""
    batches = getattr(found.data, "num_batches", None)
    return max(1, min(16, batches or 16))
