"""How long many machines take: the formula beside the simulation, and the page beside the results."""

from __future__ import annotations

import dataclasses
import json

import pytest

from benchmarks import scaling
from benchmarks.cluster import Cluster, computed, mean_of_runs, simulated

USUAL = Cluster(images=64_000, workers=8, shards=128, image=0.05, start=60)


def test_by_hand_where_nothing_happens_by_chance():
    assert computed(USUAL) == simulated(USUAL) == pytest.approx(60 + 64_000 * 0.05 / 8)
    uneven = dataclasses.replace(USUAL, shards=9, merge=0.001)
    assert computed(uneven) == pytest.approx(simulated(uneven)) == pytest.approx(60 + 2 * 64_000 * 0.05 / 9 + 64)
    alone = dataclasses.replace(USUAL, workers=1, shards=1)
    assert computed(alone) == simulated(alone) == 60 + 3200


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize(("failures", "delay"), [(0, 0.15), (2, 0), (20, 0.15), (5, 0.5)])
def test_the_formula_is_near_the_simulation(failures, delay, journal):
    of = dataclasses.replace(USUAL, failures=failures, delay=delay, journal=journal)
    assert computed(of) == pytest.approx(mean_of_runs(of, 30), rel=0.09)


def test_what_helps_and_what_costs():
    def time(**changed):
        return mean_of_runs(dataclasses.replace(USUAL, **{"failures": 30, "delay": 0.15, **changed}))

    assert time(journal=True) < time(journal=False)
    assert time(failures=0) < time()
    assert time(workers=16) < time() < time(workers=4)
    assert time(shards=128) < time(
        shards=8
    )  # one for each worker: all wait for the slowest, and a death costs all of it
    assert time(delay=0.5) > time()


def test_the_page_has_what_the_results_give():
    measured = json.loads(scaling.RESULTS.read_text())
    page = scaling.PAGE.read_text(encoding="utf-8")
    assert scaling.updated(page, measured) == page
    assert all(table in page for table in scaling.tables(measured).values())


def test_units_of_work():
    measured = {"forward_and_backward": 2.0, "fgsm_grad_cam": 6.0, "integrated_gradients": 10.0, "pgd_step": 2.0}
    found = list(scaling.work(measured).values())
    assert found == [3.0, 3.0 + 9 * 5, 3.0 + 4 * 1100, 3.0 + 9 * 5 + 4 * 1100]
