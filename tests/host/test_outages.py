# SPDX-License-Identifier: MIT
"""The engine or the store goes away: callers are told, running instances are not harmed, all recovers by itself."""

import contextlib

import pytest

from arkhost import BusError, wait_for
from workshop import assert_gone, docker_leftovers

ORDER = {"product_id": "miniflux", "client_name": "Acme"}


@contextlib.contextmanager
def stopped(host, *units):
    host.exec("systemctl", "stop", *units)
    try:
        yield
    finally:
        # Docker's unit may be started three times a minute.
        host.exec("systemctl", "reset-failed", *units)
        host.exec("systemctl", "start", *units)
        host.wait_healthy()


@contextlib.contextmanager
def without_engine(host):
    with stopped(host, "docker.service", "docker.socket"):
        degraded(host, "engine")
        yield


@contextlib.contextmanager
def without_store(host):
    with stopped(host, "arkd-redis.service"):
        degraded(host, "store")
        yield


def degraded(host, missing):
    expected = {name: {"connected": name != missing} for name in ("engine", "store")} | {"status": "degraded"}
    wait_for(f"healthz says that the {missing} is missing",
             lambda: {name: value for name, value in host.health().items() if name != "version"} == expected, 10)


def unavailable(answer, name):
    answer.expect_problem(503, saying=name)
    assert int(answer.header("Retry-After")) > 0


def test_without_engine(host, work):
    survivor = work.deploy(work.product())
    survivor.ask("/notes", "POST", b"text=kept", [("Content-Type", "application/x-www-form-urlencoded")]).expect(303)
    with without_engine(host):
        unavailable(host.public.post("/api/instances", ORDER), "Docker")
        unavailable(host.local.post("/api/instances", ORDER), "Docker")
        unavailable(host.local.delete(f"/api/instances/{survivor.id}"), "Docker")
        assert host.bus_property("EngineConnected") is False
        with pytest.raises(BusError, match="Docker"):
            host.bus("CreateInstance", "ssa{sv}", "miniflux", "Acme", "0")
        # What needs no engine goes on.
        host.public.get("/api/products").expect(200)
        host.public.get("/").expect(200)
        assert survivor.state()["id"] == survivor.id
    assert host.bus_property("EngineConnected") is True
    wait_for("it serves again", lambda: survivor.ask("/notes").status == 200, 30)
    assert [note["text"] for note in survivor.ask("/notes").json] == ["kept"]
    survivor.wait(seconds=10)
    work.deploy(work.quick())


@pytest.mark.parametrize("phase", ["database", "health"])
def test_engine_goes_in_the_middle_of_a_deploy(host, work, phase):
    """It goes on when the engine is back: that its containers were stopped with the engine is not held against them."""
    product = work.product(deadline_s=120)
    instance = work.order(product)
    phases = ("database", "app", "health", "ready")
    wait_for("it has begun", lambda: instance.state()["phase"] in phases[phases.index(phase):], 20)
    with without_engine(host):
        pass
    instance.wait(seconds=90)
    # Where it had come up already, the engine has just begun its containers again.
    wait_for("it answers", lambda: instance.ask("/notes").status == 200, 30)
    instance.delete()
    assert docker_leftovers(host, instance.id) == []
    work.deploy(product).ask("/notes").expect(200)


def test_forgotten_bridges_go_before_the_engine_starts(host, work):
    """
    An engine that is stopped while it makes a network forgets that it made the bridge, takes it for somebody else's
    when it makes the network again, and leaves it when that is removed.
    """
    survivor = work.deploy(work.product())
    forgotten, others = "arkaaaaaaaaaaaa", ["arkaaaaaaaaaaa1", "arkforgotten", "bridge0"]
    for name in (forgotten, *others):
        host.exec("ip", "link", "add", name, "type", "bridge")
    try:
        # The engine counts on those that it has, used or not.
        host.exec("systemctl", "start", "arkd-bridges.service")
        assert host.path(f"/sys/class/net/{forgotten}").exists()
        host.run("systemctl", "reset-failed", "docker.service")
        host.exec("systemctl", "kill", "--signal=KILL", "docker.service")
        wait_for("it is gone", lambda: not host.path(f"/sys/class/net/{forgotten}").exists(), 30)
        assert all(host.path(f"/sys/class/net/{name}").exists() for name in others)
        assert host.journal("-u", "arkd-bridges", "-g", forgotten)
        host.wait_healthy()
        wait_for("it answers", lambda: survivor.ask("/notes").status == 200, 30)
    finally:
        for name in others:
            host.exec("ip", "link", "delete", name)


