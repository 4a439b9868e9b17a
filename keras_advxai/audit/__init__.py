"""The audit: what runs the model and the attacks again, to check how reliable the figures of an evaluation are.

It is what `checks="all"` adds to an evaluation. It uses the classifier, the report and the first images, as anyone
with a report can.
"""

from __future__ import annotations

from keras_advxai.audit.audit import MOST_IMAGES, AuditError, audit
from keras_advxai.audit.context import CHECKS, AuditContext

# Checks speak in the order in which they are declared: first whether the model is the user's own, then whether its
# gradients tell the truth, then what the attacks find under other conditions, and then whether explanations depend on
# the model. So these are no matter of the alphabet.
# isort: split
from keras_advxai.audit import model

# isort: split
from keras_advxai.audit import gradients

# isort: split
from keras_advxai.audit import attacks

# isort: split
from keras_advxai.audit import explanations

# isort: split
from keras_advxai.audit.randomization import randomization

# isort: split
from keras_advxai.audit.run import read, run

__all__ = [
    "CHECKS",
    "MOST_IMAGES",
    "AuditContext",
    "AuditError",
    "attacks",
    "audit",
    "explanations",
    "gradients",
    "model",
    "randomization",
    "read",
    "run",
]
