"""Pictures of what an evaluation found, made with matplotlib and without its global state."""

from keras_advxai.figures.comparison import comparison
from keras_advxai.figures.confidence import confidence
from keras_advxai.figures.depth import depth
from keras_advxai.figures.drift import drift
from keras_advxai.figures.explanation import explanation
from keras_advxai.figures.overlay import overlay
from keras_advxai.figures.randomization import randomization
from keras_advxai.figures.scores import scores

__all__ = ["comparison", "confidence", "depth", "drift", "explanation", "overlay", "randomization", "scores"]
