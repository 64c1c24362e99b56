# SPDX-License-Identifier: MIT
"""More is ordered than is worked on at once: who waits is told the place in the queue, and who is too many is told so."""

import contextlib
import re

import pytest

from arkhost import BusError, wait_for


def restart(host):
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()


@pytest.fixture
def narrow(host):
    """One job at a time, and two that wait."""
    settings = host.path("/etc/arkd/arkd.conf.d/90-queue.conf")
    settings.write_text("[arkd]\nWorkers=1\nQueueMax=2\n")
    restart(host)
    yield
    settings.unlink()
    restart(host)


def place(instance):
    state = instance.state()
    assert state["status"] == "pending", state
    return state.get("queue_position")


def test_place_in_queue(host, work, narrow):
    slow, quick = work.quick({"MODE": "slow"}), work.quick()
    first, second, third = work.order(slow), work.order(quick), work.order(quick)
    wait_for("the first is worked on", lambda: place(first) is None)
    assert [place(second), place(third)] == [1, 2]
    order = {"product_id": quick, "client_name": "Acme"}
    answer = host.public.post("/api/instances", order)
    answer.expect_problem(503, saying="QueueMax=2 ")
    assert int(answer.header("Retry-After")) > 0
    with pytest.raises(BusError, match="QueueMax=2 "):
        host.bus("CreateInstance", "ssa{sv}", quick, "Acme", "0")
    # What leaves the queue lets those behind move up.
    second.delete()
    assert place(third) == 1
    first.wait()
    third.wait()
    assert "queue_position" not in third.state()


@contextlib.contextmanager
def monitored(host):
    """Gives a list that in the end has all that the store was told meanwhile, each command a list of its words."""
    told, end = [], "the end of this"
    with host.connect_unix("/run/arkd-redis/redis.sock") as monitor, monitor.makefile("r", errors="replace") as lines:
        monitor.sendall(b"MONITOR\r\n")
        assert lines.readline() == "+OK\n"
        yield told
        host.redis("echo", end)
        for line in lines:
            words = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
            if end in words:
                return
            told.append([words[0].upper(), *words[1:]])


def test_no_job_is_dropped_for_the_length_of_the_stream(host, work):
    """An entry that is trimmed away takes a job with it that is claimed and not done."""
    with monitored(host) as told:
        work.deploy(work.product()).delete()
        restart(host)
        work.deploy(work.quick()).delete()
    of_stream = [words for words in told if "ark:jobs" in words]
    assert [words[0] for words in of_stream].count("XADD") == 4
    assert {"XACK", "XDEL"} <= {words[0] for words in of_stream}
    assert [words for words in told if words[0] == "XTRIM" or (words[0] == "XADD" and {"MAXLEN", "MINID"} & {
        word.upper() for word in words})] == []
