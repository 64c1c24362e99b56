# SPDX-License-Identifier: MIT
"""
What stands in front of nginx on this host, such as `tailscale serve` or what ends TLS: whoever comes through it is who it
says, and never this host. And who may come in at all, by which names, and with which tokens.
"""

import contextlib
import json
import re
import subprocess

import pytest

import callers
from arkhost import Client, wait_for
from test_journal import IDS, now
from test_quota import neighbour
from workshop import Workshop

SETTINGS = "/etc/arkd/arkd.conf.d/90-proxies.conf"
TLS = {"X-Forwarded-Proto": "https"}
NAME = "apps.example.org"
# Port → what the proxy there says; the last ones are wrong, or not to be believed.
WAYS = {
    4000: {"to": 3000, "set": {"X-Forwarded-For": "100.64.0.9", **TLS}},
    4001: {"to": 3000, "set": {"X-Forwarded-For": "100.64.0.10", **TLS}},
    # As many are set up: it asks by an address of nginx's and says by which name it was asked.
    4002: {"to": 3000, "set": {"X-Forwarded-For": "100.64.0.11", "Host": "127.0.0.1:3000", "X-Forwarded-Host": NAME, **TLS}},
    4003: {"to": 3001, "set": {"X-Forwarded-For": "100.64.0.9", **TLS}},
    4010: {"to": 3000, "set": {"X-Forwarded-For": "203.0.113.9"}},
    4011: {"to": 3000, "set": {"X-Forwarded-For": "100.64.0.9", "Tailscale-Funnel-Request": "?1"}},
    4012: {"to": 3000, "set": {"X-Forwarded-For": "unknown"}},
    4013: {"to": 3000, "set": {"X-Forwarded-For": None, **TLS}},
    4014: {"to": 3000, "set": {"X-Forwarded-For": "10.231.0.9"}},
    4015: {"to": 3001, "set": {"X-Forwarded-For": "203.0.113.9"}},
}
REFUSED = {4010: "VisitorNetworks=", 4011: "AllowFunnel=", 4012: "TrustedProxies=", 4013: "TrustedProxies=",
           4014: "VisitorNetworks=", 4015: "VisitorNetworks="}


@contextlib.contextmanager
def settings(host, *lines):
    """arkd.conf(5) with these, as an operator puts them to use."""
    file = host.path(SETTINGS)
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(["[arkd]", *lines, ""]))
    try:
        apply_settings(host)
        yield
    finally:
        file.unlink()
        apply_settings(host)


def apply_settings(host):
    host.exec("systemctl", "restart", "arkd")
    host.exec("systemctl", "reload", "arkd-nginx")
    host.wait_healthy()


@contextlib.contextmanager
def proxies(host):
    with callers.programs(host):
        process = subprocess.Popen(host.command(*callers.program("proxy.py", json.dumps(WAYS))), text=True,
                                   stdout=subprocess.PIPE, start_new_session=True)
        try:
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            host.exec("pkill", "--full", f"{callers.THERE}/proxy[.]py")
            process.wait()
            process.stdout.close()


class World:
    def __init__(self, host, work):
        self.host, self.work = host, work
        self.product = work.quick()
        self.instance = work.deploy(self.product)

    def through(self, port, token=None):
        return Client(NAME, lambda: self.host.connect_inside(port), token)

    def order(self, client, **kwargs):
        answer = client.post("/api/instances", {"product_id": self.product, "client_name": "Acme"}, **kwargs)
        if answer.status == 202:
            self.work.take(answer.json)
        return answer


@pytest.fixture(scope="module")
def world(host):
    with settings(host, f"BaseURL=https://{NAME}", "QuotaPerIdentity=1"), proxies(host), Workshop(host) as work:
        yield World(host, work)


def test_whoever_comes_through_a_proxy_is_counted(host, world):
    first, second = world.through(4000), world.through(4001)
    mine = world.order(first)
    mine.expect(202)
    world.order(first).expect_problem(429, saying="as many as you may")
    world.order(first, headers=[("X-Forwarded-For", "127.0.0.1")]).expect_problem(429)
    world.order(second).expect(202)
    # This host itself is not.
    world.order(host.public).expect(202)
    world.order(host.public).expect(202)
    # An instance of somebody else's is no other's: only the address is another.
    assert mine.json["access_url"] == f"https://{NAME}/instances/{mine.json['id']}/"


@pytest.mark.parametrize("port", REFUSED)
def test_who_is_turned_away(host, world, port):
    """From the internet, by Funnel, for nobody, out of an instance: in words that say what to change."""
    client = world.through(port, host.admin_token if port == 4015 else None)
    page = client.get("/").expect(403)
    assert "<h1>" in page.text and REFUSED[port] in page.text
    client.get("/api/products").expect_problem(403, saying=REFUSED[port])
    if port != 4015:
        used = world.instance.ask("/echo/", client=client).expect(403)
        assert REFUSED[port].replace("Visitor", "Instance") in used.text
        world.order(client).expect_problem(403, saying=REFUSED[port])


def test_tls_that_ends_elsewhere(host, world):
    """Scheme and name reach the application and come back in its redirects; a page may change what is its own."""
    origin = [("Origin", f"https://{NAME}")]
    for client in (world.through(4000), world.through(4002)):
        client.get("/").expect(200)
        seen = dict(world.instance.ask("/echo/", client=client).expect(200).json["headers"])
        assert seen["Host"] == seen["X-Forwarded-Host"] == NAME and seen["X-Forwarded-Proto"] == "https"
        assert seen["X-Forwarded-For"] == seen["X-Real-IP"] and seen["X-Forwarded-For"].startswith("100.64.0.")
        over = world.instance.ask("/redirect", client=client).expect(302)
        assert over.header("Location") == f"{world.instance.base}/echo/there"
    assert world.order(world.through(4002), headers=origin).status == 202
    world.order(world.through(4002), headers=[("Origin", "https://evil.example")]).expect_problem(403, "Origin")
    world.order(world.through(4002), headers=[("Origin", f"http://{NAME}:3001")]).expect_problem(403, "Origin")
    environment = host.container(world.instance.id)["Config"]["Env"]
    assert any(re.match(f"PUBLIC_URL=https://{NAME}", line) for line in environment)


