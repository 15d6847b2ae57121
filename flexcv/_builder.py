"""What a described chain can be asked: its plan, its checks, a run, the results."""

from __future__ import annotations

from html import escape
from typing import Any, Self, cast

import pandas as pd

from flexcv._chain import Chain
from flexcv._checks import check_flag
from flexcv._compile import warn_about_failures
from flexcv._perform import tune_chain
from flexcv._plans import chains_of, perform_plans
from flexcv.errors import NotPerformedError
from flexcv.evaluation.tuning import Tuned
from flexcv.resampling import Plan
from flexcv.results import CrossValidationResults, PlansCompared


class AbstractBuilder:
    """Hold the records of a chain and act on them; `CrossValidation` describes it."""

    def __init__(self) -> None:
        self._passed: dict[str, dict[str, Any]] = {}
        self._chain = Chain()
        self._outer: tuple[Any, ...] = ()  # the splits, where there are several
        self._results: CrossValidationResults | PlansCompared | None = None

    @property
    def plan(self) -> Plan:
        """All outer and inner splits and seeds, as `perform` will use them.

        Of several plans this is the first; `plans` has them all. Inner splits are made
        when a model is tuned, or when no model is added yet.
        """
        return self._chain.make_plan()

    @property
    def plans(self) -> dict[str, Plan]:
        """Each plan by the question it answers."""
        made = {
            name: chain.make_plan()
            for name, chain in chains_of(self._chain, self._outer).items()
        }
        return {name or plan.question: plan for name, plan in made.items()}

    def check(self) -> pd.DataFrame:
        """Look for trouble before the first fit: a row per finding.

        Columns: name (which silences it in `set_run`), level (stop, warn or note),
        message.
        """
        found = [
            (finding.name, finding.level, finding.message)
            for chain in chains_of(self._chain, self._outer).values()
            for finding in chain.findings(chain.make_plan(), chain.compiled_specs())
        ]
        rows = list(dict.fromkeys(found))
        return pd.DataFrame(rows, columns=["name", "level", "message"])

    def perform(self, *, resume: bool | None = None) -> Self:
        """Check the chain, run every model on every fold and keep the results.

        With a run folder every finished unit (a model on a fold) is on disk before
        the next one is told of, and performing again skips what is there.

        Parameters
        ----------
        resume
            True asks for a run to go on with, False starts over; None goes on where
            the folder holds this run. A folder of another run is refused.

        Raises
        ------
        CheckError
            When a pre-flight check says stop.
        UnitError
            When a model fails and `on_error` is ``"raise"``; what was finished before
            stays available, marked partial.
        StorageError
            When the run folder holds another run, is in use, or cannot be written.
        """
        if resume is not None:
            check_flag("resume", resume)
        self._results = None  # what an earlier chain gave is not this one's
        for results in perform_plans(self._chain, self._outer, resume, stacklevel=2):
            self._results = results
        warn_about_failures(self._results, stacklevel=2)
        return self

    def tune(
        self, model: str, fold: int = 0, repeat: int = 0, *, storage: Any = None
    ) -> Tuned:
        """Tune one model on one outer fold, alone or together with other processes.

        Every process that calls this with the same chain and storage adds trials
        until there are `n_trials`, each up to one more; calling it once more when
        all are done gives the final choice. In the journal of a run folder, which
        is the default with one, `perform` finds the trials and does the rest; let it
        begin when these are done.

        Parameters
        ----------
        model
            Its name.
        fold, repeat
            Which outer fold, counted from 0.
        storage
            What the processes share: a journal file, the URL of a database or an
            Optuna storage; None is the run folder's journal, or memory without one.

        Returns
        -------
        A record of `params`, the parameters chosen, and `trials`, a table.

        Examples
        --------
        >>> from optuna.distributions import FloatDistribution
        >>> from sklearn.linear_model import Ridge
        >>> from flexcv import CrossValidation
        >>> X = [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0], [5.0, 0.0], [6.0, 1.0]]
        >>> cv = CrossValidation().set_data(X, [1.1, 2.1, 2.9, 4.2, 5.0, 6.1])
        >>> cv = cv.set_splits(n_splits_out=2, n_splits_in=2).set_inner_cv(5)
        >>> cv = cv.add_model(Ridge, params={"alpha": FloatDistribution(0.1, 10.0)})
        >>> tuned = cv.tune("Ridge", fold=1)
        >>> list(tuned.params), len(tuned.trials)
        (['alpha'], 5)
        """
        return tune_chain(self._chain, model, fold, repeat, storage)

    def get_results(self) -> CrossValidationResults:
        """Give the results of `perform`: `CrossValidationResults`.

        With several splits it is a `PlansCompared`, which holds them by question.
        """
        if self._results is None:
            raise NotPerformedError("there are no results yet; call perform() first.")
        # Of several plans it is a mapping of such results, as its user knows.
        return cast("CrossValidationResults", self._results)

    @property
    def results(self) -> CrossValidationResults:
        """The results of `perform`."""
        return self.get_results()

    def __repr__(self) -> str:
        lines = "; ".join(f"{name}: {value}" for name, value in self._chain.described())
        return f"<CrossValidation {lines}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(value)}</td></tr>"
            for name, value in self._chain.described()
        )
        return f"<b>CrossValidation</b><table>{rows}</table>"
