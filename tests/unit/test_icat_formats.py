"""ICAT's two formats say the same; and files that mean harm do none."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from panmesh.adapters.catalogues.icat_files import read_icat_files
from panmesh.catalogue.imported import ImportedDataset, ImportedDocument, Rejected
from panmesh.kernel.errors import Invalid
from panmesh.wire.icat import decoded
from panmesh.wire.icat_xml import read_xml
from panmesh.wire.icat_yaml import read_yaml
from panmesh.wire.loose import instant

VISIT = """
<icatdata><data>
  <user id="u"><name>db/ada</name><fullName>Ada Example</fullName></user>
  <parameterType id="t"><name>Temperature</name><units>K</units></parameterType>
</data><data>
  <investigation id="inv">
    <name>P-1</name><visitId>2</visitId><title>Steel</title><summary>About steel</summary>
    <startDate>2020-01-01T00:00:00+00:00</startDate><endDate>2020-01-03T00:00:00+00:00</endDate>
    <releaseDate>2023-01-04T00:00:00+00:00</releaseDate>
    <investigationUsers><role>Principal Investigator</role><user ref="u"/></investigationUsers>
  </investigation>
  <dataset id="ds">
    <name>run1</name><investigation ref="inv"/>
    <parameters><numericValue>5</numericValue><rangeBottom>4</rangeBottom><rangeTop>6</rangeTop><type ref="t"/></parameters>
  </dataset>
  <datafile><name>a.nxs</name><location>/there/a.nxs</location><fileSize>12</fileSize>
    <checksum>sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855</checksum><dataset ref="ds"/></datafile>
</data></icatdata>
"""


def test_an_investigation_is_a_visit_with_its_team_and_its_day(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text(VISIT)
    visit, dataset = read_icat_files([tmp_path / "x.xml"], "here")
    assert isinstance(visit, ImportedDocument)
    assert (visit.pid, visit.proposal, visit.visit_id, visit.title) == ("icat:here:P-1:2", "P-1", "2", "Steel")
    assert visit.access.team == visit.pid
    assert visit.access.opens_us == visit.release_us == instant("2023-01-04T00:00:00Z")
    assert [(m.role, m.person and m.person.login) for m in visit.members] == [("Principal Investigator", "db/ada")]
    assert isinstance(dataset, ImportedDataset)
    assert (dataset.pid, dataset.investigation, dataset.access.public) == ("icat:here:P-1:2:run1", visit.pid, False)
    [p] = dataset.parameters
    assert (p.name, p.value, p.unit, p.minimum, p.maximum) == ("Temperature", 5.0, "K", 4.0, 6.0)
    [f] = dataset.files
    assert (f.name, f.path, f.size, f.sha256 is not None) == ("a.nxs", "/there/a.nxs", 12, True)


def test_a_key_of_icatdump_says_what_it_is_made_of() -> None:
    key = "Dataset_investigation-(facility-(name-ESNF)_name-12100409=2DST_visitId-1=2E1=2DP)_name-Universit=C3=A9=20=5F1"
    assert decoded(key) == {"investigation": {"name": "12100409-ST", "visitId": "1.1-P"}, "name": "Université _1"}
    assert decoded("Dataset_002") == {}


BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><icatdata><data><user id="u"><name>&c;</name></user></data></icatdata>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><icatdata><data><user><name>&f;</name></user></data></icatdata>"""


@pytest.mark.parametrize(
    "text", [BOMB, OUTSIDE, b"", b"<a><b></a>", b"\x00", b"<a>" * 10_000, b"<icatdata><data>" + b"<x>" * 1000], ids=str
)
def test_xml_that_means_harm_is_refused(text: bytes) -> None:
    with pytest.raises(Invalid):
        list(read_xml(io.BytesIO(text)))


LAUGHS = b"a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b]\nd: [*c, *c, *c]\n"


@pytest.mark.parametrize(
    "text",
    [LAUGHS, b"a: &a\n  b: *a\n", b"a: [", b"\x00", b"[" * 5000, b"a: " + b"{b: " * 5000, b"\xff\xfe\xff"],
    ids=["laughs", "recursion", "broken", "nul", "deep lists", "deep mappings", "no text"],
)
def test_yaml_that_means_harm_is_refused(text: bytes) -> None:
    with pytest.raises(Invalid):
        list(read_yaml(io.BytesIO(text)))


def test_yaml_makes_no_objects_of_its_own() -> None:
    [part] = read_yaml(io.BytesIO(b"user:\n  u: !!python/object/apply:os.system ['false']\n  v: {name: 012, x: ~, y: '~'}\n"))
    assert part == {"user": {"u": {"name": ["false"]}, "v": {"name": "012", "x": None, "y": "~"}}}


def test_odd_shapes_do_not_crash(tmp_path: Path) -> None:
    odd = tmp_path / "odd.yaml"
    odd.write_text(
        "investigation: {a: 1, b: [x], c: {name: N, investigationUsers: [{role: r}, 7], keywords: k, parameters: {type: t}}}\n"
        "dataset: {d: {name: n, investigation: {name: N}, sample: 7, datafiles: [x, {name: f}], parameters: [{type: {}}]}, e: ~}\n"
        "dataPublication: {p: {pid: q, content: {}, users: x, subjects: y}}\ninstrument: [1, 2]\n---\n- 7\n---\nx\n"
    )
    found = list(read_icat_files([odd], "here"))
    assert {type(r) for r in found} >= {ImportedDataset, ImportedDocument, Rejected}


def test_a_folder_with_one_bad_file_gives_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<broken")
    (tmp_path / "b.xml").write_text(VISIT)
    bad, *good = read_icat_files([tmp_path], "here")
    assert isinstance(bad, Rejected)
    assert (bad.kind, bad.pid, len(good)) == ("file", "a.xml", 2)
    with pytest.raises(Invalid, match="ends neither"):
        list(read_icat_files([tmp_path / "x.txt"], "here"))


def test_ten_megabytes_of_one_value_take_no_time(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text(VISIT.replace("Steel", "s" * 10_000_000))
    started = time.monotonic()
    assert len(list(read_icat_files([tmp_path / "x.xml"], "here"))) == 2
    assert time.monotonic() - started < 20