def test_names(host, world):
    """The same for pages, applications and both APIs."""
    for name, known in [(NAME, True), (f"{NAME}:8443", True), ("localhost", True), (host.address, True),
                        ("evil.example", False), (f"{NAME}.evil.example", False)]:
        headers = [("Host", name)]
        for client, target in [(host.public, "/"), (host.public, "/api/products"), (host.admin, "/api/products"),
                               (host.public, f"{world.instance.base}/healthz"), (host.public, "/assets/none.js"),
                               (host.admin, "/")]:
            status = client.get(target, headers=headers).status
            assert (status == 421) != known, (name, client.name, target, status)


def test_operators_by_a_proxy(host, world):
    mark = now()
    client = world.through(4003, host.admin_token)
    client.delete("/api/instances/client_aaaaaaaaaaaa").expect_problem(404)
    entry, = host.journal(mark, "ARK_ACTION=DeleteInstance")
    assert entry["ARK_ORIGIN"] == "admin 100.64.0.9"


def test_wrong_tokens(host, world):
    """Told with their address, and not looked at any more after ten; nobody else is held up."""
    mark = now()
    with neighbour(host, 79) as one, neighbour(host, 80) as two:
        def ask(source, token):
            client = Client(f"{host.address}:3001", lambda: host.connect_outside(3001, source), token)
            return client.get("/api/instances")

        for _ in range(10):
            ask(one, "wrong").expect_problem(401)
        refused = ask(one, host.admin_token)
        refused.expect_problem(429, "Authorization")
        assert 0 < int(refused.header("Retry-After")) <= 60
        ask(two, host.admin_token).expect(200)
        host.admin.get("/api/instances").expect(200)
        host.local.get("/api/instances").expect(200)
        world.through(4003, "wrong").get("/api/instances").expect_problem(401)
        host.local.with_token("wrong").get("/api/instances").expect_problem(401)
        world.through(4000, "wrong").get(f"/api/instances/{world.instance.id}/access").expect_problem(401)
        told = host.journal(mark, f"MESSAGE_ID={IDS['TOKEN_WRONG']}")
        assert [entry["ARK_ORIGIN"] for entry in told] == \
            [f"admin {one}"] * 10 + ["admin 100.64.0.9", "local", "public 100.64.0.9"]
        assert told[-1]["ARK_ACTION"] == "GetAccess" and "not heard" in told[9]["MESSAGE"]
        assert not any("wrong" == word for entry in told for word in entry["MESSAGE"].split()[2:])


def test_instances_for_others_than_the_landing_page(host, world):
    """And no restart of arkd, nor a connection lost: a reload of nginx is enough."""
    file = host.path(SETTINGS)
    before = file.read_text()
    with neighbour(host, 81) as lan:
        client = host.outside(lan)
        client.get("/").expect(200)
        world.instance.ask("/healthz", client=client).expect(200)
        try:
            file.write_text(before + "InstanceNetworks=100.64.0.0/10 127.0.0.1\nAllowFunnel=yes\n")
            host.exec("systemctl", "reload", "arkd-nginx")
            wait_for("it holds", lambda: world.instance.ask("/healthz", client=client).status == 403)
            client.get("/").expect(200)
            world.instance.ask("/healthz", client=world.through(4000)).expect(200)
            world.instance.ask("/healthz").expect(200)
            world.through(4011).get("/").expect(200)
            status = json.loads(host.run("arkctl", "status", "--json=short").stdout)
            detail, = (one["detail"] for one in status if one["check"] == "access")
            assert "Funnel lets the internet in" in detail
        finally:
            file.write_text(before)
            host.exec("systemctl", "reload", "arkd-nginx")
        wait_for("it holds no more", lambda: world.instance.ask("/healthz", client=client).status == 200)


def test_a_proxy_on_this_host_that_is_not_trusted(host, world):
    """It is neither this host nor whom it speaks for; this host itself goes on."""
    file = host.path(SETTINGS)
    before = file.read_text()
    try:
        file.write_text(before + "TrustedProxies=10.0.0.5\n")
        apply_settings(host)
        # nginx goes on with what it had for a moment.
        wait_for("it holds", lambda: world.through(4000).get("/").status == 403)
        for port in (4000, 4003, 4010, 4011, 4012):
            client = world.through(port, host.admin_token if port == 4003 else None)
            assert "TrustedProxies=" in client.get("/").expect(403).text
            client.get("/api/products").expect_problem(403, saying="is not trusted")
            if port != 4003:
                assert "TrustedProxies=" in world.instance.ask("/echo/", client=client).expect(403).text
                world.order(client).expect_problem(403, saying="127.0.0.0/8")
        # Whoever asks for nobody else.
        for client in (host.public, host.admin):
            client.get("/api/products").expect(200)
        world.instance.ask("/echo/").expect(200)
        world.order(host.public).expect(202)
        host.applications.get(f"{world.instance.base}/healthz").expect(200)
    finally:
        file.write_text(before)
        apply_settings(host)
    wait_for("it holds no more", lambda: world.through(4000).get("/api/products").status == 200)
