"""Publishing for a paper from the command line: every step of the how-to, as the person whose token it is, and its refusals by exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from panmesh.access.viewer import Scope
from panmesh.app.asgi import build
from panmesh.cli.main import main
from tests.e2e.serving import served
from tests.protocol.conftest import PIDS, SECRET, House

OPEN, RUN = PIDS["open"], PIDS["embargoed"]
SAID = {
    "title": "Ceria at three temperatures",
    "abstract": "What was measured on ceria at three temperatures, for the paper.",
    "creators": [{"name": "Example, Ada"}],
}
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`panmesh release …` as somebody: exit code, and what was printed."""
    with served(build(house.app, work=False)) as url:
        monkeypatch.setenv("PANMESH_URL", url)

        def command(who: str | None, *arguments: str, scopes: frozenset[Scope] | None = None) -> tuple[int, str]:
            monkeypatch.delenv("PANMESH_TOKEN", raising=False)
            if who is not None:
                bearer = house.bearer(who, scopes) if scopes is not None else house.bearer(who)
                monkeypatch.setenv("PANMESH_TOKEN", bearer["Authorization"].partition(" ")[2])
            capsys.readouterr()
            with pytest.raises(SystemExit) as end:
                main(["release", *arguments])
            said = capsys.readouterr()
            return int(end.value.code or 0), said.out + said.err

        yield command


def told(answer: tuple[int, str]) -> Any:
    code, said = answer
    assert code == 0, said
    return json.loads(said)


def test_from_runs_to_a_citation_to_a_tombstone(run: Run, tmp_path: Path) -> None:
    begun = told(run("pi", "begin", OPEN, RUN, "--output", "json"))
    key = begun["key"]
    assert begun["pids"] == [OPEN, RUN]
    code, said = run("pi", "check", key)
    assert code == 5, "a script stops here"
    assert "must    /" in said
    (tmp_path / "paper.json").write_text(json.dumps(SAID), "utf-8")
    changed = told(run("pi", "change", key, "--description", str(tmp_path / "paper.json"), "--output", "json"))
    assert changed["faults"] == []
    code, said = run("pi", "check", key)
    assert (code, "It can be published." in said) == (0, True)
    assert key in run("pi", "drafts")[1]
    made = told(run("pi", "publish", key, "--yes", "--output", "json"))
    assert (made["version"], made["pid"]) == (1, f"{begun['pid']}.v1"), "what was reserved is what it is"
    for who in (None, "outsider", "pi"):
        assert made["pid"] in run(who, "list")[1]
        code, said = run(who, "show", made["pid"])
        assert code == 0
        assert "Ceria at three temperatures" in said
        assert "Example" in said
        assert made["pid"] in said
    paper = ("add-paper", made["pid"], "10.5555/12345678", "--relation", "IsCitedBy", "--title", "Ceria")
    assert "10.5555/12345678 (IsCitedBy)" in run("pi", *paper)[1]
    funder = ("add-funder", made["pid"], "European Commission", "--award", "101000000", "--id", "https://ror.org/00k4n6c32")
    code, said = run("pi", *funder)
    assert (code, "European Commission 101000000" in said) == (0, True), said
    assert "10.5555/12345678" in said, "the paper stays"
    assert run("outsider", *funder)[0] == 4
    following = told(run("pi", "new-version", begun["pid"], "--output", "json"))
    assert (following["version"], following["release"]) == (2, begun["pid"])
    code, said = run("pi", "publish", following["key"], "--yes")
    assert (code, "version 1 has the same runs, files and description" in said) == (2, True), said
    told(run("pi", "change", following["key"], "--run", OPEN, "--output", "json"))
    second = told(run("pi", "publish", following["key"], "--yes", "--output", "json"))
    assert second["pid"].endswith(".v2")
    assert told(run(None, "show", begun["pid"], "--output", "json"))["pid"] == second["pid"]
    reason = "The sample was another one."
    code, said = run("steward", "withdraw", second["pid"], "--reason", reason, "--yes")
    assert (code, reason in said) == (0, True)
    gone = told(run(None, "show", second["pid"], "--output", "json"))
    assert (gone["reason"], bool(gone["withdrawn"])) == (reason, True)
    assert told(run(None, "show", begun["pid"], "--output", "json"))["pid"] == made["pid"]


def test_a_description_in_a_file_and_words_of_the_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "paper.json").write_text(json.dumps(SAID), "utf-8")
    given = ("--description", str(tmp_path / "paper.json"), "--title", "Another title altogether")
    made = told(run("pi", "begin", OPEN, *given, "--output", "json"))
    assert (made["description"]["title"], made["description"]["creators"][0]["name"]) == (
        "Another title altogether",
        "Example, Ada",
    )
    again = told(run("pi", "change", made["key"], "--abstract", SAID["abstract"] + " Twice.", "--run", RUN, "--output", "json"))
    assert (again["pids"], again["description"]["title"]) == ([RUN], "Another title altogether")
    assert run("pi", "discard", made["key"])[0] == 0
    assert made["key"] not in run("pi", "drafts")[1]
    assert run("outsider", "bring-back", made["key"])[0] == 3, "a draft is its maker's alone"
    assert told(run("pi", "bring-back", made["key"], "--output", "json"))["pids"] == [RUN]
    assert made["key"] in run("pi", "drafts")[1]
    (tmp_path / "broken.json").write_text("{", "utf-8")
    assert run("pi", "begin", OPEN, "--description", str(tmp_path / "broken.json"))[0] == 2


def test_refusals_have_the_codes_of_the_reference_and_tell_nothing(run: Run, house: House) -> None:
    begun = told(run("pi", "begin", OPEN, "--output", "json"))
    assert run(None, "begin", OPEN)[0] == 4
    assert run("pi", "begin", OPEN, scopes=frozenset({Scope.READ}))[0] == 4
    code, said = run("outsider", "begin", PIDS["proprietary"])
    assert (code, SECRET in said) == (3, False)
    for verb in (("check", begun["key"]), ("publish", begun["key"], "--yes"), ("discard", begun["key"])):
        assert run("outsider", *verb)[0] == 3, "a draft is its maker's alone"
    assert run("pi", "publish", begun["key"], "--yes")[0] == 2
    assert run("pi", "show", "pm-nothing")[0] == 3
    published = told(run("pi", "begin", OPEN, "--output", "json"))
    body = {"description": SAID}
    draft = house.client.get(f"/api/v1/releases/drafts/{published['key']}", headers=house.bearer("pi"))
    house.client.patch(
        f"/api/v1/releases/drafts/{published['key']}", json=body, headers=house.bearer("pi") | {"If-Match": draft.headers["etag"]}
    )
    made = told(run("pi", "publish", published["key"], "--yes", "--output", "json"))
    assert run("pi", "withdraw", made["pid"], "--reason", "It was a mistake of ours.", "--yes")[0] == 4
    assert run("steward", "withdraw", made["pid"], "--reason", "short", "--yes")[0] == 2
    assert run("outsider", "add-paper", made["pid"], "10.5555/12345678")[0] == 4