@contextlib.contextmanager
def killed_engine(host):
    """Its containers go on, as they do when it dies."""
    host.run("systemctl", "reset-failed", "docker.service")
    host.exec("systemctl", "kill", "--signal=KILL", "docker.service")
    # Whoever knocks at its socket has it started, which takes back that it is to be stopped.
    wait_for("it is stopped", lambda: host.run("systemctl", "stop", "docker.service", "docker.socket").returncode == 0)
    try:
        yield
    finally:
        host.exec("systemctl", "start", "docker.service", "docker.socket")
        host.wait_healthy()


def forget(host, id):
    """Has the engine's record say what it says of one that was being started when the engine died."""
    record = host.path(f"/var/lib/docker/containers/{id}/config.v2.json")
    text = record.read_text()
    assert '"State":{"Running":true' in text
    record.write_text(text.replace('"State":{"Running":true', '"State":{"Running":false'))


def is_alive(host, container):
    return host.path(f"/proc/{container['State']['Pid']}").exists()


def test_forgotten_containers_end_before_the_engine_starts(host, work):
    """It would neither start nor stop them, and begin a second database on the first one's volume."""
    instance = work.deploy(work.product())
    instance.ask("/notes", "POST", b"text=kept", [("Content-Type", "application/x-www-form-urlencoded")]).expect(303)
    host.exec("docker", "run", "--detach", "--name", "stranger", "ark-test/app:1")
    ours = [host.container(name) for name in (instance.id, f"{instance.id}_db")]
    stranger = host.container("stranger")
    try:
        # The engine may be starting some.
        host.exec("systemctl", "start", "arkd-containers.service")
        assert all(is_alive(host, one) for one in (*ours, stranger))
        with killed_engine(host):
            assert all(is_alive(host, one) for one in (*ours, stranger))
            for one in (*ours, stranger):
                forget(host, one["Id"])
        assert [is_alive(host, one) for one in (*ours, stranger)] == [False, False, True]
        assert all(host.journal("-u", "arkd-containers", "-g", one["Id"]) for one in ours)
        wait_for("it answers", lambda: instance.ask("/notes").status == 200, 30)
        assert "kept" in instance.ask("/notes").text
    finally:
        host.exec("docker", "rm", "--force", "stranger")
        host.exec("kill", "-KILL", stranger["State"]["Pid"])
    instance.delete()
    assert_gone(host, instance.id)


def test_forgotten_container_is_told_with_the_remedy(host, work):
    if not host.exec("docker", "version", "--format", "{{.Server.Version}}").startswith("20."):
        pytest.skip("later engines look for such containers before they start one")
    instance = work.deploy(work.quick())
    app = host.container(instance.id)
    host.exec("systemctl", "mask", "--runtime", "arkd-containers.service")
    try:
        with killed_engine(host):
            forget(host, app["Id"])
        assert is_alive(host, app)
        failed = host.run("arkctl", "restart", instance.id)
        assert failed.returncode != 0 and "systemctl restart docker" in failed.stderr
    finally:
        host.exec("systemctl", "unmask", "--runtime", "arkd-containers.service")
    host.run("systemctl", "reset-failed", "docker.service")
    host.exec("systemctl", "restart", "docker.service")
    host.wait_healthy()
    assert not is_alive(host, app)
    wait_for("it runs", lambda: instance.state()["status"] == "running", 60)


def test_subnet_of_a_forgotten_bridge_is_left_out(host, work):
    """Two interfaces in one subnet would share its route: the new instance's database could not be reached."""
    product = work.product()
    host.exec("ip", "link", "add", "arkforgotten", "type", "bridge")
    try:
        host.exec("ip", "address", "add", "10.231.16.1/28", "dev", "arkforgotten")
        host.exec("ip", "link", "set", "arkforgotten", "up")
        # The search for a subnet begins at the first again.
        host.exec("systemctl", "restart", "arkd.service")
        instance = work.deploy(product)
        assert "10.231.16.0/28" not in str(host.engine(f"/networks/{instance.id}_net")["IPAM"])
        assert host.journal("-u", "arkd", "-g", "arkforgotten")
    finally:
        host.exec("ip", "link", "delete", "arkforgotten")
    host.exec("systemctl", "restart", "arkd.service")


