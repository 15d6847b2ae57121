"""Names of flexcv 24 that are gone, each with a sentence that names today's way.

`docs/migrating.md` lists all names of that version, those that stayed as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

_CHAIN = "describe the run by `CrossValidation` and call `perform`"
_INSIDE = "it was inside the loop; `CrossValidation` does it"
_MAPPING = "`CrossValidation.set_models` reads `yaml_path` and `yaml_string`"
_TAGS = "the tags `!Int`, `!Float` and `!Cat` are read by `CrossValidation.set_models`"
_OBJECTIVE = "pass a function to `ObjectiveScorer`, and that to `set_inner_cv`"
_REPEATS = "`results.summary` has the folds of all repeats and their averages"
_RUNS = "`set_run` takes a folder, a tracker or a live run"
_SCALING = "`set_splits(scale_out=True)` scales, learnt on the training rows"
_MERF_STEP = "`flexcv.merf.MERF` does it inside `fit`"
_FORMULA = "estimators name columns, as `LinearMixedEffectsModel(groups, slopes)` does"
_FIT = "`results.predictions` has it, rows of the training part as well"

GONE = {
    "flexcv.YAML_TEMPLATE_PATH": "`flexcv.model_files` shows the form of a file",
    "flexcv.cross_validate": _CHAIN,
    "flexcv.core.cross_validate": _CHAIN,
    "flexcv.core.preprocess_features": _SCALING,
    "flexcv.core.preprocess_slopes": _SCALING,
    "flexcv.fold_logging.CustomNeptuneCallback": (
        "`set_run(run)` tells every trial to a live Neptune run"
    ),
    "flexcv.fold_logging.log_diagnostics": (
        "`set_run(diagnostics=True)` fills `results.diagnostics`"
    ),
    "flexcv.fold_results_handling.SingleModelFoldResult": (
        "post-processors are given a `FittedFold`"
    ),
    "flexcv.interface.CrossValidation.config": (
        "`repr(cv)` shows the settings, and `results.information` keeps them"
    ),
    "flexcv.interface.CrossValidation.cv_description": "`repr(cv)` describes the chain",
    "flexcv.interface.CrossValidation.was_logged": (
        "`flexcv.tracking.read_run` tells the state of a run folder"
    ),
    "flexcv.interface.CrossValidation.was_performed": (
        "`get_results` raises `NotPerformedError` before `perform`"
    ),
    "flexcv.merf.EMDataClass": _MERF_STEP,
    "flexcv.merf.MERF.get_bhat_history_df": (
        "`random_effects_trace_` has the effects by iteration"
    ),
    "flexcv.merf.compute_m_step": _MERF_STEP,
    "flexcv.merf.compute_y_star": _MERF_STEP,
    "flexcv.metrics.METRICS": "`MetricsDict()` starts with r2, mse and mae",
    "flexcv.metrics.mse_wrapper": "`set_inner_cv` minimises the same when left alone",
    "flexcv.model_postprocessing.LinearRegDiagnostic": (
        "`LinearModelPostProcessor` gives these pictures and numbers as findings"
    ),
    "flexcv.model_postprocessing.style_talk": "`flexcv.plots.in_style` sets our style",
    "flexcv.model_selection.custom_scorer": _OBJECTIVE,
    "flexcv.model_selection.objective": _INSIDE,
    "flexcv.model_selection.objective_cv": "`CrossValidation.tune` tunes one fold",
    "flexcv.model_selection.parallel_objective": (
        "`set_run(n_jobs=-1)` gives models and folds to workers"
    ),
    "flexcv.models.BaseLinearModel": (
        "`AbstractMixedModel` is what mixed models share; `LinearModel` stands alone"
    ),
    "flexcv.models.LinearMixedEffectsModel.get_summary": "`summary()` gives the table",
    "flexcv.models.LinearModel.get_summary": "`summary()` gives the table",
    "flexcv.plot.matplotlib_settings": "`flexcv.plots.in_style` sets our style",
    "flexcv.plot.permutation_importance": (
        "`PermutationImportancePostProcessor` computes it on every fold"
    ),
    "flexcv.plot.plot_merf_results": (
        "`flexcv.plots.plot_base_against_mixed` draws it from `results.predictions`"
    ),
    "flexcv.plot.plot_merf_training_stats": "`results.plot.traces` draws iterations",
    "flexcv.plot.plot_qq": (
        "`results.plot.qq` draws quantiles of one model's residuals"
    ),
    "flexcv.plot.plot_shap": (
        "`RandomForestModelPostProcessor(shap=True)` computes values and draws them"
    ),
    "flexcv.plot.set_axes_params": "`flexcv.plots.in_style` sets our style",
    "flexcv.repeated.RepeatedCV.set_neptune": f"open the run yourself: {_RUNS}",
    "flexcv.repeated.RepeatedCV.set_seeds": (
        "`set_run(random_seed=42)` is the one seed, from which repeats draw theirs"
    ),
    "flexcv.repeated.RepeatedResult": _REPEATS,
    "flexcv.repeated.aggregate_": _REPEATS,
    "flexcv.repeated.init_repeated_runs": _RUNS,
    "flexcv.repeated.try_mean": (
        "`results.summary` has NaN where a fold has none, and `results.warnings` why"
    ),
    "flexcv.results_handling.CrossValidationResults.get_params": (
        "`results.params` has a row per fold"
    ),
    "flexcv.results_handling.CrossValidationResults.get_training_predictions": _FIT,
    "flexcv.results_handling.CrossValidationResults.get_training_true_values": _FIT,
    "flexcv.results_handling.MergedSummary": (
        "`set_splits` takes a list of splits, and models of one run share a summary"
    ),
    "flexcv.results_handling.add_summary_stats": (
        "`results.summary` has mean, median and std"
    ),
    "flexcv.run.Run": "`set_run()` needs no run; `NullTracker` keeps nothing",
    "flexcv.split.make_cross_val_split": (
        "`flexcv.resampling.make_plan` makes all splits of a run"
    ),
    "flexcv.split.string_to_crossvalmethod": (
        '`CrossValMethod("KFold")` is the member of that value'
    ),
    "flexcv.utilities.add_model_to_keys": _INSIDE,
    "flexcv.utilities.add_module_handlers": (
        '`logging.getLogger("flexcv")` is yours; nothing is handled by itself'
    ),
    "flexcv.utilities.get_fixed_effects_formula": _FORMULA,
    "flexcv.utilities.get_re_formula": _FORMULA,
    "flexcv.utilities.get_repeated_cv_metadata": _RUNS,
    "flexcv.utilities.handle_duplicate_kwargs": _INSIDE,
    "flexcv.utilities.pformat_dict": "`repr(results)` is a short table",
    "flexcv.utilities.rm_model_from_keys": _INSIDE,
    "flexcv.utilities.run_padding": (
        "`set_run(progress=False)` leaves out the one line that is shown"
    ),
    "flexcv.yaml_parser.cat_constructor": _TAGS,
    "flexcv.yaml_parser.float_constructor": _TAGS,
    "flexcv.yaml_parser.get_loader": _TAGS,
    "flexcv.yaml_parser.int_constructor": _TAGS,
    "flexcv.yaml_parser.parse_yaml_output_to_mapping_dict": _MAPPING,
    "flexcv.yaml_parser.read_mapping_from_yaml_file": _MAPPING,
    "flexcv.yaml_parser.read_mapping_from_yaml_string": _MAPPING,
    "flexcv.yaml_parser.split_import": _MAPPING,
}
GONE_ARGUMENTS = {
    "children_run": _RUNS,
    "n_jobs_cv": "`set_run(n_jobs=-1)` gives models and folds to workers",
    "n_jobs_model": '`model_kwargs={"n_jobs": 2}` gives an estimator its threads',
    "parent_run": _RUNS,
}
GONE_KEYS = {
    "allows_n_jobs": "a parameter `n_jobs` is found by itself",
    "allows_seed": "an open `random_state` is filled from `set_run(random_seed=42)`",
    "consumes_clusters": "a parameter `groups` of the estimator is found by itself",
    "mixed_model": "`add_merf` puts MERF around the model",
    "mixed_name": "MERF around a model is called `MERF(<model>)`",
    "mixed_post_processor": "`post_processor` takes a list, for both",
    "requires_formula": "`fit(X, y)` of an estimator gets a table, no formula",
}


def names_of(module: str) -> Callable[[str], NoReturn]:
    """Return the `__getattr__` of a module that flexcv 24 had, too.

    Its ImportError is what ``from module import name`` shows; an AttributeError would
    be replaced by Python's own sentence.

    Parameters
    ----------
    module
        Its name then.

    Examples
    --------
    >>> names_of("flexcv.core")("cross_validate")
    Traceback (most recent call last):
    ...
    ImportError: `flexcv.core.cross_validate` is of flexcv 24; describe the run by
    `CrossValidation` and call `perform`.
    """

    def missing(name: str) -> NoReturn:
        __tracebackhide__ = True  # the error is the caller's
        if f"{module}.{name}" in GONE:
            raise ImportError(_sentence(f"{module}.{name}"))
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return missing


def attributes_of(*owners: str) -> Callable[[Any, str], Any]:
    """Return the `__getattr__` of a class that flexcv 24 had, too.

    Parameters
    ----------
    owners
        Its names then.
    """

    def missing(self: Any, name: str) -> Any:
        __tracebackhide__ = True  # the error is the caller's
        for owner in owners:
            if f"{owner}.{name}" in GONE:
                raise AttributeError(_sentence(f"{owner}.{name}"))
        return object.__getattribute__(self, name)  # raises what it raised before

    return missing


def instead_of(name: str, gone: dict[str, str]) -> str:
    """Return the end of a sentence about an argument or a key; empty for others.

    Parameters
    ----------
    name
        The argument or key.
    gone
        `GONE_ARGUMENTS` or `GONE_KEYS`.

    Examples
    --------
    >>> instead_of("requires_formula", GONE_KEYS)
    '; it is of flexcv 24: `fit(X, y)` of an estimator gets a table, no formula.'
    """
    return f"; it is of flexcv 24: {gone[name]}." if name in gone else ""


def _sentence(name: str) -> str:
    return f"`{name}` is of flexcv 24; {GONE[name]}."
