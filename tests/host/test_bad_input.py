# SPDX-License-Identifier: MIT
"""Every way to ask for something wrong: the answer says which field and why, and nothing is made."""

import json
import socket

import pytest

from workshop import Workshop

GOOD = {"product_id": "miniflux", "client_name": "Acme"}
TYPE = ("Content-Type", "application/json")


@pytest.fixture(params=["public", "local", "admin"])
def listener(host, request):
    return getattr(host, request.param)


@pytest.fixture(params=["local", "admin"])
def operators(host, request):
    return getattr(host, request.param)


@pytest.fixture(autouse=True)
def nothing_is_made(host):
    def made():
        return [[one["id"] for one in host.local.get(path).expect(200).json["items"]]
                for path in ("/api/instances", "/api/products")]
    before = made()
    yield
    assert made() == before


@pytest.mark.parametrize("body, field, saying", [
    (b"", None, None),
    (b"{", None, "JSON"),
    (b"not json", None, "JSON"),
    (json.dumps(GOOD).encode() + b"}", None, "JSON"),
    (b"\x00", None, "JSON"),
    (b"[" * 5000, None, "JSON"),
    (b"[]", None, "object"),
    (b"null", None, "object"),
    (b'"text"', None, "object"),
    ({"client_name": "Acme"}, "product_id", None),
    ({"product_id": "miniflux"}, "client_name", None),
    ({}, "product_id", None),
    (GOOD | {"product_id": 5}, "product_id", "string"),
    (GOOD | {"product_id": None}, "product_id", None),
    (GOOD | {"product_id": ["miniflux"]}, "product_id", "string"),
    (GOOD | {"product_id": ""}, None, None),
    (GOOD | {"client_name": 5}, "client_name", "string"),
    (GOOD | {"client_name": True}, "client_name", "string"),
    (GOOD | {"client_name": None}, "client_name", None),
    (GOOD | {"client_name": {"es": "Acme"}}, "client_name", "string"),
    (GOOD | {"client_name": ""}, "client_name", "64"),
    (GOOD | {"client_name": "   "}, "client_name", "blank"),
    (GOOD | {"client_name": "x" * 65}, "client_name", "64"),
    (GOOD | {"client_name": "ñ" * 65}, "client_name", "64"),
    (GOOD | {"client_name": "x" * 2000}, "client_name", None),
    (GOOD | {"client_name": "a\nb"}, "client_name", "printable"),
    (GOOD | {"client_name": "a\tb"}, "client_name", "printable"),
    (GOOD | {"client_name": "bell\x07"}, "client_name", "printable"),
    (GOOD | {"client_name": "delete\x7f"}, "client_name", "printable"),
    (GOOD | {"client_name": "nul\x00nul"}, "client_name", None),
    (GOOD | {"client_name": "next\u0085line"}, "client_name", "printable"),
    (GOOD | {"client_name": "turn\u202eround"}, "client_name", "printable"),
    (b'{"product_id":"miniflux","client_name":"\xff\xfe"}', None, None),
    (b'{"product_id":"miniflux","client_name":"\xc0\xaf"}', None, None),
    (b'{"product_id":"miniflux","client_name":"\xed\xa0\x80"}', None, None),
    (b'{"product_id":"miniflux","client_name":"half \\ud800 pair"}', None, None),
    (GOOD | {"colour": "red"}, "colour", None),
    (GOOD | {"id": "client_aaaaaaaaaaaa"}, "id", None),
    (GOOD | {"access_token": "x"}, "access_token", None),
    (GOOD | {"idempotency_key": "x"}, "idempotency_key", None),
    (GOOD | {"x" * 300: 1}, None, None),
])
def test_order(listener, body, field, saying):
    answer = listener.post("/api/instances", body, headers=[TYPE])
    if isinstance(body, dict) and body.get("product_id") == "" and answer.status == 404:
        return
    answer.expect_problem(400, field, saying)


def test_unknown_product(listener):
    for product in ("no-such-product", "Miniflux", "miniflux ", "../miniflux", "mini\nflux"):
        problem = listener.post("/api/instances", GOOD | {"product_id": product}).expect_problem(404)
        assert problem["field"] == "product_id"


