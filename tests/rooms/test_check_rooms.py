#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Trees that are built from below, and trees that are not, and what check_rooms.py says of them."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import check_rooms

CHECK = pathlib.Path(__file__).with_name("check_rooms.py")

CLEAN = {
    "basic/text.h": "int text(void);",
    "basic/text.c": '#include "basic/text.h"\nint text(void) { return 1; }',
    "core/ports.h": "typedef int Port;",
    "core/model/thing.h": '#include "core/ports.h"\nPort thing(void);',
    "core/model/thing.c": '#include <stddef.h>\n#include "basic/text.h"\n#include "core/model/thing.h"\n'
                          "Port thing(void) { return text(); }",
    "core/steps/go.h": "int go(void);",
    "core/steps/go.c": '#include "core/model/thing.h"\nint go(void); int go(void) { return thing(); }',
    "bus/ground.h": "extern int (*on_made)(void); int ground(void);",
    "bus/ground.c": '#include "bus/ground.h"\nint (*on_made)(void);\nint ground(void) { return on_made(); }',
    "bus/roof.c": '#include "bus/ground.h"\n#include "config.h"\nint roof(void);\n'
                  "int roof(void) { on_made = roof; return ground(); }",
}


class TestRooms(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.build = self.root / "build"
        for name in CLEAN:
            self.write(name, CLEAN[name])
        (self.root / "config.h").write_text("")

    def write(self, name, text):
        path = self.root / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def compile(self):
        compilers = []
        for path in (self.root / "src").glob("**/*.c"):
            file = path.relative_to(self.root)
            objects = self.build / file.parent / f"libark-{file.parent.name}.a.p"
            objects.mkdir(parents=True, exist_ok=True)
            compilers.append(subprocess.Popen([os.environ.get("CC", "cc"), "-c", "-I", self.root / "src", "-I", self.root,
                                               path, "-o", objects / f"{file.name}.o"]))
        self.assertEqual([compiler.wait() for compiler in compilers], [0] * len(compilers))

    def assert_found(self, *expected):
        """The checker finds all these, a line each, and nothing else."""
        done = subprocess.run([sys.executable, CHECK, self.build, self.root], capture_output=True, text=True)
        *found, last = done.stdout.splitlines()
        self.assertEqual(sorted(found), sorted(expected), done.stderr)
        self.assertEqual(done.returncode, 1 if expected else 0, done.stderr)
        if not expected:
            self.assertEqual(last, "all rooms are built from below")

    def test_clean(self):
        self.compile()
        self.assert_found()

    def test_upward_include(self):
        self.write("basic/text.h", '#include "core/ports.h"\nPort text(void);')
        self.write("core/model/thing.c", '  #  include "core/steps/go.h"\n' + CLEAN["core/model/thing.c"])
        self.compile()
        self.assert_found("basic/text.h includes core/ports.h: basic may not use core/ports",
                          "core/model/thing.c includes core/steps/go.h: core/model may not use core/steps")

    def test_include_to_the_side(self):
        self.write("core/verbs/verb.c", '#include "core/steps/go.h"')
        self.compile()
        self.assert_found("core/verbs/verb.c includes core/steps/go.h: core/verbs may not use core/steps")

    def test_include_of_nothing_here(self):
        self.write("ground.h", "")
        self.write("bus/roof.c", '#include "../ground.h"\nint a;')
        self.compile()
        self.assert_found("bus/roof.c includes ../ground.h, which is not in src/",
                          "ground.h is in no room; name its folder in the table of rooms")

    def test_upward_call(self):
        self.write("basic/text.c", "int thing(void), text(void); int text(void) { return thing(); }")
        self.compile()
        self.assert_found("basic/text.c calls core/model/thing.c (thing): basic may not call core/model")

    def test_upward_use_of_data(self):
        self.write("core/steps/go.c", "extern int table[]; int go(void); int go(void) { return table[0]; }")
        self.write("core/upkeep/table.c", "int table[1];")
        self.compile()
        self.assert_found("core/steps/go.c calls core/upkeep/table.c (table): core/steps may not call core/upkeep")

    def test_headers_only(self):
        self.write("engine/port.c", '#include "core/model/thing.h"\nint port(void); int port(void) { return thing(); }')
        self.write("engine/word.c", '#include "core/model/thing.h"\nPort word;')
        self.compile()
        self.assert_found("engine/port.c calls core/model/thing.c (thing): engine may not call core/model")

    def test_circle(self):
        self.write("bus/ground.c", "int roof(void), ground(void); int (*on_made)(void);\n"
                                   "int ground(void) { return roof(); }")
        self.compile()
        self.assert_found("bus: 2 files call each other in a circle:",
                          "    bus/ground.c calls bus/roof.c (roof)",
                          "    bus/roof.c calls bus/ground.c (ground, on_made)")

    def test_circle_through_rooms_of_core(self):
        self.write("core/model/name.c", "int go(void), name(void); int name(void) { return go(); }")
        self.write("core/model/thing.c", "int name(void), thing(void); int thing(void) { return name(); }")
        self.compile()
        self.assert_found("core/model/name.c calls core/steps/go.c (go): core/model may not call core/steps",
                          "core: 3 files call each other in a circle:",
                          "    core/model/name.c calls core/steps/go.c (go)",
                          "    core/model/thing.c calls core/model/name.c (name)",
                          "    core/steps/go.c calls core/model/thing.c (thing)")

    def test_same_name_in_another_program(self):
        self.write("arkctl/text.c", "int text(void); int text(void) { return 2; }")
        self.compile()
        self.assert_found()

    def test_what_the_build_left_behind(self):
        self.write("basic/old.c", "int roof(void), old(void); int old(void) { return roof(); }")
        self.compile()
        (self.root / "src/basic/old.c").unlink()
        self.assert_found()
        # From when the library had another name.
        self.write("basic/text.c", "int roof(void), text(void); int text(void) { return roof(); }")
        self.compile()
        (self.build / "src/basic/libark-basic.a.p").rename(self.build / "src/basic/libark-text.a.p")
        self.write("basic/text.c", CLEAN["basic/text.c"])
        self.compile()
        self.assert_found()

    def test_not_built(self):
        self.compile()
        self.write("bus/late.c", "")
        self.assert_found(f"bus/late.c has no object in {self.build}; build everything first")

    def test_no_tree(self):
        self.root /= "nothing"
        self.assert_found(f"there is no C file in {self.root / 'src'}")

    def test_table(self):
        self.assertEqual(list(check_rooms.check_table()), [])
        rooms = check_rooms.ROOMS
        self.addCleanup(setattr, check_rooms, "ROOMS", rooms)
        check_rooms.ROOMS = rooms | {"basic": ("glue",)}
        self.assertEqual(list(check_rooms.check_table()), ["the table of rooms: basic may use glue, which is not above it"])


if __name__ == "__main__":
    unittest.main()
