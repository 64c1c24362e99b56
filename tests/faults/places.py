# SPDX-License-Identifier: MIT
"""
Every place where the daemon can be told to die: the boundaries of its jobs' steps. test_places.py holds these names
against those in src/core.
"""

CREATE_STEPS = ["compose", "app-image", "database-image", "ingress", "network", "volume", "app-volumes",
                "database-volumes", "database-container", "database-login", "app-container", "app-start", "health"]
DELETE_STEPS = ["remove-app", "remove-database", "remove-volume", "remove-rest", "remove-network", "remove-compose"]
RESTART_STEPS = ["restart-database", "database-login", "restart-app", "health"]
# Of a restart that finds its containers removed by hand.
REMADE_STEPS = ["look", "files", "app-image", "database-image", "still", "compose", "ingress", "network", "app-volumes",
                "database-volumes", "database-container", "app-container"]
# What a create that fails takes back, and what of that only one with a database does.
UNDONE_STEPS = ["compose", "network", "app-volumes", "app-container"]
UNDONE_DATABASE_STEPS = ["volume", "database-container"]
# Phases of a create after whose storing it may die.
PHASES = ["database", "health"]
KINDS = ["create", "delete", "restart"]


def is_remade(place):
    return place.startswith("restart.") and step(place) in REMADE_STEPS


def is_undo(place):
    return place.endswith(":undo")


def needs_database(place):
    return step(place) in UNDONE_DATABASE_STEPS


def step(place):
    return place.split(".")[1].split(":")[0]


def places():
    found = [f"create.{one}:{when}" for one in CREATE_STEPS for when in ("before", "after")]
    found += [f"create.{phase}:stored" for phase in PHASES]
    found += [f"delete.{one}:{when}" for one in DELETE_STEPS for when in ("before", "after")]
    found += [f"restart.{one}:{when}" for one in RESTART_STEPS + REMADE_STEPS for when in ("before", "after")]
    found += [f"create.{one}:undo" for one in UNDONE_STEPS + UNDONE_DATABASE_STEPS]
    for kind in KINDS:
        found += [f"{kind}.intent:before", f"{kind}.intent:stored", f"{kind}.end:before", f"{kind}.end:stored"]
    return found
