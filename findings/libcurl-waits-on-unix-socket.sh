#!/bin/bash
# SPDX-License-Identifier: MIT
# libcurl: a body over 1 MiB waits a second for "100 Continue", on a unix socket too.
set -euo pipefail

directory=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$directory"' EXIT
cd "$directory"
apt-get -qq -o APT::Sandbox::User=root download 'curl=7.88.1*' 'libcurl4=7.88.1*'
for package in *.deb; do dpkg -x "$package" .; done
LD_LIBRARY_PATH=$(echo "$directory"/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH

# A server that reads the whole body and then answers, as HTTP/1.0 servers and many small ones do.
/usr/bin/python3 - socket <<'END' &
import http.server
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "unix"

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()


socketserver.UnixStreamServer(sys.argv[1], Handler).serve_forever()
END
server=$!
until [ -S socket ]; do kill -0 "$server"; sleep 0.1; done

# post BYTES OPTION...: for how many whole seconds the request takes.
post() {
    head -c "$1" /dev/zero >body
    shift
    usr/bin/curl --silent --output /dev/null --write-out '%{time_total}' --unix-socket socket --data-binary @body "$@" \
        http://localhost/ | cut -d . -f 1
}
small=$(post 1048576) large=$(post 1048577) without=$(post 1048577 --header Expect:)

echo "Version:  $(usr/bin/curl --version | head -n 1 | cut -d ' ' -f 1-4)"
echo "Expected: a request of 1 MiB and a byte on a unix socket takes milliseconds, like one of 1 MiB."
echo "Seen:     whole seconds of 1 MiB: $small; of 1 MiB and a byte: $large; of the same with \"Expect:\" removed: $without."
if [ "$small" -ge 1 ] || [ "$large" -lt 1 ] || [ "$without" -ge 1 ]; then echo "This has changed."; exit 1; fi
