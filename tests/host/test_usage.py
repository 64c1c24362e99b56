# SPDX-License-Identifier: MIT
"""What an instance uses, as the engine reports it: on the bus, over HTTP and on arkctl's page."""

import contextlib
import datetime
import json
import re

import pytest

from arkhost import BUS_NAME, BUS_PATH, BusError, wait_for

NONE = 2**64 - 1
MIB = 2**20
LIMITS = {"app": {"memory": "128M", "pids": 100}, "database": {"memory": "256M", "pids": 120}}


def path_of(instance):
    return f"{BUS_PATH}/instance/{instance.id}"


def usage(host, instance, user=None):
    """By role."""
    found, = host.bus("GetUsage", path=path_of(instance), interface=f"{BUS_NAME}.Instance", user=user)
    names = ("container", "started", "read", "memory", "memory_limit", "cpu", "pids", "pids_limit")
    return {one[0]: dict(zip(names, one[1:])) for one in found}


def rows(page):
    return [tuple(line.strip().split(": ", 1)) for line in page.splitlines() if re.match(r" *\w+: ", line)]


@contextlib.contextmanager
def engine_stopped(host):
    host.exec("systemctl", "stop", "docker.socket", "docker.service")
    try:
        wait_for("arkd notices", lambda: host.bus_property("EngineConnected") is False)
        yield
    finally:
        host.exec("systemctl", "start", "docker.socket", "docker.service")
        host.wait_healthy()


def test_usage_on_the_bus(host, work):
    instance = work.deploy(work.product(limits=LIMITS))
    seen = usage(host, instance, user="nobody")
    assert set(seen) == {"app", "db"}
    assert seen["app"]["container"] == instance.id and seen["db"]["container"] == instance.database
    assert (seen["app"]["memory_limit"], seen["app"]["pids_limit"]) == (128 * MIB, 100)
    assert (seen["db"]["memory_limit"], seen["db"]["pids_limit"]) == (256 * MIB, 120)
    for one in seen.values():
        assert 0 < one["memory"] < one["memory_limit"]
        assert 0 < one["cpu"] < 60 * 10**9
        assert 0 < one["pids"] < one["pids_limit"]
        assert one["started"] < one["read"] < one["started"] + 600 * 10**6
    # What docker itself shows, which takes its samples a moment later.
    shown = host.engine(f"/containers/{instance.database}/stats?stream=false&one-shot=true")
    files = shown["memory_stats"]["stats"]
    expected = shown["memory_stats"]["usage"] - files.get("total_inactive_file", files.get("inactive_file", 0))
    assert abs(seen["db"]["memory"] - expected) < 8 * MIB
    later = usage(host, instance)
    assert later["db"]["read"] > seen["db"]["read"] and later["db"]["cpu"] >= seen["db"]["cpu"]


def test_usage_is_read_at_the_same_time(host, work):
    """An older engine answers once a second: both containers by the same reading, but where they come either side."""
    instance = work.deploy(work.product())

    def apart():
        seen = usage(host, instance)
        return abs(seen["app"]["read"] - seen["db"]["read"])
    assert min(apart() for _ in range(4)) < 500_000


def test_usage_grows_with_work(host, work):
    """A share of the processors can be told from two calls."""
    instance = work.deploy(work.quick())
    before = usage(host, instance)["app"]
    for _ in range(50):
        instance.ask("/").expect(200)
    after = usage(host, instance)["app"]
    share = (after["cpu"] - before["cpu"]) / 1000 / (after["read"] - before["read"])
    assert 0 < share < 4, (before, after)


def test_usage_over_http(host, work):
    instance = work.deploy(work.product(limits=LIMITS))
    target = f"/api/instances/{instance.id}/usage"
    items = host.local.get(target).expect(200).json["items"]
    assert [one["role"] for one in items] == ["app", "db"]
    app = items[0]
    assert app["container"] == instance.id and app["memory_limit"] == 128 * MIB and app["pids_limit"] == 100
    assert all(isinstance(app[name], int) and app[name] > 0 for name in ("memory", "cpu_nsec", "pids"))
    assert datetime.datetime.fromisoformat(app["started_at"].replace("Z", "+00:00")) < \
        datetime.datetime.fromisoformat(app["read_at"].replace("Z", "+00:00"))
    host.admin.get(target).expect(200)
    host.public.get(target).expect_problem(403)
    host.admin.without_token().get(target).expect_problem(401)
    host.local.get("/api/instances/client_aaaaaaaaaaaa/usage").expect_problem(404)


def storage(host, instance):
    """By name, as HTTP tells it, which is measured anew for an instance that has no sizes yet."""
    told = host.local.get(f"/api/instances/{instance.id}/usage").expect(200).json["storage"]
    return told["measured_at"], {one["name"]: one["bytes"] for one in told["items"]}


