"""Notebooks of examples/ as pages, with what they show, and as downloads."""

import json
import re
from html import escape
from pathlib import Path

from mkdocs.structure.files import File

EXAMPLES = Path(__file__).parents[2] / "examples"
# The order in which they are read.
ORDER = ["quickstart", "clinical", "crossed", "tracking", "comparing_runs"]
ANSI = re.compile(r"\x1b\[[0-9;]*m")
STYLE = re.compile(r"<style.*?</style>", re.DOTALL)
FRAME = re.compile(r'<table [^>]*class="dataframe"[^>]*>')
INDEX = """# Examples

Each is a notebook: a question, the code, and what came out when it was last run. Read
it here, or download it and run it in JupyterLab.
"""


def on_files(files, config):
    """Add a page and a download for each notebook, and a page with all of them."""
    index = INDEX
    for name in ORDER:
        text = (EXAMPLES / f"{name}.ipynb").read_text(encoding="utf-8")
        notebook = json.loads(text)
        index += entry(name, notebook)
        files.append(generated(config, f"{name}.md", page(name, notebook)))
        files.append(generated(config, f"{name}.ipynb", text))
    files.append(generated(config, "index.md", index))
    return files


def generated(config, name, content):
    """Return a file of the folder `examples/` of the site."""
    return File.generated(config, f"examples/{name}", content=content)


def page(name, notebook):
    """Return a notebook as Markdown."""
    first, *others = notebook["cells"]
    title, _, rest = joined(first["source"]).partition("\n")
    download = f"[Download this notebook]({name}.ipynb){{ .md-button download }}"
    parts = [title, rest.strip(), download, *map(cell, others)]
    return "\n\n".join(parts) + "\n"


def cell(found):
    """Return a cell as Markdown, with its outputs."""
    source = joined(found["source"])
    if found["cell_type"] == "markdown":
        return source
    shown = [output(each) for each in found["outputs"]]
    return "\n\n".join([f"```python\n{source}\n```", *shown])


def output(found):
    """Return an output as HTML: a picture, a table or text, whichever comes first."""
    data = found.get("data", {})
    if "image/png" in data:
        return block(image(found))
    if "text/html" in data:
        html = STYLE.sub("", joined(data["text/html"]))
        return block(FRAME.sub("<table>", html))
    said = found.get("text") or data.get("text/plain") or found.get("traceback")
    text = ANSI.sub("", joined(said)).rstrip("\n")
    return block(f"<pre>{escape(text, quote=False)}</pre>")


def block(html):
    """Return HTML that Markdown leaves alone."""
    lines = [line for line in html.split("\n") if line.strip()]
    return '<div class="output">\n' + "\n".join(lines) + "\n</div>"


def image(found):
    """Return a picture at its size."""
    content = joined(found["data"]["image/png"]).strip()
    size = found["metadata"]["image/png"]
    said = "A picture that the cell above draws"
    return (
        f'<img alt="{said}" width="{size["width"]}" height="{size["height"]}" '
        f'src="data:image/png;base64,{content}">'
    )


def entry(name, notebook):
    """Return title, first paragraph and first picture of a notebook."""
    title, _, rest = joined(notebook["cells"][0]["source"]).partition("\n")
    paragraph = rest.strip().split("\n\n")[0]
    outputs = [o for c in notebook["cells"] for o in c.get("outputs", ())]
    first = next(o for o in outputs if "image/png" in o.get("data", {}))
    heading = f"## [{title.removeprefix('# ')}]({name}.md)"
    return f"\n{heading}\n\n{paragraph}\n\n{block(image(first))}\n"


def joined(text):
    """Return a text that a notebook holds as one or as lines."""
    return text if isinstance(text, str) else "".join(text)
