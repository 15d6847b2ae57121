"""Results in a folder: which units belong to them, and tables for people.

`results.record` names every unit with its checksum, in the order of the run, so what
is read is what was finished. It is written first when a run begins, without checksums,
and again when the run ends. The CSV tables beside it are written and never read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from flexcv._secrets import redact_frame, redact_value
from flexcv.arrays import FloatArray
from flexcv.dataset import Dataset, Task
from flexcv.dataset.weighting import Weights
from flexcv.errors import StorageError
from flexcv.metrics import KNOWN_METRICS, Metric, is_scorer, resolve_metrics
from flexcv.metrics.choice import LostFunction
from flexcv.metrics.limits import FREE
from flexcv.records import FoldResult, Key, stacked

from .files import (
    damaged,
    is_there,
    read_record,
    remove,
    write_record,
    write_text,
)
from .folder import FINDINGS, RESULTS_FILE, TABLE_FILE, is_run, refuse_first_version
from .units import StoredUnit, load_unit, plain_result
from .values import Arrays, encode

TABLES = (
    "summary",
    "scores",
    "predictions",
    "params",
    "trials",
    "traces",
    "warnings",
    "diagnostics",
)


class RunTables(Protocol):
    """What is stored of results; any object with these members is results enough."""

    folds: tuple[FoldResult, ...]
    metrics: tuple[Metric, ...]
    information: dict[str, Any]
    facts: dict[str, Any]
    is_partial: bool
    diagnostics: pd.DataFrame | None
    task: Task
    weights: FloatArray | None

    @property
    def rows(self) -> pd.DataFrame:
        """Target and splitting group of each row of the table."""
        ...

    @property
    def groups(self) -> pd.DataFrame | None:
        """The grouping columns of the table, in its order; None without any."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """What `results.record` holds.

    Parameters
    ----------
    run
        Fingerprints of what all units share.
    keys
        The units in the order of the run.
    digests
        The checksum of each unit's file; none while the run goes on.
    table
        The checksum of `table.record`.
    is_partial
        Whether the run stopped early.
    information, facts, diagnostics, metrics
        As results have them; a metric is (name, direction, whether the name tells its
        function, response).
    written
        The CSV tables beside it.
    """

    run: Mapping[str, str]
    keys: tuple[Key, ...]
    digests: tuple[str, ...] = ()
    table: str = ""
    is_partial: bool = False
    information: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: pd.DataFrame | None = None
    metrics: tuple[Any, ...] = ()
    written: tuple[str, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended, well or not."""
        return bool(self.digests) or not self.keys


def describe(
    results: RunTables, run: Mapping[str, str], units: Sequence[StoredUnit | Key]
) -> Description:
    """Describe results whose units are on disk, or will be.

    Parameters
    ----------
    results
        What is known.
    run
        Fingerprints of the run.
    units
        Stored units, or the addresses of those that are still to come.
    """
    stored = [unit for unit in units if isinstance(unit, StoredUnit)]
    return Description(
        run,
        tuple(u.key if isinstance(u, StoredUnit) else u for u in units),
        tuple(unit.digest for unit in stored),
        is_partial=results.is_partial,
        information=redact_value(results.information),
        facts=results.facts,
        diagnostics=results.diagnostics,
        metrics=tuple(metric_entry(metric) for metric in results.metrics),
    )


def write_table(folder: Path, results: RunTables) -> str:
    """Write target and groups of the table; returns the checksum."""
    content: dict[str, Any] = {
        "rows": results.rows,
        "groups": results.groups,
        "classes": tuple(results.task.classes),
    }
    if results.weights is not None:
        content["weights"] = results.weights
    return write_record(folder / TABLE_FILE, "table", content)


def has_table(folder: Path, digest: str) -> bool:
    """Whether the table of this checksum lies in a folder, undamaged."""
    try:
        return read_record(folder / TABLE_FILE, "table")[1] == digest
    except StorageError:
        return False


