"""Changes a place of the package at a time, and counts how many of the changes a test notices.

`make mutants` runs it. What is not noticed is a test that is missing, code that is not needed, or a change that changes
nothing; `survivors` lists them. The operators are those of cosmic-ray. Each place is changed once, in one of the ways
that it may be, and places are drawn at random: so the first hundred of a sample are a sample, too, and a run that was
stopped goes on where it was. TensorFlow is imported once, and each mutant is a fork.

    python tests/mutants.py run FOLDER [--count 500] [--seed 0] [--share 0/2]
    python tests/mutants.py survivors FOLDER
    python tests/mutants.py again FOLDER NUMBER ...
"""

from __future__ import annotations

import argparse
import ast
import difflib
import fnmatch
import importlib
import json
import os
import random
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mutants_tests
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators import provider

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("ops", "metrics", "attacks", "explainers", "measurements")
KINDS = (("killed",), ("killed", "survived"))
CPU_SECONDS = 150
"""Of one set of tests, before a mutant counts as one that does not end."""
COPIED = ("keras_advxai", "keras_advxai_tensorboard.py", "tests", "benchmarks", "pyproject.toml", "setup.cfg")
ARITHMETIC = {
    ("Add", "Sub"), ("Sub", "Add"), ("Mul", "Div"), ("Div", "Mul"), ("Mod", "Mul"), ("Pow", "Mul"), ("FloorDiv", "Mul"),
    ("BitOr", "BitAnd"), ("BitAnd", "BitOr"), ("BitXor", "BitAnd"), ("LShift", "RShift"), ("RShift", "LShift"),
}  # fmt: skip
"""Of all replacements of an operator, those that are not an error of types."""
DECLARATIONS = ("@override", "@overload", "@abstractmethod", "@final")


def family(name: str) -> str | None:
    """What one place is changed in only once, or `None` for what is not done."""
    for kind in ("ReplaceBinaryOperator", "ReplaceComparisonOperator", "ReplaceUnaryOperator"):
        if name.startswith(kind):
            if kind == "ReplaceBinaryOperator" and tuple(name.split("_")[1:]) not in ARITHMETIC:
                return None
            return kind
    return None if name.startswith("Variable") else name


def annotated(source: str) -> set[int]:
    """The characters of annotations, of what is for type checkers only, and of literal types."""
    places: set[int] = set()
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))

    def cover(node: ast.AST) -> None:
        first, last = lines[node.lineno - 1] + node.col_offset, lines[node.end_lineno - 1] + node.end_col_offset
        places.update(range(first, last))

    for node in ast.walk(ast.parse(source)):
        found = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            found.append(node)
        if isinstance(node, ast.Assign) and "Literal[" in ast.unparse(node.value):
            found.append(node)
        for part in found:
            if isinstance(part, ast.AST):
                cover(part)
    return places


def places(file: Path) -> Iterator[tuple[tuple[Any, ...], tuple[str, int]]]:
    """Every place of a file that can be changed, each operator that changes it, and the number of its occurrence."""
    source = file.read_text()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    left_out = annotated(source)
    nodes = list(ast_nodes(get_ast(source)))
    for name, operator_class in provider._OPERATORS.items():
        kind = family(name)
        if kind is None:
            continue
        operator, count = operator_class(), 0
        for node in nodes:
            for start, _ in operator.mutation_positions(node):
                declared = kind == "RemoveDecorator" and node.get_code().strip().startswith(DECLARATIONS)
                if starts[start[0] - 1] + start[1] not in left_out and not declared:
                    yield (str(file.relative_to(ROOT)), *start, kind), (name, count)
                count += 1


def sample(seed: int) -> list[dict[str, Any]]:
    """All places in a random order, each with one way to change it."""
    ways: dict[tuple[Any, ...], list[str]] = {}
    for room in ROOMS:
        for file in sorted((ROOT / "keras_advxai" / room).glob("*.py")):
            for place, (name, _) in places(file):
                ways.setdefault(place, []).append(name)
    drawn = random.Random(seed)
    order = sorted(ways)
    drawn.shuffle(order)
    keys = ("file", "line", "column", "kind")
    found = [
        dict(zip(keys, place, strict=True), number=number, way=drawn.choice(ways[place]))
        for number, place in enumerate(order)
    ]
    return [
        {**mutant, "code": (ROOT / mutant["file"]).read_text().splitlines()[mutant["line"] - 1]} for mutant in found
    ]


def mutated(mutant: dict[str, Any]) -> tuple[str, str] | None:
    """The source as it is, and changed; `None` where the line is no more. It may have moved since it was drawn."""
    file = ROOT / mutant["file"]
    source = file.read_text()
    lines = source.splitlines()
    same = [
        (abs(place[1] - mutant["line"]), count)
        for place, (name, count) in places(file)
        if (name, place[2], lines[place[1] - 1]) == (mutant["way"], mutant["column"], mutant["code"])
    ]
    if not same:
        return None
    changed = mutate_code(source, provider._OPERATORS[mutant["way"]](), min(same)[1])
    assert changed is not None, mutant
    return source, changed


