"""The tables that a reader of a mixed model expects, as frames, text and HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from flexcv.arrays import FloatArray

from .engine import Estimate
from .inference import satterthwaite


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """What a fitted model says, ready to print.

    Attributes
    ----------
    title
        One line on model and method.
    figures
        Criterion, numbers of rows and groups, and the like.
    variance_components
        Variances of random effects and residual.
    fixed_effects
        The coefficients' table.
    notes
        Sentences on singular fits, convergence and dropped columns.

    Examples
    --------
    >>> frame = pd.DataFrame({"estimate": [1.0]}, index=["Intercept"])
    >>> print(Summary("A model", {"rows": "3"}, frame, frame, ()))
    A model
    rows: 3
    <BLANKLINE>
    Random effects
               estimate
    Intercept     1.000
    <BLANKLINE>
    Fixed effects
               estimate
    Intercept     1.000
    """

    title: str
    figures: dict[str, str]
    variance_components: pd.DataFrame
    fixed_effects: pd.DataFrame
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the coefficients' table."""
        return self.fixed_effects.copy()

    def __str__(self) -> str:
        figures = "\n".join(f"{name}: {value}" for name, value in self.figures.items())
        parts = [
            f"{self.title}\n{figures}",
            f"Random effects\n{_text(self.variance_components)}",
            f"Fixed effects\n{_text(self.fixed_effects)}",
            *self.notes,
        ]
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        figures = " · ".join(
            f"{html.escape(name)}: <b>{html.escape(value)}</b>"
            for name, value in self.figures.items()
        )
        notes = "".join(f"<p><em>{html.escape(note)}</em></p>" for note in self.notes)
        return (
            f"<div><h4>{html.escape(self.title)}</h4><p>{figures}</p>"
            f"<h5>Random effects</h5>{_as_html(self.variance_components)}"
            f"<h5>Fixed effects</h5>{_as_html(self.fixed_effects)}{notes}</div>"
        )


def fixed_effects_table(
    fitted: Estimate, names: Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Return estimates, standard errors, t tests and intervals of the fixed effects.

    Parameters
    ----------
    fitted
        A fitted model.
    names
        One name per kept column.
    level
        Coverage of the intervals.
    """
    error = np.sqrt(fitted.beta_cov.diagonal())
    df = satterthwaite(fitted)
    t = fitted.beta / error
    reach = stats.t.ppf(0.5 + 0.5 * level, df) * error
    columns = {
        "estimate": fitted.beta,
        "std_error": error,
        "df": df,
        "t": t,
        "p": 2.0 * stats.t.sf(np.abs(t), df),
        "lower": fitted.beta - reach,
        "upper": fitted.beta + reach,
    }
    return pd.DataFrame(columns, index=pd.Index(list(names), name="name"))


def intraclass_shares(fitted: Estimate) -> FloatArray:
    """Return each factor's share of the variance of a row, on average over the rows.

    With a random intercept alone this is the intraclass correlation; with slopes the
    variance z'Dz differs from row to row and is averaged (Johnson 2014, Methods Ecol.
    Evol. 5, 944-946).
    """
    problem = fitted.problem
    n_rows = problem.sums.n_rows
    shares = [
        float(np.trace(f @ f.T @ moments)) / n_rows
        for f, moments in zip(
            problem.factors(fitted.minimum.theta), problem.moments(), strict=True
        )
    ]
    return np.array(shares) / (1.0 + sum(shares))


def _text(frame: pd.DataFrame) -> str:
    return frame.to_string(na_rep="", float_format=_number)


def _as_html(frame: pd.DataFrame) -> str:
    return str(frame.to_html(na_rep="", float_format=_number, border=0))


def _number(value: float) -> str:
    """Show four significant digits, and not less than the units."""
    if value == 0.0:
        return "0.0"
    if abs(value) < 1e-4:
        return f"{value:.1e}"
    digits = max(1, 3 - int(np.floor(np.log10(abs(value)))))
    return f"{value:.{min(digits, 6)}f}"
