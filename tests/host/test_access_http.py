# SPDX-License-Identifier: MIT
"""
Who may do what over HTTP: every route that the running daemon describes, over each listener, for each kind of caller.

The rows come from GET /api/openapi.json, the columns from the lists of callers below, and what is right from the few
rules in expected(). A route without a row in ROUTES fails. The bus has the same in test_access.py.

The operators' token does not expire. The nearest to an expired one is the access token of an instance that is gone,
which is tried. No tailnet name makes an operator: a login, a tag or a capability in a header is a claim that anybody
can make, and it is tried as one.
"""

import collections
import contextlib
import http.client
import itertools
import json
import os
import random
import subprocess

import pytest

from arkhost import HOSTS, Connection
from test_web_server import free_port_80  # noqa: F401
from workshop import Workshop

LONG = os.environ.get("ARK_TEST_LONG") == "1"
# Of the calls with a defect, how many are tried with callers who may do little; which ones goes by the seed.
SHARE, SEED = 1 / 8, os.environ.get("ARK_TEST_SEED", str(random.randrange(10**6)))
UNKNOWN = "client_aaaaaaaaaaaa"
CLIENT = "X-Ark-Client-Address"
# In nobody's VisitorNetworks= (RFC 5737).
STRANGERS = [f"203.0.113.{last}" for last in range(1, 100)]
STRANGER = STRANGERS[0]

# Whose a route is, which id and body it is asked with, and what those are answered who may ask. Nothing is changed:
# what would change something is asked about something that does not exist, or in a way that is refused.
Route = collections.namedtuple("Route", "role id body answer", defaults=[None, None, 200])

ROUTES = {
    "GetHealth": Route("anybody"),
    "GetOpenApi": Route("visitor"),
    "ListProducts": Route("visitor"),
    "GetProduct": Route("visitor", "PRODUCT"),
    "CreateInstance": Route("visitor", None, {"product_id": "no-such-product", "client_name": "Acme"}, 404),
    "GetInstance": Route("visitor", "INSTANCE"),
    "WatchInstance": Route("visitor", "INSTANCE"),
    "GetAccess": Route("owner", "INSTANCE"),
    "CreateProduct": Route("operator", None, {"id": "no-such-product"}, 400),
    "PutProduct": Route("operator", "no-such-product", {"id": "no-such-product"}, 400),
    "DeleteProduct": Route("operator", "no-such-product", None, 404),
    "ListInstances": Route("operator"),
    "GetCredentials": Route("operator", UNKNOWN, None, 404),
    "GetCompose": Route("operator", "INSTANCE"),
    "DeleteInstance": Route("operator", UNKNOWN, None, 404),
    "AdoptInstance": Route("operator", UNKNOWN, {}, 404),
    "GetLogs": Route("operator", UNKNOWN, None, 404),
    "GetUsage": Route("operator", UNKNOWN, None, 404),
    "GetMetrics": Route("operator"),
}

# Where there is nothing of arkd's, whatever is asked and whoever asks: among the applications, and on the port that only
# leads to the landing page.
ELSEWHERE = {"applications": 404, "web": 307}

LISTENERS = {"anybody": ["public", "admin", "local"], "visitor": ["public", "admin", "local"],
             "owner": ["public", "admin", "local"], "operator": ["admin", "local"]}

# Who calls: with which headers; what arkd knows of the address ("visitor": it may use this host, "refused": it may not,
# "unknown": nginx has said nothing); whether the token is the operators', or the instance's own.
Caller = collections.namedtuple("Caller", "name headers address operator owner", defaults=["visitor", False, False])

# How a listener is reached, and by whom.
Entrance = collections.namedtuple("Entrance", "listener nginx connect callers")

# What may be wrong with a call, whoever makes it.
DEFECTS = {
    None: [],
    "wrong Host": [("Host", "evil.example")],
    "cross-origin": [("Origin", "http://evil.example")],
    "wrong content type": [("Content-Type", "text/plain")],
}


def expected(operation, entrance, caller, defect):
    """The status, by the first rule that applies, in the order in which arkd checks a call."""
    if entrance.listener in ELSEWHERE:
        return 403 if caller.address == "refused" else 421 if defect == "wrong Host" else ELSEWHERE[entrance.listener]
    route, changes = ROUTES[operation.name], operation.method != "GET"
    public = entrance.listener == "public"
    if entrance.nginx and (caller.address == "refused" or public and operation.name == "GetMetrics"):
        return 403
    if route.role != "anybody" and entrance.listener != "local" and caller.address == "refused":
        return 403
    # Root may ask the admin socket itself, without nginx.
    if route.role != "anybody" and public and caller.address == "unknown":
        return 403
    if defect == "wrong Host":
        return 421
    if route.role == "anybody":
        return route.answer
    if not public and not caller.operator:
        return 401
    if public and route.role == "operator":
        return 403
    if defect == "wrong content type" and route.body is not None:
        return 415
    if defect == "cross-origin" and changes:
        return 403
    if public and route.role == "owner" and not caller.owner:
        return 401
    return route.answer


