#!/bin/bash
# SPDX-License-Identifier: MIT
# inih: indented keys become part of the first one's value.
set -euo pipefail

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
apt-get -qq -o APT::Sandbox::User=root download 'libinih1=55*'
dpkg -x libinih1_*.deb .
echo "Version:  inih $(dpkg-deb --field libinih1_*.deb Version), as Debian builds it"

/usr/bin/python3 - "$directory"/usr/lib/*/libinih.so.1 <<'END'
import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p)
seen = []


@HANDLER
def handler(user, section, name, value):
    seen.append(f"{name.decode()}={value.decode()}")
    return 1


status = library.ini_parse_string(b"[server]\n  host=localhost\n  port=80\n  tls=yes\n", handler, None)
print('Expected: "[server]", then indented "host=localhost", "port=80" and "tls=yes", are three keys or an error.')
print(f"Seen:     status {status}; the handler is given {seen}")
if (status, seen) != (0, ["host=localhost", "host=port=80", "host=tls=yes"]):
    sys.exit("This has changed.")
END
