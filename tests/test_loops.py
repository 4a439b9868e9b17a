"""Loops of the graph take one iteration at a time, and what stays a function of its own in them says so."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

import keras_advxai

ROOT = pathlib.Path(keras_advxai.__file__).parent
LOOPS = ("tf.while_loop", "tf.map_fn")
SIDE_BY_SIDE = {"attacks/uniform_noise.py": "which draws numbers, and makes no pass"}
"""Files whose loops may take several iterations at once, and why."""


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT).as_posix(), node


def test_no_loop_holds_the_activations_of_several_iterations():
    """TensorFlow runs up to ten iterations side by side, with the memory of ten passes."""
    loops = [(name, call) for name, call in calls() if ast.unparse(call.func) in LOOPS]
    assert len(loops) > 15
    several = [
        name
        for name, call in loops
        if [ast.unparse(item.value) for item in call.keywords if item.arg == "parallel_iterations"] != ["1"]
    ]
    assert several == list(SIDE_BY_SIDE)


def test_functions_that_stay_by_themselves_in_a_graph_are_not_inlined():
    """Inside of nested loops, oneDNN would miss some of their kernels, and pooling be 16 times slower."""
    given = [(name, item) for name, call in calls() for item in call.keywords if item.arg == "experimental_attributes"]
    assert len(given) > 4
    assert {ast.unparse(item.value) for _, item in given} == {"{'_noinline': True}"}
