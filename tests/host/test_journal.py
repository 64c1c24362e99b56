# SPDX-License-Identifier: MIT
"""
What the journal tells: an entry with an id and its fields for every event that matters, explained in two languages,
an audit trail, and a level that can be changed at run time.
"""

import contextlib
import json
import re
import time

import pytest

from arkhost import BUS_NAME, BUS_PATH, TOP, BusError, wait_for

IDS = dict(re.findall(r'#define MESSAGE_(\w+)\s+"(\w{32})"', (TOP / "src/basic/messages.h").read_text()))
LOG_CONTROL = ["/org/freedesktop/LogControl1", "org.freedesktop.LogControl1", "LogLevel"]
NOBODY = "uid:65534"


def entries(host, event, **fields):
    """Of that event, with these fields."""
    return host.journal(f"MESSAGE_ID={IDS[event]}", *(f"{name}={value}" for name, value in fields.items()))


def one(host, event, **fields):
    """The one entry there is, waited for."""
    found = wait_for(f"{event} {fields} is in the journal", lambda: entries(host, event, **fields), 15)
    assert len(found) == 1, [entry["MESSAGE"] for entry in found]
    return found[0]


def now():
    """A moment to look on from. (With a cursor to look on after, journalctl 252 leaves out the first match.)"""
    return f"--since=@{time.time():.6f}"


def since(host, mark, event):
    return host.journal(mark, f"MESSAGE_ID={IDS[event]}")


def told_since(host, mark, event):
    return wait_for(f"{event} is told", lambda: since(host, mark, event), 20)


def explained(host, event, locale, *matches):
    host.exec("journalctl", "--sync")
    return host.exec("env", f"LC_ALL={locale}", "journalctl", "--no-pager", "--catalog", "--lines=1",
                     f"MESSAGE_ID={IDS[event]}", *matches)


def prose(text):
    """Without the frame around the lines."""
    return " ".join(line.removeprefix("░░").strip() for line in text.splitlines())


def set_level(host, level, user=None):
    as_user = ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups"] if user else []
    return host.run(*as_user, "busctl", "set-property", BUS_NAME, *LOG_CONTROL, "s", level)


@contextlib.contextmanager
def level(host, name):
    done = set_level(host, name)
    assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        set_level(host, "info")


# What becomes of instances

def test_life_of_an_instance(host, work):
    product = work.product()
    instance = work.deploy(product)
    running = one(host, "INSTANCE_RUNNING", ARK_INSTANCE=instance.id)
    assert running["ARK_PRODUCT"] == product and running["ARK_JOB"] == f"{instance.id}.create"
    assert running["ARK_CALLER"] == "addr:127.0.0.1" and running["PRIORITY"] == "6"
    # Not that of the logging function itself.
    assert "/src/core/" in running["CODE_FILE"] and running["CODE_FUNC"].startswith("job_")
    assert running["SYSLOG_IDENTIFIER"] == "arkd" and running["_SYSTEMD_UNIT"] == "arkd.service"
    host.bus("Restart", path=f"{BUS_PATH}/instance/{instance.id}", interface=f"{BUS_NAME}.Instance")
    restarted = one(host, "INSTANCE_RESTARTED", ARK_INSTANCE=instance.id)
    assert restarted["ARK_JOB"] == f"{instance.id}.restart" and restarted["ARK_CALLER"] == "uid:0"
    instance.delete()
    deleted = one(host, "INSTANCE_DELETED", ARK_INSTANCE=instance.id, ARK_PRODUCT=product)
    # Who deleted it, not who had made it.
    assert deleted["ARK_JOB"] == f"{instance.id}.delete" and deleted["ARK_CALLER"] == "token"
    assert entries(host, "INSTANCE_FAILED", ARK_INSTANCE=instance.id) == []


def test_failed_deploy(host, work):
    product = work.product({"MODE": "exit"})
    instance = work.order(product)
    instance.wait("failed")
    failed = one(host, "INSTANCE_FAILED", ARK_INSTANCE=instance.id, ARK_PRODUCT=product)
    assert failed["ARK_STEP"] == "health" and failed["ARK_JOB"] == f"{instance.id}.create"
    assert failed["PRIORITY"] == "4" and "exit status 3" in failed["MESSAGE"]
    assert entries(host, "INSTANCE_RUNNING", ARK_INSTANCE=instance.id) == []


