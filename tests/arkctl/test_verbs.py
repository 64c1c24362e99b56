# SPDX-License-Identifier: MIT
import datetime
import json
import re

import pytest

ACME = "client_abcdefabcdef"
BROKEN = "client_abcxyzabcxyz"
FOREVER = 2**64 - 1


def test_list(ctl):
    lines = ctl("list").stdout.splitlines()
    assert lines[0].split() == ["ID", "PRODUCT", "CLIENT", "STATUS", "CREATED", "EXPIRES"]
    assert lines[1].split()[:4] == [ACME, "app", "Acme", "running"]
    assert "min ago" in lines[1]
    assert "Café Ñandú" in lines[3]
    assert lines[-1] == "4 instances."


def test_list_tells_the_day_of_expiry(ctl):
    lines = ctl("list", "--all", "--no-legend").stdout.splitlines()
    days = [i["expires_at"] and i["expires_at"][:10] for i in json.loads(ctl("list", "--json=short").stdout)]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", days[0]) and days[2] is None
    assert [line.split()[-1] for line in lines] == [*(day or "never" for day in days), "-"]


def test_columns_line_up(ctl):
    lines = ctl("list").stdout.splitlines()[:-2]
    assert len({line.index(word) for line, word in zip(lines, ["STATUS", "running", "failed", "running", "running"])}) == 1


def test_without_a_verb_it_lists(ctl):
    assert ctl().stdout == ctl("list").stdout


def test_no_legend(ctl):
    lines = ctl("list", "--no-legend").stdout.splitlines()
    assert len(lines) == 4 and lines[0].startswith(ACME)


def test_filters(ctl):
    assert ctl("list", "--no-legend", "--status=failed").stdout.split()[0] == BROKEN
    assert ctl("list", "--no-legend", "--product=my-reader").stdout.split()[0] == "client_qqqqqqqqqqqq"
    assert "client_zzzzzzzzzzzz" in ctl("list", "--all").stdout
    assert "client_zzzzzzzzzzzz" not in ctl("list").stdout
    # There are some, so nobody is told how to make the first one.
    assert ctl("list", "--status=pending").stdout == 'No instance fits. "arkctl list" shows all there are.\n'


def test_list_json(ctl):
    instances = json.loads(ctl("list", "--json=short").stdout)
    assert [i["id"] for i in instances][0] == ACME
    assert instances[0]["error"] is None and instances[1]["error"].startswith("app: ")
    created = datetime.datetime.fromisoformat(instances[0]["created_at"].replace("Z", "+00:00"))
    assert abs((datetime.datetime.now(datetime.timezone.utc) - created).total_seconds()) < 1200
    assert len(ctl("list", "--json=short").stdout.splitlines()) == 1
    assert json.loads(ctl("list", "--json=pretty").stdout) == json.loads(ctl("list", "-j").stdout)


def test_colour_is_for_terminals(ctl):
    assert "\x1b" not in ctl("list").stdout
    terminal = ctl.terminal("list", "--no-pager")
    terminal.wait()
    assert "\x1b[32mrunning" in terminal.shown
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        terminal = ctl.terminal("list", "--no-pager", env=env)
        terminal.wait()
        assert "\x1b" not in terminal.shown


def test_table_fits_the_terminal(ctl):
    terminal = ctl.terminal("list", "--no-pager", columns=70, env={"NO_COLOR": "1"})
    terminal.wait()
    assert all(len(line) <= 70 for line in terminal.shown.splitlines())
    # What was cut says so, and ids never are.
    terminal = ctl.terminal("list", "--no-pager", columns=64, env={"NO_COLOR": "1"})
    terminal.wait()
    lines = terminal.shown.splitlines()
    assert all(line.startswith("client_") for line in lines[1:5]) and BROKEN in terminal.shown
    assert "my-rea…  Café …" in terminal.shown
    assert {line.index(word) for line, word in zip(lines, ["STATUS", "running", "failed", "running", "running"])} == {
        lines[0].index("STATUS")}


