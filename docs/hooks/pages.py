"""Pages that live outside docs/, the version, and how much the search trusts a page."""

import tomllib
from functools import cache
from pathlib import Path

import yaml
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "guides"
# A question is answered by a guide; figures, proofs and signatures come after it.
BOOSTS = {
    "guides/": 2.0,
    "mathematics/": 0.5,
    "reference/": 0.5,
    "performance": 0.2,
    "changelog": 0.1,
}


@cache
def told():
    """Return what docs/pages.yml says of pages, by their place."""
    text = (ROOT / "docs" / "pages.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def version():
    """Return the version of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["version"]


def on_config(config):
    """Write the version below every page."""
    config.copyright = f"flexcv {version()}, MIT licence"
    return config


def on_files(files, config):
    """Add every guide as a page, and the changelog."""
    for guide in sorted(GUIDES.glob("*.md")):
        text = guide.read_text(encoding="utf-8").replace("../docs/", "../")
        files.append(File.generated(config, f"guides/{guide.name}", content=text))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    changes = changes.replace("](docs/", "](")
    files.append(File.generated(config, "changelog.md", content=changes))
    return files


def on_page_markdown(markdown, page, config, files):
    """Tell the search what a page is worth and which words are its own."""
    uri = page.file.src_uri
    boost = next((b for start, b in BOOSTS.items() if uri.startswith(start)), 1.0)
    page.meta.setdefault("search", {"boost": boost})
    if words := told().get(uri, {}).get("words"):
        page.meta.setdefault("tags", words)
    return markdown
