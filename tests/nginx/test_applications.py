# SPDX-License-Identifier: MIT
"""The applications' address and the landing page's: what leads from one to the other, and what stays."""

import pytest

from conftest import Peer

HERE_SANDBOX = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"
WEBSOCKET = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
BASIC = [("Authorization", "Basic dTpw")]
PREFLIGHT = [("Origin", "http://other.example"), ("Access-Control-Request-Method", "PUT")]
# What would be the origin's and not the application's.
HIDDEN = [("Strict-Transport-Security", "max-age=31536000; includeSubDomains"), ("NEL", '{"report_to":"x","max_age":9}'),
          ("Report-To", '{"group":"x"}'), ("Reporting-Endpoints", 'x="https://evil.example/"'),
          ("Alt-Svc", 'h2="evil.example:443"; ma=86400'), ("Accept-CH", "Sec-CH-UA-Model"), ("Critical-CH", "X"),
          ("Cross-Origin-Opener-Policy", "same-origin"), ("Cross-Origin-Embedder-Policy", "require-corp"),
          ("Cross-Origin-Opener-Policy-Report-Only", "same-origin"), ("Origin-Agent-Cluster", "?1"),
          ("Cross-Origin-Embedder-Policy-Report-Only", "require-corp"), ("Clear-Site-Data", '"*"'),
          ("Service-Worker-Allowed", "/"), ("Public-Key-Pins", "x"), ("Expect-CT", "x"), ("Set-Login", "logged-in"),
          ("Use-As-Dictionary", 'match="/*"'), ("Accept-CH-Lifetime", "9"), ("Public-Key-Pins-Report-Only", "x")]


@pytest.fixture
def old(arkd, app, new_id):
    """An instance that was made when there was one address for all."""
    instance = new_id()
    arkd.run(instance, app, place="here")
    return instance


def document(request, handler):
    return 200, [("Content-Type", "text/html"), ("Content-Security-Policy", "default-src 'self'")], b"<p>mine"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("rest", ["/", "/a%20b%2Fc/?q=%2F..&r=a+b", "/x//y"])
def test_a_link_leads_to_the_applications(site, app, running, method, rest):
    answer = site.ask(f"/instances/{running}{rest}", method, body=b"some" if method in ("POST", "PUT") else b"")
    assert answer.status == 307
    assert answer.get("Location") == f"http://localhost:{site.applications}/instances/{running}{rest}"
    assert answer.get("Cache-Control") == "no-store"
    assert not app.requests


@pytest.mark.parametrize("host, there", [
    ("ark.example", "http://ark.example:{port}"), ("ark.example:3000", "http://ark.example:{port}"),
    ("[fd00::1]:3000", "http://[fd00::1]:{port}"), ("100.64.0.7:3000", "http://100.64.0.7:{port}")])
def test_it_leads_to_the_host_that_was_asked_for(site, running, host, there):
    answer = site.ask(f"/instances/{running}/", headers=[("Host", host)])
    assert answer.get("Location") == there.format(port=site.applications) + f"/instances/{running}/"


def test_it_leads_to_the_url_that_is_configured(site, arkd, app, new_id):
    instance = new_id()
    arkd.run(instance, app, applications="https://apps.example:8443")
    answer = site.ask(f"/instances/{instance}/x?y", headers=[("Host", "ark.example")])
    assert answer.status == 307
    assert answer.get("Location") == f"https://apps.example:8443/instances/{instance}/x?y"


def test_a_large_body_is_led_on_too(site, running):
    assert site.ask(f"/instances/{running}/upload", "PUT", body=b"x" * 3_000_000).status == 307


@pytest.mark.parametrize("headers, method", [(WEBSOCKET, "GET"), (BASIC, "GET"), (BASIC, "POST"),
                                             (PREFLIGHT, "OPTIONS"), (WEBSOCKET + BASIC, "GET")])
def test_what_clients_do_not_carry_stays(site, app, running, headers, method):
    """It knows no other address than its own, and no document of it has the landing page's origin."""
    app.answer = document
    answer = site.ask(f"/instances/{running}/x", method, headers=headers)
    assert answer.status == 200 and answer.text == "<p>mine"
    assert answer.all("Content-Security-Policy") == ["default-src 'self'", "sandbox"]
    there = f"localhost:{site.applications}"
    assert app.last.get("Host") == there == app.last.get("X-Forwarded-Host")
    assert app.last.get("X-Forwarded-Proto") == "http"
    assert app.last.get("Authorization") == dict(headers).get("Authorization")


@pytest.mark.parametrize("status", [401, 404, 500])
def test_errors_of_what_stays_are_documents_too(site, app, running, status):
    app.answer = lambda request, handler: (status, [("Content-Type", "text/html")], b"<script>")
    assert site.ask(f"/instances/{running}/", headers=BASIC).get("Content-Security-Policy") == "sandbox"


@pytest.mark.parametrize("said, seen", [("http://localhost:{public}", "http://localhost:{applications}"),
                                        ("http://other.example", "http://other.example"), ("null", "null"),
                                        ("http://localhost:{applications}", "http://localhost:{applications}")])
def test_a_client_that_stays_has_the_applications_origin(site, app, running, said, seen):
    """Programs name the address to which they connect, and the application compares it with its own."""
    ports = {"public": site.public, "applications": site.applications}
    site.ask(f"/instances/{running}/ws", headers=[*WEBSOCKET, ("Origin", said.format(**ports))])
    assert app.last.get("Origin") == seen.format(**ports)


@pytest.mark.parametrize("said, becomes", [
    ("/login", "{base}/login"), ("http://localhost:{port}/x", "{base}/x"), ("{base}/x", "{base}/x"),
    ("http://localhost:{port}{base}/x", "{base}/x"), ("https://other.example/x", "https://other.example/x")])
