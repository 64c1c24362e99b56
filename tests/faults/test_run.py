# SPDX-License-Identifier: MIT
"""What a run tells of itself, however it ends."""

import importlib.machinery
import importlib.util
import pathlib

import pytest

PATH = str(pathlib.Path(__file__).resolve().parent / "run")


class Run:
    """One whose host does not come back."""

    def __init__(self, options):
        self.machine = self

    def all(self):
        raise AssertionError("a round went wrong")

    def settle(self, name):
        print(f"settled after {name}")

    def restore(self):
        raise OSError("the host is gone")

    def summary(self):
        print("7 kills")


@pytest.fixture
def driver(monkeypatch):
    loader = importlib.machinery.SourceFileLoader("faults_run", PATH)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("faults_run", loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "arguments", lambda: None)
    monkeypatch.setattr(module, "Run", Run)
    return module


def test_counts_are_told_though_the_host_is_gone(driver, capsys):
    with pytest.raises(OSError, match="the host is gone"):
        driver.main()
    told = capsys.readouterr().out
    assert "a round went wrong" in told and told.splitlines()[-1] == "7 kills"


def test_counts_are_told_though_nothing_settles(driver, capsys, monkeypatch):
    def fail(run, name):
        raise OSError("arkd is gone")
    monkeypatch.setattr(Run, "settle", fail)
    monkeypatch.setattr(Run, "restore", lambda run: None)
    with pytest.raises(OSError, match="arkd is gone"):
        driver.main()
    assert capsys.readouterr().out.splitlines()[-1] == "7 kills"
