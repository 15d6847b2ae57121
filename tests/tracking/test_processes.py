import os
import subprocess
import sys
import time

import pytest

from flexcv.tracking.processes import is_alive, process_mark

SECONDS = 10.0  # that an ended process may take to be seen as one


def test_this_process_is_alive():
    assert is_alive(os.getpid(), process_mark(os.getpid()))


def test_a_process_that_ended_is_not():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    assert not is_alive(ended.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it here")
def test_a_process_whose_end_nobody_heard_of_is_not():
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as ended:
        ended.stdout.read()  # until it closes
        until = time.monotonic() + SECONDS
        while is_alive(ended.pid) and time.monotonic() < until:
            time.sleep(0.01)

        assert process_mark(ended.pid)
        assert not is_alive(ended.pid)
