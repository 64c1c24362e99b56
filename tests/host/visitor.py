# SPDX-License-Identifier: MIT
"""A visitor's browser as far as the standard library goes: cookies, redirects, forms, the files of a page."""

import html.parser
import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request

from arkhost import Connection


class Handler(urllib.request.HTTPHandler):
    """Reaches the host's own localhost."""

    def __init__(self, host):
        super().__init__()
        self.host = host

    def http_open(self, request):
        port = urllib.parse.urlsplit(request.full_url).port or 80

        def connect(authority, timeout, **_):
            return Connection(authority, timeout, lambda: self.host.connect_inside(port))
        return self.do_open(connect, request)


class Page(html.parser.HTMLParser):
    """What a page refers to, and the fields of its forms."""

    def __init__(self, url, text):
        super().__init__()
        self.url, self.text = url, text
        self.files, self.fields, self.actions = [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        for name in ("src", "href"):
            if attributes.get(name) and not attributes[name].startswith(("#", "data:", "mailto:")):
                self.files.append(urllib.parse.urljoin(self.url, attributes[name]))
        if tag == "form":
            self.actions.append(urllib.parse.urljoin(self.url, attributes.get("action") or ""))
        if tag == "input" and attributes.get("name"):
            self.fields[attributes["name"]] = attributes.get("value") or ""

    @property
    def own_files(self):
        origin = urllib.parse.urlsplit(self.url)[:2]
        return [file for file in self.files if urllib.parse.urlsplit(file)[:2] == origin]


class Visitor:
    def __init__(self, host):
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.OpenerDirector()
        for handler in (Handler(host), urllib.request.HTTPCookieProcessor(self.cookies),
                        urllib.request.HTTPRedirectHandler(), urllib.request.HTTPErrorProcessor(),
                        urllib.request.HTTPDefaultErrorHandler()):
            self.opener.add_handler(handler)

    def open(self, url, form=None):
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        return self.opener.open(urllib.request.Request(url, data), timeout=20)

    def status(self, url):
        try:
            with self.open(url) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def page(self, url, form=None):
        with self.open(url, form) as answer:
            return Page(answer.url, answer.read().decode())

    def log_in(self, url, name, password):
        """Fills in the only login form of the page at url; answers the page that comes then."""
        page = self.page(url)
        return self.page(page.actions[0], page.fields | {"username": name, "password": password})
