"""A confined process that keeps one file open and answers questions about it, one after the other."""

from __future__ import annotations

import mmap
import os
from typing import Any

import h5py
import numpy as np
from h5grove import encoders

from panmesh.adapters.hdf5 import confine, picture
from panmesh.adapters.hdf5.array_content import LEAST_SHARED, Content
from panmesh.adapters.hdf5.array_forms import Refused, Reply
from panmesh.adapters.hdf5.array_line import ROOM, read_question, write_answer
from panmesh.adapters.hdf5.inside import Inside, Unknown
from panmesh.adapters.hdf5.reading import why_not_open
from panmesh.adapters.hdf5.walk import ROOT_ERRORS

_LIFETIME = 3600  # seconds of processor time
_REST = 16  # descriptors that it needs besides those of the files


def serve(stream: int, shared: int) -> None:
    """First comes what may be opened, then question after question, until the other end is closed. Large answers are left in the memory
    that is `shared`."""
    room = memoryview(mmap.mmap(shared, ROOM))
    os.close(shared)  # what is mapped stays
    setting = read_question(stream)
    if setting is None:
        return
    try:
        _confine(setting)
        content = Content(Inside(setting["path"], {(home, name): path for home, name, path in setting["neighbours"]}), room)
    except OSError as error:
        write_answer(stream, {"error": "failed", "detail": why_not_open(str(error), setting["size"])})
        return
    except ROOT_ERRORS as error:
        write_answer(stream, {"error": "failed", "detail": f"The HDF5 library cannot open it: {str(error)[:300]}"})
        return
    write_answer(stream, {"growing": content.growing})
    while (question := read_question(stream)) is not None:
        description, body = _answer(content, question)
        if LEAST_SHARED <= len(body) <= ROOM:
            room[: len(body)] = body
            description["shared"], body = len(body), b""
        write_answer(stream, description, body)


def _confine(setting: dict[str, Any]) -> None:
    """Only the very files that were checked: a path may lead to another file by now."""
    files = setting["files"]
    confine.limit_resources(memory=setting["memory"], cpu_seconds=_LIFETIME, files=_REST + 2 * len(files))
    if setting["confined"]:
        confine.confine(tuple(os.fsencode(path) for path, _, _ in files), tuple((d, i) for _, d, i in files))


def _answer(content: Content, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        reply: Reply = content.reply(question)
    except Refused as refused:
        return {"error": refused.kind, "detail": str(refused), "limit": refused.limit}, b""
    except Unknown as unknown:
        return {"error": "unknown", "names": unknown.names}, b""
    except MemoryError:
        return {"error": "failed", "detail": "reading it needs more memory than is allowed: select less"}, b""
    except RecursionError:
        return {"error": "failed", "detail": "its types are nested too deeply"}, b""
    except ROOT_ERRORS as error:
        return {"error": "failed", "detail": f"it cannot be read: {' '.join(str(error).split())[:300]}"}, b""
    said = {"type": reply.media_type, "extents": reply.extents, "headers": reply.headers, "growing": content.growing}
    return said | {"shared": reply.shared, "blocks": reply.blocks}, reply.body


def warm() -> None:
    """Each kind of answer once, about a file in memory: what is loaded at the first use is loaded now."""
    with h5py.File("warm", "w", driver="core", backing_store=False) as file:
        file["group/image"] = np.arange(12.0).reshape(3, 4)
        file["group/texts"] = ["a", "é"]
        file["group"].attrs["texts"] = ["a", "b"]
        file["group"].attrs["reference"] = file["group/image"].ref
        file.create_dataset("packed", data=np.arange(64), chunks=(8,), compression="gzip", shuffle=True)
        for name in ("group/image", "group/texts", "packed"):
            file[name][()], file[name].chunks, dict(file["group"].attrs)
        for form in ("json", "bin", "npy", "csv", "tiff"):
            encoders.encode(file["group/image"][()], form)
        encoders.encode(file["group/texts"][()])
    picture.warm()
