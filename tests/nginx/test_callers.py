# SPDX-License-Identifier: MIT
"""Who calls, and by what name: proxies that are trusted, networks that are let in. callers.conf is what arkd.conf says."""

import itertools
import json

import pytest

from conftest import TOP, read_head

# What may be asked for, and whether instances' networks count there.
PLACES = [("/", False), ("/assets/main-abc123.js", False), ("/nothing", False), ("/admin", False), ("/api/products", False),
          ("/healthz", False), ("/metrics", False), ("/instances/{id}/", True), ("/instances/{id}", True),
          # It is what is served that counts, not how it is spelled.
          ("/instances/../", False), ("/instances/../assets/main-abc123.js", False), ("/instances/{id}/../../", False),
          ("/instances/{id}/..%2f../assets/main-abc123.js", False), ("/instances/../nothing", False), ("/instances/../admin", False),
          ("/instances/{id}/../../admin", False), ("/instances/../metrics", False), ("/instances/{id}/x/../y", True)]
serial = itertools.count(20)


@pytest.fixture
def running(arkd, app, new_id):
    """On a host with one address for all: who is let is decided in the same way at either."""
    instance = new_id()
    arkd.run(instance, app, place="shared")
    return instance


def fresh(address):
    """Another one of the same network each time: a visitor may ask the API so often and no more."""
    if ":" in address:
        return f"{address.rpartition('::')[0]}:{next(serial):x}::1"
    return f"{address.rpartition('.')[0]}.{next(serial) % 230 + 10}"


# None of them is in TrustedProxies=: on this host, and on another.
UNTRUSTED, ELSEWHERE = "127.0.2.0", "127.1.0.2"
USER, VISITOR, NOBODY = "198.51.100.7", "10.1.2.3", "203.0.113.9"


def forwarded(value, *more):
    return [("X-Forwarded-For", value), *more]


def assert_refused(answer, words):
    """In words that tell what to do: a page, and from the API a problem document."""
    assert answer.status == 403
    if "json" in answer.get("Content-Type"):
        assert words in json.loads(answer.text)["detail"]
    else:
        assert "text/html" in answer.get("Content-Type") and f"{words}</p>" in answer.text
        assert "default-src 'none'" in answer.get("Content-Security-Policy")
    assert answer.get("Cache-Control") == "no-store"


def test_every_server_turns_people_away():
    """Who is not let in, and what is believed, holds in each; and each says which networks are its own."""
    servers = [file for file in (TOP / "nginx").glob("*.conf") if "nginx/server.conf;" in file.read_text()]
    assert len(servers) >= 2
    for file in servers:
        before, _, _ = file.read_text().partition("include /usr/share/arkd/nginx/server.conf;")
        assert "set $ark_server " in before, file


# The address that is believed

@pytest.mark.parametrize("header, address", [
    ("{}", "10.1.2.3"), ("6.6.6.6, {}", "10.1.2.3"), ("{}, 192.0.2.7", "10.1.2.3"), ("unknown, {}", "10.1.2.3"),
    ("{}:4711", "10.1.2.3"), ("{}", "fd7a:115c:a1e0::9"), ("[{}]:4711", "fd7a:115c:a1e0::9"), ("{}, 127.0.0.1", "10.1.2.3")])
@pytest.mark.parametrize("listener", ["public", "admin"])
def test_arkd_is_told_both_addresses(site, arkd, listener, header, address):
    peer, port = (arkd, site.public) if listener == "public" else (site.arkd_admin, site.admin)
    believed = fresh(address)
    assert site.ask("/api/x", port=port, headers=forwarded(header.format(believed))).status == 418
    assert peer.last.get("X-Ark-Peer-Address") == "127.0.0.1" and int(peer.last.get("X-Ark-Peer-Port")) > 0
    assert peer.last.get("X-Ark-Client-Address") == believed


def test_a_proxy_may_speak_for_this_host(site, arkd):
    """arkd then knows that it is not this host that asks for itself."""
    site.ask("/api/x", headers=forwarded("127.0.0.1"))
    assert arkd.last.get("X-Ark-Client-Address") == "127.0.0.1"


def test_without_a_proxy_there_is_one_address(site, arkd):
    site.ask("/api/x")
    assert arkd.last.get("X-Ark-Peer-Address") == "127.0.0.1" and arkd.last.get("X-Ark-Client-Address") is None
    site.ask("/api/x", source=ELSEWHERE, headers=forwarded("10.1.2.3", ("X-Ark-Client-Address", "10.1.2.3")))
    assert arkd.last.get("X-Ark-Peer-Address") == ELSEWHERE, "nobody trusts that one"
    assert arkd.last.get("X-Ark-Client-Address") is None


