"""Files taken home: several at once, each under a temporary name until it is whole and right."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from panmesh.client import asking
from panmesh.client.fetch import Changed, Damaged, Fetch, Overfull
from panmesh.client.flow import Answer, Begin, Flow, Pause, Piece, Together
from panmesh.client.patience import Patience
from panmesh.client.progress import Progress
from panmesh.client.taken import Incomplete, Taken
from panmesh.client.values import File
from panmesh.kernel.errors import Forbidden, NotFound, PanmeshError, PeerFailed, Unauthenticated, Unavailable

PIECE = 1 << 20
NOTED = 4 << 20  # bytes: from here on it is worth a note beside the part, to go on after a break


@dataclass(frozen=True, slots=True)
class Job:
    pid: str
    file: File
    target: Path


def download(jobs: Sequence[Job], folder: Path, peer: str, *, workers: int, progress: Progress) -> Flow[Taken]:
    """Raises Incomplete at the end when single files failed; at once what concerns all of them: Unauthenticated, Forbidden, Embargoed, a full disk."""
    begun, stop = time.monotonic(), Event()
    outcomes = yield Together([_one(job, peer, progress, stop) for job in jobs], max(1, workers), stop)
    done = {job.file.name: outcome for job, outcome in zip(jobs, outcomes, strict=True)}
    taken = _report(jobs, done, folder, time.monotonic() - begun)
    if taken.failed:
        raise Incomplete(taken, peer)
    return taken


def _one(job: Job, peer: str, progress: Progress, stop: Event) -> Flow[_Outcome | PanmeshError]:
    """The error of one file is its outcome; one that concerns all stops all."""
    try:
        outcome = yield from _take(job, peer, progress, stop)
        return outcome
    except (Unauthenticated, Forbidden):
        stop.set()
        raise
    except PanmeshError as error:
        return error
    except BaseException:
        stop.set()
        raise


@dataclass(frozen=True, slots=True)
class _Outcome:
    path: Path
    compared: bool
    fetched: int | None  # bytes; None: it was there


def _report(jobs: Sequence[Job], done: dict[str, _Outcome | PanmeshError], folder: Path, seconds: float) -> Taken:
    came = {job.file.name: done[job.file.name] for job in jobs}
    good = {name: one for name, one in came.items() if isinstance(one, _Outcome)}
    return Taken(
        folder=folder,
        files=tuple(one.path for one in good.values()),
        compared=sum(one.compared for one in good.values()),
        pending=tuple(name for name, one in good.items() if not one.compared),
        fetched=sum(one.fetched is not None for one in good.values()),
        bytes=sum(one.fetched or 0 for one in good.values()),
        seconds=seconds,
        failed={name: one for name, one in came.items() if isinstance(one, PanmeshError)},
    )


def _take(job: Job, peer: str, progress: Progress, stop: Event) -> Flow[_Outcome]:
    """One file: asks, and writes to disk between the questions."""
    there = _already(job)
    if there is not None:
        progress(job.file.size)
        return _Outcome(job.target, there, None)
    if job.file.state == "elsewhere":
        raise NotFound(f"{job.file.name} is not at this facility: its record came from another catalogue.")
    job.target.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(job.target)
    have, etag = part.found()
    # A file that the facility cannot read now is asked for once: its disk does not come back within seconds.
    fetch = Fetch(job.file, peer, have=have, etag=etag, patience=None if job.file.state == "online" else Patience(1))
    try:
        over_the_line = yield from _fetch(job, fetch, part, progress, stop)
        compared = fetch.compare(part.sha256())
    except (Damaged, Overfull):
        part.forget()
        raise
    part.keep(job.target, job.file)
    return _Outcome(job.target, compared, over_the_line)


def _already(job: Job) -> bool | None:
    """None: it is not there, or not right. Else whether its digest says so, or its size and time alone."""
    try:
        info = job.target.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if info.st_size != job.file.size or not job.target.is_file():
        return None
    if job.file.sha256 is not None:
        with job.target.open("rb") as file:
            return True if hashlib.file_digest(file, "sha256").hexdigest() == job.file.sha256 else None
    return False if _time_ns(job.file) == info.st_mtime_ns else None


def _fetch(job: Job, fetch: Fetch, part: _Part, progress: Progress, stop: Event) -> Flow[int]:
    """Bytes over the line. The part is whole at the end."""
    received = 0
    part.begin(fetch.have)
    progress(fetch.have)
    try:
        while not fetch.complete:
            try:
                had = fetch.have
                answer: Answer = yield Begin(asking.content(job.pid, job.file.name, fetch.headers()))
                start = fetch.answered(answer.status, answer.headers)
                if start != had:
                    part.begin(start)
                    progress(start - had)
                if job.file.size - start >= NOTED and fetch.etag and not job.file.sha256:
                    part.note(fetch.etag)
                while (piece := (yield Piece())) is not None:
                    if stop.is_set():
                        raise Unavailable(f"{job.file.name} was left at {fetch.have} of {job.file.size} bytes.")
                    part.write(piece)
                    fetch.wrote(len(piece))
                    progress(len(piece))
                    received += len(piece)
                fetch.ended()
            except PanmeshError as error:
                if stop.is_set() or isinstance(error, Changed | Overfull):
                    raise
                before = fetch.have
                seconds = fetch.broke(error)
                if fetch.have != before:
                    part.begin(fetch.have)
                    progress(fetch.have - before)
                yield Pause(seconds)
    finally:
        part.close()
    return received


class _Part:
    """The bytes that are here so far, beside their place; its digest is computed as they come."""

    def __init__(self, target: Path) -> None:
        mark = hashlib.sha256(target.name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        self._path = target.with_name(f".{target.name[:40]}.{mark}.panmesh-part")
        self._note = self._path.with_suffix(".panmesh-etag")
        self._file: Any = None
        self._digest = hashlib.sha256()

    def found(self) -> tuple[int, str | None]:
        have = self._path.stat().st_size if self._path.exists() else 0
        return have, self._note.read_text("ascii") if have and self._note.exists() else None

    def begin(self, have: int) -> None:
        """What follows is written from there on."""
        self.close()
        self._digest = hashlib.sha256()
        self._file = self._path.open("r+b" if have else "wb")
        if not have:
            self._note.unlink(missing_ok=True)
            return
        left = have
        while left:
            piece = self._file.read(min(PIECE, left))
            if not piece:
                raise PeerFailed(f"{self._path} became shorter while it was read.", "")
            self._digest.update(piece)
            left -= len(piece)
        self._file.truncate(have)

    def note(self, etag: str) -> None:
        self._note.write_text(etag, "ascii")

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._digest.update(piece)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def sha256(self) -> str:
        return self._digest.hexdigest()

    def forget(self) -> None:
        self._path.unlink()
        self._note.unlink(missing_ok=True)

    def keep(self, target: Path, file: File) -> None:
        """With the time that the catalogue says: a file without a digest is known again by size and time."""
        time_ns = _time_ns(file)
        if time_ns is not None:
            os.utime(self._path, ns=(time_ns, time_ns))
        self._path.replace(target)
        self._note.unlink(missing_ok=True)


def _time_ns(file: File) -> int | None:
    if file.modified is None:
        return None
    whole = int(file.modified.replace(microsecond=0).timestamp())
    return (whole * 1_000_000 + file.modified.microsecond) * 1000
