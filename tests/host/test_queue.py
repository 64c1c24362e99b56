# SPDX-License-Identifier: MIT
"""More is ordered than is worked on at once: who waits is told the place in the queue, and who is too many is told so."""

import contextlib
import json
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
    for followed in ([], ["--no-block"]):
        done = host.run("arkctl", "deploy", quick, "Acme", *followed)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (f"Cannot deploy {quick}: 3 jobs are under way or waiting already, and QueueMax=2 "
                               "lets no more wait. Try again in a moment.\n")
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


def transactions(told):
    """What the store did at once: the commands from each MULTI to its EXEC; and then those that stood alone."""
    together, alone, current = [], [], None
    for words in told:
        if words[0] == "MULTI":
            assert current is None, told
            current = []
        elif words[0] == "EXEC":
            together.append(current)
            current = None
        elif current is None:
            alone.append(words)
        else:
            current.append(words)
    assert current is None, told
    return together, alone


def does(words, id):
    """What a command does to the instance, to its jobs or to the stream, in short, or None."""
    command, key, *rest = words
    if key == "ark:jobs":
        return f"{command} {rest[-1]}".replace(f"{id}.", "") if command == "XADD" else command
    if key == f"instance:{id}" and command == "SET":
        record = json.loads(rest[0].encode().decode("unicode_escape"))
        return f"SET instance {record['status']}"
    return f"{command} job {key.removeprefix(f'job:{id}.')}" if key.startswith(f"job:{id}.") else None


def changes_of_stream(together, id):
    """What was done to the instance and its jobs together with each change of the stream."""
    of_it = [group for group in together if any(id in word for words in group for word in words)]
    done = [{does(words, id) for words in group} - {None} for group in of_it]
    return [one for one in done if any(what.startswith(("XADD", "XACK", "XDEL")) for what in one)]


ADDED = [{"XADD create", "SET job create", "SET instance pending"}]
DELETED = [{"XACK", "XDEL", "DEL job delete", "SET instance deleted"}]


def test_the_stream_changes_with_the_instance(host, work):
    """A job's entry comes in one transaction with what is intended, and goes in one with what came of it."""
    with monitored(host) as told:
        whole = work.deploy(work.quick())
        whole.delete()
        cut_short = work.order(work.product())
        cut_short.delete()
    together, alone = transactions(told)
    assert [words for words in alone if "ark:jobs" in words] == []
    assert changes_of_stream(together, whole.id) == ADDED + [
        {"XACK", "XDEL", "DEL job create", "SET instance running"},
        {"XADD delete", "SET job delete", "SET instance deleting"}] + DELETED
    assert changes_of_stream(together, cut_short.id) == ADDED + [
        {"XADD delete", "SET job delete", "SET instance deleting", "XACK", "XDEL", "DEL job create"}] + DELETED
    for group in together:
        acknowledged, dropped = ([words[-1] for words in group if words[0] == name] for name in ("XACK", "XDEL"))
        assert acknowledged == dropped