@pytest.mark.parametrize("headers", [
    forwarded("unknown"), forwarded("10.1.2.3, unknown"), forwarded("300.1.2.3"), forwarded("localhost"), forwarded(","),
    forwarded("127.0.0.1, nobody"), forwarded("10.1.2.3;127.0.0.1"), forwarded("::zz"), forwarded("_hidden"),
    [("X-Forwarded-Proto", "https")], [("Forwarded", "for=10.1.2.3")], [("X-Real-IP", "10.1.2.3")], [("Via", "1.1 proxy")],
    [("X-Forwarded-Host", "ark.example")]], ids=str)
def test_a_proxy_that_does_not_say_for_whom_is_not_this_host(site, arkd, app, running, headers):
    before = len(arkd.requests) + len(site.arkd_admin.requests)
    for place, _ in PLACES:
        answer = site.ask(place.format(id=running), headers=headers, source=fresh("127.0.1.0"))
        assert_refused(answer, "out of TrustedProxies= in arkd.conf.")
    for place in ("/", "/api/x"):
        answer = site.ask(place, headers=headers, port=site.admin, source=fresh("127.0.1.0"))
        assert_refused(answer, "out of TrustedProxies= in arkd.conf.")
    assert len(arkd.requests) + len(site.arkd_admin.requests) == before and not app.requests
    assert site.ask("/", headers=headers, source=ELSEWHERE).status == 200, "it speaks for nobody"


@pytest.mark.parametrize("headers", [
    forwarded("10.1.2.3"), forwarded("127.0.0.1"), forwarded("unknown"), [("Forwarded", "for=10.1.2.3")], [("X-Real-IP", "10.1.2.3")],
    [("Via", "1.1 proxy")], [("X-Forwarded-Proto", "https")], [("X-Forwarded-Host", "ark.example")],
    [("Tailscale-User-Login", "a@example.com")], [("Tailscale-User-Name", "A")], [("Tailscale-User-Profile-Pic", "https://a")],
    [("Tailscale-Headers-Info", "https://tailscale.com/s/serve-headers")], [("Tailscale-App-Capabilities", "{}")],
    [("Tailscale-Funnel-Request", "?1")], forwarded("203.0.113.9", ("Tailscale-Funnel-Request", "?1"))], ids=str)
def test_a_proxy_on_this_host_that_nobody_trusts_is_not_this_host(site, arkd, app, running, headers):
    """Such as `tailscale serve`, where TrustedProxies= has other addresses: else all its visitors were local, and Funnel's."""
    before = len(arkd.requests) + len(site.arkd_admin.requests)
    for place, _ in PLACES:
        assert_refused(site.ask(place.format(id=running), headers=headers, source=fresh(UNTRUSTED)), "to TrustedProxies= in arkd.conf.")
    for place in ("/", "/api/x"):
        assert_refused(site.ask(place, headers=headers, port=site.admin, source=fresh(UNTRUSTED)), "to TrustedProxies= in arkd.conf.")
    assert len(arkd.requests) + len(site.arkd_admin.requests) == before and not app.requests
    assert site.ask("/api/x", source=fresh(UNTRUSTED)).status == 418, "who asks for itself is this host"


# Networks

@pytest.mark.parametrize("address, visits, uses", [
    (USER, False, True), (VISITOR, True, False), (NOBODY, False, False), ("10.231.7.7", False, False),
    ("127.0.0.1", True, True), ("fd7a:115c:a1e0::9", True, False), ("2001:db8::1", False, False)])
def test_networks(site, arkd, app, running, address, visits, uses):
    for place, is_instance in PLACES:
        answer = site.ask(place.format(id=running), headers=forwarded(fresh(address)))
        if not (uses if is_instance else visits):
            assert_refused(answer, "in arkd.conf.")
        elif not place.endswith("/metrics"):
            assert answer.status != 403, place
    for place in ("/", "/api/x", "/metrics"):
        answer = site.ask(place, headers=forwarded(fresh(address)), port=site.admin)
        assert answer.status == ((404 if place == "/" else 418) if visits else 403)
    assert bool(app.requests) == uses
    # What leads elsewhere leads whoever may go there.
    for place, is_instance in [("/", False), (f"/instances/{running}/", True)]:
        answer = site.ask(place, headers=forwarded(fresh(address)), port=site.web)
        assert answer.status == (307 if (uses if is_instance else visits) else 403)
    for place, is_instance in [("/", False), ("/instances/../", False), (f"/instances/{running}/", True)]:
        answer = site.ask(place, headers=forwarded(fresh(address)), port=site.applications)
        assert answer.status == ((200 if is_instance else 302) if (uses if is_instance else visits) else 403)


