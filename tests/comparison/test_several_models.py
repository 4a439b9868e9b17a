"""The figures of a comparison: those of the reports, paired bootstrap intervals, ranks and runs."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math

import numpy as np
import pytest
from made_reports import EPSILONS, IMAGES, KEYS, made
from scipy import stats

from keras_advxai.comparison import Comparison
from keras_advxai.measurements.statistics import RESAMPLES

ORDER = np.random.default_rng(5).permutation(IMAGES)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return Comparison({"one": made(0), "other": made(1, ORDER), "third": made(2, ORDER[::-1])})


def test_the_figures_of_each_model_are_those_of_its_report(comparison):
    assert (comparison.images, comparison.matched_by) == (IMAGES, ("content",))
    assert len(comparison.rows) == 3 * 2 * 2
    for row in comparison.rows:
        (report,) = comparison.reports[row.model]
        (own,) = (item for item in report.rows if (item.attack, item.epsilon) == (row.attack, row.epsilon))
        assert (row.accuracy, row.mod, row.chance, row.relative_mod) == (
            own.accuracy,
            own.mod,
            own.chance,
            own.relative_mod,
        )
        assert (row.clean_accuracy, row.vid) == (report.clean_accuracy, report.vid(row.attack, "grad_cam"))
        noise = report.mod("uniform_noise", "grad_cam", row.epsilon)
        assert row.noise == noise if row.attack == "fgsm" else math.isnan(row.noise)
        assert (row.runs, row.images) == (1, IMAGES)
        assert math.isnan(row.mod_std)


def by_hand(one, other, statistic):
    """SciPy's paired bootstrap of what was measured of each image by two models, `(conditions, images)`."""

    def difference(places, axis):
        return statistic(one[:, places]) - statistic(other[:, places])

    found = stats.bootstrap(
        (np.arange(IMAGES),), difference, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(3)
    )
    return found.confidence_interval.low, found.confidence_interval.high


