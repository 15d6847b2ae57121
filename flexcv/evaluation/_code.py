"""What functions, methods, classes and modules are made of: what they do and read."""

from __future__ import annotations

import builtins
import dis
import functools
import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ._origin import origin_of_module, reference
from ._parts import Parts, atom, by_name, digest

READS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
LOOKS_UP = {"LOAD_ATTR", "LOAD_METHOD"}
CONSTANT = {"LOAD_CONST", "KW_NAMES", "RETURN_CONST"}
NAMED = {*dis.hasname, *dis.haslocal, *dis.hasfree}
JUMPS = {*dis.hasjrel, *dis.hasjabs}
HAS_DOCSTRING = 0x4000000  # a flag of code from Python 3.13 on
# What a class says of its place in a file, of its words, or what others keep on it.
UNCOUNTED = {
    "__abstractmethods__", "__annotate__", "__annotate_func__", "__annotations__",
    "__annotations_cache__", "__dict__", "__doc__", "__firstlineno__", "__module__",
    "__pydantic_decorators__",  # with an address; what they do is in the schema
    "__qualname__", "__slotnames__", "__static_attributes__", "__weakref__",
    "_abc_impl",
}  # fmt: skip
# An enumeration fills these when its members are used.
LOOK_UPS = {
    "_hashable_values_", "_member_map_", "_member_names_", "_unhashable_values_",
    "_unhashable_values_map_", "_value2member_map_",
}  # fmt: skip
DYNAMIC = (eval, exec, globals, builtins.__import__, importlib.import_module)


class Absent(Enum):
    """What stands where a name leads to nothing."""

    NAME = "name"
    CELL = "cell"


@dataclass(frozen=True, slots=True)
class _Reading:
    """What code does, and the names it reads outside itself."""

    label: bytes
    chains: tuple[tuple[str, ...], ...]  # ("np", "random", "default_rng")
    imports: tuple[tuple[str, int, str], ...]  # module, level, name in it


def of_function(function: FunctionType) -> Parts:
    """Describe a function: its code, and all values that the code can reach.

    Lines, file, docstring and annotations do not count. A function of an installed
    package is its name and the package's version.
    """
    name = reference(function)
    if name is not None:
        return Parts(f"function {name}".encode())
    # What a function reads is where it was written; its own names may be copies.
    origin = origin_of_module(function.__globals__.get("__name__"))
    reading = _reading(function.__code__)
    inside = _own_values(function, origin)
    if origin is not None:
        return Parts(reading.label + origin.encode(), tuple(inside))
    unknown = ""
    for step, value in _outside_values(function, reading):
        if any(value is each for each in DYNAMIC):
            unknown = f"code that looks names up with `{value.__name__}`"
        inside.append((step, value))
    return Parts(reading.label, tuple(inside), unknown=unknown)


def of_class(cls: type) -> Parts:
    """Describe a class: its bases and attributes; one of a package is its version."""
    name = reference(cls)
    if name is not None:
        return Parts(f"class {name}".encode())
    inside: list[tuple[str, Any]] = [("base", base) for base in cls.__bases__]
    inside.append(("metaclass", type(cls)))
    if issubclass(cls, Enum):
        inside += _members(cls)
    else:
        inside += by_name("attribute", _attributes(cls))
    return Parts(f"class {cls.__name__}".encode(), tuple(inside))


def of_module(module: ModuleType) -> Parts:
    """Describe a module: the user's by all that it holds."""
    origin = origin_of_module(module.__name__)
    if origin is not None:
        return Parts(f"module {origin} {module.__name__}".encode())
    held = (pair for pair in vars(module).items() if not pair[0].startswith("__"))
    return Parts(b"module", tuple(by_name("global", held)))


def of_code(code: CodeType) -> Parts:
    """Describe code alone."""
    return Parts(_reading(code).label)


