# SPDX-License-Identifier: MIT
"""arkd-nginx.service: what one visitor can take of it, ports that others have, and the host's own nginx beside it."""

import contextlib
import json
import os
import select
import socket
import time

import pytest

from arkhost import PATIENCE, Client, wait_for
from test_daemon import many_descriptors
from websocket import TEXT, WebSocket

SLOW, SOCKETS, CROWD = 1536, 700, 10_000
# In the host's own network, as if another visitor's: 127.0.0.1 is not limited.
OTHER = "127.0.0.9"


def connected(host, source, port=3000):
    one = host.socket()
    one.settimeout(20)
    one.bind((source, 0))
    one.connect(("127.0.0.1", port))
    return one


def visitor(host, port=3000):
    return Client(f"localhost:{port}", lambda: connected(host, OTHER, port))


def others_are_served(host, instance):
    """Answers how long the slowest of them waited."""
    slowest = 0
    for port, path in ((3000, "/"), (3000, "/api/products"), (3002, instance.base + "/")) * 3:
        begun = time.monotonic()
        visitor(host, port).get(path, timeout=5).expect(200)
        slowest = max(slowest, time.monotonic() - begun)
    return slowest


def still_open(connections):
    poll = select.poll()
    for one in connections:
        poll.register(one, select.POLLIN)
    return len(connections) - len(poll.poll(0))


@pytest.fixture(scope="module")
def instance(host):
    from workshop import Workshop
    with Workshop(host) as work:
        yield work.deploy(work.quick(limits={"app": {"pids": 1500}}))


def test_slow_visitors_leave_others_served(host, instance):
    with many_descriptors(SLOW), contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(host, "127.0.0.7")) for _ in range(SLOW)]
        for one in slow:
            one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        slowest = others_are_served(host, instance)
        assert still_open(slow) == SLOW
        begun = time.monotonic()
        wait_for("they are let go", lambda: still_open(slow) == 0, 40, every=0.5)
    print(f"\nothers waited {slowest * 1000:.0f} ms at most; slow ones let go {time.monotonic() - begun:.0f} s later")
    assert slowest < 2 * PATIENCE


def test_a_crowd_of_websockets_leaves_others_served(host, instance):
    with many_descriptors(3 * SOCKETS), contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(WebSocket(connected(host, "127.0.0.8", 3002), "localhost:3002",
                                                 instance.base + "/ws")) for _ in range(SOCKETS)]
        assert {one.status for one in sockets} == {101}
        slowest = others_are_served(host, instance)
        # A reload ends none of them.
        host.exec("systemctl", "reload", "arkd-nginx")
        assert host.unit("arkd-nginx.service", "ActiveState")["ActiveState"] == "active"
        for one in (sockets[0], sockets[-1]):
            one.send(TEXT, b"still there?")
            assert one.receive() == (TEXT, b"still there?")
        others_are_served(host, instance)
    print(f"\n{SOCKETS} websockets; others waited {slowest * 1000:.0f} ms at most")
    assert slowest < 2 * PATIENCE


def test_one_address_has_so_many_connections(host, instance):
    """Whatever it does with them; twice ConnectionsPerVisitor=."""
    with many_descriptors(2500), contextlib.ExitStack() as stack:
        opened = 0
        with contextlib.suppress(ConnectionRefusedError):
            for opened in range(2500):
                stack.enter_context(host.connect_outside(3000))
        slowest = others_are_served(host, instance)
    print(f"\n{opened} connections from one address; others waited {slowest * 1000:.0f} ms at most")
    assert 1900 <= opened <= 2000
    wait_for("it is let in again", lambda: outside_answers(host), 30)


def outside_answers(host):
    try:
        return host.outside().get("/healthz", timeout=5).status == 200
    except OSError:
        return False


@pytest.mark.skipif(os.environ.get("ARK_TEST_LONG") != "1", reason="takes long; ARK_TEST_LONG=1")
def test_ten_thousand_are_held(host, instance):
    """Bodies that do not come, from 40 addresses."""
    head = b"POST /api/instances HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    with many_descriptors(CROWD), contextlib.ExitStack() as stack:
        crowd = []
        for n in range(CROWD):
            crowd.append(stack.enter_context(connected(host, f"127.0.2.{1 + n % 40}")))
            crowd[-1].sendall(head)
        slowest = others_are_served(host, instance)
        held = still_open(crowd)
    print(f"\n{held} of {CROWD} held; others waited {slowest * 1000:.0f} ms at most")
    assert held == CROWD and slowest < 3 * PATIENCE


