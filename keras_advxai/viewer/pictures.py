"""The images and heatmaps of a report's examples, as sheets of pictures and where on them each one lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_advxai.measurements.examples import Example
from keras_advxai.viewer.own_size import at_own_size
from keras_advxai.viewer.sheets import sheets

MIDDLE = 128
"""The gray that stands for no difference."""

_SHOWN_AT = 224  # pixels: the longer side of an image, at most
_LARGEST_MAP = 84

Sheets = dict[str, bytes]


class Pictured:
    """The examples of a report by what they show.

    Args:
        examples: The examples. Those of other sizes than most, and those that are not finite, have no pictures.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        drawn = [item for item in examples if _is_drawable(item)]
        shapes = Counter(item.image.shape for item in drawn)
        shape = max(shapes, key=shapes.__getitem__) if shapes else ()
        self._by = {
            (item.index, item.attack, item.explainer, item.level): item for item in drawn if item.image.shape == shape
        }
        known = dict.fromkeys(item.index for item in examples)
        # Of an image all or nothing: a hole in a sheet would shift what is behind it.
        conditions = {key[1:] for key in self._by}
        self.indices = [i for i in known if conditions and all((i, *rest) in self._by for rest in conditions)]

    def of(self, index: int, attack: str, explainer: str, level: float) -> Example:
        """One example, at an epsilon or a severity."""
        return self._by[index, attack, explainer, level]


def pictures(
    examples: Sequence[Example],
    levels: Mapping[str, Sequence[float]],
    explainers: Sequence[str],
    *,
    most_bytes: int | None = None,
    last: Sequence[str] = (),
) -> tuple[dict[str, Any] | None, Sheets]:
    """What the viewer shows of the examples: originals once, differences, and heatmaps at their own size.

    Args:
        examples: The examples of a report.
        levels: By attack or corruption its epsilons or severities, at least one of one.
        explainers: The names of the explainers.
        most_bytes: About how many bytes the adversarial images may take; those of further conditions are left out,
            the smallest levels first. Defaults to `None`, any number.
        last: The attacks whose images are left out first, such as the noise controls. Defaults to none.

    Returns:
        Where everything is, as plain values, or `None` without pictures; and the sheets by key.
    """
    shown = Pictured(examples)
    if not shown.indices or not explainers:
        return None, {}
    first = next((attack, explainers[0], of[0]) for attack, of in levels.items())
    originals = [_pixels(shown.of(index, *first).image) for index in shown.indices]
    where, found = sheets([_sampled(image) for image in originals])
    height, width = originals[0].shape[:2]
    document: dict[str, Any] = {
        "indices": shown.indices,
        "size": [height, width],
        "images": where,
        "attacks": {attack: [None] * len(of) for attack, of in levels.items()},
        "heatmaps": {},
    }
    for explainer in explainers:
        document["heatmaps"][explainer], new = _heatmaps(shown, levels, explainer)
        found |= new
    left = most_bytes
    for group in ([name for name in levels if name not in last], [name for name in levels if name in last]):
        made = {attack: _after(shown, attack, explainers[0], levels[attack], originals) for attack in group}
        while made and (left is None or left > 0):
            # One level of each attack after another: of what has to be left out, no attack has all.
            for attack, coming in list(made.items()):
                level, where, new = next(coming, (None, {}, {}))
                size = sum(map(len, new.values()))
                if level is None or (left is not None and size > left):
                    del made[attack]  # what is next of it is as large, and takes seconds to compress
                    continue
                left = None if left is None else left - size
                document["attacks"][attack][level] = where
                found |= new
    for attack in levels:
        _without_lost_patterns(document["attacks"][attack])
    return document, found


def _after(
    shown: Pictured, attack: str, explainer: str, levels: Sequence[float], originals: Sequence[np.ndarray]
) -> Iterator[tuple[int, dict[str, Any], Sheets]]:
    """The adversarial images of one attack as they are kept, the largest level first, which one looks at most."""
    images = [
        [_pixels(shown.of(index, attack, explainer, level).adversarial) for index in shown.indices] for level in levels
    ]
    yield from _changes(originals, images, sorted(range(len(levels)), key=lambda place: -levels[place]))


