# SPDX-License-Identifier: MIT
"""Instances are kept apart from each other and from the host; their names, labels and limits are as promised."""

import ipaddress
import json

import pytest

from workshop import Workshop

POOL = ipaddress.ip_network("10.231.0.0/16")
REACH = """
import json, socket, sys, threading
targets, reached = json.loads(sys.argv[1]), []
def reach(address, port):
    try:
        socket.create_connection((address, port), timeout=2).close()
        reached.append([address, port])
    except OSError:
        pass
threads = [threading.Thread(target=reach, args=target, daemon=True) for target in targets]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(8)
print(json.dumps([target for target in targets if target in reached]))
"""


@pytest.fixture(scope="module")
def shop(host):
    with Workshop(host) as work:
        yield work


@pytest.fixture(scope="module")
def one(shop):
    return shop.deploy(shop.product(), "One")


@pytest.fixture(scope="module")
def two(shop):
    return shop.deploy(shop.product(), "Two")


def networks(host, container):
    return host.container(container)["NetworkSettings"]["Networks"]


def address(host, container, network):
    return networks(host, container)[network]["IPAddress"]


def reached(host, instance, *targets):
    """Which of the addresses and ports the application's container can connect to."""
    said = host.exec("docker", "exec", instance.id, "python3", "-c", REACH, json.dumps(targets))
    return [tuple(target) for target in json.loads(said)]


def test_application_reaches_its_own_database(host, one):
    assert reached(host, one, (one.database, 5432), ("127.0.0.1", 8080)) == [(one.database, 5432), ("127.0.0.1", 8080)]
    assert one.ask("/notes").json == []


def test_application_reaches_no_other_instance(host, one, two):
    assert reached(host, one, (address(host, two.id, "ark_production"), 8080),
                   (address(host, two.id, f"{two.id}_net"), 8080),
                   (address(host, two.database, f"{two.id}_net"), 5432), (two.id, 8080), (two.database, 5432)) == []
    # It is there, though: the host reaches it.
    assert host.exec("curl", "-s", f"http://{address(host, two.id, 'ark_production')}:8080/healthz") == "ok"


def test_application_reaches_no_port_of_the_host(host, one):
    gateways = [str(ipaddress.ip_network(_subnet(host, network))[1]) for network in
                ("ark_production", f"{one.id}_net")]
    assert reached(host, one, *((gateway, port) for gateway in [*gateways, host.address]
                                for port in (3000, 3001, 3002, 5050, 5000))) == []
    # Neither does the database's container, from its internal network.
    script = f"exec 3<>/dev/tcp/{gateways[1]}/3000 && echo reached"
    done = host.run("docker", "exec", one.database, "timeout", "3", "bash", "-c", script)
    assert "reached" not in done.stdout
    own = "exec 3<>/dev/tcp/127.0.0.1/5432 && echo reached"
    assert host.exec("docker", "exec", one.database, "timeout", "3", "bash", "-c", own) == "reached"


def _subnet(host, network):
    return host.engine(f"/networks/{network}")["IPAM"]["Config"][0]["Subnet"]


def test_nothing_is_published(host, one):
    for container in (one.id, one.database):
        seen = host.container(container)
        assert not seen["HostConfig"]["PortBindings"] and not seen["HostConfig"]["PublishAllPorts"]
        assert not [port for port, bound in seen["NetworkSettings"]["Ports"].items() if bound]
    listening = host.exec("ss", "-Hltnp")
    assert "docker-proxy" not in listening and ":8080 " not in listening and ":5432 " not in listening


