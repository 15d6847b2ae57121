r"""Response distributions and links: what a row says about its linear predictor.

A family gives each row's log-likelihood as a function of the linear predictor
:math:`\eta`, with three derivatives. Newton steps need two of them, the gradient of
Laplace's approximation the third. All are written in :math:`\eta`, not in the mean,
so that nothing overflows where a probability rounds to zero or one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import expit, gammaln

from flexcv._checks import check_choice
from flexcv.arrays import FloatArray

from ._probabilities import (
    LOG_PROBABILITIES,
    PROBABILITIES,
    bounded_exp,
    logistic_terms,
)


class RowTerms(NamedTuple):
    """What each row says at its linear predictor; arrays of shape (n_rows,).

    Attributes
    ----------
    loglik
        Its log-likelihood, constants included.
    score
        First derivative in eta.
    information
        Minus the second derivative (observed, not expected).
    slope
        Derivative of `information`.
    """

    loglik: FloatArray
    score: FloatArray
    information: FloatArray
    slope: FloatArray


class Family(ABC):
    """A response distribution with its link.

    `weights` are numbers of trials for the binomial family, whose target is then the
    share of successes; elsewhere they multiply a row's log-likelihood. `dispersion`
    is the variance over mu^2 of the gamma family, and the size k of the negative
    binomial one, whose variance is mu + mu^2 / k; other families ignore it.
    """

    name: ClassVar[str]
    link: str
    has_dispersion: ClassVar[bool] = False

    @abstractmethod
    def mean(self, eta: FloatArray) -> FloatArray:
        """Return the mean at a linear predictor."""

    @abstractmethod
    def kernel(
        self,
        y: FloatArray,
        eta: FloatArray,
        weights: FloatArray,
        dispersion: float = 1.0,
    ) -> RowTerms:
        """Return `terms` less what no parameter changes."""

    @abstractmethod
    def constant(self, y: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the part of each row's log-likelihood that no parameter changes."""

    def terms(
        self,
        y: FloatArray,
        eta: FloatArray,
        weights: FloatArray,
        dispersion: float = 1.0,
    ) -> RowTerms:
        """Return log-likelihood and derivatives of each row."""
        at = self.kernel(y, eta, weights, dispersion)
        return at._replace(loglik=at.loglik + self.constant(y, weights))

    @abstractmethod
    def fisher(
        self, eta: FloatArray, weights: FloatArray, dispersion: float = 1.0
    ) -> FloatArray:
        """Return the expected information of each row; its working weight."""

    @abstractmethod
    def start(self, y: FloatArray) -> FloatArray:
        """Return a first linear predictor from the target alone."""

    @abstractmethod
    def require_target(self, y: FloatArray, weights: FloatArray) -> None:
        """Refuse a target that the distribution cannot have produced."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(link={self.link!r})"


@dataclass(frozen=True, slots=True, repr=False)
class Binomial(Family):
    """Successes among trials: the target is their share, `weights` the trials.

    Examples
    --------
    >>> import numpy as np
    >>> Binomial("logit").mean(np.array([0.0, 2.0])).round(3)
    array([0.5  , 0.881])
    """

    link: str = "logit"
    name: ClassVar[str] = "binomial"

    def mean(self, eta: FloatArray) -> FloatArray:
        """Return the probability of a success."""
        return np.asarray(PROBABILITIES[self.link](eta))

    def kernel(
        self,
        y: FloatArray,
        eta: FloatArray,
        weights: FloatArray,
        dispersion: float = 1.0,  # noqa: ARG002
    ) -> RowTerms:
        """Return log-likelihood, less its constant, and derivatives of each row."""
        hits = weights * y
        if self.link == "logit":
            return RowTerms(*logistic_terms(hits, weights, eta))
        success, failure = LOG_PROBABILITIES[self.link](eta)
        misses = weights - hits
        loglik, first, second, third = (
            hits * s + misses * f for s, f in zip(success, failure, strict=True)
        )
        return RowTerms(loglik, first, -second, -third)

    def constant(self, y: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the logarithm of the number of ways to the successes."""
        if weights.max() == 1.0:
            return np.zeros(len(y))
        hits = weights * y
        ways = gammaln(weights + 1.0) - gammaln(hits + 1.0)
        return np.asarray(ways - gammaln(weights - hits + 1.0))

    def fisher(
        self,
        eta: FloatArray,
        weights: FloatArray,
        dispersion: float = 1.0,  # noqa: ARG002
    ) -> FloatArray:
        """Return the expected information of each row."""
        if self.link == "logit":  # canonical: expected is observed
            return logistic_terms(np.zeros_like(eta), weights, eta)[2].copy()
        success, failure = LOG_PROBABILITIES[self.link](eta)
        # E[-l''] = E[l'^2]: p (log p)'^2 + (1 - p) (log (1 - p))'^2.
        squares = np.exp(success[0]) * success[1] ** 2
        squares += np.exp(failure[0]) * failure[1] ** 2
        return np.asarray(weights * squares)

    def start(self, y: FloatArray) -> FloatArray:
        """Return the logit of the target, moved half-way to one half."""
        share = (y + 0.5) / 2.0
        return np.asarray(np.log(share / (1.0 - share)))

    def require_target(self, y: FloatArray, weights: FloatArray) -> None:
        """Refuse shares outside [0, 1] and broken numbers of successes."""
        if y.min() < 0.0 or y.max() > 1.0:
            raise ValueError(
                "a binomial target must lie between 0 and 1 (the share of successes), "
                f"got values from {y.min():g} to {y.max():g}; pass 0 and 1, or "
                "shares with the numbers of trials as `weights`."
            )
        hits = weights * np.where(y == 1.0, 0.0, y)  # a row of 1 may count in part
        if np.abs(hits - np.round(hits)).max() > 1e-6 * max(1.0, weights.max()):
            raise ValueError(
                "a binomial target times its trials must be whole numbers of "
                "successes, got broken ones; pass the numbers of trials as `weights`."
            )


