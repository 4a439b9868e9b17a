"""The explainers of tf-keras-vis."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._choice import check_one_of
from keras_advxai._typing import Score, Shape, Tensor
from keras_advxai.contrib import engine
from keras_advxai.contrib.network import EXPLAINED, Network
from keras_advxai.explainers.explainer import Explainer
from keras_advxai.explainers.registry import register
from keras_advxai.models import Forward, ImageClassifier, LayerReference
from keras_advxai.models.heads import VALUES
from keras_advxai.models.inputs import check_number, check_whole_number
from keras_advxai.models.scores import SCORES

Method: TypeAlias = Literal["gradcam", "gradcam++", "layercam", "scorecam", "saliency", "smoothgrad"]

_CLASSES = {
    "gradcam": ("gradcam", "Gradcam"),
    "gradcam++": ("gradcam_plus_plus", "GradcamPlusPlus"),
    "layercam": ("layercam", "Layercam"),
    "scorecam": ("scorecam", "Scorecam"),
    "saliency": ("saliency", "Saliency"),
    "smoothgrad": ("saliency", "Saliency"),
}
_WITHOUT_LAYER = ("saliency", "smoothgrad")
_ONLY_FOR = {"smooth_samples": "smoothgrad", "smooth_noise": "smoothgrad", "seed": "smoothgrad", "max_N": "scorecam"}


@register
class TFKerasVis(Explainer):
    """The explainers of tf-keras-vis, by name, with the contract of ours.

    tf-keras-vis sees a model that takes images in image space and runs the user's, so that it works on nested,
    subclassed and compiled models as well, whose layers it cannot access by itself, and cannot change it. The maps
    are those that it makes before it upsamples and rescales them; that is done as for every explainer. It does not
    compute in the graph, which calls it: more slowly than the explainers of our own that there are for the same.

    Args:
        method: `"gradcam"`, `"gradcam++"` (with the weights of each channel divided by their sum, other than in the
            paper), `"layercam"`, `"scorecam"` (images under each channel of the activation as a mask, weighted by the
            probability of the class; one pass for each channel, and as many masked images in memory at once),
            `"saliency"` or `"smoothgrad"`. Defaults to `"gradcam"`.
        layer: The name of a layer with a spatial output, its path, or the layer itself. Not for `"saliency"` and
            `"smoothgrad"`. Defaults to the one that the model pools or flattens last.
        score: What is explained: `"logit"`, `"probability"` or `"centered_logit"`; see `Explainer`. `"scorecam"`
            applies a softmax to any of them. Defaults to `"logit"`.
        max_N: Faster Score-CAM: only this many channels, those that vary most, make masks. Only for `"scorecam"`.
            Defaults to `None`, for all.
        smooth_samples: How many noisy copies are made of each image. Only for `"smoothgrad"`. Defaults to 20.
        smooth_noise: The standard deviation of the noise, as a fraction of the difference between the largest and the
            smallest value of each image. Only for `"smoothgrad"`. Defaults to 0.2.
        seed: Seed of the noise. Only for `"smoothgrad"`. Defaults to 0.

    Raises:
        TypeError: `layer` is something else.
        ValueError: The method is unknown, or an argument is out of range or has no effect on the method.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((4, 4, 1)),
    ...     keras.layers.Conv2D(1, 1, kernel_initializer="ones", name="conv"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1.0, 2.0]])),
    ... ])
    >>> x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1) / 15
    >>> maps = kax.contrib.TFKerasVis("layercam")(net, x, targets=1)
    >>> bool(np.allclose(maps, x))
    True

    References:
        Kubota and contributors, "tf-keras-vis", 2019-2024. Wang et al., "Score-CAM: Score-weighted visual explanations
        for convolutional neural networks", CVPR workshops 2020.
    """

    def __init__(
        self,
        method: Method = "gradcam",
        *,
        layer: str | keras.Operation | None = None,
        score: Score = "logit",
        max_N: int | None = None,
        smooth_samples: int = 20,
        smooth_noise: float = 0.2,
        seed: int = 0,
    ) -> None:
        super().__init__(score=score)
        check_one_of("method", method, get_args(Method))
        if isinstance(layer, keras.Operation):
            layer = LayerReference(layer)
        if layer is not None and not isinstance(layer, str):
            raise TypeError(
                f"Argument `layer` must be the name or path of a layer, or the layer. Received: layer={layer!r}"
            )
        if layer is not None and method in _WITHOUT_LAYER:
            raise ValueError(f"Argument `layer` has no effect on the method {method!r}. Received: layer={layer!r}")
        self.method = method
        self.layer = layer
        self.max_N = None if max_N is None else check_whole_number("max_N", max_N, 1)
        self.smooth_samples = check_whole_number("smooth_samples", smooth_samples, 1)
        self.smooth_noise = check_number("smooth_noise", smooth_noise, 0)
        self.seed = check_whole_number("seed", seed, 0)
        self._check_effect()

    def _check_effect(self) -> None:
        defaults = {"smooth_samples": 20, "smooth_noise": 0.2, "seed": 0, "max_N": None}
        for name, method in _ONLY_FOR.items():
            value = getattr(self, name)
            if self.method != method and value != defaults[name]:
                raise ValueError(
                    f"Argument `{name}` has no effect on the method {self.method!r}, only on {method!r}. "
                    f"Received: {name}={value!r}"
                )

    @property
    def name(self) -> str:
        """Short name for reports and plots; see `Configuration.name`."""
        # A name holds letters, digits, dots and hyphens, so "gradcam++" would be "gradcam-".
        return super().name.replace("tf_keras_vis_gradcam-", "tf_keras_vis_gradcam_plus_plus")

    @property
    def differentiable(self) -> bool:
        """It computes with NumPy; see `Explainer.differentiable`."""
        return False

    @property
    def passes(self) -> int:
        """Passes for one image; Score-CAM's are taken for 256, without `max_N`. See `Explainer.passes`."""
        if self.method == "scorecam":
            return self.max_N or 256
        return self.smooth_samples if self.method == "smoothgrad" else 2

    def layers(self, model: ImageClassifier, shape: Shape = None) -> tuple[str, ...]:
        """The path of the explained layer, none for saliency; see `Explainer.layers`."""
        if self.method in _WITHOUT_LAYER:
            return ()
        try:
            return (model.layer_path(self.layer, shape),)
        except ValueError as error:
            if self.layer is not None:
                raise
            raise ValueError(
                f"{error} {type(self).__name__}({self.method!r}) looks at such a layer; "
                "kax.explainers.IntegratedGradients() and kax.explainers.Saliency() need none."
            ) from error

    def check(self, model: ImageClassifier, images: Tensor) -> None:
        """Raise for what Score-CAM cannot mask; see `Explainer.check`."""
        if self.method != "scorecam":
            return
        shape = images.shape[1:]
        (layer,) = self.layers(model, shape)
        found = model.topology(shape)
        seen = next(info.shape for info in found.layers if info.name == layer)
        problem = ""
        if found.grid is not None or found.channel != len(shape):
            problem = f"masks images with the channels last. Received: images of shape {tuple(images.shape)}"
        elif len(seen) != len(shape):
            problem = f"makes masks of maps with the images' dimensions. Received: layer {layer!r} with {seen}"
        elif self.max_N is not None and seen[-1] is not None and self.max_N > seen[-1]:
            raise ValueError(
                f"Argument `max_N` must be at most {seen[-1]}, the channels of layer {layer!r}. Received: "
                f"max_N={self.max_N}"
            )
        if problem:
            raise ValueError(
                f"The Score-CAM of tf-keras-vis {problem}. kax.explainers.GradCAM() and TFKerasVis('gradcam') explain "
                "this model."
            )

    def heatmap(self, attributions: Tensor) -> Tensor:
        """The largest absolute value over the channels; see `Explainer.heatmap`."""
        return tf.reduce_max(tf.abs(attributions), axis=-1, keepdims=True)

    def attribute(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The map at the layer's own size, or something shaped as the images; see `Explainer.attribute`."""
        layer = next(iter(self.layers(model, x.shape[1:])), None)
        if self.method != "scorecam":
            # Raises while it is traced, with the layer that stops the gradient, and not in the graph that runs later.
            forward.gradient(SCORES[self.score], targets, wrt=layer)
        shape = x.shape if layer is None else [*forward.activation(layer).shape[:-1], 1]
        maps = engine.run(model, self, lambda: _Explanation(self, forward, layer), forward.inputs, targets)
        return tf.ensure_shape(maps, shape)


class _Explanation:
    """An explainer of tf-keras-vis and the stand-in that it was made for.

    Args:
        explainer: The configuration.
        forward: A pass over images like those that will be explained. It is not kept.
        layer: The path of the explained layer, if there is one.
    """

    def __init__(self, explainer: TFKerasVis, forward: Forward, layer: str | None) -> None:
        values = VALUES[explainer.score]
        if explainer.method == "scorecam" and explainer.score != "probability":
            # Score-CAM applies a softmax by itself. Of the scores of one sigmoid unit, (-z, z), it would make those of
            # twice the logit; of its logits, (0, z), it makes the probabilities. Centred or not is the same to it.
            values = "logits"
        self._explainer = explainer
        self._network = Network(forward, values, layer)
        self._engine = _engine(explainer.method)(self._network.model)

    def __call__(self, inputs: Any, targets: np.ndarray) -> np.ndarray:
        """Maps `(batch, h, w, 1)`, or for saliency shaped as the images."""
        if self._explainer.method != "scorecam":
            return self._some(inputs, targets)
        # A batch would multiply the masked images, of which one image has as many as the layer has channels: 2048 in a
        # ResNet50, 1.2 GB at 224x224x3.
        every = [slice(index, index + 1) for index in range(len(targets))]
        return np.concatenate([self._some(engine.rows(inputs, one), targets[one]) for one in every])

    def _some(self, inputs: Any, targets: np.ndarray) -> np.ndarray:
        method, max_N = self._explainer.method, self._explainer.max_N
        with self._network.running(inputs) as images:
            if method == "saliency":
                return self._saliency(images, targets)
            if method == "smoothgrad":
                return self._smoothed(images, targets)
            maps = self._engine(
                functools.partial(_score, targets=targets, shifted=method == "gradcam++"),
                images,
                # Enlarging and rescaling is done as for every explainer; tf-keras-vis would search for a convolution
                # where the layer is none, and enlarge in another way than bilinearly.
                penultimate_layer=EXPLAINED,
                seek_penultimate_conv_layer=False,
                expand_cam=False,
                normalize_cam=False,
                **({"max_N": max_N} if method == "scorecam" else {}),
            )
        return np.asarray(maps)[..., None]

    def _saliency(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        score = functools.partial(_score, targets=targets)
        return np.asarray(self._engine(score, images, keepdims=True, normalize_map=False))

    def _smoothed(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The mean over noisy images, as tf-keras-vis takes it, with the same noise for all images.

        Its own noise would come from NumPy's global generator, and depend on the other images of the batch.
        """
        explainer = self._explainer
        axes = tuple(range(1, images.ndim))
        width = images.max(axis=axes, keepdims=True) - images.min(axis=axes, keepdims=True)
        generator = np.random.RandomState(explainer.seed)
        total = np.zeros_like(images)
        for _ in range(explainer.smooth_samples):
            noise = generator.normal(size=images.shape[1:]) * (explainer.smooth_noise * width)
            total += self._saliency(images + noise.astype("float32"), targets)
        return total / explainer.smooth_samples


def _score(output: Tensor, targets: np.ndarray, shifted: bool = False) -> Tensor:
    """The value of each image's target.

    Args:
        output: The scores of the classes, `(batch, classes)`.
        targets: The class of each image.
        shifted: Whether the value is zero, with the same gradient. Grad-CAM++ of tf-keras-vis takes the exponential of
            the value, which is infinite for a logit of 89; a factor for each image divides out in its weights.
    """
    found = tf.gather(output, targets, batch_dims=1)
    return found - tf.stop_gradient(found) if shifted else found


def _engine(method: str) -> Callable[[keras.Model], Callable[..., Any]]:
    module, name = _CLASSES[method]
    with warnings.catch_warnings():
        # tf-keras-vis 0.8.7 imports `zoom` from a namespace of SciPy that is deprecated.
        warnings.filterwarnings("ignore", "Please import `zoom`", DeprecationWarning)
        found: Callable[[keras.Model], Callable[..., Any]] = getattr(
            importlib.import_module(f"tf_keras_vis.{module}"), name
        )
    return found
