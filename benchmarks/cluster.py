"""How long an evaluation takes on many machines: in closed form, and simulated shard by shard."""

from __future__ import annotations

import dataclasses
import heapq
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Workers, and what they are given to do. All times are in seconds.

    Attributes:
        images: How many images there are.
        workers: How many workers measure, each on one GPU.
        shards: Into how many shards the data are divided.
        image: What a worker takes for an image.
        start: What a worker takes to start: TensorFlow, the weights, the trace.
        batch: How many images are between two records of the journal.
        journal: Whether a shard whose worker died goes on where it stopped.
        failures: How often a worker dies, per hour of work.
        delay: How much longer a shard takes than another by chance: the deviation of the logarithm.
        merge: What putting the parts together takes, for an image.
    """

    images: int
    workers: int
    shards: int
    image: float
    start: float = 60.0
    batch: int = 32
    journal: bool = True
    failures: float = 0.0
    delay: float = 0.0
    merge: float = 0.0


def computed(of: Cluster) -> float:
    """The expected time in closed form.

    Starting; the work of all shards, divided among the workers; what deaths cost: each a start, and half a batch with a
    journal or half a shard without; the wait for the last shard, on average half of one; and merging.
    """
    shard = of.image * of.images / of.shards
    shard *= math.exp(of.delay**2 / 2)  # the mean of a log-normal factor
    rate = of.failures / 3600
    if not rate:
        each = shard
    elif of.journal:  # a death costs a start, and what of a batch was measured
        each = shard * (1 + rate * (of.start + of.batch * of.image / 2))
    else:  # until a shard comes through whole: the mean of a geometric number of attempts
        each = (math.exp(rate * shard) - 1) * (1 / rate + of.start)
    rounds = of.shards / of.workers
    if not of.delay and not rate:
        rounds = math.ceil(rounds)  # all workers take the same, and end together
    else:
        # How uneven shards are: by their delays, and by deaths, of which each costs a start and what was lost.
        lost = of.start + (of.batch * of.image if of.journal else shard) / 2
        uneven = math.exp(of.delay**2) - 1 + rate * shard * (lost / each) ** 2
        rounds += (1 + uneven) / 2 * (of.workers - 1) / (of.workers + 1)  # the last worker behind the mean one
    return of.start + each * rounds + of.merge * of.images


def simulated(of: Cluster, seed: int = 0) -> float:
    """The time of one run, with delays and deaths as they happen to come, shard by shard."""
    random = np.random.default_rng(seed)
    free = [(of.start, worker) for worker in range(of.workers)]
    heapq.heapify(free)
    size = of.images / of.shards
    end = 0.0
    for _ in range(of.shards):
        now, worker = heapq.heappop(free)
        each = of.image * math.exp(of.delay * random.standard_normal())
        now = _worked(of, now, size * each, each, random)
        heapq.heappush(free, (now, worker))
        end = max(end, now)
    return end + of.merge * of.images


def _worked(of: Cluster, now: float, work: float, image: float, random: np.random.Generator) -> float:
    """When a worker that begins a shard now has finished it, with all its deaths and restarts."""
    done = 0.0
    while True:
        dies = random.exponential(3600 / of.failures) if of.failures else math.inf
        if dies >= work - done:
            return now + work - done
        if of.journal:
            done = math.floor((done + dies) / (of.batch * image)) * of.batch * image
        now += dies + of.start


def mean_of_runs(of: Cluster, runs: int = 20) -> float:
    """The mean time of several simulated runs."""
    return float(np.mean([simulated(of, seed) for seed in range(runs)]))