def test_container_that_ends_and_comes_back(host, work):
    instance = work.deploy(work.quick())
    host.exec("docker", "stop", "--time=0", instance.id)
    stopped = one(host, "INSTANCE_STOPPED", ARK_INSTANCE=instance.id)
    assert stopped["ARK_STEP"] == "app" and stopped["PRIORITY"] == "4" and "ARK_CALLER" not in stopped
    host.exec("docker", "start", instance.id)
    assert one(host, "INSTANCE_RECOVERED", ARK_INSTANCE=instance.id)["ARK_PRODUCT"] == instance.created["product_id"]


def test_logs_of_its_containers(host, work):
    instance = work.deploy(work.product())
    instance.ask("/echo/seen-in-the-journal").expect(200)
    # By name, as "journalctl -t" takes it, and not by a number that nobody knows.
    wait_for("both containers' lines are there", lambda: {
        (one["CONTAINER_NAME"], one["SYSLOG_IDENTIFIER"])
        for one in host.journal(f"ARK_INSTANCE={instance.id}") if "CONTAINER_NAME" in one
    } == {(name, name) for name in (instance.id, instance.database)})
    text = host.exec("journalctl", "--no-pager", "--output=cat", f"ARK_INSTANCE={instance.id}",
                     f"CONTAINER_NAME={instance.database}")
    assert "database system is ready to accept connections" in text


# The explanations

@pytest.fixture(scope="module")
def spanish(host):
    assert "es_ES.utf8" in host.exec("locale", "-a").splitlines(), "the host lacks the locale"
    return "es_ES.UTF-8"


def test_explanations_are_installed(host, spanish):
    listed = {locale: dict(line.split(" ", 1) for line in
                           host.exec("env", f"LC_ALL={locale}", "journalctl", "--list-catalog").splitlines())
              for locale in ("C.UTF-8", spanish)}
    for event, id in IDS.items():
        subjects = [listed[locale][id] for locale in listed]
        assert all(subject.startswith("arkd: ") for subject in subjects), event
        assert subjects[0] != subjects[1] or "@" in subjects[0], event


def test_running_is_explained(host, work, spanish):
    instance = work.deploy(work.quick())
    one(host, "INSTANCE_RUNNING", ARK_INSTANCE=instance.id)
    match = f"ARK_INSTANCE={instance.id}"
    english = prose(explained(host, "INSTANCE_RUNNING", "C.UTF-8", match))
    assert f"Subject: Instance {instance.id} is running" in english
    assert "The customer's link works from now on" in english and f"arkctl show {instance.id}" in english
    other = prose(explained(host, "INSTANCE_RUNNING", spanish, match))
    assert f"Subject: La instancia {instance.id} está en marcha" in other
    assert "No hay que hacer nada" in other and f"arkctl show {instance.id}" in other


def test_failure_is_explained(host, work, spanish):
    product = work.quick({"MODE": "exit"})
    instance = work.order(product)
    instance.wait("failed")
    one(host, "INSTANCE_FAILED", ARK_INSTANCE=instance.id)
    for locale, words in [("C.UTF-8", ["failed", 'step "health" did not succeed', "then deploy again"]),
                          (spanish, ["ha fallado", "el paso «health» no tuvo éxito", "vuelva a desplegar"])]:
        text = prose(explained(host, "INSTANCE_FAILED", locale, f"ARK_INSTANCE={instance.id}"))
        for word in [*words, f"arkctl show {instance.id}", f"arkctl product edit {product}"]:
            assert word in text, text


def test_no_field_of_an_explanation_is_missing(host, work):
    """Where journalctl has nothing to put in, the field's name stands there instead."""
    instance = work.deploy(work.quick())
    instance.delete()
    host.exec("journalctl", "--sync")
    for event in IDS:
        text = host.exec("journalctl", "--no-pager", "--catalog", "--lines=1", f"MESSAGE_ID={IDS[event]}")
        if "░░ Subject: " in text:
            assert not re.search(r"@|(?<![=\w])ARK_(INSTANCE|PRODUCT|STEP|JOB)(?!=)\b", text), text


# Who did what

