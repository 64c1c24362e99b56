# SPDX-License-Identifier: MIT
"""More is ordered than is worked on at once: who waits is told the place in the queue, and who is too many is told so."""

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
