"""Curves observed at different times, clustered and predicted by a deep mixture."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_choice, check_integer, check_interval
from flexcv._signatures import readable
from flexcv.arrays import FloatArray
from flexcv.errors import ConvergenceWarning, ModelError
from flexcv.models.contract.base import RandomPart, Training
from flexcv.models.contract.iterating import is_stopped
from flexcv.models.design._identify import require_identifiable
from flexcv.models.design.columns import RandomEncoder, learn_fixed
from flexcv.models.design.terms import RandomTerm
from flexcv.models.design.validate import require_column
from flexcv.models.mixtures.ascent import Schedule, Step
from flexcv.models.mixtures.curve_basis import (
    EXTRAPOLATION,
    KNOTS,
    Basis,
    basis_columns,
    column_basis,
    learn_splines,
    require_times,
)
from flexcv.models.mixtures.curves import AbstractCurveMixture
from flexcv.models.mixtures.learned import (
    least_squares,
    population_moments,
    selection_frame,
    subject_curves,
    trace_frame,
    trace_row,
)
from flexcv.models.mixtures.membership import learn_membership
from flexcv.models.mixtures.moments import sweep
from flexcv.models.mixtures.parameters import Parameters, Priors
from flexcv.models.mixtures.search import Outcome, by_weight, search
from flexcv.models.mixtures.settings import (
    check_range,
    generator_from,
    mixture_sizes,
)
from flexcv.models.mixtures.sums import SubjectSums, subject_sums
from flexcv.models.mixtures.units import learn_units
from flexcv.typing import Between, Callback, KnownGroups, Seed, UnknownLevels

EXACT_VARIANCE = 1e-12  # of the residuals, relative to the target's: rounding


@readable
class DeepMixtureLMM(AbstractCurveMixture):
    r"""Deep mixture of linear mixed models for curves observed at different times.

    Subject i has the curve :math:`x(t)'z_i` with spline columns x, and
    :math:`y_i = W_i\beta + X_i z_i + e_i` with :math:`e_i \sim N(0, \sigma^2 I)`. The
    coefficients come from layers of factor analysers, :math:`z^{(l-1)} = \mu_k +
    B_k z^{(l)} + u`, with u normal, one component k drawn in each layer, and standard
    normal factors at the end. Kock, Klein & Nott (2023), *Deep mixture of linear mixed
    models for complex longitudinal data*, arXiv:2311.07156. The fit is variational
    Bayes by coordinate ascent, exact in each subject's paths and factors: no sweep
    lowers the bound.

    With `membership`, subject i is in component k of the first layer with probability
    :math:`\exp(a_k + w_k'x_i) / \sum_j \exp(a_j + w_j'x_i)`, as in mixtures of experts
    (Jordan & Jacobs 1994, Neural Comput. 6, 181-214) and in growth mixtures (Muthen &
    Shedden 1999, Biometrics 55, 463-469); deeper layers keep weights for all.

    Parameters
    ----------
    groups
        The column of subjects. Without it the model is least squares on the curve
        columns and the other columns.
    time
        The column of times. Every other column has a fixed effect.
    n_components
        Components of each layer at the start; spare ones empty. ``"auto"`` starts
        from (2, 1), (4, 2) and (10, 5) and keeps the best bound.
    n_factors
        Factors of each layer; None is 4 in the first and 1 in deeper ones. ``"auto"``
        tries 1, 2 and 4 in the first and keeps the best bound.
    n_basis
        How many splines; None is half the number of distinct times, at most 10.
    degree
        Degree of the splines' pieces.
    knots
        ``"uniform"``, or ``"quantile"`` for as many rows between any two knots.
    basis
        Columns that a curve is made of, instead of splines.
    membership
        Columns that predict a subject's cluster instead of having fixed effects, the
        same in all rows of a subject; every level of a category has an indicator. New
        subjects are predicted by theirs, known ones keep those of training.
    time_range
        Range of the splines; the training table's by default.
    extrapolation
        What happens outside this range: ``"linear"`` goes on as a straight line and
        warns, ``"error"`` refuses. Farther away than the range is long is refused.
    simplify
        Whether components are taken away as long as that raises the bound. The bound
        prefers fewer components than predictions sometimes do.
    concentration, mean_scale, loading_scale, spread_scale, noise_scale
        Scales of the priors, for a target of unit variance: Dirichlet weights, Cauchy
        means, horseshoe loadings, half-Cauchy deviations of coefficients and noise.
    membership_scale
        Standard deviation of the normal prior of a_k and w_k, for features of unit
        variance.
    n_init
        Starts of each size; the best bound is kept.
    max_iter, tol
        The most sweeps of a start, and the gain of the bound per row below which it
        has settled.
    callbacks
        Called with each new row of `trace_` as a mapping; one that returns True
        stops the fit.
    random_state
        Seeds the starts.
    known_groups
        ``"conditional"`` predicts known subjects by their curves, ``"population"``
        every row by the population.
    between
        Whether group means of the features are features too, for slopes that differ
        within and between groups: ``"auto"`` is yes where
        `flexcv.preprocessing.contextual_effects` finds that they do.
    unknown_levels
        What becomes of a row with a level of a category that training did not show:
        ``"refuse"`` raises; ``"zero"`` gives the column no effect, its columns of the
        design being at their averages over training; ``"missing"`` predicts NaN.

    Attributes
    ----------
    n_components_
        Components left in each layer.
    weights_, means_, covariances_
        The mixture of the coefficients, one Gaussian for each path through the layers;
        the weights are those of training's subjects together.
    cluster_, cluster_proba_
        Each subject's component of the first layer, and the probability of each.
    sigma_
        Residual standard deviation.
    random_effects_
        Each subject's coefficients less those of the population.
    fixed_effects_
        Effects of the other columns, with standard errors.
    variance_components_
        Variances of the coefficients in the population, and of the residual.
    bound_
        The evidence lower bound that was reached.
    trace_
        A row per sweep.
    selection_
        A row per start, the best bound first.
    converged_, n_iter_
        Whether the kept start settled, and after how many sweeps.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> subject = np.repeat(np.arange(40), 8)
    >>> table = pd.DataFrame({"subject": subject, "time": rng.random(320)})
    >>> sign = np.where(subject % 2, 1.0, -1.0)
    >>> y = sign * np.sin(6 * table["time"]) + 0.1 * rng.normal(size=320)
    >>> model = DeepMixtureLMM("subject", "time", n_components=(3, 1)).fit(table, y)
    >>> model.n_components_
    (2, 1)
    >>> bool(model.cluster_[0] == model.cluster_[2] != model.cluster_[1])
    True
    """

    column_roles: ClassVar[tuple[str, ...]] = ("time",)
    trace_: pd.DataFrame

    def __init__(
        self,
        groups: str | Sequence[str] | None = None,
        time: str | None = None,
        *,
        n_components: int | Sequence[int] | Literal["auto"] = (4, 2),
        n_factors: int | Sequence[int] | Literal["auto"] | None = None,
        n_basis: int | None = None,
        degree: int = 3,
        knots: str = "uniform",
        basis: str | Sequence[str] | None = None,
        membership: str | Sequence[str] | None = (),
        time_range: tuple[float, float] | None = None,
        extrapolation: str = "linear",
        simplify: bool = True,
        concentration: float = 0.5,
        mean_scale: float = 0.5,
        loading_scale: float = 1.0,
        spread_scale: float = 2.5,
        noise_scale: float = 1.0,
        membership_scale: float = 2.5,
        n_init: int = 1,
        max_iter: int = 1000,
        tol: float = 2e-5,
        callbacks: Callback | Sequence[Callback] | None = None,
        random_state: Seed = None,
        known_groups: KnownGroups = "conditional",
        between: Between = False,
        unknown_levels: UnknownLevels = "refuse",
    ) -> None:
        self.groups = groups
        self.time = time
        self.n_components = n_components
        self.n_factors = n_factors
        self.n_basis = n_basis
        self.degree = degree
        self.knots = knots
        self.basis = basis
        self.membership = membership
        self.time_range = time_range
        self.extrapolation = extrapolation
        self.simplify = simplify
        self.concentration = concentration
        self.mean_scale = mean_scale
        self.loading_scale = loading_scale
        self.spread_scale = spread_scale
        self.noise_scale = noise_scale
        self.membership_scale = membership_scale
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.callbacks = callbacks
        self.random_state = random_state
        self.known_groups = known_groups
        self.between = between
        self.unknown_levels = unknown_levels

    # -- columns --

    def _terms(self) -> tuple[RandomTerm, ...]:
        if self.groups is None:
            return ()
        names = [self.groups] if isinstance(self.groups, str | int) else self.groups
        if len(names) != 1:
            raise ValueError(
                f"`groups` must name one column of subjects, got {self.groups!r}; "
                "a curve belongs to one kind of subject."
            )
        return (RandomTerm(names[0]),)

    def _named(self) -> bool:
        return super()._named() or bool(self._own_columns())

    def _own_columns(self) -> list[Any]:
        return [*_listed(self.basis), *_listed(self.membership)]

    def _left_out(
        self, terms: Sequence[RandomTerm], table: pd.DataFrame
    ) -> tuple[Any, ...]:
        left_out = super()._left_out(terms, table)
        for role in ("basis", "membership"):
            for name in _listed(getattr(self, role)):
                require_column(table, name, role)
        self._require_own_membership(left_out)
        return tuple(dict.fromkeys([*left_out, *self._own_columns()]))

    def _require_own_membership(self, left_out: Sequence[Any]) -> None:
        names = _listed(self.membership)
        if names and self.groups is None:
            raise ValueError(
                f"`membership` names columns {names!r} of subjects, and `groups` is "
                "None; name the column of subjects there."
            )
        twice = [n for n in names if n in {*left_out, *_listed(self.basis)}]
        if twice:
            raise ValueError(
                "`membership` must name other columns than `groups`, `time` and "
                f"`basis`, got {twice[0]!r} in both; name it once."
            )

    # -- fit --

    def _fit_design(self, training: Training) -> None:
        priors, schedule = self._priors(), self._schedule()
        self.basis_ = self._learn_basis(training)
        source, target = training.source, training.target
        factors = training.design.factors
        codes = factors[0].codes if factors else np.zeros(len(target), dtype=np.intp)
        n_subjects = factors[0].n_levels if factors else 1
        names = _listed(self.membership)
        self.membership_ = learn_membership(names, source, codes, n_subjects)
        self.fixed_encoder_ = learn_fixed(source.table, leave_out=training.left_out)
        curve = basis_columns(self.basis_, source)
        fixed = np.column_stack(self.fixed_encoder_.columns(source))
        self._check_target(training)
        self.units_ = learn_units(
            target,
            curve,
            fixed,
            self.fixed_encoder_.names,
            own_columns=self.basis is not None,
        )
        roots = _roots(training)
        joined = (
            roots[:, None] * self.units_.curve(curve),
            roots[:, None] * self.units_.fixed(fixed),
        )
        scaled = roots * self.units_.target(target)
        if not factors:
            self._keep_least_squares(*joined, scaled)
            return
        features = self.membership_.of_subjects(source, codes, n_subjects)
        sums = subject_sums(*joined, scaled, codes, n_subjects, features)
        # Starts are drawn from subjects in the order of their sums of squares, whatever
        # they are called and wherever their rows stand.
        shown = sums.take(np.argsort(sums.square, kind="stable"))
        self._search(sums, shown, priors, schedule)

    def _priors(self) -> Priors:
        names = Priors.__slots__
        return Priors(
            **{
                n: check_interval(n, getattr(self, n), 0.0, closed="neither")
                for n in names
            }
        )

    def _schedule(self) -> Schedule:
        check_integer("n_init", self.n_init, 1)
        max_iter = check_integer("max_iter", self.max_iter, 1)
        if not isinstance(self.simplify, bool):
            raise TypeError(f"`simplify` must be True or False, got {self.simplify!r}.")
        return Schedule(
            max_iter,
            check_interval("tol", self.tol, 0.0, closed="neither"),
            self.simplify,
        )

    def _learn_basis(self, training: Training) -> Basis:
        check_choice("knots", self.knots, KNOTS)
        check_choice("extrapolation", self.extrapolation, EXTRAPOLATION)
        degree = check_integer("degree", self.degree, 1)
        n_basis = self.n_basis
        if n_basis is not None:
            check_integer("n_basis", n_basis, 2)
        if self.basis is not None:
            return column_basis(_listed(self.basis))
        if self.time is None:
            if training.design.factors:
                raise ValueError(
                    "`time` must name the column of times, got None; name it, or the "
                    "columns of a curve in `basis`."
                )
            return column_basis(())
        times = require_times(training.source.table[self.time], self.time)
        reach = check_range(self.time_range)
        return learn_splines(self.time, times, n_basis, degree, self.knots, reach)

    def _check_target(self, training: Training) -> None:
        require_identifiable(training.design)
        if training.design.factors and np.ptp(training.target) == 0.0:
            raise ValueError(
                "`y` must vary for curves to be found, got the same value in all "
                f"{len(training.target)} rows; check the target."
            )

    def _search(
        self,
        sums: SubjectSums,
        shown: SubjectSums,
        priors: Priors,
        schedule: Schedule,
    ) -> None:
        d = sums.cross.shape[1]
        sizes = mixture_sizes(self.n_components, self.n_factors, d, len(sums))
        kept: list[dict[str, float]] = []
        generator = generator_from(self.random_state)

        def watch(start: int, step: Step) -> bool:
            row = trace_row(start, step, self.units_.scale)
            kept.append({"iteration": len(kept) + 1, **row})
            return is_stopped(self.callbacks, kept[-1])

        outcomes = search(shown, sizes, self.n_init, priors, schedule, generator, watch)
        self.trace_ = trace_frame(kept)
        self.selection_ = selection_frame(outcomes)
        self._keep(sums, outcomes[0])

    def _keep(self, sums: SubjectSums, best: Outcome) -> None:
        step = best.step
        parameters = by_weight(step.parameters)
        self.parameters_ = parameters
        self.bound_ = step.bound
        self.n_iter_ = step.iteration
        self.converged_ = step.is_last
        self.n_components_ = parameters.n_components
        self.sigma_ = self.units_.scale / float(np.sqrt(parameters.noise_precision))
        if 1.0 / parameters.noise_precision <= EXACT_VARIANCE:
            raise ModelError(
                "the curves fit the target exactly, so no residual variance is left to "
                "estimate; ask for fewer splines or check the target."
            )
        self._fixed_information = sweep(sums, parameters).fixed_curvature
        self.sums_ = replace(
            sums.less_fixed(parameters.fixed),
            fixed_cross=sums.fixed_cross[:, :, :0],
            fixed_gram=sums.fixed_gram[:, :0, :0],
            fixed_target=sums.fixed_target[:, :0],
        )
        self._keep_subjects()
        if not (step.is_last or best.stopped):
            warnings.warn(
                f"the bound had not settled after {step.iteration} sweep(s): the last "
                f"one raised it by {step.gain / sums.sizes.sum():.2g} per row and "
                f"`tol` is {self.tol:g}; raise `max_iter` or `tol`.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _keep_subjects(self) -> None:
        """Keep the subjects' curves and clusters, and the population's moments."""
        centre, spread = population_moments(self.parameters_)
        self.mean_coefficients_ = centre
        curves, share = subject_curves(self.sums_, self.parameters_)
        encoder = replace(self.random_encoder_.factors[0], effects=((self.basis_,),))
        self.random_encoder_ = RandomEncoder((encoder,))
        self.random_part_ = RandomPart(
            (self.units_.coefficients(curves - centre),),
            (self.units_.coefficient_covariance(spread),),
        )
        index = pd.Index(encoder.levels[encoder.listed], name=encoder.name)
        share = share[encoder.listed]
        self.cluster_proba_ = pd.DataFrame(share, index=index)
        self.cluster_ = pd.Series(share.argmax(axis=1), index, name="cluster")

    def _keep_least_squares(
        self, curve: FloatArray, fixed: FloatArray, target: FloatArray
    ) -> None:
        """Keep the fixed part alone."""
        coefficients, variance = least_squares(np.column_stack([curve, fixed]), target)
        d = curve.shape[1]
        self.mean_coefficients_ = coefficients[:d]
        self.parameters_ = Parameters((), 1.0, variance, 1.0, coefficients[d:])
        self._fixed_information = fixed.T @ fixed / variance
        self.sigma_ = self.units_.scale * float(np.sqrt(variance))
        self.random_part_ = RandomPart((), ())
        self.trace_ = trace_frame([])
        self.converged_, self.n_iter_, self.n_components_ = True, 1, ()

    # -- readings --

    @property
    def membership_effects_(self) -> pd.DataFrame:
        """The coefficients (a, w) of membership, a row for each cluster.

        Per unit of the columns; differences between clusters are log odds, and the
        clusters' slopes sum to zero. Without `membership` there is no row.
        """
        check_is_fitted(self)
        gate = self.parameters_.gate
        coefficients = np.zeros((0, 1)) if gate is None else gate.coefficients
        return self.membership_.on_columns(coefficients)

    @property
    def fixed_effects_(self) -> pd.DataFrame:
        """Effects of the columns beside curves and subjects, with standard errors.

        The standard errors take each subject's path and the variances as known.
        """
        check_is_fitted(self)
        names = [self.fixed_encoder_.names[k] for k in self.units_.kept]
        covariance = np.linalg.inv(self._fixed_information)
        errors = self.units_.effects(np.sqrt(np.diag(covariance)))
        columns = {
            "estimate": self.units_.effects(self.parameters_.fixed),
            "std_error": errors,
        }
        return pd.DataFrame(columns, index=pd.Index(names, name="name"))


def _listed(names: Any) -> list[Any]:
    """Return one name, several or None as a list."""
    if names is None:
        return []
    return [names] if isinstance(names, str | int) else list(names)


def _roots(training: Training) -> FloatArray:
    """Return the root of each row's precision; rows times it have one variance."""
    if training.sample_weight is None:
        return training.source.ones
    return np.sqrt(training.sample_weight)
