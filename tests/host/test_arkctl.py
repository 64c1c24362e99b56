# SPDX-License-Identifier: MIT
"""arkctl on an installed host: an instance's whole life, and who may do what."""

import contextlib
import itertools
import json
import re
from datetime import datetime, timedelta

import pytest

from arkhost import wait_for
from workshop import assert_gone


@pytest.fixture
def product(work):
    return work.product()


@pytest.fixture
def instance(host, work, product):
    """The id of one that was deployed by arkctl."""
    link = host.exec("arkctl", "-q", "deploy", product, "Acme")
    id = re.fullmatch(r"http://\S+/instances/(client_[a-z2-7]{12})/", link).group(1)
    work.adopt(id)
    return id


def refusal(host, *command):
    done = host.run(*command)
    return done.returncode, done.stderr


def test_status_tells_who_reads_what_the_engine_keeps(host):
    def state():
        checks = json.loads(host.run("arkctl", "status", "--json=short").stdout)
        return [check for check in checks if check["check"] == "state"]

    assert [check["verdict"] for check in state()] == ["ok"]
    host.exec("chmod", "o+r", "/var/lib/docker")
    try:
        open_to_all, = state()
        assert open_to_all["verdict"] == "warning" and "/var/lib/docker" in open_to_all["detail"]
        assert "chmod o-rw /var/lib/docker" in open_to_all["remedy"]
    finally:
        host.exec("chmod", "o-r", "/var/lib/docker")


def test_life_of_an_instance(host, work, product):
    done = host.run("arkctl", "deploy", product, "Café Ñandú")
    assert done.returncode == 0, done.stderr
    link = done.stdout.splitlines()[-1]
    id = re.search(r"/instances/(client_[a-z2-7]{12})/$", link).group(1)
    work.adopt(id)
    assert f"as {id}" in done.stderr and "health: " in done.stderr
    host.applications.get(f"/instances/{id}/").expect(200)

    listed = {one["id"]: one for one in json.loads(host.exec("arkctl", "list", "--json=short"))}
    assert listed[id]["client_name"] == "Café Ñandú" and listed[id]["access_url"] == link
    state = host.local.get(f"/api/instances/{id}").expect(200).json
    for name in ("product_id", "client_name", "status", "phase", "access_url", "db_name", "created_at", "expires_at"):
        assert listed[id][name] == state[name], name

    assert host.exec("arkctl", "delete", "--yes", id.removeprefix("client_")[:8]) == ""
    assert_gone(host, id)
    assert refusal(host, "arkctl", "show", id)[0] == 3
    assert id in host.exec("arkctl", "list", "--all")
    assert id not in host.exec("arkctl", "list")


def test_page(host, instance):
    page = host.exec("arkctl", "show", instance)
    assert re.search(r"^ +Status: running", page, re.M)
    assert re.search(rf"^ *Application: {instance}$", page, re.M)
    assert re.search(rf"^ +Database: {instance}_db$", page, re.M)
    # From the journal, which takes its time: arkd's own lines and those of the containers.
    for line in (rf"arkd Instance {instance} .*is running", r"^\w+ \d+ [\d:]+ db +"):
        wait_for(f"a line like {line} is shown",
                 lambda: re.search(line, host.exec("arkctl", "show", instance, "--lines=100"), re.M), 10)


def test_page_does_not_pass_on_what_a_terminal_would_obey(host, instance):
    """Anybody on the host may write to the journal, and an application writes what its visitors send."""
    host.exec("logger", "--journald", input="MESSAGE=before\x1b[2J\x1b]0;owned\x07after\n"
              f"SYSLOG_IDENTIFIER=x\x1b[1m\nARK_INSTANCE={instance}\n")
    page = wait_for("the line is in the journal", lambda: (
        shown := host.exec("arkctl", "show", instance, "--lines=100")) and "before" in shown and shown, 10)
    assert "\x1b" not in page and "\x07" not in page and "after" in page


def test_logs(host, instance):
    lines = [json.loads(line) for line in host.exec("arkctl", "logs", instance, "--json=short").splitlines()]
    assert {line["source"] for line in lines} == {"app", "db"}
    # The engine's own order stays: it stamps what one container says on two streams a moment apart.
    times = [datetime.fromisoformat(line["time"][:26]) for line in lines]
    assert all(later - earlier > timedelta(milliseconds=-10) for earlier, later in itertools.pairwise(times))
    assert len(host.exec("arkctl", "logs", instance, "-n", "3").splitlines()) == 3


def test_credentials_and_compose(host, instance):
    credentials = json.loads(host.exec("arkctl", "credentials", instance, "--json=short"))
    assert credentials == {key: str(value) for key, value in
                           host.local.get(f"/api/instances/{instance}/credentials").expect(200).json.items()}
    compose = host.path(f"/var/lib/arkd/compose/compose.{instance}.yml").read_text()
    assert host.exec("arkctl", "compose", instance) == compose.strip()


