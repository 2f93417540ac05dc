"""release list, show, drafts, begin, change, check, publish, add-paper, add-funder, new-version, discard, bring-back, withdraw: publications, over HTTP, with a token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import click

from panmesh.cli.user import server
from panmesh.kernel.text import counted

if TYPE_CHECKING:
    from panmesh.client.http import Http

_RELATIONS = ("IsSupplementTo", "IsCitedBy", "IsDocumentedBy")


@click.group()
def release() -> None:
    """Publications for papers: made from runs, looked at, added to, withdrawn (over HTTP)."""


@release.command("list")
@server
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="Show so many.")
@click.option("--offset", type=click.IntRange(0), default=0, show_default=True, help="After so many.")
def list_(output: str, url: str, token: str | None, limit: int, offset: int) -> None:
    """What was published, the newest first.

    Example: panmesh release list --limit 10
    """
    page, _ = _ask(url, token, "GET", "/releases", query={"limit": limit, "offset": offset})
    if output == "json":
        click.echo(json.dumps(page, indent=1))
        return
    for one in page["items"]:
        click.echo(f"{one['pid']}  {str(one.get('published') or '')[:10]}  {one['title']}")
    click.echo(f"{page['total']} in all.", err=True)


@release.command()
@server
@click.argument("pid")
def show(output: str, url: str, token: str | None, pid: str) -> None:
    """One version of a publication (of a release's pid: the newest), with its citation and its DOI.

    Example: panmesh release show pm-0123456789abcdef.v1
    """
    found, _ = _ask(url, token, "GET", f"/releases/{quote(pid, safe='')}")
    _tell(found, output)


@release.command()
@server
def drafts(output: str, url: str, token: str | None) -> None:
    """Your drafts, the last changed first.

    Example: panmesh release drafts
    """
    found, _ = _ask(url, token, "GET", "/releases/drafts")
    if output == "json":
        click.echo(json.dumps(found, indent=1))
        return
    for one in found:
        click.echo(f"{one['key']}  {counted(len(one['pids']), 'run')}  {one['description']['title'] or '(no title yet)'}")


@release.command()
@server
@click.argument("pids", nargs=-1, required=True, metavar="PID...")
@click.option("--description", type=click.File("r", encoding="utf-8"), help="JSON: title, abstract, creators, papers, funding.")
@click.option("--title", help="In place of the file's.")
@click.option("--abstract", help="In place of the file's.")
def begin(
    output: str,
    url: str,
    token: str | None,
    pids: tuple[str, ...],
    description: IO[str] | None,
    title: str | None,
    abstract: str | None,
) -> None:
    """A draft of these runs; its pid is reserved. Without a description: begun with what is known of the runs.

    Example: panmesh release begin pm-0123456789abcdef --description paper.json
    """
    body: dict[str, Any] = {"pids": list(pids)}
    if description is not None:
        body["description"] = _read(description)
    made, etag = _ask(url, token, "POST", "/releases/drafts", body=body)
    changed = {name: value for name, value in (("title", title), ("abstract", abstract)) if value is not None}
    if changed:
        said = {"description": {**made["description"], **changed}}
        made, _ = _ask(url, token, "PATCH", f"/releases/drafts/{made['key']}", body=said, if_match=etag)
    _tell_draft(made, output)


@release.command()
@server
@click.argument("key")
@click.option("--description", type=click.File("r", encoding="utf-8"), help="JSON: the whole of it.")
@click.option("--title", help="Another title.")
@click.option("--abstract", help="Another abstract.")
@click.option("--run", "pids", multiple=True, help="The whole list of runs; repeat for more.")
def change(
    output: str,
    url: str,
    token: str | None,
    key: str,
    description: IO[str] | None,
    title: str | None,
    abstract: str | None,
    pids: tuple[str, ...],
) -> None:
    """Other words, other runs, in a draft.

    Example: panmesh release change 3f2a --title "Ceria at three temperatures"
    """
    path = f"/releases/drafts/{quote(key, safe='')}"
    draft, etag = _ask(url, token, "GET", path)
    said = _read(description) if description is not None else dict(draft["description"])
    said |= {name: value for name, value in (("title", title), ("abstract", abstract)) if value is not None}
    body: dict[str, Any] = {"description": said} | ({"pids": list(pids)} if pids else {})
    made, _ = _ask(url, token, "PATCH", path, body=body, if_match=etag)
    _tell_draft(made, output)


@release.command()
@server
@click.argument("key")
def check(output: str, url: str, token: str | None, key: str) -> int:
    """What must be mended before a draft can be published, and what others would miss. Exit code 5 while something must be.

    Example: panmesh release check 3f2a
    """
    found, _ = _ask(url, token, "GET", f"/releases/drafts/{quote(key, safe='')}/check")
    if output == "json":
        click.echo(json.dumps(found, indent=1))
    else:
        for one in found["must"]:
            click.echo(f"must    {one['pointer']}: {one['detail']}")
        for one in found["should"]:
            click.echo(f"should  {one['text']}")
        if not found["must"]:
            click.echo("It can be published.")
    return 5 if found["must"] else 0


@release.command()
@server
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do not ask: a version never changes.")
def publish(output: str, url: str, token: str | None, key: str, yes: bool) -> None:
    """Freeze a draft for good, and say its citation.

    Example: panmesh release publish 3f2a --yes
    """
    path = f"/releases/drafts/{quote(key, safe='')}"
    draft, etag = _ask(url, token, "GET", path)
    if not yes:
        title = draft["description"]["title"] or "without a title"
        click.confirm(f"Publish “{title}” with {counted(len(draft['pids']), 'run')}? A version never changes", abort=True)
    made, _ = _ask(url, token, "POST", f"{path}/publish", if_match=etag)
    _tell(made, output)


@release.command()
@server
@click.argument("key")
def discard(output: str, url: str, token: str | None, key: str) -> None:
    """Put a draft away. `bring-back` takes it out again.

    Example: panmesh release discard 3f2a
    """
    _ask(url, token, "DELETE", f"/releases/drafts/{quote(key, safe='')}")
    click.echo(json.dumps({"discarded": key}) if output == "json" else f"{key} is put away.")


@release.command("bring-back")
@server
@click.argument("key")
def bring_back(output: str, url: str, token: str | None, key: str) -> None:
    """A draft that was put away: it goes on as it was.

    Example: panmesh release bring-back 3f2a
    """
    made, _ = _ask(url, token, "POST", f"/releases/drafts/{quote(key, safe='')}/restoration")
    _tell_draft(made, output)


@release.command("new-version")
@server
@click.argument("pid")
def new_version(output: str, url: str, token: str | None, pid: str) -> None:
    """A draft of the next version, with the runs and the description of the newest.

    Example: panmesh release new-version pm-0123456789abcdef
    """
    made, _ = _ask(url, token, "POST", f"/releases/{quote(pid, safe='')}/versions")
    _tell_draft(made, output)


@release.command("add-paper")
@server
@click.argument("pid")
@click.argument("doi")
@click.option(
    "--relation", type=click.Choice(_RELATIONS), default=_RELATIONS[0], show_default=True, help="How the data stand to it."
)
@click.option("--title", help="Of the paper.")
def add_paper(output: str, url: str, token: str | None, pid: str, doi: str, relation: str, title: str | None) -> None:
    """A paper that was written with the data, often known only later.

    Example: panmesh release add-paper pm-0123456789abcdef.v1 10.1107/S2052252526000012
    """
    _add(url, token, output, pid, "papers", {"doi": doi, "relation": relation, "title": title})


@release.command("add-funder")
@server
@click.argument("pid")
@click.argument("funder")
@click.option("--id", "funder_id", help="Its ROR, or Crossref funder id.")
@click.option("--award", help="Number of the grant.")
@click.option("--award-title", help="What the grant is called.")
def add_funder(
    output: str,
    url: str,
    token: str | None,
    pid: str,
    funder: str,
    funder_id: str | None,
    award: str | None,
    award_title: str | None,
) -> None:
    """Who paid for it, often told only later.

    Example: panmesh release add-funder pm-0123456789abcdef.v1 "European Commission" --award 101000000
    """
    one = {"funder": funder, "funder_id": funder_id, "award": award, "award_title": award_title}
    _add(url, token, output, pid, "funding", one)


@release.command()
@server
@click.argument("pid")
@click.option("--reason", required=True, help="Everybody who follows the citation reads it.")
@click.option("--yes", is_flag=True, help="Do not ask: nothing takes it back.")
def withdraw(output: str, url: str, token: str | None, pid: str, reason: str, yes: bool) -> None:
    """Withdraw one version, as the data steward. Its page stays as a tombstone and says why; its DOI is told.

    Example: panmesh release withdraw pm-0123456789abcdef.v1 --reason "The sample was another one." --yes
    """
    if not yes:
        click.confirm(f"Withdraw {pid}? Nothing takes it back", abort=True)
    made, _ = _ask(url, token, "POST", f"/releases/{quote(pid, safe='')}/withdrawal", body={"reason": reason})
    _tell(made, output)


def _add(url: str, token: str | None, output: str, pid: str, what: str, one: Mapping[str, Any]) -> None:
    """One more paper or funder of a published version; what is there stays."""
    path = f"/releases/{quote(pid, safe='')}"
    found, etag = _ask(url, token, "GET", path)
    body = {name: found["description"][name] for name in ("papers", "funding")}
    body[what] = [*body[what], one]
    made, _ = _ask(url, token, "PATCH", path, body=body, if_match=etag)
    _tell(made, output)


def _ask(
    url: str,
    token: str | None,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    if_match: str | None = None,
) -> tuple[Any, str | None]:
    """What is answered, and its ETag. Raises the errors of `kernel.errors`."""
    from panmesh.client.asking import Request
    from panmesh.client.flow import Ask
    from panmesh.client.http import Http

    line: Http = Http(url, token)
    try:
        headers = {"If-Match": if_match} if if_match is not None else {}
        answer = line.whole(Ask(Request(path=path, method=method, query=query or {}, headers=headers, body=body)))
    finally:
        line.close()
    return (json.loads(answer.body) if answer.body else None), answer.headers.get("etag")


def _read(file: IO[str]) -> dict[str, Any]:
    try:
        found = json.load(file)
    except ValueError as error:
        raise click.BadParameter(f"{file.name} is no JSON: {error}", param_hint="--description") from error
    if not isinstance(found, dict):
        raise click.BadParameter(f"{file.name} holds no object", param_hint="--description")
    return found


def _tell(one: Mapping[str, Any], output: str) -> None:
    if output == "json":
        click.echo(json.dumps(one, indent=1))
        return
    doi = one["doi"]
    lines = {
        "pid": one["pid"],
        "title": one["description"]["title"],
        "version": one["version"],
        "published": one["published"],
        "state": one["state"],
        "opens": one["opens"],
        "doi": f"{doi['name'] or 'none yet'} ({doi['state']})" if doi else None,
        "withdrawn": one["withdrawn"],
        "reason": one["reason"],
        "citation": one["citation"],
    }
    for name, value in lines.items():
        if value not in (None, ""):
            click.echo(f"{name:12} {value}")
    for paper in one["description"]["papers"]:
        click.echo(f"{'paper':12} {paper['doi']} ({paper['relation']})")
    for paid in one["description"]["funding"]:
        click.echo(f"{'funder':12} {paid['funder']} {paid['award'] or ''}".rstrip())
    for run in one["runs"]:
        click.echo(f"{'run':12} {run['pid']}  {run['title'] or run['gone'] or ''}".rstrip())


def _tell_draft(one: Mapping[str, Any], output: str) -> None:
    if output == "json":
        click.echo(json.dumps(one, indent=1))
        return
    click.echo(f"{'key':12} {one['key']}")
    click.echo(f"{'pid':12} {one['pid']} (reserved), version {one['version']}")
    click.echo(f"{'title':12} {one['description']['title'] or '(none yet)'}")
    for pid in one["pids"]:
        click.echo(f"{'run':12} {pid}")
    for fault in one["faults"]:
        click.echo(f"{'must':12} {fault['pointer']}: {fault['detail']}")
