# SPDX-License-Identifier: MIT
"""
What an instance reaches, as its user and as root, and what it does not: other instances, the host, its networks. The same
after everything that an operator or another package may do to the rules of the kernel.
"""

import contextlib
import json
import subprocess
import time

import pytest

import targets
from arkhost import PATIENCE, wait_for
from targets import LAN, METADATA, OTHER_RESOLVER, PUBLIC, address, gateway, state
from workshop import Workshop

RESTORED = "fba9e698e7d54f21b56d17544a241379"
ENGINE_RULES_MISSING = "6263c816cfd64010966d9c10b14a63d9"


@pytest.fixture(scope="module")
def lan(host):
    with targets.surroundings(host) as running:
        yield running


@pytest.fixture(scope="module")
def shop(host, lan):
    with Workshop(host) as work:
        yield work


@pytest.fixture(scope="module")
def pair(shop):
    return shop.deploy(shop.product(), "One"), shop.deploy(shop.product(), "Two")


@pytest.fixture
def check(host, pair, show):
    """The whole table, and whether both are served meanwhile."""
    def check(what, **kwargs):
        targets.check(host, pair, show, what, **kwargs)
        assert [one.ask("/healthz").status for one in pair] == [200, 200]
    return check


def restored_within_a_second(host, *command):
    """Runs what takes the rules away; answers how long they were away, in seconds."""
    before = state(host)["restored"]
    host.exec(*command)
    began = time.monotonic()
    wait_for("the rules are there again", lambda: state(host)["restored"] > before, 5, every=0.02)
    took = time.monotonic() - began
    assert "arkd" in host.exec("nft", "list", "tables", "inet") and "arkd" in host.exec("nft", "list", "tables", "bridge")
    assert took < 1 * PATIENCE, took
    print(f"{' '.join(command)}: in force again {took * 1000:.0f} ms after it ended")


def isolation(host):
    return [one for one in json.loads(host.run("arkctl", "status", "--json=short").stdout)
            if one["check"] == "isolation"][0]


def deploy_soon(host, shop, product):
    """arkd hears a moment later that the rules are guarded again."""
    def ordered():
        answer = host.public.post("/api/instances", {"product_id": product, "client_name": "Acme"})
        return answer if answer.status != 503 else None
    shop.take(wait_for("an instance can be ordered", ordered, 5, every=0.1).expect(202).json).wait()


def restart_engine(host, pair):
    host.exec("systemctl", "restart", "docker", timeout=120)
    host.wait_healthy()
    for one in pair:
        one.wait_for_page(200, 60)


def test_as_installed(host, pair, check):
    _, _, denied, _ = targets.table(host, *pair)
    # That something is not reached means something only where it is there.
    assert targets.reached_by(host, [], denied) == set(denied)
    check("As installed")
    assert isolation(host) | {"verdict": "ok"} == isolation(host)


def test_a_private_resolver_answers(host, pair):
    said = host.exec("docker", "exec", pair[0].id, "python3", "-c",
                     "import socket; print(socket.gethostbyname('somewhere.test'))")
    assert said == "192.0.2.53"


def test_refusals_come_at_once(host, pair):
    began = time.monotonic()
    script = ("import errno, socket, sys\n"
              "for a, p in ((sys.argv[1], 8099), (sys.argv[2], 80), (sys.argv[3], 3000), (sys.argv[4], 25)):\n"
              "    print(socket.socket().connect_ex((a, p)) == errno.ECONNREFUSED)\n")
    said = host.exec("docker", "exec", pair[0].id, "python3", "-c", script, LAN, METADATA, host.address, PUBLIC)
    assert said.split() == ["True"] * 4 and time.monotonic() - began < 5 * PATIENCE


# What guides and other packages have operators set. Without the first, iptables and inet tables do not see what passes
# within a bridge.
SYSCTL = ["net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0", "net.ipv4.conf.all.rp_filter=0",
          "net.ipv4.conf.default.rp_filter=0", "net.ipv4.conf.all.route_localnet=1", "net.ipv4.conf.all.proxy_arp=1",
          "net.ipv4.conf.all.accept_source_route=1", "net.ipv6.conf.all.forwarding=1"]


