"""The builder: describe a cross-validation in a chain, then perform it."""

from __future__ import annotations

import flexcv._quiet_optuna  # noqa: F401

# isort: split
import copy
import importlib
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace as changed
from html import escape
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import pandas as pd
from numpy.typing import ArrayLike
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from sklearn.base import BaseEstimator

from flexcv._checks import as_names, check_choice, check_flag
from flexcv._migration import attributes_of
from flexcv._signatures import readable
from flexcv.chain.compile import Compiled
from flexcv.chain.design import Design, MerfSettings, outer_methods
from flexcv.chain.perform import perform_jobs, tune_job, warn_about_failures
from flexcv.chain.setters import chained, setter
from flexcv.dataset import column_meant, make_dataset
from flexcv.dataset.weighting import EVERYWHERE, Reach
from flexcv.errors import NotPerformedError, OlderChainWarning
from flexcv.evaluation import RunSettings, TuningSettings
from flexcv.evaluation.search import Points, as_points
from flexcv.evaluation.tuning import Tuned
from flexcv.final import FinalModel
from flexcv.metrics import ObjectiveScorer, resolve_metrics, resolve_objective
from flexcv.metrics.metric import MetricChoice
from flexcv.model_mapping import ModelSpec, SearchSpace, make_spec, specs_from_mapping
from flexcv.preflight import check_names
from flexcv.resampling import Plan, SplitSettings
from flexcv.resampling.known_rows import check_counts
from flexcv.resampling.registry import SplitChoice, needs_groups, resolve_method
from flexcv.results import CrossValidationResults, PlansCompared
from flexcv.results.displays import SentenceFrame
from flexcv.tracking import Tracker
from flexcv.tracking.targets import sort_targets
from flexcv.typing import Between

Metrics: TypeAlias = MetricChoice | Iterable[MetricChoice] | Mapping[str, MetricChoice]
Place: TypeAlias = str | os.PathLike[str] | Tracker | Any  # a folder, or whom to tell
Results: TypeAlias = CrossValidationResults | PlansCompared[CrossValidationResults]


