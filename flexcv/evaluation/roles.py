"""Return an estimator the columns it names.

In the builder groups are a separate series; an estimator wants them as columns of the
table, named by its parameters `groups` and `slopes`. This module is the bridge.
"""

from __future__ import annotations

from typing import Any

from flexcv.dataset import Dataset
from flexcv.model_mapping import is_called


def assign_roles(estimator: Any, dataset: Dataset) -> Any:
    """Fill the parameters `groups` and `slopes` that the user left open.

    Looks at any depth (`merf__groups`). A parameter that is already set stays, and so
    does everything beside a `random` term that is set, which names its own columns.

    Parameters
    ----------
    estimator
        Changed in place; pass a clone.
    dataset
        Its grouping columns and slopes are filled in.

    Returns
    -------
    estimator
    """
    if dataset.groups is None:
        return estimator
    parameters = estimator.get_params(deep=True)
    filled: dict[str, Any] = {}
    for name in parameters:
        if not is_called(name, "groups"):
            continue
        prefix = name.removesuffix("groups")
        if parameters[name] is not None or _names_its_own(parameters, prefix):
            continue
        filled[name] = _one_or_all(dataset.group_names)
        slopes = prefix + "slopes"
        if dataset.slopes and slopes in parameters and not _is_set(parameters[slopes]):
            filled[slopes] = dataset.slopes
    return estimator.set_params(**filled) if filled else estimator


def grouping_columns(estimator: Any, dataset: Dataset) -> tuple[str, ...]:
    """Name the grouping columns an estimator reads, in the dataset's order.

    An estimator says so by its method `grouping_columns()`; one without it by its
    parameter `groups`. Estimators inside it are asked too.
    """
    if dataset.groups is None:
        return ()
    parameters = estimator.get_params(deep=True)
    named = set(_own_groups(estimator, parameters))
    for name, value in parameters.items():
        if is_called(name, "groups"):
            named.update([value] if isinstance(value, str) else value or ())
    return tuple(name for name in dataset.group_names if name in named)


def columns_in_their_units(estimator: Any, dataset: Dataset) -> tuple[Any, ...]:
    """Name the columns that must reach an estimator as the user gave them.

    These are groups, and what an estimator or one inside it names by a parameter in its
    `column_roles`: weights, an offset, a time. They are never scaled.
    """
    parameters = estimator.get_params(deep=True)
    named = [*grouping_columns(estimator, dataset), *_own_groups(estimator, parameters)]
    for part in (estimator, *parameters.values()):
        roles = getattr(part, "column_roles", ())
        if not isinstance(part, type):
            named += [getattr(part, role) for role in roles]
    return tuple(dict.fromkeys(name for name in named if name is not None))


def seed_randomness(estimator: Any, seed: int) -> Any:
    """Set every `random_state` that the user left at None, at any depth, in place."""
    parameters = estimator.get_params(deep=True)
    open_states = {
        name: seed
        for name, value in parameters.items()
        if value is None and is_called(name, "random_state")
    }
    return estimator.set_params(**open_states) if open_states else estimator


def _own_groups(estimator: Any, parameters: dict[str, Any]) -> list[Any]:
    """Ask an estimator, and those inside it, for the grouping columns they read."""
    named: list[Any] = []
    for part in (estimator, *parameters.values()):
        ask = getattr(part, "grouping_columns", None)
        if callable(ask) and not isinstance(part, type):
            named += ask()
    return named


def _names_its_own(parameters: dict[str, Any], prefix: str) -> bool:
    """Return whether the random part is written out, in `random` or in a formula."""
    formula = parameters.get(prefix + "formula")
    written = isinstance(formula, str) and "|" in formula
    return written or bool(parameters.get(prefix + "random"))


def _one_or_all(names: tuple[str, ...]) -> str | tuple[str, ...]:
    return names[0] if len(names) == 1 else names


def _is_set(value: Any) -> bool:
    return value is not None and len(value) > 0
