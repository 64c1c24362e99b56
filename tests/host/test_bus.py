# SPDX-License-Identifier: MIT
"""The same click over the system bus, with busctl."""

import contextlib
import json
import subprocess

import pytest

from arkhost import BUS_NAME, BUS_PATH, BusError, wait_for
from callers import monitor
from workshop import assert_gone

INSTANCE = f"{BUS_NAME}.Instance"


def create(host, work, product, client="Acme", *options):
    id, path = host.bus("CreateInstance", "ssa{sv}", product, client, *(options or ("0",)))
    work.adopt(id)
    return id, path


def status(host, path):
    return host.bus_property("Status", path, INSTANCE)


def test_create_and_delete(host, work):
    id, path = create(host, work, "miniflux")
    assert path == f"{BUS_PATH}/instance/{id}"
    assert host.bus("GetInstance", "s", id) == [path]
    wait_for("it runs", lambda: status(host, path) == "running", 60, every=0.2)
    state = host.local.get(f"/api/instances/{id}").json
    for name, field in [("Id", "id"), ("ProductId", "product_id"), ("ClientName", "client_name"),
                        ("Phase", "phase"), ("Progress", "progress"), ("Message", "message"),
                        ("AccessUrl", "access_url"), ("DbName", "db_name"), ("Image", "image")]:
        assert host.bus_property(name, path, INSTANCE) == state[field]
    assert host.bus_property("Error", path, INSTANCE) == ""
    assert host.bus_property("ExpiresAt", path, INSTANCE) - host.bus_property("CreatedAt", path, INSTANCE) \
        == 30 * 86400 * 10**6
    assert "Miniflux" in host.applications.get(f"/instances/{id}/").text
    assert host.bus("DeleteInstance", "s", id) == []
    assert_gone(host, id)
    host.bus("DeleteInstance", "s", id)
    with pytest.raises(BusError):
        host.bus_property("Status", path, INSTANCE)


def test_list_and_count(host, work):
    product = work.quick()
    before = host.bus_property("InstanceCount")
    id, path = create(host, work, product, "Ñandú y Cía")
    created = host.bus_property("CreatedAt", path, INSTANCE)
    assert host.bus_property("InstanceCount") == before + 1
    wait_for("it runs", lambda: status(host, path) == "running", 30)
    expected = [id, product, "Ñandú y Cía", "running", created, path]
    assert expected in host.bus("ListInstances", "a{sv}", "0")[0]
    assert host.bus("ListInstances", "a{sv}", "1", "product", "s", product)[0] == [expected]
    assert host.bus("ListInstances", "a{sv}", "2", "product", "s", product, "status", "s", "failed")[0] == []
    with pytest.raises(BusError, match="frozen"):
        host.bus("ListInstances", "a{sv}", "1", "status", "s", "frozen")
    with pytest.raises(BusError, match="colour"):
        host.bus("ListInstances", "a{sv}", "1", "colour", "s", "red")


def test_same_key_makes_one_instance(host, work):
    product = work.quick()
    option = ("1", "idempotency_key", "s", f"key-{product}")
    first = create(host, work, product, "Acme", *option)
    assert create(host, work, product, "Acme", *option) == first


def test_signals(host, work, tmp_path):
    product = work.quick()
    with monitor(host, tmp_path) as seen:
        id, path = create(host, work, product)
        wait_for("it runs", lambda: status(host, path) == "running", 30)

        def signals(member):
            return [message for message in seen() if message.get("member") == member]

        def values(name):
            found = [one["payload"]["data"][1].get(name) for one in signals("PropertiesChanged")
                     if one["path"] == path and one["payload"]["data"][0] == INSTANCE]
            return [value["data"] for value in found if value]
        wait_for("running was told", lambda: "running" in values("Status"))
        assert values("Phase")[-1] == "ready" and values("Progress")[-1] == 1
        assert [one for one in signals("InterfacesAdded") if one["payload"]["data"][0] == path]
        host.bus("Delete", path=path, interface=INSTANCE)
        wait_for("its removal was told",
                 lambda: [one for one in signals("InterfacesRemoved") if one["payload"]["data"][0] == path])
    assert_gone(host, id)


def test_managed_objects(host, work):
    id, path = create(host, work, work.quick())
    objects = host.bus("GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager")[0]
    assert objects[path][INSTANCE]["Id"]["data"] == id
    assert f"{BUS_PATH}/product/miniflux" in objects


