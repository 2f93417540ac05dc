"""Implements `catalogue.arrays.Arrays`: confined processes that keep files open, one file each, warm for whoever asks next."""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import blake2b
from typing import Any

import orjson

from panmesh.adapters.hdf5.array_line import HEAD, LENGTH, ROOM
from panmesh.adapters.hdf5.confine import probe
from panmesh.catalogue.arrays import ArrayAnswer, ArrayFile, ArrayQuestion, FindNeighbours, TooMuch
from panmesh.kernel.errors import Forbidden, Invalid, NotFound, Unavailable

MOST_NEIGHBOURS = 2000  # other files that one process may read
MOST_ANSWER = 1 << 30  # bytes that a process may send: its own limits are much lower
IDLE = 60.0  # seconds that a file stays open for nobody
LINKED = 60.0  # seconds that it is believed which of the other files belong to the dataset
MOST_KNOWN = 64  # files whose links are remembered
GROWN = 5.0  # seconds that a growing file stays open: then it is looked at again whether it still grows
MOST_WARM = 48 << 20  # bytes of shared memory that a process may keep after an answer
PATIENCE = 10.0  # seconds for a process to be made, or to be buried

_Known = dict[tuple[str, str], ArrayFile | None]
_Key = tuple[str, ArrayFile]


class ArrayReaders:
    """Files that are open stay open in their process until others need the room."""

    def __init__(
        self, *, seconds: float = 20.0, memory: int = 1 << 30, kept: int = 8, confined: bool = True, idle: float = IDLE
    ) -> None:
        """`seconds` for one answer; `memory` of a process, on top of what it has at its start; `kept`: processes that wait for more."""
        report = probe()
        if confined and report.kind == "none":
            raise Unavailable(f"{report.detail}. Arrays are read in a sandbox only; sandbox = 'off' in [ingest] does without.")
        self._seconds, self._memory, self._kept, self._confined, self._idle = seconds, memory, kept, confined, idle
        self._parent = _Parent()
        self._lock = threading.Lock()
        self._free: list[_Process] = []  # the longest unused first
        self._known: OrderedDict[_Key, tuple[float, _Known]] = OrderedDict()
        self._sweeper: threading.Timer | None = None
        self.made = 0  # processes since the start

    def ask(self, dataset: str, file: ArrayFile, question: ArrayQuestion, find: FindNeighbours) -> ArrayAnswer:
        key, deadline = (dataset, file), time.monotonic() + self._seconds
        known = self._recall(key)
        while True:
            process = self._take(key) or self._make(key, known, deadline)
            head, body = self._answer(process, question, deadline)
            process.growing = process.growing or bool(head.get("growing"))
            if head.get("error") != "unknown":
                self._give_back(process)
                return _answer(head, body, process.depends, file.size)
            process.close()
            names = set(_pairs(head))
            if names <= process.told:
                raise Unavailable("The reader asked twice for the same file and was stopped.")
            if new := sorted(names - set(known)):  # none: another process, made before, has learnt it meanwhile
                self._learn(key, known, new, find)

    def close(self) -> None:
        with self._lock:
            free, self._free = self._free, []
            if self._sweeper is not None:
                self._sweeper.cancel()
        for process in free:
            process.close()
        self._parent.close()

    def _take(self, key: _Key) -> _Process | None:
        now = time.monotonic()
        with self._lock:
            for process in reversed(self._free):
                if process.serves(key) and not process.old(now, self._idle):
                    self._free.remove(process)
                    break
            else:
                return None
        if not process.changed():
            return process
        process.close()
        return None

    def _recall(self, key: _Key) -> _Known:
        """The other files that questions about this one have led to, as long as they are what they were."""
        with self._lock:
            learnt, known = self._known.get(key, (0.0, {}))
        if time.monotonic() - learnt > LINKED or any(map(_changed, known.values())):
            return {}
        return dict(known)

    def _make(self, key: _Key, known: _Known, deadline: float) -> _Process:
        file = key[1]
        allowed = {one.path: one for one in (file, *filter(None, known.values()))}
        setting = {
            "path": str(file.path),
            "size": file.size,
            "files": [[str(one.path), one.device, one.inode] for one in allowed.values()],
            "neighbours": [[home, name, None if one is None else str(one.path)] for (home, name), one in known.items()],
            "memory": self._memory,
            "confined": self._confined,
        }
        process = _Process(key, known, self._parent)
        self.made += 1
        try:
            process.send(setting, deadline)
            head, _ = process.receive(deadline)
        except (OSError, EOFError) as error:
            raise self._died(process, error) from None
        if "error" in head:
            process.close()
            _raise(head)
        process.growing = bool(head.get("growing"))
        return process

    def _answer(self, process: _Process, question: ArrayQuestion, deadline: float) -> tuple[dict[str, Any], bytes]:
        try:
            process.send(asdict(question), deadline)
            return process.receive(deadline)
        except (OSError, EOFError) as error:
            raise self._died(process, error) from None
        except BaseException:
            process.close()
            raise

    def _died(self, process: _Process, error: Exception) -> Exception:
        why = process.close()
        if isinstance(error, TimeoutError):
            return Unavailable(f"Reading took longer than {self._seconds:.0f} s and was stopped: select less, or try later.", 10)
        return Invalid(f"The file cannot be read here: {why}.")

    def _learn(self, key: _Key, known: _Known, names: list[tuple[str, str]], find: FindNeighbours) -> None:
        if len(known) + len(names) > MOST_NEIGHBOURS:
            raise TooMuch(f"It is spread over more than {MOST_NEIGHBOURS} files, which are not opened at once.", MOST_NEIGHBOURS)
        found = find(names)
        known.update({name: found.get(name) for name in names})
        with self._lock:
            self._known[key] = (time.monotonic(), known)
            self._known.move_to_end(key)
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)

    def _give_back(self, process: _Process) -> None:
        process.used = time.monotonic()
        with self._lock:
            self._free.append(process)
            over = self._free[: max(0, len(self._free) - self._kept)]
            del self._free[: len(over)]
            if self._sweeper is None:
                self._sweep_later()
        for one in over:
            one.close()

    def _sweep_later(self) -> None:
        self._sweeper = threading.Timer(self._idle / 2, self._sweep)
        self._sweeper.daemon = True
        self._sweeper.start()

    def _sweep(self) -> None:
        now = time.monotonic()
        with self._lock:
            old = [one for one in self._free if one.old(now, self._idle)]
            self._free = [one for one in self._free if one not in old]
            self._sweeper = None
            if self._free:
                self._sweep_later()
        for one in old:
            one.close()


