# SPDX-License-Identifier: MIT
"""
Who may do what on the bus: every method and every property that the daemon has, for each kind of caller. HTTP has the
same in test_access_http.py.

The rows come from what the running daemon says of itself, and a unit test sees to it that every verb of the action
table is there. So a verb, a property or a polkit action without an expectation here fails.
"""

import collections
import contextlib
import json
import os
import pty
import select
import termios
import time
import xml.etree.ElementTree as ElementTree

import pytest

import callers
from arkhost import BUS_NAME, BUS_PATH, TOP, wait_for
from callers import INSTANCE, LOG_CONTROL, LOG_PATH, MANAGER, PRODUCT, PROPERTIES, RULES
from test_journal import IDS, now
from workshop import Workshop

ACTION = "network.ark.deploy1."
ERROR = f"{BUS_NAME}.Error."
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
CHALLENGE = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
READ_ONLY = "org.freedesktop.DBus.Error.PropertyReadOnly"
NOBODY = "client_aaaaaaaaaaaa"
NEVER = 2**64 - 1

# What a call needs (a polkit action; None: nothing), with what it is called, and what whoever may call it is answered:
# an error's name, or None for success. In the arguments INSTANCE_ID and PRODUCT_ID stand for real ones.
Row = collections.namedtuple("Row", "needs arguments answer", defaults=[(), None])

METHODS = {
    f"{MANAGER}.CreateInstance": Row("create-instance", ("no-such-product", "Acme", {}), ERROR + "NoSuchProduct"),
    f"{MANAGER}.GetInstance": Row(None, ("INSTANCE_ID",)),
    f"{MANAGER}.ListInstances": Row(None, ({},)),
    f"{MANAGER}.DeleteInstance": Row("delete-instance", (NOBODY,), ERROR + "NoSuchInstance"),
    f"{MANAGER}.AdoptInstance": Row("manage-instance", (NOBODY,), ERROR + "NoSuchInstance"),
    f"{MANAGER}.SetProduct": Row("manage-products", ('{"id": "no-such-product"}',), ERROR + "InvalidArgument"),
    f"{MANAGER}.GetProduct": Row("manage-products", ("PRODUCT_ID",)),
    f"{MANAGER}.DeleteProduct": Row("manage-products", ("no-such-product",), ERROR + "NoSuchProduct"),
    f"{MANAGER}.ListProducts": Row(None),
    f"{MANAGER}.GetCredentials": Row("view-credentials", ("INSTANCE_ID",)),
    f"{MANAGER}.GetCompose": Row("view-credentials", ("INSTANCE_ID",)),
    f"{MANAGER}.Cleanup": Row("cleanup", (NEVER, True)),
    f"{INSTANCE}.Restart": Row("manage-instance", ()),
    f"{INSTANCE}.RestartWithOptions": Row("manage-instance", ({},)),
    f"{INSTANCE}.SetExpiry": Row("manage-instance", (NEVER,)),
    f"{INSTANCE}.GetUsage": Row(None),
    f"{INSTANCE}.GetLogs": Row("view-logs", ("", 1)),
    # On one that is there for it.
    f"{INSTANCE}.Delete": Row("delete-instance", ()),
    # What sd-bus has of itself.
    "org.freedesktop.DBus.Peer.Ping": Row(None),
    "org.freedesktop.DBus.Peer.GetMachineId": Row(None),
    "org.freedesktop.DBus.Introspectable.Introspect": Row(None),
    "org.freedesktop.DBus.ObjectManager.GetManagedObjects": Row(None),
    f"{PROPERTIES}.Get": Row(None, (LOG_CONTROL, "LogLevel")),
    f"{PROPERTIES}.GetAll": Row(None, (LOG_CONTROL,)),
    # That of the only property that can be set; the others have rows of their own.
    f"{PROPERTIES}.Set": Row("set-log-level", (LOG_CONTROL, "LogLevel", ("s", "info"))),
}

