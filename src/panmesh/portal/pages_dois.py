"""DOIs: the steward's list with what failed and why, and how the DOI of one thing stands on its own page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from panmesh.http.encoded_slashes import segment
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import Unauthenticated
from panmesh.portal.rendering import offset_of, page, render, repeated
from panmesh.publication.doi_service import DoiFilter, DoiView, Standing
from panmesh.publication.dois import DoiState

PER_PAGE = 50
KINDS = ("investigation", "dataset", "proposal", "instrument", "release")


def routes() -> list[Route]:
    return [
        Route("/dois", page(dois), name="dois"),
        Route("/dois/retry", page(retry), methods=["POST"], name="retry-dois"),
        Route("/dois/mint", page(mint), methods=["POST"], name="mint-doi"),
    ]


def dois(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    if who.user_id is None:
        raise Unauthenticated("Sign in as the data steward to see the DOIs.")
    asked = request.query_params
    standing = Standing(asked["state"]) if asked.get("state") in set(Standing) else None
    wanted = DoiFilter(
        standing=standing,
        kind=asked.get("kind") if asked.get("kind") in KINDS else None,
        contains=(asked.get("contains") or "").strip()[:200] or None,
    )
    counts = s.dois.standing(who)
    found = s.dois.page(who, wanted, offset=offset_of(request), limit=PER_PAGE)
    query = urlencode({k: v for k, v in (("state", standing), ("kind", wanted.kind), ("contains", wanted.contains)) if v})
    return render(
        request,
        "dois.html",
        counts=counts,
        page=found,
        wanted=wanted,
        standings=list(Standing),
        kinds=KINDS,
        query=query,
        retried=asked.get("retried") if asked.get("retried", "").isdigit() else None,
    )


def retry(request: Request, form: dict[str, str]) -> Response:
    pids = repeated(request, "pid")
    count = services(request).dois.retry(viewer(request), pids or None if form.get("all") else pids)
    return RedirectResponse(f"/dois?retried={count}", 303)


def mint(request: Request, form: dict[str, str]) -> Response:
    made = services(request).dois.mint(viewer(request), form.get("pid", ""))
    return RedirectResponse(f"/{made.kind}s/{segment(made.pid)}#doi", 303)


@dataclass(frozen=True, slots=True)
class Shown:
    """On the page of what it names."""

    view: DoiView | None
    may_ask: bool
    pid: str

    @property
    def public(self) -> bool:
        return self.view is not None and self.view.public

    @property
    def word(self) -> str:
        """How it stands, to somebody of its team."""
        if self.view is None:
            return "none yet"
        match self.view.standing, self.view.doi.confirmed:
            case Standing.FAILED, _:
                return "failed"
            case _, DoiState.FINDABLE:
                return "registered"
            case _, DoiState.REGISTERED:
                return "hidden from searches"
            case Standing.UNWANTED, _:
                return "none: it is not for everybody to know"
            case _, DoiState.DRAFT:
                return "reserved"
        return "reserved, being registered"


def doi_of(request: Request, pid: str) -> Shown | None:
    """None: nothing about a DOI is said to them."""
    view, asks = services(request).dois.on_page(viewer(request), pid)
    return Shown(view, asks, pid) if view is not None or asks else None
