"""The work that goes on by itself: watch, scan, read, digest, verify. Every piece is found again from the tables after any death."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import structlog

from panmesh.adapters.storage.watch import Overflow, Watcher, inotify_reliable
from panmesh.app.announcing import Announcer
from panmesh.app.compose import Composition
from panmesh.app.publishing import Publishing
from panmesh.app.registering import Registering
from panmesh.app.upkeep import Upkeep
from panmesh.ingest.files import FileStat

log = structlog.get_logger("panmesh.worker")

IDLE_SECONDS = 0.05  # how often the ledger is asked when nothing wakes us
BEAT_SECONDS = 10.0
TAKE_OVER_SECONDS = 10.0  # how often a process looks whether another one has ended that scanned


class Worker:
    def __init__(self, composition: Composition) -> None:
        self._app = composition
        self._stop = threading.Event()
        self._awake = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Raises Conflict when another worker holds the lock of a SQLite facility."""
        if self._app.database.sqlite:
            self._app.lock.require()
        self._app.ingest  # noqa: B018  the reader starts before the threads do
        self._app.digests  # noqa: B018
        for name, loop in (
            ("read", self._read),
            ("digest", self._digest),
            ("watch", self._watch),
            ("scan", self._scan),
            ("beat", self._beat),
            ("upkeep", Upkeep(self._app, self._stop).loop),
            ("announce", Announcer(self._app, self._stop).loop),
            ("publish", Publishing(self._app, self._stop).loop),
            ("dois", Registering(self._app, self._stop).loop),
        ):
            thread = threading.Thread(target=self._guard, args=(name, loop), name=f"worker-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        self._awake.set()
        for thread in self._threads:
            thread.join(timeout=30)
        self._app.ingest_store.release(self._app.worker_name)

    def _guard(self, name: str, loop: Callable[[], None]) -> None:
        """A loop that fails is logged and started again after a pause: one bad moment of a disk must not end ingest."""
        pause = 1.0
        while not self._stop.is_set():
            try:
                loop()
                return
            except Exception as error:
                log.error(
                    "worker loop failed", loop=name, error=f"{type(error).__name__}: {error}", again_in=pause, exc_info=True
                )
                self._stop.wait(pause)
                pause = min(pause * 2, 60.0)

    def _read(self) -> None:
        while not self._stop.is_set():
            worked = self._app.ingest.work()
            if worked.units:
                log.info("ingested", units=worked.units, files=worked.files, bytes=worked.bytes, failed=worked.failed)
                continue
            self._awake.wait(0.5)
            self._awake.clear()

    def _digest(self) -> None:
        while not self._stop.is_set():
            if not self._app.digests.work(8):
                self._stop.wait(0.3)

    def _watch(self) -> None:
        watcher = Watcher()
        try:
            for key in self._app.storages.keys():
                root = self._app.storages.root(key)
                if root.watch and root.path.is_dir():
                    watcher.add(str(root.path), tell=False)  # the scan tells what is there already
            for folder, reason in watcher.unwatched.items():
                log.error("folder is not watched, its files are seen by scans only", folder=folder, reason=reason)
            while not self._stop.is_set():
                try:
                    self._seen(watcher)
                except Overflow:
                    log.warning("more files than the kernel could tell of; scanning")
                    self._scan_all()
        finally:
            watcher.close()

    def _seen(self, watcher: Watcher) -> None:
        there: dict[str, list[str]] = {}
        gone: dict[str, list[str]] = {}
        folders: list[tuple[str, str]] = []  # that went
        for path, is_there in watcher.events(0.2):
            located = self._app.storages.locate(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)))
            if located is not None and path.endswith("/"):
                folders.append(located)
            elif located is not None:
                (there if is_there else gone).setdefault(located[0], []).append(located[1])
        for storage, paths in there.items():
            stats = [s for p in paths if (s := self._app.storages.stat(storage, p)) is not None]
            if self._app.ingest.sight(storage, stats):
                self._awake.set()
        for storage, paths in gone.items():
            lost = [p for p in paths if self._app.storages.stat(storage, p) is None]
            self._app.ingest_store.gone(storage, lost, self._app.clock())
        for storage, folder in folders:
            scan_tree(self._app, storage, folder, self._stop.is_set)

    def _scan(self) -> None:
        """By one process of those that see the same storages: the others would find the same. Who takes over begins anew."""
        while not self._stop.is_set():
            with self._app.database.alone(f"scan {' '.join(self._seen_here())}") as mine:
                if mine:
                    self._scan_until_stopped()
            self._stop.wait(TAKE_OVER_SECONDS)

    def _scan_until_stopped(self) -> None:
        """Once at the start (what happened while we were away), then as often as configured where inotify does not see all writers."""
        self._scan_all()
        remote = [k for k in self._watched() if not inotify_reliable(self._app.storages.root(k).path)]
        while not self._stop.wait(self._app.settings.ingest.scan_seconds):
            for key in remote:
                self._scan_storage(key)

    def _scan_all(self) -> None:
        for key in self._watched():
            self._scan_storage(key)

    def _watched(self) -> list[str]:
        return [key for key in self._app.storages.keys() if self._app.storages.root(key).watch]

    def _seen_here(self) -> list[str]:
        return [key for key in self._watched() if self._app.storages.root(key).path.is_dir()]

    def _scan_storage(self, key: str) -> None:
        if scan_tree(self._app, key, "", self._stop.is_set):
            self._awake.set()

    def _beat(self) -> None:
        while not self._stop.is_set():
            self._app.health.beat(self._app.worker_name, self._app.clock())
            self._stop.wait(BEAT_SECONDS)


