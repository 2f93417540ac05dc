"""The parent of the processes that keep a stranger's file open: small, single-threaded, with everything loaded; forks one for each file.

It is told over a socket (one message, one answer): `f` with the end of a stream and some memory forks a child that serves it and says the child's number;
`b` and a number buries that child and says how it ended.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys

from panmesh.adapters.hdf5.zygote import why_ended


def serve(control: int) -> None:
    """Until the other end is closed; the children then end too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _load()
    told = socket.socket(fileno=control)
    children: set[int] = set()
    while True:
        message, handles, _, _ = socket.recv_fds(told, 64, 2)
        if not message:
            return
        if message == b"f":
            children.add(pid := _fork(told, *handles))
            for handle in handles:
                os.close(handle)
            told.send(b"%d" % pid)
        else:
            pid = int(message[1:])
            told.send(_bury(pid).encode() if pid in children else b"it was not here")
            children.discard(pid)


def _load() -> None:
    """Everything that a child may need: it can open no module any more."""
    import codecs

    import h5py
    import hdf5plugin  # noqa: F401 (registers the filters)

    from panmesh.adapters.hdf5 import array_child

    h5py._errors.silence_errors()
    array_child.warm()
    for codec in ("ascii", "utf-8", "latin-1", "utf-16", "utf-32"):
        codecs.lookup(codec)
    gc.collect()
    gc.freeze()


def _fork(told: socket.socket, stream: int, shared: int) -> int:
    mine = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        from panmesh.adapters.hdf5 import array_child, confine

        confine.die_with_parent()
        if os.getppid() == mine:
            told.close()
            array_child.serve(stream, shared)
    finally:
        os._exit(1)


def _bury(pid: int) -> str:
    os.kill(pid, signal.SIGKILL)
    return why_ended(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
