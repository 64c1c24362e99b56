# SPDX-License-Identifier: MIT
"""What there is, in the store, the engine, the files and nginx's answers, held against each other and the book."""

import json
import pathlib
import time

from machine import GONE, PATIENCE

LABEL = "network.ark.instance"
DEPLOYMENT = "network.ark.deployment"
SHARED_NETWORK = "ark_production"
# What arkd keeps in the store, and in its folder; of its jobs nothing when nothing is at work.
KEYS = {"product", "instance", "secret", "job", "idempotency", "deployment", "generation"}
SINGLE_KEYS = {"products", "instances", "ark:jobs"}
STATE = "/var/lib/arkd"
# How many seconds a job may last: a deploy's deadline, and to take away what it has made. What takes long is told.
AT_WORK, LONG = 240 * PATIENCE, 60
# A dockerd that is killed while it makes a network has the bridge on record, and the network not: after that it makes
# the bridge at each start, lets nobody else use its name and answers that there is no such network.
ENGINE_KEEPS_BRIDGE = "networks have same bridge name"
BRIDGES_ON_RECORD = "/var/lib/docker/network/files/local-kv.db"


class Inventory:
    def __init__(self, customers, strangers=()):
        self.customers, self.machine = customers, customers.machine
        self.strangers = set(strangers)
        self.differences, self.networks = [], set()
        self.orphans = self.lost = 0

    def differ(self, text):
        self.differences.append(text)

    def orphan(self, text):
        self.orphans += 1
        self.differ(text)

    def lose(self, text):
        self.lost += 1
        self.differ(text)

    def take(self):
        """Compares all; answers itself."""
        self.listed = self.read_api()
        self.customers.find_unanswered(self.listed)
        self.compare_promises()
        self.compare_store()
        self.compare_engine()
        self.compare_files()
        self.compare_answers()
        return self

    # arkd's own view

    def read_api(self):
        items, cursor = {}, ""
        while True:
            page = self.machine.local.get(f"/api/instances?limit=100{cursor}").expect(200).json
            items |= {one["id"]: one for one in page["items"]}
            if not page["next"]:
                return items
            cursor = f"&cursor={page['next']}"

    def living(self):
        """What has its things: a failed deploy has none, but what ran and broke keeps them."""
        return {id for id, one in self.listed.items()
                if one["status"] == "running" or (one["status"] == "failed" and one["timeline"].get("ready"))}

    # The book

    def compare_promises(self):
        known = {promise.id for promise in self.customers.promises if promise.id}
        for promise in self.customers.promises:
            if not promise.id:
                self.lose(f"{promise.key} was never acknowledged")
                continue
            one = self.listed.get(promise.id)
            status = one["status"] if one else "deleted"
            wanted = {"deleted"} if promise.deleted else {"failed"} if promise.must_fail else {"running"}
            if promise.may_fail and not promise.deleted:
                wanted |= {"failed"}
            if status not in wanted:
                error = (one or {}).get("error") or {}
                if status == "failed" and ENGINE_KEEPS_BRIDGE in error.get("reason", ""):
                    print(f"    {promise} failed, as the engine was killed while it made its network")
                    promise.may_fail = True
                    continue
                text = f"{promise} is {status}, not {' or '.join(sorted(wanted))}: {error.get('step')}: " \
                       f"{error.get('reason')} {error.get('log') or ''}"
                if status in ("deleted", "failed"):
                    self.lose(text)
                else:
                    self.differ(text)
        for id, one in self.listed.items():
            if id not in known and one["status"] != "deleted":
                self.orphan(f"instance {id} is {one['status']} and nobody ordered it")

    # Redis

    def compare_store(self):
        with self.machine.store() as redis:
            keys = redis.keys()
            records = {key.removeprefix("instance:"): json.loads(redis.ask("GET", key) or "{}")
                       for key in keys if key.startswith("instance:")}
            index = set(redis.ask("ZRANGE", "instances", 0, -1))
            catalogue = set(redis.ask("SMEMBERS", "products"))
            for_ever = [key for key in keys if key.startswith("idempotency:") and redis.ask("TTL", key) == -1]
            entries = redis.ask("XLEN", "ark:jobs")
            claimed = redis.ask("XPENDING", "ark:jobs", "arkd")[0] if "ark:jobs" in keys else 0
        for key in keys:
            kind, _, name = key.partition(":")
            if kind == "job":
                self.orphan(f"Redis has {key}")
            elif kind == "secret" and name not in self.living():
                self.orphan(f"Redis has {key}, whose instance does not run")
            elif kind not in KEYS and key not in SINGLE_KEYS:
                self.orphan(f"Redis has {key}, which nobody knows")
        for key in for_ever:
            self.orphan(f"Redis has {key} for ever")
        if catalogue != {key.removeprefix("product:") for key in keys if key.startswith("product:")}:
            self.differ(f"Redis: the set of products, {catalogue}, and their records differ")
        if entries or claimed:
            self.orphan(f"stream ark:jobs has {entries} entries, {claimed} of them claimed")
        for id in self.living():
            if f"secret:{id}" not in keys:
                self.lose(f"Redis has no secret:{id}")
        alive = {id: one for id, one in self.listed.items() if one["status"] != "deleted"}
        for id in alive.keys() | records.keys():
            told = alive[id]["status"] if id in alive else "deleted"
            stored = records[id].get("status") if id in records else "deleted"
            if told != stored:
                self.differ(f"{id} is {told} to arkd and {stored} to Redis")
        if index != records.keys():
            self.differ(f"Redis: the sorted set and the records differ in {index ^ records.keys()}")

    # Docker

    def compare_engine(self):
        engine = self.machine.engine
        found = {("network", SHARED_NETWORK)}
        for one in engine("/containers/json?all=1"):
            name = one["Names"][0].lstrip("/")
            if self.is_ours(name, one["Labels"]):
                found.add(("container", name))
                if one["State"] != "running" and one["Labels"].get(LABEL) in self.living():
                    self.differ(f"container {name} is {one['State']}")
        for one in engine("/networks"):
            self.networks.add(one["Name"])
            if self.is_ours(one["Name"], one["Labels"]) or one["Name"].startswith("client_"):
                found.add(("network", one["Name"]))
        for one in engine("/volumes")["Volumes"] or []:
            if self.is_ours(one["Name"], one["Labels"]):
                found.add(("volume", one["Name"]))
        wanted = {("network", SHARED_NETWORK)}
        for id in self.living():
            wanted |= {("container", id), ("network", f"{id}_net")}
            if self.listed[id].get("db_name"):
                wanted |= {("container", f"{id}_db"), ("volume", f"{id}_db_data")}
        for kind, name in sorted(found - wanted):
            self.orphan(f"{kind} {name} belongs to nothing that runs")
        for kind, name in sorted(wanted - found):
            self.lose(f"{kind} {name} is missing")

    def is_ours(self, name, labels):
        if name in self.strangers:
            return False
        return DEPLOYMENT in (labels or {}) or name.startswith("client_")

    # Files, bridges, slices

    def compare_files(self):
        folder = self.machine.path(STATE)
        found = {str(path.relative_to(folder)) for path in folder.rglob("*")} - {"compose"}
        wanted = {f"compose/compose.{id}.yml" for id in self.living()} | {"compose/generation"}
        found -= {name for name in found if name.removeprefix("compose/deleted.") not in {name, *self.living()}}
        for name in sorted(found - wanted):
            self.orphan(f"file {STATE}/{name} belongs to nothing that runs")
        for name in sorted(wanted - found):
            self.lose(f"file {STATE}/{name} is missing")
        short = {id.removeprefix("client_") for id in self.living()}
        for line in pathlib.Path(f"/proc/{self.machine.leader}/net/dev").read_text().splitlines():
            name = line.split(":")[0].strip()
            if name.startswith("ark") and name != "arkprod" and name.removeprefix("ark") not in short and \
                    not self.is_bridge_of_no_network(name):
                self.orphan(f"bridge {name} belongs to nothing that runs")
        units = self.machine.exec("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full",
                                  "ark-client_*")
        for line in units.splitlines():
            unit = line.split()[0]
            if unit.removeprefix("ark-").removesuffix(".slice") not in self.living():
                self.orphan(f"unit {unit} belongs to nothing that runs")

    def is_bridge_of_no_network(self, name):
        return f"client_{name.removeprefix('ark')}_net" not in self.networks and \
            name.encode() in self.machine.path(BRIDGES_ON_RECORD).read_bytes()

    # nginx, applications

    def compare_answers(self):
        for promise in self.customers.promises:
            if promise.id and promise.id in self.living():
                self.compare_application(promise)
            elif promise.id:
                self.compare_absence(promise)

    def compare_application(self, promise):
        try:
            page = self.machine.applications.get(f"/instances/{promise.id}/", timeout=5)
            if page.status != 200 or promise.key not in page.text:
                self.differ(f"the link of {promise} answers {page!r}")
            elif promise.has_database:
                self.compare_rows(promise)
        except GONE as error:
            self.differ(f"the link of {promise} answers nothing: {error}")

    def compare_rows(self, promise):
        rows = self.customers.read_rows(promise)
        for text in sorted(promise.acknowledged - rows):
            self.lose(f"the row “{text}” of {promise} was acknowledged and is gone")
        for text in sorted(rows - promise.tried):
            self.differ(f"the row “{text}” in {promise} is not its own")

    def compare_absence(self, promise):
        try:
            status = self.machine.applications.get(f"/instances/{promise.id}/", timeout=5).status
        except GONE as error:
            status = error
        if status != 404:
            self.differ(f"the link of {promise}, which does not run, answers {status}")


def settle(customers, strangers=()):
    """Waits, for a bounded time, until nothing is at work; then until all agrees. Answers the last inventory."""
    machine = customers.machine
    machine.wait_back()
    begun, woken = time.monotonic(), None
    while time.monotonic() < begun + AT_WORK:
        try:
            listed = Inventory(customers).read_api()
        except (AssertionError, *GONE):
            listed = None
        if listed is not None and not any(one["status"] in ("pending", "deleting") for one in listed.values()):
            break
        if woken is None and time.monotonic() > begun + LONG:
            woken = machine.wake_engine()
        time.sleep(0.1)
    if time.monotonic() > begun + LONG:
        print(f"    something was at work for {time.monotonic() - begun:.0f} s", flush=True)
        machine.tell_journal(time.monotonic() - begun)
    # Status follows the engine's events, an empty slice is unloaded by and by.
    deadline = time.monotonic() + 15 * PATIENCE
    while True:
        inventory = Inventory(customers, strangers).take()
        if not inventory.differences or time.monotonic() > deadline:
            return inventory
        time.sleep(0.25)