Operation = collections.namedtuple("Operation", "name method path listeners")


class Line:
    """A connection that is kept for some calls: fewer than the wrong tokens that an address may send."""

    def __init__(self, connect):
        self.connection, self.calls = Connection("localhost", 30, connect), 0

    def status(self, method, target, headers, body):
        """Asks again where the listener has closed the connection after the call before."""
        self.calls += 1
        if self.calls % 8 == 0:
            self.connection.close()
        for attempt in (1, 2):
            try:
                return self.ask(method, target, headers, body)
            except (ConnectionError, http.client.HTTPException):
                self.connection.close()
                if attempt == 2:
                    raise

    def ask(self, method, target, headers, body):
        given = {name.lower() for name, _ in headers}
        data = json.dumps(body).encode() if body is not None else b""
        self.connection.putrequest(method, target, skip_host="host" in given, skip_accept_encoding=True)
        if body is not None:
            self.connection.putheader("Content-Length", str(len(data)))
            if "content-type" not in given:
                self.connection.putheader("Content-Type", "application/json")
        for name, value in headers:
            self.connection.putheader(name, value)
        self.connection.endheaders(data)
        response = self.connection.getresponse()
        response.read()
        return response.status


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


def wrong_tokens(token):
    values = {"empty": "", "scheme alone": "Bearer", "empty token": "Bearer ", "cut": f"Bearer {token[:-1]}",
              "longer": f"Bearer {token}x", "other": "Bearer " + "x" * len(token), "other scheme": f"Basic {token}",
              "no scheme": token}
    return [Caller(f"wrong token ({name})", [("Authorization", value)]) for name, value in values.items()]