@contextlib.contextmanager
def sysctl_reloaded(host, *lines):
    """With a file of the operator's. What concerns the kernel as a whole is not the host's to set."""
    names = [line.split("=")[0] for line in lines]
    before = [f"{name}={host.exec('sysctl', '-n', name)}" for name in names]
    file = host.path("/etc/sysctl.d/zz-operator.conf")
    file.write_text("\n".join(lines) + "\n")
    try:
        host.exec("sysctl", "--system", "--pattern", "^net[./]")
        assert [f"{name}={host.exec('sysctl', '-n', name)}" for name in names] == list(lines)
        yield
    finally:
        file.unlink()
        host.exec("sysctl", "-w", *before)


@pytest.mark.parametrize("forward", [1, 0])
def test_sysctl_is_reloaded(host, check, forward):
    with sysctl_reloaded(host, *SYSCTL, f"net.ipv4.ip_forward={forward}"):
        check(f"sysctl --system, ip_forward={forward}", has_way_out=bool(forward))


def test_forged_frames(host, pair):
    """Whoever may send raw packets gets no frame across, whatever sender it claims, nor one of IPv6."""
    one, two = pair
    enter = [["nsenter", "-t", str(host.container(each.id)["State"]["Pid"]), "-n", "--", "python3", "-c"] for each in pair]
    to = address(host, two.id, "ark_production")
    mac = host.container(two.id)["NetworkSettings"]["Networks"]["ark_production"]["MacAddress"]
    listen = ("import socket, sys\n"
              "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))\n"
              "s.settimeout(3)\n"
              "print('ready', flush=True)\n"
              "try:\n"
              "    while b'forged' not in s.recv(2048): pass\n"
              "    print('arrived')\n"
              "except TimeoutError:\n"
              "    print('nothing')\n")
    send = ("import socket, struct, sys\n"
            "to, mac, gateway = sys.argv[1:4]\n"
            "mac = bytes.fromhex(mac.replace(':', ''))\n"
            "for name in [n for _, n in socket.if_nameindex() if n != 'lo']:\n"
            "    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
            "    s.bind((name, 0))\n"
            "    own = s.getsockname()[4]\n"
            "    body = struct.pack('!HHHH', 9, 9, 14, 0) + b'forged'\n"
            "    for source in ('8.8.8.8', gateway, to):\n"
            "        ip = struct.pack('!BBHHHBBH4s4s', 69, 0, 34, 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(to))\n"
            "        n = sum(struct.unpack('!10H', ip)); n = (n & 65535) + (n >> 16); n = ~((n & 65535) + (n >> 16)) & 65535\n"
            "        s.send(mac + own + b'\\x08\\x00' + ip[:10] + struct.pack('!H', n) + ip[12:] + body)\n"
            "    six = struct.pack('!IHBB', 6 << 28, 14, 17, 64) + b'\\xfe\\x80' + bytes(13) + b'\\x01' + b'\\xff\\x02' + bytes(13) + b'\\x01'\n"
            "    s.send(mac + own + b'\\x86\\xdd' + six + body)\n"
            "    s.send(b'\\x33\\x33\\x00\\x00\\x00\\x01' + own + b'\\x86\\xdd' + six + body)\n")
    listener = subprocess.Popen(host.command(*enter[1], listen), stdout=subprocess.PIPE, text=True)
    assert listener.stdout.readline() == "ready\n"
    host.exec(*enter[0], send, to, mac, gateway(host, "ark_production"))
    assert listener.communicate(timeout=20)[0] == "nothing\n"


def test_flushed_rules(host, pair, check):
    """The rules come back by themselves; the engine's own do not, which is told with the remedy, and nothing restarts it."""
    started = host.unit("docker.service", "MainPID")
    restored_within_a_second(host, "nft", "flush", "ruleset")
    check("nft flush ruleset", has_way_out=False)
    assert host.journal("-u", "arkd-firewall", f"MESSAGE_ID={RESTORED}")
    wait_for("the engine's rules are missed", lambda: state(host)["engine_rules"] == "missing", 10, every=0.2)
    assert host.journal("-u", "arkd-firewall", f"MESSAGE_ID={ENGINE_RULES_MISSING}")
    seen = isolation(host)
    assert seen["verdict"] == "warning" and "systemctl restart docker" in seen["remedy"]
    restored_within_a_second(host, "systemctl", "restart", "nftables")
    check("systemctl restart nftables", has_way_out=False)
    restored_within_a_second(host, "systemctl", "stop", "nftables")
    check("systemctl stop nftables", has_way_out=False)
    assert host.unit("docker.service", "MainPID") == started
    restart_engine(host, pair)
    check("systemctl restart docker")
    wait_for("the engine's rules are there", lambda: state(host)["engine_rules"] == "present", 10, every=0.2)
    assert isolation(host)["verdict"] == "ok"


