#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Sends many calls to arkd and waits for none before all are sent, as the user that it runs as:

    flood.py [--ask | --hold] [--connections N] CALLS PATH INTERFACE MEMBER SIGNATURE ARGUMENTS

With --ask polkit may ask for a password, and nobody is there to give it; with --hold the question stays open. Prints
how often each outcome came, once no call is left but those that are held, and stays until its stdin is closed.
"""

import argparse
import ast
import collections
import select
import sys
import threading
import time

import sysbus
from jeepney import HeaderFields, MessageType


def hold_questions(seen):
    """Is this process's agent, on a connection of its own, and never comes back to polkit."""
    agent = sysbus.Connection(timeout=None)

    def authenticate(question):
        seen.append(question["cookie"])
        return False

    def serve():
        while True:
            agent.serve(agent.receive())
    agent.register_agent(authenticate)
    threading.Thread(target=serve, daemon=True).start()


class Flood:
    """One connection's share of the calls."""

    def __init__(self, calls, made):
        self.connection = sysbus.Connection()
        first = next(self.connection.outgoing_serial)
        self.waiting = set(range(first, first + calls))
        self.left = b"".join(made.serialise(serial=serial) for serial in sorted(self.waiting))
        self.outcomes = collections.Counter()
        self.connection.sock.setblocking(False)

    def write(self):
        sent = self.connection.sock.send(self.left[:1 << 20])
        self.left = self.left[sent:]

    def read(self):
        """Counts what has come; no answer may come twice, and none that was not asked for."""
        self.connection.parser.add_data(self.connection._read_some_data(0)[0])
        while got := self.connection.parser.get_next_message():
            if got.header.message_type not in (MessageType.method_return, MessageType.error):
                continue
            self.waiting.remove(got.header.fields[HeaderFields.reply_serial])
            self.outcomes[got.header.fields.get(HeaderFields.error_name)] += 1


def run(floods, quiet_seconds):
    """Until all have been answered, or those that are left are held."""
    last = time.monotonic()
    while any(flood.waiting for flood in floods):
        sockets = {flood.connection.sock: flood for flood in floods}
        readable, writable, _ = select.select(sockets, [one for one, flood in sockets.items() if flood.left], [], 0.1)
        for one in readable:
            sockets[one].read()
        for one in writable:
            sockets[one].write()
        if readable or writable:
            last = time.monotonic()
        elif time.monotonic() - last > quiet_seconds:
            return


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ask", action="store_true")
    parser.add_argument("--hold", action="store_true")
    parser.add_argument("--connections", type=int, default=1)
    for name in ("calls", "path", "interface", "member", "signature", "arguments"):
        parser.add_argument(name)
    given = parser.parse_args()
    asked = []
    if given.hold:
        hold_questions(asked)
    made = sysbus.message(given.path, given.interface, given.member, given.signature,
                          ast.literal_eval(given.arguments), interactive=given.ask or given.hold)
    floods = [Flood(int(given.calls) // given.connections, made) for _ in range(given.connections)]
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.monotonic()
    run(floods, 1 if given.hold else 30)
    outcomes = sum((flood.outcomes for flood in floods), collections.Counter())
    print(repr({"outcomes": dict(outcomes), "unanswered": sum(len(flood.waiting) for flood in floods),
                "questions": len(asked), "seconds": time.monotonic() - begun}), flush=True)
    sys.stdin.read()


main()
