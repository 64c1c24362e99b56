# SPDX-License-Identifier: MIT
"""The package over its life, on a host of its own: installed again, removed, purged."""

import subprocess

import pytest

import arkhost
from workshop import Workshop

SECRETS = ["/etc/arkd/admin-token", "/etc/arkd/proxy-key", "/etc/arkd/nginx-key.conf"]
UNITS = ["arkd.service", "arkd.socket", "arkd-admin.socket", "arkd-local.socket", "arkd-redis.service",
         "arkd-firewall.service", "arkd-cleanup.timer"]


@pytest.fixture(scope="module")
def own():
    """A host that these tests may take apart."""
    with arkhost.booted("check-package") as host:
        yield host


@pytest.fixture(scope="module")
def package(own, tmp_path_factory):
    """The package in the host, as a path there."""
    suite = (arkhost.HOSTS / own.name / "suite").read_text().strip()
    built = subprocess.run([arkhost.TOP / "packaging/build-deb", "--suite", suite, "--output",
                            tmp_path_factory.mktemp("deb")], check=True, capture_output=True, text=True)
    own.script("push", built.stdout.splitlines()[-1], "/root/arkd.deb")
    return "/root/arkd.deb"


def apt(host, *arguments):
    return host.exec("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", *arguments, timeout=180)


def active(host):
    return {name: host.unit(name, "ActiveState")["ActiveState"] for name in UNITS}


def test_life(own, package):
    """One test, since each part begins where the one before it ended."""
    with Workshop(own) as work:
        instance = work.deploy(work.product())
        instance.ask("/notes", "POST", b"text=kept",
                     [("Content-Type", "application/x-www-form-urlencoded")]).expect(303)

        # Installed over itself, which is what an upgrade does: nothing is lost.
        before = {path: own.path(path).read_text() for path in SECRETS}
        own.path("/etc/arkd/arkd.conf").write_text("[arkd]\nBaseURL=http://ark.example:3000\n")
        apt(own, "install", "--reinstall", "-o", "Dpkg::Options::=--force-confold", package)
        assert {path: own.path(path).read_text() for path in SECRETS} == before
        assert "ark.example" in own.path("/etc/arkd/arkd.conf").read_text()
        own.wait_healthy()
        assert instance.state()["status"] == "running"
        assert [note["text"] for note in instance.ask("/notes").json] == ["kept"]
        assert set(active(own).values()) == {"active"}
        again = work.deploy(work.quick())
        assert again.created["access_url"] == f"http://ark.example:3000/instances/{again.id}/"
        own.public.get("/api/products", headers=[("Host", "ark.example:3000")]).expect(200)
        for one in (instance, again):
            one.delete()

    # Kept through the removal, for the next installation.
    with Workshop(own) as work:
        kept = work.deploy(work.product())
        kept.ask("/notes", "POST", b"text=kept", [("Content-Type", "application/x-www-form-urlencoded")]).expect(303)
        apt(own, "remove", "arkd")
        assert set(active(own).values()) == {"inactive"}
        own.exec("nginx", "-t")
        assert own.unit("nginx.service", "ActiveState")["ActiveState"] == "active"
        listening = own.exec("ss", "-Hltn")
        assert not [port for port in (":3000 ", ":3001 ", ":5050 ") if port in listening]
        assert own.container(kept.database)["State"]["Running"]
        apt(own, "install", package)
        own.wait_healthy()
        assert {path: own.path(path).read_text() for path in SECRETS} == before
        assert [note["text"] for note in kept.ask("/notes").json] == ["kept"]
        assert "miniflux" in own.public.get("/api/products").text

    apt(own, "purge", "arkd")
    for path in ("/etc/arkd", "/var/lib/arkd", "/var/lib/arkd-redis", "/run/arkd", "/usr/share/arkd"):
        left = own.run("find", path).stdout.splitlines()
        assert left in ([], ["/etc/arkd", "/etc/arkd/arkd.conf"]), left
    assert own.exec("systemctl", "list-units", "--failed", "--plain", "--no-legend", "arkd*") == ""
    own.exec("nginx", "-t")
    assert "arkd" not in own.exec("nft", "list", "ruleset")
    # As if it had never been there.
    apt(own, "install", package)
    own.wait_healthy()
    assert own.path(SECRETS[0]).read_text() != before[SECRETS[0]]
    assert own.public.get("/api/products").expect(200).json["items"] == []
    own.public.get("/").expect(200)
