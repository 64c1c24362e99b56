#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Calls arkd as the user that it runs as. One call a line on stdin and its outcome on stdout, as Python's literals.
With --password it is the polkit agent of its process and authenticates as an administrator with that.
"""

import ast
import os
import pwd
import subprocess
import sys

import sysbus

HELPERS = ("/usr/lib/polkit-1/polkit-agent-helper-1", "/usr/libexec/polkit-agent-helper-1")


def authenticator(password, asked):
    """Answers polkit as its own agents do, by the helper that talks to PAM."""
    helper = next(path for path in HELPERS if os.path.exists(path))

    def authenticate(question):
        asked.append({key: question[key] for key in ("action", "message", "details")})
        user = pwd.getpwuid(question["uids"][0]).pw_name
        subprocess.run([helper, user], input=f"{question['cookie']}\n{password}\n", text=True, stdout=subprocess.DEVNULL)
        return True
    return authenticate


def main():
    asked = []
    connection = sysbus.Connection()
    if sys.argv[1:2] == ["--password"]:
        connection.register_agent(authenticator(sys.argv[2], asked))
    print(repr(connection.unique_name), flush=True)
    for line in sys.stdin:
        arguments, options = ast.literal_eval(line)
        asked.clear()
        error, answer = connection.call(*arguments, **options)
        print(repr((error, answer, list(asked))), flush=True)


main()
