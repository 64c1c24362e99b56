# SPDX-License-Identifier: MIT
"""The server for those who leave the port out: it leads to the landing page, and does nothing else."""

import pytest


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("target", ["/", "/instances/client_1/a%20b%2Fc?q=%2F..&r=a+b", "/api/instances", "//x/../y?z", "/admin",
                                    "/internal/route", "/healthz"])
def test_it_leads_to_the_landing_page(site, arkd, method, target):
    answer = site.ask(target, method, body=b"some" if method in ("POST", "PUT") else b"", port=site.web)
    assert answer.status == 307
    assert answer.get("Location") == f"http://localhost:{site.public}{target}"
    assert answer.get("Cache-Control") == "no-store"
    assert not arkd.requests


def test_a_large_body_is_led_on(site):
    assert site.ask("/api/instances", "POST", body=b"x" * (2 << 20), port=site.web).status == 307


@pytest.mark.parametrize("host, status", [("ark.example", 307), ("ark.example:80", 307), ("192.0.2.7", 307), ("evil.example", 421),
                                          ("tailnet.example", 307)])
def test_names_are_looked_at(site, arkd, host, status):
    arkd.names = {"tailnet.example"}
    answer = site.ask("/x?y", headers=[("Host", host)], port=site.web)
    assert answer.status == status
    assert (answer.get("Location") is None) == (status != 307)


def test_strangers_are_turned_away(site):
    answer = site.ask("/", headers=[("X-Forwarded-For", "8.8.8.8")], port=site.web)
    assert answer.status == 403 and answer.get("Location") is None


def test_without_arkd_nobody_with_a_strange_name_is_led_on(site, arkd):
    arkd.status = 500
    assert site.ask("/", headers=[("Host", "never.example")], port=site.web).status == 503
    assert site.ask("/", port=site.web).status == 307


@pytest.mark.parametrize("server", ["web", "public", "applications"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_challenges_reach_no_application(site, app, running, server, method):
    for target in ("/.well-known/acme-challenge/token", "/.well-known/acme-challenge/"):
        answer = site.ask(target, method, port=getattr(site, server))
        assert answer.status == 404 and answer.get("Location") is None
    assert not app.requests
