"""Executes notebooks and writes them with their outputs: python tests/notebooks.py examples [folder]."""

from __future__ import annotations

import pathlib
import sys
import tempfile

import nbformat
from nbclient import NotebookClient

TIMEOUT = 600
"""Seconds that a cell may take."""


def execute(path: pathlib.Path) -> nbformat.NotebookNode:
    """A notebook with the outputs of all cells, but for those with the tag `skip-execution`.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raised.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:  # where the cells write their logs
        client = NotebookClient(
            notebook, timeout=TIMEOUT, resources={"metadata": {"path": folder}}, record_timing=False
        )
        client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":  # TensorFlow's messages about this machine
            cell.outputs = [item for item in cell.outputs if item.get("name") != "stderr"]
    notebook.metadata.language_info = {"name": "python"}
    return notebook


if __name__ == "__main__":
    source, *others = (pathlib.Path(argument) for argument in sys.argv[1:])
    for path in sorted(source.glob("*.ipynb")):
        nbformat.write(execute(path), (others or [source])[0] / path.name)
