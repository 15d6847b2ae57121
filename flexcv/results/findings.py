"""What post-processors saw, over all folds."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any, overload

import pandas as pd

from flexcv.records import ADDRESS, Finding, FoldResult, address

NOT_AVERAGED = {*ADDRESS, "row"}
DRAWN_AS = {"fixed_effects": "fixed_effects", "importance": "importance"}


class FoldFindings(Sequence[Finding]):
    """One finding of one model: a sequence with an entry per fold.

    Parameters
    ----------
    found
        Each fold's result with the finding in it.

    Examples
    --------
    >>> def fold(number, value):
    ...     frame = pd.DataFrame({"feature": ["x"], "importance": [value]})
    ...     return FoldResult("Forest", 0, number), Finding("importance", frame)
    >>> findings = FoldFindings([fold(0, 0.5), fold(1, 0.25)])
    >>> findings.combined
      feature  importance_mean  importance_std  n_folds
    0       x            0.375        0.176777        2
    """

    def __init__(self, found: Sequence[tuple[FoldResult, Finding]]) -> None:
        self._found = tuple(found)

    @overload
    def __getitem__(self, number: int) -> Finding: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Finding]: ...
    def __getitem__(self, number: int | slice) -> Finding | Sequence[Finding]:
        """Return the finding of one fold, by its place."""
        findings = [finding for _, finding in self._found]
        return findings[number]

    def at(self, place: int) -> Finding:
        """Return the finding of one fold, or say which places there are.

        Parameters
        ----------
        place
            Counted from 0, over the folds that have the finding.
        """
        if not -len(self) <= place < len(self):
            raise ValueError(
                f"`fold` must be a place from 0 to {len(self) - 1}, got {place!r}; "
                f"so many folds have the finding {self.name!r}."
            )
        return self[place]

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Finding]:
        return iter(finding for _, finding in self._found)

    @property
    def name(self) -> str:
        """What it is called."""
        return self._found[0][1].name

    @property
    def frame(self) -> pd.DataFrame:
        """The frames of all folds, stacked, with the address in front."""
        frames = [
            _with_index(finding.frame).assign(**address(fold))
            for fold, finding in self._found
        ]
        table = pd.concat(frames, ignore_index=True)
        return table[ADDRESS + [name for name in table if name not in ADDRESS]]

    @property
    def combined(self) -> pd.DataFrame:
        """Mean and standard deviation over folds of every number, by its labels.

        Columns of text, categories and truth values are labels. Several rows of a
        fold with the same labels are averaged first, so that folds weigh the same.
        """
        frame = self.frame
        values = [
            name
            for name in frame.select_dtypes("number").columns
            if name not in NOT_AVERAGED
        ]
        labels = [
            name for name in frame.columns if name not in {*values, *NOT_AVERAGED}
        ]
        by_fold = frame.groupby([*ADDRESS, *labels], **_PLAIN)[values].mean()
        if not labels:
            return _spread(by_fold.assign(all=0).groupby("all"), values).reset_index(
                drop=True
            )
        spread = _spread(by_fold.groupby(level=labels, **_PLAIN), values)
        return spread.reset_index()

    def plot(self, ax: Any = None, fold: int | None = None) -> Any:
        """Draw the finding of one fold; importances of all folds together.

        Parameters
        ----------
        ax
            Axes to draw on; new ones by default.
        fold
            The place of the fold; None is all folds for importances, else the first.
        """
        draw = drawing_of(self.at(0 if fold is None else fold))
        if draw is None:
            raise ValueError(self._why_not_drawn)
        return draw(self._shown(fold), ax)

    @property
    def can_be_drawn(self) -> bool:
        """Whether there is a drawing."""
        return drawing_of(self[0]) is not None

    @property
    def _why_not_drawn(self) -> str:
        if self[0].draw is None:
            return f"the finding {self.name!r} has no drawing; look at `frame`."
        return (
            f"the finding {self.name!r} was drawn by {self[0].draw}, which a run "
            "folder does not keep; call that function with (frame, axes)."
        )

    def _shown(self, fold: int | None) -> pd.DataFrame:
        first = self[0 if fold is None else fold].frame
        if fold is not None or not {"feature", "importance"} <= set(first):
            return first
        frame = self.frame
        order = frame.groupby(["repeat", "fold"], sort=False).ngroup()
        return frame.assign(fold=order)

    def __repr__(self) -> str:
        model = self._found[0][0].model
        return f"<FoldFindings {self.name!r} of {model}: {len(self)} folds>"


_PLAIN: dict[str, Any] = {"sort": False, "observed": True, "dropna": False}


def collect_findings(
    folds: Sequence[FoldResult],
) -> dict[str, dict[str, FoldFindings]]:
    """Sort what models say of themselves and what was seen by model and name.

    Of one name counts what a post-processor saw.
    """
    found: dict[str, dict[str, list[tuple[FoldResult, Finding]]]] = {}
    for fold in folds:
        for finding in _all_of(fold):
            names = found.setdefault(fold.model, {})
            names.setdefault(finding.name, []).append((fold, finding))
    return {
        model: {name: FoldFindings(pairs) for name, pairs in names.items()}
        for model, names in found.items()
    }


def _all_of(fold: FoldResult) -> Sequence[Finding]:
    seen = {finding.name: finding for finding in fold.findings}
    said = (
        Finding(name, table, DRAWN_AS.get(name))
        for name, table in fold.learned.items()
        if name not in seen
    )
    return [*said, *fold.findings]


def drawing_of(finding: Finding) -> Any:
    """Return the function of (frame, axes) that draws a finding, or None."""
    if not isinstance(finding.draw, str):
        return finding.draw
    plots = importlib.import_module("flexcv.plots")  # and matplotlib with it
    return plots.DRAWINGS.get(finding.draw)


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn an index of names into columns; a counting one is dropped."""
    is_counting = isinstance(frame.index, pd.RangeIndex)
    return frame.reset_index(drop=is_counting)


def _spread(grouped: Any, values: list[str]) -> pd.DataFrame:
    columns = {}
    for name in values:
        columns[f"{name}_mean"] = grouped[name].mean()
        columns[f"{name}_std"] = grouped[name].std()
    columns["n_folds"] = grouped.size()
    return pd.DataFrame(columns)
