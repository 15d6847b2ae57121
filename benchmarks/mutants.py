"""How strong the tests are: random changes of the code, and which of them no test sees.

A change alters one operator, one number or one returned value in evaluation,
resampling, results, merf or models. It is written into a copy of the checkout, and the
nearest tests run there: the file that mirrors the module, then those that name it, then
those of its folder, first the ones that ran fastest. The first failing test ends it.

    python -m benchmarks.mutants [--count 60] [--seed 1] [--only flexcv/x.py:12:...]

Prints a row per change. A change that no test sees may alter no behaviour: read it.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("evaluation", "resampling", "results", "merf", "models")
COPIED = ("flexcv", "tests", "pyproject.toml", "conftest.py", "examples", "guides")
SECONDS = 300  # of tests, for one change; one that takes longer counts as seen
NEAREST = 6  # files of tests that are run at most
FEW = 200  # characters of a change that are printed
SEEN, UNSEEN, ENDLESS = "seen", "NOT SEEN", "endless"

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module."""

    module: str
    line: int
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """Return its place and what becomes of it, in one line."""
        change = f"{self.before} -> {self.after}".replace("\n", " ")
        return f"{self.module}:{self.line}: {change[:FEW]}"


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Return every change of one module, in the order of its lines."""
    tree = ast.parse(source)
    return [
        Mutant(module, line, before, after, changed)
        for line, before, after, changed in _changes(tree, source)
    ]


def _changes(tree: ast.Module, source: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield line, old text, new text and new source of each change."""
    skipped = _of_no_behaviour(tree)
    for node in ast.walk(tree):
        if id(node) in skipped or not isinstance(node, ast.expr | ast.Return):
            continue
        for changed in _changed(node):
            before = ast.get_source_segment(source, node) or ""
            after = ast.unparse(changed)
            yield node.lineno, before, after, _replaced(source, node, after)


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a node."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield _with(node, op=OPERATORS[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=OPERATORS[type(node.op)]())
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        yield _with(node, ops=[OPERATORS[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Return) and _returns_something(node):
        yield ast.Return(ast.Constant(None))


def _returns_something(node: ast.Return) -> bool:
    nothing = isinstance(node.value, ast.Constant) and node.value.value is None
    return node.value is not None and not nothing


def _with(node: ast.AST, **parts: object) -> ast.AST:
    changed = copy.copy(node)
    for name, part in parts.items():
        setattr(changed, name, part)
    return changed


def _of_no_behaviour(tree: ast.Module) -> set[int]:
    """Return nodes that are annotations, words for people or for type checkers."""
    found: set[int] = set()
    for node in ast.walk(tree):
        for part in ("annotation", "returns", "exc"):
            whole = getattr(node, part, None)
            found |= {id(n) for n in ast.walk(whole)} if whole is not None else set()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            found |= {id(n) for n in ast.walk(node)}
        if isinstance(node, ast.JoinedStr):
            found |= {id(n) for n in ast.walk(node)}
        if isinstance(node, ast.keyword) and node.arg in ("strict", "stacklevel"):
            found |= {id(n) for n in ast.walk(node)}
        if isinstance(node, ast.Call) and "warn" in ast.unparse(node.func):
            found |= {id(n) for n in ast.walk(node)}
    return found


def _replaced(source: str, node: ast.expr | ast.Return, after: str) -> str:
    """Return the source with one node written anew; the rest stays as it is."""
    lines = source.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    assert node.end_lineno is not None and node.end_col_offset is not None
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    written = after if isinstance(node, ast.Return) else f"({after})"
    whole = source.encode()
    return (whole[:start] + written.encode() + whole[end:]).decode()


def sample(count: int, seed: int) -> list[Mutant]:
    """Draw changes, each module with a chance that grows with its size."""
    everything = [
        mutant
        for room in ROOMS
        for path in sorted((ROOT / "flexcv" / room).rglob("*.py"))
        for mutant in mutants_of(str(path.relative_to(ROOT)), path.read_text())
    ]
    return random.Random(seed).sample(everything, count)


def nearest_tests(module: str) -> list[Path]:
    """Return the files of tests near a module: its mirror, who names it, its folder."""
    inside = Path(module).relative_to("flexcv")
    mirror = ROOT / "tests" / inside.parent / f"test_{inside.stem.strip('_')}.py"
    dotted = ".".join(Path("flexcv", inside).with_suffix("").parts)
    package, name = dotted.rpartition(".")[::2]
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    texts = {file: file.read_text() for file in files}
    naming = [f for f in files if dotted in texts[f] or _takes(texts[f], package, name)]
    folder = [file for file in files if file.parent == mirror.parent]
    users = [file for file in files if package in texts[file]]
    above = [
        f
        for f in files
        if f.parent == mirror.parent.parent and inside.parts[0] in str(f)
    ]
    ordered = [mirror, *naming, *folder, *users, *above]
    there = [file for file in dict.fromkeys(ordered) if file in texts]
    return there[:NEAREST]


def _takes(text: str, package: str, name: str) -> bool:
    return f"from {package} import {name}" in text


def outcome(mutant: Mutant, place: Path) -> tuple[str, float]:
    """Write a change into a copy, run the nearest tests and take it back."""
    file = place / mutant.module
    before = file.read_text()
    file.write_text(mutant.source)
    started = time.perf_counter()
    try:
        found = _run(mutant, place)
    finally:
        file.write_text(before)
    return found, time.perf_counter() - started


def _run(mutant: Mutant, place: Path) -> str:
    tests = [str(file.relative_to(ROOT)) for file in nearest_tests(mutant.module)]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no"]
    command += ["-m", "not slow", "-p", "no:cacheprovider", *tests, mutant.module]
    environment = os.environ | {
        "PYTHONPATH": str(place),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(
            command, cwd=place, env=environment, timeout=SECONDS, capture_output=True
        )
    except subprocess.TimeoutExpired:
        return ENDLESS
    return UNSEEN if done.returncode == 0 else SEEN


def main() -> None:
    """Run a sample and print what was not seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="changes whose name holds this")
    asked = parser.parse_args()
    drawn = [m for m in sample(asked.count, asked.seed) if asked.only in m.name]
    tally = {SEEN: 0, UNSEEN: 0, ENDLESS: 0}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for part in COPIED:
            whole = ROOT / part
            copied = shutil.copytree if whole.is_dir() else shutil.copy
            copied(whole, place / part)
        for mutant in drawn:
            found, seconds = outcome(mutant, place)
            tally[found] += 1
            print(f"{found:8} {seconds:5.0f} s  {mutant.name}", flush=True)
    print(", ".join(f"{count} {found}" for found, count in tally.items()))


if __name__ == "__main__":
    main()