def answers(host, port=3000):
    # Among the applications there is nothing of arkd's.
    expected = 404 if port == 3002 else 200
    try:
        client = Client(f"localhost:{port}", lambda: connected(host, OTHER, port))
        return client.get("/healthz", timeout=5).status == expected
    except OSError:
        return False


def nginx_check(host):
    checks = json.loads(host.run("arkctl", "status", "--json=short").stdout)
    return [one for one in checks if one["check"] == "nginx"][0]


def squatter(host, port):
    """Another service on the port."""
    taken = host.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("0.0.0.0", port))
    taken.listen()
    return taken


@pytest.mark.parametrize("port, verdict", [(3001, "warning"), (3002, "failed"), (3000, "failed")])
def test_a_port_that_is_taken_is_skipped_and_told(host, port, verdict):
    other = {3000: 3001, 3001: 3000, 3002: 3000}[port]
    host.exec("systemctl", "stop", "arkd-nginx")
    try:
        with squatter(host, port):
            host.exec("systemctl", "start", "arkd-nginx")
            assert answers(host, other)
            check = nginx_check(host)
            assert check["verdict"] == verdict and str(port) in check["detail"], check
            assert "systemctl reload arkd-nginx" in check["remedy"]
            assert f"Another service listens on port {port}" in host.exec("journalctl", "-u", "arkd-nginx", "-n", "20")
            # It does not come by itself, and a reload does no harm.
            host.exec("systemctl", "reload", "arkd-nginx")
            assert nginx_check(host)["verdict"] == verdict
        host.exec("systemctl", "reload", "arkd-nginx")
        assert nginx_check(host)["verdict"] == "ok"
        wait_for("the port is served", lambda: answers(host, port), 60)
    finally:
        host.exec("systemctl", "restart", "arkd-nginx")


def web_check(host):
    checks = json.loads(host.run("arkctl", "status", "--json=short").stdout)
    return [one for one in checks if one["check"] == "web"][0]


def led(host, path="/x?y", port=80):
    """Where port 80 leads somebody to, or None."""
    try:
        answer = visitor(host, port).get(path, timeout=5)
    except OSError:
        return None
    return answer.header("Location") if answer.status == 307 else None


@pytest.fixture
def free_port_80(host):
    """The host's own nginx, which has the port from its installation on, is away."""
    settings = host.path("/etc/arkd/arkd.conf.d/50-web.conf")
    host.exec("systemctl", "stop", "nginx")
    try:
        yield settings
    finally:
        settings.unlink(missing_ok=True)
        host.exec("systemctl", "stop", "arkd-nginx")
        host.exec("systemctl", "start", "nginx", "arkd-nginx")


def test_port_80_of_another_is_left_to_it(host):
    assert "Welcome to nginx" in visitor(host, 80).get("/").expect(200).text
    check = web_check(host)
    assert check["verdict"] == "ok" and "left to another service" in check["detail"], check
    assert "operator.conf.example" in check["remedy"]
    assert "nginx" not in host.exec("systemctl", "list-units", "--failed", "--plain", "--no-legend")


