"""An evaluation that failed after it had measured something."""

from __future__ import annotations

from keras_advxai.evaluation.report import EvaluationReport


class EvaluationError(RuntimeError, ValueError):
    """An evaluation failed in the middle; what it had measured until then is kept.

    It is a `ValueError`, too, as most often it is the data that do not fit. The error that was raised is its
    `__cause__`. What fails before anything was measured is raised as it is.

    Args:
        text: The message.
        report: The report of what was measured before.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> class Data(keras.utils.PyDataset):
    ...     def __len__(self):
    ...         return 5
    ...     def __getitem__(self, index):
    ...         if index == 3:
    ...             raise OSError("No such file: 'cat.png'")
    ...         return np.full((2, 4, 4, 1), 0.5, "float32"), np.array([0, 1])
    >>> try:
    ...     kax.evaluate(model, Data(), explainers=(), progress=False)
    ... except kax.EvaluationError as error:
    ...     print(len(error.report.measurements), error.report.provenance["partial"]["batch"], repr(error.__cause__))
    6 3 OSError("No such file: 'cat.png'")
    """

    report: EvaluationReport

    def __init__(self, text: str, report: EvaluationReport) -> None:
        super().__init__(text)
        self.report = report

    def __reduce__(self) -> tuple[type[EvaluationError], tuple[str, EvaluationReport]]:
        return type(self), (str(self), self.report)  # as between processes
