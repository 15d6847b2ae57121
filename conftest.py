"""Run README, docs and guides as tests: every example, in order, file by file."""

import os
import tempfile
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
collect_ignore = [] if HAS_TORCH else NEEDS_TORCH


def _enter_a_folder_of_its_own(namespace):
    """Examples may write run folders; let them do so away from the checkout."""
    namespace["_before"] = os.getcwd()
    namespace["_folder"] = tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)


def _leave_it(namespace):
    os.chdir(namespace["_before"])
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "guides/*.md"],
    setup=_enter_a_folder_of_its_own,
    teardown=_leave_it,
).pytest()


def pytest_collection_modifyitems(items):
    """Readers of a guide see the advice of the checks; it is no failure there."""
    for item in items:
        if type(item).__name__ == "SybilItem":
            for category in (GroupsWarning, CheckWarning, FailedModelWarning):
                name = f"{category.__module__}.{category.__qualname__}"
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{name}"))
        if not HAS_TORCH and item.name.startswith("flexcv.models.neural."):
            item.add_marker(pytest.mark.skip(reason="torch is not installed"))
