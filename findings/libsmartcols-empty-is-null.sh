#!/bin/bash
# SPDX-License-Identifier: MIT
# libsmartcols: JSON has null for a cell that is an empty string, and names in lower case.
set -euo pipefail

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
apt-get -qq -o APT::Sandbox::User=root download 'libsmartcols1=2.38.1*'
dpkg -x libsmartcols1_*.deb .

/usr/bin/python3 - "$directory"/usr/lib/*/libsmartcols.so.1 <<'END'
import ctypes
import json
import sys

library = ctypes.CDLL(sys.argv[1])
for name in ("scols_new_table", "scols_table_new_column", "scols_table_new_line"):
    getattr(library, name).restype = ctypes.c_void_p
table = ctypes.c_void_p(library.scols_new_table())
library.scols_table_set_name(table, b"instances")
library.scols_table_enable_json(table, 1)
library.scols_table_new_column(table, b"clientName", ctypes.c_double(0), 0)
line = ctypes.c_void_p(library.scols_table_new_line(table, None))
library.scols_line_set_data(line, 0, b"")
text = ctypes.c_char_p()
library.scols_print_table_to_string(table, ctypes.byref(text))
version = ctypes.c_char_p()
library.scols_get_library_version(ctypes.byref(version))
seen = json.loads(text.value)["instances"]
print("Version:  libsmartcols", version.value.decode())
print('Expected: a column "clientName" with the empty string in it is {"clientName": ""} in JSON.')
print("Seen:    ", json.dumps(seen))
if seen != [{"clientname": None}]:
    sys.exit("This has changed.")
END
