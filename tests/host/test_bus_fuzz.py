# SPDX-License-Identifier: MIT
"""
Every method and every property with what nobody would send, as root and as a stranger: a result or a named error, and
the daemon unharmed. The seed is told where it fails; ARK_FUZZ_SEED repeats it, ARK_FUZZ_SECONDS takes longer.
"""

import ast
import contextlib
import os
import secrets
import time

import pytest

import callers

SECONDS = float(os.environ.get("ARK_FUZZ_SECONDS", 20))
# With 1 every method gets every signature and every string.
SHARE = 1 if os.environ.get("ARK_TEST_LONG") == "1" else 4
CALLS = 6000 if SECONDS <= 20 else 10**9
# The largest strings that the bus lets through, in and out, and what the heap may keep.
KEPT_KIB = 96 * 1024


def what_became_of_it(host):
    """What is said of arkd and the bus, but for what arkd logs of refused calls."""
    lines = host.run("journalctl", "--no-pager", "--lines=5000", "--output=short-precise", "--unit=arkd", "--unit=dbus",
                     "--unit=init.scope").stdout.splitlines()
    return [line for line in lines if "Refused" not in line][-30:]


@pytest.mark.parametrize("user", ["root", "fuzz-stranger"])
def test_nothing_is_found(host, work, user):
    seed = os.environ.get("ARK_FUZZ_SEED", secrets.token_hex(4))
    product = work.quick()
    kept, expendable = work.deploy(product), work.deploy(product)
    level = host.exec("arkctl", "log-level")
    # The only one of the products it tries that is right, so that root makes it.
    work.products.append("fuzz")
    daemon = callers.Daemon(host)
    with callers.programs(host), contextlib.ExitStack() as stack:
        if user != "root":
            stack.enter_context(callers.user(host, user))
        stack.callback(host.exec, "arkctl", "log-level", level)
        command = callers.program("fuzz.py", seed, str(SECONDS), str(CALLS), str(SHARE), kept.id, expendable.id, user=user)
        told = ast.literal_eval(host.exec(*command, timeout=SECONDS + 200))
    print(f"seed {seed}: {told}")
    assert not told["findings"], (seed, told["findings"], what_became_of_it(host))
    # It did reach them all, with success and without; what it must not harm is called by the other user only.
    assert set(told["untouched"]) == set(), (seed, told)
    assert None in told["outcomes"] and len(told["outcomes"]) >= 6, told
    daemon.assert_unharmed(KEPT_KIB, more_files=6)
    assert kept.state()["status"] == "running" and kept.ask("/").status == 200
    assert expendable.seen_by_operator()["status"] == ("deleted" if user == "root" else "running")
    # All that it has taken can be read again.
    mark = f"--since=@{time.time():.6f}"
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()
    assert kept.state()["status"] == "running"
    unreadable = host.run("journalctl", "--no-pager", "--output=cat", mark, "--unit=arkd", "--grep=damaged|not JSON")
    assert unreadable.stdout == "", unreadable.stdout
