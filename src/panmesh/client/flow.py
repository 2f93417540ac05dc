"""What is to be done next, as values that a flow yields: whoever drives it does them, waiting or awaiting. One flow serves both clients."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, TypeVar

from panmesh.client.asking import Request
from panmesh.client.patience import Patience
from panmesh.kernel.errors import Invalid, PanmeshError, PeerFailed

T = TypeVar("T")
MOST = 256 << 20  # bytes of an answer that is read whole: one that does not end fills nobody's memory


@dataclass(frozen=True, slots=True)
class Ask:
    """Answered by an Answer. An error of the server, and a line that broke, is thrown into the flow; statuses `also` are answers."""

    request: Request
    also: tuple[int, ...] = ()
    most: int = MOST  # bytes of the body; more than that is Unending
    bodies: tuple[int, ...] | None = None  # statuses whose body is read; None: all


@dataclass(frozen=True, slots=True)
class Begin:
    """As Ask, but the body comes in pieces: answered by an Answer without one. Ends an answer that was begun before."""

    request: Request


@dataclass(frozen=True, slots=True)
class Piece:
    """Answered by the next bytes of the answer that was begun; None: it ended."""


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Together:
    """Answered by the results in their order; the first error ends all."""

    flows: Sequence[Flow[Any]]
    at_once: int = 4
    stop: Event | None = None  # set at the end, however that comes; ends the pauses of those that still go on


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""


Step = Ask | Begin | Piece | Pause | Together
Flow = Generator[Step, Any, T]


def ask(request: Request, *, also: tuple[int, ...] = (), most: int = MOST, bodies: tuple[int, ...] | None = None) -> Flow[Answer]:
    """What passes by itself (broken lines, 429, 5xx) is asked again, if asking twice does no harm."""
    patience = Patience()
    while True:
        try:
            answer: Answer = yield Ask(request, also, most, bodies)
            return answer
        except Unreachable:  # never answered: an address to mend, not a server to wait for
            raise
        except PanmeshError as error:
            if not request.repeatable:
                raise
            yield Pause(patience.pause(error))


def said(request: Request, read: Callable[[Any], T]) -> Flow[T]:
    """What the server says as JSON, read. Raises Invalid for what is none, PeerFailed for what has another form."""
    answer = yield from ask(request)
    try:
        found = json.loads(answer.body)
    except ValueError as error:
        raise Invalid("The answer is no JSON: is this the address of a panmesh facility?") from error
    try:
        return read(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{request.path}: the answer has not the form that this version of panmesh.client knows ({error!r})."
        raise PeerFailed(f"{what} Is the client older than the server? python -m pip install --upgrade panmesh", "") from error


class Unreachable(PeerFailed):
    """Nobody ever answered at this address."""
