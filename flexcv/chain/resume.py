"""What a run folder knows already, and keeping what is finished."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from flexcv.errors import ResumeWarning, StorageError
from flexcv.evaluation import Event, UnitFinished
from flexcv.evaluation.choices import params_from
from flexcv.evaluation.early_stopping import rounds_parameter
from flexcv.evaluation.fingerprints import differences
from flexcv.evaluation.second_look import look_again
from flexcv.model_mapping import ModelSpec
from flexcv.records import FoldResult, Key
from flexcv.resampling import Fold
from flexcv.storage.estimators import keep_estimators, read_estimators
from flexcv.storage.folder import is_run, refuse_first_version
from flexcv.storage.results import read_description
from flexcv.storage.saving import start_over
from flexcv.storage.units import Marks, StoredUnit, Unit, load_unit, save_unit

from .compile import Job


@dataclass(frozen=True, slots=True, eq=False)
class UnitStore:
    """Keep finished units in a run folder; listens first, before anybody is told.

    Parameters
    ----------
    folder
        The run folder, locked by this process.
    marks
        How the units of each model are made, by model.
    unknown
        Models of which something cannot be identified, with what; they run again.
    keeps_estimators
        Whether fitted models are written too.
    """

    folder: Path
    marks: Mapping[str, Marks]
    unknown: Mapping[str, str] = field(default_factory=dict)
    keeps_estimators: bool = False
    stored: dict[Key, StoredUnit] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Write a unit once it is finished, unless it stands there already."""
        if not isinstance(event, UnitFinished):
            return
        key = (event.model, event.repeat, event.fold)
        before, marks = self.stored.get(key), self.marks[event.model]
        if event.is_resumed and before is not None and before.marks == marks:
            return
        kept = () if before is None or not event.is_resumed else before.estimators
        unit = StoredUnit(event.results, marks, kept)
        if self.keeps_estimators:
            unit = keep_estimators(self.folder, unit)
        self.stored[key] = save_unit(self.folder, unit)

    def known(self, job: Job) -> dict[Key, Unit]:
        """Read what is finished; a model that has changed since is refused.

        Raises
        ------
        StorageError
            When a unit is damaged, of another run, or of a model that has changed.
        """
        found: dict[Key, Unit] = {}
        again: set[str] = set()
        for fold in job.plan:
            for spec in job.specs:
                key = (spec.name, fold.repeat, fold.index)
                unit = load_unit(self.folder, *key)
                if unit is None:
                    continue
                if spec.name in self.unknown:
                    again.add(spec.name)
                    continue
                self._refuse_another(unit)
                results = self._as_asked(unit, fold, job)
                if results is not None:
                    self.stored[key] = unit
                    found[key] = results
        self._say_what_is_unknown(again)
        return found

    def _refuse_another(self, unit: StoredUnit) -> None:
        model = unit.key[0]
        changed = differences(unit.marks.run, self.marks[model].run)
        if changed:
            raise StorageError(_another_run(self.folder, changed))
        if unit.marks.model != self.marks[model].model:
            raise StorageError(
                f"the run folder {str(self.folder)!r} holds results of a {model!r} "
                "with other settings or other code; choose a new folder, or "
                "perform(resume=False) to start over in this one."
            )

    def _as_asked(self, unit: StoredUnit, fold: Fold, job: Job) -> Unit | None:
        """Return a unit as this run would have made it; None has it run again.

        Scores of metrics that changed are left out, so that they are computed anew;
        post-processors that changed look again at models that were kept.
        """
        model = unit.key[0]
        spec = next(spec for spec in job.specs if spec.name == model)
        now = self.marks[model]
        results = tuple(
            _with_own_choices(_with_equal_scores(result, unit.marks, now), spec)
            for result in unit.results
        )
        if unit.marks.processors == now.processors:
            return results
        if not (job.design.trust_pickle and unit.estimators):
            return None
        fitted = dict(read_estimators(self.folder, unit))
        return look_again(results, fitted, fold, spec, job.dataset)

    def _say_what_is_unknown(self, again: Iterable[str]) -> None:
        for model in again:
            warnings.warn(
                f"{model!r} holds something that cannot be compared with what was run "
                f"before ({self.unknown[model]}), so its units are run again.",
                ResumeWarning,
                stacklevel=2,
            )


def _with_equal_scores(result: FoldResult, before: Marks, now: Marks) -> FoldResult:
    """Keep the scores of metrics that are what they were."""
    same = {
        name
        for name, mark in now.metrics.items()
        if mark and before.metrics.get(name) == mark
    }
    kept = tuple(score for score in result.scores if score.metric in same)
    return replace(result, scores=kept)


def _with_own_choices(result: FoldResult, spec: ModelSpec) -> FoldResult:
    """Read what tuning chose from the chain's own search space."""
    if not result.drawn:
        return result
    params = params_from(spec.search_space, result.drawn)
    if spec.early_stopping is not None:  # rounds are no choice of the study
        rounds = rounds_parameter(spec.estimator)
        params |= {n: v for n, v in result.params.items() if n == rounds}
    return replace(result, params=params)


def open_store(
    folder: Path,
    marks: Mapping[str, Marks],
    prints: Mapping[str, str],
    resume: bool | None,
    **settings: object,
) -> UnitStore:
    """Prepare a run folder for going on, or for starting over.

    Parameters
    ----------
    folder
        The run folder, locked by this process.
    marks
        How the units of each model are made.
    prints
        Fingerprints of table, plan, seed, scaling and package versions.
    resume
        False forgets what is there; True asks for something to be there.
    settings
        Of the `UnitStore`.

    Raises
    ------
    StorageError
        When the folder holds another run, or none although `resume` is True, or when
        what is there cannot be removed.
    """
    if resume is False:
        start_over(folder)
    else:
        _refuse_another_run(folder, prints, resume)
    return UnitStore(folder, marks, **settings)  # type: ignore[arg-type]


def _refuse_another_run(
    folder: Path, prints: Mapping[str, str], resume: bool | None
) -> None:
    refuse_first_version(folder)
    if resume and not is_run(folder):
        raise StorageError(
            f"there is no run to resume in {str(folder)!r}; "
            "perform() without resume=True to begin one."
        )
    description = read_description(folder)
    changed = [] if description is None else differences(description.run, prints)
    if changed:
        raise StorageError(_another_run(folder, changed))


def _another_run(folder: Path, changed: Iterable[str]) -> str:
    return (
        f"the run folder {str(folder)!r} holds another run: {', '.join(changed)} "
        "differ; choose a new folder, or perform(resume=False) to start over in this "
        "one."
    )