def test_names_at_the_edge_are_taken(host):
    for name in ("x", "ñ" * 64, "Panadería «Ñandú» & <b>Hijas</b> $1 ${DB_PASSWORD} 面包 🥖", "'; drop table --"):
        with Workshop(host) as work:
            instance = work.deploy(work.quick(), name)
            assert instance.state()["client_name"] == name
            # As it is: what looks like a variable is not expanded a second time.
            config = host.container(instance.id)["Config"]
            assert f"CLIENT_NAME={name}" in config["Env"]


@pytest.mark.parametrize("key", ["", "with space", "ñ", "x" * 129, "semi;colon"])
def test_idempotency_key(listener, key):
    answer = listener.post("/api/instances", GOOD, headers=[("Idempotency-Key", key.encode("utf-8"))])
    answer.expect_problem(400)


def test_key_given_twice(listener):
    keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    listener.post("/api/instances", GOOD, headers=keys).expect_problem(400)


@pytest.mark.parametrize("size", [65 * 1024, 200 * 1024, 5 * 1024 * 1024])
def test_oversized(listener, size):
    body = json.dumps(GOOD | {"client_name": "x" * size}).encode()
    listener.post("/api/instances", body, headers=[TYPE]).expect_problem(413)


def test_oversized_without_a_length(listener):
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    body = chunk * 6 + b"0\r\n\r\n"
    listener.post("/api/instances", body, headers=[TYPE, ("Transfer-Encoding", "chunked")]).expect_problem(413)


def test_large_but_allowed_body_is_read(listener):
    body = json.dumps(GOOD | {"colour": "red"}).encode()
    body += b" " * (64 * 1024 - len(body))
    listener.post("/api/instances", body, headers=[TYPE]).expect_problem(400, "colour")


@pytest.mark.parametrize("type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                                  "application/jsonx", "application/json-patch+json", ""])
def test_content_type(listener, type):
    headers = [("Content-Type", type)] if type is not None else []
    body = json.dumps(GOOD).encode()
    listener.post("/api/instances", body, headers=headers).expect_problem(415, "Content-Type")


@pytest.mark.parametrize("method, path, allowed", [
    ("PUT", "/api/instances", {"GET", "HEAD", "POST"}),
    ("DELETE", "/api/instances", {"GET", "HEAD", "POST"}),
    ("PATCH", "/api/products", {"GET", "HEAD", "POST"}),
    ("POST", "/api/products/miniflux", {"GET", "HEAD", "PUT", "DELETE"}),
    ("PUT", "/api/instances/client_aaaaaaaaaaaa", {"GET", "HEAD", "DELETE"}),
    ("POST", "/api/instances/client_aaaaaaaaaaaa/events", {"GET", "HEAD"}),
    ("DELETE", "/api/instances/client_aaaaaaaaaaaa/access", {"GET", "HEAD"}),
    ("OPTIONS", "/api/instances", {"GET", "HEAD", "POST"}),
    ("BREW", "/api/products", {"GET", "HEAD", "POST"}),
    ("POST", "/healthz", {"GET", "HEAD"}),
])
def test_method(listener, method, path, allowed):
    answer = listener.ask(method, path)
    answer.expect_problem(405)
    assert set(answer.header("Allow").split(", ")) == allowed


@pytest.mark.parametrize("path", [
    "/api/", "/api/nothing", "/api/instances/", "/api/instances//", "/api//instances", "/api/products/",
    "/api/instances/client_aaaaaaaaaaaa/", "/api/instances/client_aaaaaaaaaaaa/nothing",
    "/api/instances/client_aaaaaaaaaaaa/access/more", "/api/Products",
    "/api/../api/products", "/api/products/..", "/api/products/../products", "/api/%2e%2e/api/products",
    "/api/products/%2e%2e/products", "/api/products%2fminiflux", "/api/products/%2fminiflux",
    "/api/products/miniflux%2f", "/api/products/mini%66lux", "/api/instances/..%2f..%2fetc%2fpasswd",
    "/api/products/miniflux;x", "/api/./products", "/api/products/.", "/x/../api/products",
    "/api/products/" + "x" * 5000, "/api/products/%00", "/api/products/%ff",
    "/internal/route", "/api/../internal/route", "/api/%2e%2e/internal/route",
])
def test_path(listener, path):
    answer = listener.get(path)
    assert answer.status in ((400, 404) if "%00" in path else (404,)), answer
    # For nginx those that lead out of /api/ are none of the API's.
    if path.startswith("/api/") and not any(part in path for part in ("%00", "etc", "/internal")):
        answer.expect_problem(404)


def test_unknown_ids(listener):
    listener.get("/api/products/no-such-product").expect_problem(404, "id", "no-such-product")
    listener.get("/api/instances/client_aaaaaaaaaaaa").expect_problem(404, "id", "client_aaaaaaaaaaaa")
    for id in ("x", "client_", "client_AAAAAAAAAAAA", "miniflux", "a.b", "-"):
        listener.get(f"/api/instances/{id}").expect_problem(404)


@pytest.mark.parametrize("name", ["evil.example", "evil.example:3000", "localhost.evil.example", "localhost:x",
                                  "localhost@evil.example", "", "127.0.0.1.nip.io", "local_host"])
def test_host(listener, name):
    answer = listener.get("/api/products", headers=[("Host", name)])
    # nginx itself refuses what is no host at all.
    if answer.status == 400:
        assert name in ("", "localhost:x", "localhost@evil.example")
    else:
        answer.expect_problem(421, "Host")


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:3000", "127.0.0.1", "10.1.2.3:3000", "[::1]:3000"])
def test_own_hosts(listener, name):
    listener.get("/api/products", headers=[("Host", name)]).expect(200)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil.example:3000", "",
                                    "http://localhost:9999", "file://", "https://"])
