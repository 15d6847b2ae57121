"""Results written into a folder, where nothing else is lost by it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from flexcv.errors import StorageError
from flexcv.records import FoldResult, Key

from .estimators import keep_estimators
from .folder import (
    RUN_FILE,
    forget_run,
    locked,
    open_folder,
    refuse_first_version,
    write_status,
)
from .results import (
    Description,
    describe,
    digest_of,
    has_table,
    is_whole,
    read_description,
    stored_units,
    tables_for_people,
    write_description,
    write_table,
    write_tables,
)
from .units import Marks, StoredUnit, load_unit, save_unit


def save_results(
    folder: str | os.PathLike[str], results: Any, *, estimators: bool = False
) -> None:
    """Write results into a folder of their own, or into that of their run.

    Parameters
    ----------
    folder
        A new or empty folder, or one that holds these results already.
    results
        What to write.
    estimators
        Whether to write the fitted models, as pickles.

    Raises
    ------
    StorageError
        When the folder holds other results or other files, or another process uses it.
    """
    if estimators and all(fold.estimator is None for fold in results.folds):
        raise ValueError(
            "estimators=True needs fitted models and these results hold none; leave it "
            "out, or keep the models when performing."
        )
    opened = open_folder(folder)
    refuse_first_version(opened)
    with locked(opened):
        run = _run_of(results)
        before = read_description(opened)
        _refuse_another_run(opened, before, run)
        units = list(_units_of(opened, results.folds, run))
        if before is not None and estimators:  # units change before the record does
            write_description(opened, replace(before, digests=()))
        units = [
            save_unit(opened, keep_estimators(opened, unit) if estimators else unit)
            for unit in units
        ]
        if not (opened / RUN_FILE).is_file():
            status = "failed" if results.is_partial else "finished"
            write_status(opened, status, results.information)
        write_results(opened, results, run, units)


def write_results(
    folder: Path,
    results: Any,
    run: Mapping[str, str],
    units: Sequence[StoredUnit],
    plan: pd.DataFrame | None = None,
) -> None:
    """Write what belongs to results whose units are on disk, and tables for people.

    Parameters
    ----------
    folder
        The run folder, locked by this process.
    results
        What is known.
    run
        Fingerprints of the run.
    units
        The stored units, in the order of the run.
    plan
        The plan's splits.
    """
    before, now = read_description(folder), describe(results, run, units)
    if before is not None and _says_the_same(before, now) and is_whole(folder, before):
        return
    tables = tables_for_people(results, plan)
    known = set() if before is None else set(before.written)
    now = replace(
        now, table=_table_of(folder, before, run, results), written=tuple(tables)
    )
    # A call that is killed here has it all written again by the next one.
    write_description(folder, replace(now, digests=(), written=(*known, *tables)))
    write_tables(folder, tables, known)
    write_description(folder, now)


def begin_results(
    folder: Path,
    results: Any,
    run: Mapping[str, str],
    keys: Sequence[Key],
    stored: Mapping[Key, StoredUnit],
) -> None:
    """Return which units a run will have, so that a killed one can be read.

    Parameters
    ----------
    folder
        The run folder, locked by this process.
    results
        The run's results while there are none: its metrics, table and information.
    run
        Fingerprints of the run.
    keys
        The addresses of its units, in the order of the run.
    stored
        Units that are there already; when these are all, nothing begins.
    """
    before = read_description(folder)
    there = tuple(stored[key].digest for key in keys if key in stored)
    if (
        before is not None
        and (before.keys, before.digests) == (tuple(keys), there)
        and has_table(folder, before.table)
    ):
        return
    description = replace(
        describe(results, run, keys),
        table=_table_of(folder, before, run, results),
        written=() if before is None else before.written,
    )
    write_description(folder, description)


def _table_of(
    folder: Path, before: Description | None, run: Mapping[str, str], results: Any
) -> str:
    """Return the checksum of the run's table; one that is missing is written."""
    is_same = before is not None and before.run == run
    if before is not None and is_same and has_table(folder, before.table):
        return before.table
    return write_table(folder, results)


def _says_the_same(before: Description, now: Description) -> bool:
    names = ("run", "keys", "digests", "is_partial", "information", "facts", "metrics")
    return all(getattr(before, name) == getattr(now, name) for name in names)


def start_over(folder: Path) -> None:
    """Remove what flexcv wrote about a run, its tables included."""
    tables: tuple[str, ...] = ()
    try:
        before = read_description(folder)
        tables = () if before is None else before.written
    except StorageError:
        pass  # a damaged description is removed with the rest
    write_tables(folder, {}, tables)
    forget_run(folder)


def _run_of(results: Any) -> Mapping[str, str]:
    """Return the fingerprints of a run; results without any are their own."""
    prints = results.information.get("fingerprints")
    return prints or {"results": digest_of(results.folds)}


def _refuse_another_run(
    folder: Path, before: Description | None, run: Mapping[str, str]
) -> None:
    if before is not None and before.run != run:
        raise StorageError(_another_run(folder))


def _another_run(folder: Path) -> str:
    return (
        f"{str(folder)!r} holds the results of another run; choose a new folder, or "
        "remove that one."
    )


def _units_of(
    folder: Path, folds: Sequence[FoldResult], run: Mapping[str, str]
) -> Iterator[StoredUnit]:
    """Group results into the units that the folder has; others are new."""
    units = _known_units(folder, folds, run)
    known = {result.key: unit for unit in units for result in unit.results}
    parts: dict[Key, list[FoldResult]] = {}
    for fold in folds:
        unit = known.get(fold.key)
        parts.setdefault(fold.key if unit is None else unit.key, []).append(fold)
    for key, results in parts.items():
        unit = known.get(key)
        if unit is None:
            yield StoredUnit(tuple(results), Marks(run))
            continue
        _refuse_other_results(folder, unit, results)
        yield replace(unit, results=tuple(results))


def _known_units(
    folder: Path, folds: Sequence[FoldResult], run: Mapping[str, str]
) -> list[StoredUnit]:
    """Read the units of a folder; where no record names them, those in the way."""
    if read_description(folder) is not None:
        return list(stored_units(folder))
    found = (load_unit(folder, *fold.key) for fold in folds)
    units = [unit for unit in found if unit is not None]
    for unit in units:
        if unit.marks.run != run:
            raise StorageError(_another_run(folder))
    return units


def _refuse_other_results(
    folder: Path, unit: StoredUnit, results: Sequence[FoldResult]
) -> None:
    if digest_of(unit.results) != digest_of(results):
        model, repeat, fold = unit.key
        raise StorageError(
            f"{str(folder)!r} holds other results of {model!r} on repeat {repeat}, "
            f"fold {fold}; choose a new folder, or remove that one."
        )
