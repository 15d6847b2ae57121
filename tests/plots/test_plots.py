import subprocess
import sys

from matplotlib.figure import Figure

from flexcv import plots
from flexcv.plots._axes import axes_or_new


def test_public_names_are_the_plots():
    pictures = [name for name in dir(plots) if "plot_" in name]
    assert plots.__all__ == sorted(["DRAWINGS", *pictures])


def test_pyplot_stays_unloaded():
    code = "import flexcv.plots, sys; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_own_figures_have_no_background():
    ax = axes_or_new(None)
    assert ax.figure.get_facecolor()[3] == 0.0
    assert ax.get_facecolor()[3] == 0.0


def test_given_axes_keep_their_look():
    ax = Figure().subplots()
    before = ax.xaxis.label.get_color(), ax.get_facecolor()
    assert axes_or_new(ax) is ax
    assert (ax.xaxis.label.get_color(), ax.get_facecolor()) == before
