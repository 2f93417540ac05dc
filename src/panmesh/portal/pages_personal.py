"""My data: what is held of somebody, read, corrected, taken along; names that are withheld from the public."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from panmesh.http.problems import status_of
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import NotFound, PanmeshError, Unauthenticated
from panmesh.portal.rendering import page, render


def routes() -> list[Route]:
    post = ["POST"]
    return [
        Route("/me", page(mine), name="me"),
        Route("/me", page(correct), methods=post, name="correct-me"),
        Route("/me/data.json", page(data), name="my-data"),
        Route("/me/name/withhold", page(withhold), methods=post, name="withhold-my-name"),
        Route("/disk-rights", page(disk_rights), name="disk-rights"),
        Route("/withheld-names", page(names), name="withheld-names"),
        Route("/withheld-names", page(withhold_another), methods=post, name="withhold-name"),
        Route("/withheld-names/{number:int}/show", page(show_again), methods=post, name="show-name"),
    ]


def disk_rights(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    if who.user_id is None:
        raise Unauthenticated("Sign in to see the rights on the disk.")
    if not (who.admin or who.steward):
        raise NotFound()
    return render(request, "disk-rights.html", report=s.disk_report())


def mine(request: Request, _form: dict[str, str]) -> Response:
    return _mine(request)


def correct(request: Request, form: dict[str, str]) -> Response:
    said = {"orcid": form.get("orcid", "").strip() or None, "affiliation": form.get("affiliation", "").strip() or None}
    try:
        services(request).personal.correct(viewer(request), name=form.get("name", ""), **said)
    except PanmeshError as error:
        return _refused(request, error)
    return RedirectResponse("/me", 303)


def data(request: Request, _form: dict[str, str]) -> Response:
    found = services(request).personal.export(viewer(request))
    headers = {"Content-Disposition": 'attachment; filename="my-data.json"'}
    return Response(orjson.dumps(found, option=orjson.OPT_INDENT_2), media_type="application/json", headers=headers)


def withhold(request: Request, form: dict[str, str]) -> Response:
    try:
        services(request).personal.withhold_own(viewer(request), form.get("also", "").strip() or None)
    except PanmeshError as error:
        return _refused(request, error)
    return RedirectResponse("/me#name", 303)


def names(request: Request, _form: dict[str, str]) -> Response:
    return _names(request)


def withhold_another(request: Request, form: dict[str, str]) -> Response:
    try:
        services(request).personal.withhold(
            viewer(request), name=form.get("name"), orcid=form.get("orcid"), reason=form.get("reason", "")
        )
    except PanmeshError as error:
        if isinstance(error, NotFound | Unauthenticated):
            raise
        return _names(request, error, form)
    return RedirectResponse("/withheld-names", 303)


def show_again(request: Request, form: dict[str, str]) -> Response:
    services(request).personal.show_again(viewer(request), request.path_params["number"])
    return RedirectResponse("/me#name" if form.get("back") == "me" else "/withheld-names", 303)


def _mine(request: Request, fault: PanmeshError | None = None) -> Response:
    s, who = services(request), viewer(request)
    status = status_of(fault)[0] if fault is not None else 200
    held = s.personal.export(who)
    return render(
        request,
        "me.html",
        me=s.personal.profile(who),
        held=held,
        names=s.personal.own_withheld(who),
        erasure=s.personal.erasure(who),
        fault=fault,
        status=status,
    )


def _names(request: Request, fault: PanmeshError | None = None, form: dict[str, str] | None = None) -> Response:
    s, who = services(request), viewer(request)
    if who.user_id is not None and not (who.steward or who.admin):
        return RedirectResponse("/me#name", 303)
    status = status_of(fault)[0] if fault is not None else 200
    return render(request, "withheld-names.html", names=s.personal.withheld(who), fault=fault, form=form or {}, status=status)


def _refused(request: Request, error: PanmeshError) -> Response:
    if isinstance(error, NotFound | Unauthenticated):
        raise error
    return _mine(request, error)
