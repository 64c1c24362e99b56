# SPDX-License-Identifier: MIT
"""
Images that want something of their container: to be process 1, to gain privileges, a capability, more shared memory, to
listen at the address of their own name only, or to find no DATABASE_URL.
"""

import json
import urllib.parse

import pytest

IMAGE = "docker.io/ark-test/option-{}:1"
BASE = "docker.io/ark-test/app:1"
APP = "os.execv('/usr/bin/python3', ['python3', '-I', '/usr/local/bin/app'])"
SETUID = "/usr/local/bin/setuid-python"

# Each goes on as the test application where it finds what it needs.
PROGRAMS = {
    "init": f"import os, sys; os.getpid() == 1 or sys.exit('can only run as pid 1'); {APP}",
    "sudo": f"import os, sys; os.geteuid() == 0 or sys.exit('must be setuid root'); {APP}",
    "chroot": f"import os; os.chroot('/'); {APP}",
    "shm": "import os, sys; s = os.statvfs('/dev/shm'); size = s.f_frsize * s.f_blocks; "
           f"size == 128 << 20 or sys.exit('no room: %d' % size); {APP}",
    "host": "import http.server as h, socket; h.HTTPServer((socket.gethostname(), 8080), "
            "h.SimpleHTTPRequestHandler).serve_forever()",
}


def dockerfile(name):
    lines = [f"FROM {BASE}"]
    program = "/usr/bin/python3"
    if name == "sudo":
        copy = f"import os, shutil; shutil.copy('/usr/bin/python3', '{SETUID}'); os.chmod('{SETUID}', 0o4755)"
        lines += ["USER 0", f"RUN {json.dumps(['/usr/bin/python3', '-c', copy])}", "USER 65534"]
        program = SETUID
    return "\n".join([*lines, f"ENTRYPOINT {json.dumps([program, '-c', PROGRAMS[name]])}"]) + "\n"


@pytest.fixture(scope="module")
def image(host):
    """To be asked for before work: instances must be gone when it goes."""
    for name in PROGRAMS:
        host.exec("docker", "build", "--quiet", "--tag", IMAGE.format(name), "-", input=dockerfile(name))
    yield IMAGE.format
    for name in PROGRAMS:
        host.exec("docker", "image", "rm", "--force", IMAGE.format(name))


@pytest.mark.parametrize("name, words, field", [
    ("init", "can only run as pid 1", {"init_process": False}),
    ("sudo", "must be setuid root", {"no_new_privileges": False, "user": "65534"}),
    ("chroot", "PermissionError", {"capabilities": ["SYS_CHROOT"], "user": "0"}),
    ("shm", "no room", {"shm_size": "128M"}),
])
def test_field(host, image, work, name, words, field):
    without = {key: value for key, value in field.items() if key == "user"}
    failed = work.order(work.quick(image=image(name), **without)).wait("failed")
    told = host.local.get(f"/api/instances/{failed['id']}").json["error"]
    assert words in told["log"], told
    work.deploy(work.quick(image=image(name), **field)).ask("/").expect(200)


def test_listens_at_its_own_name_only(host, image, work):
    instance = work.deploy(work.quick(image=image("host"), health_path="/"))
    instance.ask("/").expect(200)
    for _ in range(2):
        host.exec("docker", "restart", "--time=0", instance.id)
        instance.wait_for_page(200, 20)


def test_database_url(host, work):
    """Each application finds its own database under the short name."""
    instances = [work.deploy(work.product(), name) for name in ("One", "Two")]
    for instance, text in zip(instances, (b"text=one", b"text=two")):
        instance.ask("/notes", "POST", text, [("Content-Type", "application/x-www-form-urlencoded")]).expect(303)
        given = dict(one.split("=", 1) for one in host.container(instance.id)["Config"]["Env"])
        url = urllib.parse.urlsplit(given["DATABASE_URL"])
        assert (url.scheme, url.hostname, url.port, url.path) == ("postgresql", "db", 5432, "/" + instance.database)
        assert given["DATABASE_URL"] == instance.credentials()["url"]
        assert given["DB_HOST"] == instance.database
        networks = host.container(instance.database)["NetworkSettings"]["Networks"]
        assert list(networks) == [f"{instance.id}_net"] and "db" in networks[f"{instance.id}_net"]["Aliases"]
    assert [one["text"] for instance in instances for one in instance.ask("/notes").json] == ["one", "two"]


def test_left_out(host, work):
    product = work.description()
    product["env"] = {"DATABASE_URL": None, "CLIENT_NAME": "${CLIENT_NAME}"}
    work.products.append(product["id"])
    host.local.post("/api/products", product).expect(201)
    given = work.deploy(product["id"]).ask("/echo/").json["env"]
    assert "DATABASE_URL" not in given and "DB_HOST" in given
