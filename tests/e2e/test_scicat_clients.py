"""The released Python clients of SciCat against a running facility: scripts of beamlines work with nothing but their address changed."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyscicat.client
import pyscicat.model as model
import pytest
import scitacean
from PIL import Image
from scitacean import PID, Dataset, RemotePath, ScicatCommError
from scitacean.model import UploadAttachment, UploadDataFile, UploadDataset, UploadOrigDatablock, UploadSample

from panmesh.access.viewer import ANONYMOUS, OPERATOR
from panmesh.app.asgi import build
from panmesh.app.compose import Composition
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.query import DatasetQuery, QuantityRange
from panmesh.testing.simulator import write_run
from tests.conftest import MakeFacility
from tests.e2e.serving import served

PASSWORD = "a password of many signs"
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
SCHEDULE = (
    "proposal,visit,instrument,start,end,pi,members\nCM1,CM1-1,sim-powder,2026-03-02T07:00:00Z,2026-03-04T07:00:00Z,pi,member\n"
)


@dataclass
class Running:
    app: Composition
    url: str
    runs: Path


@pytest.fixture
def running(make_facility: MakeFacility, tmp_path: Path) -> Iterator[Running]:
    app = make_facility()
    app.schedule.load(OPERATOR, SCHEDULE, dry_run=False)
    app.accounts.create(login="ingestor", name="Ingestor", password=PASSWORD, steward=True)
    app.accounts.create(login="outsider", name="Outsider", password=PASSWORD)
    app.accounts.set_password("member", PASSWORD)
    with served(build(app, work=False)) as url:
        yield Running(app, url, tmp_path / "runs")


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (200, 30, 30)).save(file, "PNG")
    return file.getvalue()


def _pyscicat(running: Running, login: str = "ingestor") -> pyscicat.client.ScicatClient:
    return pyscicat.client.ScicatClient(f"{running.url}/api/v3", username=login, password=PASSWORD)


def _raw(**values: Any) -> model.RawDataset:
    said: dict[str, Any] = {
        "contactEmail": "contact@example.org", "creationTime": START.isoformat(), "owner": "Ada Example", "ownerGroup": "CM1", "type": model.DatasetType.raw,
        "sourceFolder": str(values.pop("folder", "/data/cm1")), "creationLocation": "/FAC/HALL/sim-powder", "principalInvestigator": "Ada Example",
        "datasetName": "Ceria at 300 K", "description": "a run that a script describes", "keywords": ["oxide", "powder"], "proposalId": "CM1",
        "scientificMetadata": {"temperature": {"value": 300, "unit": "K"}, "detector": {"distance": {"value": 0.2, "unit": "m"}}, "operator note": "fine"},
        "techniques": [{"pid": "http://purl.org/pan-science/PaNET/PaNET01101", "name": "x-ray powder diffraction"}],
    }  # fmt: skip
    return model.RawDataset(**(said | values))


def test_pyscicat_pushes_lists_attaches_reads_patches_finds_and_deletes(running: Running, tmp_path: Path) -> None:
    client = _pyscicat(running)
    sent = _raw()
    pid = client.datasets_create(sent)
    back = client.datasets_get_one(pid)
    assert back is not None
    posted = sent.model_dump(exclude_none=True)
    assert {name: back[name] for name in posted if name != "isPublished"} == {
        name: value for name, value in posted.items() if name != "isPublished"
    }

    files = [model.DataFile(path=f"scan_{i}.nxs", size=100 + i, time=START.isoformat()) for i in range(3)]
    block = model.CreateDatasetOrigDatablockDto(size=303, dataFileList=files)
    assert client.datasets_origdatablock_create(pid, block)["datasetId"] == pid
    more = model.CreateDatasetOrigDatablockDto(size=7, dataFileList=[model.DataFile(path="log.txt", size=7)])
    client.datasets_origdatablock_create(pid, more)
    blocks = client.datasets_origdatablocks_get_one(pid)
    assert blocks is not None
    assert [[one["path"] for one in b["dataFileList"]] for b in blocks] == [[f"scan_{i}.nxs" for i in range(3)], ["log.txt"]]
    again = client.datasets_get_one(pid)
    assert again is not None
    assert (again["numberOfFiles"], again["size"]) == (4, 310)

    picture = tmp_path / "p.png"
    picture.write_bytes(_picture())
    thumbnail = pyscicat.client.encode_thumbnail(picture, "png")
    attached = client.datasets_attachment_create(
        model.Attachment(datasetId=pid, thumbnail=thumbnail, caption="a look", ownerGroup="CM1")
    )
    assert attached["thumbnail"] == thumbnail

    assert client.datasets_update(_raw(datasetName="Ceria at 310 K"), pid) == pid
    for found in (
        client.datasets_find(query_fields={"text": "ceria"}),
        client.datasets_find(query_fields={"proposalId": "CM1"}),
        client.datasets_find(query_fields={"keywords": ["oxide"]}, limit=5),
        client.datasets_get_many({"datasetName": "Ceria at 310 K"}),
        client.datasets_get_many({"datasetName": {"like": "310"}}),
        client.datasets_get_many({"owner": "Ada Example"}),
    ):
        assert found is not None
        assert [one["pid"] for one in found] == [pid]
    assert client.datasets_find(query_fields={"proposalId": "CM2"}) == []
    assert client.datasets_find(query_fields={"text": "zirconia"}) == []

    summary = running.app.search.get(OPERATOR, pid).summary
    assert (summary.title, summary.visit_id, summary.proposal) == ("Ceria at 310 K", "CM1-1", "CM1")
    warm = QuantityRange("temperature", 20.0, 30.0, "degC")
    assert running.app.search.count(OPERATOR, DatasetQuery(where=warm)) == 1

    client.datasets_delete(pid)
    with pytest.raises(pyscicat.client.ScicatCommError):
        client.datasets_get_one(pid)
    assert client.datasets_find() == []


def test_pyscicat_brings_samples_instruments_and_proposals(running: Running) -> None:
    client = _pyscicat(running)
    assert client.samples_create(model.Sample(sampleId="s1", ownerGroup="CM1", description="ceria", owner="Ada Example")) == "s1"
    assert client.samples_get_one("s1")["description"] == "ceria"  # type: ignore[index]
    assert client.samples_update(model.Sample(sampleId="s1", ownerGroup="CM1", description="ceria, annealed")) == "s1"
    assert client.samples_get_one("s1")["description"] == "ceria, annealed"  # type: ignore[index]
    with pytest.raises(pyscicat.client.ScicatCommError):
        client.samples_create(model.Sample(sampleId="s1", ownerGroup="CM1", description="another"))
    assert client.instruments_create(model.Instrument(pid="fac/powder", name="sim-powder")) == "fac/powder"
    assert client.instruments_get_one("fac/powder")["name"] == "sim-powder"  # type: ignore[index]
    assert client.instruments_get_one(name="sim-pow")["pid"] == "fac/powder"  # type: ignore[index]
    proposal = model.Proposal(proposalId="20.500/p 1", ownerGroup="CM1", email="a@example.org", title="A proposal")
    assert client.proposals_create(proposal) == "20.500/p 1"
    assert client.proposals_get_one("20.500/p 1")["title"] == "A proposal"  # type: ignore[index]
    pid = client.datasets_create(_raw(pid="20.500/a b+c", instrumentId="fac/powder", sampleId="s1", creationLocation="/x"))
    assert pid == "20.500/a b+c"
    back = client.datasets_get_one(pid)
    assert back is not None
    assert (back["instrumentId"], back["sampleId"]) == ("fac/powder", "s1")
    assert running.app.search.get(OPERATOR, pid).summary.instrument_key == "sim-powder"


def test_a_wrong_password_a_wrong_token_and_a_pid_that_is_taken(running: Running) -> None:
    with pytest.raises(pyscicat.client.ScicatLoginError):
        pyscicat.client.ScicatClient(f"{running.url}/api/v3", username="ingestor", password="wrong")
    stranger = pyscicat.client.ScicatClient(f"{running.url}/api/v3", token="pmt_wrong")
    with pytest.raises(pyscicat.client.ScicatCommError):
        stranger.datasets_create(_raw())
    client = _pyscicat(running)
    client.datasets_create(_raw(pid="20.500/one"))
    assert client.datasets_create(_raw(pid="20.500/one")) == "20.500/one"  # the very same once more
    with pytest.raises(pyscicat.client.ScicatCommError):
        client.datasets_create(_raw(pid="20.500/one", datasetName="another"))
    outsider = _pyscicat(running, "outsider")
    with pytest.raises(pyscicat.client.ScicatCommError):
        outsider.datasets_create(_raw())
    with pytest.raises(pyscicat.client.ScicatCommError):
        outsider.datasets_update(_raw(), "20.500/one")
    with pytest.raises(pyscicat.client.ScicatCommError):
        outsider.datasets_delete("20.500/one")


def test_a_member_of_the_team_pushes_into_the_own_visit_and_nobody_opens_anything_by_saying_so(running: Running) -> None:
    client = _pyscicat(running, "member")
    pid = client.datasets_create(_raw(isPublished=True))
    assert client.datasets_get_one(pid)["isPublished"] is False  # type: ignore[index]
    with pytest.raises(pyscicat.client.ScicatCommError):
        client.datasets_create(_raw(proposalId="CM9", ownerGroup="CM9"))
    assert running.app.search.count(ANONYMOUS, DatasetQuery()) == 1  # under embargo: that it is there
    public = httpx.get(f"{running.url}/api/v4/datasets/public/{pid}").json()
    assert "scientificMetadata" not in public
    assert "owner" not in public


def _scitacean(running: Running, login: str | None = "ingestor") -> scitacean.Client:
    if login is None:
        return scitacean.Client.without_login(url=f"{running.url}/api/v3", allow_http=True)
    return scitacean.Client.from_credentials(url=f"{running.url}/api/v3", username=login, password=PASSWORD, allow_http=True)


def _upload(**values: Any) -> UploadDataset:
    said: dict[str, Any] = {
        "contactEmail": "contact@example.org", "creationTime": START, "owner": "Ada Example", "ownerGroup": "CM1", "sourceFolder": RemotePath("/data/cm1"),
        "type": "raw", "creationLocation": "sim-powder", "datasetName": "Ceria, by scitacean", "principalInvestigators": ["Ada Example"],
        "proposalIds": ["CM1"], "scientificMetadata": {"temperature": {"value": 300.0, "unit": "K"}}, "keywords": ["oxide"],
    }  # fmt: skip
    return UploadDataset(**(said | values))


def test_scitacean_low_level_calls(running: Running) -> None:
    low = _scitacean(running).scicat
    sent = _upload()
    low.validate_dataset_model(sent)
    made = low.create_dataset_model(sent)
    assert made.pid is not None
    assert made.datasetName == "Ceria, by scitacean"
    block = low.create_orig_datablock(
        UploadOrigDatablock(
            datasetId=made.pid, size=5, chkAlg="md5", dataFileList=[UploadDataFile(path="a.nxs", size=5, time=START, chk="00")]
        )
    )
    assert block.datasetId == made.pid
    thumbnail = scitacean.Thumbnail(mime="image/png", data=base64.b64encode(_picture()))
    relation = {"targetId": made.pid, "targetType": "dataset"}
    low.create_attachment(UploadAttachment(caption="look", ownerGroup="CM1", relationships=[relation], thumbnail=thumbnail))
    back = low.get_dataset_model(made.pid, strict_validation=True, attachments=True, datablocks=True)
    assert (back.numberOfFiles, back.size) == (1, 5)
    assert back.attachments is not None
    assert back.attachments[0].caption == "look"
    assert back.origdatablocks is not None
    assert back.scientificMetadata == sent.scientificMetadata
    assert [one.pid for one in low.query_datasets({"proposalIds": ["CM1"]})] == [made.pid]
    assert low.query_datasets({"proposalIds": ["CM1"], "datasetName": "Ceria"}) == []
    assert len(low.query_datasets({"datasetName": "Ceria, by scitacean"}, limit=5, order="creationTime:desc")) == 1
    sample = low.create_sample_model(
        UploadSample(sampleName="ceria", ownerGroup="CM1", owner="Ada Example", description="ceria powder")
    )
    assert low.get_sample_model(str(sample.sampleId)).description == "ceria powder"
    assert "sim-powder" in [one.name for one in low.get_all_instrument_models()]
    with pytest.raises(ScicatCommError):
        low.get_dataset_model(PID.parse("20.500/nothing"))
    with pytest.raises(ScicatCommError):
        _scitacean(running, None).scicat.get_dataset_model(PID.parse("20.500/nothing"))


def test_scitacean_uploads_a_dataset_whose_file_is_in_our_storage_and_it_is_one_dataset(running: Running, tmp_path: Path) -> None:
    """Before the file was read, and after: title and quantities of the script, plot and quantities of the file."""
    for number, read_first in ((1, False), (2, True)):
        file = write_run(running.runs, number, START)
        if read_first:
            scan_tree(running.app, "runs", "")
            ingest_until_done(running.app)
        low = _scitacean(running).scicat
        made = low.create_dataset_model(
            _upload(
                datasetName=f"run {number}",
                sourceFolder=RemotePath(str(running.runs)),
                scientificMetadata={"ring current": {"value": 1.0, "unit": "A"}},
            )
        )
        assert made.pid is not None
        low.create_orig_datablock(
            UploadOrigDatablock(
                datasetId=made.pid,
                size=file.stat().st_size,
                dataFileList=[UploadDataFile(path=file.name, size=file.stat().st_size, time=START)],
            )
        )
        if not read_first:
            scan_tree(running.app, "runs", "")
            ingest_until_done(running.app)
        assert running.app.search.count(OPERATOR, DatasetQuery()) == number
        summary = running.app.search.get(OPERATOR, str(made.pid)).summary
        assert (summary.title, summary.has_plot, summary.visit_id) == (f"run {number}", True, "CM1-1")
        assert {"ring current", "temperature"} <= {one.name for one in summary.parameters}
        back = low.get_dataset_model(made.pid, datablocks=True)
        assert back.datasetName == f"run {number}"
        assert back.numberOfFiles == 1


def test_scitacean_dataset_as_users_write_it(running: Running) -> None:
    dataset = Dataset(
        type="raw", contact_email="contact@example.org", creation_time=START, owner="Ada Example", owner_group="CM1", creation_location="sim-powder",
        name="With meta", source_folder=RemotePath("/data/cm1"), proposal_ids=["CM1"], principal_investigators=["Ada Example"],
        meta={"temperature": {"value": 280, "unit": "K"}},
    )  # fmt: skip
    client = _scitacean(running)
    made = client.upload_new_dataset_now(dataset)
    assert made.pid is not None
    back = client.get_dataset(made.pid)
    assert (back.name, back.meta["temperature"]["value"]) == ("With meta", 280)
