"""Formulas as MathML, set while the site is built: no script, nothing from outside."""

import re
from functools import cache
from html import unescape

from latex2mathml.converter import convert

SET = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">'
    r"\\(?P<open>[(\[])(?P<tex>.*?)\\[)\]]</(?P=tag)>",
    re.DOTALL,
)
NAMES = re.compile(
    r"<m[io]>(?P<name>log|exp|diag|logit|soft|sign|max)</m[io]>(?P<next>.{20})"
)
OPENS = '<mo stretchy="false'  # a parenthesis or a bar stands close to its function
TILDE = "<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>"
BAR = re.compile(r'<mo(?: stretchy="false")?>(?P<bar>&#x0007C;|&#x02016;)</mo>')


def on_page_content(html, page, config, files):
    """Replace every formula of a page."""
    return SET.sub(_set, html)


def _set(found):
    display = "block" if found["open"] == "[" else "inline"
    math = mathml(unescape(found["tex"]).strip(), display)
    tag, kind = found["tag"], "formula" if display == "block" else "symbol"
    return f'<{tag} class="{kind}">{math}</{tag}>'


@cache
def mathml(tex, display):
    """Return LaTeX as MathML.

    Examples
    --------
    >>> "<mi>x</mi>" in mathml("x", "inline")
    True
    """
    math = convert(tex, display=display).replace(*TILDE)
    math = BAR.sub(r'<mo stretchy="false" lspace="0" rspace="0">\g<bar></mo>', math)
    return NAMES.sub(_operator, math)


def _operator(found):
    after = "0" if found["next"].startswith(OPENS) else "0.17em"
    name = f'<mo form="prefix" lspace="0.17em" rspace="{after}">{found["name"]}</mo>'
    return name + found["next"]