def _heatmaps(shown: Pictured, levels: Mapping[str, Sequence[float]], explainer: str) -> tuple[dict[str, Any], Sheets]:
    """Of each image the original's heatmap, then those of each attack at each of its levels."""
    conditions = [(attack, level) for attack, of in levels.items() for level in of]
    maps = []
    for index in shown.indices:
        under = [shown.of(index, attack, explainer, level) for attack, level in conditions]
        maps += [under[0].heatmap, *(item.adversarial_heatmap for item in under)]
    full = np.stack(maps)
    own = at_own_size(full)
    is_reduced = max(own.shape[1:]) > _LARGEST_MAP
    if is_reduced:  # one weight for each pixel, as of Integrated Gradients: megabytes that nobody sees
        own = _averaged(own)
    own = np.clip(own, 0, None)
    scale = max(1.0, float(own.max(initial=0)))
    where, found = sheets(list(np.round(255 * own / scale).astype("uint8")))
    return {**where, "scale": scale, "reduced": is_reduced, "conditions": 1 + len(conditions)}, found


def _averaged(maps: np.ndarray) -> np.ndarray:
    """Maps at a smaller size, each divided by its maximum again."""
    height, width = maps.shape[1:]
    factor = _LARGEST_MAP / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = [np.asarray(Image.fromarray(item.astype("float32")).resize(size, Image.Resampling.BOX)) for item in maps]
    found = np.stack(small).astype("float64")
    peaks = found.max(axis=(1, 2), keepdims=True)
    shown: np.ndarray = np.divide(found, peaks, out=np.zeros_like(found), where=peaks > 0)
    return shown


def _changes(
    originals: Sequence[np.ndarray], images: Sequence[Sequence[np.ndarray]], order: Sequence[int]
) -> Iterator[tuple[int, dict[str, Any], Sheets]]:
    """How the adversarial images are kept: the place of the level, where they are, and new sheets."""
    before = np.stack([_sampled(image) for image in originals]).astype(np.int16)
    patterns: dict[int, np.ndarray] = {}
    for level in order:
        after = np.stack([_sampled(image) for image in images[level]]).astype(np.int16)
        change = after - before
        step = int(np.abs(change).max())
        same = next((other for other, signs in patterns.items() if _repeats(before, change, signs, step)), None)
        if same is not None:
            # A single step along the gradient's sign has one pattern for all epsilons.
            yield level, {"kind": "scaled", "of": same, "step": step}, {}
            continue
        patterns[level] = np.sign(change)
        # Differences are smaller than images as long as they are small themselves.
        kind = "difference" if step < MIDDLE // 2 else "image"
        where, new = sheets(list((change + MIDDLE if kind == "difference" else after).astype("uint8")))
        yield level, {"kind": kind, **where}, new


def _repeats(before: np.ndarray, change: np.ndarray, signs: np.ndarray, step: int) -> bool:
    return bool((np.clip(before + signs * step, 0, 255) - before == change).all())


def _without_lost_patterns(levels: list[dict[str, Any] | None]) -> None:
    for place, where in enumerate(levels):
        if where is not None and where["kind"] == "scaled" and levels[where["of"]] is None:
            levels[place] = None


def _is_drawable(item: Example) -> bool:
    arrays = (item.image, item.adversarial, item.heatmap, item.adversarial_heatmap)
    return all(np.isfinite(array).all() for array in arrays)


def _pixels(image: np.ndarray) -> np.ndarray:
    """An image as uint8, `(height, width)` or `(height, width, 3)`."""
    image = image[..., None] if image.ndim == 2 else image
    shown = image if image.shape[-1] == 3 else image.mean(axis=-1)
    found: np.ndarray = np.round(255 * np.clip(shown, 0, 1)).astype("uint8")
    return found


def _stride(shape: Sequence[int]) -> int:
    return -(-max(shape[:2]) // _SHOWN_AT)


def _sampled(image: np.ndarray) -> np.ndarray:
    # Every nth pixel as it is: averages would level out a perturbation.
    stride = _stride(image.shape)
    return image[::stride, ::stride]


def sizes(document: Mapping[str, Any] | None, found: Sheets) -> dict[str, int]:
    """How many bytes the images, the adversarial ones and the heatmaps take, for figures in documents and tests.

    Args:
        document: What `pictures` returned.
        found: The sheets that it returned.
    """
    if document is None:
        return {"images": 0, "attacks": 0, "heatmaps": 0}
    changes = [item for levels in document["attacks"].values() for item in levels if item is not None]
    keys = {
        "images": document["images"]["keys"],
        "attacks": [key for item in changes for key in item.get("keys", ())],
        "heatmaps": [key for item in document["heatmaps"].values() for key in item["keys"]],
    }
    return {name: sum(len(found[key]) for key in set(of)) for name, of in keys.items()}
