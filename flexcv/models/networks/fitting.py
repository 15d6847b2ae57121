"""How a neural mixed model is fitted, whatever its response.

This module needs no torch; what does is imported when a model is fitted.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import ConvergenceWarning, MissingExtraError, RankDeficiencyWarning
from flexcv.models.alternating.learner_rows import generator_from
from flexcv.models.contract.base import AbstractMixedModel, Training
from flexcv.models.contract.iterating import IteratedModel, is_stopped
from flexcv.models.design._effects import Columns
from flexcv.models.design._identify import require_groups_apart, require_identifiable
from flexcv.models.design.columns import learn_fixed
from flexcv.models.design.content import order_by_content
from flexcv.models.design.terms import RandomSpecification
from flexcv.models.gaussian.residual_effects import (
    RandomColumns,
    average_part,
    columns_of,
    distinct_columns,
)
from flexcv.models.laplace.families import Family
from flexcv.typing import Between, Callback, KnownGroups, Seed, UnknownLevels

from .gaussian import GaussianResponse
from .generalized import GeneralizedResponse
from .rows import (
    Scale,
    automatic_batch_size,
    automatic_epochs,
    learn_scale,
    make_batches,
    split_groups,
    split_rows,
)
from .settings import NeuralSettings
from .trace import entry_names, trace_frame, trace_row

LEARNED = ("network_", "random_part_", "uncertainty_")  # forgotten before a fit
SMALLEST_SHARE = 1e-3  # of the target's spread, that groups leave to the network
LEAST_FALL = 1e-9  # of a held-out loss that is more than rounding
Response = GaussianResponse | GeneralizedResponse


class AbstractNeuralModel(IteratedModel, AbstractMixedModel):
    """A network for the fixed part, the mixed-model engine for everything else."""

    trace_: pd.DataFrame
    column_roles: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        groups: str | Sequence[str] | None = None,
        slopes: str | Sequence[str] | None = (),
        *,
        random: RandomSpecification | None = None,
        hidden_layer_sizes: Sequence[int] = (64, 32),
        activation: str = "silu",
        learning_rate: float = 0.01,
        weight_decay: float = 0.1,
        dropout: float = 0.0,
        n_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        network: Callable[[int], Any] | None = None,
        early_stopping: str | None = "rows",
        validation_fraction: float = 0.1,
        patience: int = 20,
        device: str = "auto",
        callbacks: Callback | Sequence[Callback] | None = None,
        random_state: Seed = None,
        known_groups: KnownGroups = "conditional",
        between: Between = False,
        unknown_levels: UnknownLevels = "refuse",
    ) -> None:
        self.groups = groups
        self.slopes = slopes
        self.random = random
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.network = network
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.known_groups = known_groups
        self.between = between
        self.unknown_levels = unknown_levels

    def _has_residual(self) -> bool:
        return self._family() is None

    def _settings(self) -> NeuralSettings:
        names = NeuralSettings.__dataclass_fields__
        return NeuralSettings(**{name: getattr(self, name) for name in names})

    def _fit_design(self, training: Training) -> None:
        settings = self._settings()
        torch_parts()
        for name in LEARNED:
            self.__dict__.pop(name, None)
        design = training.design
        require_identifiable(design)
        require_groups_apart(training.terms, set())
        self._learn_features(training)
        generator = generator_from(self.random_state)
        seed = int(generator.randint(2**31 - 1))
        draws = np.random.default_rng(seed)
        random = distinct_columns(design, training.source.ones)
        kept, apart = _held_out(settings, random, draws)
        response = self._response(training, random, kept, apart, settings)
        values = self._features(training.source)
        self._learn(settings, response, values, seed, draws)

    def _learn_features(self, training: Training) -> None:
        """Learn how features become scaled numbers; say which of them are constant."""
        if not training.features:
            raise ValueError(
                "`X` must have a feature beside the grouping columns, got none; add a "
                "column for the network."
            )
        table = training.source.table
        self.fixed_encoder_ = learn_fixed(table, leave_out=training.left_out)
        columns = self.fixed_encoder_.columns(training.source)[1:]
        names = self.fixed_encoder_.names[1:]
        flat = [n for n, c in zip(names, columns, strict=True) if np.ptp(c) == 0.0]
        if flat:
            warnings.warn(
                f"features {flat} have the same value in every row and tell the "
                "network nothing; remove them to silence this.",
                RankDeficiencyWarning,
                stacklevel=5,
            )
        self.feature_scale_ = learn_scale(columns)
        # First weights are drawn by place: let it not be the place in the table.
        self.feature_places_ = np.arange(len(columns))
        if self.network is None:
            self.feature_places_ = order_by_content(np.column_stack(columns))

    def _features(self, source: Columns) -> FloatArray:
        columns = self.fixed_encoder_.columns(source)[1:]
        return self.feature_scale_.scaled(columns)[:, self.feature_places_]

    def _response(
        self,
        training: Training,
        random: RandomColumns,
        kept: IntArray,
        apart: IntArray,
        settings: NeuralSettings,
    ) -> Response:
        """Put together what the network learns from."""
        target, factors = training.target, training.design.factors
        if factors and np.ptp(target) == 0.0:
            raise ValueError(
                "`y` must vary for random effects to be found, got the same value in "
                f"all {len(target)} rows; check the target."
            )
        whole = settings.early_stopping == "groups"
        batches = make_batches(factors, kept, _batch_size(settings, len(kept)))
        family, weights = self._family(), training.sample_weight
        rows = (random, kept, apart, whole, batches)
        if family is not None:
            family.require_target(target, np.ones(len(target)))
            mean = target.mean() if weights is None else np.average(target, 0, weights)
            level = family.start(np.array([mean]))
            self.target_scale_ = Scale(level, np.ones(1))
            return GeneralizedResponse(family, target, *rows, float(level[0]), weights)
        # Precisions average one, so that their unit moves nothing but sigma^2.
        unit = 1.0 if weights is None else float(weights.mean())
        weights = None if weights is None else weights / unit
        first = learn_scale([target], weights)
        scaled = first.scaled([target])[:, 0]
        spread = float(first.spread[0])
        made = GaussianResponse(scaled, *rows, spread, weights, unit)
        # Wide groups would make f small in units of the target: take those of what a
        # model of the groups alone leaves.
        left = max(np.sqrt(made.start().sigma2), SMALLEST_SHARE)
        self.target_scale_ = Scale(first.centre, left * first.spread)
        return replace(made, target=scaled / left, spread=left * spread)

    def _family(self) -> Family | None:
        """Return the response distribution, None for a normal one."""
        return None

    def _link_family(self) -> Family | None:
        return self._family()

    def _learn(
        self,
        settings: NeuralSettings,
        response: Response,
        values: FloatArray,
        seed: int,
        draws: np.random.Generator,
    ) -> None:
        networks, training = torch_parts()
        size = response.batches.size
        n_epochs = settings.n_epochs
        if isinstance(n_epochs, str):
            n_epochs = automatic_epochs(len(response.train), size)
        how = training.TrainingSettings(
            settings.learning_rate, settings.weight_decay, n_epochs
        )
        what = networks.NetworkSettings(
            settings.layers, settings.activation, settings.dropout, settings.network
        )
        device = networks.choose_device(settings.device)
        with networks.own_randomness(seed, device):
            features = networks.training_features(values, device)
            network = networks.make_network(what, values.shape[1]).to(features)
            rounds = training.epochs(network, features, response, how, draws)
            best = self._follow(rounds, response, settings, training.DivergedError)
        network.load_state_dict(best.weights)
        self.network_ = networks.finished_network(network)
        fitted = networks.predicted_values(self.network_, values)
        self._keep(response.finished(fitted, best.state), response.random)

    def _follow(
        self,
        rounds: Any,
        response: Response,
        settings: NeuralSettings,
        diverged: type[Exception],
    ) -> Any:
        """Go through the epochs and give the one to keep."""
        entries = entry_names(response.random)
        rows: list[dict[str, float]] = []
        best = newest = next(rounds)
        self.stopped_, self.n_iter_ = False, 0
        try:
            for epoch in rounds:
                after = (epoch.held_out_loss, epoch.learner_seconds)
                reading, last = map(response.reading, (epoch.state, newest.state))
                more = (*after, epoch.effects_seconds)
                rows.append(trace_row(epoch.iteration, reading, last, entries, more))
                newest = epoch
                if _is_better(epoch, best):
                    best = epoch
                if self._is_done(rows[-1], epoch.iteration - best.iteration, settings):
                    break
        except diverged:
            _warn_diverged(newest.iteration + 1, best.iteration)
        finally:
            self.trace_ = trace_frame(rows, entries)
            self.n_iter_, self.best_iteration_ = newest.iteration, best.iteration
        return best

    def _is_done(
        self, row: Mapping[str, float], waited: int, settings: NeuralSettings
    ) -> bool:
        self.stopped_ = is_stopped(self.callbacks, row)
        return self.stopped_ or waited >= settings.patience

    def _keep(self, finished: Any, random: RandomColumns) -> None:
        self.random_part_ = finished.part
        self.uncertainty_ = finished.uncertainty
        self.sigma_ = float(np.sqrt(finished.reading.sigma2))
        self.loglik_ = finished.reading.loglik
        names = pd.Index(random.names, name="effect")
        self.average_effects_ = pd.Series(finished.average, index=names)

    def _fixed_part(self, source: Columns) -> FloatArray:
        networks, _ = torch_parts()
        values = networks.predicted_values(self.network_, self._features(source))
        predicted = self.target_scale_.centre[0] + self.target_scale_.spread[0] * values
        if self.average_effects_.any():
            columns = columns_of(self.random_encoder_, source)
            predicted += average_part(columns, self.average_effects_.to_numpy())
        return np.asarray(predicted)


def torch_parts() -> tuple[Any, Any]:
    """Import what needs torch: the modules of networks and of training."""
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError(
            "neural mixed-effects models need the package torch; install it with "
            'pip install "flexcv[neural]".'
        )
    networks = importlib.import_module("flexcv.models.networks.network")
    training = importlib.import_module("flexcv.models.networks.training")
    return networks, training


def _held_out(
    settings: NeuralSettings, random: RandomColumns, draws: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Choose the rows to learn from and those kept apart."""
    n_rows, fraction = len(random.ones), settings.validation_fraction
    if settings.early_stopping is None:
        return np.arange(n_rows), np.zeros(0, dtype=np.intp)
    if settings.early_stopping == "rows":
        return split_rows(n_rows, fraction, draws)
    if not random.design.factors:
        raise ValueError(
            "`early_stopping='groups'` keeps groups apart, and the model has none; "
            "name a grouping column in `groups` or use 'rows'."
        )
    return split_groups(random.design.factors[0], fraction, draws)


def _batch_size(settings: NeuralSettings, n_rows: int) -> int:
    size = settings.batch_size
    return automatic_batch_size(n_rows) if isinstance(size, str) else size


def _is_better(epoch: Any, best: Any) -> bool:
    """Compare held-out losses; without them the newer epoch is better."""
    if best.iteration == 0 or np.isnan(epoch.held_out_loss):
        return True
    return bool(epoch.held_out_loss < best.held_out_loss - LEAST_FALL)


def _warn_diverged(epoch: int, kept: int) -> None:
    shown = f"epoch {kept}" if kept else "the network before it learned"
    warnings.warn(
        f"the network diverged in epoch {epoch}, its loss is no longer a number, and "
        f"{shown} is kept; lower `learning_rate`.",
        ConvergenceWarning,
        stacklevel=6,
    )
