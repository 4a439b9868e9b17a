"""Checks of the model: whether what is attacked is the model that the user has."""

from __future__ import annotations

import numpy as np

from keras_advxai.audit.context import AuditContext, check
from keras_advxai.checks.evidence import OF_NAN
from keras_advxai.text import percent_text

_TOLERANCE = 0.02


@check("random-model", "warning")
def random_model(seen: AuditContext) -> str | None:
    """The model gives another output when it is run again on the same images.

    The check of the same name that reads the graph says more, where it finds what is random.
    """
    if not seen.own_call.is_random:
        return None
    return (
        "The model gives another output when it is run again on the same images: something in it is random. Each "
        "figure is of one draw; attacks with gradients follow the mean over many with `samples=`."
    )


@check("stateful-model", "warning")
def stateful_model(seen: AuditContext) -> str | None:
    """Running the model for a prediction changes a variable of it.

    Evaluations leave it as it was. Look for a layer that assigns to a variable although `training` is false.
    """
    if not seen.own_call.changed:
        return None
    return (
        f"Running the model changes its state ({seen.own_call.changed[0]}), though it is not trained. The evaluation "
        "left the state as it was."
    )


@check("other-predictions", "error", silenced_by=OF_NAN)
def other_predictions(seen: AuditContext) -> str | None:
    """The model's own call, not compiled, predicts other classes than the evaluation saw.

    It does so for more than 2 % of the images. Another output was chosen, the images are preprocessed in another way,
    or what was declared to be logits are probabilities. With labels, the sentence has both accuracies.
    """
    # What it predicts depends on how often it was run, or cannot be told from what it returns.
    if seen.own_call.changed or not seen.own_call.is_comparable:
        return None
    predicted, labels = seen.outcomes.predictions(), seen.labels
    own, output = seen.own_call.predictions()
    # The compiled pass rounds otherwise than the model's own call, which decides between classes that are equal.
    differ = int(np.sum(seen.outcomes.apart(own, predicted) & ~_ties(output, predicted)))
    if differ <= max(1, _TOLERANCE * len(own)):
        return None
    accuracies = percent_text(float(np.mean(own == labels))), percent_text(float(np.mean(predicted == labels)))
    told = seen.has_labels and seen.label_attacks  # a regression has no accuracy
    by_labels = f" Its accuracy is {accuracies[0]}, and was seen as {accuracies[1]}." if told else ""
    return (
        f"The model's own call predicts another class than the evaluation saw for {differ} of {len(own)} images."
        f"{by_labels} Look at `output`, `from_logits` and `preprocess`."
    )


def _ties(output: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Where the predicted classes are as likely as the likeliest, up to rounding, `(images,)` bool.

    A model that has learned nothing says the same of all classes, and which of them is first is a matter of rounding.
    """
    if output.shape[1] == 1 or predicted.ndim > 1:  # no other class to tie with
        return np.zeros(len(output), bool)
    lead = output.max(axis=1) - output[np.arange(len(output)), predicted]
    ties: np.ndarray = lead <= 1e-6 * np.abs(output).max(axis=1)
    return ties
