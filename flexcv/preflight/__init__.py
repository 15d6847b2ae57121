"""What can be seen to be wrong before the first fit, one file per kind of thing."""

from .checks import check_names as check_names
from .checks import run_checks as run_checks
from .setup import CheckFinding as CheckFinding
from .setup import Setup as Setup

__all__ = ["CheckFinding", "Setup", "check_names", "run_checks"]
