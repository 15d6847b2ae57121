"""What `import flexcv` costs beside the packages it stands on, in CPU seconds.

Run it as `python benchmarks/import_time.py`.
"""

import os
import resource
import statistics
import subprocess
import sys

REPEATS = 9
FLOOR = "import pandas, sklearn.model_selection, optuna"
OURS = "import flexcv"


def cpu_seconds(code):
    """Run one line in a fresh interpreter and give its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    """Print both medians and the ratio of runs made in turn."""
    pairs = [(cpu_seconds(FLOOR), cpu_seconds(OURS)) for _ in range(REPEATS)]
    floor, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"{os.cpu_count()} cores, median of {REPEATS} pairs\n")
    print("| import | CPU s | ratio |\n| --- | --- | --- |")
    print(f"| pandas, sklearn.model_selection, optuna | {floor:.2f} | 1 |")
    print(f"| flexcv | {ours:.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