def of_builtin(function: Any) -> Parts:
    """Describe a compiled function, with the object that it belongs to."""
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, ModuleType):
        return Parts(f"method {function.__name__}".encode(), (("object", owner),))
    name = reference(function)
    if name is None and owner is not None:
        origin = origin_of_module(owner.__name__)
        name = origin and f"{origin} {owner.__name__}.{function.__name__}"
    if name is None:
        kind = f"the compiled function `{function.__name__}` of no installed package"
        return Parts(b"function", unknown=kind)
    return Parts(f"function {name}".encode())


def of_method(method: Any) -> Parts:
    """Describe a method with the object that it is bound to."""
    inside = (("function", method.__func__), ("object", method.__self__))
    return Parts(b"method", inside)


def of_descriptor(value: Any) -> Parts:
    """Describe what a compiled class, or a slot, holds under a name."""
    label = f"{type(value).__name__} {value.__name__}"
    return Parts(label.encode(), (("class", value.__objclass__),))


def of_wrapper(value: Any) -> Parts:
    """Describe a static method or a class method."""
    return Parts(b"wrapper", (("kind", type(value)), ("function", value.__func__)))


def of_property(value: property) -> Parts:
    """Describe a property."""
    inside = [(name, getattr(value, name)) for name in ("fget", "fset", "fdel")]
    return Parts(b"property", (("kind", type(value)), *inside))


def of_partial(value: functools.partial[Any]) -> Parts:
    """Describe a partial: the function and the arguments that it is given."""
    inside = [("function", value.func), *_listed("argument", value.args)]
    inside += by_name("argument", value.keywords.items())
    kind = () if type(value) is functools.partial else (("class", type(value)),)
    return Parts(b"partial", (*inside, *kind, ("attributes", dict(vars(value)))))


def of_cached(value: Any) -> Parts:
    """Describe a function with a memory: the function, not what it remembers."""
    inside = (("function", value.__wrapped__), ("cache", value.cache_parameters()))
    return Parts(b"cached", inside)


def of_cell(cell: Any) -> Parts:
    """Describe a variable that functions share."""
    return Parts(b"cell", (("content", _content(cell)),))


def _own_values(function: FunctionType, origin: str | None) -> list[tuple[str, Any]]:
    """List the values that a function carries with it."""
    code = function.__code__
    cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
    closure = {name: _content(cell) for name, cell in cells}
    state = dict(vars(function))
    if origin is not None and "registry" in state:  # functools.singledispatch
        closure = {"registry": dict(state["registry"])}  # beside it lies a cache
        state = {}
    return [
        *_listed("default", function.__defaults__ or ()),
        *by_name("default of", (function.__kwdefaults__ or {}).items()),
        *by_name("closure", closure.items()),
        *by_name("attribute", state.items()),
    ]


def _outside_values(
    function: FunctionType, reading: _Reading
) -> Iterator[tuple[str, Any]]:
    """Follow the names that a function reads to the values that they lead to."""
    for chain in reading.chains:
        yield f"global `{'.'.join(chain)}`", _followed(function, chain)
    package = function.__globals__.get("__package__") or ""
    for module, level, name in reading.imports:
        yield f"import of `{module}`", _imported(module, level, name, package)


def _followed(function: FunctionType, chain: tuple[str, ...]) -> Any:
    """Follow a chain of names as far as it leads through modules of the user's."""
    name, *rest = chain
    value = function.__globals__.get(name, Absent.NAME)
    if value is Absent.NAME:
        return getattr(builtins, name, Absent.NAME)
    return _looked_up(value, rest)


def _looked_up(value: Any, names: list[str]) -> Any:
    for name in names:
        if not isinstance(value, ModuleType):
            break
        if origin_of_module(value.__name__) is not None:
            named = getattr(value, name, None)
            return named if any(named is each for each in DYNAMIC) else value
        value = getattr(value, name, Absent.NAME)
    return value


