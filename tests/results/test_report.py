import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.datasets import load_sleepstudy
from flexcv.errors import StorageError
from flexcv.models import PenalizedLinearMixedModel
from tests.evaluation.test_unit import Fails

from .conftest import SILENT

pytestmark = pytest.mark.filterwarnings("ignore::flexcv.errors.FailedModelWarning")

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Tags(HTMLParser):
    """Collect tags and notice those that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.addresses = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        found = dict(attrs)
        self.addresses += [
            found[k] for k in ("href", "src", "xlink:href") if k in found
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        found = dict(attrs)
        self.addresses += [
            found[k] for k in ("href", "src", "xlink:href") if k in found
        ]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(rich):
    return rich.report()


def test_the_page_is_whole_and_needs_nothing_from_outside(page):
    tags = Tags(page)
    assert tags.open == []
    assert all(address.startswith(("#", "data:")) for address in tags.addresses)
    assert "script" not in tags.seen
    assert "url(http" not in page
    assert "@import" not in page


def test_it_has_all_its_sections(page):
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "Answer",
        "Scores",
        "Comparison",
        "Plan",
        "Data",
        "Predictions",
        "Tuning and convergence",
        "Findings",
        "Warnings",
        "Run",
    ]


def test_texts_of_the_user_are_escaped(page):
    assert "made &lt;up&gt;" in page
    assert "<up>" not in page
    assert "z &amp; co" in page


def test_it_says_question_seed_versions_and_how_groups_were_treated(page, rich):
    assert "How well does each model predict known groups?" in page
    assert "For new groups expect worse." in page
    assert rich.information["versions"]["numpy"] in page
    assert rich.information["plan"] in page
    assert "<dt>seed</dt><dd>42</dd>" in page


def test_it_names_the_best_and_how_sure_that_is(page, rich):
    best = rich.interval("r2")["pooled"].idxmax()
    assert f"Best by r2: {best}, with " in page
    for sentence in rich.compare("r2")["sentence"]:
        assert sentence in page


def test_drawings_follow_the_colours_of_the_page(page):
    assert "var(--ink)" in page
    assert "prefers-color-scheme: dark" in page
    assert "#757575" not in page


def test_it_is_written_where_asked(rich, tmp_path):
    text = rich.report(tmp_path / "report.html", title="A & B", metric="mse")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == text
    assert "<h1>A &amp; B</h1>" in text
    assert "Best by mse" in text
    with pytest.raises(StorageError) as caught:
        rich.report(tmp_path / "no" / "report.html")
    assert str(caught.value) == (
        f"{str(tmp_path / 'no' / 'report.html')!r} cannot be written: No such file or "
        "directory; choose another file."
    )


def test_failures_are_told(grouped):
    cv = CrossValidation().set_data(*grouped).add_model(Fails).add_model(Ridge)
    results = cv.set_run(on_error="record", silence=SILENT).perform().results
    page = results.report()
    assert "Best by r2: Ridge" in page
    assert "Failure" in page


def test_a_run_in_which_all_failed_has_a_page_too(grouped):
    cv = CrossValidation().set_data(*grouped).add_model(Fails)
    page = cv.set_run(on_error="record", silence=SILENT).perform().results.report()
    assert "Best by" not in page
    assert "Failure" in page


@pytest.mark.filterwarnings("ignore::flexcv.errors.CheckWarning")
def test_a_run_without_groups_one_model_one_fold_and_no_direction_has_a_page(grouped):
    cv = CrossValidation().set_data(*grouped[:2]).add_model(Ridge)
    cv.set_splits(
        break_cross_val=True, metrics={"bias": lambda t, p: float((p - t).mean())}
    )
    page = cv.perform().results.report()
    assert Tags(page).open == []
    assert "The table has no groups" in page


def test_what_is_loaded_gives_a_page_too(rich, tmp_path):
    rich.save(tmp_path / "run")
    page = type(rich).load(tmp_path / "run").report()
    assert "var(--ink)" in page
    assert "Best by r2" in page


@pytest.mark.slow
def test_many_rows_stay_under_five_megabytes():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(20_000, 5)))
    group = pd.Series(rng.integers(0, 300, 20_000), name="g")
    cv = CrossValidation().set_data(X, X[0] + rng.normal(size=20_000), group)
    for number in range(4):
        cv.add_model(
            Ridge, model_name=f"m{number}", model_kwargs={"alpha": 10.0**number}
        )
    results = cv.set_splits("GroupKFold").set_run(silence=SILENT).perform().results
    assert len(results.report()) < 5_000_000


def test_a_notebook_does_not_echo_the_page(page):
    assert repr(page) == f"<page of {len(page)} characters>"


def test_models_without_intervals_of_their_effects_are_drawn():
    cv = CrossValidation().set_data(load_sleepstudy(), "Reaction", groups="Subject")
    cv.set_splits(n_splits_out=2).add_model(PenalizedLinearMixedModel)
    cv.set_run(silence="groups-ignored")
    page = cv.perform().get_results().report()
    assert page.count("<svg") + page.count("<img") >= 2
