# SPDX-License-Identifier: MIT
"""Each instance is a project of Docker Compose as well."""

import json

import pytest

from arkhost import wait_for
from workshop import Workshop, docker_leftovers


@pytest.fixture(scope="module")
def instance(host):
    with Workshop(host) as work:
        yield work.deploy(work.product({"PRICE": "$$5 #x: 'y' \"z\" \\ ${CLIENT_NAME}"}), "Peñas: & Co $HOME")


def compose(host, instance, *arguments):
    return host.exec("docker", "compose", "-f", f"/var/lib/arkd/compose/compose.{instance.id}.yml", *arguments)


def test_file_is_accepted_and_private(host, instance):
    compose(host, instance, "config", "-q")
    status = host.path(f"/var/lib/arkd/compose/compose.{instance.id}.yml").stat()
    assert status.st_mode & 0o777 == 0o600
    assert instance.credentials()["password"] in \
        host.local.get(f"/api/instances/{instance.id}/compose").expect(200).json["compose"]


def test_file_matches_what_runs(host, instance):
    described = json.loads(compose(host, instance, "config", "--format", "json"))
    assert described["name"] == instance.id
    assert len(described["services"]) == 2
    for service in described["services"].values():
        running = host.container(service["container_name"])
        assert service["image"] == running["Config"]["Image"]
        # Compose doubles dollars where it prints them.
        environment = {key: value.replace("$$", "$") for key, value in service["environment"].items()}
        given = dict(pair.split("=", 1) for pair in running["Config"]["Env"])
        assert environment == {key: given[key] for key in environment}
        assert running["Config"]["Labels"].items() >= service["labels"].items()
        limits = running["HostConfig"]
        assert int(service["mem_limit"]) == limits["Memory"] == limits["MemorySwap"]
        assert round(float(service["cpus"]) * 1e9) == limits["NanoCpus"]
        assert service["pids_limit"] == limits["PidsLimit"]
        assert [{"Name": name, "Soft": limit["soft"], "Hard": limit["hard"]}
                for name, limit in service["ulimits"].items()] == limits["Ulimits"]
        assert service["logging"] == {"driver": limits["LogConfig"]["Type"], "options": limits["LogConfig"]["Config"]}
        assert service["cap_drop"] == ["ALL"] and service["restart"] == "always"
        assert not service.get("ports")
    assert described["volumes"]["data"]["name"] == f"{instance.id}_db_data"
    names = {network["name"] for network in described["networks"].values()}
    assert names == {f"{instance.id}_net", "ark_production"}


def test_compose_lists_it(host, instance):
    listed = {one["Name"]: one for one in json.loads(host.exec("docker", "compose", "ls", "--format", "json"))}
    assert listed[instance.id]["Status"] == "running(2)"
    assert listed[instance.id]["ConfigFiles"] == f"/var/lib/arkd/compose/compose.{instance.id}.yml"
    shown = compose(host, instance, "ps", "--format", "json")
    for name in (instance.id, instance.database):
        assert f'"{name}"' in shown


def test_up_by_compose_takes_what_runs_for_its_own(host, work):
    """The data stay, whether or not Compose makes the containers again."""
    instance = work.deploy(work.product())
    instance.ask("/notes", "POST", b"text=kept", [("Content-Type", "application/x-www-form-urlencoded")]).expect(303)
    # Both at once takes half a minute: that is how often the engine looks at the database's health.
    compose(host, instance, "up", "-d", "db")
    compose(host, instance, "up", "-d", "--no-deps", "app")
    wait_for("it serves", lambda: instance.ask("/notes").status == 200, 20)
    assert [note["text"] for note in instance.ask("/notes").json] == ["kept"]


def test_down_removes_all_of_it_and_delete_still_works(host, work):
    instance = work.deploy(work.product())
    compose(host, instance, "down", "-v", "--timeout", "2")
    assert docker_leftovers(host, instance.id) == []
    instance.delete()


def test_instance_without_a_database(host, work):
    instance = work.deploy(work.quick())
    described = json.loads(compose(host, instance, "config", "--format", "json"))
    assert len(described["services"]) == 1
    compose(host, instance, "down", "-v", "--timeout", "2")
    assert docker_leftovers(host, instance.id) == []
