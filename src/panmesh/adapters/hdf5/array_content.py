"""Answers to questions about one open file, inside the sandbox: h5grove's content and encoders over objects that were found safely."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import h5py
import numpy as np
from h5grove.utils import attr_metadata, get_array_stats, get_filters, get_type_metadata, hdf_path_join
from h5py import h5, h5a, h5d, h5g, h5p

from panmesh.adapters.hdf5.array_forms import Refused, Reply, as_json, converted, encoded
from panmesh.adapters.hdf5.array_places import extents, in_blocks
from panmesh.adapters.hdf5.inside import Found, Inside, Link, NotThere, Outside, Unknown, open_dataset
from panmesh.adapters.hdf5.picture import png
from panmesh.adapters.hdf5.selection import BadSelection, Selected, select
from panmesh.adapters.hdf5.walk import ROOT_ERRORS, missing_filters

MOST_BYTES = 128 << 20  # of one answer, as it is in the file's types
MOST_AS_JSON = 4 << 20  # numbers
MOST_AS_TEXT = 1 << 20  # numbers as CSV; texts and lists of any length as JSON
MOST_CHILDREN = 10_000  # of a group that are described
MOST_PATHS = 20_000
MOST_ATTRIBUTES = 2_000
MOST_ATTRIBUTE_BYTES = 16 << 20  # of one answer
MOST_CHUNK = 256 << 20  # bytes, decoded
CACHE = 64 << 20  # bytes of decoded chunks of one dataset
OPEN_DATASETS = 4  # that keep their decoded chunks

LEAST_SHARED = 256 << 10  # bytes of an answer that is left in shared memory

_FORMATS = ("json", "bin", "npy", "csv", "tiff")


class Content:
    def __init__(self, inside: Inside, room: memoryview) -> None:
        """`room`: shared memory for large answers."""
        self._inside = inside
        self._room = room
        self._kept: OrderedDict[str, Any] = OrderedDict()  # datasets by path, with their decoded chunks

    @property
    def growing(self) -> bool:
        return self._inside.growing

    def reply(self, question: dict[str, Any]) -> Reply:
        """Raises Refused, Unknown; MemoryError."""
        path = question["path"]
        try:
            match question["what"]:
                case "meta":
                    return as_json(self._meta(path, question["links"]))
                case "attr":
                    return as_json(self._attributes(path, question["keys"]))
                case "paths":
                    return self._paths(path, question["links"])
                case "data":
                    return self._data(path, question)
                case "stats":
                    return as_json(get_array_stats(_finite(self._numbers(path, question["selection"]))))
                case "picture":
                    return Reply("image/png", png(self._numbers(path, question["selection"]), question))
        except NotThere as error:
            raise Refused("missing", str(error)) from error
        except Outside as error:
            raise Refused("outside", str(error)) from error
        except BadSelection as error:
            raise Refused("invalid", str(error)) from error
        raise Refused("invalid", f"there is no {question['what']}")

    # --- what there is ---

    def _meta(self, path: str, links: str) -> dict[str, Any]:
        found = self._resolved(path, links)
        if isinstance(found, Link):
            return self._link(path, found)
        described = _described(found, path)
        if isinstance(found.id, h5g.GroupID):
            children, more = self._children(found.id, path, links)
            described |= {"children": children} | ({"children_omitted": more} if more else {})
        elif isinstance(found.id, h5d.DatasetID) and (outside := self._outside(found)):
            described["outside"] = outside
        return _sorted(described)

    def _resolved(self, path: str, links: str) -> Found | Link:
        """As `resolve_links` says; a link that leads outside is not followed, whatever it says."""
        if links == "none":
            return self._inside.look(path)
        try:
            return self._inside.find(path)
        except (NotThere, Outside):
            if links == "all":
                raise
            last = self._inside.look(path)
            if not isinstance(last, Link):
                raise
            return last

    def _link(self, path: str, link: Link) -> dict[str, Any]:
        """Whoever may read the data may read all metadata (the policy's first law): the name of the target too."""
        said: dict[str, Any] = {"name": _name(path), "target_path": link.path}
        if not link.external:
            return _sorted(said | {"kind": "soft_link"})
        said |= {"kind": "external_link", "target_file": link.file}
        if self._leads_out(path):
            said["outside"] = True
        return _sorted(said)

    def _leads_out(self, path: str) -> bool:
        try:
            self._inside.find(path)
        except Outside:
            return True
        except NotThere:
            return False
        return False

    def _children(self, group: Any, path: str, links: str) -> tuple[list[dict[str, Any]], int]:
        """The described ones, and how many more there are."""
        children: list[dict[str, Any]] = []
        unknown: list[tuple[str, str]] = []
        for name in _member_names(group):
            inner = hdf_path_join(path, name)
            try:
                found = self._resolved(inner, links)
                children.append(self._link(inner, found) if isinstance(found, Link) else _described(found, inner))
            except Unknown as error:
                unknown += error.names  # all of them at once, not one after the other
            except (NotThere, Outside) as error:
                if links == "all":
                    raise
                children.append({"kind": "other", "name": name, "problem": str(error)})
            except ROOT_ERRORS as error:
                children.append({"kind": "other", "name": name, "problem": str(error)[:300]})
        if unknown:
            raise Unknown(unknown)
        return children, max(0, len(group) - MOST_CHILDREN)

    def _outside(self, found: Found) -> list[str]:
        """The names of the files outside the dataset that its numbers lie in."""
        properties = found.id.get_create_plist()
        try:
            if properties.get_layout() == h5d.VIRTUAL:
                self._inside.sources(found, properties)
            else:
                self._inside.raw(found, properties)
        except Outside as error:
            return error.names
        except NotThere:
            return []
        return []

    def _attributes(self, path: str, keys: list[str] | None) -> dict[str, Any]:
        found = self._inside.find(path)
        attributes = h5py.AttributeManager(_entity(found.id))
        names = list(keys) if keys is not None else _attribute_names(found.id)
        values: dict[str, Any] = {}
        size = 0
        for name in names:
            if not h5a.exists(found.id, name.encode("utf-8", "replace")):
                raise Refused("missing", f"{path} has no attribute {name[:100]!r}")
            one = h5a.open(found.id, name.encode("utf-8"))
            size += math.prod(one.shape or ()) * int(one.get_type().get_size())
            if size > MOST_ATTRIBUTE_BYTES:
                what = f"the attributes of {path} have more than {MOST_ATTRIBUTE_BYTES >> 20} MiB: name some of them"
                raise Refused("invalid", what, MOST_ATTRIBUTE_BYTES)
            values[name] = _attribute(attributes, name)
        return values

    def _paths(self, path: str, links: str) -> Reply:
        base = self._inside.find(path)
        if not isinstance(base.id, h5g.GroupID):
            raise Refused("invalid", f"{path} is no group")
        found = [path]

        def see(name: bytes) -> bool | None:
            found.append(hdf_path_join(path, _shown(name)))
            return True if len(found) >= MOST_PATHS else None

        base.id.links.visit(see)
        if links == "all":
            for one in found:
                self._resolved(one, links)
        headers = {"x-limit": str(MOST_PATHS)} if len(found) >= MOST_PATHS else {}
        reply = as_json(found)
        reply.headers |= headers
        return reply

    # --- the numbers ---

    def _data(self, path: str, question: dict[str, Any]) -> Reply:
        form, dtype = question["format"], question["dtype"]
        if form not in _FORMATS:
            raise Refused("invalid", f"there is no format {form[:40]!r}; there are {', '.join(_FORMATS)}")
        dataset = self._dataset(path)
        if dataset.shape is None:
            return encoded(converted(dataset[()], dtype), form)
        picked = select(question["selection"], dataset.shape)
        _fits(dataset, picked, form)
        if form == "bin" and (pieces := extents(dataset, picked, dtype)):
            return Reply("application/octet-stream", extents=pieces)
        if form == "bin" and not question["block"] and (blocks := in_blocks(dataset, picked, dtype)):
            return Reply("application/octet-stream", blocks=blocks)
        if form == "bin" and (shared := self._share(dataset, picked, dtype)):
            return Reply("application/octet-stream", shared=shared)
        values = converted(self._read(dataset, picked), dtype)
        if question["flatten"] and isinstance(values, np.ndarray):
            values = np.ravel(values)
        return encoded(values, form)

    def _numbers(self, path: str, selection: str | None) -> Any:
        dataset = self._dataset(path)
        if dataset.dtype.kind not in "biufc" or dataset.shape is None:
            raise Refused("invalid", f"{path} holds no numbers")
        if dataset.dtype.kind == "c":
            raise Refused("invalid", f"{path} holds complex numbers, which have no order")
        picked = select(selection, dataset.shape)
        _fits(dataset, picked, "bin")
        return np.asarray(self._read(dataset, picked))

    def _share(self, dataset: Any, picked: Selected, dtype: str) -> int:
        """Decodes plain numbers to where the answer is taken from; 0: not worth it, or no plain numbers."""
        if dataset.dtype.kind not in "iuf" or picked.size * dataset.dtype.itemsize < LEAST_SHARED:
            return 0
        wanted = converted(np.empty(0, dataset.dtype), dtype).dtype
        if picked.size * wanted.itemsize > len(self._room):
            return 0
        values = np.frombuffer(self._room, wanted, picked.size).reshape(picked.shape)
        self._read(dataset, picked, values)
        return int(values.nbytes)

    def _read(self, dataset: Any, picked: Selected, into: Any = None) -> Any:
        try:
            return dataset[picked.index()] if into is None else dataset.read_direct(into, picked.index())
        except MemoryError:
            raise
        except ROOT_ERRORS as error:
            why = missing_filters(dataset.id) or " ".join(str(error).split())[:300]
            raise Refused("failed", f"its numbers cannot be read: {why}") from error

    def _dataset(self, path: str) -> Any:
        if path in self._kept and not self._inside.growing:
            self._kept.move_to_end(path)
            return self._kept[path]
        found = self._inside.find(path)
        if not isinstance(found.id, h5d.DatasetID):
            raise Refused("invalid", f"{path} is no dataset")
        properties = found.id.get_create_plist()
        chunk = _chunk_bytes(found.id, properties)
        if chunk > MOST_CHUNK:
            what = f"the chunks of {path} have {chunk >> 20} MiB each; this server decodes at most {MOST_CHUNK >> 20} MiB at once"
            raise Refused("invalid", what, MOST_CHUNK)
        virtual = self._inside.sources(found, properties) if properties.get_layout() == h5d.VIRTUAL else None
        raw = self._inside.raw(found, properties)
        dataset = h5py.Dataset(open_dataset(found, cache=max(CACHE, chunk), virtual=virtual, raw=raw))
        if self._inside.growing:
            dataset.id.refresh()
            return dataset
        if chunk > CACHE:
            self._kept.clear()
        self._kept[path] = dataset
        while len(self._kept) > OPEN_DATASETS:
            self._kept.popitem(last=False)
        return dataset


def _chunk_bytes(dataset: Any, properties: Any) -> int:
    if properties.get_layout() != h5d.CHUNKED:
        return 0
    return int(dataset.get_type().get_size()) * math.prod(int(n) for n in properties.get_chunk())


def _fits(dataset: Any, picked: Selected, form: str) -> None:
    size = picked.size * int(dataset.id.get_type().get_size())
    if size > MOST_BYTES:
        what = f"that is {size:,} bytes; one answer has at most {MOST_BYTES:,} ({MOST_BYTES >> 20} MiB): select less"
        raise Refused("invalid", what, MOST_BYTES)
    most = {"csv": MOST_AS_TEXT, "json": MOST_AS_JSON if dataset.dtype.kind in "biuf" else MOST_AS_TEXT}.get(form)
    if most is not None and picked.size > most:
        what = f"that is {picked.size:,} values; as {form} one answer has at most {most:,}: select less, or ask for bin or npy"
        raise Refused("invalid", what, most)
    if form == "csv" and len(picked.shape) > 2:
        raise Refused(
            "invalid", f"csv holds one or two dimensions, and this has {len(picked.shape)}: select one frame, such as selection=0"
        )


def _sorted(said: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(said.items()))


def _finite(values: Any) -> Any:
    if values.dtype.kind != "f":
        return values
    return values[np.isfinite(values)]


def _described(found: Found, path: str) -> dict[str, Any]:
    """One object without its children."""
    said: dict[str, Any] = {"name": _name(path), "attributes": _attribute_list(found.id)}
    if isinstance(found.id, h5g.GroupID):
        return _sorted(said | {"kind": "group"})
    if isinstance(found.id, h5d.DatasetID):
        dataset = h5py.Dataset(found.id)
        said |= {"kind": "dataset", "chunks": dataset.chunks, "filters": get_filters(dataset), "shape": dataset.shape}
        return _sorted(said | {"type": get_type_metadata(found.id.get_type())})
    return _sorted(said | {"kind": "datatype", "type": get_type_metadata(found.id)})


def _entity(found: Any) -> Any:
    if isinstance(found, h5g.GroupID):
        return h5py.Group(found)
    return h5py.Dataset(found) if isinstance(found, h5d.DatasetID) else h5py.Datatype(found)


def _attribute_names(found: Any) -> list[str]:
    names: list[str] = []

    def see(name: bytes, *_: Any) -> bool | None:
        names.append(_shown(name))
        return True if len(names) >= MOST_ATTRIBUTES else None

    h5a.iterate(found, see)
    return sorted(names)


def _attribute_list(found: Any) -> list[dict[str, Any]]:
    attributes = _entity(found).attrs
    listed = []
    for name in _attribute_names(found):
        try:
            listed.append(attr_metadata(attributes, name))
        except ROOT_ERRORS:
            continue  # of a type that has no counterpart here; the others are listed
    return listed


def _attribute(attributes: Any, name: str) -> Any:
    try:
        return attributes[name]
    except MemoryError:
        raise
    except ROOT_ERRORS as error:
        raise Refused("failed", f"the attribute {name[:100]!r} cannot be read: {str(error)[:200]}") from error


def _member_names(group: Any) -> list[str]:
    """As they were made, where the group remembers that; else by name."""
    names: list[str] = []

    def see(name: bytes) -> bool | None:
        names.append(_shown(name))
        return True if len(names) >= MOST_CHILDREN else None

    in_order = group.get_create_plist().get_link_creation_order() & h5p.CRT_ORDER_TRACKED
    group.links.iterate(see, idx_type=h5.INDEX_CRT_ORDER if in_order else h5.INDEX_NAME)
    return names


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "replace")
