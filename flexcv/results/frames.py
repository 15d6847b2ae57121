"""Frames as CSV files that come back exactly, or are refused with the line.

Beside each file stands what its columns are, and a checksum for every few lines, so
that a change is found and its place is known.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from flexcv.errors import StorageError

from .cells import decode_column, decode_value, encode_column, encode_value

BLOCK = 50  # rows that share a checksum


def encode_frame(frame: pd.DataFrame) -> tuple[dict[str, Any], str]:
    r"""Give a description of a frame, and its rows as CSV.

    Parameters
    ----------
    frame
        Any frame; an index that does not count rows becomes its first columns.

    Examples
    --------
    >>> about, text = encode_frame(pd.DataFrame({"x": [0.1, None]}))
    >>> text
    'x\n0.1\n""\n'
    """
    n_index = 0
    names: list[Any] = []
    if not _is_counting(frame.index):
        names, n_index = list(frame.index.names), frame.index.nlevels
        frame = _with_index_columns(frame)
    columns = [frame.iloc[:, number] for number in range(frame.shape[1])]
    encoded = [encode_column(column.reset_index(drop=True)) for column in columns]
    rows = list(zip(*(cells for _, cells in encoded), strict=True)) or [()] * len(frame)
    about = {
        "rows": len(frame),
        "index": n_index,
        "index_names": [encode_value(name) for name in names],
        "names": [encode_value(name) for name in frame.columns],
        "columns": [description for description, _ in encoded],
    }
    blocks = [_text(rows[k : k + BLOCK]) for k in range(0, len(rows), BLOCK)]
    about["checks"] = [zlib.crc32(block.encode()) for block in blocks]
    return about, _text([[str(name) for name in frame.columns]]) + "".join(blocks)


def decode_frame(about: dict[str, Any], file: Path) -> pd.DataFrame:
    """Read a frame back.

    Parameters
    ----------
    about
        What `encode_frame` said about it.
    file
        The CSV file.

    Raises
    ------
    StorageError
        When the file is missing, or any line is not as it was written.
    """
    lines = _lines(file)
    rows, starts = _rows(lines, file, len(about["names"]))
    if rows and [str(decode_value(name)) for name in about["names"]] != rows[0]:
        raise damaged(file, 1, "the names of the columns changed")
    body, starts = rows[1:], starts[1:]
    if len(body) != about["rows"]:
        raise damaged(
            file,
            starts[-1] if starts else 1,
            f"{about['rows']} rows were written and {len(body)} are there",
        )
    cells = list(zip(*body, strict=True)) or [() for _ in about["names"]]
    columns = [
        _column(description, column, file, starts)
        for description, column in zip(about["columns"], cells, strict=True)
    ]
    _compare_checks(about["checks"], lines, file, starts)
    return _assembled(about, columns)


def _is_counting(index: pd.Index[Any]) -> bool:
    return isinstance(index, pd.RangeIndex) and index.equals(pd.RangeIndex(len(index)))


def _with_index_columns(frame: pd.DataFrame) -> pd.DataFrame:
    levels = [
        frame.index.get_level_values(number).to_frame(index=False).iloc[:, 0]
        for number in range(frame.index.nlevels)
    ]
    names = [
        f"index{n}" if name is None else name
        for n, name in enumerate(frame.index.names)
    ]
    inside = [frame.iloc[:, n].reset_index(drop=True) for n in range(frame.shape[1])]
    table = pd.concat([*levels, *inside], axis=1)
    table.columns = pd.Index([*names, *frame.columns], dtype=object)
    return table


def _text(rows: Sequence[Sequence[str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def block_checks(lines: list[str]) -> Iterator[int]:
    """Give a checksum for every few lines."""
    for start in range(0, len(lines), BLOCK):
        yield zlib.crc32("".join(lines[start : start + BLOCK]).encode())


def _lines(file: Path) -> list[str]:
    try:
        return list(io.StringIO(file.read_bytes().decode("utf-8"), newline=""))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise damaged(file, line, str(error)) from error
    except OSError as error:
        raise StorageError(
            f"{str(file)!r} cannot be read: {error.strerror}; "
            "restore the file or save the results again."
        ) from error


def _rows(
    lines: list[str], file: Path, width: int
) -> tuple[list[list[str]], list[int]]:
    """Give all rows, and the line of the file on which each begins."""
    rows, starts, begins = [], [], 1
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            if len(row) != width:
                raise damaged(file, begins, f"{len(row)} cells instead of {width}")
            rows.append(row)
            starts.append(begins)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise damaged(file, begins, str(error)) from error
    return rows, starts


def _column(
    description: dict[str, Any], cells: tuple[str, ...], file: Path, starts: list[int]
) -> Any:
    try:
        return decode_column(description, cells)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        for cell, start in zip(cells, starts, strict=True):
            try:
                decode_column({**description, "empty_texts": []}, [cell])
            except (ValueError, TypeError, KeyError, OverflowError) as found:
                raise damaged(file, start, str(found)) from error
        raise damaged(file, 1, str(error)) from error


def _compare_checks(
    checks: list[int], lines: list[str], file: Path, starts: list[int]
) -> None:
    edges = [start - 1 for start in starts[::BLOCK]] + [len(lines)]
    for number, check in enumerate(checks):
        first, end = edges[number], edges[number + 1]
        if zlib.crc32("".join(lines[first:end]).encode()) != check:
            where = f"{first + 1} to {end}"
            raise damaged(file, where, "a cell changed since it was written")


def _assembled(about: dict[str, Any], columns: list[Any]) -> pd.DataFrame:
    names = [decode_value(name) for name in about["names"]]
    n_index = about["index"]
    frame: pd.DataFrame = pd.DataFrame(index=range(about["rows"]))
    if names:
        frame = pd.concat(columns, axis=1)
    index = [frame.iloc[:, number] for number in range(n_index)]
    inside: pd.DataFrame = frame.iloc[:, n_index:]
    inside.columns = pd.Index(names[n_index:])
    if not n_index:
        return inside
    index_names = [decode_value(name) for name in about["index_names"]]
    made: pd.Index[Any] = (
        pd.Index(index[0]) if n_index == 1 else pd.MultiIndex.from_arrays(index)
    )
    made.names = index_names
    inside.index = made
    return inside


def damaged(file: Path, line: int | str, why: str) -> StorageError:
    """Say which line of which file is wrong, and why."""
    word = "lines" if isinstance(line, str) else "line"
    return StorageError(
        f"{str(file)!r}, {word} {line}: {why}; the file is damaged, restore it or save "
        "the results again."
    )