def test_port_80_that_is_free_leads_to_the_landing_page(host, free_port_80):
    """By a restart; nginx keeps it over reloads and gets it again after its death, without a capability."""
    there = "http://localhost:3000/x?y"
    host.exec("systemctl", "restart", "arkd-nginx")
    assert led(host) == there
    assert web_check(host)["detail"] == "Port 80 leads to the landing page"
    families = [line.split()[3] for line in host.exec("ss", "-Hltn", "sport = :80").splitlines()]
    assert sorted(families) == ["0.0.0.0:80", "[::]:80"], families
    visitor(host, 80).get("/", headers=[("Host", "evil.example")]).expect(421)
    visitor(host, 80).get("/.well-known/acme-challenge/x").expect(404)
    for _ in range(3):
        host.exec("systemctl", "reload", "arkd-nginx")
        assert led(host) == there
    ours = host.exec("systemctl", "show", "-P", "MainPID", "arkd-nginx").strip()
    assert "CapEff:\t0000000000000000" in host.path(f"/proc/{ours}/status").read_text()
    host.exec("systemctl", "kill", "-s", "KILL", "arkd-nginx")
    wait_for("it leads there again", lambda: led(host) == there, 30)

    # A configuration that is not in order costs nothing that is served.
    free_port_80.write_text("[arkd]\nWorkers=many\n")
    host.exec("systemctl", "restart", "arkd-nginx")
    assert led(host) == there and answers(host)

    # The landing page itself, where its address has no other port.
    free_port_80.write_text("[arkd]\nBaseURL=http://ark.example\n")
    host.exec("systemctl", "reload", "arkd-nginx")
    wait_for("the page is there", lambda: visitor(host, 80).get("/", headers=[("Host", "ark.example")]).status == 200)

    # Whoever is not to have more connections than others has no more of these, either.
    wait_for("port 80 is bounded", lambda: "3002, 80 }" in rules(host) or "80, 3000" in rules(host), 20, every=0.5)

    # Given back without a restart; and not to be had without one.
    free_port_80.write_text("[arkd]\nWebPort=\n")
    host.exec("systemctl", "reload", "arkd-nginx")
    wait_for("the port is free", lambda: not host.exec("ss", "-Hltn", "sport = :80"))
    free_port_80.unlink()
    host.exec("systemctl", "reload", "arkd-nginx")
    assert "before arkd-nginx is restarted" in web_check(host)["detail"]
    host.exec("systemctl", "start", "nginx")
    assert "Welcome to nginx" in visitor(host, 80).get("/").expect(200).text


def test_port_80_is_not_taken_while_the_host_boots(host, free_port_80):
    """If another service had it before: that may be a container, which comes late."""
    for had_it in (False, True):
        host.exec("systemctl", "stop", "arkd-nginx")
        with squatter(host, 80) if had_it else contextlib.nullcontext():
            host.exec("systemctl", "restart", "arkd-nginx")
        assert bool(led(host)) != had_it
        host.exec("systemctl", "stop", "arkd-nginx")
        # As it is after a boot.
        host.exec("rm", "-r", "/run/arkd-nginx")
        host.exec("systemctl", "start", "arkd-nginx")
        assert bool(led(host)) != had_it and answers(host)
    host.exec("systemctl", "restart", "arkd-nginx")
    assert led(host)


def rules(host):
    return host.exec("nft", "list", "chain", "inet", "arkd", "visitors")


def test_a_configuration_with_a_fault_is_not_loaded(host):
    fault = host.path("/etc/arkd/nginx.d/public-fault.conf")
    try:
        fault.write_text("no_such_directive on;\n")
        assert host.run("systemctl", "reload", "arkd-nginx").returncode != 0
        host.public.get("/").expect(200)
        assert "no_such_directive" in host.exec("journalctl", "-u", "arkd-nginx", "-n", "20")
    finally:
        fault.unlink()
    host.exec("systemctl", "reload", "arkd-nginx")


def test_the_hosts_own_nginx_is_left_alone(host):
    assert host.unit("nginx.service", "ActiveState")["ActiveState"] == "active"
    assert "arkd" not in host.exec("nginx", "-T")
    own, ours = (host.exec("systemctl", "show", "-P", "MainPID", unit).strip() for unit in ("nginx", "arkd-nginx"))
    assert own != ours != "0"
    status = host.path(f"/proc/{ours}/status").read_text()
    assert "CapEff:\t0000000000000000" in status and "Uid:\t0\t" not in status


def test_it_comes_back(host):
    pid = host.exec("systemctl", "show", "-P", "MainPID", "arkd-nginx").strip()
    for _ in range(2):
        host.exec("systemctl", "kill", "-s", "KILL", "arkd-nginx")
        wait_for("it serves again", lambda: answers(host), 60)
    assert host.exec("systemctl", "show", "-P", "MainPID", "arkd-nginx").strip() != pid


