"""Short texts that are equal exactly when two values would do the same.

A value is walked into its parts, down to numbers, texts and the steps of code. What
the walk finds is a graph, for a function may read itself. Its digest is the same for
all graphs that look alike from the root, whatever is shared in memory, in which order a
set stands or where a function recurs first; so it is the same in the next process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ._objects import described
from ._parts import atom, digest

LENGTH = 16  # characters of a text
LONGEST = 80  # characters of a step in a message
LARGEST = 1_000_000  # parts of a value; a larger one is not looked through


@dataclass(frozen=True, slots=True)
class Identity:
    """Tell one value from another by what it would do.

    Parameters
    ----------
    text
        Equal for values that would do the same, in this process and the next.
    unknown
        What could not be identified, each with the way to it. Two values with
        something unknown must never be taken for the same.
    """

    text: str
    unknown: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether equal texts mean that two values would do the same."""
        return not self.unknown


def identify(value: Any, name: str = "") -> Identity:
    """Compute the identity of a value by all that it holds and reads.

    Parameters
    ----------
    value
        Anything: numbers, tables, functions, classes, estimators, at any depth.
    name
        What the value is called in `unknown`.

    Examples
    --------
    >>> identify({"b", "a"}) == identify({"a", "b"})
    True
    >>> identify(lambda x: x + 1) == identify(lambda x: x + 2)
    False
    >>> identify({"rows": (i for i in range(3))}, "parameter `source`").unknown
    ("parameter `source`, key 'rows': a generator",)
    """
    graph = _Graph(name)
    root = graph.place(value, -1, "")
    graph.grow()
    key = root if isinstance(root, bytes) else _digest_of(graph.nodes)
    return Identity(key.hex()[:LENGTH], tuple(dict.fromkeys(graph.unknown)))


def identify_all(parts: Iterable[tuple[str, Any]]) -> Identity:
    """Compute one identity of several values, each with its name.

    Examples
    --------
    >>> identify_all([("a", 1), ("b", 2)]) == identify_all([("a", 1), ("b", 3)])
    False
    """
    found = [(name, identify(value, name)) for name, value in parts]
    label = repr([(name, one.text) for name, one in found]).encode()
    unknown = tuple(each for _, one in found for each in one.unknown)
    return Identity(digest(label).hex()[:LENGTH], unknown)


@dataclass(slots=True)
class _Node:
    """One value that was walked into."""

    value: Any
    parent: int
    step: str
    label: bytes = b""
    inside: list[int | bytes] = field(default_factory=list)  # nodes, or digests
    is_ordered: bool = True


class _Graph:
    """Everything that a value is made of, each object once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[_Node] = []
        self.unknown: list[str] = []
        self._places: dict[int, int] = {}  # by the object's id; nodes keep it alive

    def place(self, value: Any, parent: int, step: str) -> int | bytes:
        """Return the digest of a plain value, or the node of any other."""
        label = atom(value)
        if label is not None:
            return digest(label)
        place = self._places.setdefault(id(value), len(self.nodes))
        if place == len(self.nodes):
            self.nodes.append(_Node(value, parent, step))
        return place

    def grow(self) -> None:
        """Walk into all nodes, those that are found on the way included."""
        place = 0
        while place < len(self.nodes):
            if place == LARGEST:
                self.unknown.append(self._path(0, f"more than {LARGEST:,} parts"))
                break
            self._enter(place)
            place += 1

    def _enter(self, place: int) -> None:
        node = self.nodes[place]
        parts = described(node.value)
        steps = "\0".join(step for step, _ in parts.inside)
        node.label = digest(parts.label, [steps.encode("utf-8", "surrogatepass")])
        node.is_ordered = parts.is_ordered
        node.inside = [self.place(v, place, step) for step, v in parts.inside]
        if parts.unknown:
            self.unknown.append(self._path(place, parts.unknown))

    def _path(self, place: int, what: str) -> str:
        steps = []
        while place >= 0:
            steps.append(self.nodes[place].step)
            place = self.nodes[place].parent
        named = (self.name, *reversed(steps))
        way = ", ".join(step[:LONGEST] for step in named if step)
        return f"{way}: {what}" if way else what


def _digest_of(nodes: list[_Node]) -> bytes:
    """Compute the digest of the first node."""
    known = _acyclic_digests(nodes)
    return known[0] if 0 in known else _cyclic_digest(nodes, known)


def _acyclic_digests(nodes: list[_Node]) -> dict[int, bytes]:
    """Compute the digest of each node from which no circle is reached."""
    parents: dict[int, list[int]] = defaultdict(list)
    missing = [0] * len(nodes)
    for place, node in enumerate(nodes):
        for inner in node.inside:
            if isinstance(inner, int):
                parents[inner].append(place)
                missing[place] += 1
    known: dict[int, bytes] = {}
    ready = [place for place, count in enumerate(missing) if not count]
    while ready:
        place = ready.pop()
        known[place] = _seen(nodes[place], known)
        for parent in parents[place]:
            missing[parent] -= 1
            if not missing[parent]:
                ready.append(parent)
    return known


def _cyclic_digest(nodes: list[_Node], known: dict[int, bytes]) -> bytes:
    """Compute the digest of a node that reaches a circle.

    Nodes are told apart by their labels, then by what their neighbours look like, and
    so on until no more are told apart (partition refinement). The last looks of all
    nodes together fix the graph up to nodes that do the same.
    """
    rest = [place for place in range(len(nodes)) if place not in known]
    looks = {place: nodes[place].label for place in rest}
    while True:
        all_looks = {**known, **looks}
        further = {place: _seen(nodes[place], all_looks) for place in rest}
        n_before, n_now = len(set(looks.values())), len(set(further.values()))
        looks = further
        if n_before == n_now:
            return digest(looks[0], sorted(set(looks.values())))


def _seen(node: _Node, known: dict[int, bytes]) -> bytes:
    """Compute how a node looks when those inside it look as is known."""
    looks = [known[each] if isinstance(each, int) else each for each in node.inside]
    return digest(node.label, looks if node.is_ordered else sorted(looks))
