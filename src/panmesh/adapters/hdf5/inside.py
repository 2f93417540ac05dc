"""Finds objects link by link, in one file and in the other files of its dataset; the library itself follows no link for us."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from h5py import h5d, h5f, h5g, h5l, h5o, h5p

from panmesh.adapters.hdf5.walk import open_file

MOST_HOPS = 16  # links behind links
MOST_SOURCES = 2000  # files of one virtual dataset


class NotThere(Exception):
    """No object at that path, or a link that leads nowhere."""


class Outside(Exception):
    """It lies in a file that is not part of the dataset."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(set(names))
        super().__init__(f"it lies in a file that is not part of this dataset ({self.names[0][:200]}): the link is not followed")


class Unknown(Exception):
    """Files are named of which this process has not been told whether they belong to the dataset."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self.names = sorted(set(names))
        super().__init__(f"{len(self.names)} files")


@dataclass(frozen=True, slots=True)
class Home:
    """An open file."""

    path: str
    file: Any
    growing: bool  # open for writing elsewhere


@dataclass(frozen=True, slots=True)
class Found:
    home: Home
    group: Any  # where its last link stands; None for the root
    name: bytes
    id: Any


@dataclass(frozen=True, slots=True)
class Link:
    """One that was not followed."""

    external: bool
    file: str
    path: str


class Inside:
    def __init__(self, path: str, neighbours: Mapping[tuple[str, str], str | None]) -> None:
        """`neighbours`: (path of the file that names it, name as written) → its path here; None: it is no part of the dataset.
        Raises OSError when the file cannot be opened."""
        self.home = _open(path)
        self.growing = self.home.growing
        self._neighbours = neighbours
        self._homes = {path: self.home}

    def find(self, path: str) -> Found:
        """Follows every link. Raises NotThere, Outside, Unknown."""
        found = self._walk(self.home, None, _names(path), 0, path, follow=True)
        assert isinstance(found, Found)
        return found

    def look(self, path: str) -> Found | Link:
        """As `find`, and does not follow the last link."""
        return self._walk(self.home, None, _names(path), 0, path, follow=False)

    def place(self, home: Home, written: str) -> str:
        """Where the file is that another one names. Raises Outside, Unknown."""
        try:
            path = self._neighbours[home.path, written]
        except KeyError:
            raise Unknown([(home.path, written)]) from None
        if path is None:
            raise Outside([written])
        return path

    def sources(self, found: Found, properties: Any) -> str | None:
        """Checks that all that a virtual dataset is made of is there, and plain: one that is virtual itself may be a circle, which kills
        the library; one that is missing would read as a flat image. Returns the folder in which the library must look, if not beside."""
        count = int(properties.get_virtual_count())
        if count > MOST_SOURCES:
            raise NotThere(f"it is made of more than {MOST_SOURCES} parts")
        written = sorted({(properties.get_virtual_filename(i), properties.get_virtual_dsetname(i)) for i in range(count)})
        places = self._places(found.home, {name for name, _ in written if name != "."})
        for name, inner in written:
            home = found.home if name == "." else self._opened(places[name])
            source = self._walk(home, None, _names(inner), 0, inner, follow=True)
            assert isinstance(source, Found)
            if not isinstance(source.id, h5d.DatasetID) or source.id.get_create_plist().get_layout() == h5d.VIRTUAL:
                raise NotThere("it is made of datasets that are virtual themselves")
            if (
                home.growing and not found.home.growing
            ):  # the library would open it otherwise, and take fill values where it cannot
                raise NotThere("it is made of files that are still being written: ask for their own datasets")
            self.raw(source, source.id.get_create_plist())
        return _folder(found.home.path, places)

    def raw(self, found: Found, properties: Any) -> str | None:
        """Checks that external raw storage lies in files of the dataset. Returns the folder in which the library must look."""
        count = int(properties.get_external_count())
        if not count:
            return None
        written = {os.fsdecode(properties.get_external(i)[0]) for i in range(min(count, MOST_SOURCES))}
        places = self._places(found.home, written)
        for name, path in places.items():
            if os.path.isabs(name) and os.path.realpath(name) != path:
                raise Outside([name])  # the library would look there and nowhere else
        return _folder(found.home.path, places) or os.path.dirname(found.home.path)

    def _places(self, home: Home, written: set[str]) -> dict[str, str]:
        unknown = [(home.path, name) for name in written if (home.path, name) not in self._neighbours]
        if unknown:
            raise Unknown(unknown)
        outside = [name for name in written if self._neighbours[home.path, name] is None]
        if outside:
            raise Outside(outside)
        return {name: self.place(home, name) for name in written}

    def _opened(self, path: str) -> Home:
        if path not in self._homes:
            try:
                self._homes[path] = _open(path)
            except OSError as error:
                raise NotThere(f"the file that it lies in cannot be read: {str(error)[:200]}") from error
            self.growing = self.growing or self._homes[path].growing
        return self._homes[path]

    def _walk(self, home: Home, start: Any, names: list[bytes], hops: int, asked: str, *, follow: bool) -> Found | Link:
        group, name, place = None, b"", start if start is not None else h5g.open(home.file, b"/")
        for i, name in enumerate(names):
            if not isinstance(place, h5g.GroupID) or not place.links.exists(name):
                raise NotThere(f"{asked[:300]} is not in this file")
            kind, last = place.links.get_info(name).type, i == len(names) - 1
            if kind == h5l.TYPE_HARD:
                group, place = place, h5o.open(place, name)
                continue
            if kind not in (h5l.TYPE_SOFT, h5l.TYPE_EXTERNAL):
                raise NotThere(f"{asked[:300]} leads through a link of an unknown kind")
            value = place.links.get_val(name)
            if last and not follow:
                return _link(value)
            if hops >= MOST_HOPS:
                raise NotThere(f"{asked[:300]} leads through more than {MOST_HOPS} links, one behind the other")
            rest = names[i + 1 :]
            if kind == h5l.TYPE_SOFT:
                begin = None if value.startswith(b"/") else place
                return self._walk(home, begin, _parts(value) + rest, hops + 1, asked, follow=follow)
            other = self._opened(self.place(home, os.fsdecode(value[0])))
            return self._walk(other, None, _parts(value[1]) + rest, hops + 1, asked, follow=follow)
        if self.growing and isinstance(place, h5d.DatasetID):
            place.refresh()
        return Found(home, group, name, place)


def open_dataset(found: Found, *, cache: int, virtual: str | None = None, raw: str | None = None) -> Any:
    """Anew, with room for decoded chunks (bytes) and with the folders of what lies elsewhere. What was found is closed: of a dataset that
    is open already the library takes no new settings."""
    found.id._close()
    access = h5p.create(h5p.DATASET_ACCESS)
    access.set_chunk_cache(10_007, cache, 0.75)
    if virtual is not None:
        access.set_virtual_prefix(os.fsencode(virtual))
    if raw is not None:
        access.set_efile_prefix(os.fsencode(raw))
    return h5d.open(found.group, found.name, access)


def _open(path: str) -> Home:
    """As the library opens the parts of virtual datasets, for one file cannot be open in two ways."""
    return Home(path, *open_file(path, h5f.CLOSE_WEAK))


def _folder(home: str, places: Mapping[str, str]) -> str | None:
    """Where the library looks besides the folder of the file itself. Raises Outside when it could not find all of them from one folder."""
    beside, folders = os.path.dirname(home), set()
    for name, path in places.items():
        plain = os.path.basename(name) if os.path.isabs(name) else name
        if path in (os.path.realpath(os.path.join(beside, plain)), os.path.realpath(name) if os.path.isabs(name) else None):
            continue
        if not path.endswith(f"/{plain}"):
            raise Outside([name])
        folders.add(path.removesuffix(f"/{plain}"))
    if len(folders) > 1:
        raise Outside(places)
    return folders.pop() if folders else None


def _link(value: Any) -> Link:
    if isinstance(value, bytes):
        return Link(external=False, file="", path=_text(value))
    return Link(external=True, file=_text(value[0]), path=_text(value[1]))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _names(path: str) -> list[bytes]:
    return _parts(path.encode("utf-8", "surrogateescape"))


def _parts(path: bytes) -> list[bytes]:
    return [part for part in path.split(b"/") if part not in (b"", b".")]
