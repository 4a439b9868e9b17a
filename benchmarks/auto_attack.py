"""AutoAttack, the authors' own code, on a copy of a Keras model for PyTorch.

`pyautoattack` holds the files of https://github.com/fra31/auto-attack as a package: its attacks are the same but for
their import lines. It attacks PyTorch models, so the model is built there once more, with the same weights. PyTorch
and it are imported where they are used: the rest runs without them.
"""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np

from benchmarks.attackers import Run, Task


def full(task: Task, seed: int = 0) -> Run:
    """The standard version: APGD on cross-entropy, targeted APGD and FAB towards 9 classes, Square with 5,000 queries.

    Raises:
        RuntimeError: The copy's logits are not the model's.
    """
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # where TensorFlow has no GPU either
    import torch
    from pyautoattack import AutoAttack

    network = twin(task.model).eval()
    x = torch.tensor(np.moveaxis(task.x, -1, 1)).contiguous()
    with torch.no_grad():
        difference = np.abs(network(x).numpy() - task.model.predict(task.x, verbose=0)).max()
    if difference > 1e-3:
        raise RuntimeError(f"The logits of the copy differ by {difference:g}")
    labels = torch.tensor(task.y, dtype=torch.int64)

    def run() -> np.ndarray:
        attack = AutoAttack(network, norm={"linf": "Linf", "l2": "L2"}[task.norm], eps=task.epsilon, seed=seed)
        found, _ = attack.run_standard_evaluation(x, labels, batch_size=len(x))
        return np.ascontiguousarray(np.moveaxis(found.numpy(), 1, -1))

    return run


def twin(model: keras.Model) -> Any:
    """A `torch.nn.Sequential` with the layers and weights of a Keras model, for images with the channels first.

    Args:
        model: A `Sequential` of convolutions with padding "same", poolings by two, a flatten and dense layers.

    Raises:
        TypeError: It has other layers.
    """
    from torch import nn

    modules: list[Any] = []
    flat: tuple[int, ...] = ()
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            height, width, channels, filters = kernel.shape
            conv = nn.Conv2d(channels, filters, (height, width), padding="same")
            modules += _weighted(conv, kernel.transpose(3, 2, 0, 1), bias, layer)
        elif isinstance(layer, keras.layers.MaxPooling2D):
            modules.append(nn.MaxPool2d(2))
        elif isinstance(layer, keras.layers.Flatten):
            flat = layer.input.shape[1:]
            modules.append(nn.Flatten())
        elif isinstance(layer, keras.layers.Dense):
            kernel, bias = layer.get_weights()
            if flat:  # the rows in the order of the channels first
                kernel = np.moveaxis(kernel.reshape(*flat, -1), 2, 0).reshape(kernel.shape)
                flat = ()
            modules += _weighted(nn.Linear(*kernel.shape), kernel.T, bias, layer)
        else:
            raise TypeError(f"No copy of a layer of type {type(layer).__name__} is known")
    return nn.Sequential(*modules)


def _weighted(module: Any, kernel: np.ndarray, bias: np.ndarray, layer: keras.layers.Layer) -> list[Any]:
    """A module with the weights of a layer, and its activation."""
    import torch

    with torch.no_grad():
        module.weight.copy_(torch.tensor(np.ascontiguousarray(kernel)))
        module.bias.copy_(torch.tensor(bias))
    name = layer.activation.__name__
    if name not in ("relu", "linear"):
        raise TypeError(f"No copy of the activation {name!r} is known")
    return [module, torch.nn.ReLU()] if name == "relu" else [module]
