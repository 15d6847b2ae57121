"""Repeats by the name that flexcv 24 has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from flexcv._migration import attributes_of, names_of
from flexcv.interface import CrossValidation

REPEATS = 3  # of flexcv 24, when nothing else is said


class RepeatedCV(CrossValidation):
    """Describe a cross-validation of three repeats, as flexcv 24 does.

    It is a `CrossValidation` after ``set_splits(n_repeats=3)``. Repeats split the rows
    anew; one seed, that of `set_run`, gives theirs.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from flexcv import RepeatedCV
    >>> from flexcv.synthesizer import generate_regression
    >>> X, y, _, _ = generate_regression(2, 40)
    >>> cv = RepeatedCV().set_data(X, y).set_splits(n_splits_out=2).set_n_repeats(4)
    >>> cv.add_model(Ridge).perform().results.n_repeats
    4
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_n_repeats(REPEATS)

    def set_n_repeats(self, n_repeats: int) -> Self:
        """Set how often the outer split is repeated, with other seeds.

        Parameters
        ----------
        n_repeats
            As in `set_splits`.
        """
        self.set_splits(n_repeats=n_repeats)
        return self

    if not TYPE_CHECKING:
        __getattr__ = attributes_of(
            "flexcv.repeated.RepeatedCV", "flexcv.interface.CrossValidation"
        )


__getattr__ = names_of("flexcv.repeated")
