#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Fails where the ids of src/basic/messages.h, the lines that log them and the journal's catalogs differ:
check_catalog.py SOURCE_ROOT
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

LANGUAGES = {"": "arkd.catalog", "es": "arkd.es.catalog"}
FIELDS = {"ARK_INSTANCE", "ARK_PRODUCT", "ARK_JOB", "ARK_STEP", "ARK_CALLER", "ARK_ORIGIN", "ARK_ACTION"}
PARTS = {"Subject", "Defined-By", "Documentation"}
WIDTH = 88

faults = []


def expect(condition, what):
    if not condition:
        faults.append(what)


def read_ids(path):
    """The ids by name."""
    pairs = re.findall(r'^#define\s+MESSAGE_(\w+)\s+"([^"]*)"$', path.read_text(), re.M)
    expect(len(pairs) == path.read_text().count("#define"), f"{path.name} has a line that is not an id")
    for name, id in pairs:
        expect(re.fullmatch("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", id), f"{name} is not a random UUID: {id}")
    ids = dict(pairs)
    expect(len(ids) == len(pairs) == len(set(ids.values())), f"{path.name} has an id or a name twice")
    return ids


def read_entries(path):
    """The entries by id: the head's lines and the text."""
    entries = {}
    for part in re.split(r"^-- ", path.read_text(), flags=re.M)[1:]:
        first, _, rest = part.partition("\n")
        head, _, text = rest.partition("\n\n")
        expect(first not in entries, f"{path.name} has {first} twice")
        entries[first] = (dict(line.split(": ", 1) for line in head.splitlines()), text.strip())
    return entries


def check_entry(where, head, text):
    expect(head.keys() == PARTS, f"{where}: its head is {sorted(head)}")
    expect(text.count("\n\n") >= 1, f"{where}: it says what happened or what to do, but not both")
    expect(set(re.findall(r"@(\w+)@", "".join(head.values()) + text)) <= FIELDS, f"{where}: an unknown field")
    expect(not re.search(r"@\w+$|(?<![@\w])\w+_\w+@", text, re.M), f"{where}: a field that is not closed")
    expect(max(map(len, text.splitlines())) <= WIDTH, f"{where}: a line is longer than {WIDTH}")


def check_catalogs(folder, ids):
    names = {id: name for name, id in ids.items()}
    entries = {language: read_entries(folder / file) for language, file in LANGUAGES.items()}
    for language, found in entries.items():
        file = LANGUAGES[language]
        for id in ids.values() - found.keys():
            expect(False, f"{file} does not explain {names[id]}")
        for id in found.keys() - ids.values():
            expect(False, f"{file} explains {id}, which is no message's")
        for id, (head, text) in found.items():
            check_entry(f"{file}, {names.get(id, id)}", head, text)
    for id in entries[""].keys() & entries["es"].keys():
        fields = [set(re.findall(r"@(\w+)@", each[id][0].get("Subject", "") + each[id][1])) for each in entries.values()]
        expect(fields[0] == fields[1], f"{names.get(id, id)} names other fields in Spanish: {fields}")
        expect(entries[""][id][1] != entries["es"][id][1], f"{names.get(id, id)} is not translated")


def check_use(source, names):
    text = "\n".join(path.read_text() for path in source.rglob("*.c"))
    used = set(re.findall(r"\bMESSAGE_(\w+)\b", text))
    for name in names - used:
        expect(False, f"no line is logged with MESSAGE_{name}")


def check_compiles(folder, count):
    """journalctl takes all of it."""
    if not shutil.which("journalctl"):
        return
    with tempfile.TemporaryDirectory() as root:
        target = pathlib.Path(root) / "usr/lib/systemd/catalog"
        target.mkdir(parents=True)
        (pathlib.Path(root) / "var/lib/systemd/catalog").mkdir(parents=True)
        for file in LANGUAGES.values():
            shutil.copy(folder / file, target)
        for verb in ("--update-catalog", "--list-catalog"):
            done = subprocess.run(["journalctl", f"--root={root}", verb], capture_output=True, text=True)
            expect(done.returncode == 0 and not done.stderr, f"journalctl {verb}: {done.stderr}")
        expect(len(done.stdout.splitlines()) == count, f"journalctl lists {done.stdout}, not {count} entries")


def main(root):
    ids = read_ids(root / "src/basic/messages.h")
    expect(len(ids) > 20, f"only {len(ids)} ids were read")
    check_catalogs(root / "catalog", ids)
    check_use(root / "src", ids.keys())
    check_compiles(root / "catalog", len(ids))
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