def test_lines_break_between_words(ctl):
    terminal = ctl.terminal("status", "--no-pager", columns=50, env={"NO_COLOR": "1"})
    terminal.wait()
    table = terminal.shown.split("\r\n\r\n")[0].splitlines()
    assert all(len(line) <= 50 for line in table)
    details = " ".join(line[line.index("DETAIL") if "DETAIL" in line else table[0].index("DETAIL"):].strip()
                       for line in table)
    assert "Links begin with http://ark.test:3000" in details and "It cannot be seen from here" in details


def test_names_are_whole_without_a_locale(ctl):
    assert "Café Ñandú" in ctl("list", env={"LANG": ""}).stdout


def test_pager(ctl):
    terminal = ctl.terminal("list", env={"ARKCTL_PAGER": "sed s/running/PAGED/"})
    assert terminal.wait() == 0 and "PAGED" in terminal.shown
    terminal = ctl.terminal("list", "--no-pager", env={"ARKCTL_PAGER": "sed s/running/PAGED/"})
    terminal.wait()
    assert "PAGED" not in terminal.shown


def test_errors_have_their_place_in_the_pager(ctl):
    terminal = ctl.terminal("show", "abcd", "nothing-of-that", "qq", env={"ARKCTL_PAGER": "sed s/^/>/"})
    assert terminal.wait() == 3
    first, error, second = (terminal.shown.index(text) for text in ("app for Acme", "There is no instance", "qqqq -"))
    assert first < error < second and ">\x1b[1;31mThere is no instance" in terminal.shown


def test_no_pager_on_a_dumb_terminal(ctl):
    terminal = ctl.terminal("list", env={"ARKCTL_PAGER": "sed s/running/PAGED/", "TERM": "dumb"})
    assert terminal.wait() == 0 and "PAGED" not in terminal.shown


def test_pager_that_is_left(ctl):
    terminal = ctl.terminal("list", env={"ARKCTL_PAGER": "true"})
    assert terminal.wait() == 0


def test_show(ctl):
    out = ctl("show", ACME).stdout
    assert out.startswith(f"● {ACME} - app for Acme\n")
    for line in ["Product: An application (docker.io/library/app:1)",
                 f"Link: http://ark.test:3000/instances/{ACME}/"]:
        assert re.search(rf"^ +{re.escape(line)}$", out, re.M), line
    assert re.search(r"^ +Status: running since .* UTC; 2h ago$", out, re.M)
    assert re.search(r"^ +Expires: \w{3} \d{4}-\d\d-\d\d .* UTC; in 30 days$", out, re.M)
    assert re.search(r"^ +Expires: never$", ctl("show", "qqq").stdout, re.M)
    assert "Nov 24 15:40:02 app the application starts" in out
    assert "Error: app: It exited with status 3" in ctl("show", BROKEN).stdout


def fields(text):
    """Labels and what they say, in order."""
    return [tuple(line.strip().split(": ", 1)) for line in text.splitlines() if re.match(r" *\w+: ", line)]


def test_show_what_it_takes_up(ctl):
    out = ctl("show", ACME, "--lines=0").stdout
    shown = out[out.index("Disk: "):].splitlines()
    assert shown[0] == "Disk: 5.0G; measured 3min ago"
    width = len(f"{ACME}_db")
    assert [line.rstrip() for line in shown[1:5]] == [f"{'':13}{name:{width}}  {text}" for name, text in (
        (ACME, "12.0K outside of volumes"), (f"{ACME}_db", "not measured yet"),
        ("data", "5.0G at /data"), ("lost", "0B"))]
    storage = json.loads(ctl("show", ACME, "--json=short").stdout)["storage"]
    assert datetime.datetime.fromisoformat(storage["measured_at"].replace("Z", "+00:00"))
    assert storage["items"][1:3] == [
        {"kind": "layer", "role": "db", "name": f"{ACME}_db", "path": None, "bytes": None},
        {"kind": "volume", "role": "db", "name": "data", "path": "/data", "bytes": 5 << 30}]
    assert "Disk: not measured yet\n" in ctl("show", "qqq").stdout
    assert "Disk:" not in ctl("show", BROKEN).stdout


