# SPDX-License-Identifier: MIT
"""What reaches an application through its link, what comes back, and what must not."""

import hashlib
import os
import threading
import time

import pytest

from arkhost import PATIENCE, wait_for
from websocket import CLOSE, PING, PONG, TEXT, WebSocket
from workshop import Workshop


@pytest.fixture(scope="module")
def shop(host):
    with Workshop(host) as work:
        yield work


@pytest.fixture(scope="module")
def app(shop):
    """The test application, which expects its prefix to be stripped."""
    return shop.deploy(shop.quick(), "Alpha")


@pytest.fixture(scope="module")
def other(shop):
    return shop.deploy(shop.quick(), "Beta")


@pytest.fixture(scope="module")
def keeping(shop):
    """The same behind a prefix that is kept: it answers 404 to all of that, and logs what it was asked."""
    return shop.deploy(shop.quick(prefix="keep", health_path="/healthz"), "Gamma")


def echo(instance, path="", **kwargs):
    return instance.ask("/echo/" + path, **kwargs).expect(200).json


def received(echoed, name):
    return [value for key, value in echoed["headers"] if key.lower() == name.lower()]


def test_prefix_is_stripped(app):
    seen = echo(app, "some/path?x=1&y=%2F")
    assert (seen["path"], seen["query"]) == ("/echo/some/path", "x=1&y=%2F")
    assert received(seen, "X-Forwarded-Prefix") == [app.base]


def test_prefix_is_kept(host, keeping):
    answer = keeping.ask("/echo/a%20b%2Fc?x=%2F").expect(404)
    assert answer.text == "nothing here\n"
    assert f'"GET {keeping.base}/echo/a%20b%2Fc?x=%2F HTTP/1.1" 404' in host.container_logs(keeping.id)
    environment = host.container(keeping.id)["Config"]["Env"]
    assert f"BASE_PATH={keeping.base}" in environment


@pytest.mark.parametrize("path", ["a%20b%2Fc", "a%252Fb", "%C3%B1", "a//b", "a;b=c", "a+b", "%2e%2e%2fb", "a%5Cb",
                                  "~!$&'()*+,=:@", "x" * 2000])
def test_raw_path_arrives_as_it_was_sent(app, path):
    assert echo(app, path)["path"] == "/echo/" + path


