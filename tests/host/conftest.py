# SPDX-License-Identifier: MIT
"""
Tests of an installed ARK Deploy, on a whole host of its own. Run as root:

    /usr/bin/python3 -m pytest tests/host

A host named "check" (or "check-2", where another run has that) is booted for the run and removed after it. With
ARK_HOST=NAME the host of that name, which is up already, is used and kept.
"""

import os

import pytest

pytest.register_assert_rewrite("arkhost", "workshop")

import arkhost  # noqa: E402
from workshop import Workshop  # noqa: E402


@pytest.fixture(scope="session")
def host():
    name = os.environ.get("ARK_HOST")
    if name:
        yield arkhost.Host(name)
        return
    with arkhost.booted("check") as own:
        yield own


@pytest.fixture
def work(host):
    """What a test makes with this is taken away after it, and nothing of it may be left."""
    with Workshop(host) as workshop:
        yield workshop
