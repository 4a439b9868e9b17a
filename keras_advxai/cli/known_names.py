"""The names of attacks, explainers and dissimilarities, for who asks before TensorFlow is loaded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from keras_advxai._choice import nearest
from keras_advxai.cli.failing import Failure, printable

KNOWN = {
    "attack": (
        *("bim", "clever_hans", "ddn", "deep_fool", "ensemble", "explanation_pgd", "fgsm", "mifgsm"),
        *("multi_target_pgd", "pgd", "quick", "sign_noise", "spsa", "square", "standard", "uniform_noise"),
    ),
    "explainer": (
        *("alibi_integrated_gradients", "grad_cam", "grad_cam_plus_plus", "hi_res_cam", "integrated_gradients"),
        *("layer_cam", "saliency", "score_cam", "smooth_grad", "tf_keras_vis"),
    ),
    "metric": ("center_shift", "cosine_distance", "nissim", "rank_distance", "top_k_distance"),
}
"""Those that this package registers, by the option that takes them."""

CORRUPTIONS = (
    *("gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    *("snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression"),
    *("speckle_noise", "gaussian_blur", "spatter", "saturate", "common_corruptions"),
)
"""What may be named among several attacks, too."""


def check_names(options: dict[str, Any], sources: Sequence[str]) -> None:
    """Raise for a name that nothing has, in seconds less than it takes to ask the registries.

    Args:
        options: What the options of a command give.
        sources: What models are loaded from. The module of a function may register names of its own.

    Raises:
        Failure: There is no such attack, explainer or dissimilarity.
    """
    if any(":" in source for source in sources):
        return
    for kind, names in KNOWN.items():
        given = options.get(f"{kind}s", options.get(kind, ()))
        others = {"explainer": ("none",), "attack": CORRUPTIONS if "attacks" in options else ()}.get(kind, ())
        squeezed = {_squeezed(name) for name in (*names, *others)}
        for text in (given,) if isinstance(given, str) else given:
            name = text.partition(":")[0]
            if _squeezed(name) not in squeezed:
                what = "dissimilarity" if kind == "metric" else kind
                raise Failure(
                    f"Unknown {what} {printable(name[:200])!r}.{nearest(name, (*names, *others))} Known: "
                    f"{', '.join(names)}. See keras-advxai {kind}s."
                )


def _squeezed(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()
