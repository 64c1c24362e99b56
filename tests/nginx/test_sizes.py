# SPDX-License-Identifier: MIT
"""Headers and requests of honest size and name arrive, and what does not is told in words."""

import copy

import pytest

from test_site import assert_problem

KIB = 1024


@pytest.fixture(params=["applications", "public"])
def site(site, request):
    """At either address: Authorization has a request stay at the landing page's."""
    there = copy.copy(site)
    there.public = getattr(site, request.param)
    return there


def basic(size=8):
    return [("Authorization", f"Basic {'x' * size}")]


@pytest.mark.parametrize("name", ["Cookie", "X-Own", "Authorization"])
def test_long_headers_arrive(site, app, running, name):
    value = "a=" + "x" * 12 * KIB
    assert site.ask(f"/instances/{running}/", headers=[*(basic() if name != "Authorization" else []), (name, value)]).status == 200
    assert app.last.get(name) == value


def test_many_headers_arrive(site, app, running):
    many = [(f"X-Own-{i}", "x" * 2000) for i in range(50)]
    assert site.ask(f"/instances/{running}/", headers=[*basic(), *many]).status == 200
    assert [one for one in app.last.headers if one[0].startswith("X-Own-")] == many


def test_a_long_query_arrives(site, app, running):
    query = "q=" + "x" * 16 * KIB
    assert site.ask(f"/instances/{running}/?{query}", headers=basic()).status == 200
    assert app.last.target == f"/?{query}"


@pytest.mark.parametrize("name", ["api_key", "X.Version", "x_csrf_token", "a_b.c-d", "_", "x!#$%&'*+^`|~"])
def test_names_that_http_has_arrive(site, app, running, name):
    assert site.ask(f"/instances/{running}/", headers=[*basic(), (name, "mine")]).status == 200
    assert app.last.get(name) == "mine"


@pytest.mark.parametrize("target", ["/", "/instances/x/", "/nothing", "/api/products"])
def test_what_is_too_long_is_told(site, arkd, target):
    for headers in ([("Cookie", "x" * 33 * KIB)], [(f"X-{i}", "x" * 30 * KIB) for i in range(10)]):
        answer = site.ask(target, headers=headers)
        if target.startswith("/api"):
            assert_problem(answer, 431)
        else:
            assert answer.status == 431 and "Esta petición es demasiado larga" in answer.text
        assert answer.get("Cache-Control") == "no-store"
    answer = site.ask(f"{target}?{'x' * 33 * KIB}")
    assert answer.status == 414 and "longer than 32 KiB" in answer.text
    assert not arkd.requests


def test_arkd_gets_no_cookies(site, arkd):
    if site.public == site.applications:
        pytest.skip("it is not there")
    assert site.ask("/api/products", headers=[("Cookie", "x" * 12 * KIB)]).status == 418
    assert arkd.last.get("Cookie") is None


def test_long_headers_of_an_answer_arrive(site, app, running):
    said = [("X-One", "x" * 20 * KIB), ("Set-Cookie", f"a={'y' * 20 * KIB}")]
    app.answer = lambda request, handler: (200, said, b"z" * 200 * KIB)
    answer = site.ask(f"/instances/{running}/", headers=basic())
    assert answer.status == 200 and answer.body == b"z" * 200 * KIB
    assert [answer.get(name) for name, _ in said] == [value for _, value in said]


@pytest.mark.parametrize("said", [[("X-One", "x" * 70 * KIB)], [("X-One\0", "x")]], ids=["too-long", "not-valid"])
def test_headers_that_cannot_be_passed_on_are_told(site, app, running, said):
    app.answer = lambda request, handler: (200, said, b"")
    answer = site.ask(f"/instances/{running}/", headers=basic())
    assert answer.status == 502 and "no se puede entregar" in answer.text
    assert answer.get("Cache-Control") == "no-store"