def test_show_of_an_old_daemon(ctl_old):
    assert "Disk:" not in ctl_old("show", ACME).stdout
    assert json.loads(ctl_old("show", ACME, "--json=short").stdout)["storage"] is None


def test_show_usage(ctl):
    shown = fields(ctl("show", ACME, "--lines=0").stdout)
    first = shown.index(("Application", ACME))
    assert shown[first:first + 8] == [
        ("Application", ACME), ("Tasks", "12 (limit: 256)"), ("Memory", "34.1M (limit: 512.0M)"), ("CPU", "1.204s"),
        ("Database", f"{ACME}_db"), ("Tasks", "7"), ("Memory", "50.0M"), ("CPU", "1h 2min 5.000s")]


def test_show_usage_that_is_not_told(ctl):
    for word, expected in [("qqq", [("Tasks", "4"), ("CPU", "1min 30.500s")]), ("denied", [])]:
        shown = fields(ctl("show", word, "--lines=0").stdout)
        labels = [label for label, _ in shown]
        assert [pair for pair in shown if pair[0] in ("Tasks", "Memory", "CPU")] == expected
        assert {"Application", "Database"} <= set(labels)
        assert ("Status", "running") in shown
    assert not {"Application", "Database", "CPU"} & {label for label, _ in fields(ctl("show", BROKEN).stdout)}


def test_show_usage_json(ctl):
    app, database = json.loads(ctl("show", ACME, "--json=short").stdout)["usage"]
    assert app["started_at"] < app["read_at"]
    assert {key: app[key] for key in app if not key.endswith("_at")} == {
        "role": "app", "container": ACME, "memory": 35756442, "memory_limit": 536870912, "cpu_nsec": 1204000000,
        "pids": 12, "pids_limit": 256}
    assert database["memory_limit"] is None and database["pids_limit"] is None
    assert json.loads(ctl("show", BROKEN, "--json=short").stdout)["usage"] == []
    assert json.loads(ctl("show", "denied", "--json=short").stdout)["usage"] is None


def test_show_of_an_old_daemon(ctl_old):
    shown = fields(ctl_old("show", ACME, "--lines=0").stdout)
    assert ("Application", ACME) in shown
    assert ("Product", "An application (docker.io/library/app:1)") in shown
    assert json.loads(ctl_old("show", ACME, "--json=short").stdout)["usage"] is None


def test_show_json(ctl):
    assert json.loads(ctl("show", "abcd", "--json=short").stdout)["id"] == ACME
    assert len(json.loads(ctl("show", "abcd", "qq", "--json=short").stdout)) == 2


def test_show_names_the_image_that_runs(ctl):
    assert ("Product", "Reader (docker.io/library/reader:0.9; new ones get docker.io/library/reader:2)") in fields(
        ctl("show", "qqq").stdout)
    assert json.loads(ctl("show", "qqq", "--json=short").stdout)["image"] == "docker.io/library/reader:0.9"
    assert ("Product", "An application") in fields(ctl("show", BROKEN).stdout)
    assert json.loads(ctl("show", BROKEN, "--json=short").stdout)["image"] is None


def test_show_warns(ctl):
    assert ("Warning", "Its cookies need https") in fields(ctl("show", "qqq").stdout)
    assert "Warning:" not in ctl("show", ACME).stdout
    assert json.loads(ctl("show", "qqq", "--json=short").stdout)["warning"] == "Its cookies need https"
    checks = [check for check in json.loads(ctl("status", "--json=short").stdout) if check["check"] == "instances"]
    assert [check["verdict"] for check in checks] == ["warning"] * 2
    assert checks[1]["detail"] == "1 runs with a warning: client_qqqqqqqqqqqq"
    assert checks[1]["remedy"] == "Its cookies need https"


