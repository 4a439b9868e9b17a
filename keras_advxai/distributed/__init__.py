"""Evaluations on several machines, by an engine that has them."""

from keras_advxai.distributed.ray_runner import RayRunner

__all__ = ["RayRunner"]
