#!/bin/bash
# SPDX-License-Identifier: MIT
# nginx: $http_x_forwarded_host has the value of X_Forwarded_Host, where such names are let through.
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
            return 200 "\$http_x_forwarded_host";
        }
    }
}
END
usr/sbin/nginx -p . -c "$directory/nginx.conf" &
server=$!
until [ -S socket ]; do kill -0 "$server"; sleep 0.1; done
seen=$(curl --silent --unix-socket socket -H 'X_Forwarded_Host: visitor' -H 'X-Forwarded-Host: proxy' http://localhost/)

echo "version:  $(usr/sbin/nginx -v 2>&1)"
echo "expected: \$http_x_forwarded_host is \"proxy\""
echo "seen:     \$http_x_forwarded_host is \"$seen\""
[ "$seen" = visitor ]
