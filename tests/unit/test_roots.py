"""Storages on disk: names lead to files inside, and nowhere else."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import pytest

from panmesh.adapters.storage import roots as module
from panmesh.adapters.storage.roots import Root, Roots, open_beneath
from panmesh.ingest.profile import Profile
from panmesh.kernel.errors import Invalid


@pytest.fixture
def storages(tmp_path: Path) -> Roots:
    inside = tmp_path / "raw"
    (inside / "visit" / "deep").mkdir(parents=True)
    (inside / "visit" / "a.nxs").write_bytes(b"inside")
    (inside / "visit" / "deep" / "b.nxs").write_bytes(b"deep")
    (tmp_path / "raw-secret").mkdir()
    (tmp_path / "raw-secret" / "s.nxs").write_bytes(b"outside!")
    return Roots({"raw": Root(key="raw", path=inside.resolve(), profile=Profile(facility="test"))})


def _read(storages: Roots, path: str) -> bytes:
    handle = storages.open("raw", path)
    try:
        return os.read(handle, 100)
    finally:
        os.close(handle)


@pytest.mark.parametrize("path", ["../raw-secret/s.nxs", "visit/../../raw-secret/s.nxs", "/etc/passwd", "visit/./a.nxs", "a\0b"])
def test_paths_that_lead_out_are_refused(storages: Roots, path: str) -> None:
    with pytest.raises(Invalid):
        storages.absolute("raw", path)
    with pytest.raises(Invalid):
        storages.open("raw", path)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../raw-secret/s.nxs"])
def test_links_to_files_outside_are_neither_opened_nor_listed(storages: Roots, target: str) -> None:
    (storages.root("raw").path / "visit" / "evil.nxs").symlink_to(target)
    with pytest.raises(Invalid):
        storages.open("raw", "visit/evil.nxs")
    assert storages.stat("raw", "visit/evil.nxs") is None
    assert [s.path for s in storages.list_folder("raw", "visit")] == ["visit/a.nxs"]


def test_folders_that_are_links_to_the_outside_are_not_walked(storages: Roots, tmp_path: Path) -> None:
    (storages.root("raw").path / "out").symlink_to(tmp_path / "raw-secret")
    assert [s.path for s in storages.walk("raw", "")] == ["visit/a.nxs", "visit/deep/b.nxs"]
    with pytest.raises(Invalid):
        storages.open("raw", "out/s.nxs")


def test_links_that_stay_inside_are_files_like_others(storages: Roots) -> None:
    base = storages.root("raw").path
    (base / "visit" / "relative.nxs").symlink_to("deep/b.nxs")
    (base / "visit" / "absolute.nxs").symlink_to(base / "visit" / "deep" / "b.nxs")
    assert _read(storages, "visit/relative.nxs") == _read(storages, "visit/absolute.nxs") == b"deep"
    assert [(s.path, s.size) for s in storages.list_folder("raw", "visit")] == [
        ("visit/a.nxs", 6),
        ("visit/absolute.nxs", 4),
        ("visit/relative.nxs", 4),
    ]


@pytest.mark.parametrize("link", ["file", "folder/hostname"])
def test_links_to_what_is_of_somebody_else_lend_no_right(tmp_path: Path, link: str) -> None:
    """Members of one team can link to the files of another one, which the service may read and they may not."""
    storages = Roots({"raw": Root(key="raw", path=Path("/"), profile=Profile(facility="test"))})
    made = tmp_path / link.split("/")[0]
    made.symlink_to("/etc" if link.startswith("folder") else "/etc/hostname")
    if os.geteuid() == 0:  # who runs the tests owns neither the link's target nor the storage, or gives the link away
        os.lchown(made, 12345, -1)
    path = str(tmp_path / link).removeprefix("/")
    with pytest.raises(Invalid, match="of somebody else"):
        storages.open("raw", path)
    assert storages.stat("raw", path) is None
    if os.geteuid() == 0:
        os.lchown(made, 0, -1)
        assert storages.stat("raw", path) is not None


def test_a_link_swapped_in_after_the_check_is_refused_by_the_kernel(storages: Roots, tmp_path: Path) -> None:
    base = storages.root("raw").path
    (base / "swapped").symlink_to(tmp_path / "raw-secret")
    (base / "exchanged.nxs").symlink_to("visit/a.nxs")
    for place in ("swapped/s.nxs", "exchanged.nxs"):
        with pytest.raises((Invalid, OSError)):
            open_beneath(base, Path(place))


def test_without_openat2_files_open_and_links_do_not(storages: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    class OldKernel:
        def syscall(self, *_: object) -> int:
            ctypes.set_errno(errno.ENOSYS)
            return -1

    monkeypatch.setattr(module, "_libc", OldKernel())
    base = storages.root("raw").path
    (base / "link.nxs").symlink_to("/etc/passwd")
    assert _read(storages, "visit/a.nxs") == b"inside"
    with pytest.raises(Invalid):
        storages.open("raw", "link.nxs")
    with pytest.raises(OSError, match="symbolic links"):
        open_beneath(base, Path("link.nxs"))


def test_pipes_and_folders_are_no_files(storages: Roots) -> None:
    os.mkfifo(storages.root("raw").path / "visit" / "pipe.nxs")
    for path in ("visit/pipe.nxs", "visit"):
        with pytest.raises(OSError, match="regular file"):
            storages.open("raw", path)
    with pytest.raises(FileNotFoundError):
        storages.open("raw", "visit/absent.nxs")


def test_a_folder_that_cannot_be_read_is_an_error_and_one_that_went_is_empty(
    storages: Roots, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(storages.list_folder("raw", "never")) == []

    def stale(*_: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(os, "scandir", stale)
    with pytest.raises(OSError, match="Stale"):
        list(storages.list_folder("raw", "visit"))


def test_hidden_temporary_and_undecodable_names_are_left_out(storages: Roots) -> None:
    base = os.fsencode(storages.root("raw").path)
    for name in (b".hidden.nxs", b"a.nxs~", b"b.nxs.part", b"c.tmp", b"d.swp", b"latin-\xe9.nxs"):
        with open(base + b"/" + name, "wb"):
            pass
    (storages.root("raw").path / ".snapshot").mkdir()
    (storages.root("raw").path / ".snapshot" / "old.nxs").write_bytes(b"")
    (storages.root("raw").path / "größe µ.nxs").write_bytes(b"")
    assert sorted(s.path for s in storages.walk("raw", "")) == ["größe µ.nxs", "visit/a.nxs", "visit/deep/b.nxs"]