def difference(source: str, changed: str) -> str:
    lines = difflib.unified_diff(source.splitlines(), changed.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def test_file(name: str) -> str:
    """A file, or one test in it."""
    file, *test = name.split("::")
    folder, slash, stem = file.rpartition("/")
    return "::test_".join([f"tests/{folder}{slash}test_{stem}.py", *test])


def run_tests(names: str, log: Path) -> tuple[str, float]:
    """What becomes of these tests, in a process of its own, and the seconds that it took."""
    child = os.fork()
    if not child:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        import pytest

        options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", "--unoptimized", "--tb=line"]
        os._exit(int(pytest.main([*options, *map(test_file, names.split())])))
    _, status, used = os.wait4(child, 0)
    if os.WIFSIGNALED(status):
        return f"ended by signal {os.WTERMSIG(status)}", used.ru_utime + used.ru_stime
    code = os.waitstatus_to_exitcode(status)
    return {0: "passed", 5: "nothing selected"}.get(code, f"failed with {code}"), used.ru_utime + used.ru_stime


def stages(file: str) -> list[str]:
    """The sets of tests for a module, those that are likely to notice first."""
    name = file.removeprefix("keras_advxai/").removesuffix(".py")
    for pattern, sets in mutants_tests.SETS.items():
        if fnmatch.fnmatch(name, pattern):
            # The tests of its own name, whichever pattern it falls under: a module that is new has them.
            own = (ROOT / test_file(name)).exists() and name not in " ".join(sets).split()
            return [*([name] if own else []), *sets, mutants_tests.EVERYWHERE]
    raise KeyError(f"{name} has no tests in tests/mutants_tests.py")


def first_failure(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return next((line for line in lines if line.startswith(("FAILED", "ERROR", "E   "))), lines[-1] if lines else "")


def judge(mutant: dict[str, Any], tree: Path) -> dict[str, Any]:
    """Whether its tests notice it, by which, and in how many seconds."""
    sources = mutated(mutant)
    if sources is None:
        return {**mutant, "outcome": "gone"}
    source, changed = sources
    file = tree / mutant["file"]
    seconds, outcome, log = 0.0, "survived", tree / "log"
    try:
        write(file, changed)
        for names in stages(mutant["file"]):
            found, took = run_tests(names, log)
            seconds += took
            if found not in ("passed", "nothing selected"):
                outcome = "killed"
                break
    finally:
        write(file, source)
    by = first_failure(log)[:300] if outcome == "killed" else ""
    return {
        **mutant,
        "outcome": outcome,
        "found": found,
        "by": by,
        "seconds": round(seconds, 1),
        "diff": difference(source, changed),
    }


def write(file: Path, text: str) -> None:
    """With a time of its own, so that no compiled file of another mutant is taken for this one's."""
    file.write_text(text)
    os.utime(file, ns=(time.time_ns(), next(TIMES)))


TIMES = iter(range(10**18, 2 * 10**18, 10**9))


def copied(folder: Path) -> Path:
    """A copy of what the tests need, in which modules are changed."""
    for name in COPIED:
        target = folder / name
        if (ROOT / name).is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        elif (ROOT / name).exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    return folder


def import_others() -> None:
    """What is not ours and takes long, once."""
    for name in ("tensorflow", "keras", "matplotlib.pyplot", "pandas", "pytest", "scipy.stats", "skimage.metrics"):
        importlib.import_module(name)


def results(folder: Path) -> dict[int, dict[str, Any]]:
    """By their numbers; of what was run again, the last."""
    found = {}
    for file in sorted(folder.glob("results-*.jsonl"), key=lambda file: file.stat().st_mtime):
        for line in file.read_text().splitlines():
            result = json.loads(line)
            found[result["number"]] = result
    return found


def run(folder: Path, mutants: list[dict[str, Any]], name: str) -> None:
    tree = copied(folder / f"tree-{name}")
    os.chdir(tree)
    sys.path[:0] = [str(tree), str(tree / "tests")]
    import_others()
    for mutant in mutants:
        result = judge(mutant, tree)
        with (folder / f"results-{name}.jsonl").open("a") as file:
            file.write(json.dumps(result) + "\n")


def say(found: dict[int, dict[str, Any]]) -> None:
    """Numbers of each room, and the survivors."""
    counts = Counter((result["file"].split("/")[1], result["outcome"]) for result in found.values())
    for room in ROOMS:
        killed, survived = counts[room, "killed"], counts[room, "survived"]
        print(f"{room}: {killed} of {killed + survived} killed")
    killed, all_of_them = (sum(count for (_, outcome), count in counts.items() if outcome in of) for of in KINDS)
    print(f"all: {killed} of {all_of_them} killed, {killed / max(all_of_them, 1):.1%}\n")
    for number, result in sorted(found.items()):
        if result["outcome"] == "survived":
            print(f"{number}: {result['file']}:{result['line']} {result['way']}\n{result['diff']}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["run", "survivors", "again"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("numbers", nargs="*", type=int)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", default="0/1")
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    drawn = folder / "sample.json"
    if not drawn.exists():
        drawn.write_text(json.dumps(sample(given.seed)))
    mutants = json.loads(drawn.read_text())
    part, parts = map(int, given.share.split("/"))
    done = results(folder)
    if given.command == "run":
        chosen = [mutant for mutant in mutants[: given.count][part::parts] if mutant["number"] not in done]
        run(folder, chosen, str(part))
    elif given.command == "again":
        run(folder, [mutants[number] for number in given.numbers], "again")
    say(results(folder))


if __name__ == "__main__":
    main()
