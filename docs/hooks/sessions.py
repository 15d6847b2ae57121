"""Code that can be copied and run: without prompts, outputs and backslashes."""

import doctest
import re
from html import escape, unescape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

BLOCK = re.compile(
    r'<div class="(?P<kind>language-\w+ highlight|highlight)">'
    r"<pre>(?:<span></span>)?(?P<code><code>|<code [^>]*>)"
    r"(?P<text>.*?)</code></pre></div>",
    re.DOTALL,
)
TAG = re.compile(r"<[^>]+>")
OPTION = re.compile(r"[ \t]*# ?doctest: ?\+.*$", re.MULTILINE)
CELL_CODE = re.compile(r"`[^`]+`")
COLUMN = 88  # letters
PROMPTS = ">>> ", "... "


def on_page_markdown(markdown, page, config, files):
    r"""Write `(1 \| g)` in a cell as `(1 | g)`, which is what it stands for."""
    return "\n".join(
        CELL_CODE.sub(lambda code: code[0].replace(r"\|", "|"), line)
        if line.startswith("|")
        else line
        for line in markdown.split("\n")
    )


def on_page_content(html, page, config, files):
    """Set examples with prompts, and hold what copying them gives."""
    return BLOCK.sub(_block, html)


def _block(found):
    text = unescape(TAG.sub("", found["text"]))
    if not text.lstrip().startswith(">>>"):
        return found[0]
    code = escape(runnable(text), quote=True)
    return (
        f'<div class="language-pycon highlight" data-copy="{code}">'
        f"<pre><span></span>{found['code']}{session(text)}</code></pre></div>"
    )


def runnable(text):
    r"""Return the code of a Python session.

    Examples
    --------
    >>> runnable(">>> x = 1\n>>> x\n1\n")
    'x = 1\nx\n'
    """
    examples = doctest.DocTestParser().get_examples(text)
    return "".join(OPTION.sub("", example.source) for example in examples)


def session(text):
    """Return a Python session as HTML, in which prompts and outputs are marked."""
    shown = []
    for part in doctest.DocTestParser().parse(text):
        if isinstance(part, str):
            shown.append(escape(part, quote=False))
            continue
        shown.append(_prompted(OPTION.sub("", part.source)))
        shown += [_output(line) for line in part.want.splitlines()]
    return "".join(shown).rstrip("\n") + "\n"


def _output(line):
    kind = "go wraps" if len(line) > COLUMN else "go"  # a sentence; tables are shorter
    return f'<span class="{kind}">{escape(line, quote=False)}</span>\n'


def _prompted(source):
    lines = highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    first, *others = lines.rstrip("\n").split("\n")
    rest = [f'<span class="gp">{PROMPTS[1]}</span>{line}\n' for line in others]
    return f'<span class="gp">{escape(PROMPTS[0])}</span>{first}\n' + "".join(rest)
