"""What the tests of TensorBoard's logs share."""

from __future__ import annotations

import pytest
from written_training import write_training


@pytest.fixture(scope="session")
def log_dir(tmp_path_factory):
    """A training of two epochs, which nobody changes."""
    path = tmp_path_factory.mktemp("logs")
    write_training(path)
    return path