def test_show_has_the_beginning_of_a_stack_trace(ctl):
    shown = [line.split(" app ")[1] for line in ctl("show", BROKEN).stdout.splitlines() if line.startswith("Nov")]
    assert shown == ["the application starts", "Error: no such table", "    at frame 0", "    at frame 1",
                     "    at frame 28", "    at frame 29"]
    assert "Error: no such table" in ctl("show", BROKEN, "--lines=5").stdout


def test_show_without_lines(ctl):
    assert "starts" not in ctl("show", ACME, "--lines=0").stdout


@pytest.mark.parametrize("word", ["client_abcd", "abcd", ACME])
def test_ids_may_be_short(ctl, word):
    assert ctl("show", word).stdout.startswith(f"● {ACME}")


def test_ids_that_fit_several_or_none(ctl):
    error = ctl("show", "abc", code=3).stderr
    assert ACME in error and BROKEN in error and "2 instances" in error
    assert 'Did you mean "client_qqqqqqqqqqqq"' in ctl("show", "client_qqqqqqqqqqq2x", code=3).stderr
    assert "arkctl list" in ctl("show", "nothing-of-that", code=3).stderr
    for client in ("One", "Two"):
        ctl("deploy", "app", client)
    error = ctl("show", "client_", code=3).stderr
    assert re.fullmatch(r'"client_" fits 6 instances: (client_\w{12}, ){3}client_\w{12} and others\. Give .*\n', error)
    error = ctl("show", "client_abcdefabcdeg", code=3).stderr
    assert f'Did you mean the instance "{ACME}"?' in error


def test_delete_needs_yes_without_a_terminal(ctl):
    error = ctl("delete", ACME, code=2).stderr
    assert "--yes" in error
    assert not [call for call in ctl.calls() if call.startswith("DeleteInstance")]


def test_delete(ctl):
    done = ctl("delete", "abcd", "qq", "--yes")
    assert done.stderr == f"Deleted {ACME}.\nDeleted client_qqqqqqqqqqqq.\n"
    assert f"DeleteInstance {ACME}" in ctl.calls()
    assert ctl("delete", ACME, "-y", "-q").stderr == ""


def test_delete_asks(ctl):
    for answer, code, calls in [("n", 1, 0), ("", 1, 0), ("y", 0, 1)]:
        terminal = ctl.terminal("delete", ACME)
        terminal.read_until("[y/N]")
        assert "app for Acme" in terminal.shown
        terminal.type(answer + "\n")
        assert terminal.wait() == code
        assert len([c for c in ctl.calls() if c.startswith("DeleteInstance")]) == calls


def test_delete_goes_on_after_a_failure(ctl):
    done = ctl("delete", "denied", "abcd", "--yes", code=4)
    assert "Cannot delete client_deniedaaaaaa: DeleteInstance needs an administrator. Run it as root.\n" in done.stderr
    assert f"Deleted {ACME}." in done.stderr


def test_delete_begins_only_when_all_are_known(ctl):
    ctl("delete", "abcd", "nothing", "--yes", code=3)
    assert not [call for call in ctl.calls() if call.startswith("DeleteInstance")]


def test_logs(ctl):
    lines = ctl("logs", ACME).stdout.splitlines()
    assert lines == ["Nov 24 15:40:01 db  the database starts", "Nov 24 15:40:02 app the application starts"]
    assert f"GetLogs {ACME}  100" in ctl.calls()
    ctl("logs", ACME, "-n", "7")
    assert f"GetLogs {ACME}  7" in ctl.calls()
    line = json.loads(ctl("logs", ACME, "--json=short").stdout.splitlines()[0])
    assert line == {"time": "2026-11-24T15:40:01.000000001Z", "source": "db", "text": "the database starts"}


def test_logs_of_one_that_wrote_nothing(ctl):
    done = ctl("logs", "denied")
    assert done.stdout == "" and done.stderr == "There are no log lines of client_deniedaaaaaa.\n"


def test_logs_without_past_lines(ctl):
    assert ctl("logs", ACME, "-n", "0").stdout == ""
    assert f"GetLogs {ACME}  1" in ctl.calls()
    done = ctl("logs", "-f", "-n", "0", BROKEN)
    assert [line[20:] for line in done.stdout.splitlines()] == ["a request"]


