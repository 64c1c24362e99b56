# SPDX-License-Identifier: MIT
"""Every verb, option, key, field and method is in its manual page and in the completion of each shell."""

import re
import shutil
import subprocess
import xml.etree.ElementTree

import pytest

from conftest import TOP

PAGES = ["arkctl.1", "arkd.8", "arkd-firewall.service.8", "arkd-nginx.service.8",
         "arkd.conf.5", "arkd-product.5", "network.ark.Deploy1.5", "ark-deploy.7"]
SHELLS = ["bash", "zsh", "fish"]


def page(name):
    """The source of a page, without the backslashes that keep scdoc from seeing markup."""
    return (TOP / "man" / f"{name}.scd").read_text().replace("\\_", "_").replace("\\*", "*")


def completion(shell):
    return (TOP / "completion" / f"arkctl.{shell}").read_text()


def sections(ctl, *arguments):
    """What a help text has below each of its headings."""
    found = {}
    for part in ctl("help", *arguments).stdout.split("\n\n"):
        heading, _, rest = part.partition(":\n")
        found[heading.split(" (")[0]] = rest.splitlines()
    return found


def verbs(ctl):
    parts = sections(ctl)
    lines = parts["Instances"] + parts["Products"] + parts["The host"]
    found = [re.match(r"  ((?:product )?[a-z-]+)", line).group(1) for line in lines]
    assert len(found) > 15 and "product edit" in found
    return found


def options(lines):
    """(-x or None, --name or None) of each."""
    found = []
    for line in lines:
        match = re.match(r"  (?:(-\w)|  ) ?(--[a-z-]+)?", line)
        if match.group(1) or match.group(2):
            found.append((match.group(1), match.group(2)))
    return found


def test_help_fits_a_terminal(bare):
    for arguments in [()] + [tuple(verb.split()) for verb in verbs(bare)] + [("product",)]:
        for line in bare("help", *arguments).stdout.splitlines():
            assert len(line) <= 80, line


def test_every_verb_is_in_the_manual(bare):
    text = page("arkctl.1")
    for verb in verbs(bare):
        assert re.search(rf"^\*{verb}\*( |$)", text, re.M), verb


def test_every_option_is_in_the_manual(bare):
    text = page("arkctl.1")
    parts = sections(bare)
    all_of_them = options(parts["Options of single verbs"]) + options(parts["Options"])
    assert len(all_of_them) > 15
    for letter, name in all_of_them:
        pattern = ", ".join(rf"\*{word}\*" for word in (letter, name) if word)
        assert re.search(rf"^{pattern}(=|$)", text, re.M), (letter, name)


def test_no_option_of_the_manual_is_made_up(bare):
    parts = sections(bare)
    known = {word for pair in options(parts["Options of single verbs"]) + options(parts["Options"]) for word in pair}
    for letter, name in re.findall(r"^\*(-\w)\*|^(?:\*-\w\*, )?\*(--[a-z-]+)\*", page("arkctl.1"), re.M):
        assert (letter or name) in known


@pytest.mark.parametrize("shell", SHELLS)
def test_every_verb_is_completed(bare, shell):
    text = completion(shell)
    for verb in verbs(bare):
        assert re.search(rf"(?<![\w-]){verb.split()[-1]}(?![\w-])", text), verb


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_is_completed(bare, shell):
    text = completion(shell)
    parts = sections(bare)
    for letter, name in options(parts["Options of single verbs"]) + options(parts["Options"]):
        word = name or letter
        if shell == "fish":
            word = f"-l {name[2:]}" if name else f"-s {letter[1:]}"
        assert re.search(rf"(?<![\w-]){word}(?![\w-])", text), word


def test_every_option_is_completed_after_its_verb(bare):
    for verb in verbs(bare):
        own = sections(bare, *verb.split()).get("Options of this verb", [])
        candidates = bash(bare, ["arkctl", *verb.split(), "--"])
        for _, name in options(own):
            assert name in [candidate.rstrip("=") for candidate in candidates], (verb, name)
        assert "--json=" in candidates


