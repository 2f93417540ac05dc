"""DataCite's REST API for tests and for trying things out: its states, its checks, its errors, and faults at the turn of a switch.

    python -m panmesh.testing.datacite --port 8900

As the API of 2026 behaves (datacite/lupo): a draft may hold anything, what is registered or findable is checked against the
schema; drafts alone can be deleted; PUT makes what is not there; names are unique among all accounts.
"""

from __future__ import annotations

import argparse
import base64
import copy
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jsonschema

PREFIX, REPOSITORY, PASSWORD = "10.82012", "PAN.TEST", "not-a-secret"
_NAME = re.compile(r"10\.\d{4,5}/[-._;()/:a-zA-Z0-9*~$=]+")
_NEW_IN_46 = {
    "resourceTypeGeneral": ["Award", "Project"],
    "relatedIdentifierType": ["CSTR", "RRID"],
    "contributorType": ["Translator"],
    "relationType": ["HasTranslation", "IsTranslationOf"],
    "dateType": ["Coverage"],
}
_AFTER = {
    ("draft", "register"): "registered",
    ("draft", "publish"): "findable",
    ("registered", "publish"): "findable",
    ("registered", "show"): "findable",
    ("findable", "hide"): "registered",
}
_MANDATORY = ("creators", "titles", "publisher", "publicationYear", "types")


class Switch(StrEnum):
    """What goes wrong."""

    FINE = "fine"  # nothing
    DOWN = "down"  # the connection is closed without an answer
    SLOW = "slow"  # done at once, answered after `slow_seconds`
    BROKEN_BEFORE = "500-before"  # an error, and nothing was done
    BROKEN_AFTER = "500-after"  # an error, and everything was done
    REFUSE = "422"
    BUSY = "429"
    GARBAGE = "garbage"  # done, and answered with a page
    LOCKED = "401"


@cache
def schema() -> dict[str, Any]:
    """The schema of 4.5 that the datacite package brings, with the words that 4.6 added."""
    found: dict[str, Any] = json.loads((files("datacite") / "schemas" / "datacite-v4.5.json").read_text("utf-8"))
    for name, words in _NEW_IN_46.items():
        found["definitions"][name]["enum"] += words
    return found


@dataclass
class Kept:
    """A DOI as the stub has it."""

    name: str
    repository: str
    state: str = "draft"
    attributes: dict[str, Any] = field(default_factory=dict)


class Refused(Exception):
    def __init__(self, status: int, *errors: tuple[str | None, str]) -> None:
        super().__init__(status, errors)
        self.status = status
        self.errors = [{"source": source, "title": title} if source else {"title": title} for source, title in errors]


