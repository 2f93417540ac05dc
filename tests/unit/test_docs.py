"""What the documentation says is so: its pages of reference, its configurations, its commands, its addresses, its links."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from panmesh.access.viewer import OPERATOR
from panmesh.app.settings import Settings
from panmesh.cli.main import cli
from tests.conftest import MakeFacility

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = ROOT / "docs" / "reference"
BY_HAND = {"search-api.md"}  # a standard's page: what it says is tested in tests/protocol/panosc
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
INDENTED = re.compile(r"(?:^    .+\n)+", re.M)
PROGRAM = re.compile(r"(?:\S*/)?panmesh")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, *languages: str) -> list[str]:
    return [text for language, text in BLOCK.findall(page.read_text("utf-8")) if language in languages]


def lines_of_shell(page: Path) -> list[str]:
    """Each command of the page: in blocks, indented, or in backticks within a sentence."""
    text = page.read_text("utf-8")
    outside = BLOCK.sub("", text)
    found = [line.removeprefix("$ ") for block in blocks(page, "console", "sh") for line in _joined(block)]
    found += [line.strip() for block in INDENTED.findall(outside) for line in _joined(block)]
    return found + re.findall(r"`((?:panmesh|make) [^`]+)`", outside)


def _joined(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


def commands(line: str) -> list[list[str]]:
    """The words after each `panmesh` that stands where a program stands; `…` and what follows are the reader's."""
    words = shlex.split(line.partition("…")[0], comments=True)
    starts = [
        i
        for i, word in enumerate(words)
        if PROGRAM.fullmatch(word) and (i == 0 or words[i - 1] in ("&&", "panmesh", "sudo") or _user(words, i))
    ]
    ends = [next((j for j in range(i, len(words)) if words[j] in ("&&", "|", ";")), len(words)) for i in starts]
    return [words[i + 1 : j] for i, j in zip(starts, ends, strict=True) if words[i + 1 : j]]


def _user(words: list[str], i: int) -> bool:
    return i > 1 and words[i - 2] == "-u"


def refused(words: list[str]) -> str | None:
    """Why the command line would not take these words; values are not looked at."""
    command: click.Command = cli
    words = list(words)
    try:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            name = words.pop(0)
            found = command.get_command(click.Context(command), name)
            if found is None:
                return f"there is no command {name!r}"
            command = found
        _, left, _ = command.make_parser(click.Context(command)).parse_args(words)
        return f"too many words: {left}" if left else None
    except click.UsageError as error:
        return error.format_message()


# --- reference --------------------------------------------------------------------------------------------------------


def test_the_reference_is_what_the_code_says(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "scripts" / "reference", tmp_path], check=True, timeout=60)
    assert {p.name for p in tmp_path.iterdir()} | BY_HAND == {p.name for p in REFERENCE.iterdir()}
    stale = [p.name for p in tmp_path.iterdir() if p.read_bytes() != (REFERENCE / p.name).read_bytes()]
    assert not stale, "run .venv/bin/python scripts/reference and commit what it writes"


def test_every_setting_says_what_it_does() -> None:
    schema = Settings.model_json_schema()
    silent = [
        f"{section}.{key}"
        for section, one in schema["$defs"].items()
        for key, value in one["properties"].items()
        if not value.get("description")
    ]
    assert not silent


# --- pages ------------------------------------------------------------------------------------------------------------


@every_page
def test_configurations_are_taken(page: Path) -> None:
    for block in blocks(page, "toml"):
        Settings.model_validate(tomllib.loads(block))


@every_page
def test_commands_exist(page: Path) -> None:
    faults = [f"{line}: {why}" for line in lines_of_shell(page) for words in commands(line) if (why := refused(words))]
    assert not faults


@every_page
def test_make_has_what_is_asked_of_it(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    asked = {m[1] for line in lines_of_shell(page) for m in re.finditer(r"(?:^|sudo |&& )make (?:-C \S+ )?([a-z-]+)", line)}
    assert asked <= targets


@every_page
def test_python_compiles_and_modules_are_there(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")
    for line in lines_of_shell(page):
        for module in re.findall(r"python -m (panmesh[\w.]*)", line):
            assert importlib.util.find_spec(module) is not None, line


@every_page
def test_addresses_of_the_api_exist(page: Path) -> None:
    paths = json.loads((REFERENCE / "openapi.json").read_text("utf-8"))["paths"]
    known = [re.compile(re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(path))) for path in [*paths, "/openapi.json"]]
    said = re.findall(r"/api/v1(/[\w{}/.-]+)", page.read_text("utf-8"))
    assert [path for path in said if not any(one.fullmatch(path.rstrip("/.")) for one in known)] == []


@every_page
def test_what_curl_sends_is_json(page: Path) -> None:
    for line in lines_of_shell(page):
        for body in re.findall(r"-d '(\{.*?\})'", line):
            json.loads(body)


def test_schedules_are_taken(make_facility: MakeFacility) -> None:
    app = make_facility()
    found = [block for page in PAGES for block in blocks(page, "csv")]
    assert found
    for block in found:
        assert app.schedule.load(OPERATOR, block, dry_run=True)


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    dead = [link for link in links if "://" not in link and not _leads(page, link)]
    assert not dead


def _leads(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name) if name else page
    if not anchor or not target.is_file():
        return target.exists()
    heads = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.M)
    return anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_these_checks_find_what_is_wrong() -> None:
    assert commands("sudo -u panmesh /opt/panmesh/.venv/bin/panmesh init --data /srv/panmesh") == [
        ["init", "--data", "/srv/panmesh"]
    ]
    assert refused(["init", "--data", "x"]) is None
    assert refused(["admin", "mend"]) is not None
    assert refused(["init", "--folder", "x"]) is not None


def _leaves(command: click.Command, path: tuple[str, ...] = ("panmesh",)) -> list[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        return [(path, command)]
    context = click.Context(command)
    found = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
    return [leaf for name, one in found if one is not None for leaf in _leaves(one, (*path, name))]


def test_every_command_has_an_example_that_it_takes() -> None:
    for path, command in _leaves(cli):
        example = " ".join((command.help or "").partition("Example: ")[2].split())
        assert example.startswith(" ".join(path)), path
        assert [why for words in commands(example) if (why := refused(words))] == [], path


def test_each_decision_has_a_number_of_its_own_and_is_listed_in_order() -> None:
    files = sorted((ROOT / "docs" / "explanation" / "decisions").glob("0*.md"))
    numbers = [file.name[:4] for file in files]
    assert len(set(numbers)) == len(numbers)
    titles = [file.read_text("utf-8").partition("\n")[0].removeprefix("# ") for file in files]
    index = (ROOT / "docs" / "explanation" / "decisions" / "README.md").read_text("utf-8")
    assert re.findall(r"^- \[(.+)\]\((.+)\)$", index, re.M) == [
        (title, file.name) for title, file in zip(titles, files, strict=True)
    ]
