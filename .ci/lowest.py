"""Print the lowest versions that a pyproject.toml allows, as constraints of pip.

python .ci/lowest.py pyproject.toml
"""

import re
import sys
import tomllib
from pathlib import Path

BOUND = re.compile(r"(?P<name>[\w.-]+)(?:\[.*\])?>=(?P<version>[\w.]+)")


def lowest(project):
    """Return one constraint for each package that the project or an extra needs."""
    extras = project["optional-dependencies"]
    needed = [
        *project["dependencies"],
        *(need for name in extras for need in extras[name]),
    ]
    bounds = [BOUND.match(need) for need in needed]
    return sorted({f"{bound['name']}=={bound['version']}" for bound in bounds if bound})


if __name__ == "__main__":
    table = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print("\n".join(lowest(table["project"])))
