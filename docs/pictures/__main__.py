"""Draw the pictures of README, guides and pages: python docs/pictures [name ...].

A name is the start of a place below docs/images, such as `merf` or `merf/honest`.
"""

import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(
    1, str(Path(__file__).resolve().parents[2])
)  # benchmarks has the designs

from style import keep

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("of_*.py"))


def main(names: list[str]) -> None:
    """Draw what is asked for, or all."""
    for module in MODULES:
        for place, draw in import_module(module).PICTURES.items():
            if not names or place.startswith(tuple(names)):
                keep(place, draw)


if __name__ == "__main__":
    main(sys.argv[1:])
