"""A new user opens the quickstart in the real JupyterLab and runs all cells."""

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.site.browser import CHROMIUM, chromium

ROOT = Path(__file__).parents[1]
START_SECONDS = 90
RUN_SECONDS = 180
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("jupyterlab"), reason="needs JupyterLab"),
    pytest.mark.skipif(not find_spec("playwright"), reason="needs Playwright"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path"),
]


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def without_outputs(source, target):
    notebook = json.loads(source.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    target.write_text(json.dumps(notebook), encoding="utf-8")


SETTINGS = {
    # Cells out of sight are in the page, too, where a test can read them.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false"},
}


def written_settings(home):
    for name, values in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    return home / "settings"


def wait_for(address, server):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, "JupyterLab ended while it started"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    raise AssertionError("JupyterLab did not answer")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the quickstart, as somebody downloads it."""
    place = tmp_path_factory.mktemp("lab")
    without_outputs(ROOT / "examples" / "quickstart.ipynb", place / "quickstart.ipynb")
    return place


@pytest.fixture(scope="module")
def lab(place, tmp_path_factory):
    """The address of a JupyterLab that knows nobody; it and its kernels are ended."""
    home, token, port = (
        tmp_path_factory.mktemp("home"),
        secrets.token_hex(16),
        free_port(),
    )
    settings = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": str(place),
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": token,
        "LabApp.news_url": "",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    command = [sys.executable, "-m", "jupyterlab"]
    command += [f"--{name}={value}" for name, value in settings.items()]
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(written_settings(home)),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    with open(home / "log.txt", "wb") as log:
        server = subprocess.Popen(
            command,
            cwd=place,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api?token={token}", server)
            yield f"http://127.0.0.1:{port}/lab/tree/quickstart.ipynb?token={token}"
        finally:
            end(server)


def end(server):
    """End a server with all that it started: its session is its own."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)


@pytest.fixture(scope="module")
def page(lab, place):
    """The notebook after "Run All Cells"."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(lab, timeout=START_SECONDS * 1000)
        is_ready = page.get_by_text(re.compile(r"Python 3.*\| Idle")).first
        is_ready.wait_for(timeout=START_SECONDS * 1000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        wait_for_the_end(page, place)
        look(page, place)
        yield page


def wait_for_the_end(page, place):
    """Wait until the last cell of code has a number in its brackets."""
    last = page.locator(".jp-CodeCell .jp-InputPrompt").last
    deadline = time.monotonic() + RUN_SECONDS
    while not re.search(r"\d", last.inner_text()):
        if time.monotonic() > deadline:
            page.screenshot(path=place / "stuck.png")
            raise AssertionError(f"the cells did not end; see {place / 'stuck.png'}")
        page.wait_for_timeout(500)


def look(page, place):
    """Keep what is seen from top to bottom, for a person to look at."""
    for number, cell in enumerate(page.locator(".jp-CodeCell").all()):
        cell.scroll_into_view_if_needed()
        page.screenshot(path=place / f"cell-{number}.png")


def test_every_cell_ran_without_an_error_and_without_a_red_box(page):
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
    assert len(prompts) >= 8
    assert all(re.fullmatch(r"\[\d+\]:", prompt.strip()) for prompt in prompts)
    red = page.locator("[data-mime-type='application/vnd.jupyter.stderr']")
    assert red.count() == 0
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0


def test_the_picture_is_seen(page):
    picture = page.locator(".jp-OutputArea-output img").first
    picture.scroll_into_view_if_needed()
    size = picture.evaluate("image => [image.naturalWidth, image.clientWidth]")
    assert size[0] > 600
    assert 300 < size[1] <= size[0]


def test_progress_is_one_line(page):
    lines = [
        text
        for text in page.locator(".jp-OutputArea-output pre").all_inner_texts()
        if "units" in text
    ]
    assert len(lines) == 2  # of two runs
    assert all(re.fullmatch(r"15 of 15 units, [\d:]+", line.strip()) for line in lines)


def test_the_table_of_scores_is_seen(page):
    tables = page.locator(".jp-RenderedHTML table").all_inner_texts()
    scores = [table for table in tables if "MERF(Forest)" in table]
    assert len(scores) == 2
    assert all("mae, 95 % interval" in table for table in scores)
