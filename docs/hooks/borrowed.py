"""What public classes inherit from other libraries, with links to their pages."""

import inspect
import re
from importlib import import_module

OUTSIDE = {"sklearn": "scikit-learn", "optuna": "Optuna"}
# Private names, and methods about the routing of metadata, which every estimator has.
NOISE = re.compile(r"_|set_\w+_request$|get_metadata_routing$")


def on_page_markdown(markdown, page, config, files):
    """Add a table to the page of a class."""
    path = re.match(r"::: ([\w.]+)\.(\w+)\n", markdown)
    if path is None or not page.file.src_uri.startswith("reference/"):
        return markdown
    rows = borrowed(getattr(import_module(path[1]), path[2]))
    if not rows:
        return markdown
    head = ["", "## Inherited from other libraries", "", "| Method | Of | |"]
    return "\n".join([markdown, *head, "| --- | --- | --- |", *rows, ""])


def borrowed(kind):
    """Return rows of a table of what other libraries' classes give a class."""
    seen, rows = set(), []
    for base in kind.__mro__:
        library = base.__module__.partition(".")[0]
        for name, value in vars(base).items():
            if name in seen or NOISE.match(name) or not callable(value):
                continue
            seen.add(name)
            if library in OUTSIDE and "._" not in base.__module__:
                rows.append(_row(base, name, value, library))
    return rows


def _row(base, name, value, library):
    path = f"{base.__module__}.{base.__name__}"
    place = (
        f"https://scikit-learn.org/stable/modules/generated/{path}.html#{path}.{name}"
    )
    shown = f"[`{name}`]({place})" if library == "sklearn" else f"`{name}`"
    first = (inspect.getdoc(value) or "").partition("\n")[0].replace("|", r"\|")
    return f"| {shown} | {OUTSIDE[library]}'s `{base.__name__}` | {first} |"
