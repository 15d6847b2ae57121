"""Which runs of a store outside belong to a run folder: a small JSON file in it.

::

    {
        "runs": [
            {
                "store": "sqlite:///.../mlflow.db",
                "experiment": "1",
                "runs": {
                    "": {"id": "4f1c...", "status": "finished"},
                    "Ridge": {...},
                    "Ridge/fold 0": {...},
                },
            }
        ]
    }

A store has one entry. Secrets in its address are blacked out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from flexcv._secrets import redact
from flexcv.errors import StorageError

LEDGER_FILE = "mlflow.json"
# What reading a file may raise that is not what was written.
DAMAGES = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
TOP = ""  # the place of the cross-validation itself
RUNNING = "running"
Address: TypeAlias = tuple[str, str]  # store, experiment


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run in the store: its identifier there, and its status when last heard of."""

    id: str
    status: str

    @property
    def has_ended(self) -> bool:
        """Whether all was told of it that there is to tell."""
        return self.status in ("finished", "failed")


class Ledger:
    """The runs of one store that belong to a run folder.

    Parameters
    ----------
    file
        Where they are kept; written anew with every change, whole or not at all.
    address
        The store and the experiment in it.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / LEDGER_FILE
    >>> Ledger(file, ("sqlite:///mlflow.db", "1")).put("Ridge", "4f1c", "finished")
    >>> Ledger(file, ("sqlite:///mlflow.db", "1")).get("Ridge").has_ended
    True
    """

    def __init__(self, file: Path, address: Address) -> None:
        self.file = file
        self.address = address
        self._runs: dict[str, KnownRun] = {}
        for entry in _entries(file):
            if _address_of(entry) == address:
                self._runs = {
                    place: KnownRun(run["id"], run["status"])
                    for place, run in entry["runs"].items()
                }

    def get(self, place: str) -> KnownRun | None:
        """Return the run of a place, such as ``"Ridge/fold 0"``."""
        return self._runs.get(place)

    def put(self, place: str, run_id: str, status: str) -> None:
        """Note the run of a place."""
        self._runs[place] = KnownRun(run_id, status)
        self._write()

    def forget(self) -> None:
        """Start with no run."""
        self._runs = {}
        self._write()

    def running(self) -> Iterator[tuple[str, KnownRun]]:
        """Yield place and run of those that were not ended, the innermost first."""
        for place in sorted(self._runs, reverse=True):
            if self._runs[place].status == RUNNING:
                yield place, self._runs[place]

    def _write(self) -> None:
        others = [e for e in _entries(self.file) if _address_of(e) != self.address]
        runs = {
            place: {"id": run.id, "status": run.status}
            for place, run in self._runs.items()
        }
        store, experiment = self.address
        own = {"store": store, "experiment": experiment, "runs": runs}
        text = json.dumps({"runs": [*others, own]}, indent=1) + "\n"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.file.with_name(self.file.name + ".new")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, self.file)


def address_of(uri: str, experiment: str) -> Address:
    """Return how a store and an experiment are called in a ledger.

    Examples
    --------
    >>> address_of("https://me:hunter2@example.org", "1")
    ('https://***@example.org', '1')
    """
    return redact(uri), str(experiment)


def place_below(place: str, name: str) -> str:
    """Return the place of a run below another one, whatever its name is.

    Examples
    --------
    >>> place_below("a%2Fb", "fold 0"), place_below("", "a/b")
    ('a%2Fb/fold 0', 'a%2Fb')
    """
    part = name.replace("%", "%25").replace("/", "%2F")
    return f"{place}/{part}" if place else part


def running_elsewhere(file: Path, kept: Container[Address | None]) -> list[Ledger]:
    """Return the ledgers of other stores whose run was never ended.

    Parameters
    ----------
    file
        Of the run folder; it may be missing.
    kept
        Addresses that are written to now.
    """
    found = [Ledger(file, _address_of(entry)) for entry in _entries(file)]
    return [
        ledger
        for ledger in found
        if ledger.address not in kept and any(ledger.running())
    ]


def _entries(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        return []
    try:
        entries: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))["runs"]
        for entry in entries:
            _address_of(entry)
            for run in entry["runs"].values():
                KnownRun(run["id"], run["status"])
    except DAMAGES as error:
        raise StorageError(
            f"{str(file)!r} must be a list of MLflow's runs, but is damaged "
            f"({type(error).__name__}: {error}); delete it to begin new runs there."
        ) from error
    return entries


def _address_of(entry: dict[str, Any]) -> Address:
    return str(entry["store"]), str(entry["experiment"])
