"""Pictures at their size, light on light pages and dark on dark ones."""

import posixpath
import re

from PIL import Image

IMAGE = re.compile(
    r"<img (?P<before>[^>]*?)src=\"(?P<src>[^\":]+\.png)\"(?P<after>[^>]*?)/?>"
)
LETTERS = "Smallest letters"  # what docs/pictures/style.py writes into a file
SHARP = 2  # its pixels for each one that is shown; a screenshot has one


def on_page_content(html, page, config, files):
    """Give every picture its size, and its dark version where there is one."""

    def put(found):
        path = posixpath.normpath(posixpath.join(page.url, found["src"]))
        shown = files.get_file_from_path(path)
        if shown is None:
            return found[0]
        with Image.open(shown.abs_src_path) as picture:
            is_drawn = LETTERS in picture.info
            scale = SHARP if is_drawn else 1
            width, height = (round(side / scale) for side in picture.size)
        kind = "picture" if is_drawn else "screenshot"
        size = f'class="{kind}" width="{width}" height="{height}" loading="lazy"'
        text = f"{found['before']}{found['after'].rstrip()} {size}"
        dark = path.removesuffix(".png") + "-dark.png"
        if files.get_file_from_path(dark) is None:
            return f'<img {text} src="{found["src"]}">'
        source = found["src"].removesuffix(".png")
        return (
            f'<img {text} src="{source}.png#only-light">'
            f'<img {text} src="{source}-dark.png#only-dark">'
        )

    return IMAGE.sub(put, html)
