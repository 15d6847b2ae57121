"""The model that is kept: it predicts, and knows what to expect of its predictions."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline

from flexcv._checks import check_interval
from flexcv._signatures import readable
from flexcv.arrays import FloatArray
from flexcv.dataset.foreign import as_pandas
from flexcv.dataset.making import feature_columns
from flexcv.errors import CheckWarning, VersionWarning
from flexcv.evaluation.answers import class_probabilities
from flexcv.evaluation.thresholds import without_threshold
from flexcv.metrics.limits import FREE
from flexcv.results.displays import SentenceFrame

from .card import ModelCard
from .files import other_versions, read_model, write_model
from .out_of_fold import Misses, OutOfFoldErrors
from .schema import GROUP, ColumnSchema, differences


@readable
class FinalModel:
    """A model fitted to all rows by the procedure that a run has measured.

    ``cv.fit_final("Forest")`` and ``results.final("Forest")`` make it. Whatever a fold
    of the run did is done once more with the whole table as training part: scaling,
    group means, tuning on inner splits of all rows, early stopping, MERF, thresholds.

    Parameters
    ----------
    estimator
        The fitted pipeline: steps ``"table"`` and ``"model"``.
    card
        What is known about it.
    schema
        What the columns of the training table held.
    misses
        How far out-of-fold predictions missed.
    classes
        Of a classifier: all classes, of two the positive one last.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from flexcv import CrossValidation
    >>> from flexcv.datasets import load_radon
    >>> table = load_radon().drop(columns="basement")
    >>> cv = CrossValidation().set_data(table, "log_radon", "county").add_model(Ridge)
    >>> cv = cv.set_splits("GroupKFold").set_run(silence="groups-unused")
    >>> final = cv.perform().fit_final("Ridge")
    >>> final.predict(table.head(2)).round(2)
    array([0.33, 0.95])
    >>> final.predict_interval(table.head(2), level=0.9).round(2)
       prediction  lower  upper
    0        0.33  -0.87   1.54
    1        0.95  -0.25   2.15
    """

    def __init__(
        self,
        estimator: Pipeline,
        card: ModelCard,
        schema: Sequence[ColumnSchema],
        misses: Misses,
        classes: Sequence[Any] = (),
    ) -> None:
        self.estimator = estimator
        self.card = card
        self.schema = tuple(schema)
        self.misses = misses
        self.classes = tuple(classes)

    @property
    def name(self) -> str:
        """The model's name in the run."""
        return self.card.name

    @property
    def scores(self) -> pd.DataFrame:
        """The honest score of the procedure: a row per metric, with its interval.

        Columns metric, mean, pooled, lower, upper and method, as
        `CrossValidationResults.interval` has them. They were measured on models of
        the folds; rows that this model has learned from tell nothing about it.
        """
        return self.card.scores

    @property
    def agreement(self) -> pd.DataFrame:
        """What was chosen on all rows, beside what the folds chose."""
        return self.card.agreement

    def summary(self) -> pd.DataFrame:
        """Return what is known about the model, in sentences.

        Returns
        -------
        DataFrame
            Columns about and sentence.
        """
        said = list(self.card.sentences(self.misses))
        return SentenceFrame(said, columns=["about", "sentence"])

    def check(
        self, X: pd.DataFrame | Mapping[str, ArrayLike] | ArrayLike
    ) -> pd.DataFrame:
        """Tell where a table differs from the training table: a row per finding.

        Parameters
        ----------
        X
            A table to predict.

        Returns
        -------
        DataFrame
            Columns column, level and message. With a ``"stop"`` `predict` raises; it
            warns of a ``"warn"``: missing values, unknown levels, numbers beyond the
            range of training by more than half of it. A ``"note"`` counts rows of
            groups that are new.
        """
        found = differences(self.schema, _table(X), self._inputs)
        return SentenceFrame(list(found), columns=["column", "level", "message"])

    def predict(
        self,
        X: pd.DataFrame | Mapping[str, ArrayLike] | ArrayLike,
        **predict_params: Any,
    ) -> npt.NDArray[Any]:
        """Predict rows of a table.

        Parameters
        ----------
        X
            A table with the columns of training, in any order, and for a model with
            effects of groups the grouping columns; further columns are left alone.
        predict_params
            Arguments of the model's own `predict`, such as `known`, a pair of a table
            and its target.

        Returns
        -------
        Numbers or labels of classes, shape (n_rows,).

        Raises
        ------
        ValueError
            When the table lacks a column, or one holds another kind of values.
        """
        table = self._checked(X)
        given = self._with_known(predict_params)
        return np.asarray(self.estimator.predict(table, **given)).reshape(len(table))

    def predict_proba(
        self,
        X: pd.DataFrame | Mapping[str, ArrayLike] | ArrayLike,
        **predict_params: Any,
    ) -> FloatArray:
        """Return probabilities, a column for each of `classes`, in their order.

        Parameters
        ----------
        X, predict_params
            As in `predict`.

        Raises
        ------
        TypeError
            When the model gives none.
        """
        table = self._checked(X)
        given = self._with_known(predict_params)
        if not self.classes:
            raise TypeError(f"{self.name!r} predicts numbers; use predict.")
        about = self.classes, self.name
        found = class_probabilities(self.estimator, table, *about, **given)
        if found is None:
            raise TypeError(f"{self.name!r} gives no probabilities; use predict.")
        return found

    def predict_interval(
        self,
        X: pd.DataFrame | Mapping[str, ArrayLike] | ArrayLike,
        level: float = 0.95,
        *,
        limits: tuple[float, float] = FREE,
        **predict_params: Any,
    ) -> pd.DataFrame:
        r"""Predict numbers with an interval, as wide as out-of-fold rows were missed.

        Its half-width is a quantile of the run's absolute out-of-fold errors. For rows
        of new groups each group counts alike, and so does the one to come: it holds a
        row of a new group that was drawn as those of the table were. For rows of known
        groups, and for tables without groups, rows count alike. One that was measured
        on new groups is also given for rows of known ones. Of several grouping columns
        the first one decides. In the order of time it holds as far as what comes
        resembles what was.

        Parameters
        ----------
        X
            As in `predict`, with the column of groups where known groups and new ones
            are to be told apart.
        level
            The share of rows that it is to cover.
        limits
            The least and the greatest value that the target can take, such as
            ``(0, float("inf"))``; intervals end there.
        predict_params
            As in `predict`. What `known` rows change is not in the out-of-fold errors.

        Returns
        -------
        DataFrame
            Columns prediction, lower and upper, with the index of `X`.

        Raises
        ------
        TypeError
            When classes are predicted.
        ValueError
            When too few groups were left out for the level, or rows are of new groups
            and the run has measured known ones only.

        Notes
        -----
        Of :math:`K` groups a level up to :math:`K / (K + 1)` can be had. Errors are
        those of models of the folds, which learned from fewer rows than this one. The
        quantile is conformal with groups as units (Dunn, Wasserman & Ramdas, 2023);
        ``benchmarks/final_intervals.py`` counts how often it holds.
        """
        if self.classes:
            raise TypeError(
                f"{self.name!r} predicts classes, which have no interval; "
                "predict_proba says how sure it is."
            )
        check_interval("level", level, 0.0, 1.0, closed="neither")
        if not limits[0] < limits[1]:
            raise ValueError(
                "`limits` must be the least and the greatest value of the target, got "
                f"{limits!r}; leave it out where there are none."
            )
        table = self._checked(X)
        given = self._with_known(predict_params)
        predicted = np.asarray(self.estimator.predict(table, **given), dtype=float)
        predicted = predicted.reshape(len(table))
        width = self._half_widths(table, level)
        ends = {"lower": predicted - width, "upper": predicted + width}
        ends = {name: np.clip(end, *limits) for name, end in ends.items()}
        return pd.DataFrame({"prediction": predicted, **ends}, index=table.index)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model and its card into a folder of their own.

        Parameters
        ----------
        folder
            A new or empty folder, or one that holds a final model, whose place it
            takes. It gets the model as a pickle, what `load` reads beside it, and the
            card as ``card.json`` and ``card.html``. Labels of groups stand in the
            first two only.

        Raises
        ------
        StorageError
            When the folder holds other files, or cannot be written.
        """
        content = {
            "card": _plain(self.card),
            "schema": [_plain(column) for column in self.schema],
            "misses": asdict(self.misses),
            "classes": self.classes,
        }
        card = self.card.to_json(self.schema)
        html = self.card.to_html(self.schema, self.misses)
        write_model(folder, self.estimator, content, card, html)

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], *, trust_pickle: bool = False
    ) -> FinalModel:
        """Read a model that `save` wrote.

        Parameters
        ----------
        folder
            The folder.
        trust_pickle
            Must be True: reading a pickle runs the code in it, so say that you wrote
            the folder, or trust who did and the way it came to you.

        Raises
        ------
        ValueError
            When `trust_pickle` is not True.
        StorageError
            When the folder holds no final model, or it is damaged.

        Warns
        -----
        VersionWarning
            When packages have other versions than the model was made with.
        """
        estimator, content = read_model(folder, trust_pickle)
        card = ModelCard(**content["card"])
        others = other_versions(card.versions)
        if others:
            warnings.warn(
                f"{card.name!r} was made with other versions ({others}) and may "
                "predict otherwise here; compare some predictions, or install those.",
                VersionWarning,
                stacklevel=2,
            )
        schema = [ColumnSchema(**column) for column in content["schema"]]
        errors = {
            name: None if said is None else OutOfFoldErrors(**said)
            for name, said in content["misses"].items()
        }
        return cls(estimator, card, schema, Misses(**errors), content["classes"])

    def __repr__(self) -> str:
        said = self.card.sentences(self.misses)
        lines = [f"{about}: {sentence}" for about, sentence in said]
        return "\n".join([f"<FinalModel {self.name!r}>", *lines])

    def _repr_html_(self) -> str:
        shown = self.summary()._repr_html_()  # type: ignore[operator]
        return f"<p><b>{escape(self.name)}</b>, the model that is kept</p>{shown}"

    @property
    def _inputs(self) -> list[str]:
        """The columns without which it cannot predict."""
        return list(self.estimator[0].inputs_)

    def _checked(self, X: Any) -> pd.DataFrame:
        """Return a table with its names as texts; refuse or tell where it differs."""
        table = _table(X)
        for _, level, message in differences(self.schema, table, self._inputs):
            if level == "stop":
                raise ValueError(message)
            if level == "warn":
                warnings.warn(message, CheckWarning, stacklevel=3)
        return table

    def _with_known(self, given: dict[str, Any]) -> dict[str, Any]:
        """Let rows whose target is known pass every step that rows to predict pass."""
        if given.get("known") is None:
            return given
        X, y = given["known"]
        inside = self.estimator[0].transform(self._checked(X))
        model = without_threshold(self.estimator)[-1]
        if isinstance(model, Pipeline) and len(model) > 1:
            inside = model[:-1].transform(inside)
        return {**given, "known": (inside, y)}

    def _half_widths(self, table: pd.DataFrame, level: float) -> FloatArray:
        """Return the half-width of each row's interval."""
        new, known = self.misses.new, self.misses.known
        if known is None and new is not None:
            return np.full(len(table), _enough(new, level))
        [group] = [column for column in self.schema if column.role == GROUP][:1]
        if group.name in table.columns:
            are_known = group.is_known(table[group.name]).to_numpy()
        elif new is None:
            are_known = np.ones(len(table), dtype=bool)
        else:
            raise ValueError(
                f"rows of known and of new groups have other intervals; add the column "
                f"{group.name!r}, which tells them apart."
            )
        widths = np.empty(len(table))
        for errors, rows in ((known, are_known), (new, ~are_known)):
            if rows.any():
                widths[rows] = self._width_of(errors, level, int(rows.sum()))
        return widths

    def _width_of(
        self, errors: OutOfFoldErrors | None, level: float, n_rows: int
    ) -> float:
        if errors is None:
            raise ValueError(
                f"{n_rows} rows are of new groups, and the run has measured "
                f"{self.card.question}; perform with split_out='GroupKFold' for "
                "intervals that hold for new ones."
            )
        return _enough(errors, level)


def _table(X: Any) -> pd.DataFrame:
    """Return a table as training had it: of pandas, its names texts."""
    return feature_columns(as_pandas(X, "X"))


def _enough(errors: OutOfFoldErrors, level: float) -> float:
    width = errors.half_width(level)
    if np.isinf(width):
        raise ValueError(
            f"an interval of level {level:g} needs more than {errors.n_units} "
            f"out-of-fold {errors.unit}s, which is what there are; pass a level up to "
            f"{np.floor(errors.highest_level * 1000) / 1000:g}."
        )
    return width


def _plain(record: Any) -> dict[str, Any]:
    """Return the fields of a record by name."""
    return {field.name: getattr(record, field.name) for field in fields(record)}