def test_journal_says_that_the_engine_is_away(host):
    with without_engine(host):
        pass
    entries = host.journal("-u", "arkd", "-n", "200", "-p", "notice")
    assert [one for one in entries if "docker" in one["MESSAGE"].lower() or "engine" in one["MESSAGE"].lower()]


def test_without_store(host, work):
    survivor, unused = work.deploy(work.quick()), work.quick()
    with without_store(host):
        unavailable(host.public.post("/api/instances", ORDER), "Redis")
        unavailable(host.local.delete(f"/api/instances/{survivor.id}"), "Redis")
        unavailable(host.local.delete(f"/api/products/{unused}"), "Redis")
        assert host.bus_property("StoreConnected") is False
        # Reads are served from memory.
        assert survivor.state()["status"] == "running"
        host.public.get("/api/products").expect(200)
        survivor.ask("/").expect(200)
    assert host.bus_property("StoreConnected") is True
    work.deploy(work.quick())
    survivor.delete()


def test_arkd_is_started_without_its_store(host, work):
    survivor = work.deploy(work.quick())
    survivor.ask("/").expect(200)
    host.exec("systemctl", "stop", "arkd.service")
    with stopped(host, "arkd-redis.service"):
        # Wanted by arkd, it would be started along with it.
        host.exec("systemctl", "mask", "--runtime", "arkd-redis.service")
        try:
            degraded(host, "store")
            unavailable(host.public.get(f"/api/instances/{survivor.id}"), "Redis")
            unavailable(host.public.post("/api/instances", ORDER), "Redis")
            survivor.ask("/").expect(200)
        finally:
            host.exec("systemctl", "unmask", "--runtime", "arkd-redis.service")
    assert survivor.state()["status"] == "running"


def test_store_goes_in_the_middle_of_a_deploy(host, work):
    instance = work.order(work.product())
    wait_for("it has begun", lambda: instance.state()["phase"] not in ("queued", "image"), 20)
    with without_store(host):
        pass
    assert instance.wait(seconds=60)
    assert '"running"' in host.redis("get", f"instance:{instance.id}")
    assert host.redis("xlen", "ark:jobs") == "0"


@pytest.mark.parametrize("refuse, accept, words, seen", [
    (["config", "set", "min-replicas-to-write", "1"], ["config", "set", "min-replicas-to-write", "0"], "NOREPLICAS",
     True),
    (["replicaof", "127.0.0.1", "1"], ["replicaof", "no", "one"], "READONLY", True),
    (["config", "set", "maxmemory", "1"], ["config", "set", "maxmemory", "0"], "OOM", False),
], ids=["too few replicas", "read-only", "out of memory"])
def test_store_refuses_writes(host, work, refuse, accept, words, seen):
    """Nothing is begun, and it is said why; what was under way ends when the store takes writes again."""
    product, survivor = work.quick(), work.deploy(work.quick())
    under_way = work.order(work.product())
    wait_for("it has begun", lambda: under_way.state()["phase"] not in ("queued", "image"), 20)
    order = {"product_id": product, "client_name": "Acme"}
    known = len(host.local.get("/api/instances").json["items"])
    host.redis(*refuse)
    try:
        refused = [host.local.delete(f"/api/instances/{survivor.id}"), host.public.post("/api/instances", order)]
        for answer in refused:
            unavailable(answer, "Redis")
            assert "so nothing was" in answer.text or "cannot be reached" in answer.text, answer
        # Where the deploy met it first, both are told that the store is away, and the journal has its words.
        assert any(words in answer.text for answer in refused) or host.journal("-u", "arkd", "-g", words), refused
        if seen:
            degraded(host, "store")
            unavailable(host.public.post("/api/instances", order), "Redis")
        assert survivor.state()["status"] == "running"
        survivor.ask("/").expect(200)
    finally:
        host.redis(*accept)
    host.wait_healthy()
    assert under_way.wait(seconds=60)
    assert survivor.state()["status"] == "running", "it was not to be deleted"
    assert len(host.local.get("/api/instances").json["items"]) == known
    assert host.redis("xlen", "ark:jobs") == "0"
    work.deploy(product)


