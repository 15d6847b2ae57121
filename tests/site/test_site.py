"""The site as it is built: links, names, code, pictures, words and widths."""

import ast
import inspect
import os
import re
import subprocess
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml

from tests.site.browser import CHROMIUM, CODE, SEARCH, WIDER, chromium, served
from tests.site.pages import read, target

pytest.importorskip("mkdocs", reason="mkdocs is not installed")
pytest.importorskip("latex2mathml", reason="latex2mathml is not installed")

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
GUIDES = (
    "index.html",
    "guides/",
    "extending/",
    "mathematics/",
    "tutorial/",
    "examples/",
)
WELL_KNOWN = {
    "LinearMixedEffectsModel": "flexcv.models.LinearMixedEffectsModel",
    "set_splits": "flexcv.CrossValidation.set_splits",
    "cv.check()": "flexcv.CrossValidation.check",
    'results.compare("r2")': "flexcv.CrossValidationResults.compare",
    "GroupKFold": None,
    "mean": None,
}

COLUMN = 720  # pixels of text at 1280
SEARCHES = {
    "repeated measures": "guides/mixed-models",
    "multilevel": "guides/mixed-models",
    "hierarchical model": "guides/mixed-models",
    "random intercept": "guides/mixed-models",
    "random slope": "guides/mixed-models",
    "crossed random effects": "guides/mixed-models",
    "intraclass correlation": "guides/mixed-models",
    "lme4": "guides/mixed-models",
    "mixed model random forest": "guides/merf",
    "mixed-effects random forest": "guides/merf",
    "leave one subject out": "guides/splits",
    "clustered data": "guides/splits",
    "panel": "guides/splits",
    "data leakage": "guides/splits",
    "time series": "guides/splits",
    "group k-fold": "guides/splits",
    "hyperparameter": "guides/tuning",
    "nested cross-validation": "guides/tuning",
    "early stopping": "guides/tuning",
    "SHAP": "guides/results",
    "feature importance": "guides/results",
    "final model": "guides/final-model",
    "GLMM": "guides/generalised-mixed-models",
    "logistic mixed model": "guides/generalised-mixed-models",
    "count data": "guides/generalised-mixed-models",
    "overdispersion": "guides/generalised-mixed-models",
    "calibration": "guides/binary-and-counts",
    "ROC curve": "guides/binary-and-counts",
    "class imbalance": "guides/binary-and-counts",
    "lasso": "guides/penalised-models",
    "variable selection": "guides/penalised-models",
    "deep learning": "guides/neural-mixed-models",
    "gradient boosting": "guides/learners-with-random-effects",
    "growth curves": "guides/longitudinal-curves",
    "latent classes": "guides/longitudinal-curves",
    "p-value": "guides/comparing-models",
    "confidence interval": "guides/comparing-models",
    "parallel": "guides/large-runs",
    "MLflow": "guides/tracking",
    "missing values": "guides/models",
    "pipeline": "guides/models",
    "LinearMixedEffectsModel": "reference/models/LinearMixedEffectsModel",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str(folder),
    ]
    built = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert built.returncode == 0, built.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return read(site)


