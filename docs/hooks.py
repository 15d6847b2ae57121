"""Show the guides, which live outside docs/, as pages of the site."""

from pathlib import Path

from mkdocs.structure.files import File

GUIDES = Path(__file__).parents[1] / "guides"


def on_files(files, config):
    """Add every guide as a page; its pictures are found from there."""
    for guide in sorted(GUIDES.glob("*.md")):
        text = guide.read_text(encoding="utf-8").replace("../docs/", "../")
        files.append(File.generated(config, f"guides/{guide.name}", content=text))
    return files
