"""Laplace's approximation for crossed and nested grouping factors.

A = I + Lambda'Z'W Z Lambda is not block diagonal here. The gradient needs A^-1 only
where two levels meet in a row (Bates, Maechler, Bolker & Walker 2015, section 5.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from flexcv.arrays import FloatArray

from ._dispersion import DISPERSION_TERMS, DispersionTerms
from .crossed_rows import CrossedRows, Factored
from .families import Family, RowTerms
from .group_modes import AT_MODE, HALVINGS, MAX_STEPS, GroupRows
from .problem import Evaluation


class Joint(NamedTuple):
    """The joint density at some u."""

    modes: tuple[FloatArray, ...]
    terms: RowTerms
    value: float
    scores: tuple[FloatArray, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SeveralFactors:
    """Rows of several grouping factors, the largest first.

    Attributes
    ----------
    crossed
        The rows, and which levels meet.
    """

    crossed: CrossedRows

    @property
    def groups(self) -> tuple[GroupRows, ...]:
        """Rows per factor."""
        return self.crossed.groups

    @property
    def family(self) -> Family:
        """Response distribution and link."""
        return self.groups[0].family

    def row_sum(self, factor: int, effects: FloatArray) -> FloatArray:
        """Return z'b of each row for the effects of one factor."""
        return self.groups[factor].row_sum(effects)

    def evaluate(
        self,
        eta: FloatArray,
        factors: Sequence[FloatArray],
        dispersion: float,
        start: Sequence[FloatArray] | None,
    ) -> Evaluation:
        """Evaluate at a linear predictor, Lambdas and a dispersion."""
        at, system, converged = self._climb(eta, factors, dispersion, start)
        total = sum(map(self._row_effects, range(len(factors)), factors, at.modes), eta)
        return _Derivatives(self.crossed, factors, at, system).evaluation(
            self.groups[0].constant, self._dispersion(total, dispersion), converged
        )

    def moved_modes(
        self,
        at: Evaluation,
        before: Sequence[FloatArray],  # noqa: ARG002
        after: Sequence[FloatArray],  # noqa: ARG002
        eta_change: FloatArray,  # noqa: ARG002
    ) -> Sequence[FloatArray]:
        """Return the modes as they were: the first Newton step is as cheap."""
        return at.modes

    def _row_effects(
        self, place: int, factor: FloatArray, modes: FloatArray
    ) -> FloatArray:
        return self.groups[place].row_sum(factor @ modes)

    def _dispersion(self, eta: FloatArray, dispersion: float) -> DispersionTerms | None:
        if not self.family.has_dispersion:
            return None
        one = self.groups[0]
        return DISPERSION_TERMS[self.family.name](one.y, eta, one.weights, dispersion)

    def _climb(
        self,
        eta: FloatArray,
        factors: Sequence[FloatArray],
        dispersion: float,
        start: Sequence[FloatArray] | None,
    ) -> tuple[Joint, Factored, bool]:
        """Find the mode by damped Newton steps over all levels at once."""
        shapes = [(g.n_effects, g.levels.n_levels) for g in self.groups]
        begin = [np.zeros(shape) for shape in shapes] if start is None else start
        at = self._joint(eta, factors, dispersion, tuple(begin))
        for _ in range(MAX_STEPS):
            system = self.crossed.factorised(factors, at.terms.information)
            parts = zip(factors, at.scores, at.modes, strict=True)
            gradient = [f.T @ score - u for f, score, u in parts]
            step = self.crossed.solve(system, gradient)
            promise = sum(
                float((g * s).sum()) for g, s in zip(gradient, step, strict=True)
            )
            if promise <= AT_MODE:
                return at, system, True
            at = self._climbed(eta, factors, dispersion, at, step)
        return at, system, False

    def _joint(
        self,
        eta: FloatArray,
        factors: Sequence[FloatArray],
        dispersion: float,
        modes: tuple[FloatArray, ...],
    ) -> Joint:
        one = self.groups[0]
        total = sum(map(self._row_effects, range(len(factors)), factors, modes), eta)
        terms = self.family.kernel(one.y, total, one.weights, dispersion)
        value = float(terms.loglik.sum())
        value -= 0.5 * sum(float((u * u).sum()) for u in modes)
        scores = tuple(g.level_sums(terms.score) for g in self.groups)
        return Joint(modes, terms, value, scores)

    def _climbed(
        self,
        eta: FloatArray,
        factors: Sequence[FloatArray],
        dispersion: float,
        at: Joint,
        step: Sequence[FloatArray],
    ) -> Joint:
        """Take the step, halved until it climbs."""
        lowest, length = at.value - 1e-10 * (1.0 + abs(at.value)), 1.0
        for _ in range(HALVINGS):
            moved = tuple(u + length * s for u, s in zip(at.modes, step, strict=True))
            new = self._joint(eta, factors, dispersion, moved)
            if new.value >= lowest:
                break
            length *= 0.5
        return new


