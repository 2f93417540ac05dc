"""What the client decides, without a network: what to ask next, when to give up, where a file goes, what is read twice."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panmesh.client.asking import Request, error_of
from panmesh.client.conditions import conditions, quantity
from panmesh.client.fetch import Changed, Damaged, Fetch
from panmesh.client.line import Line
from panmesh.client.local_names import ignores_case, local_names
from panmesh.client.paged import KEPT, Paged
from panmesh.client.patience import ATTEMPTS, Patience
from panmesh.client.values import File
from panmesh.http.problems import STATUS, body_of, headers_of, status_of
from panmesh.kernel import errors

SHA = hashlib.sha256(b"0123456789").hexdigest()
PEER = "https://data.example.org"


def _file(sha256: str | None = SHA, size: int = 10) -> File:
    return File("a.nxs", size, sha256, "online", datetime(2026, 3, 1, tzinfo=UTC))


# --- errors -----------------------------------------------------------------------------------------------------------

RAISED: tuple[errors.PanmeshError, ...] = (
    errors.Embargoed("Closed until 2029-03-01.", date(2029, 3, 1)),
    errors.Forbidden("No."),
    errors.Unauthenticated("Your token has expired."),
    errors.Withdrawn("It was taken back."),
    errors.NotFound(),
    errors.Stale("Changed.", '"4"'),
    errors.Conflict("Not now."),
    errors.QuotaExceeded("Full.", 5, 4),
    errors.TooLarge("Too much.", 7),
    errors.Unsupported("No such form.", ("csv",)),
    errors.TooMany("Slowly.", 9),
    errors.Unavailable("The disk is away.", 3),
    errors.Invalid("Wrong.", (errors.Fault("/from", "is no day"),)),
)


@pytest.mark.parametrize("raised", RAISED, ids=lambda one: type(one).__name__)
def test_an_error_arrives_as_it_was_raised(raised: errors.PanmeshError) -> None:
    status, _ = status_of(raised)
    got = error_of(status, headers_of(raised), json.dumps(body_of(raised)).encode(), PEER)
    assert type(got) is type(raised)
    assert got.detail.startswith(raised.detail)
    for fact in ("release_date", "retry_after", "etag", "limit", "offered", "faults"):
        assert getattr(got, fact, None) == getattr(raised, fact, None), fact


def test_every_error_that_the_server_has_is_tried_here() -> None:
    from_a_peer = {errors.PeerFailed, errors.DeadlineExceeded}
    assert {type(one) for one in RAISED} | from_a_peer == {kind for kind, _, _ in STATUS}


def test_who_has_to_be_asked_is_said_under_embargo() -> None:
    error = errors.Embargoed("Closed.", None)
    assert "Ask" in error_of(403, {}, json.dumps(body_of(error, "desk@example.org")).encode(), PEER).detail


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"", b"[1]", b"\xff"])
def test_what_something_in_between_says_is_an_error_too(body: bytes) -> None:
    assert isinstance(error_of(502, {}, body, PEER), errors.PeerFailed)
    assert PEER in error_of(502, {}, body, PEER).detail
    assert isinstance(error_of(401, {}, body, PEER), errors.Unauthenticated)


# --- patience ---------------------------------------------------------------------------------------------------------


def test_waits_grow_and_end() -> None:
    patience, broken = Patience(5, chance=lambda: 0.5), errors.PeerFailed("The line broke.", PEER)
    assert [patience.pause(broken) for _ in range(4)] == [0.5, 1.0, 2.0, 4.0]
    with pytest.raises(errors.PeerFailed):
        patience.pause(broken)
    patience.progressed()
    assert patience.pause(broken) == 0.5


def test_a_server_that_is_started_anew_is_waited_for() -> None:
    """It goes on for ten seconds with what it has begun, answers nobody else, and comes back some seconds later."""
    patience, waited = Patience(chance=lambda: 0.0), 0.0
    for _ in range(ATTEMPTS - 1):
        waited += patience.pause(errors.PeerFailed("The line broke.", PEER))
    assert 25 <= waited < 60
    with pytest.raises(errors.PeerFailed):
        patience.pause(errors.PeerFailed("The line broke.", PEER))


def test_an_address_that_was_right_is_not_asked_about() -> None:
    line = Line(PEER, None)
    for answered, words in ((False, "Is the address right"), (True, "cannot be reached any more")):
        line.answered = answered
        with pytest.raises(errors.PeerFailed, match=words), line.breaking():
            raise httpx.ConnectError("Connection refused")


def test_what_the_server_says_is_waited_for_unless_it_is_an_age() -> None:
    assert Patience(chance=lambda: 0.5).pause(errors.TooMany("Slowly.", 20)) == 20
    with pytest.raises(errors.TooMany):
        Patience().pause(errors.TooMany("Tomorrow.", 86_400))


def test_what_does_not_pass_is_not_waited_for() -> None:
    for error in (errors.NotFound(), errors.Unauthenticated(), errors.Embargoed("Closed.", None), errors.Invalid("Wrong.")):
        with pytest.raises(type(error)):
            Patience().pause(error)


def test_what_changes_something_is_not_asked_twice() -> None:
    assert Request(path="/datasets").repeatable
    assert not Request(path="/datasets", method="POST").repeatable


# --- one file ---------------------------------------------------------------------------------------------------------


def test_a_file_comes_whole() -> None:
    fetch = Fetch(_file(), PEER)
    assert fetch.headers() == {}
    assert fetch.answered(200, {"ETag": f'"{SHA}"', "Content-Length": "10"}) == 0
    fetch.wrote(10)
    fetch.ended()
    assert fetch.complete
    assert fetch.compare(SHA) is True


def test_after_a_break_only_the_rest_is_asked_for_if_it_is_still_the_same() -> None:
    fetch = Fetch(_file(None), PEER, patience=Patience(chance=lambda: 0.5))
    fetch.answered(200, {"ETag": '"now"', "Content-Length": "10"})
    fetch.wrote(4)
    assert fetch.broke(errors.PeerFailed("The line broke.", PEER)) == 0.5
    assert fetch.headers() == {"Range": "bytes=4-", "If-Range": '"now"'}
    assert fetch.answered(206, {"ETag": '"now"', "Content-Range": "bytes 4-9/10"}) == 4
    fetch.wrote(6)
    fetch.ended()
    assert fetch.compare("whatever") is False, "without a digest nothing is compared"


def test_a_file_that_changed_meanwhile_starts_anew() -> None:
    fetch = Fetch(_file(), PEER, have=4)
    assert fetch.headers() == {"Range": "bytes=4-", "If-Range": f'"{SHA}"'}
    assert fetch.answered(200, {"ETag": '"another"', "Content-Length": "10"}) == 0


def test_a_part_that_nobody_can_name_is_not_gone_on_with() -> None:
    assert Fetch(_file(None), PEER, have=4).have == 0
    assert Fetch(_file(None), PEER, have=4, etag='"then"').have == 4
    assert Fetch(_file(None), PEER, have=10, etag='"then"').have == 0, "whole, but nobody can say whether it is right"
    assert Fetch(_file(), PEER, have=11).have == 0
    assert Fetch(_file(), PEER, have=10).complete


def test_bytes_that_were_not_asked_for_are_refused() -> None:
    with pytest.raises(errors.PeerFailed, match="other bytes"):
        Fetch(_file(), PEER, have=4).answered(206, {"Content-Range": "bytes 3-9/10"})


def test_an_answer_that_ends_early_is_no_end() -> None:
    fetch = Fetch(_file(), PEER)
    fetch.answered(200, {})
    fetch.wrote(9)
    with pytest.raises(errors.PeerFailed, match="stopped at 9 of 10"):
        fetch.ended()


def test_a_file_that_is_being_written_is_said_to_be() -> None:
    with pytest.raises(Changed, match="has 12 bytes now"):
        Fetch(_file(None), PEER).answered(200, {"Content-Length": "12"})


def test_damage_is_named() -> None:
    with pytest.raises(Damaged, match=r"a\.nxs arrived damaged"):
        Fetch(_file(), PEER).compare("0" * 64)


def test_a_digest_that_came_with_the_bytes_counts() -> None:
    fetch = Fetch(_file(None), PEER)
    fetch.answered(200, {"Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(SHA)).decode()}:"})
    assert fetch.compare(SHA) is True


# --- names ------------------------------------------------------------------------------------------------------------

HOSTILE = st.lists(
    st.one_of(
        st.text(alphabet='ab.A/\\: <>|?*"\x00\x1f', max_size=12),
        st.sampled_from(["../../etc/passwd", "/etc/passwd", "C:\\x", "con", "NUL.nxs", "a/../..", "..", "", "a.", "x" * 300, "é" * 200]),
        st.text(max_size=8).filter(lambda text: all(not 0xD800 <= ord(c) <= 0xDFFF for c in text)),
    ),
    max_size=12,
    unique=True,
)  # fmt: skip


@given(HOSTILE, st.booleans(), st.booleans())
def test_no_name_leaves_the_folder_and_no_two_are_one(names: list[str], windows: bool, caseless: bool) -> None:
    found = local_names(names, windows=windows, caseless=caseless)
    assert set(found) == set(names)
    keys = [str(path).casefold() if caseless else str(path) for path in found.values()]
    assert len(set(keys)) == len(keys)
    folders = {str(parent).casefold() if caseless else str(parent) for path in found.values() for parent in path.parents}
    assert not folders & set(keys), "a file cannot stand where a folder does"
    for path in found.values():
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert "\x00" not in str(path)
        assert path.parts
        assert all(len(part.encode()) <= 255 for part in path.parts)
    assert local_names(reversed(names), windows=windows, caseless=caseless) == found


def test_plain_names_stay_as_they_are() -> None:
    names = ["a.nxs", "A.nxs", "scan 12:30.h5", "raw/x.nxs", "con"]
    assert local_names(names, windows=False, caseless=False) == {name: PurePosixPath(name) for name in names}


def test_names_that_windows_keeps_for_itself() -> None:
    found = local_names(["con", "aux.nxs", "a:b", "trailing. "], windows=True, caseless=True)
    assert {str(path) for path in found.values()} == {"_con", "_aux.nxs", "a_b", "trailing_"}


def test_a_name_that_was_chosen_to_collide_does_not() -> None:
    mark = hashlib.sha256(b"a").hexdigest()[:12]
    found = local_names(["A", "a", f"A~{mark}"], windows=False, caseless=True)
    assert len({str(path).casefold() for path in found.values()}) == 3


def test_the_folder_says_whether_it_tells_a_from_b(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert ignores_case(tmp_path) == (tmp_path / "X").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


# --- conditions -------------------------------------------------------------------------------------------------------


def test_quantities_in_the_words_of_the_api() -> None:
    assert quantity("energy", ("10 keV", "20 keV")) == "energy:10..20 keV"
    assert quantity("energy", ("10", "20 keV")) == "energy:10..20 keV"
    assert quantity("energy", (None, 20.5)) == "energy:..20.5"
    assert quantity("energy", "12.4 keV") == "energy:12.4 keV"


@pytest.mark.parametrize("said", [("1 K", "2 eV"), ("1 K",), True, None])
def test_what_no_server_could_understand_is_refused_here(said: Any) -> None:
    with pytest.raises(ValueError, match="temperature"):
        quantity("temperature", said)


def test_an_instant_has_a_zone() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        conditions("", datetime(2026, 3, 1), None, None, {}, {})
    asked = conditions("CeO2", date(2026, 3, 1), datetime(2026, 3, 2, tzinfo=UTC), "-title", {"sample": ["a", "b"]}, {"t": 4})
    assert asked == {
        "text": "CeO2",
        "from": "2026-03-01",
        "to": "2026-03-02T00:00:00+00:00",
        "sort": "-title",
        "sample": ["a", "b"],
        "quantity": ["t:4"],
    }


# --- pages ------------------------------------------------------------------------------------------------------------


class _Source:
    def __init__(self, count: int) -> None:
        self.count, self.asked = count, list[tuple[int, int]]()

    def __call__(self, offset: int, limit: int) -> tuple[list[int], int]:
        self.asked.append((offset, limit))
        return list(range(self.count))[offset : offset + limit], self.count


@given(st.integers(0, 45), st.integers(1, 7), st.integers(-60, 60), st.integers(-60, 60))
def test_a_paged_list_is_a_list(count: int, page: int, start: int, stop: int) -> None:
    source = _Source(count)
    paged, plain = Paged(source, page), list(range(count))
    assert list(paged) == plain
    assert len(source.asked) == max(1, -(-count // page)), "no page is asked for twice, nor one too many"
    assert len(paged) == count
    assert paged[start:stop] == plain[start:stop]
    assert paged.first(3) == plain[:3]
    if -count <= start < count:
        assert paged[start] == plain[start]
    else:
        with pytest.raises(IndexError):
            paged[start]


def test_a_long_walk_keeps_few_pages() -> None:
    paged = Paged(_Source(1000), 10)
    assert sum(paged) == sum(range(1000))
    assert len(paged._pages) <= KEPT


def test_a_first_look_asks_for_no_more_than_it_shows() -> None:
    source = _Source(1000)
    assert "1,000 items" in repr(Paged(source, 100))
    assert source.asked == [(0, 20)]


def test_without_pandas_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from panmesh.client import Parameters

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        Parameters(()).to_pandas()
