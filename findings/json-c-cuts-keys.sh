#!/bin/bash
# SPDX-License-Identifier: MIT
# json-c: a key ends at its first \u0000, while a string keeps it.
set -euo pipefail

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
apt-get -qq -o APT::Sandbox::User=root download 'libjson-c5=0.16*'
dpkg -x libjson-c5_*.deb .

/usr/bin/python3 - "$directory"/usr/lib/*/libjson-c.so.5 <<'END'
import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
for name in ("json_tokener_parse", "json_object_to_json_string", "json_c_version"):
    getattr(library, name).restype = ctypes.c_void_p
parsed = ctypes.c_void_p(library.json_tokener_parse(rb'{"name\u0000x": "a\u0000b"}'))
seen = ctypes.string_at(library.json_object_to_json_string(parsed)).decode()

print("Version:  json-c", ctypes.string_at(library.json_c_version()).decode())
print(r'Expected: {"name\u0000x": "a\u0000b"} is read and written as it is, or refused.')
print("Seen:     it becomes", seen)
if seen != r'{ "name": "a\u0000b" }':
    sys.exit("This has changed.")
END
