# SPDX-License-Identifier: MIT
"""However an application spells itself, what it says leads to its instance, and nothing else is touched."""

import shutil
import subprocess

import pytest

from conftest import free_port, wait_for

BASIC = [("Authorization", "Basic dTpw")]
# What the application says, and what becomes of it: {host} is how it was asked, {name} that without its port, {port}
# its own port, {there} where the visitor is led.
OWN = [
    ("/x?a=/y", "{base}/x?a=/y"), ("/", "{base}/"), ("/x//y", "{base}/x//y"), ("/instances/other/", "{base}/instances/other/"),
    ("{base}/x", "{base}/x"), ("{base}", "{base}"), ("{base}?a", "{base}?a"), ("{base}#a", "{base}#a"),
    ("{base}x/y", "{base}{base}x/y"),
    ("http://{host}/x", "{there}{base}/x"), ("//{host}/x", "{there}{base}/x"), ("HTTP://{host}/x", "{there}{base}/x"),
    ("http://{name}/x", "{there}{base}/x"), ("//{name}/x", "{there}{base}/x"), ("http://{name}:80/x", "{there}{base}/x"),
    ("http://{name}:{port}/X", "{there}{base}/X"), ("http://{NAME}:{port}/x", "{there}{base}/x"),
    ("//{NAME}/x", "{there}{base}/x"), ("http://{name}:/x", "{there}{base}/x"),
    ("http://{upstream}/x", "{there}{base}/x"), ("//{upstream}", "{there}{base}/"),
    ("http://{host}", "{there}{base}/"), ("http://{host}?a=1", "{there}{base}/?a=1"), ("//{name}#a", "{there}{base}/#a"),
    ("http://{host}/", "{there}{base}/"),
    ("http://{host}{base}/x", "{there}{base}/x"), ("http://{name}{base}/x", "{there}{base}/x"),
    ("//{host}{base}", "{there}{base}"), ("http://{host}{base}?a", "{there}{base}?a"),
    ("http://{name}:{port}{base}/x", "{there}{base}/x"), ("http://{upstream}{base}/x", "{there}{base}/x"),
    ("http://{host}{base}x/", "{there}{base}{base}x/"),
]
OTHERS = [
    "x", "../x", "?p=2", "#a", "./", "x:y", "https://other.example/x", "//other.example/x", "http://{name}:9/x",
    "http://{name}.other.example/x", "http://{name}:{port}9/x", "http://{name}@other.example/x", "http://not{name}/x",
    "ftp://{name}/x", "https://{host}/x", "mailto:me@{name}", "http://{name}x/",
]
KEPT = [(said, becomes) for said, becomes in OWN if "{base}" in said and "{base}x" not in said] + [
    (said, said) for said in ("/", "/x", "http://{host}/", "http://{name}/x", "//{host}", "http://{host}{base}x/")]
HEADERS = {
    "Location": "{}",
    "Content-Location": "{}",
    "Refresh": "3; url={}",
    "Link": "<{}>; rel=preload; as=style",
}
REFRESHES = ["0;URL='{}'", "0;{}", '1, url = "{}"', "0.5;url={}"]


class Case:
    def __init__(self, site, app, base, host, stays):
        self.site, self.app, self.base, self.stays = site, app, base, stays
        # What stays at the landing page's port is told the applications' one, and named as it was asked.
        self.asked = f"{host}:{site.public if stays else site.applications}"
        told = f"{host}:{site.applications}"
        self.fill = {"base": base, "host": told, "name": host, "NAME": host.swapcase(), "upstream": app.address,
                     "port": app.address.split(":")[1], "there": "" if stays else f"http://{told}"}

    def say(self, headers, status=302):
        headers = [(name, value.format(**self.fill)) for name, value in headers]
        self.app.answer = lambda request, handler: (status, headers, b"")
        answer = self.site.ask(f"{self.base}/", headers=[("Host", self.asked), *(BASIC if self.stays else [])],
                               port=self.site.public if self.stays else self.site.applications)
        assert answer.status == status
        return answer

    def check(self, pairs):
        for said, becomes in pairs:
            answer = self.say([(name, form.format(said)) for name, form in HEADERS.items()])
            for name, form in HEADERS.items():
                assert answer.get(name) == form.format(becomes).format(**self.fill), (name, said)


@pytest.fixture(params=["ark.example", "[fd00::1]", "100.64.0.7"])
def host(request):
    return request.param


@pytest.mark.parametrize("stays", [False, True])
def test_what_is_stripped_comes_back(site, app, running, host, stays):
    Case(site, app, f"/instances/{running}", host, stays).check(OWN)


@pytest.mark.parametrize("stays", [False, True])
def test_what_is_kept_is_only_led_to_the_right_port(site, app, keeping, host, stays):
    Case(site, app, f"/instances/{keeping}", host, stays).check(KEPT)