class _Process:
    def __init__(self, key: _Key, known: _Known, parent: _Parent) -> None:
        self._key = key
        self.told = frozenset(known)
        self._others = tuple(one for one in known.values() if one is not None)
        self.depends = (
            blake2b(repr(sorted(known.items(), key=lambda item: item[0])).encode(), digest_size=8).hexdigest() if known else ""
        )
        self._parent = parent
        self._ours, theirs = socket.socketpair()
        shared = _shared_memory()
        try:
            self._room = mmap.mmap(shared, ROOM)
            with theirs:
                self._pid = parent.fork(theirs.fileno(), shared)
        finally:
            os.close(shared)
        self.growing = False
        self.born = self.used = time.monotonic()

    def serves(self, key: _Key) -> bool:
        if not self.growing:
            return self._key == key
        mine, wanted = self._key[1], key[1]
        return self._key[0] == key[0] and (mine.path, mine.device, mine.inode) == (wanted.path, wanted.device, wanted.inode)

    def old(self, now: float, idle: float) -> bool:
        most = GROWN if self.growing else LINKED if self.depends else now
        return now - self.used > idle or now - self.born > most

    def changed(self) -> bool:
        """Whether another file that it reads is not what it was."""
        return any(map(_changed, self._others))

    def send(self, question: Mapping[str, Any], deadline: float) -> None:
        data = json.dumps(question).encode("ascii")
        self._ours.settimeout(max(0.001, deadline - time.monotonic()))
        self._ours.sendall(LENGTH.pack(len(data)) + data)

    def receive(self, deadline: float) -> tuple[dict[str, Any], bytes]:
        """Raises EOFError when the process ends, TimeoutError at the deadline."""
        head_size, body_size = HEAD.unpack(self._exactly(HEAD.size, deadline))
        if head_size + body_size > MOST_ANSWER:
            raise EOFError
        head = orjson.loads(self._exactly(head_size, deadline))
        if not isinstance(head, dict):
            raise EOFError
        shared = head.get("shared") or 0
        if not shared:
            return head, bytes(self._exactly(body_size, deadline))
        if not isinstance(shared, int) or not 0 < shared <= ROOM:
            raise EOFError
        body = self._room[:shared]
        if shared > MOST_WARM:
            self._room.madvise(mmap.MADV_REMOVE)
        return head, body

    def close(self) -> str:
        """How it ended."""
        self._ours.close()
        self._room.close()
        return self._parent.bury(self._pid)

    def _exactly(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            self._ours.settimeout(max(0.001, deadline - time.monotonic()))
            count = self._ours.recv_into(view, min(len(view), 4 << 20))
            if not count:
                raise EOFError
            view = view[count:]
        return data


class _Parent:
    """The one process that forks the others, started when it is first needed, and again when it is lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._told: socket.socket | None = None

    def fork(self, *handles: int) -> int:
        with self._lock:
            for attempt in (1, 2):
                try:
                    told = self._started()
                    socket.send_fds(told, [b"f"], handles)
                    return int(told.recv(64))
                except (OSError, ValueError):
                    self._stop()
                    if attempt == 2:
                        raise Unavailable("No process can be made to read the file; try again.", 5) from None
        raise AssertionError

    def bury(self, pid: int) -> str:
        with self._lock:
            if self._told is None:
                return "the reader was stopped"
            try:
                self._told.send(b"b%d" % pid)
                return self._told.recv(256).decode()
            except OSError:
                self._stop()
                return "the reader was stopped"

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _started(self) -> socket.socket:
        if self._told is None or self._process is None or self._process.poll() is not None:
            self._stop()
            self._told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._told.settimeout(PATIENCE)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", _START.format(path=sys.path, control=theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    process_group=0,
                    env={
                        "OPENBLAS_NUM_THREADS": "1",
                        "OMP_NUM_THREADS": "1",
                        "PATH": os.defpath,
                        "LC_ALL": "C.UTF-8",
                        "TZ": "UTC",
                    },
                )
        return self._told

    def _stop(self) -> None:
        if self._told is not None:
            self._told.close()
            self._told = None
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


_START = "import sys; sys.path[:] = {path!r}; from panmesh.adapters.hdf5.array_zygote import serve; serve({control})"


def _shared_memory() -> int:
    """That nobody can make shorter: whoever looks at it would be killed."""
    handle = os.memfd_create("answers", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(handle, ROOM)
    fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return handle


def _pairs(head: dict[str, Any]) -> list[tuple[str, str]]:
    """What a process says may be anything."""
    try:
        return [(str(home), str(name)) for home, name in head["names"]]
    except (KeyError, TypeError, ValueError):
        return []


def _changed(file: ArrayFile | None) -> bool:
    if file is None:
        return False
    try:
        found = os.stat(file.path)
    except OSError:
        return True
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) != (
        file.device,
        file.inode,
        file.size,
        file.modified_ns,
    )


def _answer(head: dict[str, Any], body: bytes, depends: str, size: int) -> ArrayAnswer:
    if "error" in head:
        _raise(head)
    return ArrayAnswer(
        media_type=_media_type(head.get("type")),
        body=body,
        extents=_extents(head.get("extents"), size),
        blocks=tuple((str(selection), int(length)) for selection, length in head.get("blocks") or ()),
        growing=bool(head.get("growing")),
        depends=depends,
        headers={"x-limit": str(int(limit))} if (limit := (head.get("headers") or {}).get("x-limit")) else None,
    )


def _extents(said: Any, size: int) -> tuple[tuple[int, int], ...]:
    """What a process says may be anything; it is read from a file of that size."""
    found = tuple((int(start), int(length)) for start, length in said or ())
    if any(start < 0 or length <= 0 or start + length > size for start, length in found) or sum(n for _, n in found) > ROOM:
        raise Invalid("The file cannot be read here: it says that its numbers lie behind its end.")
    return found


_MEDIA_TYPES = ("application/json", "application/octet-stream", "text/csv", "image/tiff", "image/png")


def _media_type(said: Any) -> str:
    return said if said in _MEDIA_TYPES else "application/octet-stream"


def _raise(head: dict[str, Any]) -> None:
    detail = str(head.get("detail"))[:1000]
    sentence = f"{detail[:1].upper()}{detail[1:]}" + ("" if detail.endswith(".") else ".")
    match head["error"]:
        case "missing":
            raise NotFound(sentence)
        case "outside":
            raise Forbidden(sentence)
    limit = head.get("limit")
    raise TooMuch(sentence, limit) if isinstance(limit, int) else Invalid(sentence)
