# SPDX-License-Identifier: MIT
"""
The kills, on a host of their own: 50, and 500 with ARK_TEST_LONG=1. With ARK_FAULTS_HOST=NAME the host of that name,
which is up already and there for this alone, is used and kept.
"""

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SCRIPT = HERE.parent / "host/host"


@pytest.fixture(scope="module")
def name():
    given = os.environ.get("ARK_FAULTS_HOST")
    if given:
        yield given
        return
    name = "check-faults"
    try:
        up = subprocess.run([SCRIPT, "up", "--fresh", "--name", name], timeout=3600, check=False)
        assert up.returncode == 0, "the host does not come up; see what tests/host/host printed"
        yield name
    finally:
        subprocess.run([SCRIPT, "down", "--name", name], timeout=120, check=False)


def test_nothing_is_lost_and_nothing_is_left(name):
    kills = 500 if os.environ.get("ARK_TEST_LONG") == "1" else 50
    done = subprocess.run([sys.executable, HERE / "run", "--host", name, "--kills", str(kills)], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60 * kills)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:]
    assert done.stdout.splitlines()[-1].endswith("0 orphans, 0 lost")
