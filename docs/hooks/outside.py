"""Types of other libraries link to their pages, by the patterns of those sites.

Inventories would have to be fetched while the site is built; where a documented name
lies on these sites follows from the name.
"""

import builtins
import re

from mkdocs.plugins import event_priority

IDENTIFIER = re.compile(r'<autoref [^>]*?identifier="([\w.]+)"')
PYTHON = "https://docs.python.org/3/library/"
NUMPY = "https://numpy.org/doc/stable/reference/"
OPTUNA = "https://optuna.readthedocs.io/en/stable/reference/"
# The first start that fits is taken; {name} is the whole dotted name.
PATTERNS = {
    "numpy.typing.": NUMPY + "typing.html#{name}",
    "numpy.random.Generator": NUMPY + "random/generator.html#{name}",
    "numpy.float64": NUMPY + "arrays.scalars.html#{name}",
    "numpy.int64": NUMPY + "arrays.scalars.html#{name}",
    "numpy.bool_": NUMPY + "arrays.scalars.html#{name}",
    "numpy.": NUMPY + "generated/{name}.html",
    "numpy": "https://numpy.org/doc/stable/",
    "flexcv.arrays.": NUMPY + "typing.html#numpy.typing.NDArray",  # its aliases
    "pandas.": "https://pandas.pydata.org/docs/reference/api/{name}.html",
    "sklearn.": "https://scikit-learn.org/stable/modules/generated/{name}.html",
    "matplotlib.": "https://matplotlib.org/stable/api/_as_gen/{name}.html",
    "optuna.samplers.": OPTUNA + "samplers/generated/{name}.html",
    "optuna.": OPTUNA + "generated/{name}.html",
    "collections.abc.": PYTHON + "collections.abc.html#{name}",
    "typing.": PYTHON + "typing.html#{name}",
    "pathlib.": PYTHON + "pathlib.html#{name}",
    "os.": PYTHON + "os.html#{name}",
    "dataclasses.": PYTHON + "dataclasses.html#{name}",
    "enum.": PYTHON + "enum.html#{name}",
    "datetime.": PYTHON + "datetime.html#{name}",
    "abc.": PYTHON + "abc.html#{name}",
}
FUNCTIONS = {"bool", "float", "int", "object", "type", "complex", "property"}


def url(name):
    """Return where another library documents a name, or None.

    Examples
    --------
    >>> url("pandas.DataFrame")
    'https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.html'
    >>> url("str")
    'https://docs.python.org/3/library/stdtypes.html#str'
    >>> url("flexcv.Plan") is None
    True
    """
    if isinstance(known := getattr(builtins, name, None), type):
        page = "functions" if name in FUNCTIONS else "stdtypes"
        page = "exceptions" if issubclass(known, BaseException) else page
        return f"{PYTHON}{page}.html#{name}"
    for start, pattern in PATTERNS.items():
        if name.startswith(start):
            return pattern.format(name=name)
    return None


@event_priority(0)  # before references are resolved, which happens late
def on_env(env, config, files):
    """Tell the cross-references of all pages where these names are."""
    references = config.plugins["autorefs"]
    for file in files:
        if file.page and file.page.content:
            for name in set(IDENTIFIER.findall(file.page.content)):
                if (place := url(name)) is not None:
                    references.register_url(name, place)
    return env
