# SPDX-License-Identifier: MIT
"""
Ten thousand calls at once from one caller, and callers who are gone before their answer: each call is answered with a
result or a named error, others are served meanwhile, and the daemon has nothing left of it afterwards.
"""

import ast
import contextlib
import subprocess
import time

import pytest

import callers
from arkhost import BUS_NAME, BUS_PATH, PATIENCE, wait_for
from callers import MANAGER
from test_journal import now, since

LIMITS = "org.freedesktop.DBus.Error.LimitsExceeded"
CHALLENGE = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
NO_SUCH = f"{BUS_NAME}.Error.NoSuchInstance"
NOBODY = "client_aaaaaaaaaaaa"
CALLS = 10_000
# What the heap may keep, and what one user's 128 calls of 64 KiB may take.
KEPT_KIB, HELD_KIB = 16 * 1024, 32 * 1024


@pytest.fixture(scope="module")
def crowd(host):
    """Root and a member of group ark, connected; and an ordinary user."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(callers.programs(host))
        host.run("groupadd", "--system", "ark")
        stack.enter_context(callers.user(host, "crowd-member", "ark"))
        stack.enter_context(callers.user(host, "crowd-stranger"))
        root, member = callers.Caller(host, "root"), callers.Caller(host, "crowd-member")
        stack.callback(root.close)
        stack.callback(member.close)
        rule = host.path(callers.EXAMPLE_RULE).read_text()
        stack.enter_context(callers.polkit_rule(host, "50-ark-group.rules", rule, lambda: may(member)))
        yield root, member


def may(caller):
    """Asks polkit for a member, but not for root."""
    return caller.manager("DeleteInstance", "s", (NOBODY,))[0] == NO_SUCH


@contextlib.contextmanager
def flood(host, user, member, signature, arguments, *options, calls=CALLS):
    """Begins it at once. Yields its process, which says what came of it and stays until the end."""
    command = host.command(*callers.program("flood.py", *options, str(calls), BUS_PATH, MANAGER, member, signature,
                                            repr(arguments), user=user))
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == "ready\n"
        print(file=process.stdin, flush=True)
        yield process
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def result(process):
    return ast.literal_eval(process.stdout.readline())


def served(caller, times):
    """How long the slowest of some calls took; all must be answered as if nothing else was going on."""
    slowest = 0
    for _ in range(times):
        begun = time.monotonic()
        assert may(caller)
        slowest = max(slowest, time.monotonic() - begun)
    return slowest


@contextlib.contextmanager
def higher_limit_of_the_bus(host):
    """So that more than 128 of a connection's calls reach arkd."""
    path = "/etc/dbus-1/system.d/zz-test-limit.conf"
    host.exec("tee", path, input=f'<busconfig><limit name="max_replies_per_connection">{2 * CALLS}</limit></busconfig>')
    host.exec("systemctl", "reload", "dbus.service")
    try:
        yield
    finally:
        host.exec("rm", path)
        host.exec("systemctl", "reload", "dbus.service")


@pytest.mark.parametrize("user, member, signature, arguments, options, answers", [
    ("root", "ListInstances", "a{sv}", ({},), [], {None, LIMITS}),
    ("root", "GetCredentials", "s", (NOBODY,), [], {NO_SUCH, LIMITS}),
    ("crowd-stranger", "GetInstance", "s", (NOBODY,), [], {NO_SUCH, LIMITS}),
    ("crowd-stranger", "DeleteInstance", "s", (NOBODY,), [], {CHALLENGE, LIMITS}),
    ("crowd-stranger", "DeleteInstance", "s", (NOBODY,), ["--ask"], {CHALLENGE, LIMITS}),
    ("crowd-member", "DeleteInstance", "s", (NOBODY,), [], {NO_SUCH, LIMITS}),
])
@pytest.mark.parametrize("raised", [False, True], ids=["", "raised"])
def test_all_are_answered(host, crowd, user, member, signature, arguments, options, answers, raised):
    daemon = callers.Daemon(host)
    with higher_limit_of_the_bus(host) if raised else contextlib.nullcontext():
        with flood(host, user, member, signature, arguments, *options) as process:
            slowest = max(served(caller, 5) for caller in crowd if caller.user != user)
            told = result(process)
    assert told["unanswered"] == 0 and sum(told["outcomes"].values()) == CALLS, told
    assert set(told["outcomes"]) <= answers and len(told["outcomes"]) > 0, told
    assert max(told["outcomes"], key=lambda name: name != LIMITS) != LIMITS, told
    assert slowest < 10 * PATIENCE, slowest
    daemon.assert_unharmed(KEPT_KIB)


