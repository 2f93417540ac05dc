"""DOIs at DataCite, through its Python client; what it answers, or does not, as one of the troubles that we know what to do about."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
from datacite import DataCiteRESTClient
from datacite.errors import DataCiteError, HttpError
from datacite.request import DataCiteRequest

from panmesh.adapters.datacite.pace import Pace
from panmesh.publication.dois import DoiState, Registered, RegistryFailed, Trouble

CONNECT_SECONDS = 5.0
_MOST_SHOWN = 600  # characters of what DataCite said


class DataCiteRegistry:
    """Implements `publication.dois.Registry`."""

    def __init__(
        self, *, url: str, repository: str, password_file: Path, prefix: str, timeout: float, per_minute: int = 600
    ) -> None:
        self._url, self._repository, self._prefix, self._timeout = url, repository, prefix, timeout
        self._password_file, self._pace = password_file, Pace(per_minute)

    def look(self, name: str) -> Registered | None:
        with _Heard() as heard:
            answer = heard.through(self._client(heard), lambda c: c.get_metadata(name), good=(200, 404))
        return None if answer is None else _registered(name, answer)

    def listed(self, names: Sequence[str]) -> Mapping[str, Registered]:
        asked = {"ids": ",".join(names), "page[size]": str(len(names)), "detail": "true", "disable-facets": "true"}
        with _Heard() as heard:
            heard.asked(lambda: self._client(heard).listed(asked), good=(200,))
            try:
                found = [dict(one["attributes"]) for one in heard.json()["data"]]
                return {name: _registered(name, one) for one in found if (name := str(one["doi"]).casefold()) in names}
            except (ValueError, KeyError, TypeError) as error:
                raise RegistryFailed(Trouble.BROKEN, "DataCite answered with something that is no list of DOIs.") from error

    def create(self, name: str, attributes: Mapping[str, Any], event: str | None) -> None:
        said = {"type": "dois", "attributes": {**attributes, "doi": name, "prefix": self._prefix} | _event(event)}
        with _Heard() as heard:
            heard.through(self._client(heard), lambda c: c.post_doi(said), good=(201,))

    def change(self, name: str, attributes: Mapping[str, Any], event: str | None) -> None:
        said = {"type": "dois", "attributes": {**attributes, "doi": name} | _event(event)}
        with _Heard() as heard:
            heard.through(self._client(heard), lambda c: c.put_doi(name, said), good=(200, 201))

    def delete(self, name: str) -> None:
        with _Heard() as heard:
            heard.through(self._client(heard), lambda c: c.delete_doi(name), good=(204, 404))

    def _client(self, heard: _Heard) -> _Client:
        try:
            password = self._password_file.read_text("utf-8").strip()
        except OSError as error:
            raise RegistryFailed(
                Trouble.ACCOUNT, f"The password file {self._password_file.name} of [datacite] cannot be read: {error.strerror}."
            ) from error
        timeout = (min(CONNECT_SECONDS, self._timeout), self._timeout)
        self._pace.wait()
        return _Client(heard, self._repository, password, self._prefix, url=self._url, timeout=timeout)


class _Client(DataCiteRESTClient):  # type: ignore[misc]
    def __init__(self, heard: _Heard, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._heard = heard

    def listed(self, asked: Mapping[str, str]) -> None:
        """What the client has no word for: several DOIs in one request."""
        self._create_request().get("dois", params=dict(asked))

    def _create_request(self) -> _Request:
        request = _Request(base_url=self.api_url, username=self.username, password=self.password, timeout=self.timeout)
        request.heard = self._heard
        return request


class _Request(DataCiteRequest):  # type: ignore[misc]
    """The client tells 422, 429 and 500 apart by nothing: we listen."""

    heard: _Heard

    def request(self, *given: Any, **named: Any) -> requests.Response:
        answer: requests.Response = super().request(*given, **named)
        self.heard.answer = answer
        return answer


class _Heard:
    answer: requests.Response | None = None

    def __enter__(self) -> _Heard:
        return self

    def __exit__(self, *_: object) -> None:
        if self.answer is not None:
            self.answer.close()

    def through(self, client: DataCiteRESTClient, ask: Any, good: tuple[int, ...]) -> Mapping[str, Any] | None:
        """What was answered about the DOI; None: that it is not there, or is not any more."""
        self.asked(lambda: ask(client), good)
        assert self.answer is not None
        if self.answer.status_code in (204, 404):
            return None
        try:
            found = self.json()["data"]["attributes"]
            if not isinstance(found, dict) or "state" not in found:
                raise KeyError("state")
        except (ValueError, KeyError, TypeError) as error:
            said = self.answer.text[:80].replace("\n", " ")
            raise RegistryFailed(
                Trouble.BROKEN, f"DataCite answered something that is no DOI: {said!r}. It is asked again."
            ) from error
        return found

    def asked(self, ask: Callable[[], Any], good: tuple[int, ...]) -> None:
        try:
            ask()
        except HttpError as error:
            raise RegistryFailed(Trouble.UNREACHABLE, _unreachable(error)) from error
        except (DataCiteError, ValueError, KeyError, TypeError) as error:
            if self.answer is None:
                raise RegistryFailed(Trouble.BROKEN, f"DataCite's client failed: {error}.") from error
        assert self.answer is not None
        if self.answer.status_code not in good:
            raise failure_of(self.answer)

    def json(self) -> Any:
        assert self.answer is not None
        return self.answer.json()


def failure_of(answer: requests.Response) -> RegistryFailed:
    """By the table of DataCite's status codes; its own words where it has some."""
    said = _words(answer)
    match answer.status_code:
        case 401:
            return RegistryFailed(
                Trouble.ACCOUNT,
                "DataCite does not accept the name or the password in [datacite]. Correct them; it is tried again.",
            )
        case 403:
            return RegistryFailed(
                Trouble.ACCOUNT,
                f"DataCite does not let this account do that ({said}). Look whether the prefix in [datacite] is the account's.",
            )
        case 429:
            return RegistryFailed(Trouble.BUSY, "DataCite asks to slow down; it is asked later.", _seconds(answer))
        case 409:
            return RegistryFailed(Trouble.TAKEN, f"DataCite says that this DOI exists: {said}.")
        case 422 if "already been taken" in said:
            return RegistryFailed(Trouble.TAKEN, f"DataCite says that this DOI exists: {said}.")
        case 400 | 404 | 405 | 412 | 413 | 415 | 422:
            return RegistryFailed(
                Trouble.REFUSED, f"DataCite refused it ({answer.status_code}): {said}. Correct the metadata, then retry."
            )
    return RegistryFailed(
        Trouble.BROKEN, f"DataCite failed with status {answer.status_code} ({said}). It is tried again.", _seconds(answer)
    )


