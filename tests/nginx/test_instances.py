# SPDX-License-Identifier: MIT
"""How /instances/<id>/ reaches an application at the applications' address, and no other's."""

import copy
import socket
import threading
import time

import pytest

from conftest import Peer


@pytest.fixture
def site(site):
    """Asked at the applications' port, where it matters not at which."""
    there = copy.copy(site)
    there.public = site.applications
    return there


PATHS = ["/", "/x", "/a%20b%2Fc", "/x//y", "/x/?", "/?q=%2F..&r=a+b", "/%C3%A9?", "/a/%2e%2e/b", "/a/./b", "/;v=1",
         "/a?x=/../y"]


@pytest.mark.parametrize("path", PATHS)
def test_strip_sends_the_raw_path_less_the_prefix(site, app, running, path):
    assert site.ask(f"/instances/{running}{path}").text == f"app {path}"
    assert app.last.get("X-Forwarded-Prefix") == f"/instances/{running}"


@pytest.mark.parametrize("path", PATHS)
def test_keep_sends_the_whole_raw_path(site, app, keeping, path):
    whole = f"/instances/{keeping}{path}"
    assert site.ask(whole).text == f"app {whole}"
    assert app.last.get("X-Forwarded-Prefix") is None, "nothing was taken off"


@pytest.mark.parametrize("query", ["", "?a=1&b=%2F", "?"])
def test_a_missing_slash_is_added(site, arkd, running, query):
    answer = site.ask(f"/instances/{running}{query}")
    assert answer.status == 308
    assert answer.get("Location") == f"/instances/{running}/{query}"


@pytest.mark.parametrize("target", [
    "/instances/{a}/../{b}/", "/instances/{a}/%2e%2e/{b}/", "/instances/{a}/..%2f{b}/", "/instances/{a}%2f..%2f{b}/",
    "/instances/{a}/x/../../{b}/y", "/instances/{a}/.%2e/{b}/", "/instances/{a}%2fx", "/instances/{a}%2F",
    "/instances//{a}/", "//instances/{a}/", "/instances/./{a}/", "/x/../instances/{a}/", "/instances/%61{a}/",
    "/instances/{a}%00/", "/instances/{A}/", "/instances/{a}.b/", "/instances/{a};x/", "/instances/../instances/{a}/",
    "/instances/{a}/#/../../{b}/", "/%69nstances/{a}/", "/instances/", "/instances/{a}%3fx", "/instances/{a}%23"])
def test_ambiguous_addresses_are_refused(site, arkd, app, new_id, target):
    a, b, other = new_id(), new_id(), Peer()
    arkd.run(a, app)
    arkd.run(b, other)
    answer = site.ask(target.format(a=a, b=b, A=a.upper()))
    assert answer.status == 400
    assert not app.requests and not other.requests
    other.stop()


def test_dots_that_leave_the_instances_reach_none(site, app, running):
    assert site.ask(f"/instances/{running}/../../").status == 302, "to the landing page"
    assert site.ask(f"/instances/{running}/../../x").status == 404
    assert not app.requests


def test_what_the_application_is_told(site, arkd, app, running):
    site.ask(f"/instances/{running}/", headers=[
        ("Host", "ark.example:3000"), ("Cookie", "a=b"), ("Authorization", "Basic x"), ("X-Forwarded-For", "6.6.6.6, 198.51.100.6"),
        ("X-Forwarded-Host", "second.example"), ("X-Forwarded-Prefix", "/evil"), ("Forwarded", "for=6.6.6.6"), ("Proxy", "evil"),
        ("X-Ark-Proxy-Key", "x"), ("X-Ark-Peer-Address", "x"), ("X-Ark-Peer-Port", "1"), ("X-Ark-Instance", "x"),
        ("X-Ark-Upstream", "x"), ("X-Ark-State", "x"), ("X-Ark-Prefix", "x"), ("Tailscale-User-Login", "x"),
        ("Tailscale-User-Name", "x"), ("Tailscale-User-Profile-Pic", "x"), ("Upgrade", "h2c")])
    seen = app.last
    assert seen.first.endswith(" HTTP/1.1")
    assert seen.get("Host") == "second.example" == seen.get("X-Forwarded-Host")
    assert seen.get("X-Forwarded-Proto") == "http"
    assert seen.get("X-Forwarded-For") == seen.get("X-Real-IP") == "198.51.100.6", "what is on this host is believed"
    assert seen.get("Cookie") == "a=b" and seen.get("Authorization") == "Basic x"
    forbidden = [n for n, _ in seen.headers if n.lower().startswith(("x-ark", "tailscale", "forwarded", "proxy", "upgr"))]
    assert not forbidden
    assert "test-proxy-key" not in str(seen.headers)


