# SPDX-License-Identifier: MIT
"""The pages, the API and what must not be reachable. Instances: test_instances.py."""

import json

import pytest

from conftest import KEY, read_head


def assert_problem(answer, status):
    """What nginx says itself has the form of what arkd says."""
    problem = json.loads(answer.text)
    assert answer.status == status and problem["status"] == status
    assert answer.get("Content-Type") == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "reason"}
    assert problem["reason"] == problem["detail"] != ""


def test_landing_page(site):
    page = site.ask("/")
    assert page.status == 200 and "landing" in page.text
    assert page.get("Content-Type") == "text/html; charset=utf-8"
    assert page.get("Cache-Control") == "no-cache"
    assert page.get("X-Content-Type-Options") == "nosniff"
    assert page.get("Referrer-Policy") == "same-origin"
    policy = page.get("Content-Security-Policy")
    for rule in ("default-src 'self'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert rule in policy
    assert page.get("Server") == "nginx"


def test_assets_are_kept_and_compressed(site):
    asset = site.ask("/assets/main-abc123.js", headers=[("Accept-Encoding", "gzip")])
    assert asset.status == 200
    assert "immutable" in asset.get("Cache-Control")
    assert asset.get("Content-Encoding") == "gzip"
    assert "script-src 'self'" in asset.get("Content-Security-Policy")
    missing = site.ask("/assets/gone.js")
    assert missing.status == 404 and "immutable" not in str(missing.headers)


@pytest.mark.parametrize("target", ["/nothing", "/instances", "/index.php", "/ark-pages/waiting.html"])
def test_unknown_pages_are_404(site, target):
    page = site.ask(target)
    assert page.status == 404 and "Aquí no hay nada" in page.text


@pytest.mark.parametrize("target", ["/admin", "/admin/", "/admin/instances?x=1"])
@pytest.mark.parametrize("host, to", [("ark.example:3000", "ark.example"), ("[::1]:3000", "[::1]")])
def test_admin_goes_to_the_console(site, target, host, to):
    page = site.ask(target, headers=[("Host", host)])
    assert page.status == 302
    assert page.get("Location") == f"http://{to}:3001/"


@pytest.mark.parametrize("listener", ["public", "admin"])
@pytest.mark.parametrize("target", ["/api/instances?a=%2f&b=1", "/healthz",
                                    "/api/instances/x/events", "/api/%2e%2e/api/x", "/api/a%2fb"])
def test_api_reaches_the_right_listener(site, arkd, listener, target):
    peer = arkd if listener == "public" else site.arkd_admin
    port = site.public if listener == "public" else site.admin
    answer = site.ask(target, port=port, headers=[("Authorization", "Bearer t"), ("Origin", "http://o")])
    assert answer.status == 418 and answer.text == '{"from":"arkd"}'
    seen = peer.last
    assert seen.target == target, "arkd judges the raw path"
    assert seen.get("Host") == f"localhost:{port}"
    assert seen.get("X-Ark-Proxy-Key") == KEY
    assert seen.get("X-Ark-Peer-Address") == "127.0.0.1"
    assert 0 < int(seen.get("X-Ark-Peer-Port")) < 65536
    assert seen.get("Authorization") == "Bearer t" and seen.get("Origin") == "http://o"


@pytest.mark.parametrize("listener", ["public", "admin"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("line, host", [("/healthz HTTP/1.0", "localhost"), ("/healthz?from=here HTTP/1.0", "localhost"),
                                        ("/healthz HTTP/1.0\r\nHost: ark.example", "ark.example"),
                                        ("/healthz HTTP/1.0\r\nHost: evil.example", "evil.example"),
                                        ("/api/products HTTP/1.0", None), ("/healthzx HTTP/1.0", None)])
def test_health_is_asked_for_without_a_name(site, arkd, listener, method, line, host):
    """As load balancers do. Nothing else is answered to who names no host."""
    peer, port = (arkd, site.public) if listener == "public" else (site.arkd_admin, site.admin)
    peer.requests.clear()
    with site.connect(port) as client, client.makefile("rb") as incoming:
        client.sendall(f"{method} {line}\r\n\r\n".encode())
        read_head(incoming)
    asked = [request for request in peer.requests if not request.target.startswith("/internal/")]
    if "healthzx" not in line:
        assert [request.get("Host") for request in asked] == [host]


def test_metrics_are_for_operators(site, arkd):
    before = len(arkd.requests)
    for target in ("/metrics", "/metrics?x=1", "/x/../metrics"):
        for method in ("GET", "HEAD", "POST"):
            answer = site.ask(target, method, headers=[("Authorization", "Bearer t")])
            assert answer.status == 403, (target, method)
    assert_problem(site.ask("/metrics"), 403)
    assert len(arkd.requests) == before
    assert site.ask("/metrics/x").status == 404
    assert site.ask("/metrics", port=site.admin, headers=[("Authorization", "Bearer t")]).status == 418
    assert site.arkd_admin.last.target == "/metrics"
    assert site.arkd_admin.last.get("Authorization") == "Bearer t"


def test_a_client_cannot_speak_for_nginx(site, arkd):
    site.ask("/api/x", headers=[("X-Ark-Proxy-Key", "stolen"), ("X-Ark-Peer-Address", "100.64.0.9"),
                                ("X-Ark-Peer-Port", "1"), ("X-Ark-Instance", "a"),
                                ("Tailscale-User-Login", "boss@example"), ("X_Ark_Peer_Address", "1.1.1.1")])
    seen = arkd.last
    assert seen.get("X-Ark-Proxy-Key") == KEY
    assert seen.get("X-Ark-Peer-Address") == "127.0.0.1"
    assert seen.get("X-Ark-Instance") is None
    assert seen.get("Tailscale-User-Login") is None
    assert seen.get("X_Ark_Peer_Address") is None


def test_bodies_arrive_whole_and_arkd_refuses_large_ones(site, arkd):
    body = json.dumps({"a": "x" * 70_000}).encode()
    assert site.ask("/api/instances", "POST", body=body).status == 418
    assert arkd.last.body == body
    seen = len(arkd.requests)
    refused = site.ask("/api/instances", "POST", body=b"x" * 300_000)
    assert_problem(refused, 413)
    assert len(arkd.requests) == seen


@pytest.mark.parametrize("target", [
    "/internal/route", "/internal/", "/internal/other", "/api/../internal/route", "/internal%2froute",
    "/api/%2e%2e/internal/route", "//internal/route", "/%69nternal/route",
    "/internal/route/../../api/x", "/x/../api/instances", "//api/instances", "/%61pi/instances",
    "/x/../healthz", "/internal/route/../../healthz"])
@pytest.mark.parametrize("listener", ["public", "admin"])
def test_tricks_do_not_reach_arkd(site, arkd, target, listener):
    before = len(arkd.requests) + len(site.arkd_admin.requests)
    port = site.public if listener == "public" else site.admin
    assert site.ask(target, port=port).status == 404
    assert len(arkd.requests) + len(site.arkd_admin.requests) == before


@pytest.mark.parametrize("target", ["/api/instances", "/api/instances/a/events", "/healthz", "/api/../x"])
@pytest.mark.parametrize("listener", ["public", "admin"])
def test_a_method_nginx_refuses_is_a_problem_document(site, arkd, target, listener):
    before = len(arkd.requests) + len(site.arkd_admin.requests)
    answer = site.ask(target, "TRACE", port=site.public if listener == "public" else site.admin)
    assert_problem(answer, 405)
    assert "GET" in answer.get("Allow")
    assert len(arkd.requests) + len(site.arkd_admin.requests) == before


@pytest.mark.parametrize("method, target", [("TRACE", "/"), ("TRACE", "/instances/a/"), ("POST", "/")])
def test_a_page_takes_no_other_method(site, method, target):
    answer = site.ask(target, method)
    assert answer.status == 405 and "html" in answer.get("Content-Type")
    assert answer.get("Allow") == "GET, HEAD"


@pytest.mark.parametrize("target", ["/x/../api/instances", "//api/instances", "/%61pi/instances", "/x/../healthz"])
def test_a_path_that_only_becomes_the_api_is_told_so(site, target):
    assert_problem(site.ask(target), 404)


@pytest.mark.parametrize("target", ["/", "/instances/a/", "/admin", "/assets/main-abc123.js"])
def test_the_admin_port_offers_only_the_api(site, target):
    assert site.ask(target, port=site.admin).status == 404


def test_arkd_away_is_a_problem_document(site, arkd):
    arkd.stop()
    try:
        answer = site.ask("/api/products")
        assert_problem(answer, 503)
        assert answer.get("Retry-After") == "2"
    finally:
        arkd.start()


def test_events_come_as_they_are_sent(site, arkd):
    def stream(request, handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n")
        assert handler.rfile.read(1) == b"", "held open until the reader has gone"

    answer, arkd.answer = arkd.answer, stream
    try:
        with site.connect() as client, client.makefile("rb") as incoming:
            client.sendall(b"GET /api/instances/x/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while incoming.readline() != b"\r\n":
                pass
            assert b"data: one" in incoming.readline() + incoming.readline()
    finally:
        arkd.answer = answer
