"""Notes, flags, tags and pictures: under the logbook's rights alone, with history and undo, and harmless whatever is written."""

from __future__ import annotations

import html
import io
import json
import re
import struct
import time
import zlib
from dataclasses import dataclass

import httpx
import pytest
from PIL import Image

from panmesh.access.viewer import ANONYMOUS
from panmesh.adapters.sql import notes as notes_sql
from panmesh.catalogue.query import Compare, DatasetQuery, Field, Op, Or
from panmesh.testing.personas import PASSWORD
from panmesh.wire import markdown
from tests.protocol.conftest import PIDS, SECRET, House

READERS = {
    "open": {None, "outsider", "pi", "member", "scientist", "steward", "admin"},
    "embargoed": {"pi", "member", "scientist", "steward", "admin"},
    "collecting": {"pi", "member", "scientist", "steward", "admin"},
    "proprietary": {"pi", "member", "scientist"},
    "internal": {"pi", "member", "scientist", "steward", "admin"},
}
EVERYBODY: tuple[str | None, ...] = (None, "outsider", "pi", "member", "scientist", "steward", "admin")
WRITERS = {"pi", "member", "scientist", "steward", "admin"}


@dataclass
class Browser:
    """Somebody who is signed in, with cookie and forms."""

    house: House
    cookie: str
    csrf: str = ""

    def get(self, path: str) -> str:
        answer = self.house.client.get(path, headers=self.headers)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer.text

    def post(self, path: str, files: list[tuple[str, bytes]] | None = None, **form: str) -> httpx.Response:
        sent = [("picture", (name, data, "image/png")) for name, data in files or []]
        return self.house.client.post(path, data={"csrf": self.csrf} | form, headers=self.headers, files=sent or None)

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie, "Origin": "http://testserver"}


def sign_in(house: House, login: str) -> Browser:
    answer = house.client.post("/sign-in", data={"login": login, "password": PASSWORD})
    assert answer.status_code == 303
    found = Browser(house, answer.headers["set-cookie"].partition(";")[0])
    found.get("/tokens")
    return found


@pytest.fixture
def pi(house: House) -> Browser:
    return sign_in(house, "pi")


def photograph(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **saved: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, kind, **saved)
    return buffer.getvalue()


def test_a_note_at_three_in_the_morning(house: House, pi: Browser) -> None:
    path = f"/datasets/{PIDS['embargoed']}"
    assert "Save" in pi.get(path)
    made = pi.post(
        f"{path}/notes", [("IMG_1.jpg", photograph())], text="sample slipped, **bad**", flag="bad", tags="slipped", mark="0"
    )
    assert (made.status_code, made.headers["location"].partition("#")[0]) == (303, path)
    shown = pi.get(path)
    assert "sample slipped, <strong>bad</strong>" in shown
    assert 'class="flag flag-bad"' in shown
    assert '<a href="/?tag=slipped">slipped</a>' in shown
    picture = re.search(rf'src="({path}/pictures/[0-9a-f]{{64}}\.jpg)"', shown)
    assert picture is not None
    seen = house.client.get(picture[1], headers=pi.headers)
    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
    assert house.client.get(picture[1]).status_code == 403  # its record is public, its logbook is not
    outside = house.client.get(path).text
    assert "slipped" not in outside
    assert 'id="notes"' not in outside


@pytest.mark.parametrize("state", READERS)
def test_whoever_may_read_the_logbook_reads_it_and_nobody_else(house: House, state: str) -> None:
    pid, visit = PIDS[state], f"pm-visit{list(PIDS).index(state) + 1}"
    writer = house.bearer("scientist")
    for about in (f"datasets/{pid}", f"investigations/{visit}"):
        assert house.client.post(f"/api/v1/{about}/notes", json={"text": SECRET + "-note"}, headers=writer).status_code == 201
    for login in EVERYBODY:
        who = house.bearer(login) if login else {}
        for path in (
            f"/api/v1/datasets/{pid}/notes",
            f"/api/v1/investigations/{visit}/notes",
            f"/api/v1/investigations/{visit}/logbook",
            f"/datasets/{pid}",
            f"/investigations/{visit}",
            f"/investigations/{visit}/logbook",
            f"/investigations/{visit}/logbook.md",
            f"/investigations/{visit}/logbook.json",
        ):
            answer = house.client.get(path, headers=who)
            assert (SECRET + "-note" in answer.text) == (login in READERS[state]), (path, login, answer.status_code)


