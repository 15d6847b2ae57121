"""Runs in Weights & Biases: one group, a run in it for each model and each fold."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wandb
from PIL import Image

from .base import png_bytes
from .keys import PANELS, PATHS, PROJECTS, key_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

STEP = "step"  # the horizontal axis of every curve
LONGEST_TITLE = 128  # of a project and of a run
EXIT_CODES = {"finished": 0}
PLACES = {"html": "pages", "svg": "figures"}  # of texts that are shown as panels


def open_run(
    experiment: str = "flexcv", name: str = "cross-validation", **options: Any
) -> WandbTracker:
    """Start a run in a project.

    Parameters
    ----------
    experiment
        Name of the project, unless the options name one; what W&B refuses in it is
        written as `key_of` does.
    name
        The run's name.
    options
        Those of `wandb.init`, such as ``mode="offline"``, ``dir`` and ``entity``.
    """
    project = key_of(experiment, PROJECTS, LONGEST_TITLE)
    chosen = {"project": project, **options}
    return WandbTracker(name, "cross-validation", {}, chosen)


class WandbTracker:
    """Keep a run; runs below it share its group and are told apart by their type."""

    def __init__(
        self, name: str, kind: str, tags: Mapping[str, str], options: Mapping[str, Any]
    ) -> None:
        self._name = name
        self._options = dict(options)
        settings = wandb.Settings(silent=True, console="off", disable_code=True)
        given = {"settings": settings, **self._options}
        self._run: Any = wandb.init(
            name=name[:LONGEST_TITLE],
            job_type=kind,
            reinit="create_new",
            config=_keyed(tags),
            **given,
        )
        self._options.setdefault("group", self._run.id)
        self._folder = Path(self._run.dir)

    def child(self, name: str, kind: str, tags: Mapping[str, str]) -> WandbTracker:
        """Open a run of the same group."""
        title = f"{self._name}, {name}" if kind == "fold" else name
        return WandbTracker(title, kind, tags, self._options)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Note settings in the run's configuration."""
        self._run.config.update(_keyed(params), allow_val_change=True)

    def log_metrics(
        self, metrics: Mapping[str, float], step: int | None = None
    ) -> None:
        """Note single numbers in the summary, or add a point to series."""
        if step is None:
            self._run.summary.update(_keyed(metrics))
            return
        points = _keyed(metrics)
        for key in points:
            self._run.define_metric(key, step_metric=STEP)
        self._run.log({STEP: int(step), **points})

    def log_series(
        self, key: str, values: Sequence[float], steps: Sequence[int]
    ) -> None:
        """Note a curve."""
        key = key_of(key, PANELS)
        self._run.define_metric(key, step_metric=STEP)
        for value, step in zip(values, steps, strict=True):
            self._run.log({STEP: int(step), key: float(value)})

    def log_figure(self, key: str, figure: Figure) -> None:
        """Keep a picture."""
        with Image.open(io.BytesIO(png_bytes(figure))) as picture:
            self._run.log({f"figures/{key}": wandb.Image(picture)})

    def log_table(self, key: str, table: pd.DataFrame) -> None:
        """Keep a table."""
        plain = table.astype(object).where(table.notna(), None)
        kept = wandb.Table(
            columns=[str(name) for name in plain],
            data=list(plain.to_numpy()),
            allow_mixed_types=True,
        )
        self._run.log({f"tables/{key}": kept})

    def log_text(self, key: str, text: str) -> None:
        """Keep a page or a drawing as a panel, any other text as a file."""
        stem, _, ending = key.rpartition(".")
        if ending in PLACES:
            page = wandb.Html(text, inject=False)
            self._run.log({f"{PLACES[ending]}/{stem}": page})
        else:
            self._keep(key, text.encode())

    def log_artifact(self, key: str, path: Path) -> None:
        """Keep a copy of a file."""
        self._keep(key, Path(path).read_bytes())

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Note tags in the run's configuration."""
        self._run.config.update(_keyed(tags), allow_val_change=True)

    def finish(self, status: str) -> None:
        """Close the run."""
        self._run.config.update({"flexcv.status": status}, allow_val_change=True)
        self._run.finish(exit_code=EXIT_CODES.get(status, 1))

    def __repr__(self) -> str:
        return f"<WandbTracker {self._name!r}>"

    def _keep(self, key: str, content: bytes) -> None:
        path = self._folder / key_of(key, PATHS)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self._run.save(str(path), base_path=str(self._folder), policy="now")


def _keyed(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {key_of(name, PANELS): value for name, value in entries.items()}
