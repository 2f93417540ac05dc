"""The one address of OAI-PMH: GET or POST, six verbs, always 200 unless the lists are not made yet."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panmesh.http.links import absolute
from panmesh.http.services import Services, services
from panmesh.kernel.errors import NotFound
from panmesh.protocols.oaipmh import answer
from panmesh.protocols.oaipmh.answer import Repository
from panmesh.protocols.oaipmh.asked import Asked, Code, Refused, Verb, parse, window
from panmesh.protocols.oaipmh.tokens import LASTS_S, Going, Tokens
from panmesh.publication.harvesting import EVERYTHING, HarvestService, Item, Walk

PATH = "/oai"
SAMPLE = "pm-0123456789abcdef"
MEDIA_TYPE = "text/xml; charset=utf-8"
_DOMAIN = re.compile(r"[a-zA-Z][a-zA-Z0-9\-]*(\.[a-zA-Z][a-zA-Z0-9\-]*)+")
_MOST = 64 << 10  # bytes of a form


def oai_routes(harvest: HarvestService, key: bytes, domain: str | None) -> list[Route]:
    """`key`: of the facility, for tokens. `domain`: of the identifiers; None: the host's."""
    tokens = Tokens(key)

    async def oai(request: Request) -> Response:
        text = request.url.query
        if request.method == "POST":
            text = (await request.body())[:_MOST].decode("utf-8", "replace")
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace")
        body = await to_thread.run_sync(answered, harvest, tokens, repository(services(request), request, domain), pairs)
        return Response(body, headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-cache"})

    return [Route(PATH, oai, methods=["GET", "POST"], name="oai")]


def repository(s: Services, request: Request, domain: str | None) -> Repository:
    address = absolute(s.public_url, str(request.base_url), PATH.removeprefix("/"))
    host = urlsplit(address).hostname or ""
    domain = domain or (host if _DOMAIN.fullmatch(host) else "panmesh.invalid")
    contact = s.facility_contact or ""
    mail = contact if re.fullmatch(r"\S+@(\S+\.)+\S+", contact) else f"postmaster@{domain}"
    return Repository(name=s.facility_name, address=address, domain=domain, mail=mail)


def answered(harvest: HarvestService, tokens: Tokens, repository: Repository, pairs: list[tuple[str, str]]) -> bytes:
    asked_s = harvest.asked_us() // 1_000_000  # before anything is read
    asked: Asked | None = None
    try:
        asked = parse(pairs)
        body = _Answer(harvest, tokens, repository).to(asked)
    except Refused as refused:
        return answer.refusal(repository, asked_s, asked, refused)
    return answer.envelope(repository, asked_s, asked, body)


class _Answer:
    def __init__(self, harvest: HarvestService, tokens: Tokens, repository: Repository) -> None:
        self._harvest = harvest
        self._tokens = tokens
        self._repository = repository

    def to(self, asked: Asked) -> str:
        match asked.verb:
            case Verb.IDENTIFY:
                return answer.identify(self._repository, self._harvest.earliest_s(), SAMPLE)
            case Verb.LIST_FORMATS:
                return self._formats(asked["identifier"])
            case Verb.LIST_SETS:
                if asked["resumptionToken"] is not None:
                    raise Refused(Code.BAD_TOKEN, "the list of sets has one page.")
                return answer.sets(self._harvest.sets())
            case Verb.GET_RECORD:
                return self._record(asked)
            case Verb.LIST_IDENTIFIERS | Verb.LIST_RECORDS:
                return self._list(asked)

    def _formats(self, identifier: str | None) -> str:
        if identifier is not None:
            self._item(identifier)
        return answer.formats(self._harvest.forms.values())

    def _record(self, asked: Asked) -> str:
        identifier, prefix = asked["identifier"], asked["metadataPrefix"]
        assert identifier is not None
        assert prefix is not None
        item = self._item(identifier)
        self._form(prefix)
        written = self._harvest.written(prefix, [item]).get(item.pid)
        return f"<GetRecord>{answer.record(self._repository, item, written)}</GetRecord>"

    def _list(self, asked: Asked) -> str:
        going = self._going(asked)
        try:
            page = self._harvest.page(going.walk)
        except NotFound as error:
            raise Refused(Code.BAD_TOKEN, error.detail) from error
        if not page.items:
            raise Refused(Code.NOTHING, "nothing was changed in that time, or nothing is in that set.")
        if going.verb is Verb.LIST_RECORDS:
            written = self._harvest.written(going.prefix, page.items)
            items = "".join(answer.record(self._repository, item, written.get(item.pid)) for item in page.items)
        else:
            items = "".join(answer.header(self._repository, item, deleted=item.deleted) for item in page.items)
        end = ""
        if page.next is not None:
            token = self._tokens.seal(Going(verb=going.verb, prefix=going.prefix, walk=page.next))
            end = answer.resumption(token, going.walk.given, page.next.began_s + LASTS_S)
        elif going.walk.given:
            end = answer.resumption("", going.walk.given, None)
        return f"<{going.verb}>{items}{end}</{going.verb}>"

    def _going(self, asked: Asked) -> Going:
        token = asked["resumptionToken"]
        if token is not None:
            return self._tokens.open(token, asked.verb, self._harvest.now_us() // 1_000_000)
        prefix = asked["metadataPrefix"]
        assert prefix is not None
        since, until = window(asked)
        self._form(prefix)
        walk = Walk(set=asked["set"] or EVERYTHING, from_s=since, until_s=until)
        return Going(verb=asked.verb, prefix=prefix, walk=walk)

    def _form(self, prefix: str) -> None:
        if prefix not in self._harvest.forms:
            raise Refused(Code.NO_SUCH_FORM, f"{prefix!r} is none of {', '.join(self._harvest.forms)}.")

    def _item(self, identifier: str) -> Item:
        pid = self._repository.pid(identifier)
        item = self._harvest.item(pid) if pid is not None else None
        if item is None:
            raise _unknown(identifier)
        return item


def _unknown(identifier: str) -> Refused:
    return Refused(Code.NO_SUCH_ITEM, f"nothing is listed under {identifier!r}.")
