"""Routes of webhooks in /api/v1."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Path, Request, Response

from panmesh.catalogue.events import EventFilter
from panmesh.catalogue.webhooks import Delivery, DeliveryState, Webhook
from panmesh.http.services import services, viewer
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import is_plain
from panmesh.protocols.api import webhook_models as models

Number = Annotated[int, Path(ge=1, le=2**53)]


def add_webhooks(api: FastAPI) -> None:
    @api.get("/webhooks", response_model=list[models.WebhookModel], tags=["webhooks"])
    def webhooks(request: Request) -> Response:
        """Your own."""
        return _json([_webhook(one) for one in services(request).webhooks.own(viewer(request))])

    @api.post("/webhooks", response_model=models.NewWebhook, status_code=201, tags=["webhooks"])
    def make(request: Request, body: models.WebhookRequest) -> Response:
        """Have an address called when something happens to runs that you may read, from now on."""
        if not is_plain([body.url, *body.instruments, *body.visits]):
            raise Invalid("The text has signs that no address or name has.", (Fault("/", "NUL or undecodable signs"),))
        wanted = EventFilter(kinds=frozenset(body.events), instruments=frozenset(body.instruments), visits=frozenset(body.visits))
        hook, secret = services(request).webhooks.make(viewer(request), body.url, wanted)
        return _json(_webhook(hook) | {"secret": secret}, 201)

    @api.get("/webhooks/{number}", response_model=models.WebhookModel, tags=["webhooks"])
    def webhook(request: Request, number: Number) -> Response:
        return _json(_webhook(services(request).webhooks.one(viewer(request), number)))

    @api.delete("/webhooks/{number}", status_code=204, tags=["webhooks"])
    def remove(request: Request, number: Number) -> Response:
        services(request).webhooks.remove(viewer(request), number)
        return Response(status_code=204)

    @api.post("/webhooks/{number}/enable", response_model=models.WebhookModel, tags=["webhooks"])
    def enable(request: Request, number: Number) -> Response:
        """After it was disabled because nothing arrived there."""
        return _json(_webhook(services(request).webhooks.enable(viewer(request), number)))

    @api.post("/webhooks/{number}/test", status_code=202, tags=["webhooks"], response_class=Response)
    def test(request: Request, number: Number) -> Response:
        """Send it a message about nothing."""
        services(request).webhooks.test(viewer(request), number)
        return Response(status_code=202)

    @api.get("/webhooks/{number}/deliveries", response_model=list[models.DeliveryModel], tags=["webhooks"])
    def deliveries(request: Request, number: Number) -> Response:
        """The newest 200, of what you may still read."""
        return _json([_delivery(one) for one in services(request).webhooks.deliveries(viewer(request), number)])

    @api.post("/webhooks/{number}/deliveries/{delivery}/redeliver", status_code=202, tags=["webhooks"], response_class=Response)
    def redeliver(request: Request, number: Number, delivery: Number) -> Response:
        """Send one again, under the same `webhook-id`."""
        services(request).webhooks.redeliver(viewer(request), number, delivery)
        return Response(status_code=202)


def _webhook(one: Webhook) -> dict[str, Any]:
    return {
        "id": one.id,
        "url": one.url,
        "events": sorted(kind.value for kind in one.wanted.kinds),
        "instruments": sorted(one.wanted.instruments),
        "visits": sorted(one.wanted.visits),
        "created": iso(one.created_us),
        "failing_since": iso(one.failing_us),
        "disabled": iso(one.disabled_us),
        "disabled_why": one.disabled_why,
    }


def _delivery(one: Delivery) -> dict[str, Any]:
    return {
        "id": one.id,
        "webhook_id": one.message,
        "type": "test" if one.kind is None else one.kind.value,
        "pid": one.pid or None,
        "at": iso(one.at_us),
        "state": one.state.value,
        "attempts": one.attempts,
        "status": one.status,
        "error": one.error,
        "next": iso(one.next_us) if one.state is DeliveryState.WAITING else None,
        "done": iso(one.done_us),
    }


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