def test_logs_follow_until_it_is_deleted(ctl):
    done = ctl("logs", "-f", BROKEN)
    assert [line[20:] for line in done.stdout.splitlines()] == [
        "the database starts", "the application starts", "a request"]
    assert "has been deleted" in done.stderr


def test_credentials(ctl):
    assert re.search("^password +an-Open-Secret$", ctl("credentials", ACME).stdout, re.M)
    assert json.loads(ctl("credentials", ACME, "--json=short").stdout) == {"user": "postgres",
                                                                           "password": "an-Open-Secret"}


def test_compose(ctl):
    assert ctl("compose", ACME).stdout == "name: client_abcdefabcdef\nservices: {}\n"


def test_keep(ctl):
    ctl("keep", ACME)
    assert f"SetExpiry {ACME} {FOREVER}" in ctl.calls()
    ctl("keep", ACME, "--until=forever")
    ctl("keep", ACME, "--until=2100-01-31")
    end = int(datetime.datetime(2100, 1, 31, 23, 59, 59, tzinfo=datetime.timezone.utc).timestamp()) * 10**6
    assert ctl.calls()[-1] == f"SetExpiry {ACME} {end}"
    ctl("keep", ACME, "--until=90d")
    until = int(ctl.calls()[-1].split()[-1]) / 1e6
    assert abs(until - datetime.datetime.now().timestamp() - 90 * 86400) < 60
    for bad in ("2001-01-01", "soon", "30", "2100-02-31", "infinity"):
        assert f"--until={bad}" in ctl("keep", ACME, f"--until={bad}", code=2).stderr


def test_restart(ctl):
    assert ctl("restart", "abcd").stderr == f"Restarted {ACME}.\n"
    assert f"RestartWithOptions {ACME}" in ctl.calls()
    assert "Files are gone" in ctl("restart", "abcd", "--discard-files").stderr
    assert f"RestartWithOptions {ACME} discard_files" in ctl.calls()


def test_cleanup(ctl):
    done = ctl("cleanup")
    assert done.stdout == f"{ACME}\n" and "1 instance deleted" in done.stderr
    assert f"Cleanup {FOREVER} 0" in ctl.calls()
    assert "would be deleted" in ctl("cleanup", "--dry-run").stderr
    assert f"Cleanup {FOREVER} 1" in ctl.calls()
    ctl("cleanup", "--older-than=30d")
    assert f"Cleanup {30 * 86400 * 10**6} 0" in ctl.calls()
    assert "nothing to clean up" in ctl("cleanup", "--older-than=0").stderr


def test_cleanup_that_fails_in_part(ctl):
    done = ctl("cleanup", "--older-than=1d", code=1)
    assert f"{BROKEN} could not be deleted: Docker does not answer" in done.stderr
    assert "1 instance could not be deleted; they are tried again by the next cleanup" in done.stderr
    outcome = json.loads(ctl("cleanup", "--older-than=1d", "--json=short", code=1).stdout)
    assert outcome["removed"] == [ACME] and outcome["failed"][0]["id"] == BROKEN


def test_age_needs_its_unit(ctl):
    for bad in ("30", "a month", "", "-1d", "infinity"):
        ctl("cleanup", f"--older-than={bad}", code=2)
    assert not [call for call in ctl.calls() if call.startswith("Cleanup")]


def test_cleanup_by_age_asks_on_a_terminal(ctl):
    terminal = ctl.terminal("cleanup", "--older-than=30d")
    terminal.read_until("[y/N]")
    assert ACME in terminal.shown
    terminal.type("n\n")
    assert terminal.wait() == 1
    assert [call.split()[-1] for call in ctl.calls() if call.startswith("Cleanup")] == ["1"]


def test_product_list(ctl):
    lines = ctl("product", "list").stdout.splitlines()
    assert lines[1].split() == ["app", "An", "application", "docker.io/library/app:1", "2"]
    assert ctl("product").stdout.splitlines() == lines
    assert [p["id"] for p in json.loads(ctl("product", "list", "--json=short").stdout)] == ["app", "my-reader"]


