"""The reference: a page for each public class, made from `__all__` of each package."""

import inspect
import re
from dataclasses import dataclass
from functools import cache
from html import unescape
from importlib import import_module
from pathlib import Path

import yaml
from mkdocs.structure.files import File

PAGES = Path(__file__).parents[1] / "pages.yml"
# What is public, by where a reader looks for it; a name belongs where it comes first.
PACKAGES = {
    "flexcv": "The chain",
    "flexcv.models": "Mixed models",
    "flexcv.merf": "MERF",
    "flexcv.results": "Results",
    "flexcv.results.pictures": "Pictures of results",
    "flexcv.results.comparison": "Comparison of models",
    "flexcv.plots": "Pictures of frames",
    "flexcv.preprocessing": "Slopes within and between groups",
    "flexcv.model_postprocessing": "Post-processors",
    "flexcv.resampling": "Splits",
    "flexcv.metrics": "Scores",
    "flexcv.datasets": "Tables to try",
    "flexcv.synthesizer": "Simulated tables",
    "flexcv.dataset": "Data and roles",
    "flexcv.tracking": "Tracking",
    "flexcv.errors": "Errors and warnings",
    "flexcv.testing": "Suites for extensions",
    "flexcv.model_files": "Models from files",
    "flexcv.evaluation": "The engine",
}
ON_ONE_PAGE = {"flexcv.errors"}  # small classes that are read beside each other
SKIP = re.compile(
    r"<(?P<end>/?)(?P<tag>a|pre|h[1-6]|autoref|summary|script|nav)\b[^>]*>"
    r"|<code>(?P<code>[^<]+)</code>"
)
NAME = re.compile(
    r"(?:(?P<of>cv|results|results\.plot|plot|model|fitted)\.)?"
    r"(?P<name>[A-Za-z_][\w.]*)(?P<call>\(.*\))?$",
    re.DOTALL,
)
OBJECTS = {
    "cv": "flexcv.CrossValidation",
    "results": "flexcv.CrossValidationResults",
    "results.plot": "flexcv.results.pictures.Pictures",
    "plot": "flexcv.results.pictures.Pictures",
}
CHAIN = "CrossValidation", "CrossValidationResults"  # every page is about these, too
BARE = {"perform", "tune"}  # words that mean the method wherever they stand as code
STANDARD = {
    "classes_": "The classes, sorted.",
    "coef_": "The coefficients of the features.",
    "intercept_": "The intercept.",
    "loglik_": "The log-likelihood.",
    "n_iter_": "How many iterations were made.",
}
NAMED = re.compile(r"([^`]*)`(\w+_)`")
FITTED = re.compile(r"^ +self\.([a-z]\w*_)(?:: [^=]+)? = ", re.MULTILINE)


@dataclass(frozen=True)
class Public:
    """A public name, where it lives and what it is."""

    module: str
    name: str
    value: object

    @property
    def path(self):
        return f"{self.module}.{self.name}"

    @property
    def is_class(self):
        return inspect.isclass(self.value)

    @property
    def page(self):
        alone = self.is_class and self.module not in ON_ONE_PAGE
        return f"{_folder(self.module)}/{self.name if alone else 'index'}.md"

    @property
    def first_line(self):
        lines = (inspect.getdoc(self.value) or "").splitlines()
        return lines[0].replace("|", r"\|") if lines and callable(self.value) else ""


@cache
def public():
    """Return every public name, once."""
    found = {}
    for module in PACKAGES:
        for name, value in _names(module):
            found.setdefault(_identity(name, value), Public(module, name, value))
    return tuple(found.values())


def _names(module):
    here = import_module(module)
    names = getattr(here, "__all__", None) or [
        name
        for name, value in vars(here).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module
    ]
    return [(name, getattr(here, name)) for name in names]


def _identity(name, value):
    return id(value) if callable(value) else name


def on_config(config):
    """Put the pages of classes into the navigation, a section for each package."""
    sections = [
        {title: [f"{_folder(module)}/index.md", *_of(module)]}
        for module, title in PACKAGES.items()
    ]
    for entry in config.nav:
        if "Reference" in entry:
            entry["Reference"] = ["reference/index.md", *sections, *entry["Reference"]]
    return config


def _folder(module):
    return f"reference/{module.removeprefix('flexcv.')}"


