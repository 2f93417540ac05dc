"""Answers of OAI-PMH as XML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape, quoteattr

from panmesh.protocols.oaipmh.asked import Asked, Code, Refused, stamp
from panmesh.publication.harvesting import Form, Item, ancestors

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/ http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">'
)
_SILENT = (Code.BAD_VERB, Code.BAD_ARGUMENT)  # what was asked is not said again


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Who answers, and where."""

    name: str
    address: str  # the base URL, as it was asked
    domain: str  # repositoryIdentifier of the oai-identifier scheme
    mail: str

    def identifier(self, pid: str) -> str:
        return f"oai:{self.domain}:{quote(pid, safe=_PLAIN)}"

    def pid(self, identifier: str) -> str | None:
        """None: not written like an identifier of ours."""
        head = f"oai:{self.domain}:"
        return unquote(identifier.removeprefix(head)) if identifier.startswith(head) else None


_PLAIN = "-_.!~*'();/?:@&=+$,"


def envelope(repository: Repository, asked_s: int, asked: Asked | None, body: str) -> bytes:
    given = {} if asked is None else {"verb": asked.verb.value} | asked.arguments
    attributes = "".join(f" {name}={quoteattr(plain(value))}" for name, value in given.items())
    text = f"{_HEAD}<responseDate>{stamp(asked_s)}</responseDate><request{attributes}>{escape(repository.address)}</request>{body}</OAI-PMH>\n"
    return text.encode("utf-8")


def refusal(repository: Repository, asked_s: int, asked: Asked | None, refused: Refused) -> bytes:
    said = f'<error code="{refused.code.value}">{escape(plain(refused.detail))}</error>'
    return envelope(repository, asked_s, None if refused.code in _SILENT else asked, said)


def identify(repository: Repository, earliest_s: int, sample: str) -> str:
    description = (
        '<oai-identifier xmlns="http://www.openarchives.org/OAI/2.0/oai-identifier" '
        'xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/oai-identifier '
        'http://www.openarchives.org/OAI/2.0/oai-identifier.xsd">'
        f"<scheme>oai</scheme><repositoryIdentifier>{escape(repository.domain)}</repositoryIdentifier>"
        f"<delimiter>:</delimiter><sampleIdentifier>{escape(repository.identifier(sample))}</sampleIdentifier></oai-identifier>"
    )
    return (
        f"<Identify><repositoryName>{escape(plain(repository.name))}</repositoryName><baseURL>{escape(repository.address)}</baseURL>"
        f"<protocolVersion>2.0</protocolVersion><adminEmail>{escape(repository.mail)}</adminEmail>"
        f"<earliestDatestamp>{stamp(earliest_s)}</earliestDatestamp><deletedRecord>persistent</deletedRecord>"
        f"<granularity>YYYY-MM-DDThh:mm:ssZ</granularity><description>{description}</description></Identify>"
    )


def formats(forms: Iterable[Form]) -> str:
    found = "".join(
        f"<metadataFormat><metadataPrefix>{escape(form.prefix)}</metadataPrefix><schema>{escape(form.schema)}</schema>"
        f"<metadataNamespace>{escape(form.namespace)}</metadataNamespace></metadataFormat>"
        for form in forms
    )
    return f"<ListMetadataFormats>{found}</ListMetadataFormats>"


def sets(found: Mapping[str, str | None]) -> str:
    inner = "".join(
        f"<set><setSpec>{escape(spec)}</setSpec><setName>{escape(plain(name or spec))}</setName></set>"
        for spec, name in found.items()
    )
    return f"<ListSets>{inner}</ListSets>"


def header(repository: Repository, item: Item, *, deleted: bool) -> str:
    specs = "".join(f"<setSpec>{escape(spec)}</setSpec>" for spec in sorted(ancestors(item.sets)))
    status = ' status="deleted"' if deleted else ""
    return (
        f"<header{status}><identifier>{escape(repository.identifier(item.pid))}</identifier>"
        f"<datestamp>{stamp(item.stamp_s)}</datestamp>{specs}</header>"
    )


def record(repository: Repository, item: Item, written: str | None) -> str:
    """`written`: the metadata; None: deleted, or nobody may read it any more."""
    if item.deleted or written is None:
        return f"<record>{header(repository, item, deleted=True)}</record>"
    return f"<record>{header(repository, item, deleted=False)}<metadata>{written}</metadata></record>"


def resumption(token: str, given: int, expires_s: int | None) -> str:
    """An empty token ends a list that had several pages."""
    expires = f' expirationDate="{stamp(expires_s)}"' if expires_s is not None else ""
    return f'<resumptionToken{expires} cursor="{given}">{token}</resumptionToken>'


def plain(text: str) -> str:
    """Without signs that XML 1.0 has not."""
    return "".join(
        c if c in "\t\n\r" or (ord(c) >= 0x20 and not 0xD800 <= ord(c) <= 0xDFFF and c not in "\ufffe\uffff") else "\ufffd"
        for c in text
    )