def test_product_show(ctl):
    assert json.loads(ctl("product", "show", "app").stdout)["env"] == {"KEY": "${SECRET:key}"}
    done = ctl("product", "show", "my-reader")
    assert json.loads(done.stdout) == {"id": "my-reader"} and "secrets" in done.stderr
    assert 'Did you mean the product "app"' in ctl("product", "show", "aap", code=3).stderr
    assert "has not been read yet" in ctl("product", "show", "unread", code=5).stderr


def test_product_set(ctl, tmp_path):
    file = tmp_path / "p.json"
    file.write_text('{"id": "app"}')
    assert ctl("product", "set", str(file)).stderr == "Set the product app.\n"
    assert 'SetProduct {"id": "app"}' in ctl.calls()
    ctl("product", "set", "-", input='{"id": "other"}')
    assert 'SetProduct {"id": "other"}' in ctl.calls()
    # What a shell makes of <(command).
    ctl("product", "set", "/dev/stdin", input='{"id": "piped"}')
    assert 'SetProduct {"id": "piped"}' in ctl.calls()


def test_product_set_refuses(ctl, tmp_path):
    file = tmp_path / "p.json"
    for text, code, words in [("{", 2, "is not JSON: line 1, column 2: it ends too early"),
                              ('{\n"id": "app",\n"id": "b"}', 2, "line 3, column 1: “id” is there twice"), ('{"id": "app", "bad": 1}', 2, "bad: it is not a field"),
                              ('"' + "x" * 70000 + '"', 2, "64 KiB")]:
        file.write_text(text)
        error = ctl("product", "set", str(file), code=code).stderr
        assert words in error and str(file) in error
    assert "No such file" in ctl("product", "set", str(tmp_path / "none"), code=2).stderr
    assert "Is a directory" in ctl("product", "set", str(tmp_path), code=2).stderr


def test_product_delete(ctl):
    ctl("product", "delete", "my-reader", code=2)
    assert ctl("product", "delete", "my-reader", "--yes").stderr == "Deleted the product my-reader.\n"
    assert "The product app has 2 instances" in ctl("product", "delete", "app", "--yes", code=1).stderr


def editor(tmp_path, script):
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"EDITOR": str(path), "VISUAL": "", "TMPDIR": str(tmp_path)}


def test_product_edit(ctl, tmp_path):
    ctl("product", "edit", "app", env=editor(tmp_path, 'sed -i s/An/Another/ "$1"'))
    said = "\n".join(ctl.calls())
    assert said.count("SetProduct") == 1 and "Another application" in said and "${SECRET:key}" in said
    assert not list(tmp_path.glob("arkctl-product-*"))


def test_product_edit_without_a_change(ctl, tmp_path):
    assert "Nothing was changed" in ctl("product", "edit", "app", env=editor(tmp_path, "true")).stderr
    assert "SetProduct" not in "\n".join(ctl.calls())


def test_product_edit_that_is_refused_is_kept(ctl, tmp_path):
    done = ctl("product", "edit", "app", env=editor(tmp_path, 'echo "{" > "$1"'), code=2)
    kept = re.search(r"is kept in (\S+\.json)\.", done.stderr).group(1)
    assert open(kept).read() == "{\n"
    assert (tmp_path / kept).stat().st_mode & 0o777 == 0o600
    # It is no mere remark, for --quiet to leave out.
    assert "is kept in" in ctl("-q", "product", "edit", "app", env=editor(tmp_path, 'echo "[" > "$1"'), code=2).stderr
    ctl("product", "edit", "my-reader", env=editor(tmp_path, "true"), code=4)


