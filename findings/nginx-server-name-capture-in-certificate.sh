#!/bin/bash
# SPDX-License-Identifier: MIT
# nginx: what the regular expression of server_name captured is empty in ssl_certificate.
set -euo pipefail

directory=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$directory"' EXIT
cd "$directory"
apt-get -qq -o APT::Sandbox::User=root download 'nginx=1.22.1*' libpcre2-8-0 zlib1g libssl3 libcrypt1
for package in *.deb; do dpkg -x "$package" .; done
LD_LIBRARY_PATH=$(echo "$directory"/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=shop.test \
    -addext subjectAltName=DNS:shop.test -keyout shop.key -out shop.crt 2>/dev/null
chmod 0755 .
chmod 0644 shop.key

# configure VARIABLE: the certificate is the file that the variable names.
configure() {
    cat >nginx.conf <<END
daemon off;
pid $directory/pid;
error_log $directory/error.log;
events { }
http {
    access_log off;
    map \$ssl_server_name \$mapped { "~^(?<label>[a-z]+)\.test$" \$label; }
    server {
        listen unix:$directory/socket ssl;
        server_name "~^(?<captured>[a-z]+)\.test$";
        ssl_certificate $directory/$1.crt;
        ssl_certificate_key $directory/$1.key;
        return 200 "$1\n";
    }
}
END
}

# answer VARIABLE: what a visitor of https://shop.test/ is answered, or "no handshake".
answer() {
    configure "$1"
    usr/sbin/nginx -q -t -p . -c "$directory/nginx.conf" || { echo "refused by nginx -t"; return; }
    usr/sbin/nginx -p . -c "$directory/nginx.conf" &
    server=$!
    until [ -S socket ]; do kill -0 "$server" || return; sleep 0.1; done
    curl --silent --unix-socket socket --cacert shop.crt https://shop.test/ || echo "no handshake"
    kill "$server"
    wait "$server"
}

# shellcheck disable=SC2016
captured=$(answer '$captured') mapped=$(answer '$mapped')

echo "Version:  $(usr/sbin/nginx -v 2>&1)"
# shellcheck disable=SC2016
echo 'Expected: with "ssl_certificate $captured.crt" the certificate of shop.test is shop.crt, as $captured is "shop" later.'
echo "Seen:     nginx -t is content; with server_name's capture: $captured; with a map of \$ssl_server_name: $mapped."
[ "$captured $mapped" = "no handshake shop" ] || { echo "This has changed."; exit 1; }