def claims(key):
    """What only nginx or a tailnet's own proxy may say of a caller, and anybody can send."""
    headers = {
        "client address": [(CLIENT, "127.0.0.1")],
        "bad client address": [(CLIENT, "localhost")],
        "forwarded address": [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1")],
        "peer": [("X-Ark-Peer-Address", "127.0.0.1"), ("X-Ark-Peer-Port", "5"), ("X-Ark-Proxy-Key", key)],
        "login": [("Tailscale-User-Login", "root@example.com"), ("Tailscale-User-Name", "root")],
        "login, other letters": [("Tailscale_User_Login", "root@example.com"), ("X-Webauth-User", "root")],
        "tag": [("Tailscale-User-Tags", "tag:admin"), ("Tailscale-Tags", "tag:admin")],
        "capability": [("Tailscale-App-Capabilities", '{"network.ark/cap/operator":[{"role":"operator"}]}')],
        "role": [("X-Ark-Role", "operator"), ("X-Ark-Caller", "token"), ("X-Remote-User", "root")],
    }
    return [Caller(f"claims a {name}", value) for name, value in headers.items()]


class World:
    def __init__(self, host, work, neighbours):
        self.host, self.work = host, work
        self.neighbours, self.strange = itertools.cycle(neighbours), itertools.cycle(STRANGERS)
        self.product = work.quick()
        self.instance, self.other = work.deploy(self.product), work.order(self.product)
        self.gone = work.order(self.product)
        self.gone.delete()

    def connect_from(self, addresses, port):
        """From another address each time: of one, wrong tokens and requests are limited."""
        return self.host.connect_outside(port, next(addresses))

    def token_holders(self):
        return [
            Caller("no token", []),
            Caller("operator by token", bearer(self.host.admin_token), operator=True),
            Caller("owner", bearer(self.instance.token), owner=True),
            Caller("owner of another instance", bearer(self.other.token)),
            Caller("owner of an instance that is gone", bearer(self.gone.token)),
            *wrong_tokens(self.host.admin_token),
        ]

    def clients(self):
        """Those in front of nginx."""
        return [*self.token_holders(), *claims(self.host.proxy_key)]

    def strangers(self):
        return [one._replace(name=f"stranger, {one.name}", address="refused") for one in self.clients()]

    def proxied(self):
        """Those for whom a proxy on the host speaks, as `tailscale serve` does."""
        cases = {
            "a visitor": ("visitor", [("X-Forwarded-For", "10.9.9.9")]),
            "a stranger": ("refused", [("X-Forwarded-For", STRANGER)]),
            "nobody": ("refused", [("X-Forwarded-Proto", "https")]),
            "no address": ("refused", [("X-Forwarded-For", "localhost")]),
            "Funnel": ("refused", [("X-Forwarded-For", "10.9.9.9"), ("Tailscale-Funnel-Request", "?1")]),
        }
        # Wrong tokens are not tried: of whoever is elsewhere they are limited.
        return [one._replace(name=f"a proxy for {name}, {one.name}", headers=[*headers, *one.headers], address=kind)
                for name, (kind, headers) in cases.items() for one in self.token_holders()[:2]]

    def behind_nginx(self):
        """Those who reach a socket that only nginx should, with and without what nginx adds."""
        key, address, port = (("X-Ark-Proxy-Key", self.host.proxy_key), ("X-Ark-Peer-Address", "127.0.0.1"),
                              ("X-Ark-Peer-Port", "5"))
        wrong_key = ("X-Ark-Proxy-Key", "x" * len(key[1]))
        unknown = {
            "nothing": [], "an address": [address, port], "a wrong key": [wrong_key, address, port],
            "an empty key": [("X-Ark-Proxy-Key", ""), address, port], "two keys": [key, key, address, port],
            "forwarded": [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1"), ("Forwarded", "for=127.0.0.1")],
        }
        refused = {
            "the key alone": [key], "no port": [key, address], "no address": [key, port],
            "two addresses": [key, address, address, port], "two ports": [key, address, port, port],
            "a port that is none": [key, address, ("X-Ark-Peer-Port", "65536")],
            "an address that is none": [key, ("X-Ark-Peer-Address", "localhost"), port],
            "a stranger's address": [key, ("X-Ark-Peer-Address", STRANGER), port],
            "a stranger's IPv6 address": [key, ("X-Ark-Peer-Address", "2001:db8::1"), port],
            "an instance's address": [key, ("X-Ark-Peer-Address", "10.231.0.5"), port],
            "a stranger behind a proxy": [key, address, port, (CLIENT, STRANGER)],
            "a proxy's client that is none": [key, address, port, (CLIENT, "localhost")],
            "two clients of a proxy": [key, address, port, (CLIENT, "10.9.9.9"), (CLIENT, "10.9.9.9")],
            "a proxy that is not trusted": [key, ("X-Ark-Peer-Address", "10.9.9.8"), port, (CLIENT, "10.9.9.9")],
        }
        believed = {
            "what nginx adds": [key, address, port],
            "a visitor behind a proxy": [key, address, port, (CLIENT, "10.9.9.9")],
        }
        return [one._replace(name=f"{name}, {one.name}", headers=[*headers, *one.headers], address=kind)
                for kind, cases in (("visitor", believed), ("unknown", unknown), ("refused", refused))
                for name, headers in cases.items() for one in self.token_holders()[:2]]

    def through_nginx(self, listener, port):
        """A port of nginx's from the host itself, from another address that may use it, and from a stranger's."""
        host = self.host
        return {
            listener: Entrance(listener, True, lambda: host.connect_inside(port),
                               [*self.clients(), *self.proxied()]),
            f"{listener}, from outside": Entrance(
                listener, True, lambda: self.connect_from(self.neighbours, port), self.clients()),
            f"{listener}, stranger": Entrance(
                listener, True, lambda: self.connect_from(self.strange, port), self.strangers()),
        }

    def sockets(self):
        """Those of arkd's own."""
        connect = self.host.connect_unix
        return {
            "public.sock": Entrance("public", False, lambda: connect("/run/arkd/public.sock"), self.behind_nginx()),
            "admin.sock": Entrance("admin", False, lambda: connect("/run/arkd/admin.sock"), self.behind_nginx()),
            "local": Entrance("local", False, lambda: self.host.connect_inside(5050), self.clients()),
        }

    def entrances(self):
        return self.sockets() | {name: one for listener, port in PORTS.items()
                                 for name, one in self.through_nginx(listener, port).items()}


PORTS = {"public": 3000, "admin": 3001, "applications": 3002, "web": 80}
ENTRANCES = [*(f"{listener}{way}" for listener in PORTS for way in ("", ", from outside", ", stranger")),
             "public.sock", "admin.sock", "local"]


@contextlib.contextmanager
def addresses(host, *wanted):
    """Further addresses of this machine on the host's network."""
    interface = "arkhost" + (HOSTS / host.name / "slot").read_text().strip()

    def change(verb):
        lines = [f"address {verb} {address}/32 dev {interface}" for address in wanted]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    change("add")
    try:
        yield
    finally:
        change("del")


@pytest.fixture(scope="module")
def world(host):
    neighbours = [host.address.rsplit(".", 1)[0] + f".{last}" for last in range(10, 250)]
    with Workshop(host) as work, addresses(host, *neighbours, *STRANGERS):
        yield World(host, work, neighbours)


@pytest.fixture(scope="module")
def operations(host):
    """Every route that the daemon describes."""
    paths = host.public.get("/api/openapi.json").expect(200).json["paths"]
    return [Operation(one["operationId"], method.upper(), path, one["x-ark-listeners"])
            for path, methods in paths.items() for method, one in methods.items()]


def test_every_route_has_a_row(operations):
    found = {one.name for one in operations}
    assert len(found) == len(operations), "two routes have the same name"
    for name in sorted(found - set(ROUTES)):
        pytest.fail(f"no expectation for verb {name}: add its row to ROUTES")
    assert set(ROUTES) == found
    for one in operations:
        assert one.listeners == LISTENERS[ROUTES[one.name].role], f"the contract misleads about {one.name}"


def target(operation, world):
    ids = {"PRODUCT": world.product, "INSTANCE": world.instance.id}
    id = ROUTES[operation.name].id
    return operation.path.replace("{id}", ids.get(id, id) or "")


@pytest.fixture
def web_port(request, host):
    """Served here only where no other service has it."""
    settings = request.getfixturevalue("free_port_80")
    host.exec("systemctl", "restart", "arkd-nginx")
    yield settings


def test_every_entrance_is_tried(world):
    assert set(ENTRANCES) == set(world.entrances())


def cells(operations, callers, chance):
    """Every route for every caller. Of the defects all are tried with those who may do most, and with ARK_TEST_LONG=1 with
    everybody; else a part with the others."""
    for operation in operations:
        for caller in callers:
            for defect in DEFECTS:
                if LONG or not defect or caller.operator or caller.owner or chance.random() < SHARE:
                    yield operation, caller, defect


@pytest.mark.parametrize("name", ENTRANCES)
def test_matrix(request, world, operations, show, name):
    if name.startswith("web"):
        request.getfixturevalue("web_port")
    entrance = world.entrances()[name]
    line, counts, wrong = Line(entrance.connect), collections.Counter(), []
    for operation, caller, defect in cells(operations, entrance.callers, random.Random(f"{SEED} {name}")):
        status = line.status(operation.method, target(operation, world), [*caller.headers, *DEFECTS[defect]],
                             ROUTES[operation.name].body)
        right = expected(operation, entrance, caller, defect)
        counts[status] += 1
        if status != right:
            wrong.append(f"{operation.name}, {caller.name}, {defect or 'sound'}: {status}, not {right}")
    of = len(operations) * len(entrance.callers) * len(DEFECTS)
    show(f"{name:26} {len(operations)} routes, {len(entrance.callers):2} callers: {counts.total():4} of {of:4} calls"
         f"{'' if LONG else ', ARK_TEST_SEED=' + SEED}; "
         + ", ".join(f"{status} {n} times" for status, n in sorted(counts.items())))
    assert not wrong, "\n".join([f"{len(wrong)} of {counts.total()} are wrong:", *wrong])


def test_refusals_say_what_is_needed(host):
    for client in (host.admin.without_token(), host.local.without_token()):
        answer = client.get("/api/products")
        answer.expect_problem(401, saying="/etc/arkd/admin-token")
        assert answer.header("WWW-Authenticate") == "Bearer"
    host.public.get("/api/instances").expect_problem(403, saying="operators")
    host.unix("/run/arkd/public.sock").get("/api/products").expect_problem(403, saying="X-Ark-Proxy-Key")


def test_two_tokens_are_none(host, operations):
    """nginx itself refuses them, and arkd believes neither."""
    twice = bearer(host.admin_token) * 2
    for operation in operations:
        if ROUTES[operation.name].role == "operator":
            path = operation.path.replace("{id}", UNKNOWN)
            body = ROUTES[operation.name].body
            assert host.admin.without_token().ask(operation.method, path, body, twice).status in (400, 401)
            host.local.without_token().ask(operation.method, path, body, twice).expect_problem(401)


def test_nothing_is_made(host, world):
    """None of all these calls has left anything behind."""
    host.local.get("/api/products/no-such-product").expect(404)
    assert world.instance.state()["status"] == "running"
