"""The settings of a neural model, checked once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from flexcv.models._validate import near_miss

ACTIVATION_NAMES = ("silu", "relu", "gelu", "tanh")
HOLD_OUTS = ("rows", "groups")
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, slots=True)
class NeuralSettings:
    """What `NeuralMixedEffectsRegressor` and its siblings take, by the same names."""

    hidden_layer_sizes: Any
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
            _require_whole("hidden_layer_sizes", size, 1)
        _require_choice("activation", self.activation, ACTIVATION_NAMES)
        _require_number("learning_rate", self.learning_rate, 0.0, 1.0, open_below=True)
        _require_number("weight_decay", self.weight_decay, 0.0, float("inf"))
        _require_number("dropout", self.dropout, 0.0, 1.0)
        for name in ("n_epochs", "batch_size"):
            value = getattr(self, name)
            if value != "auto":
                _require_whole(name, value, 1)
        if self.network is not None and _is_module(self.network):
            raise TypeError(
                "`network` must be a function that makes a torch.nn.Module from the "
                f"number of features, got {type(self.network).__name__}."
            )
        if self.early_stopping is not None:
            _require_choice("early_stopping", self.early_stopping, HOLD_OUTS)
        _require_number(
            "validation_fraction", self.validation_fraction, 0.0, 1.0, open_below=True
        )
        _require_whole("patience", self.patience, 1)
        _require_choice("device", self.device, DEVICES)

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


def _is_module(network: Any) -> bool:
    """Tell a module, which could be called, from the function that makes one."""
    return not callable(network) or (
        not isinstance(network, type) and hasattr(network, "state_dict")
    )


def _require_whole(name: str, value: Any, minimum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"`{name}` must be a whole number, got {value!r}.")
    if value < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}, got {value!r}.")


def _require_number(
    name: str, value: Any, low: float, high: float, *, open_below: bool = False
) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"`{name}` must be a number, got {value!r}.")
    number = float(value)
    above = number > low if open_below else number >= low
    if not (above and number < high):
        first = "greater than" if open_below else "at least"
        last = "" if high == float("inf") else f" and less than {high:g}"
        raise ValueError(f"`{name}` must be {first} {low:g}{last}, got {value!r}.")


def _require_choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        shown = ", ".join(repr(word) for word in known)
        raise ValueError(
            f"`{name}` must be one of {shown}, got {value!r}{near_miss(value, known)}"
        )
