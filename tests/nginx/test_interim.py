# SPDX-License-Identifier: MIT
"""What an application says before its answer is left out, and nothing else is."""

import itertools
import subprocess
import time

import pytest

from conftest import read_body, read_head

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nClear-Site-Data: x\r\n\r\n"
FINAL = b"HTTP/1.1 200 OK\r\nX-Own: 1\r\nContent-Length: 5\r\n\r\nfinal"
INTERIM = [HINTS, HINTS * 64, b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\nA: b\r\n\r\n" + HINTS,
           b"HTTP/1.1 103\r\n\r\n", b"HTTP/1.1 103\n\n", b"HTTP/1.0 103 Early Hints\nA: b\n\n"]
# Together more than the buffer that an answer's head has to fit into.
LARGE = (b"HTTP/1.1 103 Early Hints\r\nLink: <" + b"a" * 30_000 + b">\r\n\r\n") * 10


def ask_twice(site, instance, method="GET"):
    """Both over one connection: what is left over of one answer would be the next."""
    request = f"{method} /instances/{instance}/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic dTpw\r\n"
    if method == "PUT":
        request += "Content-Length: 0\r\n"
    with site.connect(site.applications) as client, client.makefile("rb") as incoming:
        for _ in range(2):
            client.sendall(request.encode() + b"\r\n")
            answer = read_head(incoming)
            yield answer if method == "HEAD" else read_body(incoming, answer)


@pytest.mark.parametrize("interim", [*INTERIM, LARGE])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_interim_answers_are_left_out(site, app, running, interim, method):
    said = interim + (FINAL[:-5] if method == "HEAD" else FINAL)
    app.answer = lambda request, handler: handler.wfile.write(said) and None
    for answer in ask_twice(site, running, method):
        assert answer.status == 200 and answer.get("X-Own") == "1"
        assert answer.get("Link") is None and answer.get("Clear-Site-Data") is None
        assert answer.body == (b"" if method == "HEAD" else b"final")
    assert app.last.get("X-Ark-Interim") is None


@pytest.mark.parametrize("size", [1, 7, len(HINTS) - 1, len(HINTS)])
def test_wherever_it_is_cut(site, app, running, size):
    def answer(request, handler):
        for piece in itertools.zip_longest(*[iter(HINTS + FINAL)] * size):
            handler.wfile.write(bytes(one for one in piece if one is not None))
            time.sleep(0.002)

    app.answer = answer
    assert [one.body for one in ask_twice(site, running)] == [b"final"] * 2


def test_an_upgrade_is_an_answer(site, app, running):
    def answer(request, handler):
        handler.wfile.write(HINTS + b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        handler.wfile.write(handler.rfile.readline())

    app.answer = answer
    with site.connect(site.applications) as client, client.makefile("rb") as incoming:
        client.sendall(f"GET /instances/{running}/ HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\n"
                       "Upgrade: websocket\r\n\r\n".encode())
        assert read_head(incoming).status == 101
        client.sendall(b"HTTP/1.1 103 said by a visitor\n")
        assert incoming.readline() == b"HTTP/1.1 103 said by a visitor\n"


@pytest.mark.parametrize("said", [b"HTTP/1.1 103 Early Hints\r\nA: b\r\n", b"HTTP/1.1 10", b"HTTP/1.1 103 " + b"a" * 70_000])
def test_what_is_cut_short_is_no_answer(site, app, running, said):
    app.answer = lambda request, handler: handler.wfile.write(said) and None
    assert site.ask(f"/instances/{running}/", port=site.applications).status == 502


def test_an_answer_that_begins_alike_is_one(site, app, running):
    app.answer = lambda request, handler: handler.wfile.write(
        b"HTTP/1.1 200 HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nrest") and None
    assert site.ask(f"/instances/{running}/", port=site.applications).text == "HTTP/1.1 103 Early Hints\r\n\r\nrest"


NODE = """
require("http").createServer((request, answer) => {
    answer.writeEarlyHints({ link: ["</a.css>; rel=preload; as=style", "</b.js>; rel=preload; as=script"] }, () => {
        setTimeout(() => answer.end("final " + request.url), 50);
    });
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
"""


def test_early_hints_by_node(site, arkd, new_id):
    instance = new_id()
    with subprocess.Popen(["node", "-e", NODE], stdout=subprocess.PIPE, text=True) as node:
        try:
            arkd.run(instance, f"127.0.0.1:{int(node.stdout.readline())}")
            assert [one.body for one in ask_twice(site, instance)] == [b"final /"] * 2
        finally:
            node.kill()
