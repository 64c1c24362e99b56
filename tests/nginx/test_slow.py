# SPDX-License-Identifier: MIT
"""Who is slow is served to the end, and what an application says early arrives."""

import itertools
import re
import socket
import struct
import threading
import time

import pytest

from conftest import GATHERED, PATIENCE, TOP, read_body, read_head

BASIC = "Authorization: Basic dTpw\r\n"


@pytest.fixture(params=["applications", "public"])
def port(site, request):
    """At either address: Authorization has a request stay at the landing page's."""
    return getattr(site, request.param)


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m|h|d)", text).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


def test_an_upload_that_pauses_goes_on(site, app, running, port):
    with site.connect(port) as client, client.makefile("rb") as incoming:
        client.sendall(f"PUT /instances/{running}/ HTTP/1.1\r\nHost: localhost\r\n{BASIC}Content-Length: 20\r\n\r\n".encode())
        client.sendall(b"0123456789")
        time.sleep(PATIENCE + 1)
        client.sendall(b"0123456789")
        assert read_head(incoming).status == 200
    assert app.last.body == b"0123456789" * 2


def test_a_download_that_pauses_goes_on(site, app, running, port):
    body = b"0123456789abcdef" * 2_000_000
    app.answer = lambda request, handler: (200, [], body)
    with site.connect(port) as client, client.makefile("rb") as incoming:
        client.sendall(f"GET /instances/{running}/ HTTP/1.1\r\nHost: localhost\r\n{BASIC}\r\n".encode())
        time.sleep(PATIENCE + 1)
        assert read_body(incoming, read_head(incoming)).body == body


def test_who_does_not_go_on_with_a_call_is_let_go(site, arkd):
    with site.connect() as client:
        client.sendall(b"POST /api/instances HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n0123456789")
        with pytest.raises(ConnectionResetError):
            client.recv(1000)
    assert not arkd.requests


@pytest.mark.parametrize("limit", ["client_body_timeout", "send_timeout", "proxy_read_timeout", "proxy_send_timeout", "lingering_time"])
def test_no_time_limit_ends_what_is_honest(limit):
    """A pause of 70 s in an upload was too long once; waiting for that, and for hours, is no test to be run each time."""
    for file, times in [("nginx/app.conf", 1), ("nginx/operator.conf.example", 2)]:
        found = re.findall(rf"^\s*{limit} (\w+);", (TOP / file).read_text(), re.M)
        assert len(found) == times and all(seconds(one) >= 86400 for one in found), (file, found)


@pytest.mark.parametrize("limit", ["client_header_timeout", "client_body_timeout", "send_timeout"])
def test_who_sends_no_request_is_let_go(limit):
    found, = re.findall(rf"^\s*{limit} (\w+);", (TOP / "nginx/nginx.conf").read_text(), re.M)
    assert seconds(found) <= 60


def drains(handler):
    while handler.rfile.read1(65536):
        pass


@pytest.mark.parametrize("status", [401, 413])
@pytest.mark.parametrize("form", ["Content-Length: 20000000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("manner", ["drains", "closes-its-side", "leaves-it", "resets", "resets-at-once"])
def test_an_early_answer_arrives(site, app, running, port, status, form, manner):
    def answer(_, handler):
        handler.wfile.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 5\r\n\r\nearly".encode())
        if manner == "closes-its-side":
            handler.connection.shutdown(socket.SHUT_WR)
        if manner == "leaves-it":
            gone.wait(10)
        elif "resets" in manner:
            time.sleep(0 if "once" in manner else 0.2)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
        else:
            drains(handler)

    gone = threading.Event()
    app.reads_body, app.answer = False, answer
    for _ in range(3):
        with site.connect(port) as client, client.makefile("rb") as incoming:
            client.sendall(f"PUT /instances/{running}/ HTTP/1.1\r\nHost: localhost\r\n{BASIC}{form}\r\n\r\n".encode())
            # It reads only when all is sent.
            piece = b"x" * 200_000
            for _ in range(100):
                client.sendall(piece if "Length" in form else b"%x\r\n%s\r\n" % (len(piece), piece))
            if "chunked" in form:
                client.sendall(b"0\r\n\r\n")
            answer = read_body(incoming, read_head(incoming))
            assert answer.status == status and answer.body == b"early"
    gone.set()


@pytest.mark.parametrize("form", ["Content-Length: 20000000", "Transfer-Encoding: chunked"])
def test_who_resets_without_an_answer_has_given_none(site, app, running, port, form):
    def answer(_, handler):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    app.reads_body, app.answer = False, answer
    body = b"x" * 20_000_000
    answer = upload(site, port, running, form, body if "Length" in form else in_chunks(body))
    assert answer.status == 502 and answer.get("Content-Type").startswith("text/html")


# Bodies in chunks

def in_chunks(body, size=50_000):
    pieces = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in [*pieces, b""])


def upload(site, port, instance, form, data):
    with site.connect(port) as client, client.makefile("rb") as incoming:
        client.sendall(f"PUT /instances/{instance}/ HTTP/1.1\r\nHost: localhost\r\n{BASIC}{form}\r\n\r\n".encode())
        client.sendall(data)
        return read_body(incoming, read_head(incoming))


@pytest.fixture
def simple(arkd, app, new_id):
    """An instance whose application knows no chunks."""
    instance = new_id()
    arkd.run(instance, app, bodies="whole")
    return instance


@pytest.mark.parametrize("size", [0, 5, GATHERED])
def test_chunks_are_gathered_for_who_knows_none(site, app, simple, port, size):
    body = bytes(itertools.islice(itertools.cycle(range(256)), size))
    assert upload(site, port, simple, "Transfer-Encoding: chunked", in_chunks(body)).status == 200
    assert app.last.body == body
    assert app.last.get("Content-Length") == str(size) and app.last.get("Transfer-Encoding") is None


def test_more_than_is_gathered_is_told(site, app, simple, port):
    answer = upload(site, port, simple, "Transfer-Encoding: chunked", in_chunks(b"x" * (GATHERED + 1)))
    assert answer.status == 413 and "Lo que se ha enviado es demasiado grande" in answer.text
    assert not app.requests


def test_a_length_that_is_known_has_no_bound(site, app, simple, port):
    assert upload(site, port, simple, f"Content-Length: {GATHERED * 3}", b"x" * GATHERED * 3).status == 200
    assert len(app.last.body) == GATHERED * 3


def test_others_get_chunks_as_they_come(site, app, running, port):
    body = b"x" * GATHERED * 2
    assert upload(site, port, running, "Transfer-Encoding: chunked", in_chunks(body)).status == 200
    assert app.last.body == body and app.last.get("Transfer-Encoding") == "chunked"