@pytest.mark.parametrize("login", EVERYBODY)
def test_the_team_and_the_staff_write_and_nobody_else(house: House, login: str | None) -> None:
    who = house.bearer(login) if login else {}
    path = f"/api/v1/datasets/{PIDS['open']}"
    expected = 201 if login in WRITERS else 401 if login is None else 403
    assert house.client.post(f"{path}/notes", json={"text": "x"}, headers=who).status_code == expected
    marked = house.client.request("PUT", f"{path}/mark", json={"flag": "good"}, headers=who | {"If-Match": '"mark-0"'})
    assert marked.status_code == (200 if login in WRITERS else expected)
    sent = house.client.post(f"{path}/pictures", content=photograph(), headers=who | {"Content-Type": "image/jpeg"})
    assert sent.status_code == expected


def test_html_cannot_be_smuggled_in(house: House, pi: Browser) -> None:
    path = f"/datasets/{PIDS['open']}"
    pi.get(path)
    hostile = (
        "<script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) "
        "[c](data:text/html,<script>alert(1)</script>) ![d](https://evil.example/track.png) <https://ok.example> "
        "[e](vbscript:x) [f](&#106;avascript:alert(1)) <svg onload=alert(1)> ![g](javascript:alert(1))"
    )
    assert pi.post(f"{path}/notes", text=hostile).status_code == 303
    shown = pi.get(path).partition('<section id="notes"')[2].partition("</section>")[0]
    assert "<script>alert" not in shown
    assert "<svg" not in shown
    assert not re.search(r'(?i)(href|src)="\s*(javascript|data|vbscript|https://evil[^"]*png"[^>]*loading)', shown)
    assert 'src="https://evil' not in shown
    assert not re.search(r"<[^>]+\son\w+=", shown)
    assert 'href="https://ok.example" rel="nofollow noopener noreferrer"' in shown
    assert html.unescape(shown).count("alert(1)") >= 4  # said, not done


def test_forms_without_the_token_of_the_session_change_nothing(house: House, pi: Browser) -> None:
    path = f"/datasets/{PIDS['open']}"
    for csrf in ("", "wrong"):
        pi.csrf = csrf
        assert pi.post(f"{path}/notes", text="forged").status_code == 403
        assert pi.post(f"{path}/pictures", [("x.png", photograph("PNG"))]).status_code == 403
    elsewhere = {"Cookie": pi.cookie, "Origin": "https://evil.example"}
    assert house.client.post(f"{path}/notes", data={"text": "forged"}, headers=elsewhere).status_code in (303, 403)
    assert "forged" not in house.client.get(path).text


def test_a_note_that_is_sent_again_on_a_bad_line_is_there_once(house: House, pi: Browser) -> None:
    path = f"/datasets/{PIDS['embargoed']}"
    pi.get(path)
    first, again = (pi.post(f"{path}/notes", text="beam lost").headers["location"] for _ in range(2))
    assert first == again
    assert pi.post(f"{path}/notes", text="beam back").headers["location"] != first
    assert pi.post(f"{path}/notes", text="beam lost").headers["location"] != first  # once more, and this was said in between
    house.moment[0] += 180_000_000
    assert pi.post(f"{path}/notes", text="beam lost").status_code == 303
    assert pi.get(path).count("<p>beam lost</p>") == 3


# --- history, undo, deletion ------------------------------------------------------------------------------------------