def bash(ctl, words):
    """What bash would offer for the last word."""
    script = f"""
        source {TOP}/completion/arkctl.bash
        compopt() {{ :; }}
        arkctl() {{ "$ARKCTL" "$@"; }}
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _arkctl
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    from conftest import ARKCTL
    done = subprocess.run(["bash", "-c", script, "bash", *words], env={**ctl.env, "ARKCTL": ARKCTL},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_knows_what_there_is(ctl):
    assert bash(ctl, ["arkctl", "show", "client_abcx"]) == ["client_abcxyzabcxyz"]
    assert bash(ctl, ["arkctl", "delete", "qqq"]) == ["client_qqqqqqqqqqqq"]
    assert bash(ctl, ["arkctl", "deploy", ""]) == ["app", "my-reader"]
    assert bash(ctl, ["arkctl", "list", "--product", "=", "my"]) == ["my-reader"]
    assert "client_abcxyzabcxyz" not in bash(ctl, ["arkctl", "restart", ""])
    assert bash(ctl, ["arkctl", "product", "e"]) == ["edit"]


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_knows_what_there_is(ctl):
    from conftest import ARKCTL

    def complete(line):
        script = f"function arkctl; {ARKCTL} $argv; end; source {TOP}/completion/arkctl.fish; complete -C '{line}'"
        done = subprocess.run(["fish", "--no-config", "-c", script], env={**ctl.env, "HOME": str(ctl.directory)},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
        assert done.stderr == ""
        return [line.split("\t")[0] for line in done.stdout.splitlines()]

    assert complete("arkctl show client_abcx") == ["client_abcxyzabcxyz"]
    assert complete("arkctl deploy ") == ["app", "my-reader"]
    assert complete("arkctl product e") == ["edit"]
    assert "--until" in "".join(complete("arkctl keep --un"))


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_reads_its_completion():
    subprocess.run(["zsh", "-n", str(TOP / "completion/arkctl.zsh")], check=True)


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_knows_what_there_is(ctl):
    from conftest import ARKCTL, Terminal

    (ctl.directory / "_arkctl").symlink_to(TOP / "completion/arkctl.zsh")
    shell = Terminal(["zsh", "-f", "-i"], {**ctl.env, "HOME": str(ctl.directory), "TERM": "dumb"}, columns=200)

    def complete(line, expected):
        # On a line of its own; \x15 empties it again.
        shell.shown = ""
        shell.type(line + "\t")
        shell.read_until(expected)
        shell.type("\x15")

    shell.type(f"arkctl() {{ {ARKCTL} \"$@\" }}; fpath=({ctl.directory} $fpath); autoload -U compinit; compinit -u -D\n")
    shell.type("echo re''ady\n")
    shell.read_until("ready\r\n")
    complete("arkctl delete client_abcx", "client_abcxyzabcxyz")
    complete("arkctl show qq", "client_qqqqqqqqqqqq")
    # What a name has after a space is part of it.
    complete("arkctl show client_", "my-reader for Café Ñandú")
    complete("arkctl deploy m", "my-reader")
    complete("arkctl deploy ", "app        -- An application")
    complete("arkctl product e", "edit")
    complete("arkctl keep --un", "--until=")
    complete("arkctl list --status=fai", "failed")
    shell.type("exit\n")
    shell.wait()


def test_every_key_is_in_the_manual():
    source = (TOP / "src/arkd/config-key.c").read_text()
    keys = re.findall(r'^ +\{ "(\w+)", config_\w+,', source, re.M)
    assert len(keys) > 15
    manual = re.findall(r"^\*(\w+)=\*$", page("arkd.conf.5"), re.M)
    assert sorted(keys) == sorted(manual)


def test_every_key_is_in_the_configuration_as_shipped():
    shipped = re.findall(r"^#(\w+)=", (TOP / "packaging/arkd.conf").read_text(), re.M)
    manual = re.findall(r"^\*(\w+)=\*$", page("arkd.conf.5"), re.M)
    assert set(shipped) <= set(manual)


def product_source():
    return "".join(file.read_text() for file in sorted((TOP / "src/core/model").glob("product*.c")))


def test_every_field_of_a_product_is_in_the_manual():
    source = product_source()
    fields = re.findall(r'^ +\{ "(\w+)", (?:product_)?parse_\w+', source, re.M)
    assert len(fields) > 15
    manual = re.findall(r"^\*([a-z_]+)\*(?: \(required\))?$", page("arkd-product.5"), re.M)
    assert sorted(fields) == sorted(manual)
    required = re.findall(r'^ +\{ "(\w+)", (?:product_)?parse_\w+, \.required = true', source, re.M)
    assert sorted(required) == sorted(re.findall(r"^\*([a-z_]+)\* \(required\)$", page("arkd-product.5"), re.M))


def test_every_variable_of_a_product_is_in_the_manual():
    source = product_source()
    body = source[source.index("check_variable("):]
    names = re.findall(r'"([A-Z_]{5,})"', body[:body.index("\n}\n")])
    assert len(names) >= 10
    for name in names:
        assert f"${{{name}}}" in page("arkd-product.5"), name


def test_every_metric_is_in_the_manual():
    source = (TOP / "src/core/verbs/metrics.c").read_text()
    names = set(re.findall(r'"((?:arkd|process)_[a-z_]+)", "(?:gauge|counter|histogram)"', source))
    assert len(names) > 15
    text = page("arkd.8").partition("# METRICS")[2].partition("\n# ")[0]
    assert names == set(re.findall(r"\*((?:arkd|process)_[a-z_]+)\*", text))


def bus_members():
    for file in sorted((TOP / "dbus").glob("network.ark.Deploy1.*.xml")):
        interface = xml.etree.ElementTree.parse(file).find("interface")
        yield from ((interface.get("name"), member) for member in interface
                    if member.tag in ("method", "property", "signal"))


def signature(method):
    """As the manual writes it: "(s id) → (o path)"."""
    def side(direction):
        return ", ".join(f"{a.get('type')} {a.get('name')}" for a in method.iter("arg") if a.get("direction") == direction)
    results = side("out")
    return f"({side('in')})" + (f" → ({results})" if results else "")


def bus_section(interface):
    _, _, rest = page("network.ark.Deploy1.5").partition(f"\n# {interface.upper()}\n")
    return rest.partition("\n# ")[0]


def test_every_member_of_the_bus_is_in_the_manual():
    members = list(bus_members())
    assert len(members) > 30
    for interface, member in members:
        name = member.get("name")
        text = bus_section(interface)
        if member.tag == "method":
            assert re.search(rf"^\*{name}\*{re.escape(signature(member))}( _\(slow\)_)?$", text, re.M), (
                interface, name, signature(member))
        else:
            assert re.search(rf"^(\*\w+\*, )*\*{name}\*(, \*\w+\*)* \({re.escape(member.get('type'))}\)$", text, re.M), name


def test_no_method_of_the_manual_is_made_up():
    known = {(interface, member.get("name")) for interface, member in bus_members()}
    for interface in {interface for interface, _ in known}:
        for name in re.findall(r"^\*(\w+)\*\(", bus_section(interface), re.M):
            assert (interface, name) in known, name


def test_the_tests_arkd_is_like_the_real_one(ctl):
    real = {(interface, member.get("name")): member for interface, member in bus_members()}
    for path, interface in [("/network/ark/Deploy1", "Manager"),
                            ("/network/ark/Deploy1/instance/client_abcdefabcdef", "Instance"),
                            ("/network/ark/Deploy1/product/app", "Product")]:
        done = subprocess.run(["busctl", f"--address={ctl.env['DBUS_SYSTEM_BUS_ADDRESS']}", "introspect",
                               "--xml-interface", "network.ark.Deploy1", path], stdout=subprocess.PIPE, text=True,
                              check=True, timeout=20)
        full = f"network.ark.Deploy1.{interface}"
        found = [i for i in xml.etree.ElementTree.fromstring(done.stdout).iter("interface") if i.get("name") == full]
        members = [member for i in found for member in i if member.tag in ("method", "property")]
        assert members
        for member in members:
            counterpart = real.get((full, member.get("name")))
            assert counterpart is not None, member.get("name")
            types = [[(a.get("type"), a.get("direction")) for a in m.iter("arg")] for m in (member, counterpart)]
            assert types[0] == types[1] and member.get("type") == counterpart.get("type"), member.get("name")


def test_every_polkit_action_is_in_the_manual():
    policy = (TOP / "polkit/network.ark.deploy1.policy").read_text()
    actions = re.findall(r'<action id="network\.ark\.deploy1\.([a-z-]+)"', policy)
    assert actions
    for action in actions:
        assert f"network.ark.deploy1.{action}" in page("network.ark.Deploy1.5"), action
        assert action in page("arkctl.1"), action


def test_every_exit_code_is_in_the_manual():
    source = (TOP / "src/arkctl/ctl.h").read_text()
    codes = re.findall(r"^ +CTL_\w+ = (\d+),", source, re.M)
    assert len(codes) > 5
    text = page("arkctl.1").partition("# EXIT STATUS")[2].partition("\n# ")[0]
    assert re.findall(r"^\*(\d+)\*$", text, re.M) == codes


@pytest.mark.skipif(not shutil.which("scdoc"), reason="scdoc is not installed")
@pytest.mark.parametrize("name", PAGES)
def test_page_is_well_formed(name, tmp_path):
    file = tmp_path / name
    with open(TOP / "man" / f"{name}.scd") as source:
        file.write_bytes(subprocess.run(["scdoc"], stdin=source, stdout=subprocess.PIPE, check=True).stdout)
    done = subprocess.run(["lexgrog", str(file)], stdout=subprocess.PIPE, text=True)
    title = name.rpartition(".")[0]
    assert done.returncode == 0 and f'"{title} - ' in done.stdout
    done = subprocess.run(["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", str(file)], stderr=subprocess.PIPE,
                          text=True)
    assert [line for line in done.stderr.splitlines() if "font" not in line and "cannot adjust" not in line
            and "can't break" not in line] == []


def test_pages_refer_to_pages_that_there_are():
    ours = {tuple(name.rsplit(".", 1)) for name in PAGES}
    for name in PAGES:
        for title, section in re.findall(r"\*([a-zA-Z][\w.-]*ark[\w.-]*|ark[\w.-]+)\*\((\d)\)", page(name)):
            assert (title, section) in ours, f"{name}: {title}({section})"