def test_audit_trail(host, work):
    product = work.quick()
    assert one(host, "VERB_DONE", ARK_ACTION="CreateProduct", ARK_PRODUCT=product)["ARK_CALLER"] == "token"
    first = work.order(product)
    second = work.order(product, client=host.admin)
    third, path = host.bus("CreateInstance", "ssa{sv}", product, "Acme", "0")
    work.adopt(third)
    expected = {first.id: ("addr:127.0.0.1", "public"), second.id: ("token", "admin 127.0.0.1"), third: ("uid:0", "bus")}
    for id, (caller, origin) in expected.items():
        entry = one(host, "VERB_DONE", ARK_ACTION="CreateInstance", ARK_INSTANCE=id)
        assert (entry["ARK_CALLER"], entry["ARK_ORIGIN"], entry["ARK_PRODUCT"]) == (caller, origin, product)
        assert entry["PRIORITY"] == "5"
    host.bus("SetExpiry", "t", "18446744073709551615", path=path, interface=f"{BUS_NAME}.Instance")
    assert one(host, "VERB_DONE", ARK_ACTION="SetExpiry", ARK_INSTANCE=third)["ARK_CALLER"] == "uid:0"
    host.local.delete(f"/api/instances/{first.id}").expect(200)
    entry = one(host, "VERB_DONE", ARK_ACTION="DeleteInstance", ARK_INSTANCE=first.id)
    assert (entry["ARK_CALLER"], entry["ARK_ORIGIN"]) == ("token", "local")


def test_reading_is_not_in_the_trail_but_secrets_are(host, work):
    instance = work.deploy(work.product())
    mark = now()
    instance.state()
    host.local.get("/api/instances").expect(200)
    host.bus("ListInstances", "a{sv}", "0")
    host.bus("GetCredentials", "s", instance.id)
    host.local.get(f"/api/instances/{instance.id}/compose").expect(200)
    wait_for("both are told", lambda: len(since(host, mark, "VERB_DONE")) == 2)
    assert [entry["ARK_ACTION"] for entry in since(host, mark, "VERB_DONE")] == ["GetCredentials", "GetCompose"]


def test_failed_call(host):
    mark = now()
    host.local.delete("/api/instances/client_aaaaaaaaaaaa").expect(404)
    entry, = told_since(host, mark, "VERB_FAILED")
    assert (entry["ARK_ACTION"], entry["ARK_INSTANCE"]) == ("DeleteInstance", "client_aaaaaaaaaaaa")
    assert "no instance" in entry["MESSAGE"]


def test_visitors_cannot_fill_the_journal(host):
    mark = now()
    for _ in range(20):
        host.public.post("/api/instances", {"product_id": "no-such-product", "client_name": "Acme"})
        host.public.delete("/api/instances/client_aaaaaaaaaaaa").expect(403)
    # Later than all of it, whatever there is of it.
    host.local.delete("/api/instances/client_aaaaaaaaaaaa").expect(404)
    told_since(host, mark, "VERB_FAILED")
    assert len(host.journal(mark, "_SYSTEMD_UNIT=arkd.service")) == 1


def test_refusal(host, work, spanish):
    instance = work.deploy(work.quick())
    with pytest.raises(BusError):
        host.bus("DeleteInstance", "s", instance.id, user="nobody")
    refused = one(host, "ACCESS_DENIED", ARK_INSTANCE=instance.id)
    assert (refused["ARK_CALLER"], refused["ARK_ORIGIN"], refused["ARK_ACTION"]) == (NOBODY, "bus", "DeleteInstance")
    assert entries(host, "VERB_DONE", ARK_INSTANCE=instance.id, ARK_ACTION="DeleteInstance") == []
    match = f"ARK_INSTANCE={instance.id}"
    assert f"{NOBODY} may not call DeleteInstance" in explained(host, "ACCESS_DENIED", "C.UTF-8", match)
    assert f"{NOBODY} no puede llamar a DeleteInstance" in explained(host, "ACCESS_DENIED", spanish, match)


