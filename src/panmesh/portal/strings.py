"""What the pages say, as one catalogue for translators: taken from the templates, put back into them when they are loaded.

A message is the text between two tags, with `{1}`, `{2}` … where a value stands; so is what a title, a label for screen readers or a
placeholder says. English is the language of the templates themselves and costs nothing; another language is a JSON file
of messages, and what it does not translate stays English.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

SOURCE = "en"
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_JINJA = r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}"
_TOKEN = re.compile(
    r"(?P<quiet>\{#.*?#\}|\{%.*?%\}|<!--.*?-->|<(?P<raw>script|style|pre|code|svg)\b.*?</(?P=raw)\s*>)"
    r"|(?P<value>\{\{.*?\}\})"
    rf"""|(?P<tag></?[a-zA-Z!](?:{_JINJA}|"(?:{_JINJA}|[^"])*"|'[^']*'|[^>"'])*>)""",
    re.S,
)
_SPOKEN = re.compile(rf"""(?P<before>\s(?:title|alt|aria-label|placeholder)=")(?P<text>(?:{_JINJA}|[^"])*)(?P<after>")""", re.S)
_PIECE = re.compile(r"(?P<quiet>\{%.*?%\})|(?P<value>\{\{.*?\}\})", re.S)
_LOOP = re.compile(r"\{% for \w+, \w+ in (\(\(.*?\)\)) %\}")  # over pairs of a value and what it is called, which is `said`
_PAIR = re.compile(r'\("[^"]*", "([^"]*)"\)')
_WORD = re.compile(r"[A-Za-z]{2,}")
_PLACE = re.compile(r"\{(\d+)\}")
_ENTITY = re.compile(r"&#?\w+;")

Say = Callable[[str], str]  # a message, in another language


_NONE: Mapping[str, str] = {}
_SAY: ContextVar[Mapping[str, str]] = ContextVar("messages of the reader's language")


class Spoken(dict[str, str]):
    """Words for values of ours, each said in the reader's language."""

    def __getitem__(self, key: str) -> str:
        return spoken(super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:
        found = super().get(key)
        return default if found is None else spoken(found)


def spoken(message: str) -> str:
    """In the language of the reader whose request this is."""
    return _SAY.get(_NONE).get(message, message)


def messages_of_reader() -> Mapping[str, str]:
    """What is translated for the reader whose request this is."""
    return _SAY.get(_NONE)


def speak_to(said: Mapping[str, str]) -> None:
    """From here on, for this request."""
    _SAY.set(said)


class Translated(Extension):
    """Speaks the language of its environment: `environment.panmesh_say`."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        say: Say | None = getattr(self.environment, "panmesh_say", None)
        return source if say is None else translated(source, say)


def translated(source: str, say: Say) -> str:
    """The template with each of its messages replaced."""
    out: list[str] = []
    run: list[tuple[str, bool]] = []  # what was read of a message: text, and whether it is a value

    def end() -> None:
        out.append(_rendered(run, say))
        run.clear()

    at = 0
    for token in _TOKEN.finditer(source):
        if token.start() > at:
            run.append((source[at : token.start()], False))
        at = token.end()
        if token["value"] is not None:
            run.append((token[0], True))
            continue
        end()
        out.append(token[0] if token["tag"] is None else _SPOKEN.sub(lambda found: _attribute(found, say), token[0]))
    if at < len(source):
        run.append((source[at:], False))
    end()
    return "".join(out)


def messages(sources: Iterable[str]) -> list[str]:
    """Every message of these templates, once, in the order of reading."""
    found: dict[str, None] = {}

    def keep(message: str) -> str:
        found.setdefault(message)
        return message

    for source in sources:
        translated(source, keep)
        for loop in _LOOP.findall(source):
            found |= dict.fromkeys(text for text in _PAIR.findall(loop) if _WORD.search(text))
    return list(found)


def catalogue(words: Iterable[Spoken] = (), sentences: Iterable[str] = ()) -> list[str]:
    """Every message of the portal, every word for a value of ours, and every sentence of the core."""
    folder = resources.files("panmesh.portal").joinpath("templates")
    said = messages(
        one.read_text("utf-8") for one in sorted(folder.iterdir(), key=lambda p: p.name) if one.name.endswith(".html")
    )
    return list(dict.fromkeys([*said, *(text for one in words for text in dict.values(one)), *sentences]))


def to_fill_in(known: Mapping[str, str], words: Iterable[Spoken], sentences: Iterable[str] = ()) -> dict[str, str]:
    """What a translator works on: messages that are not translated yet are empty; those that no page has any more are left out."""
    return {message: known.get(message, "") for message in catalogue(words, sentences)}


def read(path: Path) -> dict[str, str]:
    """The messages of a translator's file. Raises ValueError, in words, where the file is none."""
    try:
        held = json.loads(path.read_text("utf-8"))["messages"]
        said = {str(message): str(text) for message, text in held.items() if text}
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is no catalogue of messages: `panmesh admin strings` writes one to fill in ({error})."
        ) from error
    for message, text in said.items():
        if sorted(_PLACE.findall(message)) != sorted(_PLACE.findall(text)):
            raise ValueError(f"{path}: {text!r} must hold the same values as {message!r}: each {{number}} once, in any order.")
        if "{{" in text or "{%" in text or "<" in text:
            raise ValueError(f"{path}: {text!r} holds marks of a template; a message is text.")
    return said