@contextlib.contextmanager
def small_engine_disk(host, megabytes):
    """The engine's files are on a disk with so much left."""
    folder, kept = "/var/lib/docker", "/var/lib/docker.kept"
    with stopped(host, "docker.service", "docker.socket"):
        # The kernel's scratch of the containers' file systems, which may not be copied.
        host.exec("find", f"{folder}/overlay2", "-type", "c", "-name", "#*", "-delete")
        used = int(host.exec("du", "-sm", folder).split()[0])
        host.exec("cp", "-a", folder, kept)
        host.exec("mount", "-t", "tmpfs", "-o", f"size={used + megabytes}m", "none", folder)
        host.exec("cp", "-a", f"{kept}/.", folder)
        host.exec("rm", "-r", kept)
    try:
        yield host.path(folder)
    finally:
        with stopped(host, "docker.service", "docker.socket"):
            host.exec("umount", folder)


def fill(folder):
    with open(folder / "ballast", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 65536)


@contextlib.contextmanager
def any_free_disk(host):
    """Deploys are not refused because little is left."""
    settings = host.path("/etc/arkd/arkd.conf.d/90-room.conf")
    settings.write_text("[arkd]\nMinFreeDisk=0\n")
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()
    try:
        yield
    finally:
        settings.unlink()
        host.exec("systemctl", "restart", "arkd.service")
        host.wait_healthy()


def test_disk_of_the_engine_is_full(host, work):
    """A deploy fails and says why, nothing of it stays, what runs goes on and can be deleted."""
    with any_free_disk(host), small_engine_disk(host, 200) as folder:
        survivor = work.deploy(work.product())
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        survivor.ask("/notes", "POST", b"text=kept", form).expect(303)
        gone = work.deploy(work.quick())
        fill(folder)
        failed = work.order(work.product())
        wait_for("it has failed", lambda: failed.state()["status"] == "failed", 90)
        assert "no space left" in failed.state()["error"]["reason"].lower(), failed.state()
        assert docker_leftovers(host, failed.id) == []
        assert [note["text"] for note in survivor.ask("/notes").json] == ["kept"]
        gone.delete()
        assert docker_leftovers(host, gone.id) == []
        (folder / "ballast").unlink()
        work.deploy(work.product())
        for id in work.instances:
            host.local.delete(f"/api/instances/{id}").expect(200)


def test_no_subnet_is_left(host, work):
    """It is said at once, and what to do about it."""
    product = work.product()
    settings = host.path("/etc/arkd/arkd.conf.d/90-pool.conf")
    addresses = [f"address add 10.231.{16 + n // 16}.{n % 16 * 16 + 1}/28 dev arkfull" for n in range(256)]
    settings.write_text("[arkd]\nSubnetPool=10.231.0.0/19\n")
    host.exec("ip", "-batch", "-", input="\n".join(["link add arkfull type bridge", *addresses]) + "\n")
    try:
        host.exec("systemctl", "restart", "arkd.service")
        host.wait_healthy()
        answer = host.public.post("/api/instances", {"product_id": product, "client_name": "Acme"})
        answer.expect_problem(429, saying="no address left")
        assert "SubnetPool=" in answer.text
    finally:
        host.exec("ip", "link", "delete", "arkfull")
        settings.unlink()
        host.exec("systemctl", "restart", "arkd.service")
        host.wait_healthy()
    work.deploy(product)


def test_store_is_killed(host, work):
    """What was acknowledged is on disk."""
    instance = work.deploy(work.quick())
    host.exec("systemctl", "kill", "--signal=KILL", "arkd-redis.service")
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()
    assert instance.state()["status"] == "running"
    assert "miniflux" in host.public.get("/api/products").text


def test_both_come_back_after_a_restart_of_all(host, work):
    instance = work.deploy(work.product())
    host.exec("systemctl", "reset-failed", "docker.service", "docker.socket")
    host.exec("systemctl", "restart", "docker.service", "arkd-redis.service", "arkd.service", "arkd-nginx.service",
              timeout=120)
    host.wait_healthy()
    wait_for("it serves again", lambda: instance.ask("/notes").status == 200, 30)
    work.deploy(work.quick())
