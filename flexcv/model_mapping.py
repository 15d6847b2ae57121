"""What is to be compared: one record a model, and its dictionary spelling."""

from __future__ import annotations

import flexcv._quiet_optuna  # noqa: F401

# isort: split
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from optuna import Trial
from optuna.distributions import BaseDistribution
from sklearn.base import clone

from flexcv._checks import (
    check_early_stopping,
    check_integer,
    check_mapping,
    check_threshold,
    near_miss,
    refuse_tables,
)
from flexcv._migration import GONE_ARGUMENTS, GONE_KEYS, instead_of
from flexcv.errors import MigrationWarning

SearchSpace: TypeAlias = (
    Mapping[str, BaseDistribution] | Callable[[Trial], Mapping[str, Any]]
)


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A second model made from a tuned one, such as MERF around it.

    Parameters
    ----------
    name
        The name in the results.
    wrap
        Takes the tuned, unfitted estimator and gives the one to fit instead.
    """

    name: str
    wrap: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class ModelSpec:
    """One model to evaluate.

    Parameters
    ----------
    name
        The name in the results.
    estimator
        An unfitted scikit-learn estimator; it is cloned, never fitted itself.
    search_space
        Optuna distributions by parameter name (`a__b` for nested ones), or a function
        of an Optuna trial that returns the estimator's parameters. The model is tuned
        when it is not empty.
    n_trials
        Trials of the tuning; None takes the run's.
    variants
        Models made from this one after tuning.
    post_processors
        Called with each fitted fold.
    fit_params
        Keyword arguments of `fit`; those with a value per row are cut to the fold.
    add_merf
        Whether to add MERF around it; None takes the run's.
    early_stopping
        A share of the training groups, or a number of them, to hold out so that they
        say how many rounds are enough; None fits all rounds to all rows.
    threshold
        From which probability on the positive class is predicted: a number, or
        ``"youden"`` or ``"inner"``, chosen on inner folds; None leaves it to the model.
    """

    name: str
    estimator: Any
    search_space: SearchSpace = field(default_factory=dict)
    n_trials: int | None = None
    variants: tuple[Variant, ...] = ()
    post_processors: tuple[Any, ...] = ()
    fit_params: Mapping[str, Any] = field(default_factory=dict)
    add_merf: bool | None = None
    early_stopping: float | None = None
    threshold: float | str | None = None

    @property
    def is_tuned(self) -> bool:
        """Return whether there is something to tune."""
        return bool(self.search_space)

    @property
    def looks_inside(self) -> bool:
        """Return whether something is chosen on inner folds."""
        return self.is_tuned or isinstance(self.threshold, str)

    @property
    def consumes_groups(self) -> bool:
        """Return whether the estimator has a parameter that names groups."""
        return names_groups(self.estimator)


def names_groups(estimator: Any) -> bool:
    """Return whether an estimator has a parameter `groups`, at any depth."""
    return any(is_called(name, "groups") for name in estimator.get_params(deep=True))


def is_called(name: str, parameter: str) -> bool:
    """Whether a name is that of a parameter, of the estimator or of one inside it.

    Examples
    --------
    >>> [is_called(name, "groups") for name in ("groups", "merf__groups", "n_groups")]
    [True, True, False]
    """
    return name == parameter or name.endswith(f"__{parameter}")


class ModelConfigDict(dict[str, Any]):
    """The settings of one model as a dictionary; `CONFIG_KEYS` are its keys."""


class ModelMappingDict(dict[str, Any]):
    """Name several models: a dictionary of name to `ModelConfigDict`.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> mapping = ModelMappingDict(
    ...     {"Ridge": ModelConfigDict({"model": Ridge, "model_kwargs": {"alpha": 2}})}
    ... )
    >>> [spec.name for spec in specs_from_mapping(mapping)]
    ['Ridge']
    """


CONFIG_KEYS = (
    "model",
    "requires_inner_cv",
    "params",
    "n_trials",
    "post_processor",
    "callbacks",
    "model_kwargs",
    "fit_kwargs",
    "add_merf",
    "early_stopping",
    "threshold",
)
KEYS_OF_24 = ("n_jobs_model", "n_jobs_cv")  # read as well, see `specs_from_mapping`
ONE_THREAD = (None, False, 1)  # asks for nothing


def specs_from_mapping(mapping: Mapping[str, Any]) -> list[ModelSpec]:
    """Read a `ModelMappingDict`, or dictionaries of the same form; none is changed.

    `n_jobs_model` of flexcv 24 becomes the estimator's `n_jobs`; where there is none,
    and of `n_jobs_cv`, a warning says what to write today.
    """
    specs = []
    for name, config in check_mapping("mapping", mapping).items():
        settings = check_mapping(f"mapping[{name!r}]", config)
        threads, workers = (settings.pop(key, None) for key in KEYS_OF_24)
        _refuse_unknown_keys(name, settings)
        if "model" not in settings:
            raise ValueError(f"model {name!r} has no key 'model'; give a class there.")
        spec = make_spec(settings.pop("model"), model_name=name, **settings)
        if workers not in ONE_THREAD:
            _say_unread(name, "n_jobs_cv")
        if "n_jobs" not in (settings.get("model_kwargs") or {}):
            _give_threads(spec, threads)
        specs.append(spec)
    return specs


def _refuse_unknown_keys(model: str, settings: Mapping[str, Any]) -> None:
    for key in settings:
        if key not in CONFIG_KEYS:
            hint = instead_of(key, GONE_KEYS) or near_miss(key, CONFIG_KEYS)
            hint = hint or f"; known are {', '.join(CONFIG_KEYS)}."
            raise ValueError(f"model {model!r}: unknown key {key!r}{hint}")


def _give_threads(spec: ModelSpec, n_jobs: Any) -> None:
    """Set `n_jobs` of an estimator that has it, as `n_jobs_model` asks."""
    if n_jobs in ONE_THREAD:
        return
    if "n_jobs" in spec.estimator.get_params(deep=False):
        spec.estimator.set_params(n_jobs=n_jobs)
    else:
        _say_unread(spec.name, "n_jobs_model")


def _say_unread(model: str, key: str) -> None:
    said = f"model {model!r}: `{key}` of flexcv 24 is not read"
    warnings.warn(f"{said}; {GONE_ARGUMENTS[key]}.", MigrationWarning, stacklevel=2)


def make_spec(
    model: Any,
    requires_inner_cv: bool | None = None,
    model_name: str = "",
    post_processor: Any = None,
    params: SearchSpace | None = None,
    callbacks: Any = None,
    model_kwargs: Mapping[str, Any] | None = None,
    fit_kwargs: Mapping[str, Any] | None = None,
    n_trials: int | None = None,
    add_merf: bool | None = None,
    early_stopping: float | None = None,
    threshold: float | str | None = None,
) -> ModelSpec:
    """Check the settings of one model and make its record.

    The arguments are those of `CrossValidation.add_model`.
    """
    _check_switch("requires_inner_cv", requires_inner_cv)
    _check_switch("add_merf", add_merf)
    if n_trials is not None:
        check_integer("n_trials", n_trials, 1)
    estimator = _estimator(model, check_mapping("model_kwargs", model_kwargs))
    name = model_name or _title(estimator)
    if not isinstance(name, str):
        raise TypeError(f"`model_name` must be a string, got {name!r}.")
    fit_params = check_mapping("fit_kwargs", fit_kwargs)
    refuse_tables(name, fit_params)
    estimator, fit_params = _with_callbacks(estimator, fit_params, callbacks)
    space = _search_space(estimator, params, requires_inner_cv, name)
    return ModelSpec(
        name,
        estimator,
        space,
        n_trials,
        (),
        _post_processors(post_processor),
        fit_params,
        add_merf,
        check_early_stopping(early_stopping),
        check_threshold(threshold),
    )


def _check_switch(name: str, value: object) -> None:
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"`{name}` must be True, False or None, got {value!r}.")


def _estimator(model: Any, kwargs: dict[str, Any]) -> Any:
    """Make a private, unfitted estimator from a class or an instance."""
    if isinstance(model, type):
        if not callable(getattr(model, "get_params", None)):
            raise TypeError(_not_an_estimator(model.__name__))
        _refuse_unknown(model.__name__, kwargs, _init_names(model))
        return model(**kwargs)
    if not callable(getattr(model, "get_params", None)):
        raise TypeError(_not_an_estimator(repr(model)))
    estimator = clone(model)
    _refuse_unknown(type(model).__name__, kwargs, _parameters_of(estimator))
    return estimator.set_params(**kwargs) if kwargs else estimator


def _not_an_estimator(shown: str) -> str:
    return (
        "`model_class` must be a scikit-learn estimator, as a class or an instance, "
        f"got {shown}; it needs fit, predict, get_params and set_params."
    )


def _parameters_of(estimator: Any) -> list[str]:
    """Name all parameters, those that `get_params` leaves out included.

    CatBoost lists only what was set; what its classes take stands in their signature.
    """
    known = estimator.get_params(deep=True)
    owners = {"": estimator} | {f"{name}__": part for name, part in known.items()}
    silent = [
        prefix + name
        for prefix, part in owners.items()
        if callable(getattr(part, "get_params", None)) and not isinstance(part, type)
        for name in _init_names(type(part)) or ()
    ]
    return list(dict.fromkeys([*known, *silent]))


def _init_names(model: type) -> list[str] | None:
    """Names that a class takes when made; None when it takes any."""
    parameters = inspect.signature(model).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters]


def _refuse_unknown(owner: str, given: Mapping[str, Any], known: Any) -> None:
    if known is None:
        return
    for name in given:
        if name not in known:
            listed = f"; it takes {', '.join(sorted(known)) or 'none'}."
            hint = near_miss(name, known) or listed
            raise ValueError(f"{owner} has no parameter {name!r}{hint}")


def _title(estimator: Any) -> str:
    """Name an estimator by its class; a pipeline by its last step."""
    steps = getattr(estimator, "steps", None)
    if steps:
        return f"{type(estimator).__name__}({_title(steps[-1][1])})"
    return type(estimator).__name__


def _with_callbacks(
    estimator: Any, fit_params: dict[str, Any], callbacks: Any
) -> tuple[Any, dict[str, Any]]:
    """Hand callbacks to the constructor or to `fit`, whichever takes them."""
    if callbacks is None:
        return estimator, fit_params
    if "callbacks" in estimator.get_params():
        return estimator.set_params(callbacks=callbacks), fit_params
    if "callbacks" in inspect.signature(estimator.fit).parameters:
        return estimator, {**fit_params, "callbacks": callbacks}
    raise ValueError(
        f"`callbacks` were given but {type(estimator).__name__} takes none, neither "
        "when it is made nor in fit; leave them out."
    )


def _search_space(
    estimator: Any,
    params: SearchSpace | None,
    requires_inner_cv: bool | None,
    name: str,
) -> SearchSpace:
    if callable(params):
        return {} if requires_inner_cv is False else params
    space = check_mapping("params", params)
    for key, distribution in space.items():
        if not isinstance(distribution, BaseDistribution):
            raise TypeError(
                f"model {name!r}: `params[{key!r}]` must be an Optuna distribution, "
                f"got {distribution!r}; use model_kwargs for a fixed value."
            )
    if requires_inner_cv and not space:
        raise ValueError(
            f"model {name!r} has requires_inner_cv=True but nothing to tune; "
            "pass `params` with at least one Optuna distribution."
        )
    _refuse_unknown(type(estimator).__name__, space, _parameters_of(estimator))
    return {} if requires_inner_cv is False else space


def _post_processors(given: Any) -> tuple[Any, ...]:
    if given is None:
        return ()
    entries = given if isinstance(given, list | tuple) else [given]
    made = tuple(entry() if isinstance(entry, type) else entry for entry in entries)
    for entry in made:
        if not callable(entry):
            raise TypeError(
                f"`post_processor` must be a class, an instance or a list of them, "
                f"each callable with a fitted fold, got {entry!r}."
            )
    return made
