"""The picture of docs/performance/execution.md, from the table above it."""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullLocator
from style import BLUE, GREY, ORANGE

SHORT = EngFormatter(sep="")
PAGE = Path(__file__).resolve().parents[1] / "performance" / "execution.md"


def growth() -> dict[str, dict[str, tuple[list[float], list[float]]]]:
    """Return sizes and seconds by what was varied and by part."""
    text = PAGE.read_text(encoding="utf-8").partition("## Growth")[2]
    rows = [
        line.strip("| ").split(" | ")
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    found: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    for varied, sizes, part, seconds, *_ in rows[2:]:
        numbers = [float(size.replace(",", "")) for size in sizes.split(", ")]
        found.setdefault(varied, {})[part] = (
            numbers,
            list(map(float, seconds.split(", "))),
        )
        if varied == "trials" and part == "above own":
            break
    return found


def scale() -> Figure:
    """Draw every axis on logarithmic scales, beside a line of slope one."""
    figure = Figure(figsize=(6.4, 5.2))
    axes = figure.subplots(2, 2, sharey=True)
    for ax, (varied, parts) in zip(axes.flat, growth().items(), strict=True):
        sizes, total = parts["all"]
        ax.loglog(sizes, total, "o-", color=BLUE, label="all")
        ax.loglog(*parts["own"], "s-", color=ORANGE, label="the estimators' own")
        line = [total[-1] * size / sizes[-1] for size in sizes]
        ax.loglog(sizes, line, ":", color=GREY, label="proportional")
        ax.set_xlabel(varied)
        ax.set_xticks(sizes, [SHORT(size) for size in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
    for ax in axes[:, 0]:
        ax.set_ylabel("CPU seconds")
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=3, columnspacing=1.0)
    return figure


PICTURES = {"execution/scale": scale}