@readable
class CrossValidation:
    """Describe a nested cross-validation in a chain of calls, then perform it.

    Each ``set_`` method stores one record and returns the builder. Their order does
    not matter, calling one again changes only what is passed, and nothing is fitted
    before `perform`. It is one builder that is changed, whatever it is called;
    ``cv.copy().set_inner_cv(3)`` leaves `cv` as it was.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from flexcv import CrossValidation
    >>> from flexcv.synthesizer import generate_regression
    >>> X, y, group, slopes = generate_regression(3, 60)
    >>> cv = CrossValidation().set_data(X, y, group)
    >>> cv = cv.set_splits("GroupKFold", n_splits_out=3).add_model(Ridge)
    >>> cv = cv.set_run(silence="groups-unused")
    >>> results = cv.perform().get_results()
    >>> list(results), len(results["Ridge"]["model"])
    (['Ridge'], 3)
    """

    def __init__(self) -> None:
        self._passed: dict[str, dict[str, Any]] = {}
        self._design = Design()
        self._compiled = Compiled(self._design)
        self._results: Results | None = None
        self._performed = self._design

    def copy(self) -> Self:
        """Return a builder with the same settings, to change without changing this one.

        Examples
        --------
        >>> from flexcv import CrossValidation
        >>> cv = CrossValidation().set_inner_cv(100)
        >>> quick = cv.copy().set_inner_cv(3)
        >>> quick is cv
        False
        """
        other = copy.copy(self)
        other._passed = {name: dict(given) for name, given in self._passed.items()}
        return other

    @setter
    def set_data(
        self,
        X: pd.DataFrame | Mapping[str, ArrayLike] | ArrayLike,
        y: str | ArrayLike,
        groups: str | Sequence[str] | pd.DataFrame | ArrayLike | None = None,
        slopes: str | Sequence[str] | pd.DataFrame | pd.Series | None = None,
        target_name: str = "",
        dataset_name: str = "",
        *,
        extra: str | Sequence[str] | pd.DataFrame | pd.Series | None = None,
        weights: str | ArrayLike | None = None,
        weights_in: Reach | Sequence[Reach] = EVERYWHERE,
        positive: str | float | None = None,
        between: Between = False,
    ) -> None:
        """Set the table: features, target, groups and random slopes, row by row.

        Parameters
        ----------
        X
            Features: DataFrame (of pandas or polars, a pyarrow table or a duckdb
            relation), dictionary of columns, or array of shape (n_rows, n_features).
            Categorical and text columns reach the models.
        y
            Target, shape (n_rows,), or the name of a column of `X`: numbers, or for
            classifiers labels of classes (texts, whole numbers, truth values or a
            category).
        groups
            Labels, shape (n_rows,); a DataFrame of several grouping columns, the
            first of which splits; or names of columns of `X`.
        slopes
            Features whose effect may differ between groups: names, or a Series or
            DataFrame of columns of `X`.
        target_name, dataset_name
            Names shown in results.
        extra
            Columns that splitters see and no model does, such as a date: names of
            columns of `X`, which are then moved out of the features, or a Series or
            DataFrame.
        weights
            A weight for each row, zero or more, shape (n_rows,), or the name of a
            column of `X`, which is then no feature.
        weights_in
            What the weights reach: ``"fit"`` (models, as `sample_weight`),
            ``"objective"`` (inner folds of a tuning) and ``"scores"`` (metrics,
            intervals and comparisons). Scaling and post-processors take rows alike.
        positive
            The positive one of two classes, for every metric, table and picture; None
            is the last as scikit-learn sorts them.
        between
            Whether models also learn from what differs between groups, by group means
            of the features (`flexcv.preprocessing`): True, or ``"auto"`` where slopes
            within and between groups differ. Models with effects of groups do so in
            their own way, others get the means as features.

        Raises
        ------
        TypeError, ValueError
            When rows do not fit together or values cannot be used.
        """
        names = target_name, dataset_name
        more = extra, weights, weights_in, positive
        dataset = make_dataset(X, y, groups, slopes, *names, *more)
        if between and dataset.groups is None:
            raise ValueError(
                "`between` adds means of groups and the data have none; pass `groups`, "
                "or leave `between` out."
            )
        scaling = changed(self._design.scaling, between=between)
        self._design = changed(self._design, dataset=dataset, scaling=scaling)

    @setter
    def set_splits(
        self,
        split_out: SplitChoice | Sequence[SplitChoice] = "KFold",
        split_in: SplitChoice | None = None,
        n_splits_out: int = 5,
        n_splits_in: int = 5,
        scale_out: bool = True,
        scale_in: bool | None = None,
        break_cross_val: bool = False,
        metrics: Metrics | None = None,
        *,
        n_repeats: int = 1,
        time: str | None = None,
        time_within: Literal["table", "groups"] = "table",
        known_rows: int | Sequence[int] = (),
    ) -> None:
        """Set how rows are split, whether features are scaled, and what is scored.

        Parameters
        ----------
        split_out
            Outer split: a name or member of `CrossValMethod`, a splitter object with
            `split(X, y, groups)`, or (train, test) pairs of row positions. An object
            sees the whole table as `X`: features, grouping columns and those of
            ``set_data(extra=...)``, and the first grouping column as `groups`. A list
            of names or splitters runs the same models under each, for example
            ``["KFold", "GroupKFold"]`` for known and for new groups; the results are
            then a `PlansCompared`.
        split_in
            Inner split, for tuning; None treats groups as the outer split does.
        n_splits_out, n_splits_in
            Folds of a named split.
        scale_out, scale_in
            Whether numeric features are centred and scaled, learnt on the training
            rows; None inside follows outside.
        break_cross_val
            Stop after the first fold, to try a chain out.
        metrics
            Names (of `flexcv.metrics` or scikit-learn's scorers), scorers that
            `make_scorer` gave, functions of (y_true, y_pred), `Metric` objects, or a
            dictionary of them by name. None gives r2, mse and mae; of classes log_loss,
            brier, roc_auc (of more than two roc_auc_ovr) and balanced_accuracy.
        n_repeats
            Repeat the outer split with other seeds.
        time
            The column that says when a row was (dates or numbers; a feature, a grouping
            column or one of ``set_data(extra=...)``). ``"TimeSeriesSplit"`` then cuts
            its distinct values, whatever the order of the rows, and any split is
            refused that trains on what is later than a test row.
        time_within
            ``"table"`` when all rows share one clock, as the calendar is;
            ``"groups"`` when each group has its own, as days since admission.
        known_rows
            How many rows of each held-out group become known before its others are
            predicted, such as ``(0, 1, 2, 5)``: the first in `time`, where it is
            named, else rows drawn by the fold's seed. Models with random effects
            update the group's effects by them, without a refit; all others predict as
            before. Every number is scored on the same rows, those beyond the largest,
            in ``results.by_known_rows()``. Of a list of splits those by groups take
            part.
        """
        inner = None if split_in is None else resolve_method("split_in", split_in)
        numbers = n_splits_out, n_splits_in, n_repeats, break_cross_val
        order = column_meant("time", time), time_within
        methods, counts = outer_methods(split_out), check_counts(known_rows)
        splits = tuple(
            SplitSettings(
                outer,
                inner,
                *numbers,
                *order,
                known_rows=counts if len(methods) < 2 or needs_groups(outer) else (),
            )
            for outer in methods
        )
        self._design = changed(
            self._design,
            splits=splits,
            scaling=changed(self._design.scaling, outside=scale_out, inside=scale_in),
            metrics=None if metrics is None else resolve_metrics(metrics),
        )

    @chained
    def add_model(
        self,
        model_class: type | BaseEstimator,
        requires_inner_cv: bool | None = None,
        model_name: str = "",
        post_processor: type | Callable[..., Any] | Sequence[Any] | None = None,
        params: SearchSpace | None = None,
        callbacks: Sequence[Callable[..., Any]] | None = None,
        model_kwargs: Mapping[str, Any] | None = None,
        fit_kwargs: Mapping[str, Any] | None = None,
        *,
        n_trials: int | None = None,
        add_merf: bool | None = None,
        early_stopping: float | None = None,
        threshold: float | Literal["youden", "inner"] | None = None,
        replace: bool = False,
    ) -> None:
        """Add a model to compare.

        Parameters
        ----------
        model_class
            A scikit-learn estimator, as a class or an instance; pipelines and
            ensembles too. An instance is copied, never fitted itself.
        requires_inner_cv
            Whether to tune; None tunes when `params` are given.
        model_name
            Its name in the results; by default the class's.
        post_processor
            A class, an instance or a list of them, called with each fitted fold.
        params
            Optuna distributions by parameter name, nested ones as ``a__b``; or a
            function of an Optuna trial that returns the estimator's parameters, for
            spaces where one choice decides what else there is to choose.
        callbacks
            For learners that take them, such as XGBoost.
        model_kwargs
            Parameters of the estimator.
        fit_kwargs
            Arguments of `fit`; those with a value per row are cut to each fold. Tables
            such as an `eval_set` are refused.
        n_trials
            Trials of its tuning; None takes those of `set_inner_cv`.
        add_merf
            Whether to add MERF around it; None takes what `set_merf` says.
        early_stopping
            Of boosting (XGBoost, LightGBM, CatBoost, scikit-learn): a share of the
            groups that a fold trains on, or a number of them (of rows, without
            groups), to hold out; the model stops where these are predicted best, and
            the rounds it keeps are among its `params`.
        threshold
            Of two classes: from which probability on the positive one is predicted. A
            number; or chosen on the inner folds of each training part, by Youden's
            index (``"youden"``) or by the objective of `set_inner_cv` (``"inner"``).
            `results.params` shows it as ``decision_threshold``.
        replace
            Whether it takes the place of a model of that name, as a cell that is run
            again means it; otherwise a second model of one name is refused.
        """
        spec = make_spec(
            model_class,
            requires_inner_cv,
            model_name,
            post_processor,
            params,
            callbacks,
            model_kwargs,
            fit_kwargs,
            n_trials,
            add_merf,
            early_stopping,
            threshold,
        )
        is_replacing = check_flag("replace", replace)
        self._design = self._design.with_models([spec], is_replacing=is_replacing)

    @chained
    def remove_model(self, model_name: str) -> None:
        """Take a model out of the comparison.

        Parameters
        ----------
        model_name
            Its name in the results.
        """
        self._design = self._design.without_model(model_name)

    @chained
    def set_models(
        self,
        mapping: Mapping[str, Any] | None = None,
        yaml_path: str | os.PathLike[str] | None = None,
        yaml_string: str | None = None,
        *,
        replace: bool = False,
    ) -> None:
        """Add the models of a `ModelMappingDict`, a YAML file or a YAML text.

        Parameters
        ----------
        mapping
            Settings by model name; it is not changed.
        yaml_path, yaml_string
            See `flexcv.model_files` for the form.
        replace
            As in `add_model`.
        """
        if isinstance(mapping, str | os.PathLike):
            raise TypeError(
                f"`mapping` must be a dictionary, got {str(mapping)!r}; "
                "pass a file as yaml_path= and YAML text as yaml_string=."
            )
        if mapping is None and yaml_path is None and yaml_string is None:
            raise ValueError(
                "set_models got nothing; pass `mapping`, `yaml_path` or `yaml_string`."
            )
        specs: list[ModelSpec] = []
        if mapping is not None:
            specs += specs_from_mapping(mapping)
        if yaml_path is not None or yaml_string is not None:
            files = importlib.import_module("flexcv.model_files")  # and yaml with it
            specs += [] if yaml_path is None else files.read_models(yaml_path)
            specs += [] if yaml_string is None else files.specs_from_yaml(yaml_string)
        is_replacing = check_flag("replace", replace)
        self._design = self._design.with_models(specs, is_replacing=is_replacing)

    @setter
    def set_inner_cv(
        self,
        n_trials: int = 100,
        objective_scorer: ObjectiveScorer | Callable[..., float] | str | None = None,
        *,
        sampler: type[BaseSampler] | Callable[[int], BaseSampler] | None = None,
        pruner: BasePruner | None = None,
        timeout: float | None = None,
        try_defaults: bool = True,
        warm_start: Points | None = None,
        one_standard_error: str | Iterable[str] = (),
    ) -> None:
        """Set how models with `params` are tuned on the inner folds.

        Parameters
        ----------
        n_trials
            Trials per model and outer fold.
        objective_scorer
            An `ObjectiveScorer`, a function of (y_valid, y_pred, y_train_in,
            y_pred_train) or of the first two (minimised), or a metric's name. None
            gives the mean squared error of the validation part; of classes the log
            loss, or the error rate of a model without probabilities.
        sampler
            Class of an Optuna sampler, or a function of a seed that makes one; None
            is the TPE sampler.
        pruner
            Stops a trial after some inner folds: a `RacingPruner` or one of Optuna's.
        timeout
            Seconds per model and outer fold after which no new trial starts. Results
            then depend on the machine's speed.
        try_defaults
            Try the model's own parameters first.
        warm_start
            Parameters to try next: a dictionary, a list of them, or `results.params`
            of an earlier run. Parameters that were tuned on rows of this run's test
            parts have seen them, so scores may come out too good.
        one_standard_error
            Parameters that make a model simpler when smaller (``"-alpha"``: when
            larger): take the simplest trial within one standard error of the best.
        """
        tuning = TuningSettings(
            n_trials,
            resolve_objective(objective_scorer),
            sampler,
            pruner,
            timeout,
            try_defaults,
            as_points(warm_start),
            as_names("one_standard_error", one_standard_error),
        )
        self._design = changed(self._design, tuning=tuning)

    @setter
    def set_lmer(self, predict_known_groups_lmm: bool = True) -> None:
        """Set whether linear mixed models use random effects of known groups.

        Parameters
        ----------
        predict_known_groups_lmm
            False predicts the population for known groups as well.
        """
        known = check_flag("predict_known_groups_lmm", predict_known_groups_lmm)
        self._design = changed(self._design, known_groups=known)

    @setter
    def set_merf(
        self,
        add_merf_global: bool = False,
        em_max_iterations: int = 100,
        em_stopping_threshold: float | None = None,
        em_stopping_window: int | None = None,
        *,
        family: str | None = None,
        between: Between | None = None,
    ) -> None:
        """Set whether MERF is put around the models, and how its EM stops.

        Each model is tuned bare; `MERF(<model>)` then wraps what tuning chose. To tune
        with the random effects, add `flexcv.merf.MERF` as a model.

        Parameters
        ----------
        add_merf_global
            Add it for every model without random effects of its own; the `add_merf`
            of a model overrides this.
        em_max_iterations
            The number of iterations, unless a threshold stops them. Left out, MERF
            stops by its own rule, after 100 iterations at most.
        em_stopping_threshold
            Stop when the likelihood's relative change per row stays below.
        em_stopping_window
            For how many iterations it must stay below; None is MERF's own.
        family
            ``"poisson"`` for counts. None is that around learners with Poisson's loss,
            binomial around classifiers, else normal.
        between
            As in `flexcv.merf.MERF`; None is what `set_data` says.
        """
        is_fixed = "em_max_iterations" in self._passed["set_merf"]
        stopping = em_max_iterations, em_stopping_threshold, em_stopping_window
        merf = MerfSettings(add_merf_global, *stopping, is_fixed, family, between)
        self._design = changed(self._design, merf=merf)

    @setter
    def set_run(
        self,
        run: Place | Sequence[Place] | None = None,
        diagnostics: bool = False,
        random_seed: int = 42,
        *,
        tracker: str | Tracker | Sequence[str | Tracker] | None = None,
        log_data: bool = False,
        n_jobs: int = 1,
        backend: str = "loky",
        keep_estimators: bool | None = None,
        trust_pickle: bool = False,
        on_error: Literal["raise", "record"] = "raise",
        progress: bool | None = None,
        silence: str | Iterable[str] = (),
    ) -> None:
        """Set where a run is written, its seed and its workers.

        Parameters
        ----------
        run
            A folder for the run, made when missing; a `Tracker`; a live run object of
            Neptune's shape, which is not stopped; or a list of these. None writes
            nothing.
        diagnostics
            Also describe target and groups in both parts of each fold, as
            `results.diagnostics`.
        random_seed
            Seed of splits, sampling and models; results repeat with it.
        tracker
            Also tell ``"mlflow"``, ``"neptune"`` or ``"wandb"``, with the folder's
            name as experiment; or a `Tracker`, or a list.
        log_data
            Whether trackers also keep the table itself, row by row.
        n_jobs
            Worker processes; -1 for all cores. Results do not depend on it.
        backend
            Where the workers are: any of joblib's, ``"dask"`` for a cluster.
        keep_estimators
            Whether `results.estimators` keeps the fitted models; True keeps them in
            the run folder too, as pickles, for `load_estimators`. None keeps them in
            memory for tables below 100 MB, but not where one pass over the table serves
            many folds; those are fitted again when they are asked for.
        trust_pickle
            Whether kept models may be read from the run folder, so that a changed
            post-processor looks at them without a refit. Reading a pickle runs the
            code in it.
        on_error
            ``"raise"`` stops at a failing model, ``"record"`` keeps the failure as a
            row of `results.warnings` and goes on.
        progress
            Whether to show one line with units, the current trial, its best value and
            the time left; None shows it on terminals and in notebooks only.
        silence
            Names of pre-flight checks to leave out, as `check()` lists them.
        """
        folder, targets = sort_targets(run, tracker)
        self._design = changed(
            self._design,
            run=RunSettings(
                random_seed, n_jobs, on_error, backend, keep_estimators, progress
            ),
            folder=folder,
            targets=tuple(targets),
            log_data=check_flag("log_data", log_data),
            diagnostics=check_flag("diagnostics", diagnostics),
            trust_pickle=check_flag("trust_pickle", trust_pickle),
            silence=frozenset(check_names(silence)),
        )

    @property
    def plan(self) -> Plan:
        """All outer and inner splits and seeds, as `perform` will use them.

        Of several plans this is the first; `plans` has them all. Inner splits are made
        when a model is tuned, or when no model is added yet.
        """
        return next(iter(self.plans.values()))

    @property
    def plans(self) -> dict[str, Plan]:
        """Each plan by the question it answers."""
        return dict(self._known.plans)

    def check(self) -> pd.DataFrame:
        """Look for trouble before the first fit: a row per finding.

        Columns: name (which silences it in `set_run`), level (stop, warn or note),
        message.
        """
        found = [
            (finding.name, finding.level, finding.message)
            for job in self._known.jobs.values()
            for finding in job.findings
        ]
        rows = list(dict.fromkeys(found))
        return SentenceFrame(rows, columns=["name", "level", "message"])

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
        self._performed = self._design
        for results in perform_jobs(self._known.jobs, resume, stacklevel=2):
            self._results = results
        warn_about_failures(self._results, stacklevel=2)
        return self

    def tune(
        self,
        model: str,
        fold: int = 0,
        repeat: int = 0,
        *,
        storage: str | os.PathLike[str] | BaseStorage | None = None,
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
        job = next(iter(self._known.jobs.values()))
        return tune_job(job, model, fold, repeat, storage)

    def fit_final(self, model: str, *, plan: str | None = None) -> FinalModel:
        """Fit the model to keep: on all rows, as each fold of `perform` fitted it.

        Scaling, group means, tuning on inner splits of all rows, early stopping, MERF
        and thresholds are those of the folds, whose scores so are honest ones of this
        model. Seeds are spawned from that of the run.

        Parameters
        ----------
        model
            Its name, such as ``"Forest"`` or ``"MERF(Forest)"``.
        plan
            Of several plans the one whose score and inner splits it has, as `plans`
            names them.

        Raises
        ------
        NotPerformedError
            Before `perform`, which measures the score, and where the chain was changed
            since.
        """
        if not self._is_performed:
            changed_parts = self._design.changed_since(self._performed)
            why = "there are no results yet"
            if self._results is not None:
                why = f"{', '.join(changed_parts)} changed since perform()"
            raise NotPerformedError(
                f"{model!r} has no score of this chain: {why}; call perform() first."
            )
        results: Any = self._results
        if len(self._known.jobs) > 1:
            names = list(self._known.jobs)
            results = results[check_choice("plan", plan, names)]
        final: FinalModel = results.final(model)
        return final

    def get_results(self) -> Results:
        """Return the results of `perform`: `CrossValidationResults`.

        With several splits it is a `PlansCompared`, which holds them by question and
        has the same members.
        """
        return self._known_results(stacklevel=3)

    def _known_results(self, stacklevel: int) -> Results:
        """Return the results, with a warning where they are of an older chain."""
        if self._results is None:
            raise NotPerformedError("there are no results yet; call perform() first.")
        other = self._design.changed_since(self._performed)
        if other:
            warnings.warn(
                f"these results are of the chain before {', '.join(other)} changed; "
                "call perform() for those of this one.",
                OlderChainWarning,
                stacklevel=stacklevel,
            )
        return self._results

    @property
    def results(self) -> Results:
        """The results of `perform`."""
        return self._known_results(stacklevel=3)

    def __repr__(self) -> str:
        lines = [f"{name}: {value}" for name, value in self._design.described()]
        said = f"<CrossValidation {'; '.join(lines)}>"
        return f"{said}\n{self._results!r}" if self._is_performed else said

    @property
    def _is_performed(self) -> bool:
        """Whether there are results, and of this very chain."""
        same = not self._design.changed_since(self._performed)
        return self._results is not None and same

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(value)}</td></tr>"
            for name, value in self._design.described()
        )
        said = f"<b>CrossValidation</b><table>{rows}</table>"
        if self._results is None or not self._is_performed:
            return said
        shown = self._results._repr_html_()
        return f"{shown}<details><summary>Chain</summary>{said}</details>"

    @property
    def _known(self) -> Compiled:
        """What follows from the design; anew once a setter changed it."""
        if self._compiled.design is not self._design:
            self._compiled = Compiled(self._design)
        return self._compiled

    if not TYPE_CHECKING:
        __getattr__ = attributes_of("flexcv.interface.CrossValidation")
