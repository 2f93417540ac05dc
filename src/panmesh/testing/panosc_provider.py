"""A provider of the PaNOSC Search API that is examined, and what a check of it is made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

MANY = 500  # a list that is longer is not compared as a whole
SAMPLE = 40  # records in which something to ask for is looked for
MANDATORY: dict[str, dict[str, type]] = {
    "Datasets": {"pid": str, "title": str, "isPublic": bool, "creationDate": str},
    "Documents": {"pid": str, "title": str, "isPublic": bool, "type": str},
    "Instruments": {"pid": str, "name": str, "facility": str},
}


class Failed(Exception):
    """The provider does not do what the clause says."""


class NotApplicable(Exception):
    """The provider has no data on which it could be seen."""


class Provider:
    """Questions to one provider; remembers the last, for the report."""

    def __init__(self, client: httpx.Client, root: str) -> None:
        self.client = client
        self._root = root.rstrip("/")
        self.sent = self.came = ""
        self._known: dict[str, list[dict[str, Any]]] = {}

    def get(self, path: str, plain: Any = None, *, method: str = "GET", headers: Any = None, **params: Any) -> httpx.Response:
        """`plain`: the filter, as an object or as the text to send."""
        if plain is not None:
            params["filter"] = plain if isinstance(plain, str) else json.dumps(plain)
        shown = "&".join(f"{key}={value}" for key, value in params.items())
        self.sent = f"{method} /{path}" + (f"?{shown}" if shown else "")
        self.came = "no answer"
        answer = self.client.request(method, f"{self._root}/{path}", params=params, headers=headers)
        self.came = f"{answer.status_code} {answer.text[:160]}"
        return answer

    def ask(self, path: str, plain: Any = None, **params: Any) -> Any:
        answer = self.get(path, plain, **params)
        require(answer.status_code == 200, "the answer is 200")
        return answer.json()

    def records(self, path: str, plain: Any = None, **params: Any) -> list[dict[str, Any]]:
        found = self.ask(path, plain, **params)
        require(isinstance(found, list) and all(isinstance(one, dict) for one in found), "the answer is an array of objects")
        return found  # type: ignore[no-any-return]

    def pids(self, path: str, plain: Any = None) -> list[str]:
        return [one["pid"] for one in self.records(path, plain)]

    def count(self, path: str, where: Any = None) -> int:
        params = {} if where is None else {"where": json.dumps(where)}
        found = self.ask(f"{path}/count", **params)
        require(isinstance(found, dict) and type(found.get("count")) is int, 'the answer is {"count": a whole number}')
        return int(found["count"])

    def some(self, path: str, include: str | None = None) -> list[dict[str, Any]]:
        """The first records, with a relation; asked once."""
        key = f"{path} {include}"
        if key not in self._known:
            self._known[key] = self.records(path, {"limit": SAMPLE, **({"include": [{"relation": include}]} if include else {})})
        return self._known[key]

    def first(self, path: str, include: str | None = None) -> dict[str, Any]:
        """One record, with a relation that leads somewhere."""
        for one in self.some(path, include):
            if include is None or one.get(include):
                return one
        raise NotApplicable(f"none of the first {SAMPLE} {path} has {include}" if include else f"there are no {path}")

    def whole(self, path: str, plain: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The whole list, where it is short enough to be compared."""
        if self.count(path) > MANY:
            raise NotApplicable(f"more than {MANY} {path}: the whole list is not compared")
        return self.records(path, plain or {})


def segment(pid: str) -> str:
    return quote(pid, safe="")


def require(holds: object, wanted: str) -> None:
    if not holds:
        raise Failed(wanted)


@dataclass(frozen=True, slots=True)
class Check:
    title: str
    clause: str
    run: Callable[[Provider], None]


def keeping(checks: list[Check]) -> Callable[[str, str], Callable[[Callable[[Provider], None]], Callable[[Provider], None]]]:
    """`@check(title, clause)` puts a function into the list."""

    def check(title: str, clause: str) -> Callable[[Callable[[Provider], None]], Callable[[Provider], None]]:
        def keep(run: Callable[[Provider], None]) -> Callable[[Provider], None]:
            checks.append(Check(title, clause, run))
            return run

        return keep

    return check
