# SPDX-License-Identifier: MIT
"""
Instances come and go, a few at a time, 100 of them and 1,000 with ARK_TEST_LONG=1: what the daemon holds, and what
there is on the host, is afterwards what it was. The daemon is the package's.
"""

import concurrent.futures
import pathlib
import re
import time

from arkhost import ENGINE_CONNECTIONS_IDLE
from customers import Customers
from inventory import settle
from machine import Machine, wait_for

AT_ONCE = 4
# Caches fill, connections are kept, and the memory's pools find their size.
WARM_UP = 24
# A deleted instance is remembered (TombstoneDays=), and its address is not given again for an hour.
TOMBSTONE_KB = 2
SLACK_KB = 512
PRODUCT = "faults-plain"


def memory_kb(machine):
    """
    RSS and what is the daemon's alone, in KiB. Its share of what others map too (PSS) grows when those end, such as the
    daemons of other test hosts.
    """
    text = machine.path(f"/proc/{machine.main_pid()}/smaps_rollup").read_text()
    found = {name: int(value) for name, value in re.findall(r"^(\w+): +(\d+) kB$", text, re.M)}
    return {"RSS KiB": found["Rss"], "own KiB": found["Private_Dirty"]}


def things(machine):
    """How many of each there are; what is remembered for a time is counted by itself."""
    with machine.store() as redis:
        keys = redis.keys()
        tombstones = sum('"deleted"' in (redis.ask("GET", key) or "") for key in keys if key.startswith("instance:"))
        remembered = [key for key in keys if key.startswith("idempotency:")]
        assert all(redis.ask("TTL", key) > 0 for key in remembered)
    # Stream and index are there or not, as there is something in them.
    others = len(keys - {"ark:jobs", "instances"}) - tombstones - len(remembered)
    engine, state = machine.engine, machine.path("/var/lib/arkd")
    return {
        "Redis keys": others,
        "containers": len(engine("/containers/json?all=1")),
        "networks": len(engine("/networks")),
        "volumes": len(engine("/volumes")["Volumes"] or []),
        "compose files": len(list((state / "compose").glob("compose.*"))),
        "files": sum(1 for one in state.rglob("*") if not one.name.startswith("deleted.")),
        "interfaces": pathlib.Path(f"/proc/{machine.leader}/net/dev").read_text().count("\n"),
        "slices": len(machine.exec("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full",
                                   "ark-client_*").splitlines()),
    }, tombstones


class Soak:
    def __init__(self, name):
        self.machine = Machine(name)
        self.customers = Customers(self.machine, f"soak-{time.time_ns()}")
        self.machine.wait_healthy()
        self.customers.leave_nothing()
        self.customers.register()

    def cycle(self, _):
        promise = self.customers.create(PRODUCT)
        ended = wait_for(f"{promise} runs", lambda: self.ended(promise), 60, every=0.1)
        assert ended == "running", f"{promise} is {ended}"
        self.customers.delete(promise)

    def ended(self, promise):
        status = self.customers.state(promise)["status"]
        return status if status != "pending" else None

    def cycles(self, n):
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self.cycle, range(n)))
        return time.monotonic() - begun

    def measure(self):
        """What there is, when nothing is at work: descriptors, counts, tombstones, memory."""
        assert settle(self.customers).differences == []
        before = None
        # A connection is closed a moment after its last answer.
        while before != (before := self.machine.descriptors()):
            time.sleep(1)
        kept = self.machine.engine_connections()
        assert kept <= ENGINE_CONNECTIONS_IDLE, f"{kept} connections to the engine, with nothing to ask it"
        counts, tombstones = things(self.machine)
        return {"descriptors": before} | counts, tombstones, memory_kb(self.machine)


def test_comes_and_goes_without_a_trace(name, long):
    soak = Soak(name)
    soak.cycles(WARM_UP)
    before, tombstones, memory = soak.measure()
    daemon, wanted = soak.machine.main_pid(), 1000 if long else 100
    seconds = soak.cycles(wanted)
    after, more_tombstones, more_memory = soak.measure()
    print(f"\nsoak: {wanted} instances came and went in {seconds:.0f} s ({AT_ONCE} at a time): "
          + ", ".join(f"{name} {before[name]} → {after[name]}" for name in before)
          + f"; tombstones {tombstones} → {more_tombstones}; "
          + ", ".join(f"{name} {memory[name]} → {more_memory[name]}" for name in memory), flush=True)
    assert soak.machine.main_pid() == daemon, "another daemon has taken its place"
    assert more_tombstones == tombstones + wanted
    assert after == before
    allowed = SLACK_KB + TOMBSTONE_KB * wanted
    for name in memory:
        grown = more_memory[name] - memory[name]
        assert grown <= allowed, f"{name} has grown by {grown} KiB in {wanted} cycles, {allowed} are allowed"
