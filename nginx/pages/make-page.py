#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Makes a page that nginx serves by itself of what is its own: what stands before the first blank line goes into its head,
the rest into its body; frame.html.in is the same for all of them. Each is a single file, style and all, as it has to be
there when nothing else is.
"""

import pathlib
import sys


def indented(text, depth):
    return "\n".join(" " * depth + line if line else line for line in text.strip().splitlines())


def main():
    own = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    frame = (pathlib.Path(__file__).parent / "frame.html.in").read_text(encoding="utf-8")
    head, body = own.partition("-->\n")[2].split("\n\n", 1)
    print(frame.replace("@HEAD@", indented(head, 4)).replace("@BODY@", indented(body, 6)), end="")


if __name__ == "__main__":
    main()
