"""What an evaluation may take of an epoch."""

from __future__ import annotations

import pytest

import keras_advxai as kax
from keras_advxai.callbacks import cost
from keras_advxai.callbacks.cost import EpochClock, Share, cost_text


@pytest.fixture
def now(monkeypatch):
    """A clock that is put forward by hand."""
    seconds = [100.0]
    monkeypatch.setattr(cost.time, "perf_counter", lambda: seconds[0])
    return lambda more: seconds.__setitem__(0, seconds[0] + more)


def epoch(now, *steps, then=0.0):
    clock = EpochClock()
    clock.begin()
    for seconds in steps:
        clock.step()
        now(seconds)
    clock.end()
    now(then)
    clock.end()  # once when the validation begins, once when the epoch ends
    return clock


def test_the_first_step_counts_as_the_others(now):
    clock = epoch(now, 30, 2, 2, 2, then=50)
    assert clock.seconds == 36
    assert clock.compiled_seconds == 8
    alone = epoch(now, 30)
    assert not alone.has_steps
    assert alone.compiled_seconds == 30


def test_the_sample_takes_its_share_of_the_first_epoch(now):
    share = Share(0.25, each=0.1, compiling=7)
    first, later = epoch(now, 30, 2, 2, 2), epoch(now, 2, 2, 2, 2)
    assert share.before(256, first) == 20  # a quarter of 8 s
    share.after(20, first, taken=90)  # in which checks="all" compiles
    assert share.before(20, later) == 20
    share.after(20, later, taken=2.4)  # within what times vary by
    assert share.before(20, later) == 20
    share.after(20, later, taken=1000)  # settled: values of other samples do not compare
    assert share.before(20, later) == 20


def test_it_is_corrected_once_and_never_raised(now):
    share = Share(0.25, each=0.1, compiling=7)
    later = epoch(now, 2, 2, 2, 2)
    assert share.before(16, later) == 16
    share.after(16, later, taken=1)
    share.after(16, later, taken=8)  # four times what it may take
    assert share.before(16, later) == 4
    share.after(4, later, taken=0.1)
    assert share.before(4, later) == 4


def test_a_single_step_shows_in_the_second_epoch_what_it_takes(now):
    share = Share(0.5, each=0.1, compiling=7)
    assert share.before(256, epoch(now, 40)) == 200
    share.after(200, epoch(now, 40), taken=20)
    assert share.before(200, epoch(now, 2)) == 10
    assert share.before(10, epoch(now, 0.001)) == 10


@pytest.mark.parametrize(("most", "count"), [(None, 256), (0.0, 1), (1e9, 256)])
def test_the_ends(now, most, count):
    assert Share(most, each=0.1, compiling=0).before(256, epoch(now, 1, 1)) == count


def test_the_line_names_what_costs():
    settings = kax.EvaluationSettings(attacks="pgd", explainers="integrated_gradients", checks="all")
    share = Share(0.2, 0.1, compiling=8.04)
    assert cost_text(2, 2.75, 40, 3.7, share, settings) == (
        "Adversarial evaluation: 2.8 s for 40 images (max_share=0.2) after epoch 3, which trained for 3.7 s. Compiling "
        "took 8.0 s before it, once. Cheaper: a smaller max_samples, 2 epsilons for 4, noise_control=False, attacks of "
        "fewer steps, explainers of fewer passes, checks='cheap', every=2."
    )


@pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")
def test_a_share_bounds_the_sample_in_a_training(fit, evaluation, images):
    ours = evaluation(images, max_share=1e-9)
    fit(ours, epochs=(None, None))
    assert [len(report.samples) for report in ours.reports.values()] == [1, 1]
    assert len({report.provenance["data_sha256"] for report in ours.reports.values()}) == 1
    assert len(ours.report.samples) == 64  # all of the data, after training
    ample = evaluation(images, max_share=1e9, final=False)
    fit(ample)
    assert len(ample.report.samples) == 64


@pytest.mark.parametrize("share", [-0.1, True, float("inf"), "half"])
def test_a_share_is_a_number(images, share):
    with pytest.raises(ValueError, match="`max_share` must be a number"):
        kax.callbacks.AdversarialEvaluation(images, max_share=share)
