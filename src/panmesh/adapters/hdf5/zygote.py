"""The parent of reading processes: small, single-threaded, with h5py loaded; forks one confined child for each small batch.

Speaks on its standard input and output in frames: four bytes of length, then the bytes. It is trusted; its children are not:
a child can only write frames, which are labelled here and checked on arrival.
"""

from __future__ import annotations

import codecs
import gc
import json
import os
import select
import signal
import struct
import sys
import time
from typing import Any

import orjson

MAX_FRAME = 32 << 20  # bytes of one file's facts

# Frames to the reader: a kind, the file's index (four bytes), then what the child wrote (untouched), a reason, or a number.
RESULT, DIED, PEAK, END = b"r", b"d", b"p", b"e"


def serve() -> None:
    """Until standard input ends, which is how a parent says goodbye or is known to be dead. (The signal for a parent's death is not
    used here: it would come when the thread ends that happened to start this process.)"""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at a terminal reaches all: the parent then says goodbye
    _load()
    while (job := _read_frame(0)) is not None:
        _run(json.loads(job))


def _load() -> None:
    """Everything that a child may need: it can open no module file any more."""
    import zoneinfo

    import h5py
    import hdf5plugin  # noqa: F401 (registers the filters)

    from panmesh.adapters.hdf5 import preview, reading  # noqa: F401 (the children's work)
    from panmesh.ingest.extract import warm

    h5py._errors.silence_errors()
    zoneinfo.ZoneInfo("UTC")
    warm()
    preview.warm()
    gc.collect()
    gc.freeze()  # what is here now lives as long as the process: children need not look at it, nor copy its pages
    for codec in ("ascii", "utf-8", "latin-1", "utf-16", "utf-32", "cp1252", "unicode_escape"):
        codecs.lookup(codec)


def _run(job: dict[str, Any]) -> None:
    """All items of a job, in as many children as it takes: whoever dies takes only the file that it was reading."""
    waiting = list(range(len(job["items"])))
    while waiting:
        done = _child(job, waiting)
        waiting = waiting[done:]
    _tell(END, 0, b"")


def _child(job: dict[str, Any], indexes: list[int]) -> int:
    """Returns how many items were dealt with, in order; the last of them may be the one that killed the child."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _be_child(job, indexes, writing)
    os.close(writing)
    done, late, oversized = 0, False, False
    try:
        while done < len(indexes):
            frame = _read_frame(reading, deadline=time.monotonic() + job["limits"]["seconds"])
            if frame is None:
                break
            _tell(RESULT, indexes[done], frame)
            done += 1
    except TimeoutError:
        late = True
    except EOFError:
        os.kill(pid, signal.SIGKILL)
        os._exit(0)
    except ValueError:
        _tell(DIED, indexes[done], f"its description is larger than {MAX_FRAME >> 20} MiB".encode())
        done, oversized = done + 1, True
    os.close(reading)
    if late or done < len(indexes):
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    if done < len(indexes) and not oversized:
        why = f"reading took longer than {job['limits']['seconds']:.0f} s" if late else why_ended(status)
        _tell(DIED, indexes[done], why.encode())
        done += 1
    _tell(PEAK, 0, b"%d" % (usage.ru_maxrss * 1024))
    return done


def why_ended(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return "reading used up its processor time"
        if number == signal.SIGKILL:
            return "the reading process ended without a result (out of memory, or stopped)"
        return f"the HDF5 library crashed on it ({signal.Signals(number).name})"
    return f"the reading process ended without a result (exit {os.waitstatus_to_exitcode(status)})"


def _be_child(job: dict[str, Any], indexes: list[int], writing: int) -> None:
    """Never returns."""
    from panmesh.adapters.hdf5 import confine, preview, reading
    from panmesh.ingest.facts_codec import to_plain
    from panmesh.ingest.profile import Profile
    from panmesh.ingest.reader import ReadLimits

    code = 1
    try:
        confine.die_with_parent()
        gc.disable()  # it lives for one batch, under a limit of memory
        os.close(0)
        os.close(1)
        limits = ReadLimits(**job["limits"])
        import zoneinfo

        profiles = [Profile(**item["profile"]) for item in job["items"]]
        for zone in {profile.time_zone for profile in profiles}:
            zoneinfo.ZoneInfo(zone)
        confine.limit_resources(memory=limits.memory, cpu_seconds=int(limits.seconds * len(indexes)) + 1)
        gone = {} if job["kind"] == "read" else _gone(job["items"])
        if job["confined"]:
            there = [item for i, item in enumerate(job["items"]) if i not in gone]
            named = (path for item in there for path in (item["path"], *filter(os.path.exists, item.get("companions", ()))))
            allowed = [job["folder"]] if job["kind"] == "read" else list(named)
            confine.confine(tuple(os.fsencode(p) for p in allowed))
        for i in indexes:
            item = job["items"][i]
            try:
                if i in gone:
                    result: Any = reading.unreadable(gone[i])
                elif job["kind"] == "preview":
                    result = preview.read_preview(item["path"], item["plot"], limits, item["companions"], item["frame"])
                elif job["kind"] == "series":
                    result = preview.read_series(item["path"], item["wanted"], limits, item["companions"])
                else:
                    result = reading.read_facts(item["path"], profiles[i], limits)
            except preview.NotDrawable as error:
                result = reading.unreadable(str(error))
            except MemoryError:
                result = reading.unreadable("reading it needs more memory than is allowed")
            except OSError as error:
                result = reading.unreadable(f"it cannot be read: {error.strerror or error}")
            _write_frame(writing, orjson.dumps(to_plain(result), option=orjson.OPT_SERIALIZE_NUMPY))
        code = 0
    finally:
        os._exit(code)


def _gone(items: list[dict[str, Any]]) -> dict[int, str]:
    """By their number, those whose file is not where it was a moment ago: the others are read all the same."""
    found = {}
    for i, item in enumerate(items):
        try:
            if os.path.realpath(item["path"], strict=True) != item["path"]:
                found[i] = "its file has become a symbolic link"
        except FileNotFoundError:
            found[i] = "its file is not on disk any more"
        except OSError as error:
            found[i] = f"its file cannot be read on disk ({error.strerror})"
    return found


def _tell(kind: bytes, index: int, payload: bytes) -> None:
    _write_frame(1, kind + struct.pack("<I", index) + payload)


def _write_frame(handle: int, data: bytes) -> None:
    view = memoryview(struct.pack("<I", len(data)) + data)
    while view:
        view = view[os.write(handle, view) :]


def _read_frame(handle: int, deadline: float | None = None) -> bytes | None:
    """None: the other end is closed. Raises TimeoutError at the deadline, EOFError when the reader has gone meanwhile, ValueError on a frame
    that is too long."""
    head = _read_exactly(handle, 4, deadline)
    if head is None:
        return None
    (size,) = struct.unpack("<I", head)
    if size > MAX_FRAME:
        raise ValueError(size)
    return _read_exactly(handle, size, deadline)


def _read_exactly(handle: int, size: int, deadline: float | None) -> bytes | None:
    parts: list[bytes] = []
    while size:
        if deadline is not None:
            left = deadline - time.monotonic()
            ready = select.select([handle, 0], [], [], left)[0] if left > 0 else []
            if not ready:
                raise TimeoutError
            if 0 in ready:  # nothing is said during a job, so this is the end of the input
                raise EOFError
        part = os.read(handle, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    sys.exit(serve())  # type: ignore[func-returns-value]