def test_a_note_is_edited_with_history_and_undone(house: House, pi: Browser) -> None:
    path, who = f"/api/v1/datasets/{PIDS['embargoed']}", house.bearer("member")
    made = house.client.post(f"{path}/notes", json={"text": "first"}, headers=who)
    one, etag = f"/api/v1/notes/{made.json()['id']}", made.headers["etag"]
    assert house.client.patch(one, json={"text": "second"}, headers=who).status_code == 428
    changed = house.client.patch(one, json={"text": "second"}, headers=who | {"If-Match": etag})
    assert (changed.status_code, changed.json()["source"], changed.json()["edited_by"]) == (200, "second", "member")
    assert house.client.patch(one, json={"text": "third"}, headers=who | {"If-Match": etag}).status_code == 412
    seen = house.client.get(one, headers=who)
    assert [v["text"] for v in seen.json()["versions"]] == ["second", "first"]
    back = house.client.post(f"{one}/restore", json={"version": 1}, headers=who | {"If-Match": seen.headers["etag"]})
    assert (back.status_code, back.json()["source"], back.json()["revision"]) == (200, "first", 3)
    page = pi.get(f"/notes/{made.json()['id']}")  # the principal investigator may change what the team wrote
    assert "As it was before" in page
    assert pi.post(f"/notes/{made.json()['id']}", text="by the pi", revision="3").status_code == 303
    assert "by the pi" in pi.get(f"/datasets/{PIDS['embargoed']}")
    assert pi.post(f"/notes/{made.json()['id']}", text="late", revision="3").status_code == 412


def test_a_deleted_note_is_gone_for_all_and_brought_back_by_those_who_may(house: House, pi: Browser) -> None:
    path = f"/datasets/{PIDS['open']}"
    pi.get(path)
    assert pi.post(f"{path}/notes", text="regretted words").status_code == 303
    number = house.client.get(f"/api/v1{path}/notes").json()["items"][0]["id"]
    assert pi.post(f"/notes/{number}/delete", revision="1").status_code == 303
    assert "regretted words" not in pi.get(path)
    assert "undo" in pi.get(path)
    for login in ("outsider", "member"):
        assert house.client.get(f"/api/v1{path}/notes", headers=house.bearer(login)).json()["items"] == []
        assert house.client.get(f"/api/v1/notes/{number}", headers=house.bearer(login)).status_code == 404
    assert pi.post(f"/notes/{number}/delete", revision="2").status_code == 409
    assert pi.post(f"/notes/{number}/restore", revision="2", version="1").status_code == 303
    assert "regretted words" in house.client.get(path).text


def test_members_change_their_own_words_and_not_those_of_others(house: House) -> None:
    path = f"/api/v1/datasets/{PIDS['open']}/notes"
    made = house.client.post(path, json={"text": "of the scientist"}, headers=house.bearer("scientist"))
    one, match = f"/api/v1/notes/{made.json()['id']}", {"If-Match": made.headers["etag"]}
    for login, status in ((None, 401), ("outsider", 403), ("member", 403)):
        who = (house.bearer(login) if login else {}) | match
        assert house.client.patch(one, json={"text": "x"}, headers=who).status_code == status
        assert house.client.delete(one, headers=who).status_code == status
    assert house.client.delete(one, headers=house.bearer("pi") | match).status_code == 200


def test_the_world_learns_that_a_person_wrote_and_not_who(house: House) -> None:
    path = f"/api/v1/datasets/{PIDS['open']}/notes"
    house.client.post(path, json={"text": "aligned"}, headers=house.bearer("member"))
    assert house.client.get(path).json()["items"][0]["by"] == "a person"
    assert house.client.get(path, headers=house.bearer("pi")).json()["items"][0]["by"] == "Member"


@pytest.mark.parametrize("name", ["proprietary", "collecting", "internal", "embargoed"])
def test_a_hidden_note_and_an_absent_one_answer_alike(house: House, name: str) -> None:
    made = house.client.post(f"/api/v1/datasets/{PIDS[name]}/notes", json={"text": SECRET}, headers=house.bearer("scientist"))
    number, match = made.json()["id"], {"If-Match": made.headers["etag"]}
    for who in ({}, house.bearer("outsider")):
        for method, path, body in (
            ("GET", "/api/v1/notes/{}", None),
            ("PATCH", "/api/v1/notes/{}", {"text": "x"}),
            ("DELETE", "/api/v1/notes/{}", None),
            ("POST", "/api/v1/notes/{}/restore", {"version": 1}),
        ):
            answers = [
                house.client.request(method, path.format(n), json=body, headers=who | match) for n in (number, number + 1000)
            ]
            assert answers[0].status_code in (401, 404), path
            assert (answers[0].status_code, answers[0].content) == (answers[1].status_code, answers[1].content), path