@pytest.mark.parametrize("member, arguments, word", [
    ("CreateInstance", ("ssa{sv}", "no-such-product", "Acme", "0"), "no-such-product"),
    ("CreateInstance", ("ssa{sv}", "miniflux", "", "0"), "client_name"),
    ("CreateInstance", ("ssa{sv}", "miniflux", "x" * 65, "0"), "client_name"),
    ("CreateInstance", ("ssa{sv}", "miniflux", "a\nb", "0"), "client_name"),
    ("CreateInstance", ("ssa{sv}", "miniflux", "Acme", "1", "colour", "s", "red"), "colour"),
    ("CreateInstance", ("ssa{sv}", "miniflux", "Acme", "1", "idempotency_key", "u", "5"), "idempotency_key"),
    ("CreateInstance", ("ss", "miniflux", "Acme"), ""),
    ("GetInstance", ("s", "client_aaaaaaaaaaaa"), "client_aaaaaaaaaaaa"),
    ("GetInstance", ("s", "../../etc/passwd"), ""),
    ("DeleteInstance", ("s", "client_aaaaaaaaaaaa"), "client_aaaaaaaaaaaa"),
    ("SetProduct", ("s", "{"), ""),
    ("SetProduct", ("s", '{"id":"x","name":"X","image":"x:1","colour":"red"}'), "colour"),
    ("SetProduct", ("s", '{"id":"X","name":"X","image":"x:1"}'), "id"),
    ("DeleteProduct", ("s", "no-such-product"), "no-such-product"),
    ("NoSuchMethod", (), ""),
])
def test_bad_input(host, member, arguments, word):
    before = host.bus_property("InstanceCount")
    with pytest.raises(BusError) as refused:
        host.bus(member, *arguments)
    assert word in str(refused.value)
    assert host.bus_property("InstanceCount") == before


@pytest.mark.parametrize("member, argument, error", [
    ("GetInstance", "client_aaaaaaaaaaaa", "NoSuchInstance"),
    ("DeleteProduct", "no-such-product", "NoSuchProduct"),
    ("SetProduct", "[]", "InvalidArgument"),
])
def test_error_names(host, member, argument, error):
    done = host.run("dbus-send", "--system", "--print-reply", f"--dest={BUS_NAME}", BUS_PATH,
                    f"{BUS_NAME}.Manager.{member}", f"string:{argument}")
    assert done.returncode != 0 and f"{BUS_NAME}.Error.{error}" in done.stderr


def test_product_by_bus(host, work):
    product = work.description()
    work.products.append(product["id"])
    path, = host.bus("SetProduct", "s", json.dumps(product))
    listed = {one[0]: one for one in host.bus("ListProducts")[0]}
    assert listed[product["id"]] == [product["id"], "Test application", path]
    shown = json.loads(host.bus_property("Json", path, f"{BUS_NAME}.Product"))
    assert shown["image"] == product["image"] and "env" not in shown
    product["name"] = "Renamed"
    assert host.bus("SetProduct", "s", json.dumps(product)) == [path]
    assert host.bus_property("Name", path, f"{BUS_NAME}.Product") == "Renamed"
    host.bus("DeleteProduct", "s", product["id"])
    assert product["id"] not in [one[0] for one in host.bus("ListProducts")[0]]


def test_product_in_use_stays(host, work):
    product = work.quick()
    create(host, work, product)
    with pytest.raises(BusError):
        host.bus("DeleteProduct", "s", product)


def test_credentials_and_compose(host, work):
    id, path = create(host, work, work.product())
    given, = host.bus("GetCredentials", "s", id)
    assert given["user"] == "postgres" and len(given["password"]) == 32
    assert given["password"] in given["url"]
    wait_for("it runs", lambda: status(host, path) == "running", 60, every=0.2)
    compose, = host.bus("GetCompose", "s", id)
    assert compose == host.path(f"/var/lib/arkd/compose/compose.{id}.yml").read_text()


def test_ordinary_users_are_refused(host, work):
    instance = work.deploy(work.product())
    before = host.bus_property("InstanceCount")
    for member, arguments in [("CreateInstance", ("ssa{sv}", "miniflux", "Acme", "0")),
                              ("DeleteInstance", ("s", instance.id)),
                              ("GetCredentials", ("s", instance.id)),
                              ("GetCompose", ("s", instance.id)),
                              ("SetProduct", ("s", "{}")),
                              ("DeleteProduct", ("s", "miniflux"))]:
        with pytest.raises(BusError, match="(?i)denied|administrator"):
            host.bus(member, *arguments, user="nobody")
    assert host.bus_property("InstanceCount") == before
    assert instance.state()["status"] == "running"
    # Other reads are theirs too, without anything secret.
    seen = json.dumps([host.bus("ListProducts", user="nobody"), host.bus("ListInstances", "a{sv}", "0", user="nobody"),
                       host.bus("GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager", user="nobody")])
    assert instance.id in seen and "miniflux" in seen
    for secret in (instance.token, instance.credentials()["password"], "ADMIN_PASSWORD"):
        assert secret not in seen


def test_first_call_starts_the_daemon(host):
    host.exec("systemctl", "stop", "arkd.service")
    assert host.unit("arkd.service", "ActiveState")["ActiveState"] == "inactive"
    assert host.bus_property("Version")
    host.wait_healthy()


def test_named_arguments(host):
    """The vtable says what the installed interface files say."""
    introspected = host.exec("busctl", "introspect", "--xml-interface", BUS_NAME, BUS_PATH)
    for name in ("product_id", "client_name", "options"):
        assert f'name="{name}"' in introspected