def test_product_edit_whose_editor_fails(ctl, tmp_path):
    error = ctl("product", "edit", "app", env=editor(tmp_path, "exit 1"), code=1).stderr
    assert "kept" not in error and not list(tmp_path.glob("arkctl-product-*")) # there is nothing to keep
    error = ctl("product", "edit", "app", env=editor(tmp_path, 'echo x >> "$1"; exit 1'), code=1).stderr
    assert open(re.search(r"is kept in (\S+\.json)\.", error).group(1)).read().endswith("x\n")
    error = ctl("product", "edit", "app", env=editor(tmp_path, 'rm "$1"'), code=1).stderr
    assert "cannot be read" in error and "kept" not in error
    assert "SetProduct" not in "\n".join(ctl.calls())


def test_product_edit_and_interrupts(ctl, tmp_path):
    """Ctrl-C in the editor is the editor's, and at the question it loses nothing."""
    script = 'trap "" INT; echo "{" > "$1"; echo edit; read line'
    terminal = ctl.terminal("product", "edit", "app", env=editor(tmp_path, script))
    terminal.read_until("edit\r\n")
    terminal.interrupt()
    terminal.type("\n")
    terminal.read_until("[y/N]")
    kept = re.search(r"is kept in (\S+\.json)\.", terminal.shown).group(1)
    terminal.interrupt()
    terminal.wait()
    assert open(kept).read() == "{\n"


def test_log_level(ctl):
    assert ctl("log-level").stdout == "info\n"
    ctl("log-level", "debug")
    assert ctl("log-level").stdout == "debug\n"
    assert "There is no log level" in ctl("log-level", "loud", code=2).stderr


def test_status(ctl):
    checks = {check["check"]: check for check in reversed(json.loads(ctl("status", "--json=short").stdout))}
    assert set(checks) == {"arkd", "engine", "store", "records", "unknown", "volumes", "nginx", "network", "isolation",
                           "address", "applications", "disk", "memory", "tailscale", "timer", "access", "state",
                           "instances", "data", "storage", "web"}
    assert checks["storage"]["verdict"] == "warning"
    assert checks["storage"]["detail"] == ("client_deniedaaaaaa has written 3.0G outside of volumes. Instances take up 5.0G "
                                           f"in volumes and 3.0G outside of them, {ACME} most (5.0G); measured 3min ago")
    assert "docker diff client_deniedaaaaaa" in checks["storage"]["remedy"]
    assert checks["instances"]["verdict"] == "warning"
    assert f"{BROKEN} (app: It exited with status 3" in checks["instances"]["detail"]
    assert checks["data"]["verdict"] == "skipped"
    assert checks["arkd"]["verdict"] == "ok" and "9.9" in checks["arkd"]["detail"]
    assert checks["nginx"]["verdict"] == "skipped" # there is no systemd on this bus
    assert checks["address"]["detail"] == "Links begin with http://ark.test:3000"
    assert checks["applications"]["verdict"] == "ok" and "http://ark.test:3002" in checks["applications"]["detail"]


def test_status_of_volumes_without_an_owner(lonely):
    lonely.start_service("10")
    checks = {check["check"]: check for check in json.loads(lonely("status", "--json=short", code=1).stdout)}
    assert checks["storage"]["verdict"] == "skipped" and "not been measured" in checks["storage"]["detail"]
    found = checks["volumes"]
    names = [f"client_{letter}aaaaaaaaaaa_db_data" for letter in "abcdefgh"]
    assert found["verdict"] == "warning"
    assert found["detail"] == f"10 belong to no instance: {', '.join(names)} and 2 more"
    for words in ("Redis", f"docker volume inspect {names[0]}", f"docker volume rm {names[0]}"):
        assert words in found["remedy"]
    found = checks["applications"]
    assert found["verdict"] == "warning" and "arkctl restart --all" in found["remedy"]
    assert found["detail"] == ("10 instances of before have not moved to http://ark.test:3002: "
                               "ma, mb, mc, md, me, mf, mg, mh and 2 more")
    text = lonely("status", code=1).stdout
    assert "1 warning" in text or "warnings." in text
    assert "volumes: arkd leaves what may hold" in text


def test_restart_of_those_that_need_it(lonely):
    lonely.start_service("10")
    done = lonely("restart", "--all", code=3)
    assert done.stderr.startswith("10 instances need a restart to know their present address.\n")