def test_parts_of_the_engines_rules(host, pair, check):
    """Also where what masks addresses is still there: each is named, and so is what puts it back."""
    def missed(*words):
        wait_for(f"{words} are missed", lambda: all(one in (state(host)["engine_rules_missing"] or "") for one in words),
                 20, every=0.2)
        seen = isolation(host)
        assert seen["verdict"] == "warning" and "systemctl restart docker" in seen["remedy"]
        assert all(one in seen["detail"] for one in words), seen

    try:
        host.exec("iptables", "-D", "FORWARD", "-j", "DOCKER-USER")
        missed("the jump from FORWARD to DOCKER-USER")
        host.exec("iptables", "-F", "FORWARD")
        missed("the jump from FORWARD to the engine's chains", "the way out of ark_production")
        # The engine has it drop what no rule accepts, unless the host forwarded already when it was started.
        check("iptables -F FORWARD", has_way_out="-P FORWARD ACCEPT" in host.exec("iptables", "-S", "FORWARD"))
        host.exec("nft", "delete", "table", "ip", "filter")
        missed("the table filter")
        check("nft delete table ip filter")
        assert host.run("docker", "network", "create", "none-of-ours").returncode != 0, "nothing of it is needed"
    finally:
        restart_engine(host, pair)
    wait_for("the engine's rules are there", lambda: state(host)["engine_rules"] == "present", 15, every=0.2)
    assert state(host)["engine_rules_missing"] is None and isolation(host)["verdict"] == "ok"
    check("systemctl restart docker")


@pytest.mark.parametrize("change", [["add", "rule", "inet", "arkd", "allowed", "accept"],
                                    ["flush", "chain", "bridge", "arkd", "forward"],
                                    ["delete", "table", "inet", "arkd"],
                                    ["add", "table", "inet", "arkd", "{ flags dormant; }"]])
def test_changed_rules(host, pair, change):
    restored_within_a_second(host, "nft", *change)


def test_without_the_firewall(host, shop, pair, check):
    """Its rules stay, nobody restores them, and so nothing is made meanwhile; a crash is mended at once."""
    product = shop.quick()
    host.exec("systemctl", "stop", "arkd-firewall")
    try:
        check("systemctl stop arkd-firewall")
        answer = host.public.post("/api/instances", {"product_id": product, "client_name": "Acme"})
        answer.expect_problem(503, saying="systemctl start arkd-firewall")
        assert answer.header("Retry-After")
        seen = isolation(host)
        assert seen["verdict"] == "failed" and "arkd-firewall" in seen["remedy"]
    finally:
        host.exec("systemctl", "start", "arkd-firewall")
    deploy_soon(host, shop, product)
    dead = host.unit("arkd-firewall", "MainPID")
    host.exec("systemctl", "kill", "--signal=KILL", "arkd-firewall")
    wait_for("it runs again", lambda: host.unit("arkd-firewall", "MainPID") not in (dead, {"MainPID": "0"}), 5, every=0.05)
    deploy_soon(host, shop, product)