@pytest.mark.parametrize("kind", ["running", "keeping"])
@pytest.mark.parametrize("stays", [False, True])
def test_what_leads_elsewhere_stays_as_it_is(site, app, request, host, kind, stays):
    case = Case(site, app, f"/instances/{request.getfixturevalue(kind)}", host, stays)
    case.check([(said, said) for said in OTHERS])


@pytest.mark.parametrize("form", REFRESHES)
def test_refresh_has_many_forms(site, app, running, form):
    case = Case(site, app, f"/instances/{running}", "ark.example", False)
    for said, becomes in OWN:
        answer = case.say([("Refresh", form.format(said))], 200)
        assert answer.get("Refresh") == form.format(becomes).format(**case.fill)
    assert case.say([("Refresh", "5")], 200).get("Refresh") == "5"


def test_every_link_comes_back(site, app, running):
    case = Case(site, app, f"/instances/{running}", "ark.example", False)
    said, becomes = zip(*(OWN[i % len(OWN)] for i in range(20)))
    one = ", ".join(f"<{each}>; rel=preload; as=style" for each in said[:12])
    answer = case.say([("Link", one), *(("Link", f'<{each}>;rel="next"') for each in said[12:]), ("Link", "<x>; rel=x")], 200)
    expected = [f"<{each}>; rel=preload; as=style" for each in becomes[:12]] + \
        [f'<{each}>;rel="next"' for each in becomes[12:]] + ["<x>; rel=x"]
    assert ", ".join(answer.all("Link")) == ", ".join(expected).format(**case.fill)


def test_links_without_number_lead_nowhere_else(site, app, running):
    case = Case(site, app, f"/instances/{running}", "ark.example", False)
    answer = case.say([("Link", ", ".join(f"</{i}>; rel=preload" for i in range(200)))], 200)
    assert answer.get("Link") == ", ".join(f"<{case.base}/{i}>; rel=preload" for i in range(24))


def test_an_answer_without_addresses_has_none(site, app, running):
    case = Case(site, app, f"/instances/{running}", "ark.example", False)
    answer = case.say([("Link", "")], 200)
    assert not any(answer.all(name) for name in ("Location", "Content-Location", "Refresh"))


@pytest.mark.parametrize("said", ["http://second.example/x", "https://second.example/x", "//SECOND.example:443/x",
                                  "https://second.example:8443/x", "http://second.example:{port}/x", "http://{upstream}/x"])
def test_where_tls_ends_in_front(site, app, running, said):
    """The application may or may not heed that a proxy speaks https for it."""
    fill = {"upstream": app.address, "port": app.address.split(":")[1]}
    app.answer = lambda request, handler: (302, [("Location", said.format(**fill))], b"")
    answer = site.ask(f"/instances/{running}/", port=site.applications, headers=[
        ("Host", "ark.example"), ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", "second.example:8443"),
        ("X-Forwarded-Proto", "https")])
    assert answer.get("Location") == f"https://second.example:8443/instances/{running}/x"


# ---- A web server as the application ----

SWITCHES = [(absolute, port) for absolute in ("on", "off") for port in ("on", "off")]


@pytest.fixture(scope="module")
def web_server(tmp_path_factory):
    """Debian's nginx with a folder, served at a port for each way of redirecting to it."""
    root = tmp_path_factory.mktemp("web_server")
    (root / "www/sub").mkdir(parents=True)
    (root / "www/sub/index.html").write_text("in the folder")
    ports = {switches: free_port() for switches in SWITCHES}
    servers = "".join(f"server {{ listen 127.0.0.1:{port}; root {root}/www; absolute_redirect {absolute}; port_in_redirect {with_port}; }}\n"
                      for (absolute, with_port), port in ports.items())
    places = "".join(f"{kind}_temp_path {root}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (root / "nginx.conf").write_text(f"user root;\ndaemon off;\npid {root}/pid;\nevents {{}}\n"
                                     f"http {{\naccess_log off;\n{places}\n{servers}}}\n")
    process = subprocess.Popen([shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", f"{root}/nginx.conf", "-p", str(root),
                                "-e", f"{root}/error.log"])
    try:
        wait_for(ports["on", "on"], process)
        yield ports
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("switches", SWITCHES)
@pytest.mark.parametrize("headers", [[], BASIC])
def test_a_web_servers_folder_is_found(site, arkd, web_server, new_id, switches, headers):
    instance = new_id()
    arkd.run(instance, f"127.0.0.1:{web_server[switches]}")
    port = site.public if headers else site.applications
    led = site.ask(f"/instances/{instance}/sub", headers=headers, port=port)
    absolute = f"http://localhost:{port}" if switches[0] == "on" and not headers else ""
    assert led.status == 301 and led.get("Location") == f"{absolute}/instances/{instance}/sub/"
    found = site.ask(f"/instances/{instance}/sub/", headers=headers, port=port)
    assert found.status == 200 and found.text == "in the folder"
