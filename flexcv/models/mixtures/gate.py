r"""Weights of the first layer's components that differ from subject to subject.

A subject with features x belongs to component k with probability

.. math:: \pi_k(x) = \exp(a_k + w_k'x) / \sum_j \exp(a_j + w_j'x)

as the experts of Jordan & Jacobs (1994), *Hierarchical mixtures of experts and the EM
algorithm*, Neural Comput. 6, 181-214, and as the classes of Muthen & Shedden (1999),
*Finite mixture modeling with mixture outcomes using the EM algorithm*, Biometrics 55,
463-469. The prior of every coefficient is N(0, s^2), and their variational factor is
normal. The logarithm of the sum is bounded by a quadratic function whose curvature is
:math:`A = \tfrac12 (I - 11'/K)` (Boehning 1992, *Multinomial logistic regression
algorithm*, Ann. Inst. Stat. Math. 44, 197-200). With the sums G of (1, x)(1, x)' over
subjects the factor has the precision :math:`A \otimes G + I / s^2`, and what it adds
to the evidence lower bound depends on its mean m alone:

.. math:: \sum_i \log \pi_k(x_i) \text{ at } m, \quad
          -\tfrac12 |m|^2 / s^2 - \tfrac{K - 1}{2} \log |I + \tfrac12 s^2 G|
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_softmax

from flexcv.arrays import FloatArray, IntArray

STEPS = 20  # of a sweep; each costs a product of features and coefficients


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """The regression of the first layer's components on features of subjects.

    Attributes
    ----------
    coefficients
        Means of (a_k, w_k), shape (k, 1 + q); they sum to zero over components.
    gram
        Sum of (1, x)(1, x)' over the subjects of training, shape (1 + q, 1 + q).
    scale
        Standard deviation of the coefficients' prior.
    """

    coefficients: FloatArray
    gram: FloatArray
    scale: float

    def log_share(self, features: FloatArray) -> FloatArray:
        """Return log pi_k(x) of features of shape (n, q), shape (n, k)."""
        return np.asarray(
            log_softmax(with_ones(features) @ self.coefficients.T, axis=1)
        )

    def bound(self) -> float:
        """Return the part of the evidence lower bound beside the subjects'."""
        k, width = self.coefficients.shape
        inner = np.eye(width) + 0.5 * self.scale**2 * self.gram
        volume = float((k - 1) * np.linalg.slogdet(inner)[1])
        square = float(np.square(self.coefficients).sum())
        return -0.5 * (square / self.scale**2 + volume)

    def updated(self, pull: FloatArray, features: FloatArray) -> Gate:
        """Take steps that raise the bound, components' probabilities held.

        Parameters
        ----------
        pull
            Sum of the probability of component k times (1, x), shape (k, 1 + q).
        features
            Of all subjects, shape (n, q).
        """
        design, ridge = with_ones(features), self.scale**-2
        # Deviations from the mean over components have the curvature G / 2.
        curvature = 0.5 * self.gram + ridge * np.eye(len(self.gram))
        gate = self
        for _ in range(STEPS):
            expected = np.exp(gate.log_share(features)).T @ design
            slope = pull - expected - ridge * gate.coefficients
            step = np.linalg.solve(curvature, slope.T).T
            gate = replace(gate, coefficients=_centred(gate.coefficients + step))
        return gate

    def take(self, kept: IntArray) -> Gate:
        """Keep the given components, in the given order."""
        return replace(self, coefficients=_centred(self.coefficients[kept]))


def starting_gate(weights: FloatArray, features: FloatArray, scale: float) -> Gate:
    """Return the gate of components whose weights are the same for all subjects.

    Parameters
    ----------
    weights
        Shape (k,).
    features
        Of all subjects, shape (n, q).
    scale
        Of the coefficients' prior.
    """
    design = with_ones(features)
    coefficients = np.zeros((len(weights), design.shape[1]))
    coefficients[:, 0] = np.log(weights)
    return Gate(_centred(coefficients), design.T @ design, scale)


def with_ones(features: FloatArray) -> FloatArray:
    """Put a column of ones before features."""
    return np.column_stack([np.ones(len(features)), features])


def _centred(coefficients: FloatArray) -> FloatArray:
    """Take out what is common to all components, which no probability tells."""
    return np.asarray(coefficients - coefficients.mean(axis=0))