def test_origin(listener, origin):
    listener.post("/api/instances", GOOD, headers=[("Origin", origin)]).expect_problem(403, "Origin")


def test_own_origin_may_change_things(listener):
    origin = "http://" + listener.name
    listener.post("/api/instances", {}, headers=[("Origin", origin)]).expect_problem(400, "product_id")


def test_no_cors(listener):
    answer = listener.get("/api/products", headers=[("Origin", "http://evil.example")]).expect(200)
    assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]
    assert not answer.all("Set-Cookie")
    assert "frame-ancestors 'none'" in answer.header("Content-Security-Policy")
    assert answer.header("X-Content-Type-Options") == "nosniff"


def test_query(listener):
    listener.get("/api/products?colour=red").expect_problem(400, "colour")
    listener.get("/api/products/miniflux?x").expect_problem(400, "x")
    listener.post("/api/instances?product_id=miniflux", GOOD).expect_problem(400, "product_id")


@pytest.mark.parametrize("query, field", [
    ("status=running&status=failed", "status"), ("status=frozen", "status"), ("colour=red", "colour"),
    ("limit=0", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"), ("limit=100000", "limit"),
    ("limit=", "limit"), ("limit=1.5", "limit"), ("limit=99999999999999999999", "limit"),
    ("cursor=client_aaaaaaaaaaaa", "cursor"), ("status=%ff", "status"), ("status=run%00ning", "status"),
])
def test_list_query(operators, query, field):
    operators.get(f"/api/instances?{query}").expect_problem(400, field)


def test_only_nginx_may_ask_for_routes(host):
    raw, id = host.unix("/run/arkd/public.sock"), ("X-Ark-Instance", "client_aaaaaaaaaaaa")
    key = ("X-Ark-Proxy-Key", host.proxy_key)
    for headers in ([], [("X-Ark-Proxy-Key", "x" * len(host.proxy_key))], [key, key]):
        raw.get("/internal/route", headers=[*headers, id]).expect(404)
    raw.get("/internal/route", headers=[key, id]).expect(403)


def test_only_nginx_reaches_the_sockets(host):
    for name in ("public", "admin"):
        path = f"/run/arkd/{name}.sock"
        status = host.path(path).stat()
        assert status.st_mode & 0o777 == 0o660 and status.st_uid == 0
        assert host.exec("stat", "-c", "%G", path) == "arkd-nginx"


def test_no_request_at_all(host):
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10 + b"\r\n\r\n", b"GET\r\n\r\n",
                    b"GET / HTTP/9.9\r\n\r\n", b"GET /api/products HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"):
        with host.connect_inside(5050) as raw:
            raw.sendall(garbage)
            raw.shutdown(socket.SHUT_WR)
            answer = raw.recv(65536)
            assert answer == b"" or answer.split(b" ")[1][:1] in (b"4", b"5"), answer
    host.local.get("/api/products").expect(200)
