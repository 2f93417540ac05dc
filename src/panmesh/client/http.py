"""Flows over the line, waiting. The HTTP library is loaded when it is used."""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from panmesh.client.flow import Answer, Ask, Begin, Flow, Pause, Piece, Step, Together
from panmesh.client.line import Line
from panmesh.kernel.errors import PanmeshError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class Http:
    """Raises the errors of `kernel.errors` with the server's own sentences. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._line = Line(url, token)
        self.url = self._line.url
        self._transport = transport
        self.sleep = sleep
        self._client: httpx.Client | None = None
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[Http], tuple[str, str | None]]:
        """With the token, and with a line of its own where it is unpacked: workers of dask and multiprocessing ask themselves."""
        return Http, (self.url, self._line.token)

    def run(self, flow: Flow[T], *, sleep: Callable[[float], object] | None = None) -> T:
        """To its end, in this thread; `sleep` instead of ours, for whoever must be woken."""
        driving = _Driving(self, sleep or self.sleep)
        try:
            step = next(flow)
            while True:
                try:
                    answer = driving.do(step)
                except PanmeshError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()
            driving.end()

    @contextmanager
    def answer(self, ask: Ask | Begin) -> Iterator[httpx.Response]:
        """Asked once; the body is not read yet."""
        client = self._opened()
        with self._line.breaking(), client.stream(**self._line.arguments(ask.request)) as answer:
            also = ask.also if isinstance(ask, Ask) else ()
            if self._line.refused(answer, also):
                raise self._line.error(answer, self._line.within(answer.iter_bytes()))
            yield answer

    def whole(self, ask: Ask) -> Answer:
        with self.answer(ask) as answer:
            wanted = ask.bodies is None or answer.status_code in ask.bodies
            body = self._line.within(answer.iter_bytes(), ask.most) if wanted else b""
            return Answer(answer.status_code, answer.headers, body)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _opened(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                self._client = httpx.Client(transport=self._transport, **self._line.settings())
                weakref.finalize(self, self._client.close)  # whoever unpacks it, or asks fsspec for it, drops it without a word
            return self._client


class _Driving:
    """One flow, and the answer that it has begun."""

    def __init__(self, http: Http, sleep: Callable[[float], object]) -> None:
        self._http = http
        self._sleep = sleep
        self._begun: Any = None
        self._pieces: Iterator[bytes] = iter(())

    def do(self, step: Step) -> Any:
        match step:
            case Ask():
                return self._http.whole(step)
            case Pause():
                return self._sleep(step.seconds)
            case Together():
                return _together(self._http, step)
            case Begin():
                return self._begin(step)
            case Piece():
                return self._piece()

    def end(self) -> None:
        if self._begun is not None:
            self._begun.__exit__(None, None, None)
            self._begun = None

    def _begin(self, step: Begin) -> Answer:
        self.end()
        opened = self._http.answer(step)
        answer = opened.__enter__()
        self._begun, self._pieces = opened, answer.iter_raw(1 << 20)
        return Answer(answer.status_code, answer.headers)

    def _piece(self) -> bytes | None:
        with self._http._line.breaking():
            piece = next(self._pieces, None)
        if piece is None:
            self.end()
        return piece


def _together(http: Http, step: Together) -> list[Any]:
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    sleep = step.stop.wait if step.stop is not None else None
    waiting = deque(enumerate(step.flows))
    results: list[Any] = [None] * len(step.flows)

    def work() -> None:
        while waiting:
            try:
                number, flow = waiting.popleft()
            except IndexError:  # another was faster
                return
            try:
                results[number] = http.run(flow, sleep=sleep)
            except BaseException:
                waiting.clear()
                raise

    count = max(1, min(step.at_once, len(step.flows)))
    if count == 1:
        work()
        return results
    with ThreadPoolExecutor(count, "panmesh") as pool:
        working = [pool.submit(work) for _ in range(count)]
        try:
            wait(working, return_when=FIRST_EXCEPTION)
        finally:
            waiting.clear()
            if step.stop is not None:
                step.stop.set()
        for one in working:
            one.result()
    return results
