#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Callers who are gone before their answer, as the user that it runs as:

    vanish.py calls N INSTANCE     N connections ask to delete it and are closed once that has begun
    vanish.py question INSTANCE    one is closed while polkit asks for a password; prints whether polkit then stops asking
"""

import sys

import sysbus
from jeepney import HeaderFields, MessageType


def deletion(instance, **options):
    return sysbus.message(sysbus.BUS_PATH, f"{sysbus.BUS_NAME}.Manager", "DeleteInstance", "s", (instance,), **options)


def calls(number, instance):
    connections = [sysbus.Connection() for _ in range(int(number))]
    for connection in connections:
        connection.send(deletion(instance))
    # Until then it is not known who they are, and the calls of those who are gone by then are forgotten.
    watcher, path = sysbus.Connection(), f"{sysbus.BUS_PATH}/instance/{instance}"
    while watcher.call(path, "org.freedesktop.DBus.Properties", "Get", "ss", (f"{sysbus.BUS_NAME}.Instance", "Status")) \
            == (None, (("s", "running"),)):
        pass
    for connection in connections:
        connection.close()


def member(message):
    called = message.header.message_type is MessageType.method_call
    return message.header.fields[HeaderFields.member] if called else None


def question(instance):
    agent, caller = sysbus.Connection(timeout=20), sysbus.Connection()
    agent.register_agent(lambda _: False)
    caller.send(deletion(instance, interactive=True))
    while member(agent.receive(timeout=20)) != "BeginAuthentication":
        pass
    caller.close()
    while member(agent.receive(timeout=20)) != "CancelAuthentication":
        pass
    print("polkit stops asking")


{"calls": calls, "question": question}[sys.argv[1]](*sys.argv[2:])
