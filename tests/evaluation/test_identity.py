import collections
import copy
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import importlib
import io
import logging
import os
import pathlib
import pickle
import re
import socket
import subprocess
import sys
import textwrap
import threading
import types

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from scipy import sparse
from scipy.special import cython_special
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv.evaluation import _origin
from flexcv.evaluation import identity as module
from flexcv.evaluation.identity import Identity, identify, identify_all
from flexcv.metrics import ObjectiveScorer

HEAD = """
import functools, itertools, enum, dataclasses
import numpy as np
import pandas as pd
import optuna
from optuna.distributions import FloatDistribution
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.linear_model import Ridge
from flexcv.metrics import Metric, ObjectiveScorer
from flexcv.model_postprocessing import ModelPostProcessor
"""


def cell(text, name="first"):
    """Run the source of a notebook cell and return its `value`."""
    namespace = {"__name__": "__main__"}
    source = HEAD + textwrap.dedent(text)
    exec(compile(source, f"/tmp/cells/{name}.py", "exec"), namespace)
    return namespace["value"]


# what is edited: the cell before, and the text in it that is replaced by another
EDITS = {
    "body of an objective": ("""
        def loss(y, p):
            return float(np.mean((y - p) ** 2))
        value = ObjectiveScorer(loss)
        """, "float(np.mean", "float(-np.mean"),
    "only a constant": ("""
        def space(trial):
            return {"alpha": trial.suggest_float("alpha", 0.1, 1.0)}
        value = space
        """, "0.1, 1.0", "1000.0, 20000.0"),
    "a whole constant for a number": ("""
        def space(trial):
            return 1
        value = space
        """, "return 1", "return 1.0"),
    "a constant in a nested function": ("""
        def make():
            def inner(y):
                return [v + 3 for v in y]
            return inner
        value = make
        """, "v + 3", "v + 4"),
    "a default": ("""
        def loss(y, p, power=2):
            return np.mean(abs(y - p) ** power)
        value = loss
        """, "power=2", "power=3"),
    "a keyword's default": ("""
        def loss(y, p, *, power=2):
            return np.mean(abs(y - p) ** power)
        value = loss
        """, "power=2", "power=3"),
    "a default that becomes a keyword's": ("""
        def loss(a=1, *, b):
            return a
        value = loss
        """, "a=1, *, b", "a, *, b=1"),
    "the value of a closure": ("""
        def make(scale):
            return lambda y, p: scale * np.mean(y - p)
        value = make(1.0)
        """, "make(1.0)", "make(2.0)"),
    "a global constant that is read": ("""
        SCALE = 1.0
        def loss(y, p):
            return SCALE * np.mean(y - p)
        value = loss
        """, "SCALE = 1.0", "SCALE = 2.0"),
    "a global read in a comprehension": ("""
        SCALE = 1.0
        def loss(y, p):
            return sum([SCALE * v for v in y])
        value = loss
        """, "SCALE = 1.0", "SCALE = 2.0"),
    "a global array": ("""
        W = np.arange(5.0)
        value = lambda y, p: W @ y
        """, "5.0", "6.0"),
    "a helper function": ("""
        def helper(y):
            return y + 1
        def loss(y, p):
            return helper(y) - p
        value = loss
        """, "y + 1", "y + 2"),
    "a helper's helper": ("""
        def lowest(y):
            return y + 1
        def helper(y):
            return lowest(y)
        value = lambda y, p: helper(y) - p
        """, "y + 1", "y + 2"),
    "a lambda": ("value = lambda y, p: y + p", "y + p", "y - p"),
    "an operator": ("value = lambda y, p: y < p", "y < p", "y <= p"),
    "a function that is named": ("value = lambda y, p: np.mean(y)", "np.mean", "np.median"),
    "an argument of a partial": ("""
        value = functools.partial(lambda y, p, k: k, k=1)
        """, "k=1)", "k=2)"),
    "a positional argument of a partial": ("""
        value = functools.partial(max, 1)
        """, "max, 1", "max, 2"),
    "the function of a partial": ("value = functools.partial(max, 1)", "max", "min"),
    "a method of an estimator": ("""
        class Mine(RegressorMixin, BaseEstimator):
            def fit(self, X, y):
                self.m_ = float(np.mean(y)) * 1.0
                return self
            def predict(self, X):
                return np.full(len(X), self.m_)
        value = Mine()
        """, "* 1.0", "* 2.0"),
    "an attribute of a class": ("""
        class Mine(RegressorMixin, BaseEstimator):
            scale = 1.0
            def fit(self, X, y):
                return self
        value = Mine()
        """, "scale = 1.0", "scale = 2.0"),
    "a base class": ("""
        class Base(BaseEstimator):
            def shift(self):
                return 1
        class Mine(RegressorMixin, Base):
            pass
        value = Mine()
        """, "return 1", "return 2"),
    "the order of bases": ("""
        class A: pass
        class B: pass
        class Mine(A, B): pass
        value = Mine
        """, "Mine(A, B)", "Mine(B, A)"),
    "a property": ("""
        class Mine(BaseEstimator):
            @property
            def scale(self):
                return 1
        value = Mine()
        """, "return 1", "return 2"),
    "a static method": ("""
        class Mine(BaseEstimator):
            @staticmethod
            def scale():
                return 1
        value = Mine()
        """, "return 1", "return 2"),
    "a class method": ("""
        class Mine(BaseEstimator):
            @classmethod
            def scale(cls):
                return 1
        value = Mine()
        """, "return 1", "return 2"),
    "a metaclass": ("""
        class Meta(type):
            def __call__(cls):
                return 1
        class Mine(metaclass=Meta): pass
        value = Mine
        """, "return 1", "return 2"),
    "a method that scikit-learn wraps": ("""
        class Mine(TransformerMixin, BaseEstimator):
            def fit(self, X, y=None):
                return self
            def transform(self, X):
                return X * 1.0
            def get_feature_names_out(self, names=None):
                return names
        value = Mine()
        """, "X * 1.0", "X * 2.0"),
    "the state of a callable object": ("""
        class Loss:
            def __init__(self, power):
                self.power = power
            def __call__(self, y, p):
                return np.mean(abs(y - p) ** self.power)
        value = Loss(1)
        """, "Loss(1)", "Loss(2)"),
    "the state of an object with slots": ("""
        class Loss:
            __slots__ = ("power",)
            def __init__(self, power):
                self.power = power
        value = Loss(1)
        """, "Loss(1)", "Loss(2)"),
    "a bound method's object": ("""
        class Loss:
            def __init__(self, power):
                self.power = power
            def score(self, y, p):
                return self.power
        value = Loss(1).score
        """, "Loss(1)", "Loss(2)"),
    "a data class": ("""
        @dataclasses.dataclass
        class Loss:
            power: int = 1
        value = Loss
        """, "int = 1", "int = 2"),
    "a member of an enumeration": ("""
        class Kind(enum.Enum):
            A = 1
        value = Kind.A
        """, "A = 1", "A = 2"),
    "a method of an enumeration": ("""
        class Kind(enum.Enum):
            A = 1
            def text(self):
                return "a"
        value = Kind.A
        """, '"a"', '"b"'),
    "a private method of an enumeration": (
        """
        class Kind(enum.Enum):
            A = 1
            def _text(self):
                return "a"
        value = Kind.A
        """,
        '"a"',
        '"b"',
    ),
    "a property that is remembered": (
        """
        class Mine:
            @functools.cached_property
            def scale(self):
                return 1
        value = Mine()
        """,
        "return 1",
        "return 2",
    ),
    "a decorated function": ("""
        def loud(function):
            @functools.wraps(function)
            def wrapper(*given):
                return function(*given)
            return wrapper
        @loud
        def loss(y, p):
            return y - p
        value = loss
        """, "y - p", "p - y"),
    "a decorator": ("""
        def loud(function):
            @functools.wraps(function)
            def wrapper(*given):
                return function(*given)
            return wrapper
        @loud
        def loss(y, p):
            return y - p
        value = loss
        """, "return function(*given)", "return -function(*given)"),
    "a wrapper with a library function's name": ("""
        from sklearn.metrics import mean_squared_error
        @functools.wraps(mean_squared_error)
        def loss(y, p):
            return mean_squared_error(y, p) + 1
        value = loss
        """, "+ 1", "+ 2"),
    "a remembered function": ("""
        @functools.lru_cache
        def loss(y):
            return y + 1
        value = loss
        """, "y + 1", "y + 2"),
    "one of several functions by kind": ("""
        @functools.singledispatch
        def loss(y):
            return y
        @loss.register
        def _(y: int):
            return y + 1
        value = loss
        """, "y + 1", "y + 2"),
    "a sampler": ("""
        value = lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=2)
        """, "trials=2", "trials=3"),
    "a pruner": ("value = optuna.pruners.MedianPruner(n_warmup_steps=1)", "steps=1", "steps=2"),
    "a pruner of one's own": (
        """
        class Race(optuna.pruners.BasePruner):
            def prune(self, study, trial):
                return trial.number > 1
        value = Race()
        """,
        "number > 1",
        "number > 2",
    ),
    "a search space": ('value = {"alpha": FloatDistribution(0, 1)}', "(0, 1)", "(0, 2)"),
    "a post-processor": ("""
        class Look(ModelPostProcessor):
            def look(self, fitted):
                yield 1
        value = Look()
        """, "yield 1", "yield 2"),
    "a metric": ("value = Metric('spread', lambda y, p: p.std())", "p.std()", "p.var()"),
    "the direction of a metric": ("value = Metric('spread', max, True)", "True", "False"),
    "an attribute of a splitter": ("""
        class Years:
            def __init__(self, first):
                self.first = first
            def split(self, X, y=None, groups=None):
                yield [0], [1]
        value = Years(2000)
        """, "2000", "2001"),
    "an array inside a pipeline": ("""
        value = make_pipeline(FunctionTransformer(kw_args={"w": [np.arange(3)]}), Ridge())
        """, "arange(3)", "arange(3) + 1"),
    "a frame inside a pipeline": ("""
        frame = pd.DataFrame({"a": ["x", "y"]})
        value = make_pipeline(FunctionTransformer(kw_args={"w": frame}), Ridge())
        """, '"y"', '"z"'),
    "a function inside a pipeline": ("""
        def twice(X):
            return X * 2
        value = make_pipeline(FunctionTransformer(twice), Ridge())
        """, "X * 2", "X * 3"),
    "a set": ('value = make_pipeline(FunctionTransformer(kw_args={"w": {"a", "b"}}))', '"b"', '"c"'),
    "a set of functions": ("""
        value = {lambda x: x + 1, lambda x: x + 2}
        """, "x + 2", "x + 3"),
    "a set of constants that code reads": ("value = lambda x: x in {'a', 'b', 'c'}", "'c'", "'d'"),
    "a generator's code": ("""
        def rows():
            yield 1
        value = rows
        """, "yield 1", "yield 2"),
    "an async function": ("""
        async def rows():
            return 1
        value = rows
        """, "return 1", "return 2"),
    "what is caught": ("""
        def safe(x):
            try:
                return 1 / x
            except ZeroDivisionError:
                return 0
        value = safe
        """, "ZeroDivisionError", "ValueError"),
    "a local class": ("""
        def make():
            class Local:
                scale = 1
                def run(self):
                    return 5
            return Local
        value = make
        """, "return 5", "return 6"),
    "a base from a library": ("""
        class Mine(Ridge):
            pass
        value = Mine()
        """, "Mine(Ridge)", "Mine(BaseEstimator)"),
    "a nested dictionary in another order": ("value = {'a': {'x': 1, 'y': 2}}", "'x': 1, 'y': 2", "'y': 2, 'x': 1"),
    "a formatted text": ("value = lambda x: f'{x!r}'", "!r", "!s"),
    "names of keywords in a call": ("value = lambda x: dict(a=x)", "a=x", "b=x"),
    "the order of arguments": ("value = lambda a, b: a - b", "lambda a, b", "lambda b, a"),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_an_edited_cell_has_another_identity(edit):
    text, before, now = EDITS[edit]
    assert before in text
    first = identify(cell(text))
    assert first.unknown == ()
    assert identify(cell(text.replace(before, now))) != first


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_a_cell_that_runs_again_elsewhere_keeps_its_identity(edit):
    text, _, _ = EDITS[edit]
    moved = "\n\n# a comment\n" + textwrap.dedent(text).replace(":\n", ":\n\n", 1)
    assert identify(cell(moved, "second")) == identify(cell(text))


NOT_CARRIED = {
    "a property that is remembered",
    "a remembered function",
    "one of several functions by kind",
}


@pytest.mark.parametrize("edit", sorted(EDITS.keys() - NOT_CARRIED), ids=str)
def test_what_cloudpickle_carries_to_a_worker_keeps_its_identity(edit):
    value = cell(EDITS[edit][0])
    before = identify(value)
    assert identify(cloudpickle.loads(cloudpickle.dumps(value))) == before


UNCOUNTED = {
    "a docstring is added": ("def f(x):\n    return x", 'def f(x):\n    """Say."""\n    return x'),
    "a docstring is edited": ('def f(x):\n    """Say."""\n    return x', 'def f(x):\n    """Do."""\n    return x'),
    "annotations": ("def f(x):\n    return x", "def f(x: int) -> int:\n    return x"),
    "a global that is not read": ("A = 1\ndef f(x):\n    return x", "A = 2\ndef f(x):\n    return x"),
    "the docstring of a class": ('class f:\n    """One."""\n    a = 1', 'class f:\n    """Two."""\n    a = 1'),
    "the docstring of a local class": ('def f():\n    class A:\n        """One."""\n    return A', 'def f():\n    class A:\n        """Two."""\n    return A'),
}  # fmt: skip


@pytest.mark.parametrize("case", UNCOUNTED, ids=str)
def test_words_about_code_do_not_count(case):
    first, second = (cell(f"{text}\nvalue = f") for text in UNCOUNTED[case])
    assert identify(first) == identify(second)


class Color(enum.Enum):
    RED = 1
    BLUE = 2


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass(frozen=True)
class Box:
    content: object


class Loose(list):
    pass


TABLE = pd.DataFrame(
    {
        "number": [1.0, None],
        "whole": pd.array([1, None], dtype="Int64"),
        "flag": pd.array([True, None], dtype="boolean"),
        "kind": pd.Categorical(["x", "y"], ["y", "x"]),
        "day": pd.to_datetime(["2020", "2021"]).tz_localize("UTC"),
        "mixed": [1, "1"],
        "text": ["u", None],
        "nullable": pd.array(["a", None], dtype="string"),
        "span": pd.interval_range(0, 2),
        "month": pd.period_range("2020", periods=2, freq="M"),
        "wait": pd.to_timedelta([1, 2], unit="D"),
        "sets": [{1, 2}, [3]],
        "sparse": pd.arrays.SparseArray([0, 1]),
    },
    index=["a", "b"],
)
# pairs that look alike and are not the same
DIFFERENT = {
    "a number and a text": (1, "1"),
    "a number and a flag": (1, True),
    "whole and broken": (1, 1.0),
    "zeros of two signs": (0.0, -0.0),
    "missing in two ways": (float("nan"), None),
    "text and bytes": ("a", b"a"),
    "list and tuple": ([1], (1,)),
    "set and frozen set": ({1}, frozenset({1})),
    "list and its subclass": ([1], Loose([1])),
    "depth": ([[1], 2], [[1, 2]]),
    "two texts that join alike": (["ab", "c"], ["a", "bc"]),
    "keys and values": ({"a": "b"}, {"b": "a"}),
    "a key of another type": ({1: 0}, {"1": 0}),
    "members": (Color.RED, Color.BLUE),
    "a member and its value": (Color.RED, 1),
    "named tuples": (Point(1, 2), Point(2, 1)),
    "records": (Box([1]), Box([2])),
    "paths": (pathlib.Path("a"), pathlib.Path("b")),
    "a path and a text": (pathlib.Path("a"), "a"),
    "days": (dt.date(2020, 1, 1), dt.date(2020, 1, 2)),
    "zones": (pd.Timestamp("2020", tz="UTC"), pd.Timestamp("2020", tz="CET")),
    "durations": (dt.timedelta(1), dt.timedelta(2)),
    "times": (dt.time(1), dt.time(2)),
    "slices": (slice(1), slice(2)),
    "ranges": (range(3), range(4)),
    "decimals": (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    "patterns": (re.compile("a"), re.compile("a", re.I)),
    "numpy's numbers": (np.float32(1), np.float64(1)),
    "types of numpy's": (np.dtype("f4"), np.dtype("f8")),
    "types of arrays": (np.zeros(2, "f4"), np.zeros(2, "f8")),
    "shapes": (np.zeros((2, 3)), np.zeros((3, 2))),
    "arrays": (np.array([1.0, 2.0]), np.array([2.0, 1.0])),
    "arrays of objects": (np.array([1, "1"], object), np.array(["1", 1], object)),
    "nested arrays of objects": (np.array([[1], None], object), np.array([[2], None], object)),
    "fields": (np.zeros(2, [("a", "f8")]), np.zeros(2, [("b", "f8")])),
    "masks": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
    "names of columns": (pd.Series([1], name="a"), pd.Series([1], name="b")),
    "labels of rows": (pd.Series([1], index=[1]), pd.Series([1], index=[2])),
    "categories": (pd.Categorical(["a"], ["a", "b"]), pd.Categorical(["a"], ["b", "a"])),
    "order of categories": (pd.Categorical(["a"], ordered=True), pd.Categorical(["a"])),
    "mixed columns": (pd.Series([1, "1"], dtype=object), pd.Series(["1", 1], dtype=object)),
    "missing in columns": (pd.Series([None], dtype=object), pd.Series([np.nan], dtype=object)),
    "missing and zero": (pd.array([0, None], dtype="Int64"), pd.array([None, 0], dtype="Int64")),
    "columns in another order": (TABLE, TABLE[TABLE.columns[::-1]]),
    "levels": (pd.MultiIndex.from_tuples([(1, 2)]), pd.MultiIndex.from_tuples([(2, 1)])),
    "sparse": (sparse.csr_array(np.eye(2)), sparse.csr_array(2 * np.eye(2))),
    "sparse formats": (sparse.csr_array(np.eye(2)), sparse.csc_array(np.eye(2))),
    "generators": (np.random.default_rng(1), np.random.default_rng(2)),
    "older generators": (np.random.RandomState(1), np.random.RandomState(2)),
    "seeds": (np.random.SeedSequence(1), np.random.SeedSequence(2)),
    "functions of numpy": (np.log, np.exp),
    "functions of numpy that dispatch": (np.mean, np.median),
    "functions of a library": (mean_squared_error, make_scorer),
    "compiled functions": (len, max),
    "methods of a text": ("a".join, "b".join),
    "classes of a library": (Ridge, LinearRegression),
    "estimators": (Ridge(alpha=1), Ridge(alpha=2)),
    "pipelines": (make_pipeline(StandardScaler(), Ridge()), make_pipeline(Ridge())),
    "output of transformers": (StandardScaler(), StandardScaler().set_output(transform="pandas")),
    "fitted models": (FrozenEstimator(Ridge().fit([[1], [2]], [1, 2])), FrozenEstimator(Ridge().fit([[1], [2]], [2, 1]))),
    "scorers": (make_scorer(mean_squared_error), make_scorer(mean_squared_error, greater_is_better=False)),
    "choices": (CategoricalDistribution([1, None]), CategoricalDistribution([None, 1])),
    "bounds": (FloatDistribution(1, 2), FloatDistribution(1, 2, log=True)),
    "samplers": (TPESampler, MedianPruner),
    "pruners": (MedianPruner(1), MedianPruner(2)),
    "modules": (np, pd),
    "loggers": (logging.getLogger("a"), logging.getLogger("b")),
    "default dictionaries": (collections.defaultdict(list), collections.defaultdict(set)),
    "queues": (collections.deque([1], 2), collections.deque([1], 3)),
    "texts in memory": (io.StringIO("a"), io.StringIO("b")),
    "objectives": (ObjectiveScorer(mean_squared_error, True), ObjectiveScorer(mean_squared_error)),
    "types": (list[int], list[str]),
}  # fmt: skip


@pytest.mark.parametrize("pair", DIFFERENT, ids=str)
def test_what_only_looks_alike_has_two_identities(pair):
    one, other = (identify(value) for value in DIFFERENT[pair])
    assert one.unknown == other.unknown == ()
    assert one != other


@pytest.mark.parametrize("pair", DIFFERENT, ids=str)
def test_a_copy_has_the_same_identity(pair):
    for value in DIFFERENT[pair]:
        if not isinstance(value, types.ModuleType):
            assert identify(copy.deepcopy(value)) == identify(value)


def test_every_column_of_a_table_counts():
    whole = identify(TABLE)
    assert whole.unknown == ()
    for name in TABLE:
        turned = TABLE.copy()
        turned[name] = TABLE[name].array[::-1]
        assert identify(turned) != whole, name


def test_an_array_is_its_numbers_however_they_lie_in_memory(tmp_path):
    C = np.arange(60.0).reshape(3, 4, 5)
    np.save(tmp_path / "array.npy", C)
    same = [np.asfortranarray(C), np.repeat(C, 2, axis=1)[:, ::2]]
    same.append(np.load(tmp_path / "array.npy", mmap_mode="r"))
    assert {identify(each) for each in same} == {identify(C)}


def test_a_large_array_of_columns_is_read_in_blocks():
    F = np.asfortranarray(np.random.default_rng(0).normal(size=(400_000, 3)))
    assert identify(F) == identify(np.ascontiguousarray(F))


def test_an_array_without_entries_is_known():
    assert identify(np.zeros((0, 3))) != identify(np.zeros((3, 0)))


def test_tensors_count_by_value():
    torch = pytest.importorskip("torch")
    one = torch.nn.Linear(2, 1)
    other = copy.deepcopy(one)
    assert identify(one) == identify(other)
    with torch.no_grad():
        other.weight += 1
    assert identify(one) != identify(other)
    half = torch.ones(2, dtype=torch.bfloat16)
    assert identify(half) != identify(half.float())


def test_a_function_that_numba_compiled_counts_by_its_source():
    numba = pytest.importorskip("numba")
    one, same, other = (
        numba.njit(cell(f"value = lambda x: x + {number}")) for number in (1, 1, 2)
    )
    one(2)
    assert identify(one) == identify(same)
    assert identify(one) != identify(other)


UNKNOWN = {
    "a generator": (lambda: (i for i in ()), "a generator"),
    "a socket": (socket.socket, "a socket"),
    "a thread's own values": (threading.local, "a `_local` of _thread, which does not tell its state (TypeError)"),
    "a compiled function of no package": (lambda: np.frompyfunc(cell("value = lambda x: x"), 1, 1), "the compiled function `<lambda> (vectorized)` of numpy"),
    "code in a text": (lambda: cell("value = lambda: eval('SCALE')"), "code that looks names up with `eval`"),
    "all globals": (lambda: cell("value = lambda: globals()['SCALE']"), "code that looks names up with `globals`"),
    "a module by its name": (lambda: cell("import importlib\nvalue = lambda n: importlib.import_module(n)"), "code that looks names up with `import_module`"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("case", UNKNOWN, ids=str)
def test_what_cannot_be_identified_is_named(case):
    make, words = UNKNOWN[case]
    value = make()
    found = identify(Ridge(alpha=value), "model 'A'")
    if hasattr(value, "close"):
        value.close()
    assert found.unknown == (f"model 'A', parameter `alpha`: {words}",)
    assert not found.is_known


def test_the_way_to_an_open_file_is_named(tmp_path):
    with open(tmp_path / "log.txt", "w") as handle:
        value = cell("def make(log):\n    return lambda y: log.write(y)\nvalue = make")
        found = identify({"steps": [Ridge(), value(handle)]})
    assert found.unknown == ("key 'steps', item 1, closure `log`: an open file",)


def test_an_object_that_raises_when_looked_into_is_unknown():
    class Shy(BaseEstimator):
        def get_params(self, deep=True):
            raise RuntimeError("no")

    found = identify(Shy())
    assert found.unknown == (
        f"a `Shy` of {__name__}, which does not tell its state (RuntimeError)",
    )


def test_a_lock_inside_an_object_is_no_trouble():
    class Careful:
        def __init__(self, scale):
            self.scale = scale
            self.lock = threading.RLock()
            self.log = logging.getLogger("careful")

    assert identify(Careful(1)) == identify(Careful(1))
    assert identify(Careful(1)) != identify(Careful(2))


def test_what_an_object_remembers_does_not_count():
    class Slow:
        @functools.cached_property
        def answer(self):
            return 42

    one, other = Slow(), Slow()
    assert one.answer == 42
    assert identify(one) == identify(other)


def test_members_that_are_made_on_demand_do_not_count():
    class Right(enum.IntFlag):
        READ = 1
        WRITE = 2

    before = identify(Right)
    assert Right.READ | Right.WRITE == 3
    assert identify(Right) == before


def test_compiled_functions_of_libraries_are_known_by_name():
    found = [identify(each) for each in (cython_special.j0, cython_special.j1)]
    assert found[0] != found[1]
    assert found[0].is_known


def test_use_does_not_change_an_identity():
    space = cell(EDITS["one of several functions by kind"][0])
    before = identify(space)
    assert space(1) == 2
    pickle.dumps(Box(1))
    assert identify(space) == before


def test_a_list_that_holds_itself_has_an_identity():
    first, second, other = [1], [1], [2]
    for each in (first, second, other):
        each.append(each)
    assert identify(first) == identify(second)
    assert identify(first) != identify(other)


def test_recursion_counts_by_what_it_does():
    text = """
    def even(n):
        return n == 0 or odd(n - 1)
    def odd(n):
        return n != 0 and even(n - 1)
    class A:
        def other(self):
            return B()
    class B:
        def other(self):
            return A()
    value = (even, odd, A, B)
    """
    first, again = identify(cell(text)), identify(cell(text, "second"))
    assert first == again
    assert first != identify(cell(text.replace("n != 0", "n > 0")))
    assert identify(cell(text)[0]) != identify(cell(text)[1])
    assert identify(cell(text)[2]) != identify(cell(text)[3])


def test_a_change_far_inside_a_circle_is_seen():
    lines = [f"def f{i}(x):\n    return f{i + 1}(x)" for i in range(30)]
    lines.append("def f30(x):\n    return f0(x) + 1\nvalue = f0")
    text = "\n".join(lines)
    assert identify(cell(text)) == identify(cell(text))
    assert identify(cell(text)) != identify(cell(text.replace("+ 1", "+ 2")))


def test_functions_that_all_read_each_other_are_walked_once():
    calls = " + ".join(f"f{i}(x)" for i in range(40))
    lines = [f"def f{i}(x):\n    return {calls} + {i}" for i in range(40)]
    text = "\n".join([*lines, "value = f0"])
    assert identify(cell(text)) == identify(cell(text))


def test_what_is_shared_in_memory_does_not_count():
    part = np.arange(3)
    assert identify([part, part]) == identify([part, part.copy()])


def test_a_very_deep_list_is_walked():
    value = []
    for _ in range(5000):
        value = [value]
    assert identify(value).is_known


def test_a_value_with_too_many_parts_is_unknown(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 10)
    assert identify([[] for _ in range(20)], "rows").unknown == (
        "rows: more than 10 parts",
    )


@pytest.fixture
def user_module(tmp_path, monkeypatch):
    """Write a module of the user's, outside all installed packages."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions in a second

    def write(text, name="users_helpers"):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        sys.modules.pop(name, None)
        importlib.invalidate_caches()

    yield write
    sys.modules.pop("users_helpers", None)


READERS = {
    "an attribute of the module": "import users_helpers\nvalue = lambda y: users_helpers.f(y)",
    "a function from it": "from users_helpers import f\nvalue = lambda y: f(y)",
    "an import inside": "def value(y):\n    import users_helpers\n    return users_helpers.f(y)",
    "a name imported inside": "def value(y):\n    from users_helpers import f\n    return f(y)",
    "the module itself": "import users_helpers\nvalue = users_helpers",
    "the module handed on": "import users_helpers\nvalue = lambda: getattr(users_helpers, 'f')",
}  # fmt: skip


@pytest.mark.parametrize("reader", READERS, ids=str)
def test_modules_of_the_users_count_by_their_code(user_module, reader):
    user_module("A = 1\ndef f(y):\n    return y + A")
    first = identify(cell(READERS[reader]))
    assert first.is_known
    assert identify(cell(READERS[reader])) == first
    user_module("A = 2\ndef f(y):\n    return y + A")
    assert identify(cell(READERS[reader])) != first


def test_only_what_is_read_of_a_module_counts(user_module):
    reader = READERS["an attribute of the module"]
    user_module("def f(y):\n    return y\ndef g(y):\n    return 1")
    first = identify(cell(reader))
    user_module("def f(y):\n    return y\ndef g(y):\n    return 2")
    assert identify(cell(reader)) == first


def test_an_installed_package_counts_by_its_version(monkeypatch):
    values = (Ridge(), np.mean, cell("value = lambda y: np.mean(y)"))
    before = [identify(value) for value in values]
    monkeypatch.setattr(_origin, "_owners", lambda top: f"{top}==another version")
    _origin.origin_of_file.cache_clear()
    now = [identify(value) for value in values]
    _origin.origin_of_file.cache_clear()
    assert all(one != other for one, other in zip(before, now, strict=True))


SCRIPT = """
import functools, re, numpy as np, pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.ensemble import RandomForestRegressor
from flexcv.evaluation.identity import identify

WORDS = {"alpha", "beta", "gamma", "delta"}

def helper(x):
    return x in WORDS or x in {"one", "two", "three"}

def twice(X, words=frozenset({"a", "b", "c"})):
    return X * 2 if helper(words) else X

class Mine:
    known = {"x", "y", "z"}
    __slots__ = ("a",)
    def __init__(self):
        self.a = {helper, twice, len}

texts = pd.DataFrame({"a": ["x", None, "z"], "b": pd.Categorical(["u", "v", "u"])})
mixed = pd.Series([1, "1", None, np.nan, {"p", "q"}], dtype=object)
pipe = make_pipeline(FunctionTransformer(twice, kw_args={"words": {"k", "l"}}), RandomForestRegressor())
for value in (twice, Mine(), texts, mixed, pipe, functools.partial(twice, words={"r", "s"}), re.compile("a")):
    found = identify(value)
    print(found.text, found.unknown)
"""


@pytest.mark.slow
def test_identities_are_the_same_in_the_next_process(tmp_path):
    script = tmp_path / "cell.py"
    script.write_text(SCRIPT)
    printed = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, str(script)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        printed.add(done.stdout)
    assert len(printed) == 1
    lines = printed.pop().splitlines()
    assert len(set(lines)) == len(lines) == 7
    assert all(line.endswith("()") for line in lines)


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(),
    st.text(), st.binary(), st.dates(), st.datetimes(), st.timedeltas(),
    st.decimals(), st.sampled_from(Color),
)  # fmt: skip
HASHABLE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.dates()
)
COLUMNS = arrays.arrays(
    st.sampled_from(["f8", "i4", "U3", "M8[s]", "?"]), arrays.array_shapes(max_dims=3)
)
VALUES = st.recursive(
    PLAIN | COLUMNS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(HASHABLE, inner, max_size=4),
        st.frozensets(HASHABLE, max_size=4),
        st.builds(Point, inner, inner),
        st.builds(Box, inner),
        st.builds(lambda value: Ridge(alpha=value), inner),
        st.builds(lambda values: pd.Series(values, dtype=object), st.lists(inner)),
        st.builds(lambda value: functools.partial(max, key=value), inner),
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(VALUES)
def test_copies_of_hard_values_are_the_same(value):
    found = identify(value)
    assert found.unknown == ()
    assert identify(copy.deepcopy(value)) == found
    assert identify(pickle.loads(pickle.dumps(value))) == found


@settings(deadline=None)
@given(VALUES, PLAIN, PLAIN)
def test_another_leaf_is_another_value(value, leaf, other):
    if identify(leaf) == identify(other):
        return
    assert identify([value, {"deep": (leaf,)}]) != identify([value, {"deep": (other,)}])
    assert identify(Box([value, leaf])) != identify(Box([value, other]))


def test_several_values_have_one_identity_and_each_its_name():
    parts = [("first", 1), ("second", (i for i in ()))]
    found = identify_all(parts)
    assert isinstance(found, Identity)
    assert found.unknown == ("second: a generator",)
    assert identify_all([("first", 2)]) != identify_all([("second", 2)])
