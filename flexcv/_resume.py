"""What a run folder knows already, and keeping what is finished."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flexcv.errors import StorageError
from flexcv.evaluation import Event, TuningSettings, UnitFinished
from flexcv.evaluation.fingerprints import differences, model_fingerprint
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Plan
from flexcv.results import FoldResult
from flexcv.results.storage import RUN_FILE
from flexcv.results.units import forget_units, load_unit, save_unit, unit_name

Unit = tuple[FoldResult, ...]
Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class UnitStore:
    """Keep finished units in a run folder; listens first, before anybody is told.

    Parameters
    ----------
    folder
        The run folder.
    models
        Fingerprint of each model, by name.
    """

    folder: Path
    models: Mapping[str, str]

    def __call__(self, event: Event) -> None:
        """Write a unit once it is finished, unless it was read from here."""
        if isinstance(event, UnitFinished) and not event.is_resumed:
            name = unit_name(event.model, event.repeat, event.fold)
            save_unit(self.folder, name, event.results, self.models[event.model])

    def known(self, plan: Plan) -> dict[Key, Unit]:
        """Read what is finished; a model that has changed since is refused."""
        found: dict[Key, Unit] = {}
        for fold in plan:
            for model, how in self.models.items():
                stored = load_unit(
                    self.folder, unit_name(model, fold.repeat, fold.index)
                )
                if stored is None:
                    continue
                if stored[0] != how:
                    raise StorageError(
                        f"the run folder {str(self.folder)!r} holds results of a "
                        f"{model!r} with other settings; choose a new folder, or "
                        "perform(resume=False) to start over in this one."
                    )
                found[model, fold.repeat, fold.index] = stored[1]
        return found


def open_store(
    folder: Path,
    specs: Sequence[ModelSpec],
    tuning: TuningSettings,
    prints: Mapping[str, Any],
    resume: bool | None,
) -> UnitStore:
    """Prepare a run folder for going on, or for starting over.

    Parameters
    ----------
    folder
        The run folder, locked by this process.
    specs, tuning
        The models and how they are tuned.
    prints
        Fingerprints of table, plan, seed, scaling and package versions.
    resume
        False forgets what is there; True asks for something to be there.

    Raises
    ------
    StorageError
        When the folder holds another run, or none although `resume` is True.
    """
    before = _stored_prints(folder)
    if resume is False:
        forget_units(folder)
    elif before is None:
        if resume:
            raise StorageError(
                f"there is no run to resume in {str(folder)!r}; "
                "perform() without resume=True to begin one."
            )
    else:
        changed = differences(before, prints)
        if changed:
            raise StorageError(
                f"the run folder {str(folder)!r} holds another run: "
                f"{', '.join(changed)} differ; choose a new folder, or "
                "perform(resume=False) to start over in this one."
            )
    models = {spec.name: model_fingerprint(spec, tuning) for spec in specs}
    return UnitStore(folder, models)


def _stored_prints(folder: Path) -> dict[str, Any] | None:
    file = folder / RUN_FILE
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{str(file)!r} is damaged ({error}); choose a new folder, or "
            "delete that file and perform(resume=False)."
        ) from error
    prints = content.get("fingerprints")
    return prints if isinstance(prints, dict) else None
