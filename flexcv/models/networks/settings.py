"""The settings of a neural model, checked once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from flexcv._checks import check_choice, check_integer, check_interval

ACTIVATION_NAMES = ("silu", "relu", "gelu", "tanh")
HOLD_OUTS = ("rows", "groups")
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, slots=True)
class NeuralSettings:
    """What `NeuralMixedEffectsRegressor` and its siblings take, by the same names."""

    hidden_layer_sizes: Sequence[int]
    activation: str
    learning_rate: float
    weight_decay: float
    dropout: float
    n_epochs: int | str
    batch_size: int | str
    network: Callable[[int], Any] | None
    early_stopping: str | None
    validation_fraction: float
    patience: int
    device: str

    def __post_init__(self) -> None:
        for size in self.layers:
            check_integer("hidden_layer_sizes", size, 1)
        check_choice("activation", self.activation, ACTIVATION_NAMES)
        check_interval("learning_rate", self.learning_rate, 0.0, 1.0, closed="neither")
        check_interval("weight_decay", self.weight_decay, 0.0)
        check_interval("dropout", self.dropout, 0.0, 1.0)
        for name in ("n_epochs", "batch_size"):
            value = getattr(self, name)
            if value != "auto":
                check_integer(name, value, 1)
        if self.network is not None and _is_module(self.network):
            raise TypeError(
                "`network` must be a function that makes a torch.nn.Module from the "
                f"number of features, got {type(self.network).__name__}."
            )
        if self.early_stopping is not None:
            check_choice("early_stopping", self.early_stopping, HOLD_OUTS)
        check_interval(
            "validation_fraction", self.validation_fraction, 0.0, 1.0, closed="neither"
        )
        check_integer("patience", self.patience, 1)
        check_choice("device", self.device, DEVICES)

    @property
    def layers(self) -> tuple[int, ...]:
        """The hidden layers' sizes; one number is one layer."""
        sizes = self.hidden_layer_sizes
        if isinstance(sizes, Integral):
            return (int(sizes),)
        if isinstance(sizes, str) or not isinstance(sizes, Iterable):
            raise TypeError(
                "`hidden_layer_sizes` must be a sequence of whole numbers, got "
                f"{sizes!r}; (64, 32) has two hidden layers."
            )
        return tuple(sizes)


def _is_module(network: Callable[[int], Any] | None) -> bool:
    """Tell a module, which could be called, from the function that makes one."""
    return not callable(network) or (
        not isinstance(network, type) and hasattr(network, "state_dict")
    )
