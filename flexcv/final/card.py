"""What is known about a final model, in sentences, as JSON and as a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from flexcv._secrets import redact_value
from flexcv.results import page
from flexcv.results.first_look import score_said

from .agreement import agreement_said
from .out_of_fold import Misses
from .schema import GROUP, ColumnSchema

MOST_LEVELS = 50  # of a feature that the card lists
MOST_LEARNED = 20  # rows of a table of effects or importances that the page shows
TITLES = {
    "fixed_effects": "Fixed effects",
    "variance_components": "Variance components",
    "importance": "Importances",
}


@dataclass(frozen=True, slots=True, eq=False)
class ModelCard:
    """What is known about a final model beside the model itself.

    Parameters
    ----------
    name
        The model's name in the run.
    made
        The day of the fit, as ISO 8601 writes it.
    question
        What the run asked, as `Plan.question` says it.
    plan
        How that was measured: outer and inner splits, folds, repeats, seed, the share
        of known groups, the plan's fingerprint, whether the run was whole.
    facts
        Names and sizes of the training table.
    scores
        The honest score of the procedure: a row per metric with mean, pooled, lower,
        upper (95 %) and method.
    agreement
        What was chosen, beside what the folds chose, see `agreement_of`.
    random_state
        What an open `random_state` of the model was filled with.
    learned
        What the model says of itself: effects, variances, importances.
    warnings
        (category, message) of each warning of the fit.
    versions
        Of Python and of the packages that the model was made with.
    """

    name: str
    made: str
    question: str
    plan: Mapping[str, Any]
    facts: Mapping[str, Any]
    scores: pd.DataFrame
    agreement: pd.DataFrame
    random_state: int
    learned: Mapping[str, pd.DataFrame]
    warnings: tuple[tuple[str, str], ...]
    versions: Mapping[str, str]

    def sentences(self, misses: Misses) -> Iterator[tuple[str, str]]:
        """Yield what a reader wants to know: about what, and a sentence.

        Parameters
        ----------
        misses
            How far out-of-fold predictions missed.
        """
        yield "model", f"{self.name}, fitted to all {self.facts['n_rows']} rows"
        yield "question", f"how well {self.question} are predicted"
        yield "measured by", self._measured
        for row in self.scores.to_dict("records"):
            yield "score of the procedure", f"{row['metric']} {score_said(row)}"
        for sentence in agreement_said(self.agreement):
            yield "chosen on all rows", sentence
        for errors, rows in ((misses.new, "new"), (misses.known, "known")):
            if errors is not None and errors.highest_level >= 0.9:
                of = f"{rows} groups" if self.facts["groups"] else "new rows"
                width = page.number(errors.half_width(0.9))
                yield "90 % interval", f"prediction ± {width} for rows of {of}"
        for category, message in self.warnings:
            yield f"warning ({category})", message

    @property
    def _measured(self) -> str:
        plan = self.plan
        said = f"{plan['outer']}, {plan['n_folds']} folds"
        if plan["n_repeats"] > 1:
            said += f" in {plan['n_repeats']} repeats"
        if plan["is_partial"]:
            said += "; the run stopped early"
        if plan["n_failed"]:
            said += f"; the model failed on {plan['n_failed']} folds"
        return said

    def to_json(self, schema: tuple[ColumnSchema, ...]) -> str:
        """Return the card as JSON, for readers other than flexcv.

        Parameters
        ----------
        schema
            The columns of the training table; labels of groups are only counted.
        """
        content = {name: getattr(self, name) for name in self.__dataclass_fields__}
        content |= {name: _records(content[name]) for name in ("scores", "agreement")}
        content["learned"] = {n: _records(table) for n, table in self.learned.items()}
        content["columns"] = [_column(column) for column in schema]
        text = json.dumps(
            redact_value(content), indent=2, default=str, ensure_ascii=False
        )
        return f"{text}\n"

    def to_html(self, schema: tuple[ColumnSchema, ...], misses: Misses) -> str:
        """Return the card as one page.

        Parameters
        ----------
        schema, misses
            As above.
        """
        said = pd.DataFrame(self.sentences(misses), columns=["about", "what is known"])
        columns = pd.DataFrame([_row_of(column) for column in schema])
        learned = "".join(
            f"<h3>{TITLES.get(name, name)}</h3>{page.table(table.head(MOST_LEARNED))}"
            for name, table in self.learned.items()
        )
        sections = [
            ("Answer", f'<div class="wide">{page.table(said)}</div>'),
            ("Scores of the procedure", page.table(self.scores)),
            (
                "What was chosen",
                "" if self.agreement.empty else page.table(self.agreement),
            ),
            ("Columns", page.table(columns)),
            ("Data", page.facts({n: _shown(v) for n, v in self.facts.items()})),
            ("What the model learned", learned),
            ("Plan", page.facts({n: _shown(v) for n, v in self.plan.items()})),
            ("Versions", page.facts(self.versions)),
        ]
        about = f"Fitted to all rows on {self.made}; measured on {self.question}."
        target = self.facts["name"] or self.facts["target"]
        return page.page(f"{self.name} for {target}", about, sections)


def _records(table: pd.DataFrame) -> Any:
    """Return the rows of a table as JSON has them, without a value where one lacks."""
    return json.loads(
        table.to_json(orient="records", double_precision=15, default_handler=str)
    )


def _column(column: ColumnSchema) -> dict[str, Any]:
    """Describe a column; what groups are called is nobody's business."""
    described = {
        "name": column.name,
        "role": column.role,
        "kind": column.kind,
        "dtype": column.dtype,
        "n_missing": column.n_missing,
        "n_levels": len(column.levels),
    }
    if column.role == GROUP:
        return described
    levels = [str(level) for level in column.levels[:MOST_LEVELS]]
    return described | {"low": column.low, "high": column.high, "levels": levels}


def _row_of(column: ColumnSchema) -> dict[str, Any]:
    return {
        "column": column.name,
        "role": column.role,
        "holds": column.kind,
        "training": column.shown,
        "missing": column.n_missing,
    }


def _shown(value: Any) -> Any:
    """Show what stands in a list or in a dictionary as a text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {page.number(one)}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
