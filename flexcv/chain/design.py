"""What a chain says: every record that its methods stored, and nothing decided yet."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flexcv._checks import (
    check_choice,
    check_flag,
    check_integer,
    check_number,
    listed,
    near_miss,
)
from flexcv.dataset import Dataset, decide_task
from flexcv.evaluation import RunSettings, ScalingSettings, TuningSettings
from flexcv.metrics import Metric, default_metrics
from flexcv.model_mapping import ModelSpec
from flexcv.preprocessing.between import check_between
from flexcv.resampling import CrossValMethod, SplitSettings
from flexcv.resampling.registry import SplitMethod, resolve_method, title_of
from flexcv.typing import Between

# What users call the parts of a design that have other names.
SAID = {"dataset": "the data", "specs": "the models", "run": "the settings of the run"}


@dataclass(frozen=True, slots=True)
class MerfSettings:
    """Which models get MERF around them, and its EM settings."""

    everywhere: bool = False
    max_iterations: int = 100
    tol: float | None = None
    patience: int | None = None
    is_fixed: bool = False  # run all iterations unless `tol` stops them
    family: str | None = None
    between: Between | None = None  # what `set_data` says

    def __post_init__(self) -> None:
        check_flag("add_merf_global", self.everywhere)
        check_integer("em_max_iterations", self.max_iterations, 0)
        if self.tol is not None:
            check_number("em_stopping_threshold", self.tol, 0.0)
        if self.patience is not None:
            check_integer("em_stopping_window", self.patience, 1)
        if self.between is not None:
            check_between(self.between)
        if self.family is not None:
            check_choice("family", self.family, ("binomial", "poisson"))


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """What the builder's methods stored; complete once it has data and a model.

    Parameters
    ----------
    splits
        How rows are split; one record for each outer split.
    metrics
        None stands for those of the kind of target.
    trust_pickle
        Whether models kept in the run folder may be read.
    """

    dataset: Dataset | None = None
    splits: tuple[SplitSettings, ...] = (SplitSettings(),)
    scaling: ScalingSettings = field(default_factory=ScalingSettings)
    metrics: tuple[Metric, ...] | None = None
    specs: tuple[ModelSpec, ...] = ()
    tuning: TuningSettings = field(default_factory=TuningSettings)
    known_groups: bool | None = None
    merf: MerfSettings = field(default_factory=MerfSettings)
    run: RunSettings = field(default_factory=RunSettings)
    folder: Path | None = None
    targets: tuple[Any, ...] = ()
    log_data: bool = False
    diagnostics: bool = False
    trust_pickle: bool = False
    silence: frozenset[str] = frozenset()

    def with_models(
        self, specs: Sequence[ModelSpec], *, is_replacing: bool = False
    ) -> Design:
        """Add models; a name may stand only once, or takes the place of its earlier."""
        names = [spec.name for spec in specs]
        new = {spec.name: spec for spec in specs}
        known = [spec.name for spec in self.specs]
        repeated = [name for name in names if names.count(name) > 1]
        if not is_replacing:
            repeated += [name for name in names if name in known]
        if repeated:
            raise ValueError(
                f"a model called {repeated[0]!r} was added already; pass replace=True "
                "to put this one in its place, or another `model_name`."
            )
        kept = [new.pop(spec.name, spec) for spec in self.specs]
        return replace(self, specs=(*kept, *new.values()))

    def without_model(self, name: str) -> Design:
        """Take a model out."""
        names = [spec.name for spec in self.specs]
        if name not in names:
            hint = near_miss(name, names) or f"; there are {listed(names) or 'none'}."
            raise KeyError(f"no model is called {name!r}{hint}")
        return replace(self, specs=tuple(s for s in self.specs if s.name != name))

    def changed_since(self, other: Design) -> list[str]:
        """Name what is set in another way than in an earlier design."""
        return [
            SAID.get(name, name.replace("_", " "))
            for name in self.__dataclass_fields__
            if _differ(getattr(self, name), getattr(other, name))
        ]

    def known_dataset(self) -> Dataset:
        """Return the dataset, knowing whether numbers or classes are predicted."""
        if self.dataset is None:
            raise ValueError("there are no data yet; call set_data(X, y, ...) first.")
        models = {spec.name: spec.estimator for spec in self.specs}
        data = self.dataset
        return data.with_task(decide_task(data.target, models, data.positive))

    def described(self) -> list[tuple[str, str]]:
        """Say in a few lines what is set, never printing the data."""
        data = "none yet" if self.dataset is None else repr(self.dataset).strip("<>")
        lines = [
            ("data", data),
            ("splits", "; ".join(map(split_described, self.splits))),
            ("models added", ", ".join(spec.name for spec in self.specs) or "none yet"),
            ("metrics", ", ".join(metric.name for metric in self._shown_metrics())),
            ("seed", str(self.run.random_seed)),
            ("folder", str(self.folder or "none")),
        ]
        tuned = [spec.name for spec in self.specs if spec.is_tuned]
        if tuned:
            text = f"{', '.join(tuned)}, {self.tuning.n_trials} trials"
            lines.insert(3, ("tuned", text))
        if thresholds := self._of_models("threshold"):
            lines.insert(3, ("threshold", thresholds))
        stopped = self._of_models("early_stopping")
        if stopped:
            lines.insert(3, ("early stopping", f"{stopped} held out"))
        if self.merf.everywhere:
            lines.insert(3, ("MERF", "around every model without random effects"))
        return lines

    def _of_models(self, setting: str) -> str:
        """Say which models have a setting, and which value."""
        known = [(spec.name, getattr(spec, setting)) for spec in self.specs]
        return ", ".join(f"{n} {value}" for n, value in known if value is not None)

    def _shown_metrics(self) -> tuple[Metric, ...]:
        """Return the metrics, as far as they are known yet; never an error."""
        if self.metrics is not None:
            return self.metrics
        kind = "regression"
        with contextlib.suppress(TypeError, ValueError):
            kind = self.known_dataset().task.kind
        return default_metrics(kind)


def _differ(one: Any, other: Any) -> bool:
    """Return whether two settings differ; those that cannot be compared do."""
    if one is other:
        return False
    try:
        return bool(one != other)
    except (TypeError, ValueError):  # as arrays of row positions
        return True


def outer_methods(value: Any) -> tuple[SplitMethod, ...]:
    """Read `split_out`: one split, or a list of several names or splitters.

    A list of (train, test) pairs is one split.
    """
    if isinstance(value, list | tuple) and value and all(map(_is_split, value)):
        return tuple(resolve_method("split_out", entry) for entry in value)
    return (resolve_method("split_out", value),)


def split_described(splits: SplitSettings) -> str:
    """Name a split, its folds where they are ours to choose, and repeats.

    Examples
    --------
    >>> split_described(SplitSettings(CrossValMethod("GroupKFold"), n_repeats=2))
    'GroupKFold, 5 folds, 2 repeats'
    """
    text = title_of(splits.outer)
    if isinstance(splits.outer, CrossValMethod):
        text += f", {splits.n_splits_out} folds"
    text += f", {splits.n_repeats} repeats" if splits.n_repeats > 1 else ""
    if splits.known_rows:
        text += f", {', '.join(map(str, splits.known_rows))} rows known"
    if splits.time is None:
        return text
    whose = " of each group" if splits.time_within == "groups" else ""
    return f"{text}, in the order of {splits.time!r}{whose}"


def _is_split(entry: Any) -> bool:
    return isinstance(entry, str | CrossValMethod) or callable(
        getattr(entry, "split", None)
    )
