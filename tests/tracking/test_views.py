import pytest

from flexcv.cli import main
from flexcv.tracking.views import local_page

from .chains import forest_chain, needs_neptune, offline_run, ridge_chain


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("views") / "radon"
    ridge_chain(folder, merf=True).perform()
    return folder


def test_the_page_of_a_run_folder_has_curves_pictures_and_numbers(folder):
    page = local_page(folder)

    assert "<h1>radon</h1>" in page
    assert "<h2>MERF(Ridge)</h2>" in page
    assert "convergence/gll" in page
    assert "tuning/best_value" in page
    assert page.count("data:image/svg+xml") == 9
    assert "<th>test/mse</th>" in page
    assert "<summary>summary.csv</summary>" in page


def test_the_run_of_a_model_has_a_page_too(folder):
    page = local_page(folder / "tracking" / "Ridge")

    assert "<h1>Ridge</h1>" in page
    assert "<th>test/mse</th>" in page


def test_the_command_writes_the_page_and_says_where(folder, tmp_path, capsys):
    out = tmp_path / "page.html"

    status = main(["view", str(folder), "--out", str(out)])

    assert status == 0
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert capsys.readouterr().out == f"The page is {out.resolve()}.\n"


@pytest.mark.parametrize("command", ["view", "neptune-view"])
def test_the_command_fails_in_one_sentence(command, tmp_path, capsys):
    status = main([command, str(tmp_path), "--out", str(tmp_path / "page.html")])

    assert status == 1
    assert capsys.readouterr().err.startswith(f"{str(tmp_path)!r} must hold ")
    assert not (tmp_path / "page.html").exists()


@needs_neptune
@pytest.mark.slow
def test_a_run_that_neptunes_client_wrote_is_shown(tmp_path, monkeypatch):
    run = offline_run(tmp_path, monkeypatch)
    results = forest_chain(run).perform().get_results()
    run["sys/name"] = "forest"
    run.stop()

    status = main(["neptune-view", str(tmp_path)])

    page = (tmp_path / "neptune-view.html").read_text(encoding="utf-8")
    score = results.summary["RandomForestRegressor"][0, "mse"]
    assert status == 0
    assert "<h1>forest</h1>" in page
    assert f"<td class='n'>{score:.6g}</td>" in page
    assert "convergence/gll" in page
    assert "<summary>tables/summary_csv.csv</summary>" in page
    assert "<iframe sandbox title='files/residuals'" in page
