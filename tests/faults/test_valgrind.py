# SPDX-License-Identifier: MIT
"""
The daemon under valgrind does some of everything, in its plain build, and stops: it has lost no memory and touched none
that was not its own.
"""

import re
import time

import pytest

import daemon
from arkhost import BUS_NAME, BUS_PATH, BusError
from customers import Customers, product
from inventory import settle
from machine import Machine, wait_for

CYCLES = 5


@pytest.fixture
def watched(name):
    machine = Machine(name)
    daemon.push_valgrind(machine)
    try:
        daemon.install(machine, lines=daemon.UNDER_VALGRIND)
        yield machine
    finally:
        daemon.restore(machine)


def bus_reads(machine, id):
    instance = f"{BUS_PATH}/instance/{id}"
    for call in (("ListInstances", "a{sv}", "0"), ("ListInstances", "a{sv}", "1", "status", "s", "running"),
                 ("GetInstance", "s", id), ("ListProducts",), ("GetCredentials", "s", id), ("GetCompose", "s", id),
                 ("Cleanup", "tb", "0", "true")):
        machine.bus(*call)
    for call in (("GetInstance", "s", "client_aaaaaaaaaaaa"), ("CreateInstance", "ssa{sv}", "nothing", "Acme", "0"),
                 ("SetProduct", "s", "{")):
        with pytest.raises(BusError):
            machine.bus(*call)
    machine.bus("GetLogs", "su", "", "20", path=instance, interface=f"{BUS_NAME}.Instance")
    machine.bus("SetExpiry", "t", str(2**64 - 1), path=instance, interface=f"{BUS_NAME}.Instance")
    machine.bus("GetAll", "s", f"{BUS_NAME}.Instance", path=instance, interface="org.freedesktop.DBus.Properties")
    machine.bus("GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager")
    machine.exec("busctl", "introspect", BUS_NAME, BUS_PATH)
    machine.exec("arkctl", "status")


def http_reads(machine, id):
    local, public = machine.local, machine.public
    for path in ("/healthz", "/metrics", "/api/products", "/api/products/faults-notes",
                 "/api/instances?limit=2&status=running", f"/api/instances/{id}", f"/api/instances/{id}/logs",
                 f"/api/instances/{id}/credentials", f"/api/instances/{id}/compose", f"/api/instances/{id}/events"):
        local.get(path).expect(200)
    for path, status in (("/api/instances", 403), ("/api/nothing", 404), ("/api/instances/client_aaaaaaaaaaaa", 404),
                         (f"/api/instances/{id}/access", 401)):
        public.get(path).expect(status)
    local.post("/api/instances", b"[" * 5000, headers=[("Content-Type", "application/json")]).expect(400)
    local.post("/api/instances", b" " * 70000, headers=[("Content-Type", "application/json")]).expect(413)
    local.put("/api/products/passing", product("passing")).expect(201)
    local.put("/api/products/passing", product("passing", port="x")).expect(400)
    local.delete("/api/products/passing").expect(200)


def follow(machine, promise):
    """The stream of its changes, to the end."""
    connection, response = machine.public.open("GET", f"/api/instances/{promise.id}/events", timeout=90)
    try:
        return response.read().count(b"data:")
    finally:
        connection.close()


def ended(customers, promise):
    def state():
        status = customers.state(promise)["status"]
        return status if status != "pending" else None
    return wait_for(f"{promise} comes to an end", state, 90, every=0.2)


def some_of_everything(machine):
    customers = Customers(machine, f"valgrind-{time.time_ns()}")
    customers.leave_nothing()
    customers.register()
    for _ in range(CYCLES):
        promise, plain = customers.create("faults-notes"), customers.create("faults-plain")
        assert follow(machine, promise) > 2
        assert {ended(customers, one) for one in (promise, plain)} == {"running"}
        assert customers.write_row(promise)
        bus_reads(machine, promise.id)
        http_reads(machine, promise.id)
        customers.restart(promise)
        for one in (promise, plain):
            customers.delete(one)
    failing = customers.create("faults-exits")
    assert ended(customers, failing) == "failed"
    cancelled = customers.create("faults-notes")
    customers.delete(cancelled)
    machine.exec("systemctl", "restart", "arkd-redis.service")
    machine.wait_healthy()
    last = customers.create("faults-plain")
    assert ended(customers, last) == "running"
    for one in (failing, last):
        customers.delete(one)
    inventory = settle(customers)
    assert inventory.differences == [] and customers.troubles == []
    return customers


def test_no_memory_is_lost(watched):
    pid = watched.main_pid()
    customers = some_of_everything(watched)
    assert watched.main_pid() == pid
    # One is under way when it stops, and one follows that.
    late = customers.create("faults-notes")
    connection, _ = watched.public.open("GET", f"/api/instances/{late.id}/events")
    watched.exec("systemctl", "stop", *daemon.UNITS, timeout=120)
    connection.close()
    said = watched.exec("journalctl", f"_PID={pid}", "--output=cat", "--boot", "--no-pager")
    report = [line for line in said.splitlines() if line.startswith(f"=={pid}==")]
    text = "\n".join(report)
    errors = re.search(r"ERROR SUMMARY: (\d+) errors", text)
    lost = re.search(r"definitely lost: ([\d,]+) bytes", text)
    freed = "All heap blocks were freed" in text
    status = watched.unit("arkd.service", "ExecMainStatus", "Result")
    print(f"\nvalgrind: {customers.creates} deploys, {customers.deletes} deletes; {errors and errors[1]} errors, "
          f"{'0' if freed else lost and lost[1]} bytes lost", flush=True)
    assert status == {"ExecMainStatus": "0", "Result": "success"}, text[-6000:]
    assert errors and errors[1] == "0", text[-6000:]
    assert freed or (lost and lost[1] == "0"), text[-6000:]
    # What was under way goes on, under the package's daemon.
    daemon.restore(watched)
    assert ended(customers, late) == "running"
    customers.delete(late)