def _of(module):
    pages = sorted(
        (item.name, item.page)
        for item in public()
        if item.module == module and not item.page.endswith("/index.md")
    )
    return [{name: page} for name, page in pages]


def on_files(files, config):
    """Write the pages."""
    texts = {"reference/index.md": _overview()}
    for module, title in PACKAGES.items():
        texts[f"{_folder(module)}/index.md"] = _package(module, title)
    for item in public():
        if item.page not in texts:
            texts[item.page] = _class(item)
    for uri, text in texts.items():
        files.append(File.generated(config, uri, content=text))
    return files


def _overview():
    rows = []
    for module, title in PACKAGES.items():
        names = ", ".join(
            f"`{item.name}`" for item in public() if item.module == module
        )
        page = f"{_folder(module).removeprefix('reference/')}/index.md"
        rows.append(f"| [{title}]({page}) | `{module}` | {names} |")
    head = ["# Reference", "", "Every public name, by where it is imported from.", ""]
    return "\n".join(
        [*head, "| What | Import from | Names |", "| --- | --- | --- |", *rows, ""]
    )


def _package(module, title):
    here = import_module(module)
    known = {_identity(item.name, item.value): item for item in public()}
    items = [known[_identity(name, value)] for name, value in _names(module)]
    alone = [item for item in items if not item.page.endswith("/index.md")]
    lines = [f"# {title}", "", f"`{module}`: {inspect.getdoc(here)}", ""]
    if alone:
        lines += ["| Class | |", "| --- | --- |"]
        lines += [f"| `{item.name}` | {item.first_line} |" for item in alone]
    for item in items:
        if item.module == module and item not in alone:
            lines += ["", f"::: {item.path}", "    options:", "      heading_level: 2"]
    return "\n".join([*lines, ""])


def _class(item):
    lines = [
        f"::: {item.path}",
        "    options:",
        "      heading_level: 1",
        "      inherited_members: true",
    ]
    left = _left_by_fit(item)
    if left:
        lines += ["", "## What `fit` leaves besides", "", *_symbols(item), *left]
    read_on = [
        f"- [{_title(uri)}](../../{uri})"
        for uri, page in _about().items()
        if item.name in page.get("about", ())
    ]
    if read_on:
        lines += ["", "## Guides and formulas", "", *read_on]
    return "\n".join([*lines, ""])


def _left_by_fit(item):
    """Return a heading, with its meaning, for each attribute that only `fit` sets."""
    lines = []
    for name, meaning in sorted(_fitted(item).items()):
        lines += [f"### `{name}` {{#{item.path}.{name}}}", "", meaning, ""]
    return lines


@cache
def _anchors():
    """Return the attributes that a page has headings for, by the page."""
    pages = {}
    for item in public():
        if item.is_class and not item.page.endswith("/index.md"):
            pages[item.page] = [f"{item.path}.{name}" for name in _fitted(item)]
    return pages


def _symbols(item):
    return [
        f"Symbols are those of [{_title(uri)}](../../{uri}).\n"
        for uri, page in _about().items()
        if uri.startswith("mathematics/") and item.name in page["about"]
    ]


def _fitted(item):
    """Return the meaning of attributes that methods set and no class declares."""
    told = STANDARD | _meanings().get(item.name, {})
    known = {name for base in item.value.__mro__ for name in _declared(base)}
    names = _set_in_methods(item.value) - known
    return {name: told[name] for name in names & set(told)}


def _declared(base):
    return {**vars(base), **inspect.get_annotations(base)}


@cache
def _set_in_methods(kind):
    """Return names such as `sigma_` that methods of flexcv's classes set."""
    sources = [
        inspect.getsource(base)
        for base in kind.__mro__
        if base.__module__.startswith("flexcv.")
    ]
    return {name for source in sources for name in FITTED.findall(source)}


@cache
def _meanings():
    """Return what the tables of symbols say of attributes, by class and name."""
    found = {}
    for uri, page in _about().items():
        if not uri.startswith("mathematics/"):
            continue
        for line in (PAGES.parent / uri).read_text(encoding="utf-8").splitlines():
            symbol, _, names = line.strip("| ").partition(" | ")
            for before, name in NAMED.findall(names if line.startswith("|") else ""):
                text = ", ".join(filter(None, [symbol, before.strip(" ,;:")]))
                for owner in page.get("about", ()):
                    known = found.setdefault(owner, {})
                    known.setdefault(name, text[:1].upper() + text[1:] + ".")
    return found


