#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Stands in for what comes before nginx on this host, `tailscale serve` or what ends TLS: proxy.py WAYS, a JSON object of
port → {"to": port, "set": {header: value, or null to leave it out}}. Host stays as the visitor sent it, unless it is set.
"""

import http.client
import http.server
import json
import sys
import threading

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        way = self.server.way
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = {name.lower() for name in way["set"]}
        onward = http.client.HTTPConnection("127.0.0.1", way["to"], timeout=60)
        onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in said | HOP_BY_HOP:
                onward.putheader(name, value)
        for name, value in way["set"].items():
            if value is not None:
                onward.putheader(name, value)
        onward.endheaders(body or None)
        self.answer(onward.getresponse())
        onward.close()

    def answer(self, answer):
        body = answer.read()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = pass_on

    def log_message(self, format, *args):
        pass


def main():
    for port, way in json.loads(sys.argv[1]).items():
        server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
        server.way = way
        threading.Thread(target=server.serve_forever).start()
    print("ready", flush=True)


main()