def test_what_one_may_is_not_what_another_may(site, arkd, running):
    """The answer about an instance is remembered for all; who may have it is not a part of it."""
    for address, status in [(USER, 200), (NOBODY, 403), (USER, 200), (VISITOR, 403)]:
        assert site.ask(f"/instances/{running}/", headers=forwarded(address)).status == status
    assert len(arkd.asked_about(running)) == 1


def test_websockets_and_bodies_are_held_to_the_same(site, app, running):
    assert site.ask(f"/instances/{running}/", "POST", body=b"x" * 300_000, headers=forwarded(NOBODY)).status == 403
    assert site.ask(f"/instances/{running}/", headers=forwarded(NOBODY, ("Upgrade", "websocket"))).status == 403
    assert not app.requests


def test_funnel_is_the_internet(site, arkd, app, running):
    for place, _ in PLACES:
        headers = forwarded(fresh("127.0.0.1"), ("Tailscale-Funnel-Request", "?1"))
        assert_refused(site.ask(place.format(id=running), headers=headers), "AllowFunnel=yes in arkd.conf.")
    assert not arkd.requests and not app.requests
    assert site.ask("/", headers=headers, source=ELSEWHERE).status == 200, "who is no proxy may say so in vain"


# Names

@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:3000", "127.0.0.1", "10.1.2.3:3000", "[::1]:3000", "ark.example",
                                  "Ark.Example.:3000", "second.example"])
def test_known_names_are_not_asked_about(site, arkd, app, running, host):
    arkd.status = 503
    for place in ("/", "/nothing", "/admin"):
        assert site.ask(place, headers=[("Host", host)]).status in (200, 302, 404)
    arkd.status = None
    assert site.ask(f"/instances/{running}/", headers=[("Host", host)]).status == 200
    assert [request.target for request in arkd.requests if request.target == "/internal/host"] == []


@pytest.mark.parametrize("host", ["evil.example", "ark.example.evil.example", "xark.example", "ark.example@evil", "1.2.3.4.evil",
                                  "arkxexample"])
def test_other_names_are_misdirected(site, arkd, app, running, host):
    for place in ("/", "/assets/main-abc123.js", "/nothing", "/admin", f"/instances/{running}/"):
        answer = site.ask(place, headers=[("Host", host)])
        assert answer.status == 421 and "AllowedHosts= in arkd.conf." in answer.text, place
    assert site.ask("/", headers=[("Host", host)], port=site.admin).status == 421
    assert not app.requests
    # Those for arkd it judges itself.
    assert site.ask("/api/x", headers=[("Host", host)]).status == 418 and arkd.last.get("Host") == host


# As auth/host.c has them; nginx and arkd have to say the same.
@pytest.mark.parametrize("host, known", [
    ("localhost:1", True), ("localhost:9999", True), ("localhost:59999", True), ("localhost:64999", True), ("localhost:65535", True),
    ("localhost:65536", False), ("localhost:66000", False), ("localhost:70000", False), ("localhost:99999", False),
    ("localhost:100000", False), ("localhost:0", False), ("localhost:080", False), ("localhost:00080", False),
    ("ark.example:99999", False), ("0.0.0.0", True), ("255.249.199.99:65535", True), ("256.1.1.1", False), ("1.1.1.1000", False),
    ("1.1.1.260", False), ("01.2.3.4", False), ("1.2.3", False), ("1.2.3.4.5", False), ("1.2.3.4.", False),
    ("127.0.0.1:65536", False), ("[::]", True), ("[1::]", True), ("[::1:2:3:4:5:6:7]", True), ("[1:2:3:4:5:6:7::]:65535", True),
    ("[1:2:3:4:5:6:7:8]", True), ("[FE80::A:1]:80", True), ("[::ffff:10.1.2.3]", True), ("[::ffff:10.1.2.300]", False),
    ("[1::2:3:4:5:6:7:8]", False), ("[1:2:3:4:5:6:7:8:9]", False), ("[1:2:3:4:5:6:7]", False), ("[1::2::3]", False),
    ("[:::]", False), ("[12345::]", False), ("[:1]", False), ("[1:]", False), ("[10.1.2.3]", False),
    ("[::1]:65536", False), ("[::1]:0", False)])