def test_questions_that_stay_open(host, crowd):
    """A stranger at whom polkit's dialogs stay open, on many connections, is in nobody's way but their own."""
    daemon = callers.Daemon(host)
    with flood(host, "crowd-stranger", "DeleteInstance", "s", (NOBODY,), "--hold", "--connections=8") as process:
        told = result(process)
        # Those that were not refused wait; polkit asks about some of them at a time.
        assert set(told["outcomes"]) == {LIMITS} and told["unanswered"] == CALLS - told["outcomes"][LIMITS] > 0
        assert 0 < told["questions"] < 112, told
        assert max(served(caller, 20) for caller in crowd) < 5
        again = callers.Caller(host, "crowd-stranger")
        assert again.manager("ListProducts")[0] == LIMITS
        again.close()
    daemon.assert_unharmed(KEPT_KIB)
    # Once they are gone there is room again.
    again = callers.Caller(host, "crowd-stranger")
    wait_for("the stranger is served", lambda: again.manager("ListProducts")[0] is None)
    again.close()


def test_documents_that_wait(host, crowd):
    """What a document takes once it is parsed is not taken for those who may not even give it."""
    daemon = callers.Daemon(host)
    document = '{"id": "x", "x": [' + "1," * 30000 + "1]}"
    with flood(host, "crowd-stranger", "SetProduct", "s", (document,), "--hold", "--connections=8", calls=1024) \
            as process:
        told = result(process)
        assert told["unanswered"] > 0 and told["questions"] > 0, told
        assert daemon.grown_kib() < HELD_KIB
        assert served(crowd[0], 5) < 5
    daemon.assert_unharmed(HELD_KIB)


def test_refusals_do_not_fill_the_journal(host, crowd):
    """All are refused, some are told one by one, and the rest by their number."""
    mark = now()
    with higher_limit_of_the_bus(host), \
            flood(host, "crowd-stranger", "DeleteInstance", "s", (NOBODY,), "--connections=40", calls=5000) as process:
        assert result(process)["unanswered"] == 0
    assert len(since(host, mark, "ACCESS_DENIED")) <= 1000


# Callers who vanish

def test_a_deletion_goes_on_without_those_who_asked(host, work, crowd):
    instance = work.deploy(work.quick())
    daemon, mark = callers.Daemon(host), now()
    host.exec(*callers.program("vanish.py", "calls", "30", instance.id))
    wait_for("it is deleted", lambda: instance.seen_by_operator()["status"] == "deleted", 30)
    told = wait_for("they are told", lambda: since(host, mark, "VERB_ABANDONED"))
    assert {entry["ARK_ACTION"] for entry in told} == {"DeleteInstance"} and len(told) <= 30
    assert not [one for one in since(host, mark, "VERB_FAILED") if one.get("ARK_INSTANCE") == instance.id]
    daemon.assert_unharmed(KEPT_KIB)


def test_a_question_ends_with_its_caller(host, crowd):
    daemon = callers.Daemon(host)
    for _ in range(3):
        shown = host.exec(*callers.program("vanish.py", "question", NOBODY, user="crowd-stranger"))
        assert shown == "polkit stops asking"
    daemon.assert_unharmed(KEPT_KIB)
