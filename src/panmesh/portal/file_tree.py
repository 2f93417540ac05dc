"""A page of a run's files as folders: the list is in the order of its names, so that each folder is in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from panmesh.catalogue.model import FileView


@dataclass(slots=True, kw_only=True)
class Folder:
    name: str  # from the folder above it; "" for the run itself
    path: str  # with a slash at its end; "" for the run itself
    folders: list[Folder] = field(default_factory=list)
    files: list[tuple[str, FileView]] = field(default_factory=list)  # name in the folder
    cut: bool = False  # some of it may be on another page: nothing is counted then

    @property
    def count(self) -> int:
        """Files at any depth."""
        return len(self.files) + sum(folder.count for folder in self.folders)

    @property
    def total_bytes(self) -> int:
        return sum(one.size or 0 for _, one in self.files) + sum(folder.total_bytes for folder in self.folders)


def as_tree(files: Sequence[FileView], *, before: bool = False, after: bool = False) -> Folder:
    """Folders that hold nothing but one folder are one line with it. `before`, `after`: there are pages of files on that side."""
    root = Folder(name="", path="")
    known: dict[str, Folder] = {"": root}
    for one in files:
        *places, name = one.name.split("/")
        here, path = root, ""
        for place in places:
            path += f"{place}/"
            if path not in known:
                known[path] = Folder(name=place, path=path)
                here.folders.append(known[path])
            here = known[path]
        here.files.append((name, one))
    for one in (*(files[:1] if before else ()), *(files[-1:] if after else ())):  # a folder is in one piece: it goes on at an end
        path = ""
        for place in one.name.split("/")[:-1]:
            path += f"{place}/"
            known[path].cut = True
    for folder in root.folders:
        _join(folder)
    return root


def _join(folder: Folder) -> None:
    while len(folder.folders) == 1 and not folder.files:
        [only] = folder.folders
        folder.name, folder.path = f"{folder.name}/{only.name}", only.path
        folder.folders, folder.files, folder.cut = only.folders, only.files, only.cut
    for inner in folder.folders:
        _join(inner)