# Everybody on the host may read these, and nobody may write them.
READABLE = {
    MANAGER: {"Version", "InstanceCount", "EngineConnected", "StoreConnected", "OwnerlessVolumes", "BaseURL", "ApplicationsURL",
              "MisplacedInstances", "UnknownInstances", "DamagedRecords", "StoreBehind", "StoreRewritten",
              "LostVolumes", "StorageMeasured", "EngineDirectory"},
    INSTANCE: {"Id", "ProductId", "ClientName", "Status", "Phase", "Progress", "Message", "Error", "AccessUrl", "Image",
               "DbName", "CreatedAt", "ExpiresAt", "Storage", "Warning"},
    PRODUCT: {"Id", "Name", "Description", "Image", "Json"},
    LOG_CONTROL: {"LogLevel", "LogTarget", "SyslogIdentifier"},
}
WRITABLE = {f"{LOG_CONTROL}.LogLevel"}
NAMES_OF_VERBS = {"Restart": "RestartInstance", "RestartWithOptions": "RestartInstance",
                  "Delete": "DeleteInstance", "GetProduct": "GetWholeProduct",
                  "Set": "SetLogLevel"}

KINDS = ["root", "member", "stranger", "stranger who may be asked", "administrator", "root without polkit",
         "member without polkit", "stranger without polkit"]
MAY = {"root", "member", "administrator", "root without polkit"}


class World:
    """An instance and its product, one of each kind of caller, and what the daemon offers them."""

    def __init__(self, host, work, stack):
        self.host, self.work, self.stack = host, work, stack
        self.product = work.quick()
        # A database, so that there are credentials.
        self.instance = work.deploy(work.product())
        self.expendable = [work.order(self.product) for _ in MAY]
        self.path = f"{BUS_PATH}/instance/{self.instance.id}"
        self.callers = {}

    def caller(self, kind):
        """A connection of that kind of caller."""
        user = kind.split()[0]
        name = "root" if user == "root" else "access-member" if user == "member" else "access-stranger"
        key = "administrator" if kind == "administrator" else name
        if key not in self.callers:
            password = self.password if key == "administrator" else None
            self.callers[key] = callers.Caller(self.host, name, password)
            self.stack.callback(self.callers[key].close)
        return self.callers[key]

    @contextlib.contextmanager
    def without_polkit(self):
        with callers.without_polkit(self.host):
            yield
        # polkit has forgotten its agent.
        self.callers.pop("administrator", None)

    def arguments(self, row):
        real = {"INSTANCE_ID": self.instance.id, "PRODUCT_ID": self.product}
        return tuple(real.get(value, value) if isinstance(value, str) else value for value in row.arguments)

    def about(self, method, arguments):
        """The instance and the product that a call of method is about."""
        if method.startswith(INSTANCE):
            return {"instance": self.instance.id, "product": self.instance.created["product_id"]}
        value = arguments[0] if arguments else None
        if value == self.instance.id:
            return {"instance": value, "product": self.instance.created["product_id"]}
        if value == NOBODY:
            return {"instance": value}
        if isinstance(value, str) and value.startswith("{"):
            return {"product": json.loads(value)["id"]}
        return {"product": value} if value in (self.product, "no-such-product") else {}


@pytest.fixture(scope="module")
def world(host):
    with contextlib.ExitStack() as stack:
        work = stack.enter_context(Workshop(host))
        stack.enter_context(callers.programs(host))
        host.run("groupadd", "--system", "ark")
        stack.enter_context(callers.user(host, "access-member", "ark"))
        stack.enter_context(callers.user(host, "access-stranger"))
        password = stack.enter_context(callers.administrator(host, "access-admin"))
        world = World(host, work, stack)
        world.password = password
        member = world.caller("member")
        rule = host.path(callers.EXAMPLE_RULE).read_text()
        stack.enter_context(callers.polkit_rule(host, "50-ark-group.rules", rule, lambda: not member.manager(
            "Cleanup", "tb", (NEVER, True))[0]))
        yield world