def write_description(folder: Path, description: Description) -> None:
    """Write `results.record`."""
    names = Description.__dataclass_fields__
    content = {name: getattr(description, name) for name in names}
    content["flexcv"] = version("flexcv")
    write_record(folder / RESULTS_FILE, "results", content)


def read_description(folder: Path) -> Description | None:
    """Read `results.record`; None when there is none."""
    file = folder / RESULTS_FILE
    if not is_there(file):
        return None
    content, _ = read_record(file, "results")
    try:
        del content["flexcv"]
        return Description(**content)
    except (KeyError, TypeError) as error:
        raise damaged(file, f"it does not fit ({error})") from error


def is_whole(folder: Path, description: Description) -> bool:
    """Whether the files beside the units are all there, the table as it was written."""
    are_there = all((folder / name).is_file() for name in description.written)
    return are_there and has_table(folder, description.table)


def tables_for_people(results: Any, plan: pd.DataFrame | None) -> dict[str, Any]:
    """Return every table that is written as CSV, by the name of its file.

    Parameters
    ----------
    results
        Has the tables of `TABLES` and findings.
    plan
        The plan's splits, if they are known.
    """
    known = TABLES if results.folds else ()  # of no unit there is nothing to read
    named = {name: getattr(results, name) for name in known} | {"plan": plan}
    if "summary" in named:
        named["summary"] = named["summary"].reset_index()
    tables = {f"{n}.csv": table for n, table in named.items() if table is not None}
    found = [finding for fold in results.folds for finding in fold.findings]
    for number, finding in enumerate(found):
        readable = re.sub(r"[^A-Za-z0-9]+", "-", finding.name).strip("-")[:40]
        name = f"{FINDINGS}/{number:04d}-{readable}.csv"
        tables[name] = _with_index(finding.frame)
    return tables | _learned_tables(results.folds)


def _learned_tables(folds: Sequence[FoldResult]) -> dict[str, pd.DataFrame]:
    """Stack what the models say of themselves, one table of all models by name."""
    names = dict.fromkeys(name for fold in folds for name in fold.learned)
    return {
        f"{FINDINGS}/{name}.csv": stacked(
            (fold, fold.learned.get(name)) for fold in folds
        )
        for name in names
    }