def test_restart_of_none(ctl):
    assert ctl("restart", "--all").stderr == "No instance needs a restart: every application knows its present address.\n"
    assert "or --all for" in ctl("restart", code=2).stderr
    assert "not both" in ctl("restart", "--all", "acme", code=2).stderr


def test_status_of_what_the_store_has_lost(lonely):
    lonely.start_service("1")
    checks = {check["check"]: check for check in json.loads(lonely("status", "--json=short", code=1).stdout)}
    assert checks["records"]["verdict"] == checks["unknown"]["verdict"] == "failed"
    assert "it had 40 of 42 changes" in checks["records"]["detail"]
    assert "arkctl adopt --all" in checks["records"]["remedy"]
    assert "2 instances that this host has: client_lostaaaaaaaa (Lost Inc), client_torneaaaaaaa." in checks["unknown"]["detail"]
    assert "arkctl adopt --all" in checks["unknown"]["remedy"]
    assert "client_torneaaaaaaa cannot be adopted: its compose file is missing." in checks["unknown"]["remedy"]


def test_status_of_damaged_records(lonely):
    lonely.start_service("11")
    checks = {check["check"]: check for check in json.loads(lonely("status", "--json=short", code=1).stdout)}
    assert checks["records"]["detail"] == "1 cannot be read: instance:client_tornaaaaaaaa"


def test_adopt(lonely):
    lonely.start_service("1")
    assert lonely("adopt", "lost").stderr == "Adopted client_lostaaaaaaaa (Lost Inc).\n"
    assert lonely.calls()[-1] == "AdoptInstance client_lostaaaaaaaa"
    done = lonely("adopt", "--all", code=1)
    assert "Adopted client_lostaaaaaaaa (Lost Inc), 1 of 2.\n" in done.stderr
    assert "Cannot adopt client_torneaaaaaaa: " in done.stderr and "file is missing" in done.stderr
    told = json.loads(lonely("adopt", "--all", "--json=short", code=1).stdout)
    assert told["adopted"] == ["client_lostaaaaaaaa"] and told["failed"][0]["id"] == "client_torneaaaaaaa"
    assert "--all" in lonely("adopt", code=2).stderr
    assert "not both" in lonely("adopt", "--all", "lost", code=2).stderr


def test_nothing_to_adopt(ctl):
    assert "nothing to adopt" in ctl("adopt", "--all").stderr
    assert json.loads(ctl("adopt", "--all", "--json=short").stdout) == {"adopted": [], "failed": []}


def test_status_without_volumes(ctl):
    checks = {check["check"]: check for check in json.loads(ctl("status", "--json=short").stdout)}
    assert checks["volumes"]["verdict"] == "ok" and checks["volumes"]["remedy"] is None


def test_status_of_an_old_daemon(ctl_old):
    checks = {check["check"]: check for check in json.loads(ctl_old("status", "--json=short").stdout)}
    assert checks["arkd"]["verdict"] == "ok"
    for name in ("records", "unknown", "volumes", "address", "applications", "storage"):
        assert checks[name]["verdict"] == "skipped" and "too old" in checks[name]["detail"]


def test_status_without_arkd(lonely):
    checks = {check["check"]: check for check in json.loads(lonely("status", "--json=short", code=5).stdout)}
    assert checks["arkd"]["verdict"] == "failed"
    assert {checks[name]["verdict"] for name in ("engine", "store", "records", "unknown", "volumes", "address",
                                                 "applications", "instances", "data", "storage")} == {"skipped"}


def test_help_and_version(bare):
    assert "deploy PRODUCT" in bare("--help").stdout
    assert bare("help", "logs").stdout.startswith("arkctl [OPTION...] logs ID")
    assert bare("logs", "--help").stdout == bare("help", "logs").stdout
    assert re.fullmatch(r"arkctl \d+\.\d+.*\n", bare("version").stdout)
    assert bare("--version").stdout == bare("version").stdout