def test_what_the_operator_opens(host, pair):
    """Rules of their own open what they say, to instances' networks and never between instances; mistakes are refused."""
    one, two = pair
    neighbour = (address(host, two.id, "ark_production"), 8080)
    rules = host.path("/etc/arkd/firewall.d/test.nft")
    try:
        rules.write_text(f"ip daddr {LAN} tcp dport 8099 accept\ntcp dport 8080 accept\n")
        rules.chmod(0o644)
        host.exec("systemctl", "reload", "arkd-firewall")
        wait_for("it is open", lambda: targets.reached_from(host, one.id, [(LAN, 8099)]), 5, every=0.2)
        assert targets.reached_from(host, one.id, [neighbour, (METADATA, 80)]) == set()
        rules.write_text("this is no rule\n")
        assert host.run("systemctl", "reload", "arkd-firewall").returncode != 0
        assert targets.reached_from(host, one.id, [(LAN, 8099)])
        host.exec("systemctl", "restart", "arkd-firewall")
        assert state(host)["in_force"] and state(host)["operator_fault"]
        assert isolation(host)["verdict"] == "warning"
        assert targets.reached_from(host, one.id, [(LAN, 8099), neighbour]) == set()
    finally:
        rules.unlink()
        host.exec("systemctl", "restart", "arkd-firewall")
    assert isolation(host)["verdict"] == "ok"


def test_connections_are_bounded(host, pair):
    config = host.path("/etc/arkd/arkd.conf.d/connections.conf")
    script = ("import socket, sys\n"
              "held = [socket.socket() for _ in range(12)]\n"
              "print(sum(one.connect_ex((sys.argv[1], 80)) == 0 for one in held))\n")
    try:
        config.write_text("[arkd]\nOutwardConnections=5\n")
        host.exec("systemctl", "restart", "arkd-firewall")
        assert host.exec("docker", "exec", pair[0].id, "python3", "-c", script, PUBLIC) == "5"
        # Those of one are not another's.
        assert targets.reached_from(host, pair[1].id, [(PUBLIC, 80)])
    finally:
        config.unlink()
        host.exec("systemctl", "restart", "arkd-firewall")
    assert host.exec("docker", "exec", pair[0].id, "python3", "-c", script, PUBLIC) == "12"


FLOOD = """
import socket, sys
for port in range(2000):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.sendto(b"x", (sys.argv[1], 10_000 + port))
    one.close()
"""


def test_a_private_network_is_not_tracked(host, pair):
    """What one instance sends to its own database takes no room in the table that all connections share."""
    def tracked():
        return int(host.exec("cat", "/proc/sys/net/netfilter/nf_conntrack_count"))
    one = pair[0]
    before = tracked()
    host.exec("docker", "exec", one.id, "python3", "-c", FLOOD, address(host, one.database, f"{one.id}_net"))
    assert tracked() < before + 500
    one.ask("/notes").expect(200)


def test_resolvers_are_followed(host, pair):
    before = host.exec("cat", "/etc/resolv.conf")
    try:
        host.exec("sh", "-c", f"echo nameserver {OTHER_RESOLVER} >/etc/resolv.new; cat /etc/resolv.new >/etc/resolv.conf")
        wait_for("it is followed", lambda: state(host)["resolvers"] == [OTHER_RESOLVER], 5, every=0.1)
        assert targets.reached_from(host, pair[0].id, [(LAN, 53), (OTHER_RESOLVER, 53)]) == {(OTHER_RESOLVER, 53)}
    finally:
        host.exec("sh", "-c", f"echo '{before}' >/etc/resolv.conf; rm /etc/resolv.new")


def test_another_pool_is_noticed(host, shop, pair, check):
    """A firewall that guards other addresses than arkd gives out is none."""
    product = shop.quick()
    config = host.path("/etc/arkd/arkd.conf.d/pool.conf")
    try:
        config.write_text("[arkd]\nSubnetPool=10.99.0.0/16\n")
        host.exec("systemctl", "restart", "arkd-firewall")
        wait_for("arkd notices", lambda: "guards 10.99.0.0/16" in host.exec("journalctl", "-u", "arkd", "-n", "3"), 5)
        host.public.post("/api/instances", {"product_id": product, "client_name": "Acme"}) \
            .expect_problem(503, saying="systemctl reload arkd-firewall")
        # The network that there is stays guarded.
        check("Another SubnetPool=")
        # arkd does not start with a mistake in its configuration; instances go on, and are kept apart.
        config.write_text("[arkd]\nSubnetPool=none\n")
        host.exec("systemctl", "restart", "arkd-firewall")
        assert state(host)["in_force"]
    finally:
        config.unlink()
        host.exec("systemctl", "restart", "arkd-firewall")
    shop.deploy(product)
