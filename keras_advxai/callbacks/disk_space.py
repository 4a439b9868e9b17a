"""Whether a training's logs fit on the disk."""

from __future__ import annotations

import pathlib

from keras_advxai.settings.evaluation_settings import EvaluationSettings
from keras_advxai.tensorboard.directory import check_log_dir, free_bytes, size_text
from keras_advxai.tensorboard.disk_space import logged_bytes, saved_bytes

_COMPRESSED = 0.05  # of a report's JSON, what it takes in an `.npz` at least


def check_space(
    log_dir: pathlib.Path, settings: EvaluationSettings, sample: int, images: int | None, evaluations: int
) -> str | None:
    """What is to be said where not all that is coming fits on the disk; `None` if it does.

    Args:
        log_dir: The directory.
        settings: The settings of the evaluations.
        sample: How many images the sample has.
        images: How many there are in all; `None` where that is not known.
        evaluations: How many evaluations are coming, if the training does not end early.

    Raises:
        ValueError: Not even one evaluation and the last report fit.
    """
    once = saved_bytes(settings, sample) + saved_bytes(settings, images or sample)
    each = logged_bytes(settings) + int(_COMPRESSED * saved_bytes(settings, sample))
    check_log_dir(log_dir, once + each)
    coming, free = once + each * evaluations, free_bytes(log_dir)
    if coming <= free:
        return None
    return (
        f"The logs of {evaluations} evaluations take {size_text(coming)} at least, and {size_text(free)} are free at "
        f"{str(log_dir)!r}. A training that becomes longer than its disk goes on, and is not logged to its end. Fewer "
        "`images`, a smaller `max_samples` or a larger `every` take less."
    )
