#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Prints a line for each instance and whenever the status of one changes, until it is interrupted; with GLib's D-Bus
(Debian: python3-gi). Lines are TIME, ID, STATUS, CLIENT and MESSAGE, separated by tabs.

    watch.py [STATUS...]

With statuses, only these are told: "watch.py failed" is for whoever mends. Reading needs no privilege. When arkd
restarts this goes on and tells what has changed meanwhile.
"""

import datetime
import signal
import sys

from gi.repository import Gio, GLib

NAME = "network.ark.Deploy1"
PATH = "/network/ark/Deploy1"
INSTANCE = f"{NAME}.Instance"


class Watch:
    def __init__(self, wanted):
        self.wanted = wanted
        self.told = {}  # status by id
        # It reads all objects, follows InterfacesAdded, InterfacesRemoved and PropertiesChanged, and starts arkd.
        self.manager = Gio.DBusObjectManagerClient.new_for_bus_sync(
            Gio.BusType.SYSTEM, Gio.DBusObjectManagerClientFlags.NONE, NAME, PATH, None, None, None)
        self.manager.connect("object-added", lambda manager, object: self.look(object))
        self.manager.connect("object-removed", self.on_removed)
        self.manager.connect("interface-proxy-properties-changed",
                             lambda manager, object, proxy, changed, invalidated: self.look(object))
        for object in self.manager.get_objects():
            self.look(object)

    def look(self, object):
        proxy = object.get_interface(INSTANCE)
        if proxy is None:
            return  # a product, or the manager itself
        values = {name: proxy.get_cached_property(name) for name in ("Id", "Status", "ClientName", "Message", "Error")}
        if any(value is None for value in values.values()):
            return  # it is just going
        values = {name: value.get_string() for name, value in values.items()}
        self.tell(values["Id"], values["Status"], values["ClientName"], values["Error"] or values["Message"])

    def on_removed(self, manager, object):
        id = object.get_object_path().rpartition("/")[2]
        # All of them go when arkd leaves the bus, and come again with it: that is no news of theirs.
        if manager.get_name_owner() is not None and id in self.told:
            self.tell(id, "deleted", "", "")
            del self.told[id]

    def tell(self, id, status, client, message):
        if self.told.get(id) == status:
            return
        self.told[id] = status
        if not self.wanted or status in self.wanted:
            now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
            print(now, id, status, client, message, sep="\t", flush=True)


def main():
    if any(argument.startswith("-") for argument in sys.argv[1:]):
        print(__doc__.strip())
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    loop = GLib.MainLoop()
    for number in (signal.SIGINT, signal.SIGTERM):
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, loop.quit)
    try:
        watch = Watch(set(sys.argv[1:]))  # noqa: F841: lives as long as the loop
    except GLib.Error as error:
        print(f"watch.py: arkd cannot be reached: {error.message}", file=sys.stderr)
        return 1
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
