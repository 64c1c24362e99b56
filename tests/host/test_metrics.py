# SPDX-License-Identifier: MIT
"""GET /metrics: for operators, sound to Prometheus, and true."""

import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

from arkhost import HOSTS, PATIENCE, BusError, wait_for

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL})(?:,{LABEL})*)\}})? ([0-9.e+-]+|NaN|[+-]Inf)")
SUFFIXES = {"gauge": [""], "counter": [""], "histogram": ["_bucket", "_sum", "_count"]}


class Metrics(dict):
    """Values by (name, frozenset of labels); a family's type by its name."""

    def __init__(self, text):
        super().__init__()
        self.types = {}
        family = None
        assert text.endswith("\n")
        lines = text[:-1].split("\n")
        for number, line in enumerate(lines):
            if match := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
                family = match.group(1)
                assert family not in self.types, f"{family} comes twice"
                kind = re.fullmatch(rf"# TYPE {family} (counter|gauge|histogram)", lines[number + 1]).group(1)
                self.types[family] = kind
                assert kind != "counter" or family.endswith("_total"), family
                assert kind == "counter" or not family.endswith("_total"), family
            elif not line.startswith("# TYPE "):
                self.add(family, line)
        self.check_histograms()

    def add(self, family, line):
        match = SAMPLE.fullmatch(line)
        assert match, f"not a sample: {line!r}"
        name, labels = match.group(1), dict(re.findall(LABEL, match.group(2) or ""))
        assert name.removeprefix(family) in SUFFIXES[self.types[family]], line
        key = (name, frozenset(labels.items()))
        assert key not in self, f"twice: {line}"
        self[key] = float(match.groups()[-1])

    def of(self, name, **labels):
        return self[name, frozenset(labels.items())]

    def check_histograms(self):
        for family in [name for name, kind in self.types.items() if kind == "histogram"]:
            for (name, labels), count in list(self.items()):
                if name != f"{family}_count":
                    continue
                buckets = [(float(dict(other)["le"]), value) for (bucket, other), value in self.items()
                           if bucket == f"{family}_bucket" and labels <= other]
                assert len(buckets) > 5 and [bound for bound, _ in buckets] == sorted(bound for bound, _ in buckets)
                assert [value for _, value in buckets] == sorted(value for _, value in buckets)
                assert buckets[-1] == (float("inf"), count)
                assert (self[f"{family}_sum", labels] > 0) == (count > 0)


def read(host):
    return Metrics(host.local.get("/metrics").expect(200).text)


@pytest.fixture(scope="session")
def promtool(tmp_path_factory):
    """Prometheus' own judge: installed, or out of Debian's package, which is kept for the next time."""
    found = shutil.which("promtool")
    cached = HOSTS.parent / "promtool"
    if found or cached.exists():
        return found or cached
    folder = tmp_path_factory.mktemp("prometheus")
    try:
        for command in (["apt-get", "download", "prometheus"], ["sh", "-c", "dpkg -x prometheus_*.deb ."]):
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"promtool is not to be had: {error}")
    kept = cached.with_suffix(f".{os.getpid()}")
    shutil.copy(folder / "usr/bin/promtool", kept)
    pathlib.Path(kept).rename(cached)
    return cached


def test_promtool_finds_nothing(host, work, promtool):
    work.deploy(work.product())
    text = host.local.get("/metrics").expect(200).body
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    # It does find what is wrong.
    wrong = subprocess.run([promtool, "check", "metrics"], input=text + b"arkd_nonsense_total 1\n",
                           capture_output=True, timeout=30)
    assert wrong.returncode != 0


def test_operators_only(host):
    for client in (host.admin, host.local):
        answer = client.get("/metrics").expect(200)
        assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.header("Cache-Control") == "no-store"
        client.without_token().get("/metrics").expect_problem(401)
        client.with_token("wrong").get("/metrics").expect_problem(401)
        client.post("/metrics", {}).expect_problem(405)
        assert client.ask("HEAD", "/metrics").expect(200).body == b""
    for client in (host.public, host.outside(), host.public.with_token(host.admin_token)):
        client.get("/metrics").expect_problem(403)
    # And where nginx is passed by, by arkd itself.
    headers = [("X-Ark-Proxy-Key", host.proxy_key), ("X-Ark-Peer-Address", "127.0.0.1"), ("X-Ark-Peer-Port", "1")]
    host.unix("/run/arkd/public.sock").get("/metrics", headers=headers).expect_problem(403)


def test_jobs_and_instances(host, work):
    product = work.product()
    before = read(host)
    instance = work.deploy(product)
    during = read(host)
    assert during.of("arkd_instances", status="running") == before.of("arkd_instances", status="running") + 1
    assert during.of("arkd_products") == before.of("arkd_products")

    def grown(name, **labels):
        return during.of(name, **labels) - before.of(name, **labels)
    assert grown("arkd_jobs_ended_total", kind="create", outcome="succeeded") == 1
    assert grown("arkd_jobs_ended_total", kind="create", outcome="failed") == 0
    assert grown("arkd_job_duration_seconds_count", kind="create") == 1
    took = instance.state()["timeline"]["ready"] / 1000
    assert 0 < grown("arkd_job_duration_seconds_sum", kind="create") <= took + 0.2
    phases = [labels for name, labels in during if name == "arkd_deploy_phase_duration_seconds_sum"]
    total = sum(during[key] - before[key] for key in
                [("arkd_deploy_phase_duration_seconds_sum", labels) for labels in phases])
    assert abs(total - took) < 0.01
    assert grown("arkd_deploy_phase_duration_seconds_count", phase="database") == 1
    broken = work.order(work.quick({"MODE": "exit"}))
    broken.wait("failed")
    instance.delete()
    after = read(host)
    assert after.of("arkd_jobs_ended_total", kind="create", outcome="failed") == \
        during.of("arkd_jobs_ended_total", kind="create", outcome="failed") + 1
    assert after.of("arkd_jobs_ended_total", kind="delete", outcome="succeeded") == \
        during.of("arkd_jobs_ended_total", kind="delete", outcome="succeeded") + 1
    assert after.of("arkd_jobs", state="running") == 0 and after.of("arkd_jobs", state="queued") == 0


