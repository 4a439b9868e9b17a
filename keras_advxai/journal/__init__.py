"""The parts of an evaluation on the disk, so that one that was stopped goes on where it was."""

from keras_advxai.journal.errors import JournalError
from keras_advxai.journal.journal import Journal

__all__ = ["Journal", "JournalError"]