@dataclass(frozen=True, slots=True, repr=False)
class Poisson(Family):
    """Counts with mean and variance exp(eta)."""

    link: str = "log"
    name: ClassVar[str] = "poisson"

    def mean(self, eta: FloatArray) -> FloatArray:
        """Return the expected count."""
        return bounded_exp(eta)

    def kernel(
        self,
        y: FloatArray,
        eta: FloatArray,
        weights: FloatArray,
        dispersion: float = 1.0,  # noqa: ARG002
    ) -> RowTerms:
        """Return log-likelihood, less its constant, and derivatives of each row."""
        mu = bounded_exp(eta)
        information = weights * mu
        loglik = weights * (y * eta - mu)
        return RowTerms(loglik, weights * y - information, information, information)

    def constant(self, y: FloatArray, weights: FloatArray) -> FloatArray:
        """Return minus the logarithm of y!."""
        return np.asarray(-weights * gammaln(y + 1.0))

    def fisher(
        self,
        eta: FloatArray,
        weights: FloatArray,
        dispersion: float = 1.0,  # noqa: ARG002
    ) -> FloatArray:
        """Return the expected information of each row."""
        return weights * bounded_exp(eta)

    def start(self, y: FloatArray) -> FloatArray:
        """Return the logarithm of the target, zeros moved to one half."""
        return np.log(np.maximum(y, 0.5))

    def require_target(self, y: FloatArray, weights: FloatArray) -> None:  # noqa: ARG002
        """Refuse what is no count."""
        _require_counts("Poisson", y)


@dataclass(frozen=True, slots=True, repr=False)
class NegativeBinomial(Family):
    """Counts with mean mu = exp(eta) and variance mu + mu^2 / k (NB2)."""

    link: str = "log"
    name: ClassVar[str] = "negative_binomial"
    has_dispersion: ClassVar[bool] = True

    def mean(self, eta: FloatArray) -> FloatArray:
        """Return the expected count."""
        return bounded_exp(eta)

    def kernel(
        self,
        y: FloatArray,
        eta: FloatArray,
        weights: FloatArray,
        dispersion: float = 1.0,
    ) -> RowTerms:
        """Return log-likelihood, less its constant, and derivatives of each row."""
        size = dispersion
        share = expit(eta - np.log(size))  # mu / (mu + k)
        ways = gammaln(y + size) - gammaln(size)
        # log(k / (k + mu)) = -log(1 + mu / k)
        loglik = ways + y * (eta - np.log(size))
        loglik -= (y + size) * np.logaddexp(0.0, eta - np.log(size))
        information = (y + size) * share * (1.0 - share)
        return RowTerms(
            weights * loglik,
            weights * (y - (y + size) * share),
            weights * information,
            weights * information * (1.0 - 2.0 * share),
        )

    def constant(self, y: FloatArray, weights: FloatArray) -> FloatArray:
        """Return minus the logarithm of y!."""
        return np.asarray(-weights * gammaln(y + 1.0))

    def fisher(
        self, eta: FloatArray, weights: FloatArray, dispersion: float = 1.0
    ) -> FloatArray:
        """Return the expected information of each row."""
        return np.asarray(weights * dispersion * expit(eta - np.log(dispersion)))

    def start(self, y: FloatArray) -> FloatArray:
        """Return the logarithm of the target, zeros moved to one half."""
        return np.log(np.maximum(y, 0.5))

    def require_target(self, y: FloatArray, weights: FloatArray) -> None:  # noqa: ARG002
        """Refuse what is no count."""
        _require_counts("negative binomial", y)


