"""Pictures of the logbook: decoded, written anew without what the camera added, and kept under the digest of their bytes."""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
from pathlib import Path

from PIL import Image, ImageOps

from panmesh.catalogue.notes import Picture
from panmesh.kernel.errors import Fault, Invalid, NotFound, TooLarge

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_BYTES = 20 << 20  # as it is sent
MAX_PIXELS = 40_000_000  # decoded at once
MAX_PIXELS_JPEG = 220_000_000  # phones reach 200 megapixels; JPEG is decoded at an eighth of its size where that does
LONGEST = 2400  # pixels of the longer side, as it is kept
MEDIA = {"png": "image/png", "jpg": "image/jpeg"}
_NAME = re.compile(r"[0-9a-f]{64}\.(png|jpg)")


class FolderPictures:
    """Implements `catalogue.notes.PictureStore`: `ab/abcdef….jpg` below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, data: bytes) -> Picture:
        image, ending = _decode(data)
        written = _encode(image, ending)
        name = f"{hashlib.sha256(written).hexdigest()}.{ending}"
        self.write(name, written)
        return Picture(name=name, media=MEDIA[ending], width=image.width, height=image.height, size=len(written))

    def read(self, name: str) -> bytes:
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError as error:
            raise NotFound() from error

    def path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise NotFound()
        return self._folder / name[:2] / name

    def write(self, name: str, data: bytes) -> None:
        """Whole under that name or not at all; synced. Raises Invalid when the name is not that of the bytes."""
        target = self.path(name)
        if hashlib.sha256(data).hexdigest() != name.partition(".")[0]:
            raise Invalid(f"The picture {name} is not what its name says.")
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        handle = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _decode(data: bytes) -> tuple[Image.Image, str]:
    """The first frame, upright, at most `LONGEST` pixels long. Its size is looked at before it is decoded."""
    if len(data) > MAX_BYTES:
        raise TooLarge(f"A picture has at most {MAX_BYTES >> 20} MiB; this one has {len(data) / (1 << 20):.1f} MiB.", MAX_BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            most = MAX_PIXELS_JPEG if opened.format == "JPEG" else MAX_PIXELS
            if opened.width * opened.height > most:
                raise _too_many(most)
            opened.draft(None, (LONGEST, LONGEST))  # JPEG alone heeds it: decoded no larger than is needed
            if opened.width * opened.height > MAX_PIXELS:
                raise _too_many(MAX_PIXELS)
            opened.load()
            photograph = opened.format == "JPEG"
            image = ImageOps.exif_transpose(opened)
            plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many(MAX_PIXELS) from error
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, IndexError, KeyError, TypeError) as error:
        raise Invalid(
            "This is no picture that can be read; PNG, JPEG and WebP can.", (Fault("/picture", "no PNG, JPEG or WebP"),)
        ) from error
    plain.thumbnail((LONGEST, LONGEST))
    return plain, "jpg" if photograph and plain.mode == "RGB" else "png"


def _encode(image: Image.Image, ending: str) -> bytes:
    """Of the pixels alone: no EXIF, no place, no profile, no comment."""
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    buffer = io.BytesIO()
    if ending == "jpg":
        bare.save(buffer, "JPEG", quality=88, optimize=True)
    else:
        bare.save(buffer, "PNG", optimize=False)
    return buffer.getvalue()


def _too_many(limit: int) -> TooLarge:
    return TooLarge(f"A picture has at most {limit // 1_000_000} megapixels; make it smaller and send it again.", limit)
