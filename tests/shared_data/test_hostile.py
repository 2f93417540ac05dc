"""Every malformed or hostile file there is becomes a result: nothing crashes, hangs, leaks or grows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from panmesh.adapters.hdf5 import SandboxedReader
from panmesh.ingest.facts import FileFacts, FileFormat, ReadState
from panmesh.ingest.facts_codec import to_plain
from panmesh.ingest.profile import Profile
from panmesh.ingest.reader import ReadLimits, ReadRequest
from panmesh.kernel.errors import Unavailable

pytestmark = [pytest.mark.shared_data, pytest.mark.xdist_group("hostile")]

LIMITS = ReadLimits(seconds=10.0)


@dataclass(frozen=True)
class Outcome:
    facts: dict[str, FileFacts]  # by path below the folder of hostile files
    said: dict[str, bytes]  # everything that came back, previews and refusals included
    slowest: float  # seconds between two results
    peak: int  # bytes of resident memory of the largest child


@pytest.fixture(scope="module")
def outcome(shared_data: Path) -> Iterator[Outcome]:
    root = shared_data / "hostile"
    files = sorted(p for p in root.rglob("*") if p.is_file())
    reader = SandboxedReader(LIMITS)
    try:
        facts, said, slowest, last = {}, {}, 0.0, time.monotonic()
        for request, found in reader.read_many([ReadRequest(path=p, folder=p.parent, profile=Profile()) for p in files]):
            name = str(request.path.relative_to(root))
            facts[name], said[name] = found, orjson.dumps(to_plain(found))
            slowest, last = max(slowest, time.monotonic() - last), time.monotonic()
        for name, found in facts.items():
            for entry in found.entries[:3]:
                if entry.plot is not None:
                    said[name] += _preview(reader, root / name, entry.plot)
        yield Outcome(facts=facts, said=said, slowest=slowest, peak=reader.peak)
    finally:
        reader.close()


def _preview(reader: SandboxedReader, path: Path, plot: object) -> bytes:
    try:
        return orjson.dumps(to_plain(reader.preview(path, plot)))  # type: ignore[arg-type]
    except Unavailable as refusal:
        return str(refusal).encode()


def test_all_248_files_have_a_result_with_at_least_one_entry(outcome: Outcome) -> None:
    table = Counter((name.split("/")[0], facts.state.value) for name, facts in outcome.facts.items())
    for (group, state), count in sorted(table.items()):
        print(f"{group:12} {state:12} {count:4}")
    assert len(outcome.facts) == 248
    assert all(facts.entries for facts in outcome.facts.values())


def test_no_file_takes_longer_than_the_deadline_nor_more_memory_than_allowed(outcome: Outcome) -> None:
    print(f"slowest {outcome.slowest:.2f} s, largest child {outcome.peak / 1e6:.0f} MB")
    assert outcome.slowest < LIMITS.seconds + 2
    assert 0 < outcome.peak < LIMITS.memory


def test_no_byte_of_a_file_outside_its_folder_comes_back(outcome: Outcome) -> None:
    said = outcome.said["generated/extstorage_leak_etc_passwd.h5"]
    assert b"/etc/passwd" in said  # it is told what the file asks for …
    assert not [name for name, text in outcome.said.items() if b"root:x:0:0" in text]  # … and never gets it


def test_every_failure_says_why_and_what_to_do(outcome: Outcome) -> None:
    failed = {name: facts for name, facts in outcome.facts.items() if facts.state is ReadState.FAILED}
    assert failed
    for name, facts in failed.items():
        assert facts.problems[0].what, name
        assert facts.advice, name
        assert "(exit 1)" not in facts.problems[0].what, name  # our own fault, not the file's


def test_odd_but_legal_files_are_read(outcome: Outcome) -> None:
    for name, facts in outcome.facts.items():
        if name.startswith("odd-valid/"):
            assert facts.state in (ReadState.READ, ReadState.PARTLY), name


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("real-odd/hdf4-named-h5_nxext.h5", FileFormat.HDF4),
        ("real-odd/git-lfs-pointer_amor2025n005952.hdf", FileFormat.GIT_LFS),
        ("real-odd/utf8-mangled_pl_savu_30.nxs", FileFormat.MANGLED),
        ("real-odd/xml_TestExtensions.nxs", FileFormat.XML),
        ("real-odd/zero-filled_mli01122.nxs.pbr", FileFormat.ZEROS),
        ("generated/truncated_dmc01_0B.h5", FileFormat.EMPTY),
    ],
)
def test_files_that_are_not_hdf5_are_stored_and_named(outcome: Outcome, name: str, format: FileFormat) -> None:
    assert (outcome.facts[name].state, outcome.facts[name].format) == (ReadState.STORED, format)
    assert outcome.facts[name].advice


@pytest.mark.parametrize("cut", ["10pct", "50pct", "90pct", "99pct", "minus1byte"])
def test_an_interrupted_transfer_is_told_with_both_sizes(outcome: Outcome, cut: str) -> None:
    facts = outcome.facts[f"generated/truncated_dmc01_{cut}.h5"]
    assert facts.state is ReadState.FAILED
    assert "cut short" in facts.problems[0].what
    assert "29,488" in facts.problems[0].what


@pytest.mark.parametrize("name", ["polyglot_html_userblock.h5", "polyglot_zip_prefix.h5", "trailing_garbage.h5", "dates_zoo.h5"])
def test_files_in_disguise_are_read_as_what_they_are(outcome: Outcome, name: str) -> None:
    assert outcome.facts[f"generated/{name}"].state is ReadState.READ


@pytest.mark.parametrize(
    ("name", "groups"),
    [("dag_3pow39_paths.h5", 42), ("loop_hardlinks.h5", 4), ("loop_softlinks.h5", 2), ("many_2000_nxentry.h5", 2001)],
)
def test_every_object_is_seen_once_however_many_paths_lead_to_it(outcome: Outcome, name: str, groups: int) -> None:
    counts = outcome.facts[f"generated/{name}"].counts
    assert counts is not None
    assert abs(counts["group"] - groups) <= 1


@pytest.mark.parametrize("name", ["wide_20000_links.h5", "deep_2000_groups.h5"])
def test_a_limit_that_ended_the_walk_is_named(outcome: Outcome, name: str) -> None:
    facts = outcome.facts[f"generated/{name}"]
    assert facts.state is ReadState.PARTLY
    assert any("not looked at" in problem.what or "deep" in problem.what for problem in facts.problems)


@pytest.mark.parametrize("name", ["bomb_title_2GiB_string_type.h5", "bomb_title_50MB_compressed.h5"])
def test_a_title_of_gigabytes_is_not_read_and_the_rest_is(outcome: Outcome, name: str) -> None:
    facts = outcome.facts[f"generated/{name}"]
    assert facts.state is ReadState.PARTLY
    assert len(outcome.said[f"generated/{name}"]) < 20_000


def test_metadata_do_not_need_the_filters_of_the_data(outcome: Outcome) -> None:
    assert outcome.facts["generated/filter_plugins_needed.h5"].state is ReadState.READ
    name = "generated/filter_unknown_32099.h5"
    assert outcome.facts[name].state in (ReadState.READ, ReadState.PARTLY)
    assert b"32099" in outcome.said[name]


def test_what_virtual_and_raw_datasets_point_at_is_listed(outcome: Outcome) -> None:
    kinds = {r.kind for r in outcome.facts["generated/vds_escape.h5"].references}
    assert kinds == {"virtual"}
    assert {r.kind for r in outcome.facts["generated/extstorage_leak_etc_passwd.h5"].references} == {"raw"}
    assert {r.kind for r in outcome.facts["generated/extlink_escape.h5"].references} == {"link"}


def test_files_open_for_writing_are_read_and_said_to_grow(outcome: Outcome) -> None:
    growing = [name for name, facts in outcome.facts.items() if name.startswith("real-odd/open-for-write") and facts.growing]
    assert growing