def languages(folder: Path) -> dict[str, Path]:
    """Language (de, pt-BR) to the file of its messages."""
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.glob("*.json")) if is_language(path.stem)}


def is_language(tag: str) -> bool:
    """Of another language than the templates'."""
    return _LANGUAGE.fullmatch(tag) is not None and tag != SOURCE


def chosen(accepted: str, offered: Iterable[str]) -> str:
    """The language that a reader's browser asks for (Accept-Language, RFC 9110) and that is offered; English otherwise."""
    known = {language.casefold(): language for language in (*offered, SOURCE)}
    wishes: list[tuple[float, int, str]] = []
    for position, part in enumerate(accepted.split(",")[:20]):
        tag, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1) if quality.strip() else 1.0
        except ValueError:
            continue
        if weight > 0:
            wishes.append((-weight, position, tag.strip().casefold()))
    for _, _, tag in sorted(wishes):
        if found := known.get(tag) or known.get(tag.partition("-")[0]):
            return found
    return SOURCE


def translate(environment: Environment, said: Mapping[str, str]) -> None:
    """Before the first template is loaded."""
    environment.extend(panmesh_say=lambda message: said.get(message, message))
    environment.add_extension(Translated)


def _attribute(found: re.Match[str], say: Say) -> str:
    out: list[str] = []
    run: list[tuple[str, bool]] = []
    text, at = found["text"], 0
    for piece in _PIECE.finditer(text):
        if piece.start() > at:
            run.append((text[at : piece.start()], False))
        at = piece.end()
        if piece["value"] is not None:
            run.append((piece[0], True))
        else:
            out.append(_rendered(run, say))
            run.clear()
            out.append(piece[0])
    if at < len(text):
        run.append((text[at:], False))
    out.append(_rendered(run, say))
    return found["before"] + "".join(out) + found["after"]


def _rendered(run: list[tuple[str, bool]], say: Say) -> str:
    """A run of text and values with its message replaced; the space around it stays as it is."""
    if not any(_WORD.search(_bare(piece)) for piece in run):
        return "".join(text for text, _ in run)
    values: list[str] = []
    parts: list[str] = []
    for text, is_value in run:
        if is_value:
            values.append(text)
            parts.append(f"{{{len(values)}}}")
        else:
            parts.append(text)
    whole = "".join(parts)
    message = " ".join(whole.split())
    before = whole[: len(whole) - len(whole.lstrip())]
    after = whole[len(whole.rstrip()) :]
    answer = say(message)
    said = whole.strip() if answer == message else answer
    filled = _PLACE.sub(lambda place: values[int(place[1]) - 1] if 1 <= int(place[1]) <= len(values) else place[0], said)
    return before + filled + after


def _bare(piece: tuple[str, bool]) -> str:
    text, is_value = piece
    return "" if is_value else _ENTITY.sub("", text)
