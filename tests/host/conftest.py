# SPDX-License-Identifier: MIT
"""
Tests of an installed ARK Deploy, on a whole host of its own. Run as root:

    /usr/bin/python3 -m pytest tests/host

A host named "check" (or "check-2", where another run has that) is booted for the run and removed after it; with
"-n 2 --dist=loadfile" two processes do so side by side, each a part of the files. With ARK_HOST=NAME the host of that
name, which is up already, is used and kept. With ARK_SANITIZE=1 its arkd is one that was built with ASan and UBSan, but
for the tests that install the package on a host of their own.
"""

import os

import pytest

pytest.register_assert_rewrite("arkhost", "workshop")

import arkhost  # noqa: E402
import daemon  # noqa: E402
from workshop import Workshop  # noqa: E402


@pytest.fixture(scope="session")
def installed():
    name = os.environ.get("ARK_HOST")
    if name:
        yield arkhost.Host(name)
        return
    with arkhost.booted("check") as own:
        yield own


@pytest.fixture(scope="session")
def host(installed):
    if os.environ.get("ARK_SANITIZE") != "1":
        yield installed
        return
    try:
        daemon.install(installed, sanitize=True)
        yield installed
    finally:
        daemon.restore(installed)


@pytest.fixture(scope="session")
def wrongs(host):
    return daemon.Wrongs(host, daemon.REPORTED) if os.environ.get("ARK_SANITIZE") == "1" else None


@pytest.fixture(autouse=True)
def nothing_is_reported(request):
    """Fails the test in which a sanitizer had something to say."""
    found = request.getfixturevalue("wrongs") if "host" in request.fixturenames else None
    yield
    said = found.take() if found else []
    reported.extend(said)
    assert not said, "\n".join(said)


reported = []


def pytest_sessionfinish(session):
    """A sanitizer's report is no test that may do better when it is run again: the status of the whole says so."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["reported"] = reported
    elif reported:
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Where tests run side by side, the processes that run them have found it."""
    reported.extend(getattr(node, "workeroutput", {}).get("reported", ["one of the processes has died"]))


@pytest.fixture
def work(host):
    """What a test makes with this is taken away after it, and nothing of it may be left."""
    with Workshop(host) as workshop:
        yield workshop


@pytest.fixture
def show(capsys):
    """Prints a line of what a test found, also where its output is captured."""
    def show(text):
        with capsys.disabled():
            print(f"\n{text}", end="", flush=True)
    return show
