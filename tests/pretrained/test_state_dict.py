"""A file of weights is data: nothing that it names is looked up but what tensors need."""

from __future__ import annotations

import collections
import os
import pickle

import numpy as np
import pytest

from keras_advxai.pretrained.state_dict import read_state_dict

MAGIC = 0x1950A86A20F9469CFC6C


class Named:
    """Pickles as a call of any function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.system, eval, print, collections.Counter, np.dtype])
def test_every_other_name_is_refused(function, tmp_path):
    trace = tmp_path / "ran"
    content = pickle.dumps(Named(function, f"touch {trace}"))
    for place in range(3):
        parts = [pickle.dumps(item) for item in (MAGIC, 1001, {})]
        parts[place] = content
        with pytest.raises(ValueError, match=r"^The weights cannot be read: .* does not belong into a dictionary of"):
            read_state_dict(b"".join(parts))
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps(1) * 3, pickle.dumps(MAGIC) * 2])
def test_other_files_are_refused(content):
    with pytest.raises(ValueError, match="The weights cannot be read: "):
        read_state_dict(content)