def introspected(host, path):
    """The interfaces of the object, and the paths of those below it."""
    text = host.exec("busctl", "--xml-interface", "introspect", BUS_NAME, path)
    node = ElementTree.fromstring(text)
    below = [f"{path.rstrip('/')}/{child.get('name')}" for child in node.findall("node") if child.get("name")]
    return {one.get("name"): one for one in node.findall("interface")}, below


@pytest.fixture(scope="module")
def offered(world):
    """Interface → its description and an object that has it, from the root on."""
    found, left = {}, ["/"]
    while left:
        interfaces, below = introspected(world.host, left.pop())
        left += [path for path in below if not path.startswith(f"{BUS_PATH}/instance/") or path == world.path]
        for name, one in interfaces.items():
            found.setdefault(name, one)
    return found


def signature(method):
    return "".join(argument.get("type") for argument in method.findall("arg") if argument.get("direction") != "out")


def test_every_verb_and_property_has_a_row(offered):
    methods = {f"{name}.{one.get('name')}" for name, interface in offered.items() for one in interface.iter("method")}
    for name in sorted(methods - set(METHODS)):
        pytest.fail(f"no expectation for verb {name}: add its row to METHODS")
    assert methods == set(METHODS)
    properties = {name: {one.get("name") for one in interface.iter("property")} for name, interface in offered.items()}
    assert {name: found for name, found in properties.items() if found} == READABLE
    writable = {f"{name}.{one.get('name')}" for name, interface in offered.items()
                for one in interface.iter("property") if one.get("access") != "read"}
    assert writable == WRITABLE
    # And the other way round: no right that nothing needs.
    policy = ElementTree.parse(TOP / "polkit/network.ark.deploy1.policy")
    assert {one.get("id") for one in policy.iter("action")} == {ACTION + row.needs for row in METHODS.values() if row.needs}


def object_of(method, world):
    if method.startswith(INSTANCE):
        return world.path
    return LOG_PATH if method.startswith(PROPERTIES) else BUS_PATH


def refusals(host, mark, caller):
    return host.journal(mark, f"MESSAGE_ID={IDS['ACCESS_DENIED']}", f"ARK_CALLER=uid:{caller.uid}")


def check_refusal(kind, verb, row, error, sentence):
    assert error == (DENIED if "without polkit" in kind else CHALLENGE), (verb, error, sentence)
    # It says what was asked for, what is needed and what to do.
    assert sentence.startswith(f"{verb} needs ") and "root" in sentence and sentence.endswith("."), sentence
    if "without polkit" in kind:
        assert "systemctl status polkit" in sentence
    else:
        assert ACTION + row.needs in sentence
        assert ("polkit agent" if "may be asked" in kind else "Allow interactive authorization") in sentence


