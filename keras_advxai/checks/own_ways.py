"""Checks of what a model's own methods and metrics measure otherwise than an evaluation does."""

from __future__ import annotations

from keras_advxai.checks.evidence import Evidence, check


@check("own-prediction", "warning")
def own_prediction(seen: Evidence) -> str | None:
    """The model's class has a `predict_step` or a `predict` of its own, which the evaluation does not run.

    Attacks and explanations need the model's call. Where its own method does more than that, such as to standardise
    the images, `model.predict` and all figures here are of different inputs: give what it does as `preprocess`, a
    function of images. Where it only passes the call's output on, nothing is wrong.
    """
    if seen.own_prediction is None:
        return None
    return (
        f"The model predicts by a method of its own, `{seen.own_prediction}`, and is evaluated by its call: what that "
        "method does to images is in none of these figures. Pass it as `preprocess=`, or compare the accuracy with "
        "that of `model.predict`."
    )


@check("own-evaluation", "warning")
def own_evaluation(seen: Evidence) -> str | None:
    """The model's class has its own `test_step`, `evaluate` or `compute_metrics`, which the evaluation does not run.

    As above: where it changes the images before it calls the model, such as to standardise them, `model.evaluate` and
    all figures here are of different inputs. Give what it does as `preprocess`, and what it does to outputs before it
    compares them with labels as `reduce`, or leave it where it only computes a loss or metrics of its own. Not said
    where `own-prediction` is.
    """
    if seen.own_evaluation is None or seen.own_prediction or _trains(seen.own_evaluation):
        return None
    return (
        f"`model.evaluate` measures by a method of the model's own, `{seen.own_evaluation}`, and is evaluated here by "
        "its call: what that method does to images or outputs is in none of these figures. Pass it as `preprocess=` or "
        "`reduce=`, or compare the accuracy with that of `model.evaluate`."
    )


@check("own-training")
def own_training(seen: Evidence) -> str | None:
    """The model's class has a `train_step` of its own, and is evaluated in Keras' way.

    Most have a loss of their own, and nothing is wrong. Where it changes the images before it calls the model, the
    model knows others than those that were given here: give what it does as `preprocess`.
    """
    if seen.own_evaluation is None or seen.own_prediction or not _trains(seen.own_evaluation):
        return None
    return (
        f"The model was trained by a method of its own, `{seen.own_evaluation}`: if that changes images otherwise than "
        "to augment them, pass the same as `preprocess=`."
    )


def _trains(method: str) -> bool:
    return method.endswith(".train_step")


@check("other-threshold", "warning")
def other_threshold(seen: Evidence) -> str | None:
    """A metric that the model was compiled with decides at another threshold than the evaluation.

    Here a unit says its class where its probability is above a half, its logit above 0. With a
    `BinaryAccuracy(threshold=0.9)` Keras counts other decisions than all figures here do; and so it does by default
    where units return logits, since its "accuracy" compares these with 0.5, too: compile with
    `BinaryAccuracy(threshold=0.0)`. To evaluate the decisions at another threshold, move them to the middle: a layer
    in front of the sigmoid that takes the threshold's log-odds from the logits.
    """
    if seen.own_threshold is None:
        return None
    return (
        f"The model was compiled with a metric that decides where the output is above {seen.own_threshold:g}, and the "
        "evaluation decides where both classes are as likely, a probability of 0.5 or a logit of 0: accuracies of "
        "Keras and those here are of different decisions. For logits, Keras has `BinaryAccuracy(threshold=0.0)`."
    )
