#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The application that ARK Deploy's tests deploy.

It writes notes to its database where DATABASE_URL is set, shows what it received, and behaves
badly when MODE asks for it:

  exit       say why on stderr and exit with status 3
  leak       print DATABASE_URL and a byte that is no UTF-8, then exit with status 3
  silent     run, but never listen
  error      answer every request with 500
  stubborn   ignore SIGTERM
  slow       listen after 20 seconds

It listens on 8080 and expects its path prefix to be stripped by the proxy.
"""
import base64
import hashlib
import html
import json
import os
import signal
import socket
import struct
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

PORT = 8080
MODE = os.environ.get("MODE", "")
DATABASE_URL = os.environ.get("DATABASE_URL", "")
FORM_LIMIT = 65536
HOSTILE = "/usr/local/share/app/hostile.html"
WEBSOCKET_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Test app</title></head>
<body><h1>Test app of {client}</h1>
<form method="post" action="notes"><input name="text" required maxlength="200">
<button type="submit">Save</button></form>
<p id="database">{database}</p>
<ul id="notes">{rows}</ul></body></html>
"""


def log(text):
    print("app: " + text, file=sys.stderr, flush=True)


def query(sql, *values):
    """Runs one statement on a connection of its own, so that a restarted database does no harm."""
    connection = psycopg2.connect(DATABASE_URL, connect_timeout=5)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def prepare_database(patience_s=30):
    """Makes the table; a product may start its app before its database is there."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            query("CREATE TABLE IF NOT EXISTS notes (id serial PRIMARY KEY, text text NOT NULL)")
            return
        except psycopg2.OperationalError as error:
            if time.monotonic() > deadline:
                raise
            log("waiting for the database: " + str(error).strip().splitlines()[0])
            time.sleep(0.2)


def notes():
    if not DATABASE_URL:
        return []
    return [{"id": row[0], "text": row[1]} for row in query("SELECT id, text FROM notes ORDER BY id")]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "ark-test-app"

    def handle_any(self):
        # As it came: BaseHTTPRequestHandler tidies self.path.
        self.raw_path = self.requestline.split()[1]
        path = self.raw_path.split("?", 1)[0]
        if MODE == "error":
            self.reply(500, "text/plain", "MODE=error\n")
        elif path.startswith("/echo/"):
            self.echo()
        else:
            name = (self.command.lower() + path.replace("/", "_")).rstrip("_")
            getattr(self, "do_" + name, self.not_found)()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = handle_any

    def log_message(self, format, *args):
        print(format % args, flush=True)

    def reply(self, status, content_type, body, headers=()):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def reply_json(self, value, status=200):
        self.reply(status, "application/json", json.dumps(value) + "\n")

    def not_found(self):
        self.reply(404, "text/plain", "nothing here\n")

    def body_chunks(self):
        """Yields the body as it arrives, whether its length is announced or it is chunked."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            chunk = self.rfile.read(min(left, 65536))
            if not chunk:
                break
            left -= len(chunk)
            yield chunk

    # What the application offers, each named do_<method>_<path>.

    def do_get(self):
        rows = "".join(f"<li>{html.escape(note['text'])}</li>" for note in notes())
        client = html.escape(os.environ.get("CLIENT_NAME", "nobody"))
        database = "It has a database." if DATABASE_URL else "It has no database."
        self.reply(200, "text/html; charset=utf-8", PAGE.format(client=client, rows=rows, database=database))

    def do_get_healthz(self):
        self.reply(200, "text/plain", "ok\n")

    def do_get_notes(self):
        self.reply_json(notes())

    def do_post_notes(self):
        body = b""
        for chunk in self.body_chunks():
            body += chunk
            if len(body) > FORM_LIMIT:
                self.close_connection = True
                self.reply(413, "text/plain", "too large\n")
                return
        text = urllib.parse.parse_qs(body.decode()).get("text", [""])[0]
        if not DATABASE_URL:
            self.reply(409, "text/plain", "this instance has no database\n")
        elif not text:
            self.reply(400, "text/plain", "text is missing\n")
        else:
            query("INSERT INTO notes (text) VALUES (%s)", text)
            self.reply(303, "text/plain", "saved\n", [("Location", "/")])

    def echo(self):
        size = sum(len(chunk) for chunk in self.body_chunks())
        path, _, query_string = self.raw_path.partition("?")
        self.reply_json({
            "method": self.command,
            "path": path,
            "query": query_string,
            "headers": [[name, value] for name, value in self.headers.items()],
            "body_bytes": size,
            "env": sorted(os.environ),
        })

    def do_get_cookie(self):
        self.reply(200, "text/plain", "cookie set\n", [
            ("Set-Cookie", "session=one; Path=/; HttpOnly"), ("Set-Cookie", "theme=dark; Path=/echo")])

    def do_get_headers(self):
        """Headers that would concern every application on the origin, and one that does not."""
        self.reply(200, "text/plain", "headers sent\n", [
            ("Clear-Site-Data", '"*"'), ("Service-Worker-Allowed", "/"),
            ("Strict-Transport-Security", "max-age=600"), ("Alt-Svc", 'h2=":444"'), ("X-Kept", "yes")])

    def do_get_hostile(self):
        """A page that tries to get at the landing page and at a neighbour."""
        with open(HOSTILE, "rb") as page:
            self.reply(200, "text/html; charset=utf-8", page.read(), [("Service-Worker-Allowed", "/")])

    def do_get_worker(self):
        self.reply(200, "text/javascript", "self.onfetch = (event) => event.respondWith(new Response('hostile'));\n",
                   [("Service-Worker-Allowed", "/")])

    def do_get_redirect(self):
        self.reply(302, "text/plain", "over there\n", [("Location", "/echo/there")])

    def do_post_upload(self):
        digest, size = hashlib.sha256(), 0
        for chunk in self.body_chunks():
            digest.update(chunk)
            size += len(chunk)
        self.reply_json({"bytes": size, "sha256": digest.hexdigest()})

    def do_get_stream(self):
        """Ten chunks, a fifth of a second apart."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(10):
            data = f"chunk {number}\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            time.sleep(0.2)
        self.wfile.write(b"0\r\n\r\n")

    def do_get_ws(self):
        key = self.headers.get("Sec-WebSocket-Key")
        if self.headers.get("Upgrade", "").lower() != "websocket" or not key:
            self.reply(426, "text/plain", "a websocket lives here\n", [("Upgrade", "websocket")])
            return
        accept = base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET_KEY).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.close_connection = True
        while self.echo_frame():
            pass

    def echo_frame(self):
        """Sends one frame of the client back; false when the conversation is over."""
        head = self.rfile.read(2)
        if len(head) < 2:
            return False
        opcode, length = head[0] & 0x0F, head[1] & 0x7F
        if length == 126:
            length = struct.unpack(">H", self.rfile.read(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.rfile.read(8))[0]
        if length > 1 << 20 or not head[1] & 0x80:
            return False
        mask = self.rfile.read(4)
        data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(length)))
        answer = {0x9: 0xA}.get(opcode, opcode)
        size = bytes([length]) if length < 126 else \
            b"\x7e" + struct.pack(">H", length) if length < 65536 else b"\x7f" + struct.pack(">Q", length)
        self.wfile.write(bytes([head[0] & 0xF0 | answer]) + size + data)
        return opcode != 0x8


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET
    request_queue_size = 256
    daemon_threads = True


def main():
    if "--import-only" in sys.argv:
        return
    if MODE == "exit":
        log("giving up at once, because MODE=exit says so")
        sys.exit(3)
    if MODE == "leak":
        sys.stderr.buffer.write(b"app: cannot use " + DATABASE_URL.encode() + b" \xff\xfe\n")
        sys.exit(3)
    # A process that is number 1 has no default handlers.
    signal.signal(signal.SIGTERM, signal.SIG_IGN if MODE == "stubborn" else lambda *_: os._exit(0))
    if MODE == "silent":
        log("running, but not listening, because MODE=silent says so")
        while True:
            signal.pause()
    if MODE == "slow":
        log("listening in 20 seconds, because MODE=slow says so")
        time.sleep(20)
    if DATABASE_URL:
        prepare_database()
    with Server(("", PORT), Handler) as server:
        log(f"listening on port {PORT}")
        server.serve_forever()


if __name__ == "__main__":
    main()