def test_keep(host, instance):
    def expires():
        return json.loads(host.exec("arkctl", "show", instance, "--json=short"))["expires_at"]

    def listed():
        return next(line.split()[-1] for line in host.exec("env", "TZ=UTC", "arkctl", "list").splitlines()
                    if line.startswith(instance))

    assert listed() == expires()[:10]
    host.exec("arkctl", "keep", instance, "--until=2100-01-31")
    assert expires().startswith("2100-01-31T")
    assert listed() == "2100-01-31"
    host.exec("arkctl", "keep", instance)
    assert expires() is None
    assert listed() == "never"
    assert re.search(r"^ +Expires: never$", host.exec("arkctl", "show", instance), re.M)
    # Kept ones are left at any age.
    assert instance not in host.exec("arkctl", "cleanup", "--older-than=0", "--dry-run")


def test_cleanup_tells_what_it_would_delete(host, instance):
    assert instance in host.exec("arkctl", "cleanup", "--older-than=0", "--dry-run").splitlines()
    assert instance not in host.exec("arkctl", "cleanup", "--older-than=30d", "--dry-run").splitlines()
    assert instance in host.exec("arkctl", "list", "--status=running")
    # Nothing is named by the call, so nothing is named by its line, not even by a space.
    assert wait_for("the call is in the journal", lambda: "uid:0 (bus) called Cleanup" in [
        one["MESSAGE"] for one in host.journal("ARK_ACTION=Cleanup")], 10)


def test_restart(host, instance):
    def started():
        return host.engine(f"/containers/{instance}/json")["State"]["StartedAt"]

    before = started()
    host.exec("arkctl", "restart", instance)
    assert started() > before
    host.applications.get(f"/instances/{instance}/").expect(200)


@pytest.mark.parametrize("removed", [["app"], ["db"], ["app", "db"]])
def test_restart_makes_again_what_was_removed_by_hand(host, work, removed):
    instance = work.deploy(work.product())
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    instance.ask("/notes", "POST", b"text=kept", form).expect(303)
    host.exec("docker", "rm", "--force", *[{"app": instance.id, "db": instance.database}[one] for one in removed])
    wait_for("it is noticed", lambda: instance.state()["status"] == "failed", 5)
    host.exec("arkctl", "restart", instance.id)
    assert instance.state()["status"] == "running"
    assert [note["text"] for note in instance.ask("/notes").expect(200).json] == ["kept"]
    # It is the same set that Compose knows.
    listed = {one["Name"]: one for one in json.loads(host.exec("docker", "compose", "ls", "--format", "json"))}
    assert listed[instance.id]["Status"] == "running(2)"


def test_restart_after_its_network_was_removed(host, work):
    """As a tidying hand does it, while the containers are stopped: they keep to a network that is gone."""
    instance = work.deploy(work.product())
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    instance.ask("/notes", "POST", b"text=kept", form).expect(303)
    host.exec("docker", "stop", instance.id, instance.database)
    host.exec("docker", "network", "rm", f"{instance.id}_net")
    wait_for("it is noticed", lambda: instance.state()["status"] == "failed", 5)
    host.exec("arkctl", "restart", instance.id)
    assert instance.state()["status"] == "running"
    assert [note["text"] for note in instance.ask("/notes").expect(200).json] == ["kept"]


def test_product(host, work):
    description = work.description({"KEY": "${SECRET:key}"})
    id = description["id"]
    work.products.append(id)
    host.exec("arkctl", "product", "set", "-", input=json.dumps(description))
    assert json.loads(host.exec("arkctl", "product", "show", id))["env"]["KEY"] == "${SECRET:key}"
    assert id in [one["id"] for one in json.loads(host.exec("arkctl", "product", "list", "--json=short"))]

    editor = host.path("/tmp/arkctl-editor")
    editor.write_text('#!/bin/sh\nsed -i "s/SECRET:key/SECRET:other/" "$1"\n')
    editor.chmod(0o755)
    host.exec("env", "EDITOR=/tmp/arkctl-editor", "arkctl", "product", "edit", id)
    assert host.local.get(f"/api/products/{id}").json["env"]["KEY"] == "${SECRET:other}"

    code, error = refusal(host, "arkctl", "product", "set", "/etc/passwd")
    assert code == 2 and "/etc/passwd is not JSON" in error
    host.exec("arkctl", "product", "delete", "--yes", id)
    assert refusal(host, "arkctl", "product", "show", id)[0] == 3


def test_product_in_use(host, instance, product):
    code, error = refusal(host, "arkctl", "product", "delete", "--yes", product)
    assert code == 1 and product in error


def test_mistyped_product(host, product):
    code, error = refusal(host, "arkctl", "deploy", product + "x", "Acme")
    assert code == 3 and f'Did you mean the product "{product}"?' in error


