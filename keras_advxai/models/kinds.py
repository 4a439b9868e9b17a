"""Which task a model is for, by what the user says of it."""

from __future__ import annotations

from typing import get_args

from keras_advxai._choice import is_one_of
from keras_advxai._typing import Labels, TaskName
from keras_advxai.models.multi_label import MULTI_LABEL
from keras_advxai.models.regression import REGRESSION
from keras_advxai.models.task import CLASSIFICATION, Task


def kind_of(labels: Labels, task: TaskName, from_logits: bool | None) -> Task:
    """The task of a model.

    Args:
        labels: `"single"`, `"multi"` or nothing.
        task: `"classification"`, `"regression"` or nothing.
        from_logits: What the user says of the output.

    Raises:
        ValueError: One of them is something else, or they contradict one another.
    """
    known = (("labels", labels, Labels), ("task", task, TaskName))
    for name, value, kinds in known:
        names = [item for part in get_args(kinds) for item in get_args(part)]
        if value is not None and not is_one_of(value, names):
            raise ValueError(
                f"Argument `{name}` must be one of {', '.join(names)}, or None. Received: {name}={value!r}"
            )
    if task != "regression":
        return MULTI_LABEL if labels == "multi" else CLASSIFICATION
    for name, said in (("labels", labels), ("from_logits", from_logits)):
        if said is not None:
            raise ValueError(
                f"Argument `{name}` is about classes, and a regression has none. Received: {name}={said!r} with "
                "task='regression'"
            )
    return REGRESSION