# --- flags and tags ---------------------------------------------------------------------------------------------------


def test_flag_and_tags_are_one_thing_with_history_and_are_suggested_in_the_visit(house: House) -> None:
    run, visit, who = f"/api/v1/datasets/{PIDS['open']}", "/api/v1/investigations/pm-visit1", house.bearer("pi")
    begun = house.client.get(f"{run}/mark", headers=who)
    assert (begun.json()["flag"], begun.headers["etag"]) == (None, '"mark-0"')
    body = {"flag": "doubtful", "tags": ["ice ring", " Ice  Ring ", "CeO2"]}
    assert house.client.request("PUT", f"{run}/mark", json=body, headers=who).status_code == 428
    made = house.client.request("PUT", f"{run}/mark", json=body, headers=who | {"If-Match": begun.headers["etag"]})
    assert (made.status_code, made.json()["tags"], made.headers["etag"]) == (200, ["ice ring", "CeO2"], '"mark-1"')
    late = house.client.request("PUT", f"{run}/mark", json=body, headers=who | {"If-Match": '"mark-0"'})
    assert late.status_code == 412
    house.client.request("PUT", f"{run}/mark", json={"flag": "good"}, headers=who | {"If-Match": '"mark-1"'})
    seen = house.client.get(f"{run}/mark", headers=who).json()
    assert [(v["flag"], v["tags"]) for v in seen["history"]] == [("good", []), ("doubtful", ["ice ring", "CeO2"])]
    house.client.request("PUT", f"{run}/mark", json=body, headers=who | {"If-Match": '"mark-2"'})
    assert house.client.get(f"{visit}/notes").json()["tags_in_use"] == ["CeO2", "ice ring"]
    for wrong in (
        {"flag": "ugly"},
        {"tags": ["a,b"]},
        {"tags": ["x" * 41]},
        {"tags": [str(n) for n in range(21)]},
        {"tags": ["a\u0000"]},
    ):
        answer = house.client.request("PUT", f"{run}/mark", json=wrong, headers=who | {"If-Match": '"mark-3"'})
        assert answer.status_code == 422, wrong


@pytest.mark.parametrize("login", EVERYBODY)
def test_runs_are_found_by_flag_and_tag_by_those_who_may_read_the_logbook(house: House, login: str | None) -> None:
    for name, flag in zip(PIDS, ("bad", "bad", "good", "bad", "doubtful"), strict=True):
        who = house.bearer("scientist") | {"If-Match": '"mark-0"'}
        body = {"flag": flag, "tags": ["Night shift"] if flag == "bad" else ["dawn"]}
        assert house.client.request("PUT", f"/api/v1/datasets/{PIDS[name]}/mark", json=body, headers=who).status_code == 200
    may = {PIDS[name] for name, readers in READERS.items() if login in readers}
    bad = may & {PIDS["open"], PIDS["embargoed"], PIDS["collecting"]}
    who = house.bearer(login) if login else {}
    for query, expected in (
        ("flag=bad", bad),
        ("flag=good&flag=doubtful", may - bad),
        ("tag=night+shift", bad),
        ("tag=night", set()),
    ):
        found = house.client.get(f"/api/v1/datasets?{query}", headers=who).json()
        assert {d["pid"] for d in found["items"]} == expected, query
        assert found["total"] == len(expected)
        page = house.client.get(f"/?{query}", headers=who).text
        assert all((pid in page) == (pid in expected) for pid in PIDS.values())
    viewer = house.app.accounts.viewer(login) if login else ANONYMOUS
    for field, value in ((Field.FLAG, "bad"), (Field.TAG, "night shift")):
        for op, expected in ((Op.EQUAL, bad), (Op.NOT_EQUAL, may - bad), (Op.CONTAINS, bad), (Op.NOT_CONTAINS, may - bad)):
            asked = DatasetQuery(where=Or((Compare(field, op, value), Compare(Field.PID, Op.EQUAL, "pm-nothing"))))
            assert {d.pid for d in house.app.search.search(viewer, asked).items} == expected, (field, op)