@dataclass(frozen=True, slots=True, repr=False)
class Gamma(Family):
    """Positive numbers with mean mu = exp(eta) and variance dispersion * mu^2."""

    link: str = "log"
    name: ClassVar[str] = "gamma"
    has_dispersion: ClassVar[bool] = True

    def mean(self, eta: FloatArray) -> FloatArray:
        """Return the expected value."""
        return bounded_exp(eta)

    def kernel(
        self,
        y: FloatArray,
        eta: FloatArray,
        weights: FloatArray,
        dispersion: float = 1.0,
    ) -> RowTerms:
        """Return log-likelihood, less its constant, and derivatives of each row."""
        shape = 1.0 / dispersion
        ratio = y * bounded_exp(-eta)
        loglik = shape * (np.log(shape) + np.log(y) - eta - ratio) - gammaln(shape)
        information = weights * shape * ratio
        score = weights * shape * (ratio - 1.0)
        return RowTerms(weights * loglik, score, information, -information)

    def constant(self, y: FloatArray, weights: FloatArray) -> FloatArray:
        """Return minus the logarithm of y."""
        return np.asarray(-weights * np.log(y))

    def fisher(
        self, eta: FloatArray, weights: FloatArray, dispersion: float = 1.0
    ) -> FloatArray:
        """Return the expected information of each row."""
        return weights / dispersion * np.ones_like(eta)

    def start(self, y: FloatArray) -> FloatArray:
        """Return the logarithm of the target."""
        return np.log(y)

    def require_target(self, y: FloatArray, weights: FloatArray) -> None:  # noqa: ARG002
        """Refuse what is not positive."""
        if y.min() <= 0.0:
            raise ValueError(
                f"a gamma target must be positive, got {y.min():g}; drop such rows or "
                "take another family."
            )


def family_of(name: str, link: str | None = None) -> Family:
    """Find a family by its name and link.

    Parameters
    ----------
    name
        ``"binomial"``, ``"poisson"``, ``"negative_binomial"`` or ``"gamma"``.
    link
        ``"logit"``, ``"probit"`` or ``"cloglog"`` for binomial, ``"log"`` for the
        others; None is the first of these.

    Examples
    --------
    >>> family_of("binomial", "probit")
    Binomial(link='probit')
    """
    if name == "gaussian":
        raise ValueError(
            "`family` must name a distribution of classes, counts or positive numbers, "
            "got 'gaussian'; normal outcomes have models of their own, "
            "LinearMixedEffectsModel and PenalizedLinearMixedModel."
        )
    made, links = FAMILIES[check_choice("family", name, FAMILIES)]
    if link is None:
        return made(links[0])
    return made(check_choice("link", link, links, otherwise=f" with {name!r}"))


def _require_counts(name: str, y: FloatArray) -> None:
    if y.min() < 0.0 or (y != np.round(y)).any():
        raise ValueError(
            f"a {name} target must hold counts (0, 1, 2, ...), got "
            f"{y[(y < 0.0) | (y != np.round(y))][0]:g}; take another family."
        )


FAMILIES: dict[str, tuple[Callable[[str], Family], tuple[str, ...]]] = {
    "binomial": (Binomial, ("logit", "probit", "cloglog")),
    "poisson": (Poisson, ("log",)),
    "negative_binomial": (NegativeBinomial, ("log",)),
    "gamma": (Gamma, ("log",)),
}