def _title(uri):
    """Return the heading of a page."""
    file = PAGES.parents[1] / uri if uri.startswith("guides/") else PAGES.parent / uri
    text = file.read_text(encoding="utf-8")
    return re.search(r"^# (.+)$", text, re.MULTILINE)[1]


def on_page_content(html, page, config, files):
    """Link every public name that stands in the text as code; leave out sources."""
    for path in _anchors().get(page.file.src_uri, ()):
        config.plugins["autorefs"].register_anchor(page, path)
    classes = _about().get(page.file.src_uri, {}).get("about", ())
    parts, end, depth = [], 0, 0
    for found in SKIP.finditer(html):
        if found["tag"]:
            depth += -1 if found["end"] else 1
            continue
        identifier = None if depth else identify(unescape(found["code"]), classes)
        if identifier and _page_of(identifier) != page.file.src_uri:
            parts += [html[end : found.start()], _link(identifier, found["code"])]
            end = found.end()
    linked = "".join([*parts, html[end:]])
    return linked.replace(
        '<details class="mkdocstrings-source"',
        '<details data-search-exclude class="mkdocstrings-source"',
    )


def _link(identifier, code):
    return f'<autoref identifier="{identifier}" optional><code>{code}</code></autoref>'


@cache
def _page_of(identifier):
    return next((item.page for item in public() if item.path == identifier), None)


@cache
def _about():
    return yaml.safe_load(PAGES.read_text(encoding="utf-8"))


@cache
def _named():
    return {item.name: item.path for item in public()}


@cache
def _values():
    return {item.path: item.value for item in public()}


@cache
def _members():
    """Return who has a public member, by its name; a base that is public goes first."""
    owners = {}
    for item in public():
        if not item.is_class:
            continue
        for base in reversed(item.value.__mro__):
            if base.__module__.partition(".")[0] != "flexcv":
                continue
            for name in _declared(base):
                if not name.startswith("_"):
                    owners.setdefault(name, {})[item.path] = None
        for name in _fitted(item):
            owners.setdefault(name, {})[item.path] = None
    return {name: list(paths) for name, paths in owners.items()}


def identify(code, classes=()):
    """Return the path of the public name that code means, or None.

    Parameters
    ----------
    code
        What stands between backticks.
    classes
        Names of the classes that a page is about; their members go first.

    Examples
    --------
    >>> identify("set_splits(n_repeats=5)")
    'flexcv.CrossValidation.set_splits'
    >>> identify("theta_", ["LinearMixedEffectsModel"])
    'flexcv.models.LinearMixedEffectsModel.theta_'
    >>> identify("mean") is None
    True
    """
    found = NAME.match(code)
    if found is None:
        return None
    name = found["name"]
    for module in sorted(PACKAGES, key=len, reverse=True):
        name = name.removeprefix(f"{module}.")
    owner, _, member = name.rpartition(".")
    named = name[0].isupper() or "_" in name or found["call"]
    if found["of"]:
        own = OBJECTS.get(found["of"])
        return _member(name, [own] if own else _paths(classes))
    if owner or (name in _named() and named):
        return _member(member, _paths([owner])) if owner else _named()[name]
    return _method(name, classes, named)


def _method(name, classes, named):
    """Return the member that a single word means on a page about these classes."""
    own = _member(name, _paths(classes))
    if own and callable(getattr(_values()[own.rpartition(".")[0]], name, None)):
        return own
    if named or name in BARE:
        return _member(name, _paths([*classes, *CHAIN])) or _only(name)
    return None


def _paths(classes):
    return [_named()[name] for name in classes if name in _named()]


def _member(name, paths):
    owners = _members().get(name, ())
    return next((f"{path}.{name}" for path in paths if path in owners), None)


def _only(name):
    owners = _members().get(name, ())
    if len(owners) != 1:
        return None
    value = getattr(_values()[owners[0]], name, None)
    does = inspect.isfunction(value) or isinstance(value, property)
    return f"{owners[0]}.{name}" if does else None  # a field may be a parameter, too
