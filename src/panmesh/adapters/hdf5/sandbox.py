"""Reads strangers' files through confined child processes: a crash, a hang or a bomb is a result like any other."""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import orjson

from panmesh.adapters.hdf5.confine import SandboxReport, probe
from panmesh.adapters.hdf5.zygote import DIED, END, MAX_FRAME, PEAK
from panmesh.ingest.facts import EntryFacts, FileFacts, FileFormat, PlotFacts, ReadState
from panmesh.ingest.facts_codec import Malformed, facts_from_dict, from_plain, to_plain
from panmesh.ingest.plot import PlotData, PlotRequest, Series
from panmesh.ingest.reader import ReadLimits, ReadRequest
from panmesh.ingest.tree import Problem
from panmesh.kernel.errors import Unavailable

STOPPED = "the reader itself was stopped; try again"
BATCH = 64  # files read by one child, all of one folder
PATIENCE = 30.0  # seconds that a zygote may be silent beyond the deadline of a file: to start, to fork, to bury its dead


class SandboxedReader:
    """Implements `ingest.reader.Reader` with `processes` zygotes. Refuses to start without a sandbox unless `confined` is False."""

    def __init__(self, limits: ReadLimits | None = None, *, processes: int = 1, confined: bool = True) -> None:
        self.limits = limits or ReadLimits()
        self.report: SandboxReport = probe()
        if confined and self.report.kind == "none":
            raise Unavailable(
                f"{self.report.detail}. Hostile files could then read others: use Linux 5.13 or newer with Landlock, or set "
                "sandbox = 'off' in [ingest] if every file here comes from instruments that you trust."
            )
        self._zygotes: Queue[_Zygote] = Queue()
        for _ in range(processes):
            self._zygotes.put(_Zygote(self.limits, confined))
        self.processes = processes
        self.peak = 0  # bytes of memory that any child has used

    def read(self, request: ReadRequest) -> FileFacts:
        [(_, facts)] = list(self.read_many([request]))  # to its end: a job left half-way costs its zygote
        return facts

    def read_many(self, requests: Sequence[ReadRequest]) -> Iterator[tuple[ReadRequest, FileFacts]]:
        batches = list(_batches(requests))
        if self.processes == 1 or len(batches) <= 1:
            for batch in batches:
                yield from self._batch(batch)
            return
        results: Queue[tuple[ReadRequest, FileFacts] | BaseException | None] = Queue()
        todo: Queue[list[ReadRequest]] = Queue()
        for batch in batches:
            todo.put(batch)
        workers = min(self.processes, len(batches))
        for _ in range(workers):
            threading.Thread(target=self._drain, args=(todo, results), daemon=True).start()
        while workers:
            result = results.get()
            if result is None:
                workers -= 1
            elif isinstance(result, BaseException):
                raise result
            else:
                yield result

    def preview(self, path: Path, plot: PlotFacts, companions: Sequence[Path] = (), frame: int | None = None) -> PlotData:
        """From this file and the other files of its dataset. Raises Unavailable with the reason when the plot cannot be drawn."""
        [found] = self.previews([PlotRequest(path=path, plot=plot, companions=tuple(companions), frame=frame)])
        if isinstance(found, Unavailable):
            raise found
        return found

    def previews(self, requests: Sequence[PlotRequest]) -> list[PlotData | Unavailable]:
        """In the order of the requests. Files of one folder are read by one process, as when they are ingested."""
        found: dict[int, PlotData | Unavailable] = {}
        for batch in _plot_batches(requests):
            items = [_plot_item(requests[i]) for i in batch]
            for index, result in list(self._job("preview", requests[batch[0]].path.parent, items)):
                found[batch[index]] = _plotted(result)
        return [found.get(i) or Unavailable("The plot cannot be drawn: the reader gave no answer.") for i in range(len(requests))]

    def series(self, path: Path, wanted: Sequence[str], companions: Sequence[Path] = ()) -> tuple[Series, ...]:
        """Of the arrays at these paths, all in one pass; those that cannot be read are left out. Raises Unavailable when none can."""
        item = {"path": str(path), "profile": {}, "wanted": list(wanted), "companions": _there(companions)}
        for _, result in list(self._job("series", path.parent, [item])):
            try:
                found: tuple[Series, ...] = from_plain(tuple[Series, ...], result)
                return found
            except Malformed as error:
                raise Unavailable(f"The series cannot be read: {_reason(result)}.") from error
        raise Unavailable("The series cannot be read: the reader gave no answer.")

    def close(self) -> None:
        for _ in range(self.processes):
            self._zygotes.get().close()

    def _drain(
        self, todo: Queue[list[ReadRequest]], results: Queue[tuple[ReadRequest, FileFacts] | BaseException | None]
    ) -> None:
        try:
            while (batch := _next(todo)) is not None:
                for result in self._batch(batch):
                    results.put(result)
        except BaseException as error:  # carried to the caller's thread, raised there
            results.put(error)
        finally:
            results.put(None)

    def _batch(self, batch: list[ReadRequest]) -> Iterator[tuple[ReadRequest, FileFacts]]:
        items = [{"path": str(r.path), "profile": asdict(r.profile)} for r in batch]
        for index, result in self._job("read", batch[0].folder, items):
            yield batch[index], _facts(result)

    def _job(self, kind: str, folder: Path, items: list[dict[str, Any]]) -> Iterator[tuple[int, Any]]:
        """(index, the child's plain result, or the reason of its death as text)."""
        zygote = self._zygotes.get()
        try:
            yield from zygote.run(kind, str(folder), items)
        finally:
            self.peak = max(self.peak, zygote.peak)
            self._zygotes.put(zygote)


