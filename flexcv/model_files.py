"""Models from YAML, read with the safe loader.

::

    RandomForest:
      model: sklearn.ensemble.RandomForestRegressor
      params:
        max_depth: !Int {low: 2, high: 20}
        max_features: !Float {low: 0.1, high: 1.0}
        criterion: !Cat [squared_error, absolute_error]
      n_trials: 20
      post_processor: flexcv.model_postprocessing.RandomForestModelPostProcessor

The keys are those of `ModelConfigDict`. A dotted path is imported and must name an
estimator's class, or a post-processor's; nothing else in the file is executed.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flexcv._yaml import load, shortened
from flexcv.model_mapping import ModelSpec, specs_from_mapping
from flexcv.model_postprocessing import ModelPostProcessor

DOTTED_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
ESTIMATOR = ("fit", "get_params", "set_params")  # what the class of a model has
LONGEST_NAME = 100  # characters of a model's name
LONGEST_PATH = 200  # characters of a dotted path
LONG = 80  # characters of a value; a message that may repeat a longer one is cut
CUT = 200  # characters of such a message


def specs_from_yaml(text: str, source: str = "yaml_string") -> list[ModelSpec]:
    """Read models from YAML text.

    Parameters
    ----------
    text
        A mapping of model name to settings; each name once, at every depth.
    source
        Named in error messages.

    Raises
    ------
    ValueError
        When the text is not valid, gives a name twice, or becomes too large.
    TypeError
        When a path names no class of the kind that is needed.

    Examples
    --------
    >>> specs = specs_from_yaml('''
    ... Ridge:
    ...   model: sklearn.linear_model.Ridge
    ...   params:
    ...     alpha: !Float {low: 1e-4, high: 10.0, log: true}
    ... ''')
    >>> specs[0].search_space
    {'alpha': FloatDistribution(high=10.0, log=True, low=0.0001, step=None)}
    """
    content = load(text, source)
    if not isinstance(content, dict):
        raise ValueError(
            f"`{shortened(source)}` must hold a mapping of model names to settings, "
            f"got {type(content).__name__}; see flexcv.model_files."
        )
    models = {_model_name(name): config for name, config in content.items()}
    if len(models) < len(content):
        raise ValueError(
            f"`{shortened(source)}` gives one name to two models, as a text and as "
            "another value; keep one of them."
        )
    mapping = {name: _imported(name, config) for name, config in models.items()}
    if not any(len(repr(value)) > LONG for value in _plain_values(content)):
        return specs_from_mapping(mapping)
    return _specs_with_long_values(mapping)


def read_models(path: str | Path) -> list[ModelSpec]:
    """Read models from a YAML file."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise FileNotFoundError(
            f"`yaml_path` {str(path)!r} cannot be read: {error.strerror}."
        ) from error
    return specs_from_yaml(text, source=str(path))


def _model_name(name: Any) -> str:
    text = str(name)
    if len(text) > LONGEST_NAME:
        raise ValueError(
            f"the model {shortened(text)!r} has a name of {len(text):,} characters; "
            f"give it one of at most {LONGEST_NAME}."
        )
    return text


def _specs_with_long_values(mapping: Mapping[str, Any]) -> list[ModelSpec]:
    """Make records of models; a message that repeats long values is cut."""
    try:
        return specs_from_mapping(mapping)
    except (TypeError, ValueError) as error:
        said = str(error)
        if len(said) <= CUT:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        # Not chained: the traceback would repeat what the message leaves out.
        raise kind(f"{said[: CUT - 60]} ... {said[-50:]}") from None


def _plain_values(content: Any) -> Iterator[Any]:
    """Yield all names, texts, numbers and lists of a document."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        else:
            yield value


def _imported(name: str, config: Any) -> Any:
    """Replace dotted paths by what they name."""
    if not isinstance(config, dict):
        return config
    settings, shown = dict(config), shortened(name, 40)
    if "model" in settings:
        settings["model"] = _estimator_class(shown, settings["model"])
    if "post_processor" in settings:
        given = settings["post_processor"]
        paths = given if isinstance(given, list) else [given]
        settings["post_processor"] = [_processor_class(shown, path) for path in paths]
    return settings


def _estimator_class(model: str, path: Any) -> Any:
    found = _named_object(model, path)
    has_all = all(callable(getattr(found, name, None)) for name in ESTIMATOR)
    if not isinstance(found, type) or not has_all:
        raise TypeError(
            f"model {model!r}: `model` must name the class of an estimator, with fit, "
            f"get_params and set_params, but {shortened(path)!r} is "
            f"{_kind(found)}; name a class such as sklearn.linear_model.Ridge."
        )
    return found


def _processor_class(model: str, path: Any) -> Any:
    found = _named_object(model, path)
    is_processor = isinstance(found, type) and issubclass(found, ModelPostProcessor)
    if not is_processor or inspect.isabstract(found):
        raise TypeError(
            f"model {model!r}: `post_processor` must name a class that extends "
            f"flexcv.model_postprocessing.ModelPostProcessor, but {shortened(path)!r} "
            f"is {_kind(found)}; name one of that module, or your own."
        )
    return found


def _named_object(model: str, path: Any) -> Any:
    is_path = isinstance(path, str) and DOTTED_PATH.fullmatch(path) is not None
    if not is_path or len(path) > LONGEST_PATH:
        raise ValueError(
            f"model {model!r}: expected a dotted path such as "
            f"'sklearn.linear_model.Ridge', got {shortened(repr(path))}."
        )
    module, _, attribute = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"model {model!r}: {shortened(path)!r} cannot be imported: "
            f"{shortened(error)}."
        ) from error


def _kind(found: Any) -> str:
    return "another class" if isinstance(found, type) else f"a {type(found).__name__}"
