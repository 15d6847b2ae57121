"""Pictures at their size, light on light pages and dark on dark ones."""

import posixpath
import re

from PIL import Image

IMAGE = re.compile(r"<img (?P<before>[^>]*?)src=\"(?P<src>[^\":]+\.png)\"(?P<after>[^>]*?)/?>")
SHARP = 2  # pixels of the file for each one that is shown, as docs/pictures/style.py draws


def on_page_content(html, page, config, files):
    """Give every picture its size, and its dark version where there is one."""

    def put(found):
        path = posixpath.normpath(posixpath.join(page.url, found["src"]))
        shown = files.get_file_from_path(path)
        if shown is None:
            return found[0]
        with Image.open(shown.abs_src_path) as picture:
            width, height = (round(side / SHARP) for side in picture.size)
        size = f'width="{width}" height="{height}" loading="lazy"'
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
