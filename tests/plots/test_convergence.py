import pandas as pd

from flexcv.plots import plot_traces, plot_tuning

TRACES = pd.DataFrame(
    [
        (model, 0, fold, iteration, key, fold + 1 / iteration)
        for model in ("MERF", "Boosting")
        for fold in (0, 1)
        for iteration in (2, 1, 3)
        for key in ("gll", "sigma")
    ],
    columns=["model", "repeat", "fold", "iteration", "key", "value"],
)
TRIALS = pd.DataFrame(
    {
        "model": "Forest",
        "repeat": 0,
        "fold": [0, 0, 0, 1, 1, 1],
        "trial": [0, 1, 2] * 2,
        "value": [3.0, 4.0, 1.0, 5.0, 2.0, 6.0],
        "best_value": [3.0, 3.0, 1.0, 5.0, 2.0, 2.0],
    }
)


def test_every_fold_of_every_model_is_a_line():
    ax = plot_traces(TRACES)
    assert len(ax.lines) == 4
    assert ax.get_ylabel() == "gll"
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["MERF", "Boosting"]


def test_iterations_run_forward():
    assert plot_traces(TRACES, "sigma").lines[0].get_xdata().tolist() == [1, 2, 3]


def test_a_single_iteration_is_a_point():
    ax = plot_traces(TRACES[TRACES["iteration"].eq(1)])
    assert ax.lines[0].get_marker() == "o"


def test_trials_are_points_and_the_best_is_a_line_per_fold():
    points, first, second = plot_tuning(TRIALS).lines
    assert sorted(points.get_ydata()) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert first.get_ydata().tolist() == [3.0, 3.0, 1.0]
    assert second.get_ydata().tolist() == [5.0, 2.0, 2.0]


def test_one_model_can_be_picked():
    both = pd.concat([TRIALS, TRIALS.assign(model="SVR")])
    assert len(plot_tuning(both, "SVR").lines) == 3
    assert len(plot_tuning(both).lines) == 6
