"""What a file is, by its first bytes, and what to do about one that is not HDF5."""

from __future__ import annotations

from panmesh.ingest.facts import FileFormat

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAD = 4096  # bytes that `sniff` wants

ADVICE = {
    FileFormat.HDF4: "This is HDF4, the older NeXus. It is kept as it is; convert it with `h4toh5` or `nxconvert` to have it catalogued in full.",
    FileFormat.XML: "This is XML (the oldest NeXus, or a log). It is kept as it is; `nxconvert --hdf5` makes it readable here.",
    FileFormat.HTML: "This is a web page, perhaps an error message saved in place of the file. Copy the file again.",
    FileFormat.GIT_LFS: "This is a git-LFS pointer, not the data. Run `git lfs pull` where it came from and copy the file again.",
    FileFormat.EMPTY: "The file has no bytes. If it should have, copy it again; a writer may also have died before its first write.",
    FileFormat.ZEROS: "The file begins with zeros only: its blocks were reserved and never written, or were lost. Look for another copy.",
    FileFormat.MANGLED: "A program took this binary file for text and destroyed it (UTF-8 replacement marks). Copy it again in binary mode.",
    FileFormat.HMPF: "The signature is 89 'HMP', not HDF5: seen in files of one detector server. Ask the instrument how it is to be read.",
    FileFormat.ZIP: "This is a ZIP archive. It is kept as it is; unpack it to have the files in it catalogued.",
    FileFormat.GZIP: "This is a gzip archive. It is kept as it is; unpack it to have the files in it catalogued.",
    FileFormat.TIFF: "An image without metadata. Write a NeXus file beside it that links to it, and it will have a title and a sample.",
    FileFormat.CBF: "A detector image. Write a NeXus file beside it that links to it, and it will have a title and a sample.",
    FileFormat.TEXT: "A text file. It is kept as it is.",
    FileFormat.UNKNOWN: "The content has no signature that we know. It is kept as it is.",
}


def sniff(head: bytes) -> FileFormat:
    """The format of a file that begins with `head`. HDF5 behind a user block: see `user_block_offsets`."""
    if not head:
        return FileFormat.EMPTY
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if not head.strip(b"\x00"):
        return FileFormat.ZEROS
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return FileFormat.HTML
    if text.startswith(b"<"):
        return FileFormat.XML
    if b"###CBF" in head[:64] or (head.startswith(b"data_") and b"_array_data" in head):
        return FileFormat.CBF
    return FileFormat.TEXT if _is_text(head) else FileFormat.UNKNOWN


def user_block_offsets(size: int) -> tuple[int, ...]:
    """Where else the HDF5 signature may stand: 512, 1024, 2048 …"""
    offsets, offset = [], 512
    while offset + 8 <= size and offset <= 1 << 30:
        offsets.append(offset)
        offset *= 2
    return tuple(offsets)


_MAGIC = (
    (HDF5_SIGNATURE, FileFormat.HDF5),
    (b"\x0e\x03\x13\x01", FileFormat.HDF4),
    (b"version https://git-lfs", FileFormat.GIT_LFS),
    (b"\xef\xbf\xbdHDF", FileFormat.MANGLED),
    (b"\x89HMP", FileFormat.HMPF),
    (b"PK\x03\x04", FileFormat.ZIP),
    (b"\x1f\x8b", FileFormat.GZIP),
    (b"II*\x00", FileFormat.TIFF),
    (b"MM\x00*", FileFormat.TIFF),
    (b"###CBF", FileFormat.CBF),
)


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    try:
        head[: len(head) - 4 if len(head) > 4 else len(head)].decode("utf-8")
    except UnicodeDecodeError:
        return sum(byte < 32 and byte not in (9, 10, 12, 13, 27) for byte in head) == 0
    return True