def scan_tree(app: Composition, storage: str, folder: str, stopped: Callable[[], bool] = lambda: False) -> int:
    """Compare a folder and all below with the ledger, also those folders that are no longer there; returns like `scan_folder`."""
    known = app.ingest_store.folders(storage, folder)
    if known and app.storages.is_empty(storage):
        log.error("storage is empty and had files: is it mounted? Its files are not said to be missing", storage=storage)
        return 0
    changed = 0
    for inner in app.storages.folders(storage, folder):
        if stopped():
            return changed
        known.discard(inner)
        changed += scan_folder(app, storage, inner)
    return changed + sum(scan_folder(app, storage, went) for went in sorted(known) if not stopped())


def scan_folder(app: Composition, storage: str, folder: str) -> int:
    """Compare one folder with the ledger; returns how many units are new or changed. Files that went are noted."""
    known = app.ingest_store.known(storage, folder)
    seen: set[str] = set()
    from panmesh.ingest.names import is_series, unit_path

    def fresh() -> Iterator[FileStat]:
        for stat in app.storages.list_folder(storage, folder):
            path = unit_path(stat.path)
            seen.add(path)
            if is_series(path) or known.get(path, (None, None))[:2] != (stat.size, stat.modified_us):
                yield stat

    try:
        changed = app.ingest.sight(storage, fresh())
    except OSError as error:
        log.error("folder cannot be read", storage=storage, folder=folder, error=error.strerror)
        return 0  # its files are not said to be missing
    lost = [path for path in known if path not in seen]
    if lost and app.storages.root(storage).path.is_dir():
        app.ingest_store.gone(storage, lost, app.clock())
    return changed


def ingest_until_done(app: Composition, on_progress: Callable[[int, int, int], None] | None = None) -> tuple[int, int]:
    """Read all that waits, in this process; returns (files, failed). `on_progress(units, files, bytes)` after each batch."""
    files = failed = 0
    while True:
        worked = app.ingest.work()
        files, failed = files + worked.files, failed + worked.failed
        if on_progress is not None:
            on_progress(worked.units, worked.files, worked.bytes)
        if worked.units == 0:
            return files, failed
        time.sleep(0)