def test_the_logbook_of_a_visit_is_in_time_order_and_narrowed_by_flag_and_tag(house: House) -> None:
    run, visit, who = f"datasets/{PIDS['open']}", "investigations/pm-visit1", house.bearer("scientist")
    for about, text in ((visit, "beam back"), (run, "first light"), (visit, "coffee")):
        house.moment[0] += 1_000_000
        house.client.post(f"/api/v1/{about}/notes", json={"text": text}, headers=who)
    marked = {"flag": "good", "tags": ["reference"]}
    house.client.request("PUT", f"/api/v1/{run}/mark", json=marked, headers=who | {"If-Match": '"mark-0"'})
    book = house.client.get(f"/api/v1/{visit}/logbook").json()
    assert [e["note"]["source"] for e in book["entries"]] == ["beam back", "first light", "coffee"]
    assert (book["flags"], book["tags"]) == ({"good": 1}, {"reference": 1})
    for query in ("flag=good", "tag=Reference"):
        only = house.client.get(f"/api/v1/{visit}/logbook?{query}").json()
        assert ([e["about"] for e in only["entries"]], only["total"]) == ([PIDS["open"]], 1)
        assert "coffee" not in house.client.get(f"/{visit}/logbook?{query}").text
    assert house.client.get(f"/{visit}/logbook?flag=ugly").status_code == 422
    taken = house.client.get(f"/{visit}/logbook.md").text
    assert taken.index("beam back") < taken.index("first light") < taken.index("coffee")
    assert "**good** · #reference" in taken
    assert house.client.get(f"/{visit}/logbook.json").json()["entries"][1]["flag"] == "good"


def test_a_run_that_was_only_flagged_is_in_the_logbook(house: House) -> None:
    who = house.bearer("pi") | {"If-Match": '"mark-0"'}
    house.client.request("PUT", f"/api/v1/datasets/{PIDS['open']}/mark", json={"flag": "bad"}, headers=who)
    entries = house.client.get("/api/v1/investigations/pm-visit1/logbook").json()["entries"]
    assert [(e["about"], e["flag"], e["note"]) for e in entries] == [(PIDS["open"], "bad", None)]


def test_notes_go_with_a_run_that_is_moved_and_with_one_that_is_merged(house: House) -> None:
    staff = house.bearer("scientist")
    for name in ("internal", "embargoed"):
        house.client.post(f"/api/v1/datasets/{PIDS[name]}/notes", json={"text": f"of {name}"}, headers=staff)
    move = {"what": "move", "pids": [PIDS["internal"]], "visit": "pm-visit2", "reason": "so"}
    assert house.client.post("/api/v1/corrections", json=move, headers=staff).status_code == 200
    book = house.client.get("/api/v1/investigations/pm-visit2/logbook", headers=staff).json()
    assert [e["note"]["source"] for e in book["entries"]] == ["of internal", "of embargoed"]
    merge = {"what": "merge", "pids": [PIDS["embargoed"], PIDS["internal"]], "reason": "so"}
    made = house.client.post("/api/v1/corrections", json=merge, headers=staff)
    assert made.status_code == 200, made.text
    notes = f"/api/v1/datasets/{PIDS['embargoed']}/notes"
    assert [n["source"] for n in house.client.get(notes, headers=staff).json()["items"]] == ["of internal", "of embargoed"]
    house.client.post(f"/api/v1/corrections/{made.json()['id']}/undo", headers=staff)
    assert [n["source"] for n in house.client.get(notes, headers=staff).json()["items"]] == ["of embargoed"]


# --- hostile text and pictures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [">" * 20_000, "[" * 20_000, "*a " * 6_600, "![a" * 6_600, "`" * 19_999, "- " * 9_999, "<" * 20_000, "|a" * 9_000]
)
def test_text_that_is_nested_without_end_is_shown_in_time(text: str) -> None:
    begun = time.process_time()
    markdown.render(text, lambda name: name)
    assert time.process_time() - begun < 2


