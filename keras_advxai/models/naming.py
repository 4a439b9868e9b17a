"""Names of the calls of a pass."""

from __future__ import annotations

import collections
from collections.abc import Sequence

from keras_advxai.models.recording import Call


def names_of(calls: Sequence[Call]) -> dict[int, str]:
    """A name for each call, by its id: the layer's path for the last one, and with a number for the earlier ones.

    Args:
        calls: The calls, in their order.
    """
    by_path: dict[str, list[Call]] = collections.defaultdict(list)
    for call in calls:
        by_path[call.path].append(call)
    names: dict[int, str] = {}
    for path, same in by_path.items():
        # A layer shared by two branches, or called twice in a row, is explained where it is nearest to the classes.
        names |= {id(call): f"{path}:{number}" for number, call in enumerate(same[:-1], start=1)}
        names[id(same[-1])] = path
    return names
