"""Which installed package a piece of code belongs to, and in which version.

Code of installed packages is known by their version. Everything else is the user's:
notebook cells, scripts and packages installed in editable form, whose files change
while their version stays.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import platform
import site
import sys
import sysconfig
from types import ModuleType
from typing import Any

OWN = "flexcv"  # known by its version, wherever its files lie
_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_INSTALLED = ("site-packages", "dist-packages")
_LOCAL = "<locals>"  # part of the qualified name of what a function made


def origin_of_module(name: object) -> str | None:
    """Return the package and version that a module belongs to; None for the user's.

    Parameters
    ----------
    name
        The full name of the module.

    Examples
    --------
    >>> origin_of_module("sklearn.linear_model").startswith("scikit-learn==")
    True
    >>> origin_of_module("__main__") is None
    True
    """
    if not isinstance(name, str) or name == "__main__":
        return None
    top = name.partition(".")[0]
    if top == OWN:
        return _version(OWN)
    module = sys.modules.get(name) or sys.modules.get(top)
    file = _file(module) if module is not None else _found(top)
    if file is not None:
        return origin_of_file(file)
    return _python() if top in sys.stdlib_module_names else None


@functools.cache
def origin_of_file(file: str) -> str | None:
    """Return the package and version that a file belongs to; None for the user's."""
    path = os.path.abspath(file)
    if path.startswith(_OWN_FOLDER):
        return _version(OWN)
    for folder in _site_folders():
        if path.startswith(folder):
            return _owners(path[len(folder) :].split(os.sep)[0].partition(".")[0])
    if any(name in path.split(os.sep) for name in _INSTALLED):
        return _owners(_after_site_folder(path))
    if path.startswith(_standard_folders()):
        return _python()
    return None


def reference(value: Any) -> str | None:
    """Return where an installed package holds a value under its own name, or None.

    A name proves nothing alone: `functools.wraps` copies the names of a library's
    function to the user's, so what the name leads to must be the value itself.
    """
    module = getattr(value, "__module__", None)
    path = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(path, str) or _LOCAL in path:
        return None
    origin = origin_of_module(module)
    if origin is None or _reached(module, path) is not value:
        return None
    return f"{origin} {module}.{path}"


def _reached(module: str, path: str) -> Any:
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _file(module: ModuleType) -> str | None:
    """Return the file of a module, or the folder of a package that has none."""
    file = getattr(module, "__file__", None)
    folders = list(getattr(module, "__path__", ()))
    if file is None and folders:
        return os.path.join(folders[0], "")
    return file if isinstance(file, str) else None


@functools.cache
def _found(top: str) -> str | None:
    """Return where a module lies that is not loaded, without loading it."""
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin == "built-in":
        return None
    folders = list(spec.submodule_search_locations or ())
    return spec.origin or (os.path.join(folders[0], "") if folders else None)


@functools.cache
def _python() -> str:
    return f"python=={platform.python_version()}"


@functools.cache
def _version(distribution: str) -> str:
    return f"{distribution}=={importlib.metadata.version(distribution)}"


@functools.cache
def _site_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["purelib"], paths["platlib"], *site.getsitepackages()}
    folders.add(site.getusersitepackages())
    return tuple(os.path.join(os.path.abspath(folder), "") for folder in folders)


@functools.cache
def _standard_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["stdlib"], paths["platstdlib"], os.path.dirname(os.__file__)}
    return tuple(os.path.join(os.path.abspath(folder), "") for folder in folders)


def _after_site_folder(path: str) -> str:
    parts = path.split(os.sep)
    place = max(i for i, part in enumerate(parts) if part in _INSTALLED)
    return parts[place + 1].partition(".")[0] if place + 1 < len(parts) else ""


@functools.cache
def _owners(top: str) -> str | None:
    """Return the distributions that a top-level name belongs to; None without one."""
    try:
        named = importlib.metadata.distribution(top)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        named = None
    if named is not None and _holds(named, top):
        return f"{named.metadata['Name']}=={named.version}"
    found = {
        f"{each.metadata['Name']}=={each.version}"
        for each in importlib.metadata.distributions()
        if _holds(each, top)
    }
    return ", ".join(sorted(found)) or None


def _holds(distribution: importlib.metadata.Distribution, top: str) -> bool:
    record = distribution.read_text("RECORD")
    if record is None:  # an older way of installing
        return top in (distribution.read_text("top_level.txt") or "").split()
    return any(f"\n{top}{end}" in f"\n{record}" for end in ("/", "."))
