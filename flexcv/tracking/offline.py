"""Runs that Neptune's client wrote offline, read as the plain JSON that they are.

::

    .neptune/offline/run__.../data-1.log      {"obj": {"type": "AssignFloat", ...}, ...}
                              upload_path/    files

Nothing of the client is imported and nothing is unpickled. Files are read inside the
folder that is named, and nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flexcv.errors import StorageError

from .run_page import PageFile, RunContent

LOGS = "data-*.log"
UPLOADS = "upload_path"
OWN_FOLDER = ".neptune"
DAMAGE = (ValueError, TypeError, KeyError, AttributeError, binascii.Error)
Operation = Mapping[str, Any]


def read_offline(folder: str | os.PathLike[str]) -> list[RunContent]:
    """Read every run that Neptune's client left in a folder.

    Parameters
    ----------
    folder
        The one that holds `.neptune`, or any below it.

    Returns
    -------
    list of RunContent
        A run each, in the order of their names.

    Raises
    ------
    StorageError
        When there is no such run, or one is damaged.
    """
    root = Path(folder).resolve()
    inner = root / OWN_FOLDER
    logs = sorted((inner if inner.is_dir() else root).rglob(LOGS))
    if not logs:
        raise StorageError(
            f"{str(folder)!r} must hold a run that Neptune's client wrote offline, and "
            f"has none; pass the folder that holds {OWN_FOLDER!r}."
        )
    homes = sorted({log.parent for log in logs})
    return [_read_one(home, root) for home in homes]


def _read_one(home: Path, root: Path) -> RunContent:
    reader = _Reader(home, root)
    for log in sorted(home.glob(LOGS), key=_number):
        for operation in _operations(log):
            try:
                reader.take(operation)
            except DAMAGE as error:
                raise _damaged(log, error) from error
    name = reader.content.settings.get("sys/name") or "Untitled"
    title = home.name if name == "Untitled" else str(name)
    return RunContent(title, *reader.parts())


def _number(log: Path) -> tuple[int, str]:
    """Return the version that a log begins with, so that logs come in order."""
    number = log.stem.removeprefix("data-")
    return (int(number) if number.isdigit() else 0), log.name


def _operations(log: Path) -> Iterator[Operation]:
    """Yield what was done, in order; an entry that was left half at the end is not."""
    text = log.read_text(encoding="utf-8", errors="replace")
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace() or text[at] == "\0":
            at += 1
            continue
        try:
            entry, at = decoder.raw_decode(text, at)
            operation: Operation = entry["obj"]
        except DAMAGE as error:
            if "\n" in text[at:].rstrip("\n\0 "):
                raise _damaged(log, error) from error
            return
        yield operation


def _damaged(log: Path, error: Exception) -> StorageError:
    return StorageError(
        f"{str(log)!r} must hold Neptune's operations as JSON, but is damaged "
        f"({type(error).__name__}: {error}); move it away to see the other runs."
    )


@dataclass(slots=True)
class _Reader:
    """Apply operations one after another, as Neptune's server would have done.

    Parameters
    ----------
    home
        The folder of the run.
    root
        The folder that was named; nothing outside is read.
    """

    home: Path
    root: Path
    content: RunContent = field(default_factory=lambda: RunContent(""))

    def parts(self) -> tuple[Any, ...]:
        """Return everything but the title."""
        kept = self.content
        return kept.numbers, kept.settings, kept.series, kept.lines, kept.files

    def take(self, operation: Operation) -> None:
        """Apply one operation; those that a page cannot show change nothing."""
        answers: dict[str, Callable[[str, Operation], None]] = {
            "AssignFloat": self._number,
            "AssignInt": self._number,
            "AssignBool": self._value,
            "AssignString": self._value,
            "AssignDatetime": self._time,
            "AssignArtifact": self._artifact,
            "LogFloats": self._points,
            "LogStrings": self._strings,
            "LogImages": self._images,
            "AddStrings": self._add,
            "RemoveStrings": self._remove,
            "UploadFile": self._upload,
            "UploadFileContent": self._embedded,
            "UploadFileSet": self._set_of_files,
            "DeleteAttribute": self._delete,
            "ClearFloatLog": self._delete,
            "ClearStringLog": self._delete,
            "ClearImageLog": self._delete,
            "ClearStringSet": self._delete,
        }
        answer = answers.get(operation["type"])
        if answer is not None:
            answer("/".join(map(str, operation["path"])), operation)

    def _number(self, key: str, operation: Operation) -> None:
        is_setting = "parameters" in key.split("/")
        kept: dict[str, Any] = self.content.numbers
        (self.content.settings if is_setting else kept)[key] = operation["value"]

    def _value(self, key: str, operation: Operation) -> None:
        self.content.settings[key] = operation["value"]

    def _time(self, key: str, operation: Operation) -> None:
        moment = datetime.fromtimestamp(operation["value"] / 1000, UTC)
        self.content.settings[key] = moment.isoformat(timespec="seconds")

    def _artifact(self, key: str, operation: Operation) -> None:
        self.content.settings[key] = operation["hash"]

    def _points(self, key: str, operation: Operation) -> None:
        points = self.content.series.setdefault(key, [])
        for entry in operation["values"]:
            step = entry.get("step")
            points.append(
                (float(len(points) if step is None else step), float(entry["value"]))
            )

    def _strings(self, key: str, operation: Operation) -> None:
        lines = self.content.lines.setdefault(key, [])
        lines += [str(entry["value"]) for entry in operation["values"]]

    def _images(self, key: str, operation: Operation) -> None:
        for entry in operation["values"]:
            image = entry["value"]
            data = image["data"] if isinstance(image, dict) else image
            if data:
                n_before = sum(
                    name.startswith(f"{key}/") for name in self.content.files
                )
                self._keep(f"{key}/{n_before}", "png", _decoded(data))

    def _add(self, key: str, operation: Operation) -> None:
        held = self.content.settings.get(key, "")
        names = {*filter(None, str(held).split(", ")), *map(str, operation["values"])}
        self.content.settings[key] = ", ".join(sorted(names))

    def _remove(self, key: str, operation: Operation) -> None:
        held = str(self.content.settings.get(key, "")).split(", ")
        gone = set(map(str, operation["values"]))
        self.content.settings[key] = ", ".join(n for n in held if n not in gone)

    def _upload(self, key: str, operation: Operation) -> None:
        name = operation.get("tmp_file_name")
        given = self.home / UPLOADS / name if name else Path(operation["file_path"])
        path = given.resolve()
        if path.is_relative_to(self.root) and path.is_file():
            self._keep(key, operation.get("ext") or "", path.read_bytes())
        else:
            self.content.settings[key] = f"a file outside this folder: {given}"

    def _embedded(self, key: str, operation: Operation) -> None:
        ending = operation.get("ext") or ""
        self._keep(key, ending, _decoded(operation["file_content"]))

    def _set_of_files(self, key: str, operation: Operation) -> None:
        if operation["file_globs"]:
            self.content.settings[key] = ", ".join(map(str, operation["file_globs"]))

    def _delete(self, key: str, _: Operation) -> None:
        for entries in self.parts():
            for name in [n for n in entries if n == key or n.startswith(f"{key}/")]:
                del entries[name]

    def _keep(self, key: str, ending: str, content: bytes) -> None:
        self.content.files[key] = PageFile(key, ending, content)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
