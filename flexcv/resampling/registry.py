"""A splitter from a name, an enum member, an object or index pairs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from flexcv._checks import near_miss
from flexcv.typing import Pairs, Splitter

from .grouped import (
    BalancedGroupKFold,
    ContinuousStratifiedGroupKFold,
    LeaveOneGroup,
)
from .peers import OnGroups, OnStrata
from .stratified import ConcatenatedStratifiedKFold, ContinuousStratifiedKFold


class CrossValMethod(Enum):
    """The split strategies that have a name; a string of the same value works too.

    Names that scikit-learn has too give, in the first repeat of a run with seed s,
    the folds of scikit-learn's own splitter with ``shuffle=True, random_state=s``.
    """

    KFOLD = "KFold"
    STRATIFIED_KFOLD = "StratifiedKFold"
    CONTINUOUS_STRATIFIED_KFOLD = "ContinuousStratifiedKFold"
    GROUP_KFOLD = "GroupKFold"
    BALANCED_GROUP_KFOLD = "BalancedGroupKFold"
    STRATIFIED_GROUP_KFOLD = "StratifiedGroupKFold"
    CONTINUOUS_STRATIFIED_GROUP_KFOLD = "ContinuousStratifiedGroupKFold"
    CONCATENATED_STRATIFIED_KFOLD = "ConcatenatedStratifiedKFold"
    LEAVE_ONE_GROUP_OUT = "LeaveOneGroupOut"
    TIME_SERIES_SPLIT = "TimeSeriesSplit"

    # What flexcv 24 calls them.
    GROUP = GROUP_KFOLD
    STRAT = STRATIFIED_KFOLD
    STRATGROUP = STRATIFIED_GROUP_KFOLD
    CONTISTRAT = CONTINUOUS_STRATIFIED_KFOLD
    CONTISTRATGROUP = CONTINUOUS_STRATIFIED_GROUP_KFOLD
    CONCATSTRATKFOLD = CONCATENATED_STRATIFIED_KFOLD


@dataclass(frozen=True, slots=True)
class _Strategy:
    """How to make one named splitter, and what to know about it."""

    make: Callable[[int, int], Any]
    inside: CrossValMethod  # the inner split that treats groups alike
    needs_groups: bool = False
    random: bool = True


_M = CrossValMethod
_STRATEGIES = {
    _M.KFOLD: _Strategy(
        lambda n, seed: KFold(n, shuffle=True, random_state=seed), _M.KFOLD
    ),
    _M.STRATIFIED_KFOLD: _Strategy(
        lambda n, seed: OnStrata(StratifiedKFold(n, shuffle=True, random_state=seed)),
        _M.STRATIFIED_KFOLD,
    ),
    _M.CONTINUOUS_STRATIFIED_KFOLD: _Strategy(
        lambda n, seed: ContinuousStratifiedKFold(n, random_state=seed),
        _M.CONTINUOUS_STRATIFIED_KFOLD,
    ),
    _M.GROUP_KFOLD: _Strategy(
        lambda n, seed: OnGroups(GroupKFold(n, shuffle=True, random_state=seed)),
        _M.GROUP_KFOLD,
        needs_groups=True,
    ),
    _M.BALANCED_GROUP_KFOLD: _Strategy(
        lambda n, seed: BalancedGroupKFold(n, random_state=seed),
        _M.BALANCED_GROUP_KFOLD,
        needs_groups=True,
    ),
    _M.STRATIFIED_GROUP_KFOLD: _Strategy(
        lambda n, seed: OnStrata(
            OnGroups(StratifiedGroupKFold(n, shuffle=True, random_state=seed))
        ),
        _M.STRATIFIED_GROUP_KFOLD,
        needs_groups=True,
    ),
    _M.CONTINUOUS_STRATIFIED_GROUP_KFOLD: _Strategy(
        lambda n, seed: ContinuousStratifiedGroupKFold(n, random_state=seed),
        _M.CONTINUOUS_STRATIFIED_GROUP_KFOLD,
        needs_groups=True,
    ),
    _M.CONCATENATED_STRATIFIED_KFOLD: _Strategy(
        lambda n, seed: ConcatenatedStratifiedKFold(n, random_state=seed),
        _M.CONCATENATED_STRATIFIED_KFOLD,
        needs_groups=True,
    ),
    _M.LEAVE_ONE_GROUP_OUT: _Strategy(
        lambda n, seed: LeaveOneGroup(),  # noqa: ARG005
        _M.GROUP_KFOLD,
        needs_groups=True,
        random=False,
    ),
    _M.TIME_SERIES_SPLIT: _Strategy(
        lambda n, seed: TimeSeriesSplit(n),  # noqa: ARG005
        _M.TIME_SERIES_SPLIT,
        random=False,
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class FixedPairs:
    """Index pairs given by the user, kept as they came."""

    pairs: tuple[tuple[Any, Any], ...]

    def split(
        self,
        X: Any,
        y: Any = None,
        groups: Any = None,
    ) -> Iterable[tuple[Any, Any]]:
        """Return the pairs."""
        return self.pairs

    def __repr__(self) -> str:
        return f"{len(self.pairs)} index pairs"


SplitMethod: TypeAlias = Any  # a CrossValMethod, FixedPairs or a splitter object
SplitChoice: TypeAlias = str | CrossValMethod | Splitter | Pairs


def resolve_method(name: str, value: object) -> SplitMethod:
    """Turn what a user gave for a split into a member, splitter or `FixedPairs`.

    Parameters
    ----------
    name
        The argument's name, for the message.
    value
        A name, a `CrossValMethod`, an object with `split`, or an iterable of
        (train, test) pairs; an iterator is read once, here.
    """
    if isinstance(value, CrossValMethod):
        return value
    if isinstance(value, str):
        known = [method.value for method in CrossValMethod]
        if value not in known:
            hint = near_miss(value, known) or f"; known are {', '.join(known)}."
            raise ValueError(f"`{name}`: unknown splitter {value!r}{hint}")
        return CrossValMethod(value)
    if isinstance(value, type):
        raise TypeError(
            f"`{name}` must be a splitter object, got the class {value.__name__}; "
            f"pass {value.__name__}(...)."
        )
    if callable(getattr(value, "split", None)):
        return value
    if isinstance(value, Iterable):
        return FixedPairs(tuple(_pair(name, pair) for pair in value))
    raise TypeError(
        f"`{name}` must be a splitter's name, a splitter or index pairs, got {value!r}."
    )


def make_splitter(method: SplitMethod, n_splits: int, seed: int) -> Any:
    """Make a splitter that gives the same folds whenever the seed is the same."""
    if isinstance(method, CrossValMethod):
        return _STRATEGIES[method].make(n_splits, seed)
    if getattr(method, "random_state", 0) is not None:
        return method
    seeded = copy.copy(method)
    if getattr(method, "shuffle", True):
        setattr(seeded, "random_state", seed)  # noqa: B010
    return seeded


def inside_of(method: SplitMethod) -> CrossValMethod | None:
    """Name the inner split that treats groups as a named outer one does."""
    if isinstance(method, CrossValMethod):
        return _STRATEGIES[method].inside
    return None


def needs_groups(method: SplitMethod) -> bool:
    """Return whether a named splitter cannot work without groups."""
    return isinstance(method, CrossValMethod) and _STRATEGIES[method].needs_groups


def title_of(method: SplitMethod) -> str:
    """Name a split as a person would."""
    return method.value if isinstance(method, CrossValMethod) else repr(method)


def _pair(name: str, pair: Any) -> tuple[Any, Any]:
    try:
        train, test = pair
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"`{name}` must hold (train, test) pairs of row positions, got {pair!r}."
        ) from error
    return _positions(name, train), _positions(name, test)


def _positions(name: str, rows: Any) -> Any:
    array = np.asarray(rows)
    if array.dtype == bool:
        return np.flatnonzero(array)
    if array.ndim != 1 or (len(array) and array.dtype.kind not in "iu"):
        raise TypeError(
            f"`{name}` must hold pairs of whole row positions, "
            f"got an array of {array.dtype} with shape {array.shape}."
        )
    return array.astype(np.intp)