def test_log_level(host):
    before = host.exec("arkctl", "log-level")
    host.exec("arkctl", "log-level", "debug")
    assert host.exec("arkctl", "log-level") == "debug"
    host.exec("arkctl", "log-level", before)
    # systemd's own way to it.
    assert host.exec("systemctl", "service-log-level", "arkd") == before


def test_status(host, instance):
    checks = {one["check"]: one for one in json.loads(host.run("arkctl", "status", "--json=short").stdout)}
    for name in ("arkd", "engine", "store", "nginx", "network"):
        assert checks[name]["verdict"] == "ok", checks[name]
    for check in checks.values():
        assert check["remedy"] or check["verdict"] in ("ok", "skipped"), check

    host.exec("systemctl", "stop", "arkd-nginx")
    try:
        done = host.run("arkctl", "status", "--json=short")
        nginx = [one for one in json.loads(done.stdout) if one["check"] == "nginx"][0]
        assert done.returncode == 1 and nginx["verdict"] == "failed" and "systemctl start arkd-nginx" in nginx["remedy"]
    finally:
        host.exec("systemctl", "start", "arkd-nginx")


def test_status_right_after_a_start(host):
    for _ in range(3):
        host.exec("systemctl", "stop", "arkd")
        host.exec("systemctl", "start", "arkd")
        checks = {one["check"]: one for one in json.loads(host.run("arkctl", "status", "--json=short").stdout)}
        assert (checks["engine"]["verdict"], checks["store"]["verdict"]) == ("ok", "ok"), checks


def test_deploy_survives_a_restart_of_the_daemon(host, work, product):
    """The daemon is killed while a deploy is followed: arkctl still ends with the link."""
    killer = ("for i in $(seq 100); do [ -n \"$(arkctl list --status=pending --no-legend)\" ] && "
              "systemctl kill -s KILL arkd.service && exit; sleep 0.05; done; exit 1")
    done = host.run("sh", "-c", f"({killer}) & arkctl deploy {product} Survivor && wait $!")
    assert done.returncode == 0, done.stderr
    id = re.search(r"/instances/(client_[a-z2-7]{12})/$", done.stdout.splitlines()[-1]).group(1)
    work.adopt(id)
    assert "running" in host.exec("arkctl", "show", id)


# Who may

STRANGER = "arkctl-stranger"
MEMBER = "arkctl-member"
RULES = "/etc/polkit-1/rules.d/50-ark-group.rules"


@contextlib.contextmanager
def users(host):
    host.run("groupadd", "--system", "ark")
    host.exec("useradd", STRANGER)
    host.exec("useradd", "--groups", "ark", MEMBER)
    # In one go: polkit reads a file as soon as it is there, and half of it does not count.
    host.exec("install", "-m", "0644", "/usr/share/doc/arkd/examples/50-ark-group.rules", f"{RULES}.new")
    host.exec("mv", f"{RULES}.new", RULES)
    try:
        yield
    finally:
        host.exec("rm", RULES)
        host.exec("userdel", STRANGER)
        host.exec("userdel", MEMBER)


def test_who_may(host, work, instance):
    with users(host):
        def as_user(user, *arguments):
            return host.run("runuser", "-u", user, "--", "arkctl", *arguments)

        assert instance in as_user(STRANGER, "list").stdout
        assert as_user(STRANGER, "show", instance).returncode == 0
        for arguments in (["delete", "--yes", instance], ["restart", instance], ["keep", instance],
                          ["credentials", instance], ["compose", instance], ["logs", instance],
                          ["deploy", work.products[0], "Mine"], ["cleanup"], ["log-level", "debug"],
                          ["product", "delete", "--yes", work.products[0]]):
            done = as_user(STRANGER, *arguments)
            assert done.returncode == 4, (arguments, done)
            assert re.fullmatch(r"Cannot .+ root.*\.\n", done.stderr), done.stderr
            assert done.stdout == ""
        # The rule is read a moment after it was written.
        wait_for("the group's rule counts", lambda: as_user(MEMBER, "keep", instance).returncode == 0)
        for arguments in (["credentials", instance], ["logs", instance], ["restart", instance],
                          ["delete", "--yes", instance]):
            assert as_user(MEMBER, *arguments).returncode == 0, arguments
    assert_gone(host, instance)


def test_documents_are_installed(host):
    share = host.path("/usr/share")
    for page in ("man1/arkctl.1", "man8/arkd.8", "man5/arkd.conf.5", "man5/arkd-product.5",
                 "man5/network.ark.Deploy1.5", "man7/ark-deploy.7"):
        assert (share / "man" / f"{page}.gz").exists(), page
    for file in ("bash-completion/completions/arkctl", "zsh/vendor-completions/_arkctl",
                 "fish/vendor_completions.d/arkctl.fish"):
        assert (share / file).exists(), file
