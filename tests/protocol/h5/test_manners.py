"""What an answer says besides its bytes; kinds of values that JSON and typed arrays know nothing of; files as they come out."""

from __future__ import annotations

import gzip
import io
import math
import time

import h5py
import numpy as np
import pyarrow as pa
import pytest
import tifffile
from PIL import Image

from tests.protocol.conftest import PIDS
from tests.protocol.h5.conftest import Runs

IMAGE = (np.arange(512 * 600) // 30).astype("<u2").reshape(512, 600)


@pytest.fixture
def zoo(runs: Runs) -> Runs:
    """Everything that files hold, in one."""
    with h5py.File(runs.folder("open") / "zoo.nxs", "w") as file:
        file["image"] = IMAGE
        file.create_dataset("packed", data=IMAGE, chunks=(64, 600), compression="gzip", shuffle=True)
        file.create_dataset("chunked", data=IMAGE, chunks=(256, 600))
        file["stack"] = np.arange(24.0).reshape(2, 3, 4)
        file["big"] = IMAGE.astype(">i4")
        file["half"] = np.array([1.5, np.nan, np.inf], dtype="f2")
        file["long"] = np.array([1.5, 2.5], dtype=np.longdouble)
        file["not"] = np.array([1.0, np.nan, -np.inf])
        file["bool"] = np.array([True, False])
        file["complex"] = np.array([1 + 2j, 3 - 4j])
        file["scalar"] = np.int64(2**62)
        file["text"] = "Ångström"
        file["texts"] = np.array(["a", "é", ""], dtype=h5py.string_dtype())
        file["latin"] = np.array([b"\xc5ngstr\xf6m"], dtype="S10")
        file["enum"] = np.array([0, 1], dtype=h5py.enum_dtype({"open": 0, "shut": 1}, basetype="i1"))
        file["compound"] = np.array([(1, 2.5, b"x")], dtype=[("n", "i4"), ("v", "f8"), ("s", "S3")])
        file["vlen"] = np.array([np.arange(3), np.arange(1)], dtype=h5py.vlen_dtype("i4"))
        file["reference"] = np.array([file["image"].ref], dtype=h5py.ref_dtype)
        file["opaque"] = np.void(b"\x00\xff\x01")
        file["type"] = np.dtype("f4")
        file["nothing"] = h5py.Empty("f4")
        file.create_dataset("unlimited", shape=(0, 5), maxshape=(None, 5), dtype="f4", chunks=(1, 5))
        file["image"].attrs.update({"units": "counts", "nan": np.nan, "empty": h5py.Empty("f4"), "many": np.arange(3)})
    runs.put("open", "zoo.nxs")
    return runs


def test_values_of_every_kind_come_as_json(zoo: Runs) -> None:
    expected = {
        "half": [1.5, None, None], "long": [1.5, 2.5], "not": [1.0, None, None], "bool": [True, False], "complex": [[1.0, 2.0], [3.0, -4.0]],
        "scalar": 2**62, "text": "Ångström", "texts": ["a", "é", ""], "latin": ["\ufffdngstr\ufffdm"], "enum": [0, 1],
        "compound": [[1, 2.5, "x"]], "vlen": [[0, 1, 2], [0]], "unlimited": [],
    }  # fmt: skip
    for name, value in expected.items():
        answer = zoo.get("open", "data", path=f"/{name}")
        assert (answer.status_code, answer.json()) == (200, value), name
    assert zoo.get("open", "data", path="/reference").status_code == 200
    assert zoo.get("open", "data", path="/opaque", format="bin").content == b"\x00\xff\x01"
    assert zoo.get("open", "attr", path="/image").json() == {"units": "counts", "nan": None, "empty": None, "many": [0, 1, 2]}
    assert zoo.get("open", "attr", path="/image", attr_keys=["units", "many"]).json() == {"units": "counts", "many": [0, 1, 2]}
    assert zoo.get("open", "attr", path="/image", attr_keys="colour").status_code == 404
    for name in ("texts", "vlen", "reference"):  # their bytes are addresses in a memory
        assert zoo.get("open", "data", path=f"/{name}", format="bin").status_code == 422, name
    kinds = {child["name"]: child["kind"] for child in zoo.get("open", "meta").json()["children"]}
    assert {kinds["image"], kinds["type"]} == {"dataset", "datatype"}


def test_safe_types_are_those_of_typed_arrays(zoo: Runs) -> None:
    for name, dtype in {"half": "<f4", "long": "<f8", "big": "<i4", "image": "<u2", "scalar": "<i8"}.items():
        answer = zoo.get("open", "data", path=f"/{name}", format="bin", dtype="safe")
        with h5py.File(zoo.folder("open") / "zoo.nxs") as file:
            assert answer.content == np.asarray(file[name][()]).astype(dtype).tobytes(), name


def test_bytes_are_the_same_from_the_file_from_a_chunk_and_from_memory(zoo: Runs) -> None:
    for name in ("image", "packed", "chunked"):
        for selection in ("", "10", "0:256", "256:512", "200:300", "10:100,5:20", "::2", "3:4,:", "511"):
            answer = zoo.get(
                "open", "data", path=f"/{name}", format="bin", selection=selection, headers={"Accept-Encoding": "identity"}
            )
            index = eval(f"np.s_[{selection or ':'}]", {"np": np})
            assert answer.content == IMAGE[index].tobytes(), (name, selection)
            assert int(answer.headers["content-length"]) == len(answer.content)


def test_answers_are_made_smaller_where_that_pays_and_for_those_who_take_it(zoo: Runs) -> None:
    def ask(encoding: str, path: str = "/image") -> tuple[str | None, bytes, str]:
        answer = zoo.get("open", "data", path=path, format="bin", headers={"Accept-Encoding": encoding})
        assert "Accept-Encoding" in answer.headers["vary"]
        return answer.headers.get("content-encoding"), answer.content, answer.headers["etag"]

    plain = ask("identity")
    packed = {encoding: ask(encoding) for encoding in ("gzip", "gzip, zstd;q=0", "gzip, br;q=1", "*")}
    assert [one[0] for one in packed.values()][:3] == ["gzip"] * 3
    assert all(gzip.decompress(one[1]) == plain[1] if one[1][:2] == b"\x1f\x8b" else True for one in packed.values())
    assert len({plain[2], *(one[2] for one in packed.values())}) == 3  # another encoding is another form
    for path in ("/image", "/packed"):
        assert ask("gzip;q=0", path)[0] is None
        assert gzip_or_plain(ask("gzip", path)[1]) == plain[1]
    encoding, body, _ = ask("zstd, gzip")
    assert encoding == "zstd"
    assert body == plain[1] or pa.decompress(body, decompressed_size=len(plain[1]), codec="zstd", asbytes=True) == plain[1]
    with h5py.File(zoo.folder("open") / "noise.h5", "w") as file:
        file["data"] = np.frombuffer(np.random.default_rng(1).bytes(200_000), dtype="u1")
    zoo.put("open", "noise.h5")
    assert ask("zstd, gzip", "/data")[0] is None


def gzip_or_plain(body: bytes) -> bytes:
    """The test's client may have unpacked it already."""
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def test_what_a_client_has_is_not_sent_again_until_it_changes(zoo: Runs) -> None:
    asked = {"path": "/image", "format": "bin", "selection": "5"}
    first = zoo.get("open", "data", **asked)
    assert first.headers["cache-control"] == "public, max-age=60"
    again = zoo.get("open", "data", **asked, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (
        zoo.get("open", "data", **(asked | {"selection": "6"}), headers={"If-None-Match": first.headers["etag"]}).status_code
        == 200
    )
    assert zoo.get("open", "data", "pi", **asked).headers["cache-control"] == "private, max-age=60"
    with h5py.File(zoo.folder("open") / "zoo.nxs", "r+") as file:
        file["image"][5] = 7
    changed = zoo.get("open", "data", **asked, headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.content) == (200, np.full(600, 7, dtype="<u2").tobytes())


def test_head_says_what_get_would_without_a_body(zoo: Runs) -> None:
    for what, given in (
        ("meta", {}),
        ("data", {"path": "/image", "format": "bin"}),
        ("data", {"path": "/packed", "format": "npy"}),
    ):
        got, head = (zoo.get("open", what, **given, method=method) for method in ("GET", "HEAD"))
        assert head.content == b""
        assert dict(head.headers) == dict(got.headers)
    assert zoo.get("open", "data", path="/absent", method="HEAD").status_code == 404


def test_files_come_out_under_telling_names(zoo: Runs) -> None:
    for form, read in (
        ("npy", lambda b: np.load(io.BytesIO(b))),
        ("csv", lambda b: np.loadtxt(io.BytesIO(b), delimiter=",")),
        ("tiff", lambda b: tifffile.imread(io.BytesIO(b))),
    ):
        answer = zoo.get("open", "export", path="/image", format=form, selection="0:9")
        assert f'filename="zoo_image_0-9.{form}"' in answer.headers["content-disposition"]
        assert np.array_equal(read(answer.content), IMAGE[0:9]), form
    assert zoo.get("open", "export", path="/stack", format="csv").status_code == 422
    assert zoo.get("open", "export", path="/complex", format="tiff").status_code == 422
    assert np.load(io.BytesIO(zoo.get("open", "export", path="/complex").content))[1] == 3 - 4j
    answer = zoo.get("open", "export", path="/image", format="png", width=300)
    assert (answer.headers["content-type"], Image.open(io.BytesIO(answer.content)).size) == ("image/png", (300, 256))


def test_each_kind_of_value_is_a_table_that_reads_back(zoo: Runs) -> None:
    with h5py.File(zoo.folder("open") / "zoo.nxs", "r+") as file:
        file["exact"] = np.array([2**63 - 1, -(2**63)])
        file["tenth"] = np.array([[0.1, np.nan], [-np.inf, 1e-300]])
        file["short"] = np.array([0.1], dtype="f4")
        file["records"] = np.array(
            [(1, 0.5, b"Si, (111)"), (2, 1.5, b"Ge")], dtype=[("n", "i4"), ("x", "f8"), ("crystal", "S10")]
        )
    for path, told in (
        ("/exact", "9223372036854775807\n-9223372036854775808\n"),
        ("/tenth", "0.1,nan\n-inf,1e-300\n"),
        ("/short", "0.1\n"),
        ("/bool", "1\n0\n"),
        ("/scalar", f"{2**62}\n"),
        ("/text", "Ångström\n"),
        ("/texts", 'a\né\n""\n'),
        ("/complex", "(1+2j)\n(3-4j)\n"),
        ("/records", 'n,x,crystal\n1,0.5,"Si, (111)"\n2,1.5,Ge\n'),
    ):
        answer = zoo.get("open", "export", path=path, format="csv")
        assert (answer.status_code, answer.text) == (200, told), path
    for path in ("/records", "/latin", "/scalar"):
        answer = zoo.get("open", "export", path=path)
        with h5py.File(zoo.folder("open") / "zoo.nxs") as file:
            assert np.array_equal(np.load(io.BytesIO(answer.content)), file[path][()]), path


@pytest.mark.parametrize("path", ["/big", "/"])
def test_the_other_byte_order_reads_as_json(zoo: Runs, path: str) -> None:
    with h5py.File(zoo.folder("open") / "zoo.nxs", "r+") as file:
        file.attrs["offsets"] = np.array([1.5, 2.5], dtype=">f8")
    if path == "/":
        assert zoo.get("open", "attr", path=path).json()["offsets"] == [1.5, 2.5]
    else:
        assert zoo.get("open", "data", path=path, selection="511,590:").json() == IMAGE[511, 590:].tolist()


@pytest.mark.parametrize(
    ("path", "form", "why"),
    [
        ("/not", "tiff", "Tiff holds images, of two dimensions or more, and this has 1: ask for npy or csv."),
        ("/scalar", "tiff", "Tiff holds images, of two dimensions or more, and this has 0: ask for npy or csv."),
        ("/latin", "tiff", "Tiff holds no texts or records: ask for npy."),
        ("/nothing", "npy", "It is empty, and nothing has no form npy: json says null."),
        ("/scalar", "png", "A single number is no picture: ask for json or csv."),
    ],
)
def test_what_has_no_such_form_is_refused_with_what_to_ask_for(zoo: Runs, path: str, form: str, why: str) -> None:
    answer = zoo.get("open", "export", path=path, format=form)
    assert (answer.status_code, answer.json()["detail"]) == (422, why)


def test_pictures_of_lines_and_images_and_of_nothing_else(zoo: Runs) -> None:
    for path, selection in (
        ("/image", ""),
        ("/image", "3"),
        ("/stack", "0"),
        ("/not", ""),
        ("/half", ""),
        ("/bool", ""),
        ("/scalar", ""),
    ):
        answer = zoo.get("open", "plot.png", path=path, selection=selection, width=64, log="true")
        assert answer.status_code == (422 if path == "/scalar" else 200), path
        if answer.status_code == 200:
            Image.open(io.BytesIO(answer.content)).load()
    for path in ("/stack", "/text", "/complex", "/unlimited", "/null", "/"):
        assert zoo.get("open", "plot.png", path=path).status_code in (404, 422), path
    low = Image.open(io.BytesIO(zoo.get("open", "plot.png", path="/image", low=1e6, high=2e6, width=16).content)).convert("RGB")
    assert low.getpixel((8, 8)) == (68, 1, 84)  # all of it is below the scale


def test_all_faults_of_a_question_are_said_at_once(zoo: Runs) -> None:
    answer = zoo.get("open", "data", path="/image", format="xml", dtype="int", resolve_links="maybe")
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["faults"]] == ["resolve_links", "format", "dtype"]
    assert math.isfinite(answer.json()["status"])
    assert zoo.get("open", "nothing").status_code == 404
    assert zoo.get("open", "data", path="/image", file="other.nxs").status_code == 404
    assert zoo.get("open", "data", path="/").status_code == 422
    assert zoo.get("open", "data", path="/image/deeper").status_code == 404


def test_routes_end_with_a_slash_or_without(zoo: Runs) -> None:
    assert zoo.get("open", "meta/").content == zoo.get("open", "meta").content
    assert zoo.house.client.get(f"/api/h5/{PIDS['open']}/").text == "ok"


def test_neighbouring_frames_of_one_chunk_are_decoded_once(zoo: Runs) -> None:
    """A chunk of a hundred frames costs its decoding once: the rest of its frames cost what their bytes cost."""
    with h5py.File(zoo.folder("open") / "thick.h5", "w") as file:
        data = np.random.default_rng(1).poisson(3, (100, 256, 512)).astype("u2")
        file.create_dataset("data", data=data, chunks=(100, 256, 512), compression="gzip")
    zoo.put("open", "thick.h5")
    times = []
    for i in range(12):
        started = time.perf_counter()
        answer = zoo.get("open", "data", path="/data", selection=str(i), format="bin", headers={"Accept-Encoding": "identity"})
        times.append(time.perf_counter() - started)
        assert answer.content == data[i].tobytes()
    assert sorted(times[1:])[5] < times[0] / 3


def test_large_answers_come_in_blocks_with_the_same_bytes(zoo: Runs) -> None:
    """Of any shape, along whatever dimension they are cut, packed on the way or not."""
    data = (np.arange(6 * 700 * 1000) // 50).astype("<i4").reshape(6, 700, 1000)
    with h5py.File(zoo.folder("open") / "large.h5", "w") as file:
        file.create_dataset("data", data=data, chunks=(1, 100, 1000), compression="gzip", compression_opts=1)
        file.create_dataset("plain", data=data, chunks=(2, 350, 1000))
    zoo.put("open", "large.h5")
    for path in ("/data", "/plain"):
        for selection in ("", "1:5", "0:6:2", ":,::2", "2:3,:,:", "5,:,:", ":,3:,5:"):
            index = eval(f"np.s_[{selection or ':'}]", {"np": np})
            for encoding in ("identity", "gzip"):
                given = {"path": path, "selection": selection, "format": "bin"}
                answer = zoo.get("open", "data", **given, headers={"Accept-Encoding": encoding})
                assert gzip_or_plain(answer.content) == data[index].tobytes(), (path, selection, encoding)
    whole = zoo.get("open", "data", path="/data", format="bin", headers={"Accept-Encoding": "identity"})
    assert whole.headers["content-length"] == str(data.nbytes)
    assert (
        zoo.get("open", "data", path="/data", format="bin", headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    )