def write_tables(
    folder: Path, tables: Mapping[str, pd.DataFrame], before: Iterable[str]
) -> None:
    """Write tables as CSV, and remove those of an earlier call that are no more."""
    for name, table in tables.items():
        write_text(folder / name, redact_frame(table).to_csv(index=False))
    for name in set(before) - set(tables):
        remove(folder / name)


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn an index that does not count rows into the first columns."""
    if isinstance(frame.index, pd.RangeIndex):
        return frame
    names = [
        f"index{place}" if name is None or name in frame.columns else name
        for place, name in enumerate(frame.index.names)
    ]
    return frame.reset_index(names=names)


def stored_units(folder: Path) -> Iterator[StoredUnit]:
    """Read the units that belong to the results of a folder, as far as they are there.

    Raises
    ------
    StorageError
        When one is damaged, or is not what was there when the results were written.
    """
    description = _described(folder)
    digests = description.digests or ("",) * len(description.keys)
    for key, digest in zip(description.keys, digests, strict=True):
        unit = load_unit(folder, *key)
        if unit is None:
            if digest:
                raise StorageError(_missing(folder, key))
            continue
        if digest and unit.digest != digest:
            raise StorageError(_changed(folder, key))
        if unit.marks.run != description.run:
            raise StorageError(_of_another_run(folder, key))
        yield unit


def load_parts(folder: Path, *, partial: bool = False) -> dict[str, Any]:
    """Read what `CrossValidationResults` is made of.

    Parameters
    ----------
    folder
        That of a run, or one that `save` wrote.
    partial
        Whether to take what is there of a run that goes on, or was killed.

    Raises
    ------
    StorageError
        When it is no such folder, of another format, unfinished or damaged.
    """
    description = _described(folder)
    units = list(stored_units(folder))
    if not (description.is_finished or partial):
        raise StorageError(
            f"the run in {str(folder)!r} goes on, or was killed: {len(units)} of "
            f"{len(description.keys)} units are there; pass partial=True to have "
            "these, or perform the chain again to finish it."
        )
    is_missing = len(units) < len(description.keys)
    return {
        "folds": [result for unit in units for result in unit.results],
        "dataset": _dataset(folder, description),
        "metrics": [_metric(*entry) for entry in description.metrics],
        "information": description.information,
        "is_partial": description.is_partial or is_missing,
        "diagnostics": description.diagnostics,
        "facts": description.facts,
    }


def _described(folder: Path) -> Description:
    if not folder.is_dir():
        raise StorageError(
            f"{str(folder)!r} is no folder; pass one that a run or `save` wrote."
        )
    refuse_first_version(folder)
    description = read_description(folder)
    if description is not None:
        return description
    if is_run(folder):
        raise StorageError(
            f"{str(folder)!r} holds a run but no {RESULTS_FILE}; perform the chain "
            "again, which reads the units that are there and writes it, or save the "
            "results again."
        )
    raise StorageError(
        f"{str(folder)!r} holds no {RESULTS_FILE}, so it is no run folder; pass one "
        "that a run or `save` wrote."
    )


def _dataset(folder: Path, description: Description) -> Dataset:
    """Return a dataset that has target and groups, and no features."""
    file = folder / TABLE_FILE
    content, digest = read_record(file, "table")
    if digest != description.table:
        raise damaged(file, f"it is not the table of {RESULTS_FILE}")
    rows, groups = content["rows"], content.get("groups")
    if groups is None and rows.shape[1] > 1:  # written when the first was kept only
        groups = rows.iloc[:, 1:]
    weights = content.get("weights")
    return Dataset(
        pd.DataFrame(index=rows.index),
        rows.iloc[:, 0],
        groups,
        task=Task(content["classes"]),
        weights=None if weights is None else Weights(pd.Series(weights), ("scores",)),
    )


def metric_entry(metric: Metric) -> tuple[Any, ...]:
    """Return name, direction, whether the name tells the function, and what it scores.

    The last are the response and the limits.
    """
    by_name = KNOWN_METRICS.get(metric.name)
    is_known = by_name is not None and by_name.function is metric.function
    is_known = is_known or is_scorer(metric)
    limits = metric.limits or FREE
    return metric.name, metric.greater_is_better, is_known, metric.response, limits


def _metric(
    name: str,
    greater_is_better: bool | None,
    is_known: bool,
    response: str,
    limits: tuple[float, float] = FREE,
) -> Metric:
    """Find a metric by its name; the function of a user's own is lost."""
    if not is_known:
        lost = LostFunction(name)
        return Metric(name, lost, greater_is_better, response, limits=limits)
    known = KNOWN_METRICS.get(name)
    if known is None or known.response != response:
        [known] = resolve_metrics([name])
    return replace(known, greater_is_better=greater_is_better, limits=limits)


def digest_of(results: Iterable[FoldResult]) -> str:
    """Compute a checksum of results that does not depend on where they are stored."""
    digest = hashlib.blake2b(digest_size=16)
    for result in results:
        arrays = Arrays()
        text = json.dumps(encode(plain_result(result), arrays))
        digest.update(text.encode())
        for array in arrays:
            digest.update(array.tobytes())
    return digest.hexdigest()


def _missing(folder: Path, key: Key) -> str:
    model, repeat, fold = key
    return (
        f"{str(folder)!r} lacks the unit of {model!r} on repeat {repeat}, fold {fold}; "
        "restore the file, or perform the chain again to have it run anew."
    )


def _changed(folder: Path, key: Key) -> str:
    model, repeat, fold = key
    return (
        f"the unit of {model!r} on repeat {repeat}, fold {fold} in {str(folder)!r} is "
        "not the one that these results were written with; perform the chain again."
    )


def _of_another_run(folder: Path, key: Key) -> str:
    model, repeat, fold = key
    return (
        f"the unit of {model!r} on repeat {repeat}, fold {fold} in {str(folder)!r} "
        "belongs to another run; put it back where it was, or delete it."
    )