class _Zygote:
    def __init__(self, limits: ReadLimits, confined: bool) -> None:
        self._limits = limits
        self._confined = confined
        self._process: subprocess.Popen[bytes] | None = None
        self.peak = 0

    def run(self, kind: str, folder: str, items: list[dict[str, Any]]) -> Iterator[tuple[int, Any]]:
        """Every index once, whatever happens; a zygote that is lost is started again, and asked again if it was lost before it answered
        anything: mostly it died after the job before, which is not seen until it is needed."""
        job = {"kind": kind, "folder": folder, "items": items, "limits": asdict(self._limits), "confined": self._confined}
        missing = dict.fromkeys(range(len(items)))
        reason = yield from self._asked(job, missing)
        if items and reason == STOPPED and len(missing) == len(items):
            reason = yield from self._asked(job, missing)
        for index in missing:
            yield index, reason

    def _asked(self, job: dict[str, Any], missing: dict[int, None]) -> Generator[tuple[int, Any], None, str]:
        """Takes what is answered out of `missing`; returns why the rest is not."""
        try:
            process = self._started()
            self._send(process, json.dumps(job).encode("ascii"))
            while (frame := self._receive(process)) is not None:
                label, index, payload = frame[:1], *struct.unpack("<I", frame[1:5]), frame[5:]
                if label == END:
                    break
                if label == PEAK:
                    self.peak = max(self.peak, int(payload))
                    continue
                missing.pop(index, None)
                yield index, payload.decode("utf-8") if label == DIED else _untrusted(payload)
            else:
                self.close()
        except (BrokenPipeError, ValueError):
            self.close()
        except TimeoutError:
            self.close()
            return "the reader gave no answer in time and was stopped; try again"
        except GeneratorExit:
            self.close()  # the caller stopped listening: what is still under way must not be taken for the next answer
            raise
        return STOPPED

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # with a child that has not yet bound its life to its parent's
        process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START.format(path=sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                process_group=0,
                env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            )
        return self._process

    def _send(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        assert process.stdin is not None
        handle, view = process.stdin.fileno(), memoryview(struct.pack("<I", len(data)) + data)
        os.set_blocking(handle, False)
        deadline = self._deadline()
        while view:
            _wait(handle, select.POLLOUT, deadline)
            view = view[os.write(handle, view) :]

    def _receive(self, process: subprocess.Popen[bytes]) -> bytes | None:
        """None: the zygote has ended. Raises TimeoutError when it is silent for longer than any file may take."""
        assert process.stdout is not None
        handle, deadline = process.stdout.fileno(), self._deadline()
        head = _exactly(handle, 4, deadline)
        if head is None:
            return None
        (size,) = struct.unpack("<I", head)
        if size > MAX_FRAME + 64:
            raise ValueError(size)
        return _exactly(handle, size, deadline)

    def _deadline(self) -> float:
        return time.monotonic() + self._limits.seconds + PATIENCE


def _wait(handle: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(handle, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError


def _exactly(handle: int, size: int, deadline: float) -> bytes | None:
    parts: list[bytes] = []
    while size:
        _wait(handle, select.POLLIN, deadline)
        part = os.read(handle, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


_START = "import sys; sys.path[:] = {path!r}; from panmesh.adapters.hdf5.zygote import serve; serve()"


def _plot_batches(requests: Sequence[PlotRequest]) -> Iterator[list[int]]:
    by_folder: dict[Path, list[int]] = {}
    for i, request in enumerate(requests):
        by_folder.setdefault(request.path.parent, []).append(i)
    for group in by_folder.values():
        for i in range(0, len(group), BATCH):
            yield group[i : i + BATCH]


def _plot_item(request: PlotRequest) -> dict[str, Any]:
    others = _there(request.companions)
    return {
        "path": str(request.path),
        "profile": {},
        "plot": to_plain(request.plot),
        "companions": others,
        "frame": request.frame,
    }


def _plotted(result: Any) -> PlotData | Unavailable:
    if isinstance(result, str):
        return Unavailable(f"The plot cannot be drawn: {result}.")
    try:
        data: PlotData = from_plain(PlotData, result)
        return data
    except Malformed:
        return Unavailable(f"The plot cannot be drawn: {_reason(result)}.")


def _there(companions: Sequence[Path]) -> list[str]:
    return [str(one.resolve()) for one in companions if one.is_file()]


def _batches(requests: Sequence[ReadRequest]) -> Iterator[list[ReadRequest]]:
    by_folder: dict[Path, list[ReadRequest]] = {}
    for request in requests:
        by_folder.setdefault(request.folder, []).append(request)
    for group in by_folder.values():
        for i in range(0, len(group), BATCH):
            yield group[i : i + BATCH]


def _next(todo: Queue[list[ReadRequest]]) -> list[ReadRequest] | None:
    try:
        return todo.get_nowait()
    except Empty:
        return None


def _untrusted(payload: bytes) -> Any:
    """What a child wrote, which may be anything."""
    try:
        return orjson.loads(payload)
    except ValueError:
        return "its description is not JSON"


def _facts(result: Any) -> FileFacts:
    if isinstance(result, str):
        return _failed(result)
    try:
        return facts_from_dict(result)
    except Malformed as error:
        return _failed(f"its description is not well formed ({error})")


def _failed(reason: str) -> FileFacts:
    return FileFacts(
        format=FileFormat.HDF5,
        state=ReadState.FAILED,
        entries=(EntryFacts(entry=None, entry_class=""),),
        problems=(Problem(path="/", what=reason[0].upper() + reason[1:] + "."),),
        advice="The file is kept as it is. Mend or copy it again, then retry; its page stays the same.",
    )


def _reason(result: Any) -> str:
    try:
        return str(result["problems"][0]["what"])
    except (KeyError, IndexError, TypeError):
        return "the answer is not well formed"
