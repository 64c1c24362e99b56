# SPDX-License-Identifier: MIT
"""arkd as a service: started by its sockets, killed and restarted at any moment, confined, and legible."""

import contextlib
import json
import re
import threading
import time

import pytest

from arkhost import BUS_NAME, BUS_PATH, PATIENCE, wait_for
from workshop import docker_leftovers

SOCKETS = ["arkd.socket", "arkd-admin.socket", "arkd-local.socket"]


def kill(host):
    host.exec("systemctl", "kill", "--signal=KILL", "--kill-who=main", "arkd.service")


@contextlib.contextmanager
def traffic(instance, *paths):
    """Asks the application without a pause, and fails where one answer was not what it should be."""
    stop = threading.Event()
    failures, count = [], [0]

    def ask(path):
        while not stop.is_set():
            try:
                answer = instance.ask(path, timeout=10)
                if answer.status != 200:
                    failures.append(repr(answer))
            except Exception as error:
                failures.append(repr(error))
            count[0] += 1
    threads = [threading.Thread(target=ask, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert count[0] > 50, count
    assert failures == [], f"{len(failures)} of {count[0]}: {failures[:3]}"


@pytest.mark.parametrize("listener", ["public", "admin", "local"])
def test_first_request_starts_the_daemon(host, listener):
    host.exec("systemctl", "stop", "arkd.service")
    assert host.unit("arkd.service", "ActiveState", "MainPID") == {"ActiveState": "inactive", "MainPID": "0"}
    getattr(host, listener).get("/healthz").expect(200)
    assert host.main_pid()
    wait_for("products are there", lambda: getattr(host, listener).get("/api/products").status == 200, 5)


def test_the_first_real_request_is_answered(host):
    """What comes before the registry has been read is told to wait, or waits; it is never told a lie."""
    host.exec("systemctl", "stop", "arkd.service")
    answer = host.public.get("/api/products/miniflux")
    assert answer.status in (200, 503), answer
    if answer.status == 503:
        assert answer.header("Retry-After")
    host.wait_healthy()


def test_the_visitors_socket_brings_the_others(host):
    host.exec("systemctl", "stop", "arkd.service", *SOCKETS)
    host.exec("systemctl", "start", "arkd.socket")
    for name in SOCKETS:
        assert host.unit(name, "ActiveState")["ActiveState"] == "active"
    host.public.get("/healthz").expect(200)
    host.local.get("/api/products")
    host.wait_healthy()


def test_stopped_and_started_many_times(host):
    """Neither the service nor a socket has a limit that an operator in a hurry could hit."""
    for _ in range(12):
        host.exec("systemctl", "stop", "arkd.service", *SOCKETS)
        host.exec("systemctl", "start", "arkd.socket")
        host.public.get("/healthz").expect(200)
    for name in SOCKETS:
        assert host.unit(name, "ActiveState")["ActiveState"] == "active"
    host.wait_healthy()


def test_a_bad_configuration(host):
    """It is told in the journal and with 503, without a loop; put right, the next request is answered."""
    bad = host.path("/etc/arkd/arkd.conf.d/99-bad.conf")
    since = host.exec("date", "+%s.%N")
    bad.write_text("[arkd]\nSubnetPool=100.64.0.0/16\n")
    try:
        assert host.run("systemctl", "restart", "arkd.service").returncode != 0
        for _ in range(3):
            answer = host.public.get("/healthz")
            answer.expect_problem(503)
            assert answer.header("Retry-After")
        end = time.monotonic() + 2
        wait_for("time passes", lambda: time.monotonic() > end, 5)
        unit = host.unit("arkd.service", "ActiveState", "ExecMainStatus")
        assert unit == {"ActiveState": "failed", "ExecMainStatus": "78"}
        said = [one["MESSAGE"] for one in host.journal("--unit=arkd.service", f"--since=@{since}")]
        refused = [line for line in said if line.startswith("/etc/arkd/arkd.conf.d/99-bad.conf:2: SubnetPool=")]
        assert 2 <= len(refused) <= 8, said
        for name in SOCKETS:
            assert host.unit(name, "ActiveState")["ActiveState"] == "active"
        checked = host.run("arkd", "--check-config")
        assert checked.returncode == 78 and "99-bad.conf:2" in checked.stderr
    finally:
        bad.unlink()
    host.public.get("/healthz").expect(200)
    host.wait_healthy()
    assert "in order" in host.exec("arkd", "--check-config")


def test_a_second_one_does_not_start(host, work):
    """Typed by hand while the service runs, it says so and touches nothing: a deploy under way is not disturbed."""
    instance = work.order(work.product())
    pid = host.main_pid()
    second = host.run("timeout", "20", "arkd")
    assert second.returncode == 75, second
    assert "Another arkd runs already" in second.stderr and "systemctl status arkd" in second.stderr
    assert host.main_pid() == pid
    assert instance.wait()["status"] == "running"
    assert instance.seen_by_operator()["error"] is None
    # It is the state directory that is locked, and it is free again at once.
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()
    assert host.main_pid() != pid


def test_waits_for_one_that_was_started_by_hand(host):
    """The service comes up by itself once the other has ended."""
    since = host.exec("date", "+%s.%N")
    host.exec("systemctl", "stop", *SOCKETS, "arkd.service")
    host.exec("systemd-run", "--quiet", "--collect", "--unit=by-hand", "--property=Type=exec", "/usr/sbin/arkd")
    try:
        wait_for("it has the lock", lambda: host.run("flock", "--nonblock", "/var/lib/arkd", "true").returncode == 1)
        host.exec("systemctl", "start", "--no-block", *SOCKETS, "arkd.service")
        wait_for("the service says why", lambda: any(
            "Another arkd runs already" in one["MESSAGE"]
            for one in host.journal("--unit=arkd.service", f"--since=@{since}")), every=0.3)
    finally:
        host.exec("systemctl", "stop", "by-hand.service")
    host.wait_healthy()


def test_cleanup_runs_every_day(host, work):
    timer = host.unit("arkd-cleanup.timer", "ActiveState", "UnitFileState", "Persistent", "RandomizedDelayUSec")
    assert timer == {"ActiveState": "active", "UnitFileState": "enabled", "Persistent": "yes",
                     "RandomizedDelayUSec": "1h"}
    listed = json.loads(host.exec("systemctl", "list-timers", "--output=json", "arkd-cleanup.timer"))
    now = int(host.exec("date", "+%s"))
    assert [one["activates"] for one in listed] == ["arkd-cleanup.service"]
    # Daily, at midnight, and up to an hour late.
    assert now - 60 < listed[0]["next"] / 1e6 < now + 25 * 3600, listed
    past, stays = work.deploy(work.quick()), work.deploy(work.quick())
    host.bus("SetExpiry", "t", "1", path=f"{BUS_PATH}/instance/{past.id}", interface=f"{BUS_NAME}.Instance")
    host.exec("systemctl", "start", "arkd-cleanup.service")
    assert past.state()["status"] == "deleted" and docker_leftovers(host, past.id) == []
    assert stays.state()["status"] == "running"
    assert host.unit("arkd-cleanup.service", "Result")["Result"] == "success"


def test_killed_ten_times_in_a_row(host, work):
    instance = work.deploy(work.quick())
    pids, slowest = set(), 0
    for _ in range(10):
        pids.add(wait_for("it runs", lambda: host.main_pid()))
        kill(host)
        begun = time.monotonic()
        wait_for("the API works", lambda: _works(host, instance), 5, every=0.02)
        slowest = max(slowest, time.monotonic() - begun)
    assert len(pids) == 10
    assert slowest < 1.5 * PATIENCE, f"{slowest:.2f} s"
    for name in ["arkd.service", *SOCKETS]:
        assert host.unit(name, "ActiveState")["ActiveState"] == "active"
    assert host.exec("systemctl", "list-units", "--failed", "--plain", "--no-legend", "arkd*") == ""
    work.deploy(instance.created["product_id"])


def _works(host, instance):
    try:
        answer = host.local.get(f"/api/instances/{instance.id}", timeout=2)
        return answer.status == 200 and answer.json["status"] == "running"
    except OSError:
        return False


@pytest.mark.parametrize("patience", [0, 0.4, 0.9, 1.6])
def test_killed_in_the_middle_of_a_deploy(host, work, patience):
    instance = work.order(work.product())
    time.sleep(patience)
    kill(host)
    host.wait_healthy()
    instance.wait()
    instance.ask("/notes", "POST", b"text=a", [("Content-Type", "application/x-www-form-urlencoded")]).expect(303)
    assert instance.sql("select text from notes") == "a"
    containers = host.engine("/containers/json?all=1")
    assert len([one for one in containers if instance.id in one["Names"][0]]) == 2
    assert host.redis("xlen", "ark:jobs") == "0"


@pytest.mark.parametrize("patience", [0, 0.1, 0.25])
def test_killed_in_the_middle_of_a_delete(host, work, patience):
    instance = work.deploy(work.product())
    deletion = threading.Thread(target=_try_to_delete, args=(instance,))
    deletion.start()
    wait_for("it has begun", lambda: instance.state()["status"] != "running", 10)
    time.sleep(patience)
    kill(host)
    deletion.join()
    host.wait_healthy()
    wait_for("it is deleted", lambda: instance.state()["status"] == "deleted", 20)
    assert docker_leftovers(host, instance.id) == []


def _try_to_delete(instance):
    with contextlib.suppress(Exception):
        instance.delete()


def test_restarted_under_traffic(host, work):
    instance = work.deploy(work.product())
    with traffic(instance, "/", "/echo/x"):
        for _ in range(3):
            host.exec("systemctl", "restart", "arkd.service")
            # Longer than a route is remembered: some requests ask while it is away, some when it is back.
            end = time.monotonic() + 1.5
            wait_for("time passes", lambda: time.monotonic() > end, 5)


def test_stopped_and_killed_under_traffic(host, work):
    instance = work.deploy(work.quick())
    with traffic(instance, "/", "/healthz"):
        for _ in range(3):
            kill(host)
            end = time.monotonic() + 1.2
            wait_for("time passes", lambda: time.monotonic() > end, 5)
        host.wait_healthy()


@pytest.mark.parametrize("path", ["/healthz", "/api/products"])
def test_api_calls_wait_for_a_restart(host, path):
    """The sockets stay with systemd, so a call in that moment is late and not lost, or is told to come again."""
    stop = threading.Event()
    answers = []

    def ask():
        while not stop.is_set():
            answers.append(host.public.get(path))
    thread = threading.Thread(target=ask)
    thread.start()
    host.exec("systemctl", "stop", "arkd.service")
    host.exec("systemctl", "start", "arkd.service")
    stop.set()
    thread.join()
    assert answers
    for answer in answers:
        if path != "/healthz" and answer.status == 503:
            answer.expect_problem(503, saying="The service is stopping")
            assert answer.header("Retry-After")
        else:
            answer.expect(200)


def test_who_was_let_in_is_answered(host):
    """arkd is told to stop while requests are on their way: they are heard, and told to come again."""
    pid = host.main_pid()
    begun = [f"{call} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {host.admin_token}\r\n".encode()
             for call in ("GET /healthz", "GET /api/products", "DELETE /api/instances/client_aaaaaaaaaaaa")]
    with contextlib.ExitStack() as stack:
        callers = [stack.enter_context(host.connect_inside(5050)) for _ in begun]
        for caller, head in zip(callers, begun):
            caller.sendall(head)
        host.local.get("/healthz").expect(200)
        # It finds both at once when it goes on: first that it has to stop, then the rest of the requests.
        host.exec("sh", "-c", f"kill -STOP {pid} && kill -TERM {pid}")
        for caller in callers:
            caller.sendall(b"Connection: close\r\n\r\n")
        host.exec("kill", "-CONT", pid)
        said = [b"".join(iter(lambda one=caller: one.recv(4096), b"")).decode() for caller in callers]
    assert said[0].startswith("HTTP/1.1 200 ")
    for answer in said[1:]:
        assert answer.startswith("HTTP/1.1 503 ") and "\r\nRetry-After: " in answer, answer
    assert [one["MESSAGE"] for one in host.journal(f"_PID={pid}", "--priority=err")] == []
    host.wait_healthy()


def test_watched_and_restarted_without_a_limit(host):
    unit = host.unit("arkd.service", "Type", "Restart", "WatchdogUSec", "StartLimitIntervalUSec", "User", "NRestarts",
                     "StatusText")
    assert (unit["Type"], unit["Restart"], unit["User"]) == ("notify", "always", "arkd")
    assert unit["StartLimitIntervalUSec"] == "0" and unit["WatchdogUSec"] not in ("0", "infinity")


def test_hanging_daemon_is_noticed(host):
    """SIGSTOP: it misses the watchdog, is killed, and is there again."""
    before = host.main_pid()
    host.exec("systemctl", "kill", "--signal=STOP", "--kill-who=main", "arkd.service")
    wait_for("another has taken its place", lambda: host.main_pid() not in (0, before), 40, every=0.5)
    host.wait_healthy()


@contextlib.contextmanager
def few_descriptors(host, most):
    drop_in = host.path("/run/systemd/system/arkd.service.d/few.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(f"[Service]\nLimitNOFILE={most}\n")
    host.exec("systemctl", "daemon-reload")
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()
    try:
        yield
    finally:
        drop_in.unlink()
        host.exec("systemctl", "daemon-reload")
        host.exec("systemctl", "restart", "arkd.service")
        host.wait_healthy()


def test_connections_do_not_use_up_the_descriptors(host, work):
    """Else it could neither deploy nor tell the watchdog that it lives."""
    product = work.product()
    with few_descriptors(host, 192):
        before, stalled = host.main_pid(), []
        try:
            for _ in range(250):
                stalled.append(host.connect_unix("/run/arkd/public.sock"))
                stalled[-1].sendall(b"GET /healthz HTTP/1.1\r\n")
            instance = work.order(product, client=host.local)
            wait_for("it runs", lambda: instance.seen_by_operator()["status"] == "running")
            assert len(list(host.path(f"/proc/{before}/fd").iterdir())) < 128
        finally:
            for one in stalled:
                one.close()
        host.public.get("/healthz").expect(200)
        assert host.main_pid() == before


def test_confinement(host):
    said = host.exec("systemd-analyze", "security", "--no-pager", "arkd.service")
    exposure = float(re.search(r"Overall exposure level for arkd\.service: ([\d.]+)", said).group(1))
    print(f"exposure of arkd.service: {exposure}")
    assert exposure <= 2.0
    status = host.path(f"/proc/{host.main_pid()}/status").read_text()
    assert int(re.search(r"CapEff:\s*(\w+)", status).group(1), 16) == 0
    assert "NoNewPrivs:\t1" in status and not re.search(r"^Uid:\s*0\s", status, re.M)


def test_secrets_are_files_of_root(host):
    for path in ("/etc/arkd/admin-token", "/etc/arkd/proxy-key"):
        status = host.path(path).stat()
        assert (status.st_mode & 0o777, status.st_uid) == (0o600, 0), path
    assert host.path("/var/lib/arkd/compose").stat().st_mode & 0o077 == 0
    assert host.exec("stat", "-c", "%a %U %G", "/run/arkd-redis/redis.sock") == "660 arkd-redis arkd"
    assert host.run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "redis-cli", "-s",
                    "/run/arkd-redis/redis.sock", "ping").stdout.strip() != "PONG"


def test_journal_has_the_fields(host, work):
    instance = work.deploy(work.product())
    instance.ask("/").expect(200)
    instance.delete()
    entries = host.journal(f"ARK_INSTANCE={instance.id}")
    own = [one for one in entries if one.get("_SYSTEMD_UNIT") == "arkd.service"]
    assert own and {one["ARK_PRODUCT"] for one in own} == {instance.created["product_id"]}
    assert {f"{instance.id}.create", f"{instance.id}.delete"} <= {one.get("ARK_JOB") for one in own}
    from_containers = {one["CONTAINER_NAME"] for one in entries if "CONTAINER_NAME" in one}
    assert from_containers == {instance.id, instance.database}


def test_no_secret_in_the_journal(host, work):
    instance = work.deploy(work.product({"TOKEN": "${SECRET:token}"}))
    environment = dict(pair.split("=", 1) for pair in host.container(instance.id)["Config"]["Env"])
    secrets = {"password": instance.credentials()["password"], "access token": instance.token,
               "product's secret": environment["TOKEN"], "admin token": host.admin_token, "proxy key": host.proxy_key}
    host.public.get(f"/api/instances/{instance.id}/access", headers={"Authorization": f"Bearer {instance.token}"})
    instance.delete()
    host.exec("journalctl", "--sync")
    text = host.exec("journalctl", "--no-pager", "--output=export", "--all")
    assert instance.id in text
    assert [name for name, secret in secrets.items() if len(secret) < 20 or secret in text] == []


def test_no_secret_in_an_argument_list(host, work):
    instance = work.deploy(work.product())
    secrets = [instance.credentials()["password"], instance.token, host.admin_token, host.proxy_key]
    listed = host.exec("ps", "-eo", "args", "-ww")
    assert "postgres" in listed
    assert [secret for secret in secrets if secret in listed] == []
