"""What does not compare is refused, or it is stated; images are known again in any order."""

from __future__ import annotations

import numpy as np
import pytest
from made_reports import IMAGES, KEYS, LABELS, NAMES, made

from keras_advxai.comparison import Comparison
from keras_advxai.comparison.matching import Run, places

ORDER = np.random.default_rng(5).permutation(IMAGES)


def both(**changes) -> Comparison:
    return Comparison({"one": made(0), "other": made(1, **changes)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys": KEYS + 1}, "evaluated on others: 12 and 12 images, 0 of them in both"),
        ({"keys": np.where(KEYS[4] == KEYS, 5, KEYS)}, "evaluated on others: 12 and 12 images, 11 of them in both"),
        ({"keys": None}, "evaluated on others: 12 and 12 images, and nothing says which are the same"),
        ({"order": slice(10)}, "evaluated on others: 12 and 10 images, 10 of them in both"),
        ({"labels": (LABELS + 1) % 3}, "other labels: of 12 of 12 images"),
        ({"labels": np.where(np.arange(12) == 7, 0, LABELS)}, "other labels: of 1 of 12 images"),
        ({"target": "clean"}, "`target`, whose class heatmaps explain, is 'predicted' and 'clean'"),
        ({"metrics": ("cosine_distance",)}, "no dissimilarity in common. They have: one: nissim; other: cosine"),
        ({"heatmap_size": [32, 30]}, r"one: 25x25; other: 32x30\).*at_size\('nissim', \(25, 25\)\)"),
        ({"epsilons": (0.5, 0.6)}, "no epsilon in common"),
        ({"attacks": ("pgd",)}, "no attack in common"),
        ({"norms": {"fgsm": "l2"}}, "budgets of other norms"),
        ({"labelled": "clean prediction"}, "'one' was evaluated with labels and 'other' without"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_compare_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        both(**changes)


def test_parts_of_evaluations_do_not_compare():
    partial = {"images": 12, "of": 20, "batch": 1, "batches": 2, "reason": "no memory"}
    with pytest.raises(ValueError, match="'other' stopped before the end of its data"):
        both(partial=partial)


def test_what_only_some_have_is_left_out_and_said():
    comparison = both(epsilons=(0.1, 0.3), metrics=("cosine_distance", "nissim"), noise_seed=0)
    assert (comparison.epsilons, comparison.metrics) == ((0.1,), ("nissim",))
    assert {row.epsilon for row in comparison.rows} == {0.1}
    said = "\n".join(comparison.notes)
    assert "the epsilons 0.02 and 0.3" in said
    assert "the dissimilarities cosine_distance" in said
    assert "several seeds of the noise" in said
    assert all(f"Note: {note[:40]}" in str(comparison) for note in comparison.notes)
    others = Comparison({"one": made(0), "other": made(1, explainers=("grad_cam", "saliency"))})
    assert others.explainers == ("grad_cam",)
    assert "the explainers saliency." in "\n".join(others.notes)
    # A VID over the epsilons that both have, which is one.
    assert all(np.isnan(row.vid) for row in comparison.rows)


def test_dissimilarities_at_one_size_compare_whatever_the_size_of_the_images():
    at = ("nissim", "nissim_at_16x16")
    comparison = Comparison({"one": made(0, metrics=at), "other": made(1, metrics=at, heatmap_size=[32, 30])})
    assert comparison.metrics == ("nissim_at_16x16",)
    assert "25x25 and 32x30: heatmaps were brought to one" in "\n".join(comparison.notes)
    (report,) = comparison.reports["other"]
    expected = report.mod("fgsm", "grad_cam", 0.1, metric="nissim_at_16x16")
    assert comparison.value("other", "mod", epsilon=0.1) == expected


def test_files_of_one_name_are_the_same_where_models_take_other_sizes_and_only_there():
    at = {"metrics": ("nissim_at_16x16",), "names": NAMES}
    resized = made(1, ORDER, keys=KEYS + 1, heatmap_size=[32, 32], **at)
    comparison = Comparison({"one": made(0, **at), "other": resized})
    assert comparison.matched_by == ("name",)
    assert "matched by the names of their files" in "\n".join(comparison.notes)
    same = Comparison({"one": made(0, **at), "other": made(1, keys=KEYS, **at)})
    found, expected = (each.difference("one", "other", "mod", epsilon=0.1) for each in (comparison, same))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    with pytest.raises(ValueError, match="evaluated on others"):
        Comparison({"one": made(0, **at), "other": made(1, keys=KEYS + 1, **at)})
    twice = np.where(NAMES == "1.png", "2.png", NAMES)
    with pytest.raises(ValueError, match="evaluated on others"):
        Comparison(
            {"one": made(0, **at), "other": made(1, keys=KEYS + 1, heatmap_size=[9, 9], **{**at, "names": twice})}
        )


def test_images_are_known_again_in_every_order_copies_and_equal_hashes_among_them():
    keys = np.where(KEYS[5] == KEYS, KEYS[1], KEYS)  # 1 and 5 have one hash, and other labels
    keys = np.where(keys == KEYS[4], KEYS[7], keys)  # 4 and 7 are copies, of one label
    one, other = made(0, keys=keys), made(0, slice(None, None, -1), keys=keys)
    _, place = places([Run("one", one), Run("other", other)])
    mine, theirs = (report.measurements.select(order) for report, order in ((one, slice(None)), (other, place.order)))
    np.testing.assert_array_equal(mine.at("image_key"), theirs.at("image_key"))
    np.testing.assert_array_equal(mine.at("label"), theirs.at("label"))
    unique = np.isin(np.arange(IMAGES), (4, 7), invert=True)
    np.testing.assert_array_equal(mine.at("dissimilarity")[..., unique], theirs.at("dissimilarity")[..., unique])
    # What was resized is known by what it was made of, and that is the hash of what was not.
    resized = Run("other", made(1, ORDER, keys=KEYS + 1, heatmap_size=[9, 9]), keys[ORDER])
    first, second = places([Run("one", one), resized])
    assert (first.images, second.images, second.by) == (0, 0, "content")
    np.testing.assert_array_equal(keys[ORDER][second.order], keys)
    # And a report of what was resized is known by way of another one, whatever the orders.
    last = np.random.default_rng(7).permutation(IMAGES)
    saved = Run("saved", made(2, last, keys=KEYS + 1, heatmap_size=[9, 9]))
    for runs in ([Run("one", made(0)), resized, saved], [Run("one", made(0)), saved, resized]):
        runs = [run if run is not resized else Run("other", resized.report, KEYS[ORDER]) for run in runs]
        found = places(runs)
        assert [place.images for place in found] == [0, 0, 0]
        for run, place in zip(runs[1:], found[1:], strict=True):
            np.testing.assert_array_equal(run.report.measurements.at("image_key")[place.order], KEYS + 1)
    assert places([Run("one", made(0, data_sha256="ab")), Run("other", made(1, data_sha256="ab"))])[1].by == (
        "the same data"
    )
