# SPDX-License-Identifier: MIT
"""Where applications are reached: at an address of their own, or where a host has one port only, at the page's."""

import contextlib
import json

import pytest

from arkhost import wait_for
from websocket import TEXT, WebSocket
from workshop import Workshop

BASIC = [("Authorization", "Basic dTpw")]


@pytest.fixture(scope="module")
def app(host):
    with Workshop(host) as work:
        yield work.deploy(work.quick(), "Alpha")


def status(host):
    checks = json.loads(host.run("arkctl", "status", "--json=short").stdout)
    return {check["check"]: check for check in checks}["applications"]


def restart(host):
    host.exec("systemctl", "restart", "arkd.service")
    host.exec("systemctl", "reload", "arkd-nginx.service")
    host.wait_healthy()


def is_sandboxed(answer):
    return (answer.header("Content-Security-Policy") or "").startswith("sandbox allow-downloads ")


@contextlib.contextmanager
def configured(host, *lines):
    file = host.path("/etc/arkd/arkd.conf.d/addresses.conf")
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(["[arkd]", *lines, ""]))
    try:
        restart(host)
        yield
    finally:
        file.unlink()
        restart(host)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_link_leads_to_the_applications_address(host, app, method):
    answer = host.public.ask(method, app.base + "/echo/a%20b?x=%2F", b"body" if method == "POST" else None).expect(307)
    assert answer.header("Location") == f"http://localhost:3002{app.base}/echo/a%20b?x=%2F"
    outside = host.outside().ask(method, app.base + "/").expect(307)
    assert outside.header("Location") == f"http://{host.address}:3002{app.base}/"


def test_what_clients_do_not_carry_there_stays(host, app):
    with WebSocket(host.connect_inside(3000), "localhost:3000", app.base + "/ws") as socket:
        assert socket.status == 101
        socket.send(TEXT, b"here")
        assert socket.receive() == (TEXT, b"here")
    answer = app.ask("/echo/", client=host.public, headers=BASIC).expect(200)
    seen = dict(answer.json["headers"])
    assert seen["Authorization"] == "Basic dTpw" and seen["Host"] == "localhost:3002"
    assert answer.header("Content-Security-Policy") == "sandbox"


def test_nothing_of_arkds_is_there(host):
    for path in ("/api/products", "/healthz", "/metrics", "/internal/route", "/admin"):
        host.applications.get(path).expect(404)
    assert host.applications.get("/").expect(302).header("Location") == "http://localhost:3000/"


def test_status(host, app):
    assert status(host)["verdict"] == "ok" and "http://localhost:3002" in status(host)["detail"]
    assert host.bus_property("ApplicationsURL") == "http://localhost:3002"
    assert host.bus_property("MisplacedInstances") == []


def test_configured_url(host, app):
    with configured(host, "ApplicationsURL=https://apps.example:8443"):
        assert host.bus_property("ApplicationsURL") == "https://apps.example:8443"
        wanted = f"https://apps.example:8443{app.base}/"
        # nginx goes by a route for a second, and its former workers answer until they have gone.
        wait_for("its link leads there", lambda: host.public.get(app.base + "/").header("Location") == wanted, 4)
        assert app.id in host.bus_property("MisplacedInstances")


def test_one_port_for_all(host, work):
    """What was made then is told apart later."""
    with configured(host, "ApplicationsPort=3000"):
        instance = work.deploy(work.quick())
        assert instance.created["public_url"] == instance.created["access_url"]
        answer = instance.ask("/", client=host.public).expect(200)
        assert answer.header("Content-Security-Policy") is None
        assert status(host)["verdict"] == "warning" and "share the landing page's address" in status(host)["detail"]
        with pytest.raises(ConnectionRefusedError):
            host.applications.get("/")
    # It knows the landing page's address only.
    wait_for("it is sandboxed", lambda: is_sandboxed(instance.ask("/", client=host.public).expect(200)), 4)
    assert host.bus_property("MisplacedInstances") == [instance.id]
    assert status(host)["verdict"] == "warning" and instance.id in status(host)["detail"]
    # Until a restart tells it.
    before = host.container(instance.id)["Id"]
    host.exec("arkctl", "restart", instance.id)
    environment = host.container(instance.id)["Config"]["Env"]
    assert f"PUBLIC_URL=http://localhost:3002{instance.base}/" in environment and host.container(instance.id)["Id"] != before
    assert instance.state()["public_url"] == f"http://localhost:3002{instance.base}/"
    assert host.bus_property("MisplacedInstances") == [] and status(host)["verdict"] == "ok"
    wait_for("its link leads there", lambda: instance.ask("/", client=host.public).status == 307, 4)
    instance.ask("/").expect(200)