STRIPPED = [("/login?n=%2F", "{base}/login?n=%2F"), ("/", "{base}/"), ("login", "login"), ("?p=2", "?p=2"),
            ("{base}/x", "{base}/x"), ("http://ark.example/x", "http://ark.example{base}/x"),
            ("http://ark.example{base}/x", "http://ark.example{base}/x"), ("//other.example/x", "//other.example/x"),
            ("https://other.example/x", "https://other.example/x"),
            ("http://{upstream}/x", "http://ark.example{base}/x"), ("/instances/x", "{base}/instances/x")]
KEPT = [("{base}/login", "{base}/login"), ("http://ark.example{base}/x", "http://ark.example{base}/x"),
        ("login", "login"), ("/", "/"), ("https://other.example/x", "https://other.example/x")]


@pytest.mark.parametrize("kind, said, becomes",
                         [("running", *r) for r in STRIPPED] + [("keeping", *r) for r in KEPT])
def test_redirects_stay_under_the_prefix(site, app, request, kind, said, becomes):
    base = "/instances/" + request.getfixturevalue(kind)
    fill = lambda text: text.format(base=base, upstream=app.address)
    app.answer = lambda _request, _handler: (302, [("Location", fill(said))], b"")
    answer = site.ask(f"{base}/", headers=[("Host", "ark.example")])
    assert answer.status == 302 and answer.get("Location") == fill(becomes)


@pytest.mark.parametrize("kind", ["running", "keeping"])
@pytest.mark.parametrize("said, becomes", [("Path=/", "path={base}/"), ("Path=/a", "path={base}/a"),
                                           ("Path={base}", "path={base}"), ("Path={base}/a", "path={base}/a")])
def test_cookies_stay_under_the_prefix(site, app, request, kind, said, becomes):
    base = "/instances/" + request.getfixturevalue(kind)
    app.answer = lambda _request, _handler: (
        200, [("Set-Cookie", f"one=1; {said.format(base=base)}; HttpOnly"), ("Set-Cookie", "two=2; Secure")], b"")
    one, two = site.ask(f"{base}/").all("Set-Cookie")
    assert one.lower() == f"one=1; {becomes.format(base=base)}; httponly".lower()
    assert two == "two=2; Secure"


def test_an_application_has_no_say_over_nginx(site, arkd, app, running):
    app.answer = lambda request, handler: (200, [
        ("X-Accel-Redirect", "/internal/route"), ("X-Accel-Limit-Rate", "1"), ("X-Accel-Charset", "utf-7"),
        ("Clear-Site-Data", '"*"'), ("Service-Worker-Allowed", "/"), ("Content-Type", "text/html"),
        ("X-Own", "kept")], b"mine" * 100)
    answer = site.ask(f"/instances/{running}/", headers=[("Accept-Encoding", "gzip")])
    assert answer.status == 200 and answer.text == "mine" * 100
    assert answer.get("Clear-Site-Data") is None and answer.get("Service-Worker-Allowed") is None
    assert answer.get("Content-Security-Policy") is None and answer.get("X-Own") == "kept"
    assert answer.get("Content-Type") == "text/html"


@pytest.mark.parametrize("said", [b"\r\nHTTP/1.1 200 OK", b"xHTTP/1.1 200 OK", b"HTTP/1.1 2000 OK", b"HTTP/2 200",
                                  b"HTTP/1.1 103 Early Hints\r\n\r\n" * 65 + b"HTTP/1.1 200 OK",
                                  b"HTTP/1.1 99 Less\r\n\r\nHTTP/1.1 200 OK", b"<html>"])
