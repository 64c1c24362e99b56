# SPDX-License-Identifier: MIT
"""Volumes that belong to no instance are told of everywhere and never removed; what links begin with."""

import contextlib
import json

import pytest

from arkhost import wait_for

# arkd looks again every 20 s while there are any.
NOTICED_S = 30


def checks(host):
    done = host.run("arkctl", "status", "--json=short")
    return {one["check"]: one for one in json.loads(done.stdout)}


@contextlib.contextmanager
def volume(host, deployment, instance):
    name = f"{instance}_db_data"
    host.exec("docker", "volume", "create", "--label", f"network.ark.deployment={deployment}",
              "--label", f"network.ark.instance={instance}", "--label", "network.ark.role=db", name)
    try:
        yield name
    finally:
        host.exec("docker", "volume", "rm", "--force", name)


@pytest.fixture
def deployment(host, work):
    return host.container(work.deploy(work.quick()).id)["Config"]["Labels"]["network.ark.deployment"]


def restart(host):
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()


def test_ownerless_volumes(host, deployment):
    assert host.bus_property("OwnerlessVolumes") == []
    assert checks(host)["volumes"]["verdict"] == "ok"
    with volume(host, deployment, "client_zzzzzzzzzzzz") as one, volume(host, deployment, "client_yyyyyyyyyyyy") as two:
        restart(host)
        wait_for("both are told of", lambda: host.bus_property("OwnerlessVolumes") == [two, one])
        found = checks(host)["volumes"]
        assert found["verdict"] == "warning" and f"2 belong to no instance: {two}, {one}" == found["detail"]
        assert f"docker volume rm {two}" in found["remedy"]
        # Nobody but an operator removes them; that is seen.
        assert {one, two} <= set(host.exec("docker", "volume", "ls", "--quiet").split())
        host.exec("docker", "volume", "rm", two)
        wait_for("its removal is noticed", lambda: host.bus_property("OwnerlessVolumes") == [one], NOTICED_S, 0.5)
    wait_for("all are gone", lambda: host.bus_property("OwnerlessVolumes") == [], NOTICED_S, 0.5)
    assert checks(host)["volumes"]["verdict"] == "ok"


def test_a_damaged_record_protects_its_volume(host, deployment):
    instance = "client_xxxxxxxxxxxx"
    with volume(host, deployment, instance), volume(host, deployment, "client_zzzzzzzzzzzz") as other:
        host.redis("set", f"instance:{instance}", "{")
        host.redis("zadd", "instances", "1", instance)
        try:
            restart(host)
            wait_for("the other is told of", lambda: host.bus_property("OwnerlessVolumes") == [other])
        finally:
            host.redis("del", f"instance:{instance}")
            host.redis("zrem", "instances", instance)
    restart(host)
    assert host.bus_property("OwnerlessVolumes") == []


def test_base_of_links(host, work):
    instance = work.deploy(work.quick())
    base = host.bus_property("BaseURL")
    assert instance.state()["access_url"] == f"{base}/instances/{instance.id}/"
    assert base in checks(host)["address"]["detail"]
    file = host.path("/etc/arkd/arkd.conf.d/90-base.conf")
    file.write_text("[arkd]\nBaseURL=http://apps.example.org:3000\n")
    try:
        restart(host)
        assert host.bus_property("BaseURL") == "http://apps.example.org:3000"
        assert checks(host)["address"] == {"check": "address", "verdict": "ok", "remedy": None,
                                           "detail": "Links begin with http://apps.example.org:3000"}
    finally:
        file.unlink()
        restart(host)
    assert host.bus_property("BaseURL") == base