def test_calls(host):
    before = read(host)
    host.local.get("/api/products").expect(200)
    host.local.get("/api/instances/client_aaaaaaaaaaaa").expect(404)
    host.local.without_token().get("/api/instances").expect(401)
    host.public.get("/api/instances").expect(403)
    host.local.get("/nothing").expect(404)
    host.public.get("/instances/client_aaaaaaaaaaaa/").expect(404)
    host.bus("ListProducts")
    with pytest.raises(BusError):
        host.bus("GetInstance", "s", "client_aaaaaaaaaaaa")
    with pytest.raises(BusError):
        host.bus("DeleteInstance", "s", "client_aaaaaaaaaaaa", user="nobody")
    after = read(host)

    def grown(name, **labels):
        return after.of(name, **labels) - before.of(name, **labels)
    http = "arkd_http_requests_total"
    assert grown(http, handler="api", **{"class": "2xx"}) == 1
    assert grown(http, handler="api", **{"class": "4xx"}) == 3
    assert grown(http, handler="other", **{"class": "4xx"}) == 1
    assert grown(http, handler="route", **{"class": "4xx"}) == 1
    assert grown(http, handler="metrics", **{"class": "2xx"}) == 1
    assert grown("arkd_access_denied_total", transport="http") == 2
    assert grown("arkd_access_denied_total", transport="bus") == 1
    assert grown("arkd_bus_calls_total", outcome="succeeded") == 1
    assert grown("arkd_bus_calls_total", outcome="failed") == 2


def test_the_process(host):
    metrics = read(host)
    pid = host.unit("arkd.service", "MainPID")["MainPID"]
    status = host.path(f"/proc/{pid}/status").read_text()
    resident = int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M).group(1)) * 1024
    assert abs(metrics.of("process_resident_memory_bytes") - resident) < 2**20
    fds = len(host.exec("ls", f"/proc/{pid}/fd").split())
    # It opens a file descriptor for whoever asks.
    assert abs(metrics.of("process_open_fds") - fds) <= 3
    limits = host.path(f"/proc/{pid}/limits").read_text()
    assert metrics.of("process_max_fds") == int(re.search(r"^Max open files +(\d+)", limits, re.M).group(1))
    assert 0 < metrics.of("process_cpu_seconds_total") < 3600
    started = host.exec("ps", "-o", "etimes=", "-p", pid)
    assert abs(time.time() - metrics.of("process_start_time_seconds") - int(started)) < 3 * PATIENCE
    assert metrics.of("arkd_build_info", version=host.bus_property("Version")) == 1


def test_what_is_away_is_told(host):
    assert (read(host).of("arkd_engine_connected"), read(host).of("arkd_store_connected")) == (1, 1)
    host.exec("systemctl", "stop", "arkd-redis.service")
    try:
        wait_for("the store is missed", lambda: read(host).of("arkd_store_connected") == 0)
        # arkd brings the store with it where it can.
        host.exec("systemctl", "mask", "--runtime", "arkd-redis.service")
        host.exec("systemctl", "restart", "arkd.service")
        metrics = read(host)
        # Nothing is known of instances, which is not to say that there are none.
        assert metrics.of("arkd_store_connected") == 0 and "arkd_instances" not in metrics.types
    finally:
        host.exec("systemctl", "unmask", "--runtime", "arkd-redis.service")
        host.exec("systemctl", "start", "arkd-redis.service")
        host.wait_healthy()
    assert read(host).of("arkd_instances", status="pending") == 0


def test_ownerless_volumes_are_counted(host, work):
    labels = host.container(work.deploy(work.quick()).id)["Config"]["Labels"]
    host.exec("docker", "volume", "create", "--label", f"network.ark.deployment={labels['network.ark.deployment']}",
              "--label", "network.ark.instance=client_zzzzzzzzzzzz", "client_zzzzzzzzzzzz_db_data")
    try:
        host.exec("systemctl", "restart", "arkd.service")
        host.wait_healthy()
        wait_for("it is counted", lambda: read(host).of("arkd_ownerless_volumes") == 1)
    finally:
        host.exec("docker", "volume", "rm", "client_zzzzzzzzzzzz_db_data")
    wait_for("it is gone", lambda: read(host).of("arkd_ownerless_volumes") == 0, 30, every=0.5)


def test_no_name_of_a_customer(host, work):
    """Labels have few values, and none that a visitor chooses."""
    instance = work.deploy(work.quick(), "Café Ñandú")
    text = host.local.get("/metrics").expect(200).text
    for word in (instance.id, "Café", instance.created["product_id"]):
        assert word not in text
    assert len(text.splitlines()) < 400
