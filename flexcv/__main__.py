"""`python -m flexcv`."""

import sys

from flexcv.cli import main

if __name__ == "__main__":
    sys.exit(main())