@dataclass(frozen=True, slots=True, eq=False)
class _Derivatives:
    """The value and its derivatives at the mode."""

    rows: CrossedRows
    factors: Sequence[FloatArray]
    at: Joint
    system: Factored

    def evaluation(
        self, constant: float, own: DispersionTerms | None, converged: bool
    ) -> Evaluation:
        """Assemble everything; the names are those of `group_laplace`."""
        rows, terms = self.rows, self.at.terms
        turned = [rows.turned(k, self.factors) for k in range(len(self.factors))]
        answers, within = self._answers(turned)
        leverage = np.zeros(len(terms.score))
        for line, answer in zip(turned, answers, strict=True):
            leverage += (line * answer).sum(axis=0)
        slopes = [g.level_sums(terms.slope * leverage) for g in rows.groups]
        v = rows.solve(
            self.system, [f.T @ s for f, s in zip(self.factors, slopes, strict=True)]
        )
        moved = np.zeros(len(leverage))
        for g, f, part in zip(rows.groups, self.factors, v, strict=True):
            moved += g.row_sum(f @ part)
        slope, squares = _in_dispersion(own, leverage, moved)
        information = terms.information
        value = self.at.value - 0.5 * (self.system.log_det + self._left(v))
        return Evaluation(
            constant + value,
            terms.score + 0.5 * (information * moved - terms.slope * leverage),
            slope,
            squares,
            tuple(self._factor_gradients(answers, slopes, v, moved)),
            self.at.modes,
            tuple(f @ u for f, u in zip(self.factors, self.at.modes, strict=True)),
            self.at.scores,
            tuple(
                np.einsum("ac,cdn,bd->abn", f, w, f)
                for f, w in zip(self.factors, within, strict=True)
            ),
            information,
            self._gram,
            converged,
        )

    def _left(self, v: Sequence[FloatArray]) -> float:
        """Return what is left of the way to the mode, which moves log|A|."""
        total = 0.0
        for f, s, u, part in zip(
            self.factors, self.at.scores, self.at.modes, v, strict=True
        ):
            total += float(((f.T @ s - u) * part).sum())
        return total

    def _answers(
        self, turned: Sequence[FloatArray]
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Compute A^-1 Lambda'z of each row at its own levels, and A^-1's blocks.

        K S^-1 is formed whole, but read only where levels meet.
        """
        meetings, system = self.rows.meetings, self.system
        inverse = lapack.dpotri(system.chol, lower=1)[0]
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        spread = [
            meetings.at_cells(np.asarray(matrix @ inverse))
            for matrix in system.matrices
        ]
        first = system.inverse.copy()
        for a, left in enumerate(system.cells):
            for b, right in enumerate(spread):
                first[a, b] += meetings.level_sum(left * right)
        rest = [line for part in turned[1:] for line in part]
        own = self._own_answer(turned[0], first, rest, spread)
        others = self._other_answers(turned[0], rest, spread, inverse)
        answers, start = [own], 0
        for part in turned[1:]:
            answers.append(np.stack(others[start : start + len(part)]))
            start += len(part)
        return answers, [first, *self._rest_blocks(inverse)]

    def _own_answer(
        self,
        own: FloatArray,
        first: FloatArray,
        rest: Sequence[FloatArray],
        spread: Sequence[FloatArray],
    ) -> FloatArray:
        give = self.rows.groups[0].levels.spread
        lines = []
        for a in range(len(own)):
            line = sum(give(first[a, b]) * own[b] for b in range(len(own)))
            for cell, other in zip(self.rows.meetings.cells, rest, strict=True):
                line = line - spread[a][cell] * other
            lines.append(line)
        return np.stack(lines)

    def _other_answers(
        self,
        own: FloatArray,
        rest: Sequence[FloatArray],
        spread: Sequence[FloatArray],
        inverse: FloatArray,
    ) -> list[FloatArray]:
        meetings, lines = self.rows.meetings, []
        for cell, place in zip(meetings.cells, meetings.places, strict=True):
            line = -sum(s[cell] * one for s, one in zip(spread, own, strict=True))
            for other, values in zip(meetings.places, rest, strict=True):
                line = line + inverse[place, other] * values
            lines.append(line)
        return lines

    def _rest_blocks(self, inverse: FloatArray) -> list[FloatArray]:
        blocks, start = [], 0
        for group in self.rows.groups[1:]:
            q, n = group.n_effects, group.levels.n_levels
            part = inverse[start : start + q * n, start : start + q * n]
            blocks.append(np.einsum("anbn->abn", part.reshape(q, n, q, n)).copy())
            start += q * n
        return blocks

    def _factor_gradients(
        self,
        answers: Sequence[FloatArray],
        slopes: Sequence[FloatArray],
        v: Sequence[FloatArray],
        moved: FloatArray,
    ) -> list[FloatArray]:
        """Differentiate in each Lambda: directly, through log|A|, through the mode."""
        information, gradients = self.at.terms.information, []
        for k, group in enumerate(self.rows.groups):
            u, s, part = self.at.modes[k], self.at.scores[k], v[k]
            pushed = group.level_sums(information * moved)
            through_mode = s @ part.T - pushed @ u.T
            inner = (group.columns * information) @ answers[k].T
            gradients.append(
                s @ u.T - inner - 0.5 * slopes[k] @ u.T - 0.5 * through_mode
            )
        return gradients

    def _gram(self, lines: FloatArray) -> FloatArray:
        """Return C V^-1 C' with V^-1 = W - W Z Lambda A^-1 Lambda'Z'W."""
        weighted = lines * self.at.terms.information
        flat, solved = [], []
        for line in weighted:
            right = [
                f.T @ g.level_sums(line)
                for f, g in zip(self.factors, self.rows.groups, strict=True)
            ]
            answer = self.rows.solve(self.system, right)
            flat.append(np.concatenate([part.reshape(-1) for part in right]))
            solved.append(np.concatenate([part.reshape(-1) for part in answer]))
        return np.asarray(weighted @ lines.T - np.array(flat) @ np.array(solved).T)


def _in_dispersion(
    own: DispersionTerms | None, leverage: FloatArray, moved: FloatArray
) -> tuple[float, float]:
    if own is None:
        return 0.0, 0.0
    bent = leverage * own.information + moved * own.score
    slope = float(own.loglik.sum()) - 0.5 * float(bent.sum())
    return slope, float(own.loglik @ own.loglik)
