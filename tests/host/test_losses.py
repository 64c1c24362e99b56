# SPDX-License-Identifier: MIT
"""A store that is an older copy, or was emptied: nothing is destroyed, and all can be taken back."""

import contextlib
import json

import pytest

from arkhost import wait_for
from test_journal import now, told_since
from workshop import assert_gone, docker_leftovers

STORE = "/var/lib/arkd-redis"
# arkd asks the store every 10 s how often it was changed.
NOTICED_S = 25


def checks(host):
    done = host.run("arkctl", "status", "--json=short")
    return {one["check"]: one for one in json.loads(done.stdout)}


@contextlib.contextmanager
def stopped(host):
    host.exec("systemctl", "stop", "arkd.socket", "arkd-admin.socket", "arkd-local.socket", "arkd.service",
              "arkd-redis.service")
    try:
        yield
    finally:
        host.exec("systemctl", "start", "arkd-redis.service", "arkd.socket", "arkd-admin.socket",
                  "arkd-local.socket", "arkd.service")
        host.wait_healthy()


def back_up(host):
    host.exec("rm", "-rf", "/var/tmp/store-copy")
    host.exec("cp", "--archive", STORE, "/var/tmp/store-copy")


def put_back(host):
    with stopped(host):
        host.exec("rm", "-rf", STORE)
        host.exec("cp", "--archive", "/var/tmp/store-copy", STORE)


def start_of(host, id):
    return host.container(id)["State"]["StartedAt"]


@pytest.fixture
def older(host, work):
    """Two instances, of which the store knows the first alone, and one that it knows although it was deleted."""
    first, gone = work.deploy(work.product()), work.deploy(work.quick())
    back_up(host)
    second = work.deploy(work.product())
    second.sql("create table kept (x int); insert into kept values (7)")
    gone.delete()
    second.started = [start_of(host, second.id), start_of(host, second.database)]
    second.password = second.credentials()["password"]
    mark = now()
    put_back(host)
    yield first, second, gone, mark
    host.run("arkctl", "adopt", "--all")
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()


def test_older_store(host, work, older):
    first, second, gone, mark = older

    # Nothing was removed: both run as they did, and what was told tells what to do.
    told, = told_since(host, mark, "STORE_BEHIND")
    assert told["PRIORITY"] == "3" and "arkctl adopt --all" in told["MESSAGE"]
    unknown, = wait_for("it is known to be unknown", lambda: host.bus_property("UnknownInstances"))
    assert unknown == [second.id, second.created["client_name"], ""]
    assert first.ask("/").status == second.ask("/").status == 200
    assert [start_of(host, second.id), start_of(host, second.database)] == second.started
    assert host.path(f"/var/lib/arkd/compose/compose.{second.id}.yml").exists()
    found = checks(host)
    assert found["records"]["verdict"] == found["unknown"]["verdict"] == "failed"
    assert second.id in found["unknown"]["detail"] and "arkctl adopt --all" in found["unknown"]["remedy"]
    assert found["volumes"]["verdict"] == "ok"
    assert "arkd_unknown_instances 1" in host.local.get("/metrics").expect(200).text

    # What was deleted stays so.
    assert host.local.get(f"/api/instances/{gone.id}").json["status"] == "deleted"
    assert gone.ask("/").status == 404
    assert_gone(host, gone.id)

    # One more gets other addresses.
    third = work.deploy(work.quick())
    addresses = {host.container(id)["NetworkSettings"]["Networks"]["ark_production"]["IPAddress"]
                 for id in (first.id, second.id, third.id)}
    assert len(addresses) == 3

    done = host.exec("arkctl", "adopt", "--all", "--json=short")
    assert json.loads(done) == {"adopted": [second.id], "failed": []}
    second.wait_for_page(200, 5)
    assert [start_of(host, second.id), start_of(host, second.database)] == second.started
    assert second.sql("select x from kept") == "7"
    assert second.credentials()["password"] == second.password
    access = second.host.public.with_token(second.token).get(f"/api/instances/{second.id}/access").expect(200)
    assert access.json["credentials"] is not None
    assert host.bus_property("UnknownInstances") == []
    wait_for("it is settled", lambda: checks(host)["records"]["verdict"] == "warning")
    # Again over HTTP: it is known, and nothing changes.
    assert host.local.post(f"/api/instances/{second.id}/adopt", {}).expect(200).json["id"] == second.id
    second.delete()
    assert_gone(host, second.id)
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()
    assert checks(host)["records"]["verdict"] == "ok"


def test_compose_accepts_the_file(host, work):
    instance = work.deploy(work.product())
    path = f"/var/lib/arkd/compose/compose.{instance.id}.yml"
    assert "x-ark:" in host.path(path).read_text()
    assert instance.token not in host.path(path).read_text()
    host.exec("docker", "compose", "-f", path, "config", "--quiet")


def test_emptied_store(host, work):
    instance = work.deploy(work.product())
    mark = now()
    before = {key: host.redis("get", key) for key in (f"instance:{instance.id}", f"secret:{instance.id}")}
    catalogue = {one["id"] for one in host.local.get("/api/products").json["items"]}
    host.redis("flushall")
    wait_for("all is written again", lambda: host.redis("get", f"secret:{instance.id}"), NOTICED_S, every=0.3)
    told, = told_since(host, mark, "STORE_EMPTIED")
    assert told["PRIORITY"] == "3"
    wait_for("it is done", lambda: checks(host)["records"]["verdict"] == "warning")
    assert "was emptied while arkd ran" in checks(host)["records"]["detail"]
    assert before == {key: host.redis("get", key) for key in before}
    # One that is made after it is there, too.
    another = work.deploy(work.quick())
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()
    assert {one["id"] for one in host.local.get("/api/products").json["items"]} == catalogue | {
        another.created["product_id"]}
    assert instance.ask("/").status == another.ask("/").status == 200
    assert checks(host)["records"]["verdict"] == checks(host)["unknown"]["verdict"] == "ok"
    instance.delete()
    assert docker_leftovers(host, instance.id) == []