def test_nothing_of_an_application_passes_unseen(site, app, running, said):
    """nginx hands on what follows as it is, and a browser would take it for an answer, with headers that are hidden."""
    def answer(request, handler):
        handler.wfile.write(said + b"\r\nClear-Site-Data: x\r\nContent-Length: 0\r\n\r\n")

    app.answer = answer
    with site.connect() as client:
        client.sendall(f"GET /instances/{running}/ HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(1000) == b""


@pytest.mark.parametrize("status", [400, 403, 404, 500, 502, 503, 504])
def test_an_applications_errors_are_its_own(site, app, running, status):
    app.answer = lambda request, handler: (status, [], b"said so")
    answer = site.ask(f"/instances/{running}/x")
    assert (answer.status, answer.text) == (status, "said so")


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_pending_shows_the_waiting_page(site, arkd, new_id, method):
    instance = new_id()
    arkd.state(instance, "pending")
    page = site.ask(f"/instances/{instance}/x", method, body=b"some" if method == "POST" else b"")
    assert page.status == 503
    assert page.get("Retry-After") == "2" and page.get("Cache-Control") == "no-store"
    assert page.get("Content-Type").startswith("text/html")
    if method != "HEAD":
        assert 'http-equiv="refresh" content="2"' in page.text and "se está preparando" in page.text


def test_waiting_ends_by_itself(site, arkd, app, new_id):
    instance = new_id()
    arkd.state(instance, "pending")
    assert site.ask(f"/instances/{instance}/").status == 503
    arkd.run(instance, app)
    deadline = time.monotonic() + 3
    while (answer := site.ask(f"/instances/{instance}/")).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert answer.text == "app /"


@pytest.mark.parametrize("state", ["failed", "deleting", "deleted", "unknown", ""])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_does_not_run_is_not_found(site, arkd, new_id, state, method):
    instance = new_id()
    arkd.state(instance, state)
    page = site.ask(f"/instances/{instance}/", method)
    assert page.status == 404 and "Aquí no hay nada" in page.text
    assert page.get("Retry-After") is None


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/", "/x/y.html", "/x/?q"])
def test_an_application_that_is_down_is_502(site, arkd, new_id, method, path):
    gone, instance = Peer(), new_id()
    gone.stop()
    arkd.run(instance, gone)
    page = site.ask(f"/instances/{instance}{path}", method, body=b"x" if method == "POST" else b"")
    assert page.status == 502 and "no responde" in page.text
    assert page.get("Cache-Control") == "no-store"


def test_an_application_that_has_gone_meanwhile_is_not_found(site, arkd, new_id):
    """Its address takes no connection any more, and by then arkd knows."""
    instance = new_id()
    with socket.socket() as hole, socket.socket() as first, socket.socket() as second:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for filling in (first, second):
            filling.setblocking(False)
            filling.connect_ex(hole.getsockname())
        arkd.run(instance, "127.0.0.1:%d" % hole.getsockname()[1])
        route = arkd.answer

        def and_gone(request, handler):
            answer = route(request, handler)
            arkd.state(instance, "deleted")
            return answer

        arkd.answer = and_gone
        try:
            page = site.ask(f"/instances/{instance}/", "POST", body=b"x" * 2_000_000)
        finally:
            arkd.answer = route
    assert page.status == 404 and "Aquí no hay nada" in page.text
    assert len(arkd.asked_about(instance)) == 2


def test_the_route_is_asked_without_the_clients_words(site, arkd, app, running):
    site.ask(f"/instances/{running}/x?y", "POST", body=b"secret", headers=[("Cookie", "c=1"), ("X-Ark-Instance", "z")])
    asked, = arkd.requests
    assert asked.first == "GET /internal/route HTTP/1.1" and asked.body == b""
    assert asked.get("X-Ark-Instance") == running and asked.get("X-Ark-Proxy-Key") == "test-proxy-key"
    assert asked.get("X-Ark-Peer-Address") == "127.0.0.1" and asked.get("Cookie") is None
    assert asked.get("Host") == "localhost", "the answer is for all who name one of the hosts that nginx knows"
    assert app.last.body == b"secret"


def test_the_route_is_remembered_for_a_second(site, arkd, app, running):
    start = time.monotonic()
    while time.monotonic() < start + 0.5:
        site.ask(f"/instances/{running}/")
    assert len(app.requests) > 20
    assert len(arkd.asked_about(running)) <= 2


def test_nobody_is_sent_to_a_strangers_address(site, arkd, app, running, new_id):
    """Neither in a stream of requests nor with the first after a pause, which is when the tempting kinds of
    stale answer (`updating`) send one astray."""
    stranger, stop, answers = Peer(), threading.Event(), []
    seldom = new_id()
    arkd.run(seldom, app)
    assert site.ask(f"/instances/{seldom}/").text == "app /"
    stranger.answer = lambda request, handler: (200, [], b"stranger")

    def visit():
        while not stop.is_set():
            sent = time.monotonic()
            answers.append((sent, site.ask(f"/instances/{running}/").text))

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        while len(answers) < 20:
            time.sleep(0.01)
        arkd.run(running, stranger)
        arkd.run(seldom, stranger)
        # nginx counts whole seconds: an answer of one second is at most two seconds old.
        fresh = time.monotonic() + 2.0
        while time.monotonic() < fresh + 0.3:
            time.sleep(0.05)
        assert site.ask(f"/instances/{seldom}/").text == "stranger"
        assert {text for _, text in answers} == {"app /", "stranger"}
        assert {text for sent, text in answers if sent > fresh} == {"stranger"}
    finally:
        stop.set()
        for visitor in visitors:
            visitor.join()
        stranger.stop()


def test_requests_go_on_while_arkd_is_away(site, arkd, app, running):
    assert site.ask(f"/instances/{running}/").status == 200
    # Away from before the answer is too old until after it.
    arkd.stop()
    try:
        deadline = time.monotonic() + 2.2
        while time.monotonic() < deadline:
            assert site.ask(f"/instances/{running}/").status == 200
            time.sleep(0.02)
        unknown = site.ask("/instances/never_seen_before/")
        assert unknown.status == 503 and "Un momento" in unknown.text
        assert unknown.get("Retry-After") == "2"
    finally:
        arkd.start()
    for status in (500, 503):
        arkd.status = status
        assert site.ask(f"/instances/{running}/").status == 200
        assert site.ask("/instances/never_seen_before/").status == 503
    assert len(arkd.asked_about(running)) == 3, "it was asked anew each time"


def test_websocket(site, arkd, app, running):
    def upgrade(request, handler):
        handler.wfile.write(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while (data := handler.rfile.read1(100)):
            handler.wfile.write(data.upper())

    app.answer = upgrade
    with site.connect() as client, client.makefile("rb") as incoming:
        client.sendall(f"GET /instances/{running}/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                       "Connection: keep-alive, Upgrade\r\n\r\n".encode())
        assert incoming.readline().startswith(b"HTTP/1.1 101 ")
        while incoming.readline() != b"\r\n":
            pass
        for word in (b"hello", b"again"):
            client.sendall(word)
            assert incoming.read(5) == word.upper()
    seen = app.last
    assert seen.get("Upgrade") == "websocket" and seen.get("Connection").lower() == "upgrade"


def test_streams_go_both_ways_at_once(site, app, running):
    app.reads_body = False

    def echo(request, handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n")
        for _ in range(3):
            handler.wfile.write(handler.rfile.read(4).upper())

    app.answer = echo
    with site.connect() as client, client.makefile("rb") as incoming:
        client.sendall(f"POST /instances/{running}/s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n"
                       "Connection: close\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        client.sendall(b"one ")
        assert incoming.readline().startswith(b"HTTP/1.1 200 ")
        while incoming.readline() != b"\r\n":
            pass
        for word in (b"two ", b"end "):
            incoming.readline()
            assert incoming.read(4)
            incoming.readline()
            client.sendall(word)


def test_a_large_body_arrives(site, app, running):
    body = b"0123456789abcdef" * 500_000
    assert site.ask(f"/instances/{running}/upload", "PUT", body=body).status == 200
    assert app.last.body == body
