"""What an evaluation found, as numbers that can be read, saved and compared."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from keras_advxai._files import write_atomically
from keras_advxai._registry import Configuration
from keras_advxai._typing import Aim, Norm, TargetMode
from keras_advxai.evaluation.corrupted import Corruptible
from keras_advxai.evaluation.merging import Mergeable
from keras_advxai.measurements import accuracy as of_accuracy
from keras_advxai.measurements import archive, row, statistics, storage
from keras_advxai.measurements import drift as of_drift
from keras_advxai.measurements.depth import DepthProfile, depth_profile
from keras_advxai.measurements.examples import Example, chosen
from keras_advxai.measurements.figures import MeasuredFigures
from keras_advxai.measurements.finding import Finding
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.provenance import checked_provenance, fitting
from keras_advxai.measurements.row import Row, pandas
from keras_advxai.measurements.samples import Samples
from keras_advxai.measurements.schema import schema_of
from keras_advxai.measurements.scores import ScoreComparison, compare
from keras_advxai.measurements.summary import summary
from keras_advxai.reporting.paged import Paged
from keras_advxai.settings.evaluation_settings import EvaluationSettings
from keras_advxai.tables import Tabulated, to_csv
from keras_advxai.tables.contents import written

Named: TypeAlias = str | Configuration


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class EvaluationReport(Mergeable, Corruptible, MeasuredFigures, Paged, Tabulated):
    """The result of an evaluation: accuracy under attack, and the drift of the explanations.

    All figures are computed from `measurements`, so they agree with one another. `str(report)` is a table.

    Attributes:
        measurements: What was measured of each image.
        provenance: How it was measured: bounds, target, layers, versions, seed, settings, a hash of the data.
        warnings: Sentences on what would be misread otherwise: strings with an `id`, a `severity` and a `link`.
        examples: A few images with their heatmaps, for pictures. They are not saved with the report.
        made_with: The settings themselves, where they are at hand; see `settings`.

    Raises:
        ValueError: An entry of the provenance is wrong, or disagrees with the measurements.

    References:
        Chakraborty et al., "Generalizing adversarial explanations with Grad-CAM", CVPR workshops 2022.
    """

    measurements: Measurements
    provenance: dict[str, Any]
    warnings: tuple[Finding, ...] = ()
    examples: tuple[Example, ...] = dataclasses.field(default=(), repr=False)
    made_with: EvaluationSettings | None = dataclasses.field(default=None, repr=False)
    _resampled: dict[tuple[str, str, str], np.ndarray] = dataclasses.field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        checked = checked_provenance(fitting(self.provenance, self.measurements), self.measurements)
        object.__setattr__(self, "provenance", checked)

    @property
    def samples(self) -> Samples:
        """What was measured, image by image: a sequence of one dictionary for each, and a table for files."""
        return Samples(self.measurements, self.provenance["labels"] == "given")

    @property
    def attacks(self) -> tuple[str, ...]:
        """Names of the attacks, the noise control last."""
        return self.measurements.coordinates.attacks

    @property
    def explainers(self) -> tuple[str, ...]:
        """Names of the explainers."""
        return self.measurements.coordinates.explainers

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the dissimilarities; figures are of the first unless another is named."""
        return self.measurements.coordinates.metrics

    @property
    def epsilons(self) -> tuple[float, ...]:
        """The budgets of the attacks, as they were given."""
        return self.measurements.coordinates.epsilons

    @property
    def target(self) -> TargetMode:
        """Whose class the heatmaps explain."""
        return cast(TargetMode, self.provenance["target"])

    @property
    def norms(self) -> dict[str, Norm]:
        """The norm in which each attack's epsilon is measured."""
        return {attack: self.provenance["norms"].get(attack, "linf") for attack in self.attacks}  # if made by hand

    @property
    def aims(self) -> dict[str, Aim]:
        """What each attack targets: the `"label"`, the `"explanation"`, or nothing, as the `"noise"`."""
        return {attack: self.provenance["aims"].get(attack, "label") for attack in self.attacks}

    @property
    def targeted_attacks(self) -> tuple[str, ...]:
        """Names of the targeted attacks."""
        return tuple(name for name in self.attacks if of_accuracy.is_targeted(self.measurements, name))

    @functools.cached_property
    def settings(self) -> EvaluationSettings:
        """The settings that it was made with, for `kax.evaluate(model, data, settings=report.settings)`.

        Raises:
            ValueError: What was read from a file holds something that is not known here, or no settings at all.
        """
        if self.made_with:
            return self.made_with  # with functions and classes that no file could hold
        if not self.provenance["settings"]:
            raise ValueError("The report has no settings: it was made by hand, or by version 0.1.")
        return EvaluationSettings.from_dict(self.provenance["settings"])

    @property
    def clean_accuracy(self) -> float:
        """Accuracy on the original images, see `accuracy`; 1 by definition without labels, where outputs are finite."""
        return of_accuracy.clean_accuracy(self.measurements)

    def robust_accuracy(self, epsilon: float, *, attack: Named | None = None, norm: Norm | None = None) -> float:
        """Share of the images that are classified correctly under every attack, up to one epsilon.

        The worst case, image by image, over all attacks and over all epsilons up to `epsilon`: an image that is
        misclassified at a smaller epsilon is not robust at a larger one. The noise control is among the attacks. It is
        an upper bound on the true robust accuracy, and as good as the strongest attack. Of several labels all have to
        be right; of a regression it is NaN.

        Args:
            epsilon: One of the epsilons.
            attack: One attack, or its name, for the worst case over its epsilons only. Defaults to all.
            norm: Where attacks of several norms were run, whose epsilons do not compare, the norm. Defaults to the
                only one.

        Raises:
            ValueError: The report has no such attack or epsilon, or several norms of which none was named.
        """
        return of_accuracy.robust_accuracy(self.measurements, self._alike(attack, norm), epsilon)

    def robust_interval(self, epsilon: float, **chosen: Any) -> tuple[float, float]:
        """The 95 % Wilson interval of `robust_accuracy`, which takes the same, for the images as a sample of many."""
        nothing = math.isnan(self.robust_accuracy(epsilon, **chosen))  # of a regression
        return (math.nan, math.nan) if nothing else of_accuracy.interval(self.robust(epsilon, **chosen))

    def robust(self, epsilon: float, *, attack: Named | None = None, norm: Norm | None = None) -> np.ndarray:
        """Which images are robust, `(images,)`; see `robust_accuracy`."""
        return of_accuracy.robust(self.measurements, self._alike(attack, norm), epsilon)

    def _alike(self, attack: Named | None, norm: Norm | None) -> list[str]:
        name = None if attack is None else self.measurements.coordinates.label("attack", attack)
        norms = self.norms if name is None else {name: self.norms[name]}  # another norm than its own is refused
        return of_accuracy.of_norm(norms, norm)

    def mod_interval(
        self, attack: Named, explainer: Named, epsilon: float, *, metric: Any | None = None
    ) -> tuple[float, float]:
        """The 95 % bootstrap interval of MOD."""
        place = self.asked(attack).measurements.coordinates.index("epsilon", epsilon)
        low, high = statistics.mod_intervals(self.asked(attack)._mods(attack, explainer, metric))[place].tolist()
        return low, high

    def vid_interval(self, attack: Named, explainer: Named, *, metric: Any | None = None) -> tuple[float, float]:
        """The 95 % bootstrap interval of VID."""
        return statistics.vid_interval(self.asked(attack)._mods(attack, explainer, metric))

    def depth_profile(
        self, attack: Named, explainers: Sequence[Named] | None = None, *, metric: Any | None = None
    ) -> DepthProfile:
        """MOD by layer and epsilon, of an evaluation with `explainers=GradCAM.every_layer(model)`.

        Args:
            attack: The attack or its name.
            explainers: Which explainers to show. Defaults to all that look at one layer.
            metric: The dissimilarity or its name. Defaults to the report's first.

        Raises:
            ValueError: None of the explainers looks at one layer.
        """
        layers, depths = self.provenance["layers"], self.provenance["depths"]
        explainers = [explainers] if isinstance(explainers, (str, Configuration)) else explainers
        return depth_profile(self.measurements, attack, explainers, layers, depths, metric)

    def select(
        self,
        *,
        attack: Named | None = None,
        explainer: Named | None = None,
        epsilon: float | None = None,
        severity: int | None = None,
    ) -> tuple[Example, ...]:
        """The examples of one attack or corruption, explainer, epsilon or severity, for pictures.

        Args:
            attack: The attack or corruption, or its name; `None` for all.
            explainer: The explainer or its name; `None` for all.
            epsilon: One of the epsilons; `None` for all.
            severity: One of the severities; `None` for all.
        """
        at = {"explainer": explainer, "epsilon": epsilon, "severity": severity}
        return chosen(self.examples, self.measurements.coordinates, attack=attack, **at)

    def compare_scores(self, attack: Named | None = None, epsilon: float | None = None) -> ScoreComparison:
        """The effect of the softmax: heatmaps of the logit against heatmaps of the probability, by confidence.

        Args:
            attack: The attack or its name. Defaults to the first.
            epsilon: One of the epsilons. Defaults to the largest.

        Raises:
            ValueError: The report has no explainers in pairs that differ in their score only, or no such condition.
        """
        name = self.measurements.coordinates.label("attack", self.attacks[0] if attack is None else attack)
        level = self.measurements.coordinates.label("epsilon", max(self.epsilons) if epsilon is None else epsilon)
        examples, known = self.select(attack=name, epsilon=level), self.measurements
        return compare(known, self.provenance, self.warnings, examples, name, level)

    @functools.cached_property  # tables, figures, logs and files all go through them
    def rows(self) -> tuple[Row, ...]:
        """Every figure, one row for each attack, explainer, dissimilarity and epsilon, and so of corruptions."""
        found: list[Row] = []
        for attack in self.attacks:
            plain = {epsilon: row.accuracy_row(self.measurements, attack, epsilon) for epsilon in self.epsilons}
            if not self.explainers:
                found += plain.values()
            for explainer in self.explainers:
                for metric in self.metrics:
                    mods = self._mods(attack, explainer, metric)  # resampled once for all epsilons
                    found += [
                        row.drift_row(self.measurements, item, explainer, metric, mods) for item in plain.values()
                    ]
        return (*found, *self.corrupted_rows())

    def __repr__(self) -> str:
        what = f"attacks={self.attacks}, explainers={self.explainers}, epsilons={self.epsilons}"
        return f"EvaluationReport({len(self.measurements)} images, {what})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EvaluationReport) and self.to_json() == other.to_json()  # there NaN is null

    def to_dict(self) -> dict[str, Any]:
        """The report as plain Python values, NaN as `None`, the examples left out."""
        return {
            "schema": schema_of(self.measurements),
            "provenance": self.provenance,
            "warnings": [finding.to_dict() for finding in self.warnings],
            **row.finite({"clean_accuracy": self.clean_accuracy}),
            "rows": [item.to_dict() for item in self.rows],
            **summary(self.measurements, self.norms, self._mods),
            "measurements": storage.to_config(self.measurements),
        }

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> EvaluationReport:
        """The report that `to_dict` described, without examples.

        Raises:
            ValueError: It is not that of a report, or something in it does not fit; the message names the field.
        """
        return cls(*storage.from_config(config))  # checked there: a file is not to be trusted

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as JSON text, also written to `path` if one is given, whole or not at all."""
        text = storage.to_json(self.to_dict())  # first all of it, then the file
        if path is not None:
            write_atomically(path, text.encode("utf-8"))  # a full disk leaves the older report
        return text

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> EvaluationReport:
        """The report in a JSON text, or in the file of that path; those of version 0.1 too.

        Raises:
            OSError: There is no such file.
            ValueError: It is not the JSON of a report, or something in it does not fit; the message names the field.
        """
        return cls.from_dict(storage.read_json(source))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one compressed file, a tenth of its JSON and a hundred times as fast, for `load`.

        Args:
            path: The file, such as `"report.npz"`. It appears whole or not at all.

        Raises:
            OSError: It cannot be written.

        Example:

        >>> import pathlib, tempfile
        >>> from keras_advxai import EvaluationReport
        >>> from keras_advxai.evaluation import Coordinates, Measurements
        >>> coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
        >>> found = Measurements.of(coordinates, label=[0, 1], prediction=[[0, 1], [0, 0]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     EvaluationReport(found, {"model": "net"}).save(pathlib.Path(folder, "report.npz"))
        ...     EvaluationReport.load(pathlib.Path(folder, "report.npz")).accuracy("fgsm", 0.1)
        0.5
        """
        archive.save(path, (self.measurements, self.provenance, self.warnings))  # atomically, too

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> EvaluationReport:
        """The report that `save` wrote, or `to_json`, without examples.

        Raises:
            OSError: There is no such file.
            ValueError: It is not a report, or something in it does not fit; the message names the field.
        """
        return cls(*archive.load(path))

    def to_dataframe(self) -> Any:
        """The rows as a `pandas.DataFrame`.

        Raises:
            ImportError: pandas is not installed.
        """
        return pandas().DataFrame([dataclasses.asdict(item) for item in self.rows])

    def to_csv(self, path: str | os.PathLike[str] | None = None, *, escape_formulas: bool = False) -> str:
        """The rows as comma-separated values, also written to `path` if one is given, whole or not at all.

        What each image has is `report.samples.to_csv()`. NaN is empty. See there for `escape_formulas`.
        """
        return written(to_csv([row.rows_table(self.rows)], escape_formulas=escape_formulas), path)

    def _mods(self, attack: Named, explainer: Named, metric: Any | None = None) -> np.ndarray:
        known = self.measurements.coordinates
        key = (
            known.label("attack", attack),
            known.label("explainer", explainer),
            known.label("metric", known.metrics[0] if metric is None else metric),
        )
        if key not in self._resampled:  # intervals, rows, figures and logs ask for the same one
            seed = self.provenance["seed"]
            self._resampled[key] = of_drift.resampled(self.measurements, *key, seed)
        return self._resampled[key]
