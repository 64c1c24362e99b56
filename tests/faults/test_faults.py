# SPDX-License-Identifier: MIT
"""The kills: 50, and 500 with ARK_TEST_LONG=1."""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def test_nothing_is_lost_and_nothing_is_left(name, long):
    kills = 500 if long else 50
    told = []
    # Each line as it comes: a long run can be followed.
    # In this process group, which an interrupted check ends.
    command = ["timeout", "--foreground", str(60 * kills), sys.executable, "-u", HERE / "run", "--host", name,
               "--kills", str(kills)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        for line in run.stdout:
            print(line, end="", flush=True)
            told.append(line)
    assert run.returncode == 0, "".join(told)[-6000:]
    assert told[-1].strip().endswith("0 orphans, 0 lost")
