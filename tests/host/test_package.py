# SPDX-License-Identifier: MIT
"""The package over its life, on a host of its own: installed again, removed, purged."""

import contextlib
import socket
import subprocess
import threading
import time
import uuid

import pytest

import arkhost
import targets
from workshop import Workshop

SECRETS = ["/etc/arkd/admin-token", "/etc/arkd/proxy-key"]
UNITS = ["arkd.service", "arkd.socket", "arkd-admin.socket", "arkd-local.socket", "arkd-redis.service",
         "arkd-firewall.service", "arkd-nginx.service", "arkd-journal.socket", "arkd-cleanup.timer"]


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


@contextlib.contextmanager
def listening(host, *ports):
    """Something of the operator's has the ports that the package no longer has."""
    with contextlib.ExitStack() as stack:
        for port in ports:
            one = stack.enter_context(host.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("0.0.0.0", port))
            one.listen(100)
        yield


def kept_apart(host, one, two, show, what, **kwargs):
    """The whole table of targets, each of which is there."""
    with listening(host, 3000, 3001, 3002, 5050):
        denied = set(targets.table(host, one, two)[2])
        arkhost.wait_for("all are there", lambda: targets.reached_by(host, [], list(denied)) == denied, 60, every=1)
        targets.check(host, (one, two), show, what, **kwargs)


class Crowd:
    """Visitors who do not know that there is an upgrade, each on a connection of its own every time."""

    def __init__(self, host):
        self.host, self.stop, self.pause = host, threading.Event(), 0.2
        self.taken, self.put_off, self.failures, self.slowest, self.count = [], 0, [], 0, 0

    def ask(self, method, path, body=None, headers=()):
        """Answers what was answered, or None where that was to come again."""
        begun = time.monotonic()
        self.count += 1
        try:
            answer = self.host.public.ask(method, path, body, headers)
        except Exception as error:
            self.failures.append(f"{method} {path}: {error!r}")
            return None
        self.slowest = max(self.slowest, time.monotonic() - begun)
        if answer.status in (200, 202):
            return answer
        if answer.status == 503 and answer.header("Retry-After"):
            self.put_off += 1
        else:
            self.failures.append(f"{method} {path}: {answer!r}")
        return None

    def order(self, product):
        """As the landing page does it: whoever is to come again does, with the same key."""
        key = [("Idempotency-Key", str(uuid.uuid4()))]
        for _ in range(10):
            answer = self.ask("POST", "/api/instances", {"product_id": product, "client_name": "Acme"}, key)
            if answer:
                self.taken.append(answer.json)
                return
            time.sleep(1)
        self.failures.append("an order was never taken")

    def repeat(self, what, *arguments, pause=None):
        while not self.stop.wait(pause or self.pause):
            what(*arguments)
            # However long the machine takes, it is not to carry hundreds of instances.
            self.pause = min(3, self.pause * 1.1) if not pause else self.pause

    @contextlib.contextmanager
    def at_work(self, product):
        pages = ["/", "/api/products", "/healthz"]
        threads = [threading.Thread(target=self.repeat, args=(self.order, product)) for _ in range(2)]
        threads += [threading.Thread(target=self.repeat, args=(self.ask, "GET", page), kwargs={"pause": 0.01}) for page in pages]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()


def test_an_upgrade_loses_nothing(own, package):
    """Customers keep ordering: each gets what was ordered, once, and nobody is refused a connection."""
    before, nginx = own.main_pid(), own.main_pid("arkd-nginx.service")
    with Workshop(own) as work:
        product = work.quick()
        crowd = Crowd(own)
        with crowd.at_work(product):
            own.exec("dpkg", "--unpack", package, timeout=180)
            crowd.pause = 0.4
            own.exec("dpkg", "--configure", "--pending", timeout=180)
            crowd.pause = 1
            own.wait_healthy()
            arkhost.wait_for("enough have ordered", lambda: len(crowd.taken) > 10, 20)
        instances = [work.take(answer) for answer in crowd.taken]
        print(f"\n{len(instances)} taken; of {crowd.count} requests {crowd.put_off} were to come again, "
              f"{len(crowd.failures)} failed; {crowd.slowest:.1f} s at most")
        assert own.main_pid() not in (0, before), "arkd is the new one"
        assert own.main_pid("arkd-nginx.service") == nginx, "its connections outlive the upgrade"
        assert crowd.failures == []
        for instance in instances:
            instance.wait()
            instance.ask("/").expect(200)
        listed = own.local.get(f"/api/instances?product_id={product}&limit=1000").expect(200).json["items"]
        assert sorted(one["instance_id"] for one in listed) == sorted(instance.id for instance in instances)


