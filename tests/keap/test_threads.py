"""The first records that a process reads, read by several threads at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

FIRST_READS = """
import sys, threading
from keapbridge.keap.endpoints import COMPANIES, CONTACTS, PRODUCTS

sys.setswitchinterval(1e-6)
together = threading.Barrier(8)

def read(number):
    endpoint = (COMPANIES, CONTACTS, PRODUCTS)[number % 3]
    together.wait()
    assert endpoint.codec.load({"id": "1"}).id == "1"

threads = [threading.Thread(target=read, args=(n,)) for n in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.thorough  # in a process of its own
def test_threads_may_read_the_first_records_at_once() -> None:
    processes = [subprocess.Popen([sys.executable, "-c", FIRST_READS]) for _ in range(4)]
    assert [process.wait(timeout=240) for process in processes] == [0] * 4
