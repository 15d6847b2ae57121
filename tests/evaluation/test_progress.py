import io
import sys
import types

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn.linear_model import Lasso, Ridge

from flexcv import CrossValidation
from flexcv.dataset import make_dataset
from flexcv.evaluation.events import RunFailed, RunStarted, UnitFinished
from flexcv.evaluation.progress import ProgressBar, count_fits, is_watched
from flexcv.evaluation.runner import RunSettings, run
from flexcv.evaluation.tuning import TuningSettings
from flexcv.evaluation.unit_tuning import UnitSettings
from flexcv.model_mapping import make_spec
from flexcv.resampling import SplitSettings, make_plan


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def lines(self):
        return [line.strip() for line in self.getvalue().split("\r") if line.strip()]


def work():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, 2)), columns=list("ab"))
    dataset = make_dataset(X, X["a"] + rng.normal(size=40))
    plan = make_plan(dataset, SplitSettings(n_splits_out=2, n_splits_in=2), 0)
    space = {"alpha": FloatDistribution(0.1, 10)}
    specs = [make_spec(Ridge, params=space), make_spec(Lasso)]
    return plan, specs, dataset, UnitSettings(tuning=TuningSettings(3))


def shown(bar):
    run(*work(), RunSettings(), [bar])


def test_a_terminal_shows_units_model_fold_and_time_on_one_line():
    terminal = Terminal()
    shown(ProgressBar(stream=terminal))
    assert "\n" not in terminal.getvalue()
    assert any(line.startswith("Ridge, fold 0:   0%") for line in terminal.lines())
    last = terminal.lines()[-1]
    assert "/4 [" in last
    assert "<" in last  # elapsed < left


def test_the_current_trial_and_the_best_value_are_shown(monkeypatch):
    monkeypatch.setattr("flexcv.evaluation.progress.REDRAW_SECONDS", 0.0)
    terminal = Terminal()
    shown(ProgressBar(stream=terminal))
    assert any("trial 3/3, best " in line for line in terminal.lines())


def test_the_line_is_gone_in_the_end():
    terminal = Terminal()
    shown(ProgressBar(stream=terminal))
    assert terminal.getvalue().split("\r")[-2].strip() == ""


@pytest.mark.parametrize("show", [None, False])
def test_nothing_is_written_where_nobody_looks(show):
    stream = io.StringIO()
    shown(ProgressBar(show, stream))
    assert stream.getvalue() == ""


def test_it_is_shown_anywhere_when_asked():
    stream = io.StringIO()
    shown(ProgressBar(True, stream))
    assert "Lasso, fold 1" in stream.getvalue()


def test_a_notebooks_stream_counts_as_looking():
    kind = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    assert is_watched(kind())
    assert not is_watched(io.StringIO())


def test_resumed_units_do_not_shorten_the_time_left():
    bar = ProgressBar(True, io.StringIO())
    plan, specs, dataset, _ = work()
    bar(RunStarted(plan, tuple(specs), dataset, 0))
    bar(UnitFinished("Ridge", 0, 0, (), is_resumed=True))
    bar(UnitFinished("Ridge", 0, 1, ()))
    assert (bar._bar.n, bar._bar.initial) == (2, 1)
    bar(RunFailed(KeyboardInterrupt(), 1.0))


def test_the_builder_passes_the_wish_on(capfd):
    X = np.arange(40.0).reshape(20, 2)
    cv = CrossValidation().set_data(X, np.arange(20.0) % 3).add_model(Ridge)
    cv.set_run(progress=True).perform()
    assert "Ridge, fold 4" in capfd.readouterr().err
    with pytest.raises(TypeError) as caught:
        cv.set_run(progress="yes")
    assert str(caught.value) == "`progress` must be True or False, got 'yes'."


class Notebook:
    """A kernel's stream, and the outputs that its front end has."""

    def __init__(self, monkeypatch):
        self.outputs = []
        kind = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
        self.stream = kind()
        display = types.SimpleNamespace(display=self.display)
        monkeypatch.setitem(sys.modules, "IPython.display", display)

    def display(self, data, *, raw, display_id):
        assert raw
        assert display_id
        self.outputs.append([data["text/plain"]])
        place = self.outputs[-1]
        update = lambda data, raw: place.append(data["text/plain"])  # noqa: E731
        return types.SimpleNamespace(update=update)


def test_a_notebook_has_one_output_that_is_replaced(monkeypatch):
    monkeypatch.setattr("flexcv.evaluation.progress.REDRAW_SECONDS", 0.0)
    notebook = Notebook(monkeypatch)
    plan, specs, dataset, settings = work()
    n_fits = count_fits(plan, specs, 3)
    assert n_fits == 2 * (1 + 3 * 2) + 2
    bar = ProgressBar(stream=notebook.stream, n_fits=n_fits, objective="mse")
    run(plan, specs, dataset, settings, RunSettings(), [bar])
    assert notebook.stream.getvalue() == ""
    [texts] = notebook.outputs
    assert texts[0] == "up to 16 fits in 4 units\n"
    assert any("trial 3/3, best mse " in text for text in texts)
    assert all(text.startswith(texts[0]) for text in texts)
    assert texts[-1].splitlines()[-1].startswith("4 of 4 units, 00:0")


def test_speed_is_told_once_it_is_known(monkeypatch):
    monkeypatch.setattr("flexcv.evaluation.progress.REDRAW_SECONDS", 0.0)
    terminal = Terminal()
    shown(ProgressBar(stream=terminal))
    rated = ["unit/s" in line or "s/unit" in line for line in terminal.lines()]
    assert not rated[0]
    assert rated[-1]
    assert "?unit" not in terminal.getvalue()


def test_the_line_names_the_objective_of_the_chain(capfd, monkeypatch):
    monkeypatch.setattr("flexcv.evaluation.progress.REDRAW_SECONDS", 0.0)
    X = np.arange(40.0).reshape(20, 2)
    cv = CrossValidation().set_data(X, np.arange(20.0) % 3).set_inner_cv(2)
    cv = cv.set_splits(n_splits_out=2, n_splits_in=2)
    cv.add_model(Ridge, params={"alpha": FloatDistribution(0.1, 1.0)})
    cv.set_run(progress=True).perform()
    told = capfd.readouterr().err
    assert "up to 10 fits in 2 units\n" in told
    assert "best mse " in told
