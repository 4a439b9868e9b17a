"""Pictures of what an evaluation found, made with matplotlib and without its global state."""

from keras_advxai.figures.comparison import comparison
from keras_advxai.figures.confidence import confidence
from keras_advxai.figures.depth import depth
from keras_advxai.figures.drift import drift
from keras_advxai.figures.explanation import explanation
from keras_advxai.figures.models import models
from keras_advxai.figures.overlay import overlay
from keras_advxai.figures.randomization import randomization
from keras_advxai.figures.relative_depth import relative_depth
from keras_advxai.figures.scores import scores
from keras_advxai.figures.trade_off import trade_off

__all__ = [
    "comparison",
    "confidence",
    "depth",
    "drift",
    "explanation",
    "models",
    "overlay",
    "randomization",
    "relative_depth",
    "scores",
    "trade_off",
]