def test_one_grammar_of_names(site, arkd, app, new_id, host, known):
    """Who is misdirected is so alone: the next visitor is answered, whatever was asked just before."""
    instance = new_id()
    arkd.run(instance, app, place="shared")
    for place in (f"/instances/{instance}/", "/"):
        assert site.ask(place, headers=[("Host", host)]).status == (200 if known else 421), place
        assert site.ask(place).status == 200, place
    assert arkd.knows(host) if known else not arkd.knows(host)


def test_what_a_visitor_adds_to_a_name_is_not_for_others(site, arkd, app, new_id):
    """Some proxies pass a visitor's X-Forwarded-Port on."""
    arkd.names.add("node.tail3.ts.net")
    for host in ("ark.example", "node.tail3.ts.net"):
        instance = new_id()
        arkd.run(instance, app, place="shared")
        for place in (f"/instances/{instance}/", "/"):
            for port in ("99999", "0", "70000"):
                site.ask(place, headers=forwarded(VISITOR, ("Host", host), ("X-Forwarded-Port", port), ("X-Forwarded-Proto", "http")))
            assert site.ask(place, headers=[("Host", host)]).status == 200, (host, place)
    site.ask(f"/instances/{instance}/", headers=forwarded("127.0.0.1", ("Host", "ark.example"), ("X-Forwarded-Port", "99999")))
    assert app.last.get("Host") == "ark.example"


def test_what_arkd_does_not_know_any_more_is_not_for_others(site, arkd, app, new_id):
    """Started anew with other names than nginx was: of those that nginx has, it is not the judge."""
    instance = new_id()
    arkd.run(instance, app, place="shared")
    knows, arkd.knows = arkd.knows, lambda host: host != "second.example" and knows(host)
    try:
        for host in ("second.example", "localhost"):
            assert site.ask(f"/instances/{instance}/", headers=[("Host", host)]).status == 200, host
    finally:
        arkd.knows = knows


@pytest.mark.parametrize("server", ["public", "applications", "web", "admin"])
def test_who_names_no_host_gets_nothing(site, arkd, app, new_id, server):
    """Load balancers get to know how this service is, in HTTP/1.0, and no more."""
    instance, before = new_id(), len(site.arkd_admin.requests)
    arkd.run(instance, app, place="shared")
    for place in ("/", "/assets/main-abc123.js", "/nothing", "/admin", "/metrics", f"/instances/{instance}/", f"/instances/{instance}",
                  "/instances/none/"):
        if server in ("public", "admin") and place == "/metrics":
            continue
        for line in (f"GET {place} HTTP/1.0", f"GET {place} HTTP/1.0\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: ark.example"):
            with site.connect(getattr(site, server)) as client, client.makefile("rb") as incoming:
                client.sendall(f"{line}\r\n\r\n".encode())
                assert read_head(incoming).status == 421, line
    assert not arkd.requests and not app.requests and len(site.arkd_admin.requests) == before
    assert site.ask(f"/instances/{instance}/", port=site.applications).status == 200


def test_a_name_that_arkd_knows(site, arkd, app, running):
    """Such as the tailnet's: asked about once a second, and remembered while arkd is away."""
    arkd.names.add("node.tail1.ts.net:3000")
    headers = [("Host", "node.tail1.ts.net:3000")]
    for place in ("/", "/assets/main-abc123.js", f"/instances/{running}/"):
        assert site.ask(place, headers=headers).status == 200
    assert len([request for request in arkd.requests if request.target == "/internal/host"]) == 1
    arkd.stop()
    try:
        assert site.ask("/", headers=headers).status == 200
        assert site.ask(f"/instances/{running}/", headers=headers).status == 200
        away = site.ask("/", headers=[("Host", "node.tail2.ts.net")])
        assert away.status == 503 and "Un momento" in away.text
    finally:
        arkd.start()


# Scheme, host and port of a proxy

@pytest.mark.parametrize("headers, url", [
    ([], "http://ark.example"),
    ([("X-Forwarded-Proto", "https")], "https://ark.example"),
    ([("X-Forwarded-Proto", "https, http")], "https://ark.example"),
    ([("X-Forwarded-Proto", "gopher")], "http://ark.example"),
    ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "443")], "https://ark.example"),
    ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "8443")], "https://ark.example:8443"),
    ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "x")], "https://ark.example"),
    ([("X-Forwarded-Host", "second.example:8443"), ("X-Forwarded-Port", "1")], "http://second.example:8443"),
    ([("X-Forwarded-Host", "second.example"), ("X-Forwarded-Port", "8443")], "http://second.example:8443"),
    ([("X-Forwarded-Host", "second.example, evil")], "http://ark.example"),
    ([("X-Forwarded-Host", "[::1]"), ("X-Forwarded-Port", "8443")], "http://[::1]:8443")])
