# SPDX-License-Identifier: MIT
"""What an instance may try to reach: a neighbourhood for the host, and a probe that runs inside of instances."""

import contextlib
import ipaddress
import json
import pathlib
import signal
import subprocess
import sys

from arkhost import wait_for

LAN_SCRIPT = pathlib.Path(__file__).parent / "inside/lan.py"
HOST_SIDE = "192.168.77.2"
LAN, METADATA, TAILNET, PUBLIC = "192.168.77.1", "169.254.169.254", "100.64.0.7", "203.0.113.5"
OTHER_RESOLVER = "192.168.77.53"
PORTS = [25, 53, 80, 8099]
STATE = "/run/arkd-firewall/state"
OPERATORS = "operators-own"
# What docker exec ends with, where what it ran was killed.
KILLED = 128 + signal.SIGKILL
# Of the host: its own, and those of arkd-nginx; arkd itself listens on loopback alone.
HOST_PORTS, LOOPBACK_PORTS = [22, 80, 3000, 3001, 3002], [2375, 5050]

# Answers which targets can be connected to; a name is resolved first.
REACH = """
import json, socket, sys, threading
targets, reached = json.loads(sys.argv[1]), []
def reach(target):
    try:
        socket.create_connection(tuple(target), timeout=2).close()
        reached.append(target)
    except OSError:
        pass
threads = [threading.Thread(target=reach, args=[target], daemon=True) for target in targets]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(8)
print(json.dumps([target for target in targets if target in reached]))
"""


def reached_by(host, command, targets):
    def tried():
        done = host.run(*command, "python3", "-c", REACH, json.dumps(targets))
        # An application that the engine started before its database answered is started again, with all that runs in it.
        return done if done.returncode != KILLED else None
    done = wait_for("nothing kills what tries", tried, 30)
    assert done.returncode == 0, done.stderr
    return {tuple(target) for target in json.loads(done.stdout)}


def reached_from(host, container, targets, user=None):
    """Which of the (address, port) can be connected to from within a container."""
    return reached_by(host, ["docker", "exec", *(["--user", user] if user else []), container], targets)


def in_network(pid, *command, **options):
    """Runs this machine's command in the network of a process."""
    return subprocess.run(["nsenter", "-t", str(pid), "-n", "--", *command], check=True, capture_output=True,
                          text=True, timeout=30, **options)


@contextlib.contextmanager
def neighbourhood(host):
    """A LAN of the host's with a resolver, a cloud's metadata, a peer in the tailnet, and the world behind it."""
    lan = subprocess.Popen(["unshare", "--net", sys.executable, LAN_SCRIPT, *map(str, PORTS)], text=True,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        subprocess.run(["ip", "link", "add", "name", "lan0", "netns", str(host.leader), "type", "veth", "peer",
                        "name", "eth0", "netns", str(lan.pid)], check=True)
        in_network(host.leader, "ip", "address", "add", f"{HOST_SIDE}/24", "dev", "lan0")
        in_network(host.leader, "ip", "link", "set", "lan0", "up")
        in_network(lan.pid, "ip", "link", "set", "lo", "up")
        in_network(lan.pid, "ip", "link", "set", "eth0", "up")
        in_network(lan.pid, "ip", "address", "add", f"{LAN}/24", "dev", "eth0")
        for address in (OTHER_RESOLVER, METADATA, TAILNET, PUBLIC):
            in_network(lan.pid, "ip", "address", "add", f"{address}/32", "dev", "eth0")
        for address in (METADATA, TAILNET, PUBLIC):
            in_network(host.leader, "ip", "route", "replace", address, "via", LAN)
        lan.stdin.write("\n")
        lan.stdin.flush()
        assert lan.stdout.readline() == "ready\n"
        yield lan
    finally:
        lan.terminate()
        lan.wait(10)


@contextlib.contextmanager
def surroundings(host):
    """The same, its resolver is the host's meanwhile, and there is an operator's container that is no instance."""
    before = host.exec("cat", "/etc/resolv.conf")
    with neighbourhood(host) as running:
        try:
            host.exec("sh", "-c", f"echo nameserver {LAN} >/etc/resolv.conf.new; cat /etc/resolv.conf.new >/etc/resolv.conf")
            host.exec("docker", "run", "--detach", "--restart=always", "--name", OPERATORS, "docker.io/ark-test/app:1")
            wait_for("the firewall has the resolver", lambda: state(host)["resolvers"] == [LAN], 5, every=0.1)
            yield running
        finally:
            host.run("docker", "rm", "--force", OPERATORS)
            host.exec("sh", "-c", f"printf %s '{before}' >/etc/resolv.conf")


def state(host):
    """What the firewall says of itself."""
    return json.loads(host.path(STATE).read_text())


def address(host, container, network):
    return host.container(container)["NetworkSettings"]["Networks"][network]["IPAddress"]


def gateway(host, network):
    subnet = host.engine(f"/networks/{network}")["IPAM"]["Config"][0]["Subnet"]
    return str(ipaddress.ip_network(subnet)[1])


def table(host, one, two):
    """The targets: its own, those outside that have to be reached, those that must not be though the host itself reaches
    them, and those that nobody does."""
    own = [("127.0.0.1", 8080), (one.database, 5432), (address(host, one.database, f"{one.id}_net"), 5432)]
    outside = [(LAN, 53), (PUBLIC, 80)]
    others = [(address(host, two.id, "ark_production"), 8080), (address(host, two.id, f"{two.id}_net"), 8080),
              (address(host, two.database, f"{two.id}_net"), 5432), (address(host, OPERATORS, "bridge"), 8080)]
    hosts = [gateway(host, "ark_production"), gateway(host, f"{one.id}_net"), gateway(host, f"{two.id}_net"),
             "172.17.0.1", host.address, HOST_SIDE]
    networks = [(LAN, 8099), (OTHER_RESOLVER, 53), (METADATA, 80), (TAILNET, 8099), (PUBLIC, 25)]
    denied = [*others, *((each, port) for each in hosts for port in HOST_PORTS), *networks]
    unreachable = [(two.id, 8080), (two.database, 5432), ("fe80::1", 3000), ("fd7a:115c:a1e0::1", 3000),
                   *((each, port) for each in hosts for port in LOOPBACK_PORTS)]
    return own, outside, denied, unreachable


ENGINE_SOCKET = "import os; print(any(map(os.path.exists, ['/run/docker.sock', '/var/run/docker.sock'])))"


def check(host, pair, show, what, has_way_out=True):
    """The whole table from within the one of the pair, as its user and as root."""
    own, outside, denied, unreachable = table(host, *pair)
    wanted = set(own) | (set(outside) if has_way_out else set())
    everything = [*own, *outside, *denied, *unreachable]
    for user in (None, "0"):
        found = reached_from(host, pair[0].id, everything, user)
        show(f"{what + ', as ' + ('root' if user else 'its user'):58} {len(everything)} targets, "
             f"{len(found & wanted)} of {len(wanted)} reached that should be, "
             f"{len(found - wanted)} of {len(everything) - len(wanted)} that should not")
        assert found == wanted, (what, user, found ^ wanted)
    assert host.exec("docker", "exec", "--user", "0", pair[0].id, "python3", "-c", ENGINE_SOCKET) == "False"
