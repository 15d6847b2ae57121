"""A final model in a folder of its own.

::

    model.joblib   the fitted pipeline, a pickle: read only on the user's word
    model.record   what is known about it, with the pickle's checksum
    card.json      the same for readers; written, never read
    card.html      the same as a page
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flexcv.errors import StorageError
from flexcv.storage.estimators import read_pickle, refuse_distrust, write_pickle
from flexcv.storage.files import (
    files_in,
    is_there,
    read_record,
    write_record,
    write_text,
)

MODEL, RECORD, JSON, PAGE = "model.joblib", "model.record", "card.json", "card.html"
KIND = "model"


def write_model(
    path: str | os.PathLike[str],
    estimator: Any,
    content: Mapping[str, Any],
    card: str,
    html: str,
) -> None:
    """Write a final model into a folder of its own, which may hold an earlier one.

    Parameters
    ----------
    path
        A new or empty folder, or one that holds a final model.
    estimator
        The fitted pipeline.
    content
        All that is read again.
    card, html
        All that is read by people.

    Raises
    ------
    StorageError
        When the folder holds other files, or cannot be written.
    """
    folder = Path(path)
    if not is_there(folder / RECORD) and files_in(folder, "[!.]*"):
        raise StorageError(
            f"{str(folder)!r} holds files but no final model; choose an empty or new "
            "folder."
        )
    digest = write_pickle(folder / MODEL, estimator, "the final model")
    write_record(folder / RECORD, KIND, {**content, "pickle": digest})
    write_text(folder / JSON, card)
    write_text(folder / PAGE, html)


def read_model(
    path: str | os.PathLike[str], trust_pickle: bool
) -> tuple[Any, dict[str, Any]]:
    """Read the fitted pipeline and what is known about it.

    Parameters
    ----------
    path
        The folder.
    trust_pickle
        Must be True.

    Raises
    ------
    ValueError
        When `trust_pickle` is not True.
    StorageError
        When the folder holds no final model, or it cannot be read.
    """
    refuse_distrust(trust_pickle)
    folder = Path(path)
    if not is_there(folder / RECORD):
        raise StorageError(
            f"{str(folder)!r} holds no final model; pass a folder that "
            "FinalModel.save wrote."
        )
    content, _ = read_record(folder / RECORD, KIND)
    others = other_versions(content["card"]["versions"])
    try:
        return read_pickle(folder / MODEL, content.pop("pickle")), content
    except StorageError:
        raise
    except Exception as error:
        if not others:
            raise
        raise StorageError(
            f"the model in {str(folder)!r} cannot be read with other versions than it "
            f"was written with ({others}); install those that {JSON} names."
        ) from error


def other_versions(written: Mapping[str, str]) -> str:
    """Say which packages have other versions than a model was written with.

    Parameters
    ----------
    written
        Versions by package.

    Examples
    --------
    >>> other_versions({"numpy": "0.1"}).startswith("numpy 0.1, here ")
    True
    """
    told = []
    for package, said in written.items():
        here = _version(package)
        if package != "python" and here != said:
            told.append(f"{package} {said}, here {here or 'none'}")
    return "; ".join(told)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
