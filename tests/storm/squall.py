"""Runs many calls: each must be right, or refused as we document it."""

from __future__ import annotations

import faulthandler
import os
from collections import Counter

import hypothesis
import outcomes
import subjects
from calls import Call, calls

PARTS = ("attack", "explain", "classifier", "wrapper", "constructor", "settings", "metric")
EVALUATIONS = ("evaluate", "callback", "compare_scores")
PATIENCE = 300
"""Seconds until a call counts as hanging, on however slow a machine."""


def storm(entries: tuple[str, ...], count: int) -> Counter[str]:
    """How many calls came out how.

    Args:
        entries: What is called.
        count: How many calls; `STORM` in the environment multiplies it, `STORM_SEED` draws others.

    Raises:
        WrongError: One of them did what it may not; hypothesis shows the smallest.
    """
    for name in subjects.NAMES:
        subjects.subject(name)  # outside: Keras draws random numbers
    found: Counter[str] = Counter()

    @hypothesis.seed(int(os.environ.get("STORM_SEED", "0")))
    @hypothesis.settings(
        max_examples=int(count * float(os.environ.get("STORM", "1"))),
        deadline=None,
        database=None,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(call=calls(entries))
    def run(call: Call) -> None:
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        try:
            found[outcomes.outcome(call)] += 1
        finally:
            faulthandler.cancel_dump_traceback_later()

    run()
    return found
