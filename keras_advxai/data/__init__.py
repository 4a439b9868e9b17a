"""Data as they come: arrays, datasets, streams, folders of images."""

from keras_advxai.data.batches import Batches
from keras_advxai.data.fingerprint import Fingerprint, fingerprint
from keras_advxai.data.image_files import ImageFiles
from keras_advxai.data.loading import load
from keras_advxai.data.pictures import ImageFileError
from keras_advxai.data.shards import Shard
from keras_advxai.data.streams import first_inputs

__all__ = ["Batches", "Fingerprint", "ImageFileError", "ImageFiles", "Shard", "fingerprint", "first_inputs", "load"]