def check_row(world, offered, kind, method):
    """Calls it and answers the verb if it was rightly refused."""
    caller, row = world.caller(kind), METHODS[method]
    interface, _, member = method.rpartition(".")
    path, arguments = object_of(method, world), world.arguments(row)
    description = next(one for one in offered[interface].iter("method") if one.get("name") == member)
    may = kind in MAY or not row.needs
    if method == f"{INSTANCE}.Delete" and may:
        path = f"{BUS_PATH}/instance/{world.expendable.pop().id}"
    asked = kind in ("administrator", "stranger who may be asked")
    error, answer = caller.call(path, interface, member, signature(description), arguments, interactive=asked)
    if may:
        assert error == row.answer, (kind, method, error, answer)
        if kind == "administrator" and row.needs:
            question, = caller.asked
            assert question["action"] == ACTION + row.needs and "$" not in question["message"], question
        else:
            assert caller.asked == []
        return None
    verb = NAMES_OF_VERBS.get(member, member)
    check_refusal(kind, verb, row, error, answer)
    return verb, world.about(method, arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_methods(world, offered, show, kind):
    """Each method, and for each refusal one entry in the journal that tells who, what and on what."""
    mark = now()
    with world.without_polkit() if "without" in kind else contextlib.nullcontext():
        refused = list(filter(None, (check_row(world, offered, kind, method) for method in METHODS)))
    told = wait_for("all refusals are told", lambda: (
        found := refusals(world.host, mark, world.caller(kind))) and len(found) >= len(refused) and found,
        10) if refused else refusals(world.host, mark, world.caller(kind))
    assert [(one["ARK_ACTION"], one.get("ARK_INSTANCE"), one.get("ARK_PRODUCT"), one["ARK_ORIGIN"]) for one in told] == \
        [(verb, about.get("instance"), about.get("product"), "bus") for verb, about in refused]
    show(f"bus, {kind:26} {len(METHODS)} methods: {len(METHODS) - len(refused)} allowed, {len(refused)} refused")
    assert len(refused) == (0 if kind in MAY else sum(row.needs is not None for row in METHODS.values()))
    assert world.instance.state()["status"] == "running"


@pytest.mark.parametrize("kind", ["root", "member", "stranger"])
def test_properties(world, kind):
    caller = world.caller(kind)
    objects = {MANAGER: BUS_PATH, INSTANCE: world.path, PRODUCT: f"{BUS_PATH}/product/miniflux", LOG_CONTROL: LOG_PATH}
    for interface, names in READABLE.items():
        error, (everything,) = caller.call(objects[interface], PROPERTIES, "GetAll", "s", (interface,))
        assert error is None and set(everything) == names
        for name in names:
            error, (value,) = caller.call(objects[interface], PROPERTIES, "Get", "ss", (interface, name))
            assert error is None and value == everything[name]
            if f"{interface}.{name}" not in WRITABLE:
                error, sentence = caller.call(objects[interface], PROPERTIES, "Set", "ssv", (interface, name, value))
                assert error == READ_ONLY, (name, error, sentence)


# What reaches polkit

def test_rules_decide_by_details(world):
    """Which instance, which product, which customer: a rule may go by each."""
    caller, id, product = world.caller("stranger"), world.instance.id, world.instance.created["product_id"]
    rule = """// SPDX-License-Identifier: MIT
polkit.addRule(function (action, subject) {
    if (subject.user != "access-stranger" || action.id.indexOf("network.ark.deploy1.") !== 0) {
        return;
    }
    if (action.id == "network.ark.deploy1.cleanup" ||
        (action.id == "network.ark.deploy1.manage-instance" && action.lookup("instance") == "%s") ||
        (action.id == "network.ark.deploy1.view-logs" && action.lookup("product") == "%s") ||
        (action.id == "network.ark.deploy1.manage-products" && action.lookup("product") == "no-such-product") ||
        (action.id == "network.ark.deploy1.create-instance" && action.lookup("client") == "Ñandú" &&
         action.lookup("product") == "no-such-product")) {
        return polkit.Result.YES;
    }
    return polkit.Result.NO;
});
""" % (id, product)
    other = f"{BUS_PATH}/instance/{world.work.deploy(world.product).id}"
    # Once a rule says no, it is not asked for a password.
    with callers.polkit_rule(world.host, "10-details.rules", rule, lambda: caller.manager(
            "DeleteInstance", "s", (id,))[0] == DENIED):
        for allowed, path, interface, member, types, values in [
                (True, world.path, INSTANCE, "SetExpiry", "t", (NEVER,)),
                (False, other, INSTANCE, "SetExpiry", "t", (NEVER,)),
                (True, world.path, INSTANCE, "GetLogs", "su", ("", 1)),
                (False, other, INSTANCE, "GetLogs", "su", ("", 1)),
                (True, BUS_PATH, MANAGER, "DeleteProduct", "s", ("no-such-product",)),
                (False, BUS_PATH, MANAGER, "DeleteProduct", "s", ("other-product",)),
                (True, BUS_PATH, MANAGER, "SetProduct", "s", ('{"id": "no-such-product"}',)),
                (False, BUS_PATH, MANAGER, "SetProduct", "s", ('{"id": "other-product"}',)),
                (True, BUS_PATH, MANAGER, "CreateInstance", "ssa{sv}", ("no-such-product", "Ñandú", {})),
                (False, BUS_PATH, MANAGER, "CreateInstance", "ssa{sv}", ("no-such-product", "Acme", {})),
                (False, BUS_PATH, MANAGER, "CreateInstance", "ssa{sv}", ("miniflux", "Ñandú", {})),
                (True, BUS_PATH, MANAGER, "Cleanup", "tb", (NEVER, True)),
                (False, BUS_PATH, MANAGER, "GetCredentials", "s", (id,))]:
            error, answer = caller.call(path, interface, member, types, values, interactive=True)
            assert (error != DENIED) == allowed, (member, values, error, answer)
            assert allowed or f"polkit action {ACTION}" in answer


def test_details_that_are_no_ids(world):
    """What cannot be an id is neither told to polkit nor taken for one in the journal."""
    caller, mark = world.caller("administrator"), now()
    for value in ("../../etc/passwd", "client_x\nMESSAGE=forged", "x" * 256):
        error, _ = caller.manager("DeleteInstance", "s", (value,), interactive=True)
        assert error == ERROR + "NoSuchInstance"
        question, = caller.asked
        assert question["message"] == "Authentication is required to delete the instance ? with its data."
        assert caller.manager("DeleteInstance", "s", (value,))[0] == CHALLENGE
    # What is too long in any case is not asked about.
    assert caller.manager("DeleteInstance", "s", ("x" * 257,), interactive=True)[0] == ERROR + "InvalidArgument"
    assert caller.asked == []
    told = wait_for("all are told", lambda: (found := refusals(world.host, mark, caller)) and len(found) >= 3 and found)
    assert all("ARK_INSTANCE" not in one and len(one["MESSAGE"]) < 200 for one in told)
    assert not world.host.journal(mark, "MESSAGE=forged")


def test_wrong_password(world):
    caller = callers.Caller(world.host, "access-stranger", "wrong")
    try:
        error, sentence = caller.call(world.path, INSTANCE, "GetLogs", "su", ("", 1), interactive=True)
        assert error == DENIED and sentence.startswith("GetLogs needs an administrator"), sentence
    finally:
        caller.close()


def on_terminal(command, password, seconds=30):
    """Runs it on a terminal and types the password once nothing is echoed; its status and all that was shown."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    shown, deadline, typed = "", time.monotonic() + seconds, False
    try:
        while time.monotonic() < deadline:
            if "Password: " in shown and not typed and not termios.tcgetattr(terminal)[3] & termios.ECHO:
                os.write(terminal, f"{password}\n".encode())
                typed = True
            if not select.select([terminal], [], [], 0.02)[0]:
                continue
            try:
                shown += os.read(terminal, 4096).decode(errors="replace")
            except OSError:
                return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown
        raise AssertionError(f"it does not end: {shown}")
    finally:
        os.close(terminal)


@pytest.mark.parametrize("password, status", [("right", 0), ("wrong", 4)])
def test_arkctl_asks_on_a_terminal(world, password, status):
    """An ordinary user's arkctl, pkttyagent and PAM, as on any terminal."""
    typed = world.password if password == "right" else "wrong"
    command = [*callers.as_user("access-stranger"), "arkctl", "keep", world.instance.id]
    exited, shown = on_terminal(world.host.command(*command), typed)
    assert f"manage the instance {world.instance.id}" in shown and "access-admin" in shown
    assert exited == status and typed not in shown, shown
    assert ("Cannot" in shown) == (status != 0), shown