def test_networks(host, one, two):
    private = host.engine(f"/networks/{one.id}_net")
    assert private["Internal"] is True
    subnet = ipaddress.ip_network(_subnet(host, f"{one.id}_net"))
    assert subnet.prefixlen == 28 and subnet.subnet_of(POOL)
    assert private["Options"]["com.docker.network.bridge.name"] == "ark" + one.id.removeprefix("client_")
    assert not subnet.overlaps(ipaddress.ip_network(_subnet(host, f"{two.id}_net")))

    ingress = host.engine("/networks/ark_production")
    assert ingress["Options"]["com.docker.network.bridge.name"] == "arkprod"
    assert ingress["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert ipaddress.ip_network(_subnet(host, "ark_production")) == next(POOL.subnets(new_prefix=20))
    attached = {container["Name"] for container in ingress["Containers"].values()}
    assert {one.id, two.id} <= attached and not {one.database, two.database} & attached
    assert set(networks(host, one.id)) == {f"{one.id}_net", "ark_production"}
    assert set(networks(host, one.database)) == {f"{one.id}_net"}


def test_names_and_labels(host, one):
    app, database = host.container(one.id), host.container(one.database)
    assert (app["Config"]["Hostname"], database["Config"]["Hostname"]) == (one.id, one.database)
    volume = host.engine(f"/volumes/{one.id}_db_data")
    private = host.engine(f"/networks/{one.id}_net")
    deployment = app["Config"]["Labels"]["network.ark.deployment"]
    assert deployment
    product = one.created["product_id"]
    for labels in (app["Config"]["Labels"], database["Config"]["Labels"], volume["Labels"], private["Labels"]):
        assert labels["network.ark.deployment"] == deployment
        assert labels["network.ark.instance"] == labels["ark.instance"] == one.id
        assert labels["network.ark.product"] == product
        assert labels["com.docker.compose.project"] == one.id
    for seen, role in ((app, "app"), (database, "db")):
        labels = seen["Config"]["Labels"]
        assert labels["network.ark.role"] == role
        assert labels["com.docker.compose.container-number"] == "1"
        assert labels["com.docker.compose.oneoff"] == "False"
        assert labels["com.docker.compose.service"] and labels["com.docker.compose.config-hash"]
        assert labels["com.docker.compose.project.config_files"] == f"/var/lib/arkd/compose/compose.{one.id}.yml"
        assert labels["com.docker.compose.project.working_dir"] == "/var/lib/arkd/compose"
    assert private["Labels"]["com.docker.compose.network"] and volume["Labels"]["com.docker.compose.volume"]
    mounts = [mount for mount in database["Mounts"] if mount["Type"] == "volume"]
    assert [(mount["Name"], mount["Destination"]) for mount in mounts] == \
        [(f"{one.id}_db_data", "/var/lib/postgresql/data")]


def test_environment(host, one):
    seen = one.ask("/echo/").json["env"]
    assert {"DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD", "DATABASE_URL", "ARK_INSTANCE_ID",
            "PUBLIC_URL", "BASE_PATH", "CLIENT_NAME"} <= set(seen)
    given = dict(one.split("=", 1) for one in host.container(one.id)["Config"]["Env"])
    password = one.credentials()["password"]
    assert given["DB_HOST"] == given["DB_NAME"] == one.database
    assert (given["DB_PORT"], given["DB_USER"], given["DB_PASSWORD"]) == ("5432", "postgres", password)
    assert given["ARK_INSTANCE_ID"] == one.id and given["CLIENT_NAME"] == "One"
    assert given["PUBLIC_URL"] == one.created["public_url"] == one.created["access_url"].replace(":3000/", ":3002/")
    assert given["BASE_PATH"] == one.base and not given["BASE_PATH"].endswith("/")
    assert password in given["DATABASE_URL"] and one.database in given["DATABASE_URL"]


def test_limits_and_privileges(host, one):
    limits = host.container(one.id)["HostConfig"]
    assert limits["Memory"] == 96 * 1024 * 1024 and limits["NanoCpus"] == 10**9 and limits["PidsLimit"] == 64
    assert limits["ReadonlyRootfs"] is True
    assert not limits["Privileged"] and not limits["CapAdd"] and limits["CapDrop"] == ["ALL"]
    assert any(option.startswith("no-new-privileges") for option in limits["SecurityOpt"])
    assert limits["NetworkMode"] != "host" and not limits["Binds"] and limits["PidMode"] == ""
    assert limits["RestartPolicy"]["Name"] == "always"
    database = host.container(one.database)["HostConfig"]
    assert database["Memory"] == 256 * 1024 * 1024 and database["CapDrop"] == ["ALL"]
    assert "SYS_ADMIN" not in (database["CapAdd"] or [])
    assert host.container(one.database)["Config"]["Healthcheck"]["Test"]


def test_slice(host, one):
    assert host.unit(f"ark-{one.id}.slice", "ActiveState")["ActiveState"] == "active"
    for container in (one.id, one.database):
        assert host.container(container)["HostConfig"]["CgroupParent"] == f"ark-{one.id}.slice"
        pid = host.container(container)["State"]["Pid"]
        assert f"ark-{one.id}.slice" in host.exec("cat", f"/proc/{pid}/cgroup")


def test_secrets_are_their_own(host, one, two):
    assert one.credentials()["password"] != two.credentials()["password"]
    assert one.token != two.token
    host.public.get(f"/api/instances/{two.id}/access",
                    headers={"Authorization": f"Bearer {one.token}"}).expect_problem(401)


def test_applications_cannot_use_the_operators_verbs(host, one):
    """They may reach what a visitor's browser may, from the visitor's browser; never more."""
    host.public.delete(f"/api/instances/{one.id}", headers={"Referer": one.created["access_url"]}) \
        .expect_problem(403)


STRANGER = "_stranger"


def make_strangers(host, instance):
    """A container, its network and its volume with the instance's label, but no deployment's."""
    label, name = f"--label=network.ark.instance={instance}", f"{instance}{STRANGER}"
    host.exec("docker", "network", "create", label, name)
    host.exec("docker", "volume", "create", label, name)
    host.exec("docker", "run", "--detach", "--name", name, "--network", name, "--volume", f"{name}:/kept", label,
              "docker.io/ark-test/app:1")


def are_there(host, *names):
    for name in names:
        state = host.container(name)
        assert state["State"]["Running"] and state["RestartCount"] == 0, state["State"]
        assert list(networks(host, name)) == [name] and host.engine(f"/networks/{name}")["Containers"]
        assert host.engine(f"/volumes/{name}")["Name"] == name


def test_strangers_are_left_alone(host, work):
    """What carries an instance's label but not this deployment's is not ours, whether there is such an instance or not."""
    instance = work.deploy(work.product())
    owners = [instance.id, "client_" + "x" * 12]
    strangers = [f"{id}{STRANGER}" for id in owners]
    try:
        for id in owners:
            make_strangers(host, id)
        instance.delete()
        are_there(host, *strangers)
        host.exec("systemctl", "restart", "arkd.service")
        host.wait_healthy()
        # What has to go at a start is gone by the time that a deploy is done.
        work.deploy(work.quick())
        are_there(host, *strangers)
        assert host.bus_property("OwnerlessVolumes") == []
    finally:
        for name in strangers:
            host.run("docker", "rm", "--force", name)
            host.run("docker", "network", "rm", name)
            host.run("docker", "volume", "rm", name)
