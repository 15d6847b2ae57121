"""Neural networks with random effects, fitted by their exact marginal likelihood.

Needs the extra `neural` (torch) when a model is fitted, not when it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from flexcv._checks import check_choice
from flexcv._signatures import readable
from flexcv.arrays import FloatArray
from flexcv.errors import ModelError
from flexcv.models.contract.known_rows import KnownTarget
from flexcv.models.contract.responses import (
    labels_at,
    mean_at,
    mean_given,
    new_row_interval,
)
from flexcv.models.design.binary_labels import known_classes
from flexcv.models.design.terms import RandomSpecification
from flexcv.models.laplace.families import Binomial, Family, Poisson
from flexcv.models.networks.fitting import AbstractNeuralModel
from flexcv.typing import (
    Between,
    Callback,
    KnownGroups,
    KnownRows,
    Seed,
    UnknownLevels,
)

FAMILIES: dict[str, Family | None] = {"gaussian": None, "poisson": Poisson()}


@readable
class NeuralMixedEffectsRegressor(AbstractNeuralModel):
    r"""Neural network with random effects, y = f(X) + Z b + e.

    f is a network, b ~ N(0, G) in each level of a grouping column and
    e ~ N(0, sigma^2); for counts, exp(f(X) + Z b) is the mean. The loss is the exact
    marginal likelihood: batches hold whole groups, whose covariance is inverted by
    Woodbury's identity, G has off-diagonals, and between epochs the library's
    mixed-model engine maximises over G, sigma^2 and the average of the random
    effects. Simchoni & Rosset (2023), *Integrating random effects in deep neural
    networks*, J. Mach. Learn. Res. 24(156), use such a loss on batches that may split
    groups.

    With several factors, or groups much longer than a batch, the effects are
    predicted anew several times an epoch and the network learns what they leave:
    block-coordinate descent on the same likelihood.

    Parameters
    ----------
    groups, slopes, random
        The random part, as in `LinearMixedEffectsModel`; None is the plain network.
    family
        ``"gaussian"``, or ``"poisson"`` for counts.
    hidden_layer_sizes
        Units of each hidden layer; () is a linear model.
    activation
        ``"silu"``, ``"relu"``, ``"gelu"`` or ``"tanh"``.
    learning_rate
        The largest of AdamW's: it rises over the first tenth of the steps and falls
        to zero.
    weight_decay
        Of AdamW.
    dropout
        Share of hidden units left out in a step.
    n_epochs
        The most passes over the rows; ``"auto"`` makes about 2400 steps in 20 to 80.
    batch_size
        Rows wanted in a step; ``"auto"`` makes about 32 steps of 32 to 512 rows. A
        group is never cut, unless it is longer than four batches.
    network
        A function from the number of features to a ``torch.nn.Module`` that gives one
        number per row; it replaces layers, activation and dropout.
    early_stopping
        Keep ``"rows"`` or ``"groups"`` apart and take the epoch at which they are
        most likely; None learns from all rows and takes the last epoch.
    validation_fraction
        The share kept apart. Fewer than ten rows are none.
    patience
        Epochs without a better one after which to stop.
    device
        ``"cpu"``, ``"cuda"``, or ``"auto"``: a GPU where there is one. The likelihood
        is computed in double precision on the CPU.
    callbacks
        Called with each new row of `trace_` as a mapping; one that returns True stops
        the fit.
    random_state
        Seeds weights, batches and the rows kept apart; torch's own generator stays
        as it was.
    known_groups
        ``"conditional"`` predicts known levels with their random effects,
        ``"population"`` every row without.
    between
        Whether group means of the features are features too, for slopes that differ
        within and between groups: ``"auto"`` is yes where
        `flexcv.preprocessing.contextual_effects` finds that they do.
    unknown_levels
        What becomes of a row with a level of a category that training did not show:
        ``"refuse"`` raises; ``"zero"`` gives the column no effect, its columns of the
        design being at their averages over training; ``"missing"`` predicts NaN.

    Attributes
    ----------
    network_
        The network of the best epoch, in double precision on the CPU.
    average_effects_
        What the network missed of the average effects, added to its predictions.
    sigma_
        Standard deviation of what the fixed part does not predict, from the rows kept
        apart where they are 100 or more, else from all rows.
    loglik_
        Marginal log-likelihood of all rows at these variances.
    random_effects_, variance_components_
        As in `LinearMixedEffectsModel`.
    trace_
        A row per epoch: marginal log-likelihood of the rows learned from, the same
        per row as a loss (`train_loss`), minus the log-likelihood per row of those
        kept apart (`validation_loss`; of known groups given their effects), sigma2,
        and every entry of the effects' covariance.
    n_iter_, best_iteration_, stopped_
        Epochs made, the one that was kept, and whether a callback stopped the fit.

    Examples
    --------
    >>> from flexcv.synthesizer import generate_regression
    >>> X, y, group, _ = generate_regression(3, 400, n_groups=20, n_slopes=0)
    >>> model = NeuralMixedEffectsRegressor("group", n_epochs=5, random_state=1)
    >>> model = model.fit(X.assign(group=group), y)
    >>> model.random_effects_["group"].shape
    (20, 1)
    """

    def __init__(
        self,
        groups: str | Sequence[str] | None = None,
        slopes: str | Sequence[str] | None = (),
        *,
        random: RandomSpecification | None = None,
        family: str = "gaussian",
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
        super().__init__(
            groups,
            slopes,
            random=random,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            dropout=dropout,
            n_epochs=n_epochs,
            batch_size=batch_size,
            network=network,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            patience=patience,
            device=device,
            callbacks=callbacks,
            random_state=random_state,
            known_groups=known_groups,
            between=between,
            unknown_levels=unknown_levels,
        )
        self.family = family

    def predict(
        self, X: pd.DataFrame | ArrayLike, known: KnownRows | None = None
    ) -> FloatArray:
        """Predict with the effects of known levels; without for unknown ones.

        Counts of an unknown level are predicted by their mean over the effects.

        Parameters
        ----------
        X
            A table with the training table's columns.
        known
            Rows that became known after the fit, as a pair: a table with the training
            table's columns, groups among them, and its outcome. Effects are updated
            given the fit, which stays.
        """
        check_is_fitted(self)
        if known is not None:
            return mean_given(self, X, known)
        family = self._family()
        return super().predict(X) if family is None else mean_at(self, X, family)

    def predict_interval(
        self, X: pd.DataFrame | ArrayLike, level: float = 0.95
    ) -> pd.DataFrame:
        """Predict with an interval for a new row of each group.

        Known levels add the conditional variance of their effects to sigma^2,
        unknown levels the variance of the effects themselves.

        Parameters
        ----------
        X
            A table with the training table's columns.
        level
            Coverage of the intervals.

        Returns
        -------
        Columns prediction, lower and upper.
        """
        if self.family != "gaussian":
            raise ModelError(
                f"`predict_interval` needs family='gaussian', got {self.family!r}; "
                "take the quantiles of a Poisson distribution around `predict`."
            )
        return new_row_interval(self, X, level)

    def _family(self) -> Family | None:
        return FAMILIES[check_choice("family", self.family, FAMILIES)]


@readable
class NeuralMixedEffectsClassifier(ClassifierMixin, AbstractNeuralModel):  # type: ignore[misc]
    r"""Neural network with random effects for two classes.

    The model is logit P(y = 1) = f(X) + Z b with a network f and b ~ N(0, G) in each
    level of a grouping column. The loss is the marginal likelihood of whole groups,
    by adaptive Gauss-Hermite quadrature for one effect per group (Pinheiro & Bates
    1995, *Approximations to the log-likelihood function in the nonlinear mixed-effects
    model*, J. Comput. Graph. Stat. 4, 12-35) and by Laplace's approximation for more;
    at the end G is maximised for f held fixed.

    Takes the parameters of `NeuralMixedEffectsRegressor` but `family`.

    Attributes
    ----------
    classes_
        The two classes; the second is the one whose probability is modelled.
    network_, average_effects_, trace_, n_iter_, best_iteration_, stopped_
        As in `NeuralMixedEffectsRegressor`.
    random_effects_, variance_components_
        On the scale of the logit; there is no residual variance.

    Examples
    --------
    >>> from flexcv.synthesizer import generate_regression
    >>> X, y, group, _ = generate_regression(3, 400, n_groups=20, n_slopes=0)
    >>> model = NeuralMixedEffectsClassifier("group", n_epochs=5, random_state=1)
    >>> model = model.fit(X.assign(group=group), y > y.median())
    >>> model.predict_proba(X.assign(group=group)).shape
    (400, 2)
    """

    def fit(
        self,
        X: pd.DataFrame | ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X
            A table with the features and the columns that the parameters name; an
            array will do when no column is named.
        y
            The classes, one per row.
        sample_weight
            How often each row counts: its log-likelihood is multiplied. Rows of
            weight zero are left out.
        """
        if y is None:
            raise ValueError(
                "`fit` requires y to be passed, but the target y is None; pass `y`."
            )
        labels = column_or_1d(y, warn=True)
        if pd.isna(labels).any() or (
            labels.dtype.kind == "f" and np.isinf(labels).any()
        ):
            raise ValueError(
                "`y` must hold a class in every row, got missing or infinite values; "
                "drop these rows."
            )
        check_classification_targets(labels)
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) != 2:
            raise ValueError(
                f"`y` must hold two classes, got {len(classes)} class(es) in "
                f"{len(labels)} rows. Only binary classification is supported."
            )
        self.classes_ = classes
        return super().fit(X, codes.astype(np.float64), sample_weight)

    def predict(
        self, X: pd.DataFrame | ArrayLike, known: KnownRows | None = None
    ) -> npt.NDArray[Any]:
        """Predict the more probable class.

        Parameters
        ----------
        X
            A table with the training table's columns.
        known
            As in `predict_proba`.
        """
        second = self.predict_proba(X, known)[:, 1]
        return labels_at(self.classes_, second)

    def predict_proba(
        self, X: pd.DataFrame | ArrayLike, known: KnownRows | None = None
    ) -> FloatArray:
        """Return the probability of each class, shape (n_rows, 2).

        Known levels have theirs at their own effects, unknown ones the mean
        probability over levels.

        Parameters
        ----------
        X
            A table with the training table's columns.
        known
            Rows that became known after the fit, as a pair: a table with the training
            table's columns, groups among them, and its outcome. Effects are updated
            given the fit, which stays.
        """
        check_is_fitted(self)
        if known is None:
            second = mean_at(self, X, self._family())
        else:
            second = mean_given(self, X, known)
        return np.column_stack([1.0 - second, second])

    def _family(self) -> Family:
        return Binomial("logit")

    def _known_target(self, table: pd.DataFrame, y: Any) -> KnownTarget:
        return super()._known_target(table, known_classes(y, self.classes_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