def _imported(module: str, level: int, name: str, package: str) -> Any:
    """Return what an import inside a function gives; the function would import it."""
    full = importlib.util.resolve_name("." * level + module, package)
    origin = origin_of_module(full)
    if origin is not None:
        return f"module {origin} {full}"
    try:
        found = importlib.import_module(full)
    except ModuleNotFoundError:
        return Absent.NAME
    return _looked_up(found, [name] if name else [])


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return Absent.CELL


def _listed(kind: str, values: tuple[Any, ...]) -> list[tuple[str, Any]]:
    return [(f"{kind} {place + 1}", value) for place, value in enumerate(values)]


def _attributes(cls: type) -> Iterator[tuple[str, Any]]:
    for name, value in vars(cls).items():
        if name not in UNCOUNTED:
            yield name, value


def _members(cls: type[Enum]) -> list[tuple[str, Any]]:
    """List the members of an enumeration and what it adds; not its look-up tables."""
    members = [(f"member `{n}`", m.value) for n, m in cls.__members__.items()]
    added = (
        (name, value)
        for name, value in _attributes(cls)
        if name not in cls.__members__ and name not in LOOK_UPS
    )
    return members + by_name("attribute", added)


@functools.lru_cache(maxsize=2048)
def _reading(code: CodeType) -> _Reading:
    """Read code once: its steps as text, and the names that it looks up outside."""
    steps = list(dis.get_instructions(code))
    labels, chains, imports = _steps(steps, code), _chains(steps), _imports(steps)
    for inner in (const for const in code.co_consts if isinstance(const, CodeType)):
        reading = _reading(inner)
        chains += reading.chains
        imports += reading.imports
    label = digest(_signature(code), labels)
    unique = tuple(dict.fromkeys(chains)), tuple(dict.fromkeys(imports))
    return _Reading(b"code " + label, *unique)


def _signature(code: CodeType) -> bytes:
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    names = (code.co_varnames, code.co_cellvars, code.co_freevars)
    flags = code.co_flags & ~HAS_DOCSTRING
    return repr((code.co_name, counts, names, flags, code.co_exceptiontable)).encode()


def _steps(steps: list[dis.Instruction], code: CodeType) -> list[bytes]:
    labels: list[bytes] = []
    for step in steps:
        if step.opname == "STORE_NAME" and step.argval in UNCOUNTED:
            labels.pop()  # with the constant before it
            continue
        labels.append(digest(step.opname.encode(), [_constant(_argument(step, code))]))
    return labels


def _argument(step: dis.Instruction, code: CodeType) -> Any:
    if step.opname in CONSTANT and step.arg is not None:
        return code.co_consts[step.arg]
    if step.opcode in NAMED or step.opcode in JUMPS:
        return step.argval
    return step.arg


def _constant(value: Any) -> bytes:
    """Compute the digest of a constant; a set's does not depend on its order."""
    label = atom(value)
    if label is not None:
        return digest(label)
    if isinstance(value, CodeType):
        return digest(_reading(value).label)
    entries = [_constant(entry) for entry in value]
    if isinstance(value, frozenset):
        entries.sort()
    return digest(type(value).__name__.encode(), entries)


def _chains(steps: list[dis.Instruction]) -> tuple[tuple[str, ...], ...]:
    """List the outside names that are read, each with the attributes behind it."""
    chains: list[tuple[str, ...]] = []
    is_open = False
    for step in steps:
        if step.opname in READS and step.argval != "__name__":
            chains.append((step.argval,))
        elif step.opname in LOOKS_UP and is_open:
            chains[-1] += (step.argval,)
        is_open = step.opname in READS or (is_open and step.opname in LOOKS_UP)
        is_open = is_open and step.argval != "__name__"
    return tuple(chains)


def _imports(steps: list[dis.Instruction]) -> tuple[tuple[str, int, str], ...]:
    """List what is imported inside the code: module, level and name."""
    found: list[tuple[str, int, str]] = []
    for place, step in enumerate(steps):
        if step.opname == "IMPORT_NAME":
            level, names = steps[place - 2].argval, steps[place - 1].argval
            found += [(step.argval, level or 0, name) for name in names or ("",)]
    return tuple(found)