def test_an_application_learns_how_it_was_asked(site, arkd, app, running, headers, url):
    scheme, authority = url.split("://")
    app.answer = lambda request, handler: (302, [("Location", f"{url}/login")], b"")
    answer = site.ask(f"/instances/{running}/", headers=forwarded(fresh("127.0.0.1"), ("Host", "ark.example"), *headers))
    assert app.last.get("Host") == app.last.get("X-Forwarded-Host") == authority
    assert app.last.get("X-Forwarded-Proto") == scheme
    assert answer.get("Location") == f"{url}/instances/{running}/login"
    site.ask("/api/x", headers=forwarded(fresh("127.0.0.1"), ("Host", "ark.example"), *headers))
    assert arkd.last.get("Host") == authority


def test_nobody_else_is_believed_about_it(site, arkd, app, running):
    site.ask(f"/instances/{running}/", source=ELSEWHERE, headers=forwarded(
        "10.1.2.3", ("Host", "ark.example"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "second.example"),
        ("X-Forwarded-Port", "8443")))
    seen = app.last
    assert (seen.get("Host"), seen.get("X-Forwarded-Proto"), seen.get("X-Forwarded-For")) == ("ark.example", "http", ELSEWHERE)


def test_a_proxy_cannot_be_made_to_vouch_for_a_name(site, arkd, app, running):
    """Some pass X-Forwarded-Host on as the visitor sent it, whose name leads here by a trick."""
    headers = forwarded("127.0.0.1", ("Host", "evil.example"), ("X-Forwarded-Host", "ark.example"))
    assert site.ask("/", headers=headers).status == 421
    assert site.ask(f"/instances/{running}/", headers=headers).status == 421
    site.ask("/api/x", headers=headers)
    assert arkd.last.get("Host") == "evil.example"
    # And the other way round.
    headers = forwarded("127.0.0.1", ("Host", "ark.example"), ("X-Forwarded-Host", "evil.example"))
    assert site.ask("/", headers=headers).status == 421
    assert not app.requests


# Words that a proxy did not say, in a spelling that nginx takes for the same

@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("spelled", ["X_Forwarded_{}", "X_Forwarded-{}", "X-Forwarded_{}", "X.Forwarded.{}", "x_forwarded_{}"])
def test_a_visitor_has_no_say_in_a_proxys_words(site, arkd, app, running, spelled, first):
    said = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "8443")]
    forged = [(spelled.format(name), value) for name, value in
              [("Proto", "http"), ("Host", "second.example"), ("Port", "1"), ("Server", "x"), ("For", "10.1.2.3")]]
    address = fresh("127.0.0.1")
    headers = [("Host", "ark.example"), ("X-Forwarded-For", address), *(forged + said if first else said + forged)]
    assert site.ask(f"/instances/{running}/", headers=headers).status == 200
    seen = app.last
    assert seen.get("Host") == seen.get("X-Forwarded-Host") == "ark.example:8443"
    assert seen.get("X-Forwarded-Proto") == "https" and seen.get("X-Forwarded-For") == address
    site.ask("/api/x", headers=headers)
    assert arkd.last.get("Host") == "ark.example:8443" and arkd.last.get("X-Ark-Client-Address") == address
    # Without a word of its own, neither.
    site.ask(f"/instances/{running}/", headers=[("Host", "ark.example"), ("X-Forwarded-For", address), *forged])
    assert app.last.get("Host") == "ark.example" and app.last.get("X-Forwarded-Proto") == "http"


@pytest.mark.parametrize("spelled", ["Tailscale_Funnel_Request", "Tailscale_Funnel-Request", "Tailscale-Funnel_Request"])
def test_who_comes_by_funnel_cannot_hide_it(site, arkd, app, running, spelled):
    for place, _ in PLACES:
        headers = forwarded(fresh("127.0.0.1"), (spelled, ""), ("Tailscale-Funnel-Request", "?1"), (spelled, ""))
        assert_refused(site.ask(place.format(id=running), headers=headers), "AllowFunnel=yes in arkd.conf.")
    assert not arkd.requests and not app.requests