@pytest.fixture(scope="module")
def browser(site):
    pytest.importorskip("playwright", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    with served(site) as address, chromium() as started:
        yield started, address


def test_every_link_and_every_anchor_leads_somewhere(site, pages):
    broken = []
    for name, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            file, anchor = target(site, page, link)
            other = (
                pages.get(file.relative_to(site).as_posix()) if file.exists() else None
            )
            if not file.exists() or (anchor and other and anchor not in other.ids):
                broken.append(f"{name}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(pages):
    outside = {
        f"{name}: {place}"
        for name, page in pages.items()
        for place in page.loaded
        if re.match(r"(https?:)?//", place)
    }
    assert outside == set()


def test_what_is_copied_is_code_that_python_reads(pages):
    wrong = []
    for name, page in pages.items():
        for block in page.blocks:
            if (
                block.kind not in ("language-python", "language-pycon")
                or block.signature
            ):
                continue
            try:
                ast.parse(block.copied)
            except SyntaxError:
                wrong.append(f"{name}: {block.copied[:60]!r}")
    assert wrong == []


def test_copied_sessions_have_every_statement_and_no_output(pages):
    block = next(b for b in pages["index.html"].blocks if "RandomForest" in b.shown)
    assert block.copied.startswith(
        "from sklearn.ensemble import RandomForestRegressor\n"
    )
    assert "Metric" in block.shown
    assert "Metric" not in block.copied
    assert block.copied.count("summary") == block.shown.count("summary") == 2


def test_notation_has_no_backslashes(pages):
    codes = [code for page in pages.values() for code, _ in page.codes]
    assert "(1 | g)" in codes
    assert [code for code in codes if r"\|" in code] == []


def test_every_class_has_a_page_with_all_that_it_inherits(pages):
    missing = []
    reference = import_hook("reference")
    for item in reference.public():
        if not item.is_class:
            continue
        page = pages[
            item.page.replace("/index.md", ".md").replace(".md", "/index.html")
        ]
        wanted = [f"{item.path}.{name}" for name in own_names(item.value)]
        missing += [name for name in [item.path, *wanted] if name not in page.ids]
    assert missing == []


def own_names(kind):
    """Return the public methods and properties that flexcv's classes give a class."""
    return sorted(
        {
            name
            for base in kind.__mro__
            if base.__module__.startswith("flexcv")
            for name, value in vars(base).items()
            if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
        }
    )  # fmt: skip


@cache
def import_hook(name):
    spec = spec_from_file_location(
        f"hook_{name}", ROOT / "docs" / "hooks" / f"{name}.py"
    )
    sys.modules[spec.name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_a_model_has_of_scikit_learn_is_listed(pages):
    page = pages["reference/models/LinearMixedEffectsModel/index.html"]
    place = "sklearn.base.RegressorMixin.html#sklearn.base.RegressorMixin.score"
    assert any(link.endswith(place) for link in page.links)
    assert {
        f"flexcv.models.LinearMixedEffectsModel.{n}" for n in ("fit", "predict")
    } <= page.ids


def test_types_of_other_libraries_link_to_their_pages(pages):
    libraries = (
        *("numpy", "pandas", "sklearn", "matplotlib", "optuna"),
        *("collections", "os.", "pathlib", "dataclasses", "typing", "flexcv.arrays"),
    )
    unlinked = {
        name
        for page in pages.values()
        for name in page.unresolved
        if name.startswith(libraries) and "(" not in name
    }
    assert unlinked == set()
    links = pages["reference/flexcv/CrossValidation/index.html"].links
    assert "https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.html" in links


@pytest.mark.parametrize(("code", "path"), WELL_KNOWN.items())
def test_a_name_in_code_means_what_a_reader_takes_it_for(code, path):
    assert import_hook("reference").identify(code) == path


def test_every_public_name_in_a_guide_links_to_the_reference(pages):
    identify = import_hook("reference").identify
    plain = {
        f"{name}: {code}"
        for name, page in pages.items()
        if name.startswith(GUIDES)
        for code, linked in page.codes
        if not linked and identify(code, about(name)) is not None
    }
    assert plain == set()


def about(name):
    told = yaml.safe_load((ROOT / "docs" / "pages.yml").read_text(encoding="utf-8"))
    return told.get(name.replace("/index.html", ".md"), {}).get("about", ())


def test_formulas_are_set(pages):
    sources = [page.path.read_text(encoding="utf-8") for page in pages.values()]
    assert sum(text.count("<math") for text in sources) > 200
    assert [text for text in sources if "arithmatex" in text or r"\\beta" in text] == []


def test_every_picture_is_there_at_its_size_in_light_and_in_dark(site, pages):
    wrong = []
    for name, page in pages.items():
        sources = [
            image["src"]
            for image in page.images
            if not image["src"].startswith("data:")
        ]
        wrong += [
            f"{name}: {source}"
            for source in sources
            if not_shown(page, source, sources)
        ]
        wrong += [
            f"{name}: {image['src']} has no size"
            for image in page.images
            if "images/" in image["src"]
            if not {"width", "height", "alt"} <= set(image)
            or int(image["width"]) > COLUMN
        ]
    assert wrong == []


def not_shown(page, source, sources):
    """Whether a picture or its other scheme is missing."""
    path = (page.path.parent / source.partition("#")[0]).resolve()
    if not path.exists():
        return True
    dark = source.replace(".png#only-light", "-dark.png#only-dark")
    return "#only-light" in source and dark not in sources


def test_words_of_the_search_stand_in_their_page(pages):
    told = yaml.safe_load((ROOT / "docs" / "pages.yml").read_text(encoding="utf-8"))
    absent = [
        f"{uri}: {word}"
        for uri, page in told.items()
        for word in page.get("words", ())
        if plain(word) not in plain(pages[uri.replace(".md", "/index.html")].text)
    ]
    assert absent == []


def plain(text):
    return re.sub(
        r"[\s-]+", " ", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    )


def test_no_text_is_wider_than_its_column(browser, pages):
    started, address = browser
    page = started.new_context(java_script_enabled=False).new_page()
    wider = []
    for name in pages:
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(address + name, wait_until="domcontentloaded")
        wider += [(1280, name, text) for text in page.evaluate(WIDER)]
        if name.startswith(GUIDES):
            wider += [(1280, name, line) for line in page.evaluate(CODE)]
        page.set_viewport_size({"width": 390, "height": 800})
        wider += [(390, name, text) for text in page.evaluate(WIDER)]
    assert wider == []


def test_the_copy_button_gives_code_alone(browser):
    started, address = browser
    context = started.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(address + "guides/mixed-models/index.html")
    page.locator("button.md-clipboard, .md-code__button").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(
        "import pandas as pd\nfrom flexcv.datasets import load_sleepstudy\n"
    )
    assert copied.endswith("model.variance_components_.round(2)")
    assert ">>>" not in copied


def test_selected_text_has_no_prompts_and_no_outputs(browser):
    started, address = browser
    page = started.new_page()
    page.goto(address + "guides/mixed-models/index.html")
    page.evaluate(
        "getSelection().selectAllChildren(document.querySelector('pre > code'))"
    )
    selected = page.evaluate("getSelection().toString()")
    assert selected.startswith("import pandas as pd")
    assert ">>>" not in selected
    assert "251.41" not in selected


def test_words_of_the_trade_find_their_page_first(browser):
    started, address = browser
    page = started.new_page()
    page.goto(address + "index.html")
    found = page.evaluate(SEARCH, list(SEARCHES))
    first = {word: (places or [None])[0] for word, places in found.items()}
    assert first == {word: f"{place}/" for word, place in SEARCHES.items()}
