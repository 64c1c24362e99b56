# SPDX-License-Identifier: MIT
"""The system bus as the tests' programs inside of a host see it: calls with whatever one likes in them, and bytes."""

import os
import socket

from jeepney import DBusAddress, HeaderFields, MessageFlag, MessageType, new_error, new_method_call, new_method_return
from jeepney.io.blocking import DBusConnection, prep_socket

BUS_NAME = "network.ark.Deploy1"
BUS_PATH = "/network/ark/Deploy1"
SOCKET = "/run/dbus/system_bus_socket"
AGENT_PATH = "/network/ark/test/Agent"


def message(path, interface, member, signature="", body=(), destination=BUS_NAME, interactive=False):
    """A method call, checked by nobody."""
    made = new_method_call(DBusAddress(path, destination, interface), member, signature or None, body)
    if interactive:
        made.header.flags |= MessageFlag.allow_interactive_authorization
    return made


def outcome(reply):
    """(None, values) of a reply, (error's name, sentence) of an error."""
    if reply.header.message_type is not MessageType.error:
        return None, reply.body
    return reply.header.fields[HeaderFields.error_name], str(reply.body[0]) if reply.body else ""


class Connection(DBusConnection):
    """One to the system bus. It may be a polkit agent for its own process: see register_agent()."""

    def __init__(self, timeout=60):
        super().__init__(prep_socket(SOCKET, timeout=10))
        self.timeout = timeout
        self.authenticate = None

    def _read_some_data(self, timeout=None):
        """As jeepney's, but more at a time."""
        if not self.selector.select(timeout):
            raise TimeoutError
        data = self.sock.recv(256 * 1024)
        if not data:
            raise ConnectionResetError("the bus has closed the connection")
        return data, []

    def ask(self, sent):
        """Sends it and answers its outcome; plays the polkit agent meanwhile."""
        serial = next(self.outgoing_serial)
        self.send(sent, serial=serial)
        while True:
            got = self.receive(timeout=self.timeout)
            if got.header.fields.get(HeaderFields.reply_serial) == serial:
                return outcome(got)
            self.serve(got)

    def call(self, *arguments, **options):
        return self.ask(message(*arguments, **options))

    def bus(self, member, signature="", body=()):
        error, answer = self.call("/org/freedesktop/DBus", "org.freedesktop.DBus", member, signature, body,
                                  destination="org.freedesktop.DBus")
        assert error is None, (member, error, answer)
        return answer

    # As polkit's agent

    def register_agent(self, authenticate):
        """authenticate(question) is called with each question of polkit, and answers whether it was answered now."""
        self.authenticate = authenticate
        start = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19])
        process = ("unix-process", {"pid": ("u", os.getpid()), "start-time": ("t", start), "uid": ("i", os.getuid())})
        error, answer = self.call("/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority",
                                  "RegisterAuthenticationAgent", "(sa{sv})ss", (process, "en_US.UTF-8", AGENT_PATH),
                                  destination="org.freedesktop.PolicyKit1")
        assert error is None, (error, answer)

    def serve(self, got):
        """What somebody else asks of us: polkit only."""
        if got.header.message_type is not MessageType.method_call:
            return
        if got.header.fields[HeaderFields.member] == "BeginAuthentication":
            action, sentence, _, details, cookie, identities = got.body
            question = {"action": action, "message": sentence, "details": details, "cookie": cookie,
                        "uids": [identity["uid"][1] for kind, identity in identities if kind == "unix-user"]}
            if not self.authenticate(question):
                return
        elif got.header.fields[HeaderFields.member] != "CancelAuthentication":
            self.send(new_error(got, "org.freedesktop.DBus.Error.UnknownMethod"))
            return
        self.send(new_method_return(got))


class RawConnection:
    """Bytes to the bus; nothing of ours looks at them."""

    def __init__(self):
        self.socket = prep_socket(SOCKET, timeout=10)
        self.socket.settimeout(10)
        hello = message("/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", destination="org.freedesktop.DBus")
        self.socket.sendall(hello.serialise(serial=1))
        self.socket.recv(65536)

    def send(self, data):
        """Answers what came back, nothing where the bus hung up."""
        try:
            self.socket.sendall(data)
            self.socket.shutdown(socket.SHUT_WR)
            answer = b""
            while part := self.socket.recv(65536):
                answer += part
            return answer
        except (ConnectionResetError, BrokenPipeError):
            return b""
        finally:
            self.socket.close()