@dataclass
class DataCiteStub:
    """`with DataCiteStub() as stub`: `stub.url` is what the client is told; `stub.dois` is what there is."""

    prefix: str = PREFIX
    repository: str = REPOSITORY
    password: str = PASSWORD
    slow_seconds: float = 30.0
    retry_after: int = 7
    dois: dict[str, Kept] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)  # method and path of each request that was let in
    made: Counter[str] = field(default_factory=Counter)  # how often each name was created
    unlisted: set[str] = field(default_factory=set)  # names that the list has not heard of yet
    stored: threading.Event = field(default_factory=threading.Event)  # set whenever something was stored
    takes_seconds: float = 0.0  # for each answer, on purpose
    busiest: int = 0  # requests that were there at the same time, at most
    _busy: int = 0
    _switches: list[Switch] = field(default_factory=list)
    _always: Switch | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> DataCiteStub:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, port: int = 0) -> DataCiteStub:
        handler = type("Handler", (_Handler,), {"stub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        assert self._server is not None, "start it first"
        return f"http://127.0.0.1:{self._server.server_port}"

    # --- switches ---

    def next(self, *switches: Switch) -> None:
        """One for each of the requests that follow."""
        with self._lock:
            self._switches += switches

    @contextmanager
    def always(self, switch: Switch) -> Iterator[None]:
        self._always = switch
        try:
            yield
        finally:
            self._always = None

    def switched(self) -> Switch | None:
        with self._lock:
            return self._switches.pop(0) if self._switches else self._always

    # --- what the API does ---

    def look(self, name: str, who: str | None) -> tuple[int, Any]:
        kept = self.dois.get(name.lower())
        if kept is None or (kept.state != "findable" and who != kept.repository):
            raise Refused(404, (None, "The resource you are looking for doesn't exist."))
        return 200, self._shown(kept)

    def listed(self, asked: Mapping[str, Sequence[str]], who: str | None) -> tuple[int, Any]:
        """As the search behind the list finds them, which may not have heard of the newest changes."""
        names = [name.lower() for one in asked.get("ids", ()) for name in one.split(",")]
        mine = [kept for name in names if (kept := self.dois.get(name)) is not None and kept.repository == who]
        shown = [self._shown(kept)["data"] for kept in mine if kept.name not in self.unlisted]
        size = int(asked.get("page[size]", ["25"])[0])
        return 200, {"data": shown[:size], "meta": {"total": len(shown)}}

    def create(self, given: dict[str, Any], who: str | None) -> tuple[int, Any]:
        name = str(given.get("doi") or f"{given.get('prefix', self.prefix)}/{len(self.dois):04x}-made").lower()
        if name in self.dois:
            raise Refused(422, ("doi", "This DOI has already been taken"))
        return 201, self._shown(self._store(Kept(name, self._mine(name, who)), given))

    def change(self, name: str, given: dict[str, Any], who: str | None) -> tuple[int, Any]:
        kept = self.dois.get(name.lower())
        if kept is None:
            return 201, self._shown(self._store(Kept(name.lower(), self._mine(name, who)), given))
        if kept.repository != who:
            raise Refused(403, (None, "You are not authorized to access this resource."))
        return 200, self._shown(self._store(kept, given))

    def delete(self, name: str, who: str | None) -> tuple[int, Any]:
        kept = self.dois.get(name.lower())
        if kept is None or kept.repository != who:
            raise Refused(404, (None, "The resource you are looking for doesn't exist."))
        if kept.state != "draft":
            raise Refused(405, (None, "Method not allowed"))
        del self.dois[name.lower()]
        return 204, None

    def _mine(self, name: str, who: str | None) -> str:
        if not _NAME.fullmatch(name):
            raise Refused(422, ("doi", "Is invalid"))
        if who is None or not name.startswith(f"{self.prefix}/"):
            raise Refused(403, (None, "You are not authorized to access this resource."))
        return who

    def _store(self, kept: Kept, given: dict[str, Any]) -> Kept:
        """All or nothing."""
        event = given.get("event")
        state = _AFTER.get((kept.state, str(event)), kept.state)
        attributes = kept.attributes | {key: value for key, value in given.items() if key not in ("event", "prefix", "doi")}
        if state != "draft":
            _check(kept.name, attributes)
        new = kept.name not in self.dois
        kept.state, kept.attributes = state, copy.deepcopy(attributes)
        self.dois[kept.name] = kept
        self.made[kept.name] += new
        return kept

    def _shown(self, kept: Kept) -> dict[str, Any]:
        """As the API writes it: a publisher is a name and an affiliation a text unless somebody asks for more."""
        told = copy.deepcopy(kept.attributes)
        publisher = told.get("publisher")
        for one in (*told.get("creators", ()), *told.get("contributors", ())):
            one["affiliation"] = [a["name"] for a in one.get("affiliation", ())]
            one.setdefault("nameIdentifiers", [])
        year = told.get("publicationYear")
        prefix, _, suffix = kept.name.partition("/")
        told |= {
            "doi": kept.name,
            "prefix": prefix,
            "suffix": suffix,
            "identifiers": [
                {"identifier": a["alternateIdentifier"], "identifierType": a["alternateIdentifierType"]}
                for a in told.get("alternateIdentifiers", ())
            ],
            "publisher": publisher["name"] if isinstance(publisher, dict) else publisher,
            "publicationYear": int(year) if year else None,
            "state": kept.state,
            "isActive": kept.state == "findable",
            "metadataVersion": 0,
        }
        client = {"data": {"id": kept.repository.lower(), "type": "clients"}}
        return {"data": {"id": kept.name, "type": "dois", "attributes": told, "relationships": {"client": client}}}


@cache
def _validator() -> Any:
    return jsonschema.Draft201909Validator(schema(), format_checker=jsonschema.FormatChecker())


def _check(name: str, attributes: dict[str, Any]) -> None:
    """What is registered has everything that is mandatory, and is as the schema says."""
    missing: list[tuple[str | None, str]] = [(key, "Can't be blank") for key in ("url", *_MANDATORY) if not attributes.get(key)]
    if missing:
        raise Refused(422, *missing)
    plain = {key: value for key, value in attributes.items() if key not in ("contentUrl",)} | {"doi": name}
    faults = sorted(_validator().iter_errors(plain), key=lambda e: list(map(str, e.absolute_path)))
    if faults:
        raise Refused(422, *((".".join(map(str, e.absolute_path)) or "metadata", e.message[:200]) for e in faults[:5]))


class _Handler(BaseHTTPRequestHandler):
    stub: DataCiteStub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        stub = self.stub
        with stub._lock:
            stub._busy += 1
            stub.busiest = max(stub.busiest, stub._busy)
        try:
            time.sleep(stub.takes_seconds)
            self._answered(method)
        finally:
            with stub._lock:
                stub._busy -= 1

    def _answered(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, asked = unquote(urlsplit(self.path).path), parse_qs(urlsplit(self.path).query)
        stub, switch = self.stub, self.stub.switched()
        if switch is Switch.DOWN:
            self.close_connection = True
            return
        wrong = _WRONG.get(switch) if switch is not None else None
        if wrong is not None:
            self._send(wrong[0], {"errors": [wrong[1]]}, retry_after=stub.retry_after if switch is Switch.BUSY else None)
            return
        with stub._lock:
            stub.asked.append((method, path))
            try:
                status, answer = self._act(method, path, asked, body)
                if method != "GET":
                    stub.stored.set()
            except Refused as error:
                status, answer = error.status, {"errors": error.errors}
        if switch is Switch.SLOW:
            time.sleep(stub.slow_seconds)
        if switch is Switch.BROKEN_AFTER:
            self._send(500, {"errors": [{"status": "500", "title": "Internal Server Error"}]})
        elif switch is Switch.GARBAGE:
            self._send(status, "<html><title>Maintenance</title></html>")
        else:
            self._send(status, answer)

    def _act(self, method: str, path: str, asked: Mapping[str, Sequence[str]], body: bytes) -> tuple[int, Any]:
        who, stub = self._who(), self.stub
        given = {}
        if method in ("POST", "PUT"):
            try:
                given = json.loads(body)["data"]["attributes"]
            except (ValueError, KeyError, TypeError) as error:
                raise Refused(400, (None, "You need to provide a payload following the JSONAPI spec")) from error
        name = path.removeprefix("/dois/")
        if method == "POST" and path.rstrip("/") == "/dois":
            return stub.create(given, who)
        if method == "GET" and path.rstrip("/") == "/dois":
            return stub.listed(asked, who)
        if path == name or not name:
            raise Refused(404, (None, "The resource you are looking for doesn't exist."))
        if method == "GET":
            return stub.look(name, who)
        if who is None:
            raise Refused(401, (None, "Bad credentials."))
        return stub.change(name, given, who) if method == "PUT" else stub.delete(name, who)

    def _who(self) -> str | None:
        """Raises Refused on a wrong password."""
        kind, _, secret = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        login, _, password = base64.b64decode(secret).decode("utf-8", "replace").partition(":")
        if (login.upper(), password) != (self.stub.repository, self.stub.password):
            raise Refused(401, (None, "Bad credentials."))
        return self.stub.repository

    def _send(self, status: int, answer: Any, retry_after: int | None = None) -> None:
        text = answer if isinstance(answer, str) else "" if answer is None else json.dumps(answer)
        try:
            self.send_response(status)
            self.send_header(
                "Content-Type", "text/html" if isinstance(answer, str) else "application/vnd.api+json; charset=utf-8"
            )
            self.send_header("Content-Length", str(len(text.encode())))
            self.send_header("Connection", "close")
            if retry_after is not None:
                self.send_header("Retry-After", str(retry_after))
            self.end_headers()
            self.wfile.write(text.encode())
        except OSError:  # whoever asked is gone
            pass
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


_WRONG: dict[Switch, tuple[int, dict[str, str]]] = {
    Switch.BROKEN_BEFORE: (500, {"status": "500", "title": "Internal Server Error"}),
    Switch.REFUSE: (422, {"source": "creators", "title": "Creators name identifier is not an ORCID"}),
    Switch.BUSY: (429, {"status": "429", "title": "Too many requests"}),
    Switch.LOCKED: (401, {"status": "401", "title": "Bad credentials."}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=8900)
    stub = DataCiteStub().start(parser.parse_args().port)
    print(f"url = {stub.url!r}, prefix = {stub.prefix!r}, repository = {stub.repository!r}, password: {stub.password}")
    threading.Event().wait()


if __name__ == "__main__":
    main()
