"""Read the pages of a built site."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source"}


@dataclass
class Block:
    """A block of code: what is shown, and what copying it gives."""

    kind: str
    signature: bool
    copy: str | None
    shown: str = ""

    @property
    def copied(self):
        return self.shown if self.copy is None else self.copy


@dataclass(repr=False)
class Page(HTMLParser):
    """Ids, links, pictures, code and text of a page."""

    path: object
    ids: set = field(default_factory=set)
    links: list = field(default_factory=list)
    images: list = field(default_factory=list)
    loaded: list = field(default_factory=list)
    blocks: list = field(default_factory=list)
    codes: list = field(default_factory=list)  # (text, whether it is linked)
    unresolved: list = field(default_factory=list)
    text: str = ""

    def __post_init__(self):
        super().__init__()
        self.open, self.block, self.in_source = [], None, 0
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        kind = found.get("class") or ""
        if "id" in found:
            self.ids.add(found["id"])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "img":
            self.images.append(found)
        if tag in ("script", "link", "img") and (
            place := found.get("src") or found.get("href")
        ):
            self.loaded.append(place)
        if tag == "span" and list(found) == ["title"]:
            self.unresolved.append(found["title"])
        if "highlight" in kind.split() and tag == "div":
            kinds = [name for name in kind.split() if name.startswith("language-")]
            self.block = Block(
                *kinds[:1] or [""], "doc-signature" in kind, found.get("data-copy")
            )
            self.blocks.append(self.block)
        if tag not in VOID:
            self.open.append((tag, kind))

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass
        if tag == "div" and not self.inside("div", "highlight"):
            self.block = None

    def inside(self, tag, kind=""):
        return any(name == tag and kind in classes for name, classes in self.open)

    def handle_data(self, data):
        if self.block is not None and self.inside("code"):
            self.block.shown += data
        elif self.inside("article") and self.inside("code"):
            self.codes.append((data, self.inside("a") or self.inside("h1")))
        if self.inside("article"):
            self.text += data


def read(folder):
    """Return the pages of a site by their place."""
    return {
        path.relative_to(folder).as_posix(): Page(path)
        for path in sorted(folder.rglob("index.html"))
    }


def target(folder, page, link):
    """Return the file and the anchor that a link of a page leads to."""
    address, anchor = urldefrag(unquote(link))
    place = page.path if not address else (page.path.parent / address).resolve()
    return (place / "index.html" if place.is_dir() else place), anchor