def test_caller_that_leaves(host, work):
    """The store does not answer for longer than the caller waits; the change is made all the same, and told."""
    product = work.description()
    work.products.append(product["id"])
    mark = now()
    host.exec("systemctl", "kill", "--signal=STOP", "arkd-redis.service")
    try:
        done = host.run("busctl", "--timeout=1", "call", BUS_NAME, BUS_PATH, f"{BUS_NAME}.Manager", "SetProduct", "s",
                        json.dumps(product))
        assert done.returncode != 0
    finally:
        host.exec("systemctl", "kill", "--signal=CONT", "arkd-redis.service")
    entry, = told_since(host, mark, "VERB_ABANDONED")
    assert (entry["ARK_ACTION"], entry["ARK_PRODUCT"], entry["ARK_CALLER"]) == ("SetProduct", product["id"], "uid:0")
    wait_for("the product is there", lambda: host.public.get(f"/api/products/{product['id']}").status == 200)


def test_cleanup(host, work):
    instance = work.deploy(work.quick())
    host.bus("SetExpiry", "t", "1", path=f"{BUS_PATH}/instance/{instance.id}", interface=f"{BUS_NAME}.Instance")
    mark = now()
    assert host.bus("Cleanup", "tb", "18446744073709551615", "true")[0] == [instance.id]
    assert host.bus("Cleanup", "tb", "18446744073709551615", "false")[0] == [instance.id]
    done, = told_since(host, mark, "CLEANUP_DONE")
    assert "removed 1 instance" in done["MESSAGE"] and done["ARK_CALLER"] == "uid:0"
    entry = one(host, "VERB_DONE", ARK_ACTION="DeleteInstance", ARK_INSTANCE=instance.id)
    assert (entry["ARK_CALLER"], entry["ARK_ORIGIN"]) == ("uid:0", "cleanup")


# What arkd stands on

def test_start_and_stop(host):
    mark = now()
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()
    assert [len(told_since(host, mark, event)) for event in ("DAEMON_STOPPED", "DAEMON_STARTED")] == [1, 1]


def test_store_goes_and_comes(host):
    mark = now()
    host.exec("systemctl", "restart", "arkd-redis.service")
    lost, = told_since(host, mark, "STORE_LOST")
    back, = told_since(host, mark, "STORE_BACK")
    assert lost["PRIORITY"] == "4" and int(lost["__REALTIME_TIMESTAMP"]) < int(back["__REALTIME_TIMESTAMP"])
    host.wait_healthy()


def test_engine_goes_and_comes(host):
    mark = now()
    try:
        host.exec("systemctl", "stop", "docker.service", "docker.socket")
        assert told_since(host, mark, "ENGINE_LOST")[0]["PRIORITY"] == "4"
    finally:
        # Docker's unit may be started three times a minute.
        host.exec("systemctl", "reset-failed", "docker.service", "docker.socket")
        host.exec("systemctl", "start", "docker.service", "docker.socket")
        host.wait_healthy()
    assert len(told_since(host, mark, "ENGINE_BACK")) == len(since(host, mark, "ENGINE_LOST")) == 1


def test_orphans(host, work):
    """Of an instance that was deleted: a volume is told of and left, a network is removed."""
    instance = work.deploy(work.quick())
    labels = host.container(instance.id)["Config"]["Labels"]
    deployment = labels["network.ark.deployment"]
    of_nobody = "client_zzzzzzzzzzzz"
    flags = ["--label", f"network.ark.deployment={deployment}", "--label", f"network.ark.instance={of_nobody}",
             "--label", "network.ark.role=db"]
    mark = now()
    host.exec("docker", "volume", "create", *flags, f"{of_nobody}_db_data")
    host.exec("docker", "network", "create", "--internal", "--subnet=10.230.0.0/28", *flags, f"{of_nobody}_net")
    deleted = host.path(f"/var/lib/arkd/compose/deleted.{of_nobody}")
    deleted.write_text("2026-01-01T00:00:00.000000Z\n")
    try:
        host.exec("systemctl", "restart", "arkd.service")
        found, = told_since(host, mark, "VOLUME_ORPHANED")
        assert found["ARK_INSTANCE"] == of_nobody and f"docker volume rm {of_nobody}_db_data" in found["MESSAGE"]
        removed, = told_since(host, mark, "ORPHAN_REMOVED")
        assert removed["ARK_INSTANCE"] == of_nobody and f"{of_nobody}_net" in removed["MESSAGE"]
        assert f"{of_nobody}_net" not in host.exec("docker", "network", "ls")
    finally:
        deleted.unlink()
        host.exec("docker", "volume", "rm", f"{of_nobody}_db_data")
        host.run("docker", "network", "rm", f"{of_nobody}_net")