def test_text_that_is_too_long_blank_or_not_storable_is_refused(house: House, pi: Browser) -> None:
    path = f"/datasets/{PIDS['open']}"
    for text in ("x" * 20_001, "", " \n ", "a\u0000b", "\ud800"):
        sent = json.dumps({"text": text})
        who = house.bearer("pi") | {"Content-Type": "application/json"}
        assert house.client.post(f"/api/v1{path}/notes", content=sent, headers=who).status_code in (400, 422), repr(text[:9])
    pi.get(path)
    refused = pi.post(f"{path}/notes", text="y" * 20_001, flag="", tags="")
    assert refused.status_code == 422
    assert "y" * 20_001 in refused.text  # what was written is not lost
    assert house.client.get(f"/api/v1{path}/notes").json()["items"] == []


def _bomb() -> bytes:
    """A PNG of 30000 × 30000 pixels in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")


def test_pictures_that_are_bombs_broken_or_no_pictures_are_refused(house: House) -> None:
    path, who = f"/api/v1/datasets/{PIDS['open']}/pictures", house.bearer("pi")
    good = photograph("PNG")
    for data, status in (
        (_bomb(), 413),
        (photograph("PNG", (8000, 6000)), 413),
        (good[: len(good) // 2], 422),
        (b"", 422),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 422),
        (photograph("GIF"), 422),
        (photograph("TIFF"), 422),
        (bytes(range(256)) * 100, 422),
        (good[:8] + bytes(200), 422),
        (bytes(25 << 20), 413),
    ):
        answer = house.client.post(path, content=data, headers=who | {"Content-Type": "image/png"})
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
            len(data),
            data[:20],
        )
    assert not (house.app.settings.data / "pictures").exists()


def test_what_the_camera_said_of_place_and_owner_is_not_kept(house: House) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "SECRETCAMERA", 6  # maker; turned by 90°
    exif.get_ifd(0x8825)[2] = (52.0, 26.0, 17.0)  # GPS latitude
    sent = photograph("JPEG", (64, 48), exif=exif, comment=b"SECRETCOMMENT") + b"SECRETTAIL"
    path, who = f"/api/v1/datasets/{PIDS['open']}/pictures", house.bearer("pi")
    made = house.client.post(path, content=sent, headers=who | {"Content-Type": "image/jpeg"})
    assert (made.status_code, made.json()["width"], made.json()["height"]) == (201, 48, 64)
    kept = house.client.get(f"{path}/{made.json()['name']}").content
    assert b"SECRET" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        assert not dict(image.getexif())
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_large_photographs_are_made_smaller_and_the_same_one_is_kept_once(house: House) -> None:
    path, who = f"/api/v1/datasets/{PIDS['open']}/pictures", house.bearer("pi") | {"Content-Type": "image/jpeg"}
    made = [house.client.post(path, content=photograph("JPEG", (6000, 4000)), headers=who).json() for _ in range(2)]
    assert made[0]["name"] == made[1]["name"]
    assert max(made[0]["width"], made[0]["height"]) <= 2400
    with house.app.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM picture").scalar() == 1


def test_a_picture_is_of_its_run_alone(house: House) -> None:
    who = house.bearer("pi") | {"Content-Type": "image/png"}
    made = house.client.post(f"/api/v1/datasets/{PIDS['embargoed']}/pictures", content=photograph("PNG"), headers=who).json()
    for name in (made["name"], "0" * 64 + ".png", "..%2f..%2fsecret.key", "x"):
        for base in ("/api/v1/datasets", "/datasets"):
            assert house.client.get(f"{base}/{PIDS['open']}/pictures/{name}").status_code == 404
    refused = house.client.get(f"/api/v1/datasets/{PIDS['embargoed']}/pictures/{made['name']}")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:panmesh:error:embargoed")


def test_only_so_many_pictures_fit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes_sql, "MAX_PICTURES", 1)
    path, who = f"/api/v1/datasets/{PIDS['open']}/pictures", house.bearer("pi") | {"Content-Type": "image/png"}
    sent = [house.client.post(path, content=photograph("PNG", (n, n)), headers=who).status_code for n in (10, 11)]
    assert sent == [201, 507]