def _words(answer: requests.Response) -> str:
    """DataCite's own message: errors as JSON:API has them."""
    try:
        errors = answer.json()["errors"]
        told = [f"{e['source']}: {e['title']}" if e.get("source") else str(e["title"]) for e in errors]
        return "; ".join(told)[:_MOST_SHOWN]
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.reason or "without words"


def _seconds(answer: requests.Response) -> int | None:
    text = answer.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _unreachable(error: HttpError) -> str:
    cause = error.args[0] if error.args else error
    if isinstance(cause, requests.Timeout):
        return "DataCite did not answer in time. Whether it did what it was asked is looked up before it is tried again."
    if isinstance(cause, requests.ConnectionError):
        return "DataCite cannot be reached. It is tried again by itself; look at the network or at status.datacite.org."
    return f"The request to DataCite failed ({type(cause).__name__}). It is tried again."


def _event(event: str | None) -> dict[str, str]:
    return {"event": event} if event is not None else {}


def _registered(name: str, attributes: Mapping[str, Any]) -> Registered:
    state = str(attributes["state"])
    if state not in set(DoiState):
        raise RegistryFailed(Trouble.BROKEN, f"DataCite has {name} in a state that is not known here: {json.dumps(state)}.")
    url = attributes.get("url")
    return Registered(name=name, state=DoiState(state), url=str(url) if url else None, attributes=attributes)
