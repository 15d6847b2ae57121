"""Keep tokens and passwords out of messages, settings and run folders."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

SECRET_NAME = re.compile(
    r"token(?![a-z])|secret|password|passwd|credential|api_?key|access_?key|private_?key",
    re.I,
)
# https://user:password@host, as tracking addresses and databases are written
USER_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+@")
BEARER = re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*|bearer\s+)[^\s'\",;]+")
SHORTEST = 6  # a shorter value would black out ordinary words
HIDDEN = "***"


def redact(text: str) -> str:
    """Black out secrets of the environment and the user part of addresses.

    Examples
    --------
    >>> redact("no route to https://me:hunter2@example.org/")
    'no route to https://***@example.org/'
    """
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and SECRET_NAME.search(name):
            text = text.replace(value, HIDDEN)
    return BEARER.sub(rf"\g<1>{HIDDEN}", USER_IN_ADDRESS.sub(f"{HIDDEN}@", text))


def redact_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Black out the values of settings whose name says that they are secret.

    Examples
    --------
    >>> redact_params({"alpha": 1.0, "api_key": "abc"})
    {'alpha': 1.0, 'api_key': '***'}
    """
    return {
        name: HIDDEN if value and SECRET_NAME.search(name) else _redacted(value)
        for name, value in params.items()
    }


def _redacted(value: Any) -> Any:
    return redact(value) if isinstance(value, str) else value


def redact_value(value: Any, name: str = "") -> Any:
    """Black out what is secret in a value, at any depth."""
    if name and value and SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: redact_value(entry, str(key)) for key, entry in value.items()}
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(redact_value(entry) for entry in value)
    return _redacted(value)


def redact_frame(frame: Any) -> Any:
    """Black out what is secret in the texts of a frame."""
    hidden = frame.copy()
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        if column.dtype == object or str(column.dtype).startswith("str"):
            hidden.isetitem(place, column.map(_redacted))
    return hidden