def test_redirects_of_what_stays_stay(site, app, running, said, becomes):
    """Elsewhere the client would arrive without its Authorization."""
    base = f"/instances/{running}"
    fill = {"base": base, "port": site.applications}
    app.answer = lambda request, handler: (302, [("Location", said.format(**fill))], b"")
    answer = site.ask(f"{base}/", headers=BASIC)
    assert answer.status == 302 and answer.get("Location") == becomes.format(**fill)


def test_what_stays_knows_the_configured_url(site, arkd, app, new_id):
    instance = new_id()
    arkd.run(instance, app, applications="https://apps.example:8443")
    app.answer = lambda request, handler: (302, [("Location", "https://apps.example:8443/x")], b"")
    answer = site.ask(f"/instances/{instance}/", headers=[*BASIC, ("Origin", f"http://localhost:{site.public}")])
    assert app.last.get("Host") == "apps.example:8443" and app.last.get("X-Forwarded-Proto") == "https"
    assert app.last.get("Origin") == "https://apps.example:8443"
    assert answer.get("Location") == f"/instances/{instance}/x"


@pytest.mark.parametrize("headers", [[], BASIC, WEBSOCKET])
def test_an_old_instance_is_served_without_an_origin(site, app, old, headers):
    app.answer = document
    answer = site.ask(f"/instances/{old}/x", headers=headers)
    assert answer.status == 200 and answer.all("Content-Security-Policy") == ["default-src 'self'", HERE_SANDBOX]
    assert "allow-same-origin" not in HERE_SANDBOX
    assert app.last.get("Host") == f"localhost:{site.public}" == app.last.get("X-Forwarded-Host")


def test_an_old_instances_redirects_are_those_of_the_page(site, app, old):
    app.answer = lambda request, handler: (302, [("Location", f"http://localhost:{site.public}/x")], b"")
    assert site.ask(f"/instances/{old}/").get("Location") == f"http://localhost:{site.public}/instances/{old}/x"


def test_an_arkd_that_does_not_say_where_is_taken_for_an_old_one(site, arkd, app, new_id):
    """As while an upgrade is on its way."""
    instance = new_id()
    arkd.routes[instance] = (204, [("X-Ark-Upstream", app.address), ("X-Ark-Prefix", "strip")])
    answer = site.ask(f"/instances/{instance}/")
    assert answer.status == 200 and answer.get("Content-Security-Policy") == HERE_SANDBOX


def test_a_host_with_one_port_serves_all_there(site, arkd, app, new_id):
    instance = new_id()
    arkd.run(instance, app, place="shared")
    app.answer = document
    answer = site.ask(f"/instances/{instance}/")
    assert answer.status == 200 and answer.get("Content-Security-Policy") == "default-src 'self'"
    assert app.last.get("Host") == f"localhost:{site.public}"


@pytest.mark.parametrize("kind", ["running", "old"])
def test_at_their_own_address_documents_are_whole(site, app, request, kind):
    instance = request.getfixturevalue(kind)
    app.answer = document
    answer = site.ask(f"/instances/{instance}/x", port=site.applications)
    assert answer.status == 200 and answer.get("Content-Security-Policy") == "default-src 'self'"
    assert app.last.get("Host") == f"localhost:{site.applications}"


@pytest.mark.parametrize("stays", [True, False])
def test_an_application_does_not_speak_for_its_origin(site, app, running, stays):
    app.answer = lambda request, handler: (200, [*HIDDEN, ("X-Own", "kept")], b"")
    answer = site.ask(f"/instances/{running}/", headers=BASIC, port=site.public if stays else site.applications)
    assert answer.get("X-Own") == "kept"
    assert [name for name, _ in HIDDEN if answer.all(name)] == []


@pytest.mark.parametrize("target", ["/api/products", "/healthz", "/metrics", "/api/instances", "/assets/main-abc123.js",
                                    "/internal/route", "/index.html", "/admin", "/instances/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_of_arkds_is_at_the_applications_address(site, arkd, target, method):
    answer = site.ask(target, method, port=site.applications)
    assert answer.status in (404, 400) and "Aquí no hay nada" in answer.text
    assert not arkd.requests


def test_the_applications_address_alone_leads_to_the_landing_page(site):
    answer = site.ask("/", port=site.applications)
    assert answer.status == 302 and answer.get("Location") == f"http://localhost:{site.public}/"


@pytest.mark.parametrize("state, status", [("pending", 503), ("failed", 404), ("unknown", 404)])
def test_pages_of_what_does_not_run_are_at_both(site, arkd, new_id, state, status):
    instance = new_id()
    arkd.state(instance, state)
    for port in (site.public, site.applications):
        assert site.ask(f"/instances/{instance}/", port=port).status == status


def test_an_application_that_is_down_is_told_where_it_is_asked(site, arkd, new_id):
    gone, instance = Peer(), new_id()
    gone.stop()
    arkd.run(instance, gone)
    assert site.ask(f"/instances/{instance}/").status == 307
    for port in (site.public, site.applications):
        page = site.ask(f"/instances/{instance}/", headers=BASIC, port=port)
        assert page.status == 502 and "no responde" in page.text


@pytest.mark.parametrize("target", ["/instances/{a}/../{b}/", "/instances/{a}/%2e%2e/{b}/", "/instances/{a}%2fx",
                                    "//instances/{a}/", "/%69nstances/{a}/"])
@pytest.mark.parametrize("headers", [[], BASIC])
def test_ambiguous_addresses_are_refused_here_too(site, arkd, app, new_id, target, headers):
    a, b = new_id(), new_id()
    arkd.run(a, app)
    arkd.run(b, app)
    assert site.ask(target.format(a=a, b=b), headers=headers).status == 400
    assert not app.requests
