# SPDX-License-Identifier: MIT
"""
The host of these tests: "check-faults", booted for the run and removed after it. With ARK_FAULTS_HOST=NAME the host of
that name, which is up already and there for this alone, is used and kept.
"""

import os
import pathlib
import subprocess
import sys

import pytest

HOST_TESTS = pathlib.Path(__file__).resolve().parents[1] / "host"
SCRIPT = HOST_TESTS / "host"
sys.path.append(str(HOST_TESTS))


@pytest.fixture(scope="session")
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


@pytest.fixture
def long():
    """Whether these tests may take their time."""
    return os.environ.get("ARK_TEST_LONG") == "1"
