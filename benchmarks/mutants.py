"""How strong the tests are: random changes of the code, and which of them no test sees.

A change alters one operator, one number or one returned value in evaluation,
resampling, results, merf or models. First the tests run once, unchanged, to learn which
of them run which line, and what each takes. Then each change is written into a copy of
the checkout, and the tests that run its line are run there, fastest first, until one
fails; a change of which none fails, within SECONDS of tests, was not seen.

    python -m benchmarks.mutants [--count 60] [--seed 1] [--lines FILE] [--only TEXT]

Prints a row per change. One that no test sees may alter no behaviour: read it.
``--lines`` keeps what the first step learned in a file, or reads it from there;
``--only`` keeps the drawn changes whose row would hold a text.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from coverage import CoverageData

ROOT = Path(__file__).parents[1]
ROOMS = ("evaluation", "resampling", "results", "merf", "models")
COPIED = ("flexcv", "tests", "pyproject.toml", "conftest.py", "examples", "guides")
SECONDS = 30.0  # of tests for one change
BROKEN = 70  # the exit of a process that pytest did not end itself
LONGEST = 300.0  # seconds after which a change is endless
PRELOADED = ("sklearn.ensemble", "statsmodels.api", "optuna", "matplotlib.figure")
MOST_TESTS = 300  # for one change
SEEN, UNSEEN, ENDLESS, UNRUN = "seen", "NOT SEEN", "endless", "NOT RUN"
ENDS = {0: UNSEEN, 1: SEEN, None: ENDLESS}  # of pytest; others ask for a second look
IMPORTED = "ignore::pytest.PytestAssertRewriteWarning"  # of plugins, before the fork
NEAR = ["-x", "-p", "no:cacheprovider", "-W", IMPORTED, "@near"]
CHOSEN = ("-m", "not slow and not reference")
RECORDED = ("--cov=flexcv", "--cov-context=test", "--cov-report=")

PAIRS: tuple[tuple[type[ast.AST], type[ast.AST]], ...] = (
    *((ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.And, ast.Or)),
    *((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq)),
    *((ast.Is, ast.IsNot), (ast.In, ast.NotIn)),
)
ONE_WAY = dict.fromkeys((ast.Pow, ast.FloorDiv, ast.MatMult), ast.Mult)
OPERATORS = dict(PAIRS) | {after: before for before, after in PAIRS} | ONE_WAY


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
        return f"{self.module}:{self.line}: {change[:160]}"


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
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in OPERATORS:
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
    last, column = node.end_lineno or node.lineno, node.end_col_offset or 0
    end = sum(map(len, lines[: last - 1])) + column
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


@dataclass(frozen=True, slots=True)
class Lines:
    """Which tests run which line, and what each test takes."""

    tests: dict[str, dict[str, list[str]]]  # module -> line -> names of tests
    seconds: dict[str, float]

    def near(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the changed line, the fastest first.

        A line that runs at import has none of its own; all tests of its module run it.
        """
        of_module = self.tests.get(mutant.module, {})
        found = set(of_module.get(str(mutant.line), ())) or {
            name for names in of_module.values() for name in names
        }
        taken, spent = [], 0.0
        for name in sorted(found, key=lambda name: self.seconds.get(name, 0.1)):
            spent += self.seconds.get(name, 0.1)
            if taken and (spent > SECONDS or len(taken) == MOST_TESTS):
                break
            taken.append(name)
        return taken


def learned(place: Path) -> Lines:
    """Run all tests once in a copy and return which lines they run."""
    _pytest(place, ["tests", "flexcv", *CHOSEN, *RECORDED])
    data = CoverageData(str(place / ".coverage"))
    data.read()
    tests: dict[str, dict[str, list[str]]] = {}
    for file in data.measured_files():
        lines = data.contexts_by_lineno(file).items()
        module = str(Path(file).relative_to(place))
        tests[module] = {str(line): _names(contexts) for line, contexts in lines}
    remembered = place / ".pytest_cache" / "v" / "flexcv" / "seconds"
    return Lines(tests, json.loads(remembered.read_text()))


def _names(contexts: list[str]) -> list[str]:
    """Return the tests of some contexts, whose names end in the phase of a test."""
    return sorted({context.rpartition("|")[0] for context in contexts if context})


def outcome(mutant: Mutant, place: Path, lines: Lines) -> str:
    """Write a change into a copy, run the tests near it and take it back."""
    tests = lines.near(mutant)
    if not tests:
        return UNRUN
    (place / "near").write_text("\n".join(tests))
    file = place / mutant.module
    before = file.read_text()
    file.write_text(mutant.source)
    found = _pytest(place, NEAR, LONGEST)
    file.write_text(before)
    if found not in ENDS and _pytest(place, NEAR) != 0:
        raise SystemExit(f"tests near {mutant.name} fail without it; renew --lines.")
    return ENDS.get(found, SEEN)


def _pytest(place: Path, arguments: list[str], seconds: float = 1e9) -> int | None:
    """Run pytest in a fork, which has imported much already; None if it did not end."""
    child = os.fork()
    if child == 0:
        status = BROKEN
        try:
            status = _run_here(place, arguments)
        finally:
            os._exit(status)  # nothing of this process is to be ended or removed
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run_here(place: Path, arguments: list[str]) -> int:
    os.chdir(place)
    os.environ["PYTHONPATH"] = str(place)
    sys.path.insert(0, str(place))
    sys.dont_write_bytecode = True  # a file that changes twice a second looks the same
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return int(pytest.main(["-q", "--no-header", "--tb=no", *arguments]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", type=Path, help="what tests run which lines")
    parser.add_argument("--only", default="", help="changes whose row holds this")
    asked = parser.parse_args()
    drawn = [m for m in sample(asked.count, asked.seed) if asked.only in m.name]
    for package in PRELOADED:
        importlib.import_module(package)
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        place = _copy(Path(folder))
        lines = _lines(place, asked.lines)
        for mutant in drawn:
            started = time.perf_counter()
            found = outcome(mutant, place, lines)
            tally[found] += 1
            seconds = time.perf_counter() - started
            print(f"{found:8} {seconds:5.0f} s  {mutant.name}", flush=True)
    print(", ".join(f"{count} {found}" for found, count in tally.items()))


def _copy(place: Path) -> Path:
    for part in COPIED:
        whole = ROOT / part
        copied = shutil.copytree if whole.is_dir() else shutil.copy
        copied(whole, place / part)
    return place


def _lines(place: Path, kept: Path | None) -> Lines:
    if kept is not None and kept.exists():
        return Lines(**json.loads(kept.read_text()))
    lines = learned(place)
    if kept is not None:
        kept.write_text(json.dumps({"tests": lines.tests, "seconds": lines.seconds}))
    return lines


if __name__ == "__main__":
    main()