def test_damaged_record(host):
    mark = now()
    host.redis("set", "product:broken", '{"id": "broken"}')
    try:
        host.exec("systemctl", "restart", "arkd.service")
        entry, = told_since(host, mark, "RECORD_DAMAGED")
        assert entry["ARK_PRODUCT"] == "broken" and entry["PRIORITY"] == "3"
        assert "product:broken" in entry["MESSAGE"]
    finally:
        host.redis("del", "product:broken")
        host.redis("srem", "products", "broken")


def test_configuration(host):
    """What is refused is told with its id, although it keeps arkd from starting."""
    file = "/etc/arkd/arkd.conf.d/99-test.conf"
    mark = now()
    host.exec("tee", file, input="[arkd]\nColour=red\nWorkers=many\n")
    try:
        done = host.run("systemd-run", "--collect", "--wait", "--quiet", "/usr/sbin/arkd", "--check-config")
        assert done.returncode == 78  # EX_CONFIG: it is not tried again
    finally:
        host.exec("rm", file)
    assert f"{file}:2: Key Colour=" in told_since(host, mark, "CONFIG_UNKNOWN_KEY")[0]["MESSAGE"]
    assert f"{file}:3: Workers=many" in told_since(host, mark, "CONFIG_REFUSED")[0]["MESSAGE"]


# How much of it

def debug_lines(host, instance):
    return [one for one in host.journal(f"ARK_INSTANCE={instance.id}", "_SYSTEMD_UNIT=arkd.service")
            if one["PRIORITY"] == "7"]


def test_level_at_run_time(host, work):
    product = work.quick()
    assert host.bus_property("LogLevel", *LOG_CONTROL[:2]) == "info"
    usual = work.deploy(product)
    assert debug_lines(host, usual) == []
    with level(host, "debug"):
        assert host.bus_property("LogLevel", *LOG_CONTROL[:2]) == "debug"
        more = work.deploy(product)
        assert {"app-image", "health"} <= {line.get("ARK_STEP") for line in debug_lines(host, more)}
    mark = now()
    with level(host, "warning"):
        less = work.deploy(product)
        # The one before may have been set in the same second.
        entry = told_since(host, mark, "LOG_LEVEL_SET")[-1]
        assert entry["MESSAGE"] == "uid:0 set the log level to warning" and entry["ARK_CALLER"] == "uid:0"
    assert [entries(host, "INSTANCE_RUNNING", ARK_INSTANCE=each.id) != [] for each in (usual, more, less)] \
        == [True, True, False]
    assert host.bus_property("LogLevel", *LOG_CONTROL[:2]) == "info"


def test_level_is_for_administrators_and_has_to_be_one(host):
    refused = set_level(host, "debug", user="nobody")
    assert refused.returncode != 0 and "administrator" in refused.stderr
    refused = set_level(host, "loud")
    assert refused.returncode != 0 and "must be one of" in refused.stderr
    assert host.bus_property("LogLevel", *LOG_CONTROL[:2]) == "info"


def test_no_secret_at_any_level(host, work):
    """Not even at debug, and not where an application prints its own password as it fails."""
    mark = now()
    with level(host, "debug"):
        instance = work.order(work.product({"TOKEN": "${SECRET:token}"}))
        secrets = [instance.credentials()["password"], instance.token, host.admin_token, host.proxy_key]
        instance.wait()
        environment = dict(pair.split("=", 1) for pair in host.container(instance.id)["Config"]["Env"])
        secrets.append(environment["TOKEN"])
        bearer = {"Authorization": f"Bearer {instance.token}"}
        host.public.get(f"/api/instances/{instance.id}/access", headers=bearer).expect(200)
        host.local.get(f"/api/instances/{instance.id}/compose").expect(200)
        leaking = work.order(work.product({"MODE": "leak"}))
        secrets += [leaking.credentials()["password"], leaking.token]
        leaking.wait("failed")
        instance.delete()
    host.exec("journalctl", "--sync")
    text = host.exec("journalctl", "--no-pager", "--all", "--output=export", mark,
                     "_SYSTEMD_UNIT=arkd.service")
    assert instance.id in text and leaking.id in text and "PRIORITY=7" in text
    assert all(len(secret) >= 20 for secret in secrets)
    assert [number for number, secret in enumerate(secrets) if secret in text] == []
