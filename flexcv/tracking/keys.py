"""Names as keys that a store takes, and back: no two names share a key.

A character that a store refuses is written by its number in Unicode, ``_0x28_`` for an
opening bracket. The way back needs no list, so the same name has the same key in every
run, whatever was told before it.
"""

from __future__ import annotations

import hashlib
import re

LONGEST_KEY = 250
DIGEST_LENGTH = 16
# What no key may hold as it stands: the mark of a number, slashes and dots that make a
# path equal to another one, and a space at the end, which some databases pass over.
_NEVER = r"_(?=0x)|^/|/(?=/|\Z)|(?<![^/])\.(?=\.?(?:/|\Z))| \Z"
PLAIN = re.compile(rf"[^\w\-./ ]|{_NEVER}")  # of MLflow's metrics, parameters and tags
PATHS = re.compile(rf'[\x00-\x1f<>:"|?*\[\]\\#%]|{_NEVER}')  # of files
FOLDERS = re.compile(rf"[^\w\-. ]|{_NEVER}")  # of one folder
# W&B keeps names that begin with `_` for itself, `step` is the axis of our curves, and
# `*` stands for several names.
PANELS = re.compile(rf"[*\\]|^_|(?<=^ste)p\Z|{_NEVER}")
PROJECTS = re.compile(rf"[/\\#?%:\x00-\x1f]|{_NEVER}")
_NUMBER = re.compile(r"_0x([0-9A-F]*)_")


def key_of(
    name: str, refused: re.Pattern[str] = PLAIN, longest: int = LONGEST_KEY
) -> str:
    """Return the key of a name.

    Parameters
    ----------
    name
        Any text.
    refused
        Finds the characters that the store does not take, one by one.
    longest
        Characters of a key; a longer one ends in a checksum of the name.

    Examples
    --------
    >>> key_of("test/mse"), key_of("convergence/var(subject)")
    ('test/mse', 'convergence/var_0x28_subject_0x29_')
    >>> key_of("../a//b"), key_of("log_0x1")
    ('_0x2E_./a_0x2F_/b', 'log_0x5F_0x1')
    """
    key = refused.sub(lambda found: f"_0x{ord(found.group()):X}_", name) or "_0x_"
    if len(key) <= longest:
        return key
    checksum = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{key[: longest - DIGEST_LENGTH - 1]}-{checksum[:DIGEST_LENGTH]}"


def name_of(key: str) -> str:
    """Return the name of a key that a tracker shows.

    The name of a key that was too long is cut.

    Parameters
    ----------
    key
        Of a metric, parameter, tag or file in MLflow or W&B.

    Examples
    --------
    >>> name_of("convergence/var_0x28_subject_0x29_")
    'convergence/var(subject)'
    """
    return _NUMBER.sub(lambda found: _character(found.group(1)), key)


def _character(number: str) -> str:
    return chr(int(number, 16)) if number else ""
