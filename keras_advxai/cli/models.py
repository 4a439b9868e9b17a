"""From the options to a model, its bounds and the names of its classes."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from typing import TYPE_CHECKING, Any

from keras_advxai._choice import nearest
from keras_advxai.cli.choosing import name_or_number
from keras_advxai.cli.failing import OPTION_OF, Failure, is_ours, one_line, printable

if TYPE_CHECKING:
    from keras_advxai.models import ImageClassifier

PRETRAINED = ("efficientnet_lite0",)
"""The models of `kax.pretrained`."""

PIXELS = (0.0, 255.0)
_PUBLISHED = "imagenet"
"""What `--weights` says unless it is given: the published weights, or those that a file has."""

_IMAGENET = 1000
_SEEN = ("preprocess", "bounds", "task", "labels", "from_logits", "model_output", "fold_batch_norm", "jit_compile")


def seen_as(options: dict[str, Any]) -> dict[str, Any]:
    """What the options of a command say of its model, as `load` takes it.

    Args:
        options: What the options give.
    """
    return {key: options[key] for key in ("weights", "unsafe", *_SEEN) if key in options}


def check_file(name: str) -> None:
    """Raise where `--model` can only mean a file, and there is none, before TensorFlow is loaded.

    Args:
        name: What `--model` says.

    Raises:
        Failure: There is no such file.
    """
    path = pathlib.Path(name).expanduser()
    # Applications have no dot in their names, and of a function there is a module in front.
    if ":" in name or not (path.suffix or len(path.parts) > 1) or os.path.exists(path):
        return
    beside = os.listdir(path.parent) if os.path.isdir(path.parent) else []
    raise Failure(f"There is no model {printable(name[:200])!r}: no such file.{nearest(path.name, beside)}")


def load(
    name: str, *, weights: str = _PUBLISHED, unsafe: bool = False, of_files: bool = True, **seen: Any
) -> ImageClassifier:
    """The classifier that the options mean.

    Args:
        name: What `--model` says.
        weights: What `--weights` says. Defaults to `"imagenet"`.
        unsafe: Whether code in a file may be run. Defaults to `False`.
        of_files: Whether the images are files of pixels, in [0, 255] unless `bounds` says otherwise. Defaults to
            `True`.
        **seen: What the options say of how the model is seen, such as `--preprocess`; `None` for what is not
            said.

    Raises:
        Failure: Nothing is loaded; the message says why.
    """
    import keras_advxai as kax

    if name in PRETRAINED:
        _check_own(name, seen.get("preprocess"), weights)
    said = {"output": name_or_number(seen.pop("model_output", None)), **seen}
    settings = given = {key: value for key, value in said.items() if value is not None}
    if name in PRETRAINED:
        model = getattr(kax.pretrained, name)()
        return kax.ImageClassifier(model, **{"bounds": PIXELS, **settings})
    if of_files:
        settings = {"bounds": PIXELS, **settings}
    close = nearest(name, PRETRAINED, 0.8)
    if close and not is_application(name) and not pathlib.Path(name).expanduser().exists():
        raise Failure(f"There is no model {name!r}.{close}")
    wanted = {"none": None}.get(weights.lower(), weights)
    try:
        found: ImageClassifier = kax.load_model(name, weights=wanted, unsafe=unsafe, **settings)
    except Exception as error:
        if is_ours(error):
            raise
        # Of a function of the user's, which may do anything.
        raise Failure(f"The model {name} failed: {type(error).__name__}: {one_line(str(error))}") from error
    # A function may return a classifier, which has its own.
    for key, value in given.items():
        if getattr(found, key) != value:
            raise Failure(f"The classifier that {name} returns has {key} of its own: leave out {OPTION_OF[key]}.")
    return found


def _check_own(name: str, preprocess: str | None, weights: str) -> None:
    """Raise for what a model of `kax.pretrained` has by itself."""
    if preprocess is not None:
        raise Failure(f"{name} preprocesses its images by itself: leave out --preprocess. Received: {preprocess}")
    if weights.lower() != _PUBLISHED:
        raise Failure(f"{name} has its own weights: leave out --weights. Received: {weights}")


def names_of_classes(
    path: pathlib.Path | str | None, classifier: ImageClassifier, name: str, weights: str
) -> tuple[str, ...] | None:
    """The names of the classes: of a file, or of ImageNet's where the weights are; `None` where nobody knows.

    Args:
        path: What `--class-names` says: a file, or `"imagenet"` for a model file of one's own with these classes.
        classifier: The classifier.
        name: What `--model` says.
        weights: What `--weights` says.

    Raises:
        Failure: The file does not hold a name for each class.
    """
    classes = classifier.classes
    if path is None:
        by_name = name in PRETRAINED or (is_application(name) and weights == "imagenet")
        if by_name and classes == _IMAGENET:
            with contextlib.suppress(Failure):  # of a package that is not there; numbers will do
                return _imagenet_names()
        return None
    names = _imagenet_names() if path == _PUBLISHED else _read_names(pathlib.Path(path))
    if len(names) != classes:
        raise Failure(f"--class-names: {path} has {len(names)} names, and the model has {classes} classes.")
    return names


def is_application(name: str) -> bool:
    """Whether a name is that of a model of `keras.applications`."""
    import keras

    return name[:1].isupper() and callable(getattr(keras.applications, name, None))


def _imagenet_names() -> tuple[str, ...]:
    from keras_advxai.pretrained import imagenet_class_names

    try:
        return imagenet_class_names()
    except ImportError as error:
        raise Failure(f"--class-names imagenet: {error}") from error


def _read_names(path: pathlib.Path) -> tuple[str, ...]:
    """Names from a text with a line for each, or a JSON list or dictionary, such as Keras' `imagenet_class_index`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() != ".json":
            return tuple(line.strip() for line in text.splitlines() if line.strip())
        found = json.loads(text)
        if isinstance(found, dict):
            found = [found[str(index)] for index in range(len(found))]
        return tuple(str(item[-1] if isinstance(item, list) else item) for item in found)
    except (UnicodeDecodeError, ValueError, TypeError, KeyError) as error:
        raise Failure(
            f"--class-names: {path} must be text with a line for each class, or the JSON of a list or of a dictionary "
            f"by number: {error}"
        ) from error
