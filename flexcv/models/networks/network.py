"""Networks: the perceptron, a module of the user's own, device, seed and threads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from flexcv.arrays import FloatArray

ACTIVATIONS: dict[str, Callable[[], Any]] = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}
ROWS_AT_ONCE = 65_536  # of a prediction
DOUBLE_ROWS = 5_000  # of a table that is learned from in double precision


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What network to make.

    Attributes
    ----------
    hidden_layer_sizes
        Units of each hidden layer; none is a linear model.
    activation
        A key of `ACTIVATIONS`.
    dropout
        Share of hidden units left out in a step.
    factory
        Makes a module from the number of features; it replaces the perceptron.
    """

    hidden_layer_sizes: tuple[int, ...]
    activation: str
    dropout: float
    factory: Callable[[int], Any] | None


def make_network(settings: NetworkSettings, n_features: int) -> Any:
    """Make a network that gives one number per row."""
    if settings.factory is not None:
        return _checked(settings.factory(n_features), n_features)
    layers: list[Any] = []
    width = n_features
    for size in settings.hidden_layer_sizes:
        linear = nn.Linear(width, size)
        # Torch's own start is smaller, and bent functions are then learned late.
        nn.init.xavier_uniform_(linear.weight)
        layers += [linear, ACTIVATIONS[settings.activation]()]
        if settings.dropout:
            layers.append(nn.Dropout(settings.dropout))
        width = size
    return nn.Sequential(*layers, nn.Linear(width, 1))


def choose_device(wanted: str) -> Any:
    """Return the device: ``"auto"`` is a GPU where there is one."""
    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise ValueError(
            "device='cuda' needs a GPU that torch can see, and there is none; use "
            "'auto' or 'cpu'."
        )
    return torch.device("cuda" if present and wanted != "cpu" else "cpu")


@contextlib.contextmanager
def own_randomness(seed: int, device: Any) -> Iterator[None]:
    """Draw from a seed inside the block, on one thread; restore both afterwards.

    A network of this size is slower on several threads, and its sums would depend on
    how many there are.
    """
    on_gpu = device.type == "cuda"
    threads = torch.get_num_threads()
    devices = [torch.cuda.current_device()] if on_gpu else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def network_values(network: Any, features: Any) -> FloatArray:
    """Return the network's output for rows of a tensor, in evaluation mode."""
    network.eval()
    with torch.no_grad():
        parts = [network(part).reshape(-1) for part in features.split(ROWS_AT_ONCE)]
    return np.concatenate([part.cpu().numpy() for part in parts]).astype(np.float64)


def finished_network(network: Any) -> Any:
    """Return the network for prediction: on the CPU, in double precision.

    A row's prediction must not depend on the rows beside it, and single precision
    rounds differently with the size of a table.
    """
    return network.cpu().double().eval()


def as_features(values: FloatArray, device: Any = None, *, double: bool = True) -> Any:
    """Return scaled features as a tensor."""
    kind = torch.float64 if double else torch.float32
    return torch.as_tensor(values, dtype=kind, device=device)


def training_features(values: FloatArray, device: Any) -> Any:
    """Return features to learn from: a small table in double precision.

    It costs nothing there, and fits of the same seed agree from machine to machine.
    """
    return as_features(values, device, double=len(values) <= DOUBLE_ROWS)


def predicted_values(network: Any, values: FloatArray) -> FloatArray:
    """Return the output of a finished network, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return network_values(network, as_features(values))
    finally:
        torch.set_num_threads(threads)


def _checked(network: Any, n_features: int) -> Any:
    if not isinstance(network, nn.Module):
        raise TypeError(
            "`network` must make a torch.nn.Module from the number of features, got "
            f"{type(network).__name__}; return the module."
        )
    network.eval()
    with torch.no_grad():
        shape = tuple(network(torch.zeros(2, n_features)).shape)
    if shape not in {(2,), (2, 1)}:
        raise ValueError(
            "the module that `network` makes must give one number per row, got shape "
            f"{shape} for 2 rows; end it with a layer of one unit."
        )
    return network
