# SPDX-License-Identifier: MIT
"""What one visitor and one instance may take of the web server, and what is left for the others."""

import contextlib
import time

import pytest

from conftest import API_BURST, PER_INSTANCE, PER_VISITOR
from test_site import assert_problem

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket")]


def held(site, stack, target, source, headers=()):
    """A request that the application answers with the beginning of a stream; answers the status."""
    stream = stack.enter_context(site.connect(port=site.applications, source=source))
    stream.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n".encode() +
                   "".join(f"{k}: {v}\r\n" for k, v in headers).encode() + b"\r\n")
    return int(stream.recv(64).split(b" ")[1])


def streams(request, handler):
    """An event stream, or a websocket where one is asked for."""
    if request.get("Upgrade"):
        handler.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    else:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: begun\n\n")
    while handler.rfile.read(1):
        pass


def free_again(site, target, source):
    deadline = time.monotonic() + 10
    while (status := site.ask(target, source=source).status) == 429:
        assert time.monotonic() < deadline, "it stays refused"
        time.sleep(0.05)
    return status


@pytest.mark.parametrize("headers", [[], UPGRADE], ids=["events", "websocket"])
def test_a_visitor_has_a_share(site, running, app, headers):
    app.answer = streams
    target, source = f"/instances/{running}/", "127.0.0.11"
    with contextlib.ExitStack() as stack:
        taken = [held(site, stack, target, source, headers) for _ in range(PER_VISITOR)]
        assert set(taken) <= {200, 101}
        refused = site.ask(target, source=source)
        assert refused.status == 429 and "Demasiadas conexiones" in refused.text
        assert refused.get("Retry-After") == "5" and refused.get("Cache-Control") == "no-store"
        # Nor the pages and the API of that visitor; others are served.
        assert site.ask("/", source=source).status == 429
        assert_problem(site.ask("/api/products", source=source), 429)
        assert site.ask("/", source="127.0.0.12").status == 200
        assert held(site, stack, target, "127.0.0.12", headers) in (200, 101)
        assert site.ask("/api/products", source="127.0.0.12").status == 418
    assert free_again(site, "/", source) == 200


def test_an_instance_has_a_share(site, running, app, arkd, new_id):
    app.answer = streams
    target, other = f"/instances/{running}/", new_id()
    arkd.run(other, app)
    with contextlib.ExitStack() as stack:
        for n in range(PER_INSTANCE):
            assert held(site, stack, target, f"127.0.0.{20 + n % 3}") == 200
        assert site.ask(target, source="127.0.0.24").status == 429
        assert held(site, stack, f"/instances/{other}/", "127.0.0.24") == 200
        assert site.ask("/", source="127.0.0.24").status == 200


def test_this_host_has_no_share(site, running, app):
    app.answer = streams
    with contextlib.ExitStack() as stack:
        for _ in range(PER_INSTANCE):
            assert held(site, stack, f"/instances/{running}/", "127.0.0.1") == 200
        assert site.ask("/").status == 200


def test_who_asks_the_api_without_end_is_slowed_down(site, arkd):
    answers = [site.ask("/api/products", source="127.0.0.31") for _ in range(API_BURST + 5)]
    assert [one.status for one in answers[:API_BURST + 1]] == [418] * (API_BURST + 1)
    assert_problem(answers[-1], 429)
    assert answers[-1].get("Retry-After") == "1"
    assert site.ask("/api/products", source="127.0.0.32").status == 418
    assert site.ask("/", source="127.0.0.31").status == 200, "pages are not counted"


def test_a_public_ipv6_network_is_one_visitor(site, arkd):
    """However an address of its /64 is written, that is; here a proxy says whose it is."""
    one = ["2001:db8:1::1", "2001:db8:1::2", "2001:db8:1::2:1", "2001:db8:1::3:2:1", "2001:db8:1:0:4:3:2:1",
           "2001:db8:1:0:5::", "2001:db8:1:0:6::1"]
    answers = [site.ask("/api/products", headers=[("X-Forwarded-For", address)]) for address in one]
    assert [answer.status for answer in answers] == [418] * (API_BURST + 1) + [429]
    assert len(one) == API_BURST + 2
    for other in ("2001:db8:1:1::1", "2001:db8:1:2:3::1", "fd7a:115c:a1e0::1"):
        assert site.ask("/api/products", headers=[("X-Forwarded-For", other)]).status == 418


def test_arkds_own_429_passes(site, arkd):
    site.arkd.status = 429
    answer = site.ask("/api/instances", "POST", body=b"{}")
    assert answer.status == 429 and answer.text == ""
