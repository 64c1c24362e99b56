#!/bin/bash
# SPDX-License-Identifier: MIT
# nginx: large_client_header_buffers limits headers of HTTP/2 as they were compressed.
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
    access_log off;
    large_client_header_buffers 4 8k;
    server { listen unix:$directory/socket1; return 204; }
    server { listen unix:$directory/socket2 http2; return 204; }
}
END
usr/sbin/nginx -p . -c "$directory/nginx.conf" &
server=$!
until [ -S socket1 ] && [ -S socket2 ]; do kill -0 "$server"; sleep 0.1; done

# ask SOCKET OPTION: the status of a request with a cookie of 8,200 letters.
ask() {
    curl --silent --output /dev/null --write-out '%{http_code}' --unix-socket "$1" "$2" \
        --header "Cookie: a=$(printf '%08198d' 0 | tr 0 e)" http://localhost/
}
one=$(ask socket1 --http1.1) two=$(ask socket2 --http2-prior-knowledge)

echo "Version:  $(usr/sbin/nginx -v 2>&1)"
echo "Expected: a cookie of 8,200 letters is too large for \"large_client_header_buffers 4 8k\", by whichever protocol."
echo "Seen:     $one over HTTP/1.1, $two over HTTP/2, where it takes 5,130 bytes on the wire (Huffman, 5 bits a letter)."
[ "$one $two" = "400 204" ] || { echo "This has changed."; exit 1; }
