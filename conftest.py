"""Run README, docs and guides as tests, file by file; choose the tests of `--quick`."""

import doctest
import os
import tempfile
from collections import defaultdict
from importlib.util import find_spec

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from flexcv.errors import CheckWarning, FailedModelWarning, GroupsWarning

HAS_TORCH = find_spec("torch") is not None
NEEDS_TORCH = [
    "flexcv/models/networks/network.py",
    "flexcv/models/networks/training.py",
]
DRAWN = ["docs/pictures"]  # scripts that import each other; a test draws with them
collect_ignore = DRAWN if HAS_TORCH else [*DRAWN, *NEEDS_TORCH]

# Long sentences are broken where their column on the page ends.
AS_SHOWN = doctest.NORMALIZE_WHITESPACE
REMEMBERED = "flexcv/seconds"  # in pytest's cache: what each test took last
UNKNOWN_SECONDS = 0.1  # of a test that never ran here


def _enter_a_folder_of_its_own(namespace):
    """Examples may write run folders; let them do so away from the checkout."""
    namespace["_before"] = os.getcwd()
    namespace["_folder"] = tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)


def _leave_it(namespace):
    os.chdir(namespace["_before"])
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=AS_SHOWN), SkipParser()],
    patterns=["README.md", "docs/*.md", "guides/*.md"],
    setup=_enter_a_folder_of_its_own,
    teardown=_leave_it,
).pytest()


def pytest_addoption(parser):
    """Add `--quick`."""
    parser.addoption(
        "--quick",
        type=float,
        metavar="SECONDS",
        help="run the cheapest tests of every file, so many seconds of tests in all",
    )


def pytest_configure(config):
    """Take the time of every test, for the next `--quick`."""
    if hasattr(config, "cache"):  # not with `-p no:cacheprovider`
        config.pluginmanager.register(_Stopwatch(config), "flexcv-stopwatch")


class _Stopwatch:
    """Remember what each test takes, and choose by it when `--quick` asks."""

    def __init__(self, config):
        self.config = config
        self.seconds = defaultdict(float)

    @pytest.hookimpl(trylast=True)  # after `-m` and `-k` have chosen
    def pytest_collection_modifyitems(self, items):
        budget = self.config.getoption("--quick")
        if budget is None:
            return
        remembered = self.config.cache.get(REMEMBERED, {})
        costs = {
            item.nodeid: remembered.get(item.nodeid, UNKNOWN_SECONDS) for item in items
        }
        chosen = cheapest_of_every_file(costs, budget)
        left = [item for item in items if item.nodeid not in chosen]
        items[:] = [item for item in items if item.nodeid in chosen]
        self.config.hook.pytest_deselected(items=left)

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self):
        if not hasattr(self.config, "workerinput"):
            before = self.config.cache.get(REMEMBERED, {})
            self.config.cache.set(REMEMBERED, before | self.seconds)


def cheapest_of_every_file(costs, budget):
    """Deal the cheapest test of each file, then the second cheapest, while they fit."""
    ranks = defaultdict(int)
    turns = {}
    for name in sorted(costs, key=costs.__getitem__):
        file = name.partition("::")[0]
        turns[name] = ranks[file], costs[name]
        ranks[file] += 1
    chosen, spent = set(), 0.0
    for name in sorted(turns, key=turns.__getitem__):
        if spent + costs[name] <= budget:
            chosen.add(name)
            spent += costs[name]
    return chosen


def pytest_collection_modifyitems(items):
    """Readers of a guide see the advice of the checks; it is no failure there."""
    for item in items:
        if type(item).__name__ == "SybilItem":
            for category in (GroupsWarning, CheckWarning, FailedModelWarning):
                name = f"{category.__module__}.{category.__qualname__}"
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{name}"))
            pending = "ignore::PendingDeprecationWarning"  # which Python does not show
            item.add_marker(pytest.mark.filterwarnings(pending))
        if not HAS_TORCH and item.name.startswith("flexcv.models.neural."):
            item.add_marker(pytest.mark.skip(reason="torch is not installed"))
