#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Fails where src/ is not built from below: check_rooms.py BUILD [SOURCE_ROOT]

A room is a folder of src/. Its files include, and call, only what the table below lets them use; and the files of a
room do not call each other in a circle. BUILD is a build directory of meson's in which everything has been compiled:
what calls what is what nm says of the objects there. All findings are printed.
"""

import pathlib
import re
import subprocess
import sys

# The rooms, lowest first, and what each may use besides itself: rooms further up in the table, or single files.
# core/steps, core/verbs and core/upkeep stand side by side, as do engine, store, probe and auth, and http and bus.
CORE_JOB = ("basic", "core/ports", "core/model", "core/registry", "core/spec", "core/recovery")
CORE_SIDE = CORE_JOB + ("core/job",)
CORE = CORE_SIDE + ("core/steps", "core/verbs", "core/upkeep")
ROOMS = {
    "basic": (),
    "journal": ("basic",),
    "glue": ("basic",),
    "core/ports": ("basic",),
    "core/model": ("basic", "core/ports"),
    "core/registry": ("basic", "core/ports", "core/model"),
    "core/spec": ("basic", "core/ports", "core/model", "core/registry"),
    "core/recovery": ("basic", "core/ports", "core/model", "core/registry", "core/spec"),
    "core/job": CORE_JOB,
    "core/steps": CORE_SIDE,
    "core/verbs": CORE_SIDE,
    "core/upkeep": CORE_SIDE,
    "core": CORE,
    # digest.h says which containers must be made again, and the engine makes them.
    "engine": ("basic", "glue", "core/ports", "core/model", "core/spec/digest.h"),
    "store": ("basic", "glue", "core/ports"),
    "probe": ("basic", "glue", "core/ports"),
    "auth": ("basic", "core/model", "core/verbs"),
    "http": CORE + ("core", "glue", "auth"),
    "bus": CORE + ("core", "auth"),
    "arkd": CORE + ("core", "glue", "engine", "store", "probe", "auth", "http", "bus"),
    "firewall": ("basic", "core/ports", "core/model", "auth", "arkd"),
    "nginx": ("basic", "core/ports", "core/model", "auth", "arkd"),
    "arkctl": ("basic",),
}

# Rooms that are not linked with core: they include headers of its, and call nothing.
HEADERS_OF_CORE = {"engine", "store", "probe", "auth"}

# Files that do not belong to the room of their folder.
ELSEWHERE = {"core/ports.h": "core/ports", "core/names.h": "core/ports"}

# Files that are compiled with an option of the build only.
OPTIONAL = {"core/job/fault.c"}

# Rooms in which there still are circles.
NOT_YET = {"glue", "arkctl"}

# Headers that the build makes, of which each room may include what it likes.
MADE = {"config.h"}


def room_of(file):
    """The room of a file, which is named from src/ on; None where it is in none."""
    folder = ELSEWHERE.get(file, str(pathlib.PurePosixPath(file).parent))
    return folder if folder in ROOMS else None


def part_of(file):
    """The room, and for all rooms of core the same."""
    return room_of(file).split("/")[0]


def may_include(file, included):
    room = room_of(file)
    return room_of(included) in (room, *ROOMS[room]) or included in ROOMS[room]


def may_call(file, called):
    return may_include(file, called) and not (room_of(file) in HEADERS_OF_CORE and part_of(called) == "core")


def check_table():
    """The table itself allows nothing that is further down."""
    seen = set()
    for room, uses in ROOMS.items():
        for used in uses:
            if used not in seen and room_of(used) not in seen:
                yield f"the table of rooms: {room} may use {used}, which is not above it"
        seen.add(room)


def check_places(files):
    for file in files:
        if not room_of(file):
            yield f"{file} is in no room; name its folder in the table of rooms"


def check_includes(source, files):
    for file in files:
        for included in re.findall(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', (source / file).read_text(), re.M):
            if included in MADE:
                continue
            if included not in files:
                yield f"{file} includes {included}, which is not in src/"
            elif not may_include(file, included):
                yield f"{file} includes {included}: {room_of(file)} may not use {room_of(included)}"


def find_objects(build, files):
    """The newest object of each C file. Those of files that are gone, which a build leaves behind, are left out."""
    objects = {}
    for path in sorted((build / "src").glob("**/*.p/*.c.o"), key=lambda path: path.stat().st_mtime):
        file = str((path.parent.parent / path.name[:-len(".o")]).relative_to(build / "src"))
        if file in files:
            objects[file] = path
    return objects


def read_symbols(objects):
    """The names that each file defines for others, and those that it wants of others."""
    defined, wanted = {file: set() for file in objects}, {file: set() for file in objects}
    files = {str(path): file for file, path in objects.items()}
    if not files:
        return defined, wanted
    done = subprocess.run(["nm", "-A", "-P", *files], check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        path, _, symbol = line.partition(": ")
        name, kind = symbol.split()[:2]
        if kind in "Uw":
            wanted[files[path]].add(name)
        elif kind.isupper() and not name.startswith("__"):
            defined[files[path]].add(name)
    return defined, wanted


def find_calls(objects):
    """The symbols by caller and called file. Data counts as well."""
    defined, wanted = read_symbols(objects)
    owners = {}
    for file, names in sorted(defined.items()):
        for name in names:
            owners.setdefault(name, []).append(file)
    calls = {}
    for file, names in wanted.items():
        for name in sorted(names & owners.keys()):
            # Different programs may have the same name: it is the one of a file that may be called.
            owner = next((owner for owner in owners[name] if may_call(file, owner)), owners[name][0])
            calls.setdefault(file, {}).setdefault(owner, []).append(name)
    return calls


def check_calls(calls):
    for file, called in sorted(calls.items()):
        for owner, names in sorted(called.items()):
            if not may_call(file, owner):
                yield f"{file} calls {owner} ({', '.join(names)}): {room_of(file)} may not call {room_of(owner)}"


def find_reachable(graph, start):
    reached, left = set(), list(graph[start])
    while left:
        node = left.pop()
        if node not in reached:
            reached.add(node)
            left.extend(graph[node])
    return reached


def find_circles(graph):
    """The sets of nodes that all reach each other. None calls itself."""
    reachable = {node: find_reachable(graph, node) for node in graph}
    circles = {frozenset(other for other in reachable[node] if node in reachable[other]) for node in graph}
    return sorted(sorted(circle) for circle in circles if circle)


def check_circles(calls, files):
    """A circle through several rooms of core is one, too."""
    for part in sorted({part_of(file) for file in files} - NOT_YET):
        graph = {file: [called for called in calls.get(file, {}) if part_of(called) == part]
                 for file in files if part_of(file) == part}
        for circle in find_circles(graph):
            ways = [f"\n    {file} calls {called} ({', '.join(calls[file][called])})"
                    for file in circle for called in sorted(graph[file]) if called in circle]
            yield f"{part}: {len(circle)} files call each other in a circle:{''.join(ways)}"


def check(build, root):
    source = root / "src"
    files = {str(path.relative_to(source)) for path in source.glob("**/*.[ch]")}
    if not files:
        yield f"there is no C file in {source}"
        return
    yield from check_table()
    yield from check_places(sorted(files))
    files = sorted(file for file in files if room_of(file))
    yield from check_includes(source, files)
    objects = find_objects(build, files)
    for file in files:
        if file.endswith(".c") and file not in objects.keys() | OPTIONAL:
            yield f"{file} has no object in {build}; build everything first"
    calls = find_calls(objects)
    yield from check_calls(calls)
    yield from check_circles(calls, files)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.strip())
    here = pathlib.Path(__file__).resolve().parents[2]
    findings = list(check(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else here))
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings" if findings else "all rooms are built from below")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