def test_life(own, package, show):
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
    with Workshop(own) as work, targets.surroundings(own):
        kept = work.deploy(work.product())
        kept.ask("/notes", "POST", b"text=kept", [("Content-Type", "application/x-www-form-urlencoded")]).expect(303)
        other = work.deploy(work.product())
        apt(own, "remove", "arkd")
        assert set(active(own).values()) == {"inactive"}
        own.exec("nginx", "-t")
        assert own.unit("nginx.service", "ActiveState")["ActiveState"] == "active"
        open_ports = own.exec("ss", "-Hltn")
        assert not [port for port in (":3000 ", ":3001 ", ":3002 ", ":5050 ") if port in open_ports]
        assert own.container(kept.database)["State"]["Running"]
        kept_apart(own, kept, other, show, "Package removed")
        own.exec("systemctl", "restart", "nftables")
        # systemctl waits for nftables alone, not for what is restarted with it.
        arkhost.wait_for("the rules are loaded again",
                         lambda: own.unit("arkd-isolation.service", "ActiveState")["ActiveState"] == "active")
        kept_apart(own, kept, other, show, "Package removed, nftables restarted", has_way_out=False)
        own.exec("systemctl", "restart", "docker")
        kept_apart(own, kept, other, show, "Package removed, docker restarted")
        apt(own, "install", package)
        own.wait_healthy()
        assert not own.path("/etc/systemd/system/arkd-isolation.service").exists()
        assert {path: own.path(path).read_text() for path in SECRETS} == before
        assert [note["text"] for note in kept.ask("/notes").json] == ["kept"]
        assert "miniflux" in own.public.get("/api/products").text

    apt(own, "purge", "arkd")
    for path in ("/etc/arkd", "/var/lib/arkd", "/var/lib/arkd-firewall", "/var/lib/arkd-nginx", "/var/lib/arkd-redis", "/run/arkd", "/usr/share/arkd"):
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


# A site in the host's own nginx, as versions before 0.1.1 had it.
OLD_SITE = """server { listen 3000; listen [::]:3000; location / { proxy_pass http://unix:/run/arkd/public.sock; } }
server { listen 3001; location / { return 204; } }
"""
OLD = r"""
set -e
rm -rf /root/old && dpkg-deb -R "$1" /root/old && cd /root/old
sed -i 's/^Version: .*/Version: 0.1.0/' DEBIAN/control
rm -f DEBIAN/p* DEBIAN/triggers DEBIAN/md5sums $(find . -name 'arkd-nginx*.service')
sed -i 's/=arkd-nginx$/=www-data/; s/ arkd-nginx.service//' $(find . -name 'arkd*.socket')
mkdir -p etc/nginx/conf.d usr/share/arkd/nginx
echo 'include /usr/share/arkd/nginx/site*.conf;' >etc/nginx/conf.d/arkd.conf
echo /etc/nginx/conf.d/arkd.conf >>DEBIAN/conffiles
cat >usr/share/arkd/nginx/site.conf
printf '#!/bin/sh\nset -e\nsystemd-sysusers arkd.conf; /usr/lib/arkd/arkd-prepare; systemctl reload dbus\n' >DEBIAN/postinst
printf 'systemctl daemon-reload\nsystemctl enable -q --now arkd-redis.service arkd.socket\nsystemctl reload nginx\n' >>DEBIAN/postinst
chmod 0755 DEBIAN/postinst
dpkg-deb -b . /root/old.deb >/dev/null
"""


def nginx_has(host, port):
    return f"pid={host.exec('systemctl', 'show', '-P', 'MainPID', 'nginx')}," in host.exec("ss", "-Hltnp", f"sport = :{port}")


def test_ports_change_hands(own, package):
    """An upgrade from a version whose site was in the host's own nginx."""
    apt(own, "purge", "arkd")
    own.exec("sh", "-c", OLD, "sh", package, input=OLD_SITE)
    apt(own, "install", "/root/old.deb")
    for server in ("public", "admin"):
        own.path(f"/etc/arkd/nginx.d/{server}-ipv6.conf").write_text("# Remove this line where IPv6 is turned off.\nlisten [::]:9;\n")
    assert nginx_has(own, 3000) and nginx_has(own, 3001)
    assert own.public.get("/healthz").status == 200
    pid = own.main_pid()
    apt(own, "install", package)
    own.wait_healthy()
    assert own.main_pid() != pid, "arkd is the new one"
    own.public.get("/").expect(200)
    assert not nginx_has(own, 3000) and not nginx_has(own, 3001)
    assert own.unit("nginx.service", "ActiveState")["ActiveState"] == "active"
    for path in ("/etc/nginx/conf.d/arkd.conf", "/etc/arkd/nginx.d/public-ipv6.conf", "/etc/arkd/nginx.d/admin-ipv6.conf"):
        assert not own.path(path).exists(), path
    assert own.exec("stat", "-c", "%G", "/run/arkd/public.sock", "/run/arkd/admin.sock").split() == ["arkd-nginx"] * 2
    assert set(active(own).values()) == {"active"} and own.exec("systemctl", "is-enabled", "arkd-nginx").strip() == "enabled"
