"""Every exception and warning that flexcv raises on purpose.

::

    FlexcvError
    ├── NotPerformedError      results asked for before `perform`
    ├── PlanError              the splits asked for cannot be made from this table
    ├── CheckError             a pre-flight check stopped the run
    ├── UnitError              one model failed on one fold
    ├── StorageError           a run folder cannot be read or written
    ├── MissingExtraError      an optional package is needed and absent
    ├── UndefinedScoreError    a metric has no value for these rows
    └── ModelError             a mixed model cannot be fitted or asked for this
        └── NotIdentifiableError   the data cannot tell a variance from the residual

    FlexcvWarning
    ├── GroupsWarning          the plan and the models treat groups differently
    ├── CheckWarning           a pre-flight check found something worth knowing
    ├── FailedModelWarning     a model failed on some folds and has no averages
    ├── FailedTrialsWarning    a model raised in some trials of its tuning
    ├── ConvergenceWarning     an optimiser stopped before it was done
    ├── RankDeficiencyWarning  fixed-effect columns were dropped as redundant
    ├── SeparationWarning      fixed effects are infinite: the target is separated
    ├── ExtrapolationWarning   a curve was predicted outside the times it was learnt on
    ├── UnknownGroupsWarning   no row to predict is of a group that training showed
    ├── MigrationWarning       a setting of flexcv 24 is not read here
    ├── VersionWarning         a final model was made with other versions of packages
    ├── ResumeWarning          a unit in a run folder is run again, and why
    └── TrackingWarning        a tracker could not keep what it was told

Wrong argument kinds raise `TypeError` and wrong argument values `ValueError`;
the classes here are for what callers may want to catch by name.
"""

from __future__ import annotations


class FlexcvError(Exception):
    """Root of the errors that callers may want to catch by name."""


class NotPerformedError(FlexcvError):
    """Results were asked for before `perform` had run."""


class RunInterrupted(KeyboardInterrupt):
    """Somebody stopped a run; the message says what is finished and how to go on."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows of it: one sentence."""
        return [f"Interrupted: {self}"]


class PlanError(FlexcvError, ValueError):
    """The splits asked for cannot be made from this table."""


class CheckError(FlexcvError, ValueError):
    """A pre-flight check found a reason to stop before the first fit."""


class UnitError(FlexcvError):
    """One model failed on one fold; the message holds the address."""


class StorageError(FlexcvError, OSError):
    """A run folder cannot be read or written."""


class MissingExtraError(FlexcvError, ImportError):
    """An optional package is needed and absent; the message names the extra."""


class UndefinedScoreError(FlexcvError, ValueError):
    """A metric has no value for these rows; results then hold NaN and the reason."""


class ModelError(FlexcvError, ValueError):
    """A mixed model cannot be fitted to these data, or asked for this."""


class NotIdentifiableError(ModelError):
    """The data cannot tell a random-effect variance from the residual."""


class FlexcvWarning(UserWarning):
    """Root of the warnings."""


class OlderChainWarning(FlexcvWarning):
    """Results were asked for that a chain gave before a setter changed it."""


class GroupsWarning(FlexcvWarning):
    """The plan and the models treat groups differently."""


class CheckWarning(FlexcvWarning):
    """A pre-flight check found something worth knowing."""


class FailedModelWarning(FlexcvWarning):
    """A model failed on some folds, which `on_error="record"` allows."""


class FailedTrialsWarning(FlexcvWarning):
    """A model raised in some trials of its tuning; others were chosen from."""


class ConvergenceWarning(FlexcvWarning):
    """An optimiser stopped before it was done."""


class RankDeficiencyWarning(FlexcvWarning):
    """Fixed-effect columns were dropped because others determine them."""


class SeparationWarning(FlexcvWarning):
    """Fixed effects separate the target perfectly and have no finite estimate."""


class ExtrapolationWarning(FlexcvWarning):
    """A curve was predicted outside the range of times that it was learnt on."""


class MigrationWarning(FlexcvWarning):
    """A setting of flexcv 24 was given that is not read here."""


class UnknownGroupsWarning(FlexcvWarning):
    """No row to predict is of a known group, or rows are of a group nobody asks for."""


class VersionWarning(FlexcvWarning):
    """A final model was made with other versions of packages than are installed."""


class ResumeWarning(FlexcvWarning):
    """Something cannot be compared with what a run folder holds, so it runs again."""


class TrackingWarning(FlexcvWarning):
    """A tracker could not keep what it was told; the run itself goes on."""
