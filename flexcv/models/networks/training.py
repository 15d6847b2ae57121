"""Epochs of a network under a marginal likelihood, one after another.

The step is AdamW's on the likelihood of a batch; the learning rate rises over the
first tenth of the steps and falls to zero as a cosine (Smith & Topin 2019, one
cycle); gradients are clipped; the network that is looked at is the moving average of
the weights. After each epoch the random part is fitted anew to what the average
network leaves.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from flexcv.arrays import FloatArray

from .gaussian import BatchLoss
from .network import network_values
from .rows import Batch, Batches, LooseRows

WARM_UP = 0.1  # of all steps
FIRST_RATE, LAST_RATE = 0.04, 1e-4  # of the largest
CLIP = 5.0  # norm of the gradient of the loss per row
LONGEST_AVERAGE = 100  # steps that the moving average of the weights looks back
REFRESHES = 4  # of the effects in an epoch, where they are not integrated out


class Response(Protocol):
    """What a network learns from: `GaussianResponse` and its like."""

    @property
    def batches(self) -> Batches:
        """How rows are cut into steps."""
        ...

    @property
    def mean_weight(self) -> float:
        """Weight of an average row in the loss."""
        ...

    def start(self) -> Any:
        """Return the random part before anything is learned."""
        ...

    def refitted(self, fitted: FloatArray, before: Any) -> Any:
        """Return the random part that goes with f of all rows."""
        ...

    def refreshed(self, fitted: FloatArray, before: Any) -> Any:
        """Return effects for f of all rows, at variances near those before."""
        ...

    def batch_loss(self, state: Any) -> BatchLoss:
        """Return the function from f of a batch to loss and derivative."""
        ...

    def held_out_loss(self, fitted: FloatArray, state: Any) -> float:
        """Return the loss per row of the rows kept apart."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How to learn.

    Attributes
    ----------
    learning_rate
        The largest one.
    weight_decay
        Of AdamW.
    n_epochs
        The most of them.
    """

    learning_rate: float
    weight_decay: float
    n_epochs: int


@dataclass(frozen=True, slots=True, eq=False)
class Epoch:
    """One finished epoch.

    Attributes
    ----------
    iteration
        Its number, from 1; 0 is the network before it learned.
    weights
        Of the averaged network.
    state
        The random part that goes with it.
    held_out_loss
        Minus the log-likelihood per row of the rows kept apart, NaN without.
    learner_seconds, effects_seconds
        What its two halves cost.
    """

    iteration: int
    weights: dict[str, Any]
    state: Any
    held_out_loss: float
    learner_seconds: float
    effects_seconds: float


class DivergedError(ArithmeticError):
    """The loss is no longer a number."""


def epochs(
    network: Any,
    features: Any,
    response: Response,
    settings: TrainingSettings,
    generator: np.random.Generator,
) -> Iterator[Epoch]:
    """Return epoch after epoch, the untrained network first.

    Parameters
    ----------
    network
        Changed in place.
    features
        A tensor with all rows.
    response
        What to learn from.
    settings
        How to learn.
    generator
        Draws the batches.

    Raises
    ------
    DivergedError
        When the loss is no longer a number.
    """
    state = response.start()
    steps = _Steps(network, features, response, settings)
    yield Epoch(0, copied_weights(network), state, np.nan, 0.0, 0.0)
    for iteration in range(1, settings.n_epochs + 1):
        began = time.perf_counter()
        batches = list(response.batches.epoch(generator))
        state = steps.run(batches, state, iteration - 1)
        half = time.perf_counter()
        average = steps.average.module
        fitted = _finite(network_values(average, features))
        state = _fitted_anew(response.refitted, fitted, state)
        loss = response.held_out_loss(fitted, state)
        weights = copied_weights(average)
        done = time.perf_counter()
        yield Epoch(iteration, weights, state, loss, half - began, done - half)


def rate_at(progress: float) -> float:
    """Return the share of the largest learning rate at a share of all steps.

    Examples
    --------
    >>> [round(rate_at(share), 2) for share in (0.0, 0.05, 0.1, 0.5, 1.0)]
    [0.04, 0.52, 1.0, 0.59, 0.0]
    """
    if progress < WARM_UP:
        begin, end, share = FIRST_RATE, 1.0, progress / WARM_UP
    else:
        begin, end = 1.0, LAST_RATE
        share = (progress - WARM_UP) / (1.0 - WARM_UP)
    return end + (begin - end) * 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))


class _Steps:
    """The optimiser and the moving average of one network."""

    def __init__(
        self,
        network: Any,
        features: Any,
        response: Response,
        settings: TrainingSettings,
    ) -> None:
        self.network, self.features = network, features
        self.response, self.settings = response, settings
        self.optimiser = torch.optim.AdamW(
            network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            foreach=True,
        )
        self.average: Any = None

    def run(self, batches: list[Batch], state: Any, epoch: int) -> Any:
        """Take the steps of one epoch; give the random part of the last loss."""
        if self.average is None:
            self.average = _moving_average(self.network, len(batches))
        parts = REFRESHES if isinstance(self.response.batches, LooseRows) else 1
        loss = self.response.batch_loss(state)
        refresh = {len(batches) * part // parts for part in range(1, parts)} - {0}
        self.network.train()
        for number, batch in enumerate(batches):
            if number in refresh and self._has_effects(state):
                fitted = _finite(network_values(self.network, self.features))
                state = _fitted_anew(self.response.refreshed, fitted, state)
                loss = self.response.batch_loss(state)
                self.network.train()
            self._set_rate((epoch + number / len(batches)) / self.settings.n_epochs)
            self._step(batch, loss)
        return state

    def _has_effects(self, state: Any) -> bool:
        return len(state.effects) > 0

    def _step(self, batch: Batch, loss: BatchLoss) -> None:
        rows = torch.as_tensor(batch.rows, device=self.features.device)
        output = self.network(self.features[rows]).reshape(-1)
        fitted = _finite(output.detach().cpu().numpy().astype(np.float64))
        value, slope = loss(fitted, batch)
        if not np.isfinite(value):
            raise DivergedError
        rows_of_one = len(slope) * self.response.mean_weight
        gradient = torch.as_tensor(slope / rows_of_one).to(output)
        self.optimiser.zero_grad(set_to_none=True)
        output.backward(gradient)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimiser.step()
        self.average.update_parameters(self.network)

    def _set_rate(self, progress: float) -> None:
        rate = self.settings.learning_rate * rate_at(progress)
        for group in self.optimiser.param_groups:
            group["lr"] = rate


def copied_weights(network: Any) -> dict[str, Any]:
    """Return a copy of a network's weights and buffers."""
    return copy.deepcopy(dict(network.state_dict()))


def _moving_average(network: Any, n_batches: int) -> Any:
    decay = 1.0 - 1.0 / min(LONGEST_AVERAGE, max(n_batches, 2))
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))


def _fitted_anew(
    fit: Callable[[FloatArray, Any], Any], fitted: FloatArray, state: Any
) -> Any:
    try:
        return fit(fitted, state)
    except (np.linalg.LinAlgError, FloatingPointError) as error:
        raise DivergedError from error


def _finite(values: FloatArray) -> FloatArray:
    if not np.isfinite(values).all():
        raise DivergedError
    return values
