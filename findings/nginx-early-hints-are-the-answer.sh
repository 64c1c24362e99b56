#!/bin/bash
# SPDX-License-Identifier: MIT
# nginx before 1.29: 103 Early Hints of an upstream is taken for the answer, and the answer for its body.
set -euo pipefail

directory=$(mktemp -d)
server=
upstream=
trap '[ -z "$server" ] || kill "$server"; [ -z "$upstream" ] || kill "$upstream"; rm -rf "$directory"' EXIT
cd "$directory"
apt-get -qq -o APT::Sandbox::User=root download 'nginx=1.22.1*' libpcre2-8-0 zlib1g libssl3 libcrypt1
for package in *.deb; do dpkg -x "$package" .; done
LD_LIBRARY_PATH=$(echo "$directory"/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH
chmod 0755 .

cat >nginx.conf <<END
daemon off;
pid $directory/pid;
error_log $directory/error.log;
events { }
http {
    access_log $directory/access.log;
    client_body_temp_path $directory/body;
    proxy_temp_path $directory/proxy;
    fastcgi_temp_path $directory/fastcgi;
    uwsgi_temp_path $directory/uwsgi;
    scgi_temp_path $directory/scgi;
    server {
        listen unix:$directory/socket;
        location / {
            proxy_pass http://unix:$directory/upstream;
            proxy_http_version 1.1;
        }
    }
}
END
env -u LD_LIBRARY_PATH python3 - <<'END' &
import os
import socket
with socket.socket(socket.AF_UNIX) as server:
    server.bind("upstream")
    os.chmod("upstream", 0o666)
    server.listen()
    while True:
        with server.accept()[0] as client:
            client.recv(65536)
            client.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
                           b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal")
END
upstream=$!
until [ -S upstream ]; do kill -0 "$upstream"; sleep 0.1; done
usr/sbin/nginx -p . -c "$directory/nginx.conf" &
server=$!
until [ -S socket ]; do kill -0 "$server"; sleep 0.1; done
seen=$(env -u LD_LIBRARY_PATH python3 - <<'END'
import socket
with socket.socket(socket.AF_UNIX) as client:
    client.connect("socket")
    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    print(b"".join(iter(lambda: client.recv(65536), b"")).decode())
END
)
echo "version:  $(usr/sbin/nginx -v 2>&1)"
echo 'expected: one head, "HTTP/1.1 200 OK", and the body "final"'
echo "seen:     $seen"
# The head with nginx's name is that of the 103; in the body is one as the upstream wrote it.
[[ $seen == 'HTTP/1.1 103 Early Hints'*Server:*'HTTP/1.1 200 OK'*final* ]]
