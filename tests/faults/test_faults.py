# SPDX-License-Identifier: MIT
"""The kills: 50, and 500 with ARK_TEST_LONG=1."""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def test_nothing_is_lost_and_nothing_is_left(name, long):
    kills = 500 if long else 50
    done = subprocess.run([sys.executable, HERE / "run", "--host", name, "--kills", str(kills)], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60 * kills)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:]
    assert done.stdout.splitlines()[-1].endswith("0 orphans, 0 lost")
