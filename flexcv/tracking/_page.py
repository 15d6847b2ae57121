"""One HTML page with the summary and every residual plot; it loads nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

import pandas as pd

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}"
    "table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:right;"
    "border-bottom:1px solid #ddd}svg{max-width:100%;height:auto}h2{margin-top:2rem}"
)


@dataclass(slots=True)
class ResidualPage:
    """Collect pictures, then give the page.

    Examples
    --------
    >>> page = ResidualPage()
    >>> page.add("Ridge", "<svg></svg>")
    >>> "<h2>Ridge</h2>" in page.html("Radon", None)
    True
    """

    pictures: dict[str, list[str]] = field(default_factory=dict)

    def add(self, model: str, svg: str) -> None:
        """Keep the picture of one model on one fold; its title says which."""
        self.pictures.setdefault(model, []).append(svg)

    def html(self, title: str, summary: pd.DataFrame | None) -> str:
        """Give the page: the summary first, then the models one after another."""
        parts = [
            "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
        ]
        if summary is not None:
            parts.append(summary.to_html(float_format="{:.4g}".format, border=0))
        for model, pictures in self.pictures.items():
            parts += [f"<h2>{escape(model)}</h2>", *pictures]
        return "\n".join([*parts, "</body></html>\n"])