def test_storage(host, work):
    """What a container has written outside of volumes, and what is in them: over HTTP, on the bus, by arkctl and measured."""
    instance = work.deploy(work.product(read_only=False))
    data = f"{instance.id}_db_data"
    host.exec("docker", "exec", "--user=root", instance.id, "python3", "-c", "open('/big', 'w').write('x' * 3_000_000)")
    measured, sizes = wait_for("it is measured", lambda: (told := storage(host, instance))[1][data] and told, 30, every=1)
    assert measured and set(sizes) == {instance.id, instance.database, data}
    assert sizes[instance.id] >= 3_000_000 and sizes[data] > 10 * MIB and sizes[instance.database] < MIB
    shown = host.bus_property("Storage", path=path_of(instance), interface=f"{BUS_NAME}.Instance")
    assert {one[2]: one[4] for one in shown} == sizes
    assert [tuple(one[:2]) for one in shown] == [("layer", "app"), ("layer", "db"), ("volume", "db")]
    assert host.bus_property("StorageMeasured") > 0
    page = host.exec("arkctl", "show", instance.id, "--lines=0")
    assert re.search(rf"Disk: \d+\.\dM; measured .*\n +{instance.id} +[23]\.\dM outside of volumes\n", page), page
    assert re.search(rf"\n +{data} +\d+\.\dM at /var/lib/postgresql/data\n", page), page
    checks = {one["check"]: one for one in json.loads(host.run("arkctl", "status", "--json=short").stdout)}
    assert checks["storage"]["verdict"] == "ok" and "in volumes" in checks["storage"]["detail"]
    metrics = host.local.get("/metrics").expect(200).text
    assert float(re.search(r"^arkd_instance_layer_bytes (\S+)$", metrics, re.M)[1]) >= 3_000_000
    assert float(re.search(r"^arkd_instance_volume_bytes (\S+)$", metrics, re.M)[1]) >= sizes[data]


def test_usage_without_limits_and_of_what_does_not_run(host, work):
    by_default = usage(host, work.deploy(work.quick(limits=None)))["app"]
    assert by_default["memory_limit"] == 1024 * MIB and by_default["pids_limit"] == 512
    instance = work.deploy(work.quick(limits={"app": {"memory": None, "pids": 0}}))
    app = usage(host, instance)["app"]
    assert app["memory_limit"] == app["pids_limit"] == NONE
    host.exec("docker", "stop", "--time=0", instance.id)
    assert usage(host, instance) == {}
    wait_for("it is seen", lambda: instance.state()["status"] == "failed")
    page = rows(host.exec("arkctl", "show", instance.id, "--lines=0"))
    assert not {"Application", "Tasks", "Memory", "CPU"} & {label for label, _ in page}


def test_what_still_runs_of_a_broken_instance(host, work):
    instance = work.deploy(work.product(limits=LIMITS))
    host.exec("docker", "stop", "--time=0", instance.id)
    wait_for("it is seen", lambda: instance.state()["status"] == "failed")
    page = rows(host.exec("arkctl", "show", instance.id, "--lines=0"))
    labels = [label for label, _ in page]
    assert ("Database", instance.database) in page and labels.count("Memory") == 1 and "Application" not in labels


def test_page(host, work):
    instance = work.deploy(work.product(limits=LIMITS))
    page = rows(host.exec("arkctl", "show", instance.id, "--lines=0"))
    first = page.index(("Application", instance.id))
    labels = [label for label, _ in page[first:first + 8]]
    assert labels == ["Application", "Tasks", "Memory", "CPU", "Database", "Tasks", "Memory", "CPU"]
    values = [value for _, value in page[first:first + 8]]
    assert re.fullmatch(r"\d+ \(limit: 100\)", values[1])
    assert re.fullmatch(r"\d+\.\dM \(limit: 128\.0M\)", values[2])
    assert re.fullmatch(r"\d+\.\d{3}s", values[3])
    assert values[4] == instance.database
    assert re.fullmatch(r"\d+\.\dM \(limit: 256\.0M\)", values[6])
    assert re.match(r"running since .*; (now|\d+s ago)", dict(page)["Status"])
    shown = json.loads(host.exec("arkctl", "show", instance.id, "--json=short"))["usage"]
    assert [one["container"] for one in shown] == [instance.id, instance.database]
    assert shown[0]["memory_limit"] == 128 * MIB and shown[1]["pids"] > 0


def test_without_the_engine(host, work):
    instance = work.deploy(work.quick())
    with engine_stopped(host):
        with pytest.raises(BusError, match="engine"):
            usage(host, instance)
        host.local.get(f"/api/instances/{instance.id}/usage").expect_problem(503)
        done = host.run("arkctl", "show", instance.id, "--lines=0")
        assert done.returncode == 0 and done.stderr == ""
        assert not {"Tasks", "Memory", "CPU"} & {label for label, _ in rows(done.stdout)}
        assert json.loads(host.exec("arkctl", "show", instance.id, "--json=short"))["usage"] is None
    wait_for("it is told again", lambda: set(usage(host, instance)) == {"app"}, 30)
