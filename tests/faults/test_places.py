# SPDX-License-Identifier: MIT
"""The places where the daemon is told to die are those that it comes by: no step is renamed or added unnoticed."""

import re

import places
from machine import TOP

SOURCE = "\n".join(path.read_text() for path in sorted((TOP / "src/core").rglob("*.c")))


def table(kind):
    """The steps of a kind of job, as name → what is said of it."""
    found = re.findall(rf"^static const Step {kind}_steps\[\] = \{{\n(.*?)^\}};", SOURCE, re.M | re.S)
    assert len(found) == 1, f"{len(found)} tables of {kind}"
    steps = re.findall(r'\{ "([^"]+)", PHASE_([^{}]*)\}', found[0])
    assert len(steps) == found[0].count("{"), f"the table of {kind} is written in another way: {found[0]}"
    return dict(steps)


def test_kinds():
    assert set(re.findall(r"^static const Step (\w+)_steps\[\]", SOURCE, re.M)) == set(places.KINDS)


def test_steps_of_create():
    assert list(table("create")) == places.CREATE_STEPS


def test_steps_of_delete():
    assert list(table("delete")) == places.DELETE_STEPS


def test_steps_of_restart():
    assert sorted(table("restart")) == sorted(places.RESTART_STEPS + places.REMADE_STEPS)


def test_steps_that_are_undone():
    undone = {name: said for name, said in table("create").items() if ".undo =" in said}
    with_database = {name for name, said in undone.items() if ".database_only = true" in said}
    assert with_database == set(places.UNDONE_DATABASE_STEPS)
    assert undone.keys() - with_database == set(places.UNDONE_STEPS)
    assert not [name for kind in ("delete", "restart") for name, said in table(kind).items() if ".undo =" in said]


def test_hooks():
    calls = re.findall(r"\bfault_point\((.*?), (.*?), \"(\w+)\"\);", SOURCE)
    assert len(calls) == len(re.findall(r"\bfault_point\(\w+->|\bfault_point\(job,", SOURCE))
    seen = {(where.strip('"') if where.startswith('"') else "", when) for _, where, when in calls}
    assert seen == {("intent", "before"), ("intent", "stored"), ("end", "before"), ("end", "stored"),
                    ("", "before"), ("", "after"), ("", "undo"), ("", "stored")}
    phases = re.search(r"phase_messages\[_PHASE_MAX\] = \{(.*?)\};", SOURCE, re.S)[1].lower()
    assert all(f"[phase_{phase}]" in phases for phase in places.PHASES)


def test_every_place_is_there_once():
    assert len(places.places()) == len(set(places.places()))
