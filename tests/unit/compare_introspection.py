#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fails where an interface as introspected and as documented differ: compare_introspection.py RUNNING DOCUMENT"""

import sys
import xml.etree.ElementTree as ElementTree

# What is said of a member where nothing is said.
DEFAULTS = {"org.freedesktop.DBus.Property.EmitsChangedSignal": "true"}


def annotations(element):
    said = {a.get("name"): a.get("value") for a in element.findall("annotation")}
    return frozenset((name, value) for name, value in said.items() if DEFAULTS.get(name) != value)


def arguments(element):
    return tuple((a.get("name"), a.get("type"), a.get("direction", "in")) for a in element.findall("arg"))


def members(interface):
    yield ("interface", interface.get("name"), annotations(interface))
    for element in interface:
        if element.tag != "annotation":
            yield (element.tag, element.get("name"), element.get("type"), element.get("access"),
                   arguments(element), annotations(element))


def load(path):
    return {i.get("name"): set(members(i)) for i in ElementTree.parse(path).getroot().findall("interface")}


def main():
    running, documented = load(sys.argv[1]), load(sys.argv[2])
    differences = [
        f"{word} only: {member}"
        for name in documented
        for word, only in (("running", running.get(name, set()) - documented[name]),
                           ("documented", documented[name] - running.get(name, set())))
        for member in sorted(only, key=repr)
    ]
    print("\n".join(differences))
    return 1 if differences or not documented else 0


if __name__ == "__main__":
    sys.exit(main())