def test_forwarded_headers(host, app):
    seen = echo(app)
    assert received(seen, "Host") == ["localhost:3002"]
    assert received(seen, "X-Forwarded-Host") == ["localhost:3002"]
    assert received(seen, "X-Forwarded-Proto") == ["http"]
    assert received(seen, "X-Forwarded-For") == ["127.0.0.1"]
    from_elsewhere = app.ask("/echo/", client=host.outside(port=3002), headers=[
        ("X-Forwarded-For", "9.9.9.9"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Prefix", "/evil"), ("X-Real-IP", "9.9.9.9"), ("Forwarded", "for=9.9.9.9")]).json
    peer = host.address.rsplit(".", 1)[0] + ".1"
    assert received(from_elsewhere, "X-Forwarded-For") == [peer]
    assert received(from_elsewhere, "X-Real-IP") == [peer]
    assert received(from_elsewhere, "X-Forwarded-Proto") == ["http"]
    assert received(from_elsewhere, "X-Forwarded-Host") == [f"{host.address}:3002"]
    assert received(from_elsewhere, "X-Forwarded-Prefix") == [app.base]
    assert received(from_elsewhere, "Forwarded") == []


def test_internal_headers_reach_no_application(host, app):
    names = ["X-Ark-Instance", "X-Ark-Upstream", "X-Ark-Proxy-Key", "X-Ark-Peer-Address", "X-Ark-Peer-Port",
             "X-Ark-State", "X-Ark-Prefix", "Tailscale-User-Login", "Tailscale-User-Name"]
    seen = app.ask("/echo/", headers=[(name, "forged") for name in names]).expect(200).json
    assert [name for name in names if received(seen, name)] == []
    assert host.proxy_key not in str(seen)


def test_forged_upstream_leads_nowhere_else(app, other):
    forged = [("X-Ark-Upstream", "127.0.0.1:5050"), ("X-Ark-Instance", other.id)]
    assert "Test app of Alpha" in app.ask("/", headers=forged).expect(200).text


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_methods_and_bodies(app, method):
    seen = echo(app, "x", method=method, body=b"hello")
    assert (seen["method"], seen["body_bytes"]) == (method, 5)


def test_redirects_and_cookies_come_back_under_the_prefix(host, app):
    answer = app.ask("/redirect").expect(302)
    assert answer.header("Location").removeprefix("http://localhost:3002") == f"{app.base}/echo/there"
    cookies = app.ask("/cookie").expect(200).all("Set-Cookie")
    assert any(f"Path={app.base}/;" in cookie and cookie.startswith("session=one") for cookie in cookies)
    assert any(cookie == f"theme=dark; Path={app.base}/echo" for cookie in cookies)


def test_link_without_its_slash(host, app):
    answer = host.public.get(f"{app.base}?x=1")
    assert answer.status in (301, 302, 307, 308)
    assert answer.header("Location").removeprefix("http://localhost:3000") == f"{app.base}/?x=1"


def test_headers_that_concern_the_whole_origin_are_held_back(app):
    answer = app.ask("/headers").expect(200)
    assert answer.header("X-Kept") == "yes"
    for name in ("Service-Worker-Allowed", "Clear-Site-Data", "Strict-Transport-Security", "Alt-Svc"):
        assert not answer.all(name)


def test_path_never_crosses_to_another_instance(host, app, other):
    for path in (f"{app.base}/../{other.id}/echo/", f"{app.base}/%2e%2e/{other.id}/echo/",
                 f"{app.base}/..%2f{other.id}/echo/", f"{app.base}/x/../../{other.id}/echo/",
                 f"/instances/./{app.id}/../{other.id}/", f"{app.base}/.%2e/{other.id}/",
                 f"/instances//{app.id}/../{other.id}/"):
        for client in (host.public, host.applications):
            answer = client.get(path)
            assert answer.status in (400, 404), (path, answer)
            assert "Beta" not in answer.text
    host.public.get(f"{app.base}/../{other.id}/").expect(400)
    host.public.get(f"{app.base}/../../api/products").expect(404)


def test_websocket(host, app):
    with WebSocket(host.connect_inside(3002), "localhost:3002", app.base + "/ws") as socket:
        assert socket.status == 101
        for size in (5, 200, 60000):
            data = os.urandom(size // 2).hex().encode()
            socket.send(TEXT, data)
            assert socket.receive() == (TEXT, data)
        socket.send(PING, b"there?")
        assert socket.receive() == (PONG, b"there?")
        socket.send(CLOSE, b"")
        assert socket.receive()[0] == CLOSE


def test_stream_arrives_piece_by_piece(app):
    connection, response = app.host.applications.open("GET", app.base + "/stream")
    times = []
    for number in range(10):
        assert response.readline() == f"chunk {number}\n".encode()
        times.append(time.monotonic())
    connection.close()
    # The application takes 1.8 seconds from the first to the last.
    assert times[-1] - times[0] > 1.4
    assert max(later - earlier for earlier, later in zip(times, times[1:])) < 1


def test_large_upload(app):
    body = os.urandom(20 * 1024 * 1024)
    stored = app.ask("/upload", "POST", body, timeout=60).expect(200).json
    assert stored == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_upload_without_a_length(app):
    pieces = [os.urandom(100_000) for _ in range(30)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    stored = app.ask("/upload", "POST", body, [("Transfer-Encoding", "chunked")], timeout=60).expect(200).json
    assert stored == {"bytes": 3_000_000, "sha256": hashlib.sha256(b"".join(pieces)).hexdigest()}


def test_upload_reaches_the_application_as_it_is_sent(host, app):
    """Not only when it is whole: an application may refuse it early, and no disk of the host fills up."""
    with host.connect_inside(3002) as raw:
        raw.sendall(f"POST {app.base}/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n".encode())
        raw.sendall(b"x" * 1000)
        address = host.container(app.id)["NetworkSettings"]["Networks"]["ark_production"]["IPAddress"]
        wait_for("nginx has connected to the application",
                 lambda: host.exec("ss", "-Htn", "state", "established", "dst", f"{address}:8080"), 10)


def test_unknown_instance_is_a_page(host):
    for path in ("/instances/client_aaaaaaaaaaaa/", "/instances/nobody/", "/instances/", "/instances/UPPER/",
                 "/instances/a.b/"):
        answer = host.public.get(path)
        assert answer.status in (400, 404)
        assert answer.header("Content-Type").startswith("text/html") and "Not found" in answer.text
    host.public.get("/instances/client_aaaaaaaaaaaa/").expect(404)


def test_pending_instance_is_a_page_that_reloads_itself(host, work):
    instance = work.order(work.quick({"MODE": "silent"}))
    wait_for("it starts", lambda: instance.state()["phase"] == "health", 20)
    answer = instance.ask("/").expect(503)
    assert answer.header("Content-Type").startswith("text/html")
    assert 'http-equiv="refresh"' in answer.text and answer.header("Retry-After")
    assert answer.header("Cache-Control") == "no-store"
    # Waiting is for the application itself too: nothing of it is shown before it is ready.
    assert instance.ask("/echo/", method="POST", body=b"x").status == 503


def test_failed_instance_is_a_page(host, work):
    instance = work.order(work.quick({"MODE": "exit"}))
    instance.wait("failed")
    wait_for("the page says so", lambda: instance.ask("/").status == 404, 3)


def test_application_that_is_down_is_a_page(host, work):
    instance = work.deploy(work.quick())
    instance.ask("/").expect(200)
    host.exec("docker", "stop", "--time", "1", instance.id)
    # At first nginx finds out by itself, then arkd knows and says so.
    end = time.monotonic() + 3
    while time.monotonic() < end:
        answer = instance.ask("/").expect(502)
        assert "does not answer right now" in answer.text and answer.header("Retry-After")
    assert instance.state()["status"] == "failed"
    host.exec("docker", "start", instance.id)
    wait_for("it is back", lambda: instance.ask("/").status == 200, 20)
    assert instance.state()["status"] == "running"


def test_route_of_a_deleted_instance_is_gone(host, work):
    instance = work.deploy(work.quick())
    instance.ask("/").expect(200)
    instance.delete()
    # nginx remembers a route for a second, and notices in two that nobody is at an address.
    instance.wait_for_page(404, 4)


def test_address_of_a_deleted_instance_is_not_given_to_the_next(host, work):
    product = work.quick()
    addresses = set()
    for _ in range(3):
        instance = work.deploy(product)
        addresses.add(host.container(instance.id)["NetworkSettings"]["Networks"]["ark_production"]["IPAddress"])
        instance.delete()
    assert len(addresses) == 3


def test_one_instance_is_not_held_up_by_another(host, app, work):
    hung = work.deploy(work.quick())
    host.exec("docker", "pause", hung.id)
    try:
        waiting = [threading.Thread(target=lambda: _try(hung), daemon=True) for _ in range(50)]
        for thread in waiting:
            thread.start()
        for _ in range(20):
            begun = time.monotonic()
            app.ask("/healthz").expect(200)
            assert time.monotonic() - begun < 1 * PATIENCE
    finally:
        host.exec("docker", "unpause", hung.id)
    for thread in waiting:
        thread.join(20)
        assert not thread.is_alive()


def _try(instance):
    instance.ask("/healthz")


def test_admin_is_led_to_the_other_port(host):
    for path in ("/admin", "/admin/"):
        answer = host.public.get(path).expect(302)
        assert answer.header("Location") == "http://localhost:3001/"