def test_intervals_of_differences_are_scipys_paired_bootstrap_on_the_same_images(comparison):
    (first,), (second,) = comparison.reports["one"], comparison.reports["other"]
    back = np.argsort(ORDER)

    def drift(report):
        return np.stack([report.dissimilarity("fgsm", "grad_cam", epsilon) for epsilon in EPSILONS])

    def right(report):
        found = report.measurements
        return np.stack([found.at("prediction", attack="fgsm", epsilon=each) == found.at("label") for each in EPSILONS])

    for measured, figure in ((drift, "mod"), (right, "accuracy")):
        one, other = measured(first).astype(float), measured(second).astype(float)[:, back]
        assert (np.isnan(one).sum(), np.isnan(other).sum()) == ((2, 2) if figure == "mod" else (0, 0))
        for level, epsilon in enumerate(EPSILONS):
            found = comparison.difference("one", "other", figure, epsilon=epsilon)
            expected = by_hand(one, other, lambda values, level=level: np.nanmean(values[level], axis=-1))
            np.testing.assert_allclose((found.low, found.high), expected, rtol=0, atol=1e-12)
            assert found.difference == pytest.approx(np.nanmean(one[level]) - np.nanmean(other[level]), abs=1e-12)
        found = comparison.difference("one", "other", figure)
        expected = by_hand(one, other, lambda values: np.nanmean(values, axis=-1).mean(axis=0))
        np.testing.assert_allclose((found.low, found.high), expected, rtol=0, atol=1e-12)
    found = comparison.difference("one", "other", "vid")
    expected = by_hand(drift(first), drift(second)[:, back], lambda values: np.nanmean(values, axis=-1).std(axis=0))
    np.testing.assert_allclose((found.low, found.high), expected, rtol=0, atol=1e-12)
    assert found.difference == first.vid("fgsm", "grad_cam") - second.vid("fgsm", "grad_cam")
    # SciPy's own `paired=True`, of a figure without what is left out, draws the same.
    one, other = right(first)[1].astype(float), right(second)[1, back].astype(float)
    theirs = stats.bootstrap(
        (one, other),
        lambda a, b, axis: np.mean(a, axis) - np.mean(b, axis),
        paired=True,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    found = comparison.difference("one", "other", "accuracy", epsilon=EPSILONS[1])
    np.testing.assert_allclose((found.low, found.high), (theirs.low, theirs.high), rtol=0, atol=1e-12)


def test_a_model_has_no_difference_from_itself_in_another_order_and_the_same_place():
    comparison = Comparison({"one": made(0), "again": made(0, ORDER), "worse": made(4, ORDER)})
    for figure in ("clean_accuracy", "accuracy", "mod", "vid"):
        found = comparison.difference("one", "again", figure)
        np.testing.assert_allclose((found.difference, found.low, found.high), 0, atol=1e-12)
    ranks = comparison.ranks("mod")
    assert {rank.model: (rank.best, rank.worst) for rank in ranks} == {
        "one": (1, 2),
        "again": (1, 2),
        "worse": (3, 3),
    }
    assert [str(rank) for rank in ranks] == ["1-2", "1-2", "3"]
    assert comparison.difference("one", "worse", "mod").is_clear
    assert ranks[-1].model == "worse"
    assert ranks[-1].value == comparison.value("worse", "mod")


def test_rounding_is_no_difference_and_one_epsilon_needs_no_mean(comparison):
    found = comparison.difference("one", "third", "mod", epsilon=0.1)
    assert found.is_clear
    assert not dataclasses.replace(found, low=1e-17, high=0.2).is_clear
    assert not dataclasses.replace(found, low=-0.2, high=-1e-17).is_clear
    assert dataclasses.replace(found, low=-0.2, high=-1e-6).is_clear
    text = str(Comparison({"one": made(0, epsilons=(0.1,)), "other": made(1, epsilons=(0.1,))}))
    assert "mean\n" not in text
    assert "0.1\n" in text


def test_of_regressions_outputs_change_and_nothing_is_right_or_wrong(comparison):
    found = Comparison({"one": made(0, outputs=2), "other": [made(1, ORDER, outputs=2), made(2, outputs=2)]})
    (report,), others = found.reports["one"], found.reports["other"]
    assert found.value("one", "mean_change", epsilon=0.1) == report.mean_change("fgsm", 0.1)
    changes = [each.mean_change("fgsm", 0.1) for each in others]
    row = next(row for row in found.rows if (row.model, row.attack, row.epsilon) == ("other", "fgsm", 0.1))
    assert (row.mean_change, row.mean_change_std) == (np.mean(changes), np.std(changes, ddof=1))
    assert math.isnan(row.accuracy)
    assert {item.figure for item in found.differences} == {"mean_change", "mod", "vid"}
    difference = found.difference("one", "other", "mean_change", epsilon=0.1)
    assert difference.difference == report.mean_change("fgsm", 0.1) - np.mean(changes)
    assert difference.low < difference.difference < difference.high
    text = " ".join(str(found).split())
    assert "Mean absolute change of the output under fgsm" in text
    assert f"{report.mean_change('fgsm', 0.1):.4g}" in text
    assert f"{difference.low:+.4g}..{difference.high:+.4g}" in text
    assert "ccuracy" not in text
    assert math.isnan(comparison.value("one", "mean_change", epsilon=0.1))
    with pytest.raises(ValueError, match="`task`, what the models predict, is 'classification' and 'regression'"):
        Comparison({"one": made(0), "other": made(1, outputs=3)})


def test_what_could_not_be_measured_is_neither_better_nor_worse_and_warns_of_nothing():
    """As of a model whose heatmaps are all blank, or but one, which many resampled sets are without."""
    nothing, one = (made(1, missing=range(left, IMAGES)) for left in (0, 1))
    found = Comparison({"all": made(0), "nothing": nothing, "one": one})
    for name in ("nothing", "one"):
        difference = found.difference("all", name, "mod", epsilon=0.1)
        assert not difference.is_clear
        assert math.isnan(difference.low)
    assert math.isnan(found.value("nothing", "mod", epsilon=0.1))
    ranks = found.ranks("mod")
    assert {(rank.best, rank.worst) for rank in ranks} == {(1, 3)}
    assert ranks[-1].model == "nothing"
    assert "nan" not in str(found)


def test_seeds_of_one_model_are_summarised():
    seeds = [made(1), made(2, ORDER), made(4)]
    comparison = Comparison({"one": made(0), "several": seeds})
    mods = [report.mod("fgsm", "grad_cam", 0.1) for report in seeds]
    (row,) = (item for item in comparison.rows if (item.model, item.attack, item.epsilon) == ("several", "fgsm", 0.1))
    assert (row.runs, row.mod, row.mod_std) == (3, np.mean(mods), np.std(mods, ddof=1))
    vids = [report.vid("fgsm", "grad_cam") for report in seeds]
    assert (row.vid, row.vid_std) == (np.mean(vids), np.std(vids, ddof=1))
    assert row.accuracy_std == np.std([report.accuracy("fgsm", 0.1) for report in seeds], ddof=1)
    # All seeds see the same resampled images: three times the same one is as one.
    alone = Comparison({"one": made(0), "several": made(4)}).difference("one", "several", "mod", epsilon=0.1)
    thrice = Comparison({"one": made(0), "several": [made(4), made(4, ORDER), made(4)]})
    found = thrice.difference("one", "several", "mod", epsilon=0.1)
    np.testing.assert_allclose((found.low, found.high), (alone.low, alone.high), rtol=0, atol=1e-12)


def test_folds_are_resampled_each_by_itself():
    other = KEYS + 1_000_000
    folds = {"one": [made(0), made(1, keys=other)], "other": [made(2, ORDER), made(3, ORDER, keys=other)]}
    comparison = Comparison(folds)
    assert comparison.images == 2 * IMAGES
    found = comparison.difference("one", "other", "mod", epsilon=0.1)
    halves = []
    for seed, (first, second) in enumerate(zip(folds["one"], folds["other"], strict=True)):
        one = first.dissimilarity("fgsm", "grad_cam", 0.1)
        both = np.stack([one, second.dissimilarity("fgsm", "grad_cam", 0.1)[np.argsort(ORDER)]])
        drawn = np.random.default_rng(3 + seed).integers(0, IMAGES, (RESAMPLES, IMAGES))
        halves.append(np.nanmean(both[:, drawn], axis=-1))
    means = np.mean(halves, axis=0)
    expected = np.quantile(means[0] - means[1], [0.025, 0.975])
    np.testing.assert_allclose((found.low, found.high), expected, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="'one' and 'other' were evaluated on others: 12 and 12 images, 0 of them"):
        Comparison({"one": folds["one"], "other": made(2)})


def test_everything_that_is_written_says_the_same(comparison, tmp_path):
    rows = list(csv.DictReader(io.StringIO(comparison.to_csv(tmp_path / "rows.csv"))))
    assert [(row["model"], float(row["mod"])) for row in rows] == [(row.model, row.mod) for row in comparison.rows]
    pairs = list(csv.DictReader(io.StringIO(comparison.differences_to_csv(tmp_path / "pairs.csv"))))
    assert [float(row["low"]) for row in pairs] == [item.low for item in comparison.differences]
    found = json.loads(comparison.to_json(tmp_path / "comparison.json"))
    assert found["rows"] == [row.to_dict() for row in comparison.rows]
    assert found["differences"] == [item.to_dict() for item in comparison.differences]
    assert list(comparison.to_dataframe()["accuracy"]) == [row.accuracy for row in comparison.rows]
    text, markdown, latex = str(comparison), comparison.to_markdown(), comparison.to_latex()
    for name in ("one", "other", "third"):
        row = next(row for row in comparison.rows if row.model == name)
        assert f"{row.mod:.3f}" in text
        assert f"{row.mod:.3f}" in markdown
        assert f"{row.mod:.3f}" in latex
    for item in comparison.differences:
        if item.attack == "fgsm" and item.figure in ("mod", "accuracy"):
            assert f"{item.low:+.3f}..{item.high:+.3f}" in text
            assert f"{item.difference:+.3f}{'*' if item.is_clear else ''}" in text
    assert "Accuracy under fgsm" in text
    assert "MOD of grad_cam under fgsm" in text
    assert max(map(len, text.splitlines())) <= 120
    formulas = Comparison({"=1+1": made(0), "other": made(1)})
    for write in (formulas.to_csv, formulas.differences_to_csv):
        assert "'=1+1," in write(escape_formulas=True)
        assert "'" not in write()
    assert repr(comparison) == (
        "Comparison(models=('one', 'other', 'third'), images=12, attacks=('fgsm', 'uniform_noise'))"
    )


def test_what_there_is_not_is_refused(comparison):
    with pytest.raises(ValueError, match=r"There is no model 'onne'\. Did you mean 'one'"):
        comparison.value("onne", "mod")
    with pytest.raises(ValueError, match="Not all models have the attack 'pgd'"):
        comparison.difference("one", "other", "mod", attack="pgd")
    with pytest.raises(ValueError, match="`figure`"):
        comparison.difference("one", "other", "flips")
    with pytest.raises(ValueError, match=r"that all models have, 0\.02, 0\.1"):
        comparison.value("one", "mod", epsilon=0.5)
    with pytest.raises(ValueError, match="at several layers"):
        comparison.profile("one")
    with pytest.raises(ValueError, match=r"at least two models, each with a report. Received: one \(1\)"):
        Comparison({"one": made(0)})
    with pytest.raises(TypeError, match="Received: str"):
        Comparison({"one": made(0), "other": ["report.npz"]})
    with pytest.raises(TypeError, match="must be a dictionary"):
        Comparison([made(0), made(1)])
