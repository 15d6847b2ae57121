"""Write the report that the guides link to, and photograph it in light and dark.

python docs/make_reports.py; the pictures need playwright and chromium.
"""

import os
import runpy
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "docs" / "reports"
PICTURES = ROOT / "docs" / "images" / "results"
SIZE = {"width": 700, "height": 760}


def main() -> None:
    """Run the radon example elsewhere and keep its first page."""
    REPORTS.mkdir(exist_ok=True)
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            runpy.run_path(str(ROOT / "examples" / "radon_report.py"))
        finally:
            os.chdir(before)
        page = Path(folder) / "reports" / "known-groups.html"
        shutil.copy(page, REPORTS / "radon.html")
    photograph(REPORTS / "radon.html")


def photograph(report: Path) -> None:
    """Photograph the first screen of a report, as light and dark readers see it."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for scheme, name in (("light", "report.png"), ("dark", "report-dark.png")):
            page = browser.new_page(viewport=SIZE, color_scheme=scheme)
            page.goto(report.as_uri())
            page.screenshot(path=PICTURES / name)
        browser.close()


if __name__ == "__main__":
    main()
