"""The same chain under one plan or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from flexcv._chain import Chain
from flexcv._perform import perform_chain
from flexcv.resampling import CrossValMethod
from flexcv.resampling.registry import SplitMethod, resolve_method, title_of
from flexcv.results import CrossValidationResults, PlansCompared
from flexcv.results.plans import file_name, plan_names


def outer_methods(value: Any) -> tuple[SplitMethod, ...]:
    """Read `split_out`: one split, or a list of several names or splitters.

    A list of (train, test) pairs is one split.
    """
    if isinstance(value, list | tuple) and value and all(map(_is_split, value)):
        return tuple(resolve_method("split_out", entry) for entry in value)
    return (resolve_method("split_out", value),)


def chains_of(chain: Chain, methods: Sequence[SplitMethod]) -> dict[str, Chain]:
    """Give a chain per plan, by the question it answers; one keeps its folder."""
    if len(methods) < 2:
        return {"": chain}
    if chain.targets:
        raise ValueError(
            "trackers take one plan at a time; perform each plan with a tracker of its "
            "own, or pass a folder as `run`, below which each plan has one."
        )
    chains = [
        replace(chain, splits=replace(chain.splits, outer=method)) for method in methods
    ]
    questions = [one.make_plan().question for one in chains]
    names = plan_names(questions, [title_of(method) for method in methods])
    return {
        name: replace(
            one, folder=None if chain.folder is None else chain.folder / file_name(name)
        )
        for name, one in zip(names, chains, strict=True)
    }


def perform_plans(
    chain: Chain, methods: Sequence[SplitMethod], resume: bool | None, stacklevel: int
) -> Iterator[CrossValidationResults | PlansCompared]:
    """Run the chain under every plan; give what is known, also when it stops early."""
    chains = chains_of(chain, methods)
    done: dict[str, CrossValidationResults] = {}
    for name, one in chains.items():
        for results in perform_chain(one, resume, stacklevel + 1):
            done[name] = results
            yield results if len(chains) == 1 else PlansCompared(done)


def _is_split(entry: Any) -> bool:
    return isinstance(entry, str | CrossValMethod) or callable(
        getattr(entry, "split", None)
    )
