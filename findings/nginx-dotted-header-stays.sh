#!/bin/bash
# SPDX-License-Identifier: MIT
# nginx: proxy_set_header does not replace a request header whose name has a dot.
set -euo pipefail

directory=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$directory"' EXIT
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
    underscores_in_headers on;
    ignore_invalid_headers off;
    client_body_temp_path $directory/body;
    proxy_temp_path $directory/proxy;
    fastcgi_temp_path $directory/fastcgi;
    uwsgi_temp_path $directory/uwsgi;
    scgi_temp_path $directory/scgi;
    server {
        listen unix:$directory/socket;
        location / {
            proxy_set_header X_Remote_User "";
            proxy_set_header X.Remote.User "";
            proxy_pass http://unix:$directory/upstream;
        }
    }
}
END
python3 - "$directory/upstream" >seen <<'END' &
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
one = listener.accept()[0]
print(one.recv(65536).decode())
one.sendall(b"HTTP/1.1 204 Seen\r\nConnection: close\r\n\r\n")
END
until [ -S upstream ]; do sleep 0.1; done
chmod 0777 upstream
usr/sbin/nginx -p . -c "$directory/nginx.conf" &
server=$!
until [ -S socket ]; do kill -0 "$server"; sleep 0.1; done
curl --silent --unix-socket socket -H 'X_Remote_User: forged' -H 'X.Remote.User: forged' http://localhost/
sleep 0.5

echo "version:  $(usr/sbin/nginx -v 2>&1)"
echo "expected: neither X_Remote_User nor X.Remote.User reaches the upstream server"
echo "seen:     $(grep -i remote seen | tr -d '\r' | paste -sd' ')"
grep -q '^X.Remote.User: forged' seen && ! grep -q '^X_Remote_User' seen
