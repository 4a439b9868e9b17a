"""How far what one way found is from what the default found, image by image, and the tables of that."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np

import keras_advxai as kax
from benchmarks.folding_runs import EPSILONS, NETWORKS, WAYS
from keras_advxai.measurements.statistics import bootstrap_means

AT_A_TIME = 50


def compared(network: str, folder: pathlib.Path) -> list[dict[str, Any]]:
    """What each way but the first changes.

    Args:
        network: A key of `NETWORKS`.
        folder: It has a folder of arrays for each way, as `folding_runs` writes them.
    """
    return [
        {"network": network, "way": way, **difference(arrays(folder / WAYS[0]), arrays(folder / way))}
        for way in WAYS[1:]
    ]


def arrays(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of one way; the large ones are mapped."""
    return {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}


def difference(default: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, Any]:
    """The figures of one way beside the default, on the first images where it was asked of fewer."""
    count = len(other["logits"])
    default = {
        name: found[:, :count] if name in ("right", "nissim") else found[:count] for name, found in default.items()
    }
    logits, others = default["logits"], other["logits"]
    seen = np.asarray(default["map"]).any(axis=(1, 2, 3))  # a blank clean heatmap has no MOD
    before, after = default["nissim"][:, seen], other["nissim"][:, seen]
    drift = np.abs(after - before)
    means = bootstrap_means(after - before, 0)
    low, high = np.percentile(means, (2.5, 97.5), axis=-1)
    return {
        "images": count,
        "logits": float(np.abs(logits - others).max()),
        "probabilities": float(np.abs(softmax(logits) - softmax(others)).max()),
        "predictions": int((logits.argmax(-1) != others.argmax(-1)).sum()),
        **signs(default["gradient"], other["gradient"]),
        "maps": largest_nissim(default["map"], other["map"]),
        "epsilons": [
            {
                "epsilon": epsilon,
                "accuracy": float(default["right"][index].mean()),
                "accuracy_of_way": float(other["right"][index].mean()),
                "outcomes": int((default["right"][index] != other["right"][index]).sum()),
                "mod": float(before[index].mean()),
                "mod_difference": float((after - before)[index].mean()),
                "low": float(low[index]),
                "high": float(high[index]),
                "nissim_median": float(np.median(drift[index])),
                "nissim_largest": float(drift[index].max()),
            }
            for index, epsilon in enumerate(EPSILONS)
        ],
    }


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities, in float64."""
    powers = np.exp(logits.astype("float64") - logits.max(axis=-1, keepdims=True))
    found: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return found


def signs(gradient: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """The share of the values that have another sign, and how large they are beside the median of their image."""
    count, sizes = 0, []
    for begin in range(0, len(gradient), AT_A_TIME):
        one, two = gradient[begin : begin + AT_A_TIME], other[begin : begin + AT_A_TIME]
        apart = np.sign(one) != np.sign(two)
        size = np.abs(one) / np.median(np.abs(one), axis=(1, 2, 3), keepdims=True)
        count += int(apart.sum())
        sizes.append(size[apart])
    found = np.concatenate(sizes)
    median, most = (float(np.quantile(found, part)) if found.size else 0.0 for part in (0.5, 0.99))
    return {"signs": count / gradient.size, "size_median": median, "size_99": most}


def largest_nissim(maps: np.ndarray, others: np.ndarray) -> float:
    """The largest dissimilarity between the clean heatmaps of both."""
    parts = [slice(begin, begin + AT_A_TIME) for begin in range(0, len(maps), AT_A_TIME)]
    return max(float(kax.metrics.nissim(np.array(maps[part]), np.array(others[part])).max()) for part in parts)


def render(rows: Iterable[dict[str, Any]]) -> str:
    """The tables: all networks in one, and the epsilons of the one with ImageNet weights."""
    from benchmarks.table import markdown

    rows = list(rows)
    header = [
        *("network", "way", "logits", "probabilities", "other predictions", "other signs", "their gradient"),
        *("clean heatmaps", "MOD"),
    ]
    clean = [
        [
            f"{NETWORKS[row['network']]}; {row['images']} crops",
            row["way"],
            f"{row['logits']:.1e}",
            f"{row['probabilities']:.1e}",
            f"{row['predictions']} of {row['images']}",
            f"{100 * row['signs']:.4f} %",
            f"{row['size_median']:.1e} ({row['size_99']:.1e})",
            f"{row['maps']:.1e}",
            f"{max(abs(item['mod_difference']) for item in row['epsilons']):.1e}",
        ]
        for row in rows
    ]
    attacked = [
        [
            f"{255 * item['epsilon']:g}/255",
            row["way"],
            f"{item['accuracy']:.3f}",
            f"{item['outcomes']} of {row['images']}",
            f"{item['mod']:.4f}",
            f"{item['mod_difference']:+.1e} ({item['low']:+.1e} to {item['high']:+.1e})",
            f"{item['nissim_median']:.1e}",
            f"{item['nissim_largest']:.1e}",
        ]
        for index in range(len(EPSILONS))
        for row in rows
        if row["network"] == next(iter(NETWORKS))
        for item in [row["epsilons"][index]]
    ]
    titles = [
        *("epsilon", "way", "accuracy", "other outcomes", "MOD", "difference of MOD (95 % interval)"),
        *("NISSIM of an image, median", "largest"),
    ]
    return f"{markdown(header, clean)}\n\n{markdown(titles, attacked)}"
