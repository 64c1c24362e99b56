#!/usr/bin/python3
# SPDX-License-Identifier: MIT
r"""
Prints own-addresses.conf: maps that bring the addresses in an application's answer back under its instance's path,
however the application spells itself. nginx's own proxy_redirect knows neither Link nor Content-Location, holds the
letters of a host for different ones where their case differs, and would have to be told every spelling.

A map's regular expression has no variables, so what an address is compared with is put in front of it, a line each
($ark_own in maps.conf), and referred back to: strip or keep, the instance's path, the host and the port that the
application was asked by, "s" where that is https, its own address and port.

A map replaces one address, and Link may have any number: LINKS of them are done one after the other, with a line break
between what is done and what is not. Those beyond are left out, for they would lead elsewhere.
"""

LINKS = 24
OWN = r"([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n"
# By the name it was asked by, by its own address or, as web servers do that know their own port and not the one in
# front, by the one with the other's port.
AUTHORITY = r"(?i:(?:http\4?:)?//(?:\2(?::(?:\3|\6|80|443)?)?|\5(?::\6)?))"
END = "(?:[/?#\"'>]|$)"
BELOW = r"\1" + END
SEEN = {"Location": "", "Content-Location": "", "Refresh": r"[^;,\n]*[;,]\s*(?i:url\s*=\s*)?[\x22']?"}


def rules(begin, rest):
    """What an address is, up to what stays of it, and what comes in its place."""
    own, strip = f"~^(?:strip|keep)\\n{OWN}{begin}", f"~^strip\\n{OWN}{begin}"
    yield f"{own}{AUTHORITY}(?={BELOW}){rest}", "$ark_app_redirect"
    yield f"{strip}{AUTHORITY}(?=/){rest}", "$ark_app_redirect$ark_app_base"
    yield f"{strip}{AUTHORITY}(?={END}){rest}", "$ark_app_redirect$ark_app_base/"
    yield f"{strip}(?=/(?!/))(?!{BELOW}){rest}", "$ark_app_base"


def quoted(text):
    return '"' + text.replace('"', '\\"') + '"'


def print_map(key, name, pairs):
    print(f"map {quoted(key)} ${name} {{")
    for pattern, value in pairs:
        print(f"    {quoted(pattern) if pattern else 'default'} {quoted(value)};")
    print("}")


def print_one(header):
    """Groups have names of their own in each map: numbered ones would not outlive that a map asks another."""
    name = "ark_" + header.lower().replace("-", "_")
    seen = "$sent_http_" + header.lower().replace("-", "_")
    begin, rest = f"(?<{name}_begin>{SEEN[header]})", f"(?<{name}_rest>[^\\n]*)$"
    print_map(f"$ark_own{seen}", f"{name}_own",
              [("", seen), *((one, f"${name}_begin{new}${name}_rest") for one, new in rules(begin, rest))])
    print(f'map {seen} ${name} {{\n    default ${name}_own;\n    "" "";\n}}')


def print_links():
    for i in range(1, LINKS + 1):
        name, before = f"ark_link_{i}", f"$ark_link_{i - 1}" if i > 1 else "\\n$sent_http_link"
        begin = f"(?<{name}_done>[^\\n]*)\\n(?<{name}_begin>[^<\\n]*<)"
        rest = f"(?<{name}_rest>[^>\\n]*>)(?<{name}_todo>[^\\n]*)$"
        pairs = [*rules(begin, rest), (f"~^(?:strip|keep)\\n{OWN}{begin}{rest}", "")]
        print_map(f"$ark_own{before}", name, [("", before), *(
            (one, f"${name}_done${name}_begin{new}${name}_rest\\n${name}_todo") for one, new in pairs)])
    print_map(f"$ark_link_{LINKS}", "ark_links", [
        (r"~^(?<ark_links_done>[^\n]*)\n(?<ark_links_end>[^<]*)$", "$ark_links_done$ark_links_end"),
        (r"~^(?<ark_links_done>[^\n]*)\n(?<ark_links_end>[^<]*?)[,\s]*<", "$ark_links_done$ark_links_end")])
    print('map $sent_http_link $ark_link {\n    default $ark_links;\n    "" "";\n}')


def main():
    print("# SPDX-License-Identifier: MIT\n# Made by nginx/own-addresses.py, which says why.")
    for header in SEEN:
        print_one(header)
    print_links()


if __name__ == "__main__":
    main()
