"""The wall between us and strangers' files: nothing outside the folder is read, nothing is written, nobody is called, and it stands again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest

from panmesh.adapters.hdf5 import SandboxedReader, confine, sandbox
from panmesh.ingest.facts import PlotFacts, ReadState
from panmesh.ingest.plot import PlotData, PlotRequest
from panmesh.ingest.profile import Profile
from panmesh.ingest.reader import ReadLimits, ReadRequest
from panmesh.kernel.errors import Unavailable

SECRET = b"the secret of the other proposal"


@pytest.fixture
def reader() -> Iterator[SandboxedReader]:
    made = SandboxedReader()
    yield made
    made.close()


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder beside one that holds a secret, as text and as HDF5."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "secret.bin").write_bytes(SECRET)
    with h5py.File(tmp_path / "theirs" / "run.h5", "w") as file:
        file["entry/title"] = SECRET.decode()
        file["entry/data"] = np.arange(8.0)
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def _request(path: Path, folder: Path | None = None) -> ReadRequest:
    return ReadRequest(path=path, folder=folder or path.parent, profile=Profile())


def _run(path: Path, title: str = "a run") -> Path:
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = title
    return path


def _plot(signal: str, shape: tuple[int, ...], axes: tuple[str, ...] = ()) -> PlotFacts:
    return PlotFacts(group="/entry", signal=signal, axes=axes, shape=shape, units=None, title=None, marking="guess")


def test_a_file_of_a_neighbouring_folder_is_not_read_by_name(reader: SandboxedReader, mine: Path) -> None:
    facts = reader.read(_request(mine.parent / "theirs" / "run.h5", mine))
    assert facts.state is ReadState.FAILED
    assert SECRET.decode() not in repr(facts)


def test_external_links_and_raw_storage_of_a_neighbour_are_listed_and_not_read(reader: SandboxedReader, mine: Path) -> None:
    path = mine / "run.h5"
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = h5py.ExternalLink("../theirs/run.h5", "/entry/title")
        raw = [(str(mine.parent / "theirs" / "secret.bin"), 0, len(SECRET))]
        entry.create_dataset("notes", shape=(), dtype=f"S{len(SECRET)}", external=raw)
        entry.create_dataset("data", shape=(len(SECRET),), dtype="u1", external=raw)
    facts = reader.read(_request(path))
    assert {reference.kind for reference in facts.references} == {"link", "raw"}
    assert SECRET.decode() not in repr(facts)
    with pytest.raises(Unavailable, match="not part of this dataset"):
        reader.preview(path, _plot("/entry/data", (len(SECRET),)))


@pytest.mark.parametrize("target", ["../theirs/run.h5", "beside.h5"])
def test_a_plot_is_not_drawn_through_an_external_link(reader: SandboxedReader, mine: Path, target: str) -> None:
    path = mine / "run.h5"
    with h5py.File(mine / "beside.h5", "w") as file:
        file["entry/data"] = np.arange(8.0)
    with h5py.File(path, "w") as file:
        file["entry"] = h5py.ExternalLink(target, "/entry")
    with pytest.raises(Unavailable, match="link"):
        reader.preview(path, _plot("/entry/data", (8,)))


@pytest.mark.parametrize("kind", ["link", "virtual", "virtual over a link"])
def test_a_plot_is_drawn_from_the_files_of_its_own_dataset(reader: SandboxedReader, mine: Path, kind: str) -> None:
    path, part = mine / "run.nxs", mine / "run_000001.h5"
    with h5py.File(part, "w") as file:
        file["entry/data"] = np.arange(8.0)
    layout = h5py.VirtualLayout((8,), "f8")
    with h5py.File(path, "w") as file:
        if kind == "link":
            file["entry/data"] = h5py.ExternalLink("/facility/2026/run_000001.h5", "/entry/data")
        elif kind == "virtual":
            layout[:] = h5py.VirtualSource("run_000001.h5", "/entry/data", (8,))
            file.create_virtual_dataset("entry/data", layout)
        else:
            file["entry/first"] = h5py.ExternalLink("run_000001.h5", "/entry/data")
            layout[:] = h5py.VirtualSource(".", "/entry/first", (8,))
            file.create_virtual_dataset("entry/data", layout)
    plot = _plot("/entry/data", (8,))
    assert reader.preview(path, plot, [part]).values == tuple(float(i) for i in range(8))
    with pytest.raises(Unavailable, match="not part of this dataset"):
        reader.preview(path, plot)


def test_a_file_that_went_or_was_exchanged_says_so_and_its_neighbours_are_drawn(reader: SandboxedReader, mine: Path) -> None:
    plot, names = _plot("/data", (8,)), ("gone.h5", "linked.h5", "cut.h5", "well.h5")
    for name in names:
        with h5py.File(mine / name, "w") as file:
            file["data"] = np.arange(8.0)
    (mine / "gone.h5").unlink()
    (mine / "linked.h5").unlink()
    (mine / "linked.h5").symlink_to(mine / "well.h5")
    os.truncate(mine / "cut.h5", 1000)
    gone, linked, cut, well = reader.previews([PlotRequest(path=mine / name, plot=plot) for name in names])
    assert str(gone) == "The plot cannot be drawn: its file is not on disk any more."
    assert str(linked) == "The plot cannot be drawn: its file has become a symbolic link."
    assert "the file is cut short: it has 1,000 bytes" in str(cut)
    assert isinstance(well, PlotData)
    with pytest.raises(Unavailable, match="not on disk any more"):
        reader.series(mine / "gone.h5", ["/data"])


def test_a_circle_of_virtual_datasets_is_not_drawn(reader: SandboxedReader, mine: Path) -> None:
    path = mine / "run.h5"
    with h5py.File(path, "w") as file:
        for name, other in (("a", "b"), ("b", "a")):
            layout = h5py.VirtualLayout((8,), "f8")
            layout[:] = h5py.VirtualSource(".", f"/{other}", (8,))
            file.create_virtual_dataset(name, layout)
    with pytest.raises(Unavailable, match="virtual themselves"):
        reader.preview(path, _plot("/a", (8,)))


def _in_confined_child(folder: Path, attempt: Callable[[], object]) -> str:
    """The name of what `attempt` raised behind the wall, or "done"."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = "done"
        try:
            confine.limit_resources(memory=1 << 30, cpu_seconds=5)
            confine.confine((os.fsencode(folder),))
            try:
                attempt()
            except OSError as error:
                said = type(error).__name__
            os.write(writing, said.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


def _socket() -> object:
    import socket

    return socket.socket()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        (lambda folder: os.listdir(folder), "done"),
        (lambda folder: os.open(folder.parent / "theirs" / "secret.bin", os.O_RDONLY), "PermissionError"),
        (lambda folder: os.open("/etc/passwd", os.O_RDONLY), "PermissionError"),
        (lambda folder: os.open("/proc/self/environ", os.O_RDONLY), "PermissionError"),
        (lambda folder: os.open(folder / "new", os.O_WRONLY | os.O_CREAT), "PermissionError"),
        (lambda folder: os.open(folder / "run.h5", os.O_WRONLY), "PermissionError"),
        (lambda folder: os.truncate(folder / "run.h5", 0), "PermissionError"),
        (lambda folder: os.unlink(folder / "run.h5"), "PermissionError"),
        (lambda folder: os.mkdir(folder / "new"), "PermissionError"),
        (lambda folder: _socket(), "PermissionError"),
        (lambda folder: os.fork(), "PermissionError"),
        (lambda folder: os.execv("/bin/true", ["true"]), "PermissionError"),
        (lambda folder: os.kill(os.getppid(), 0), "PermissionError"),
    ],
    ids=[
        "list",
        "secret",
        "passwd",
        "environ",
        "create",
        "write",
        "truncate",
        "unlink",
        "mkdir",
        "socket",
        "fork",
        "exec",
        "kill",
    ],
)
def test_behind_the_wall_the_folder_can_be_read_and_nothing_else_be_done(
    mine: Path, attempt: Callable[[Path], object], outcome: str
) -> None:
    _run(mine / "run.h5")
    import socket

    assert socket  # loaded before the wall goes up, as in the reader
    assert _in_confined_child(mine, lambda: attempt(mine)) == outcome
    assert (mine / "run.h5").stat().st_size > 0
    assert [p.name for p in mine.iterdir()] == ["run.h5"]


def test_a_reader_without_a_sandbox_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from panmesh.adapters.hdf5 import sandbox

    none = confine.SandboxReport(kind="none", abi=0, seccomp=False, detail="Landlock is not available here")
    monkeypatch.setattr(sandbox, "probe", lambda: none)
    with pytest.raises(Unavailable, match="sandbox = 'off'"):
        SandboxedReader()
    SandboxedReader(confined=False).close()


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_single_reads_and_previews_share_one_parent_process(mine: Path) -> None:
    path = _run(mine / "run.h5")
    with h5py.File(path, "a") as file:
        file["entry/data"] = np.arange(8.0)
    before = _children()
    reader = SandboxedReader()
    reader.read(_request(path))
    parents = _children() - before
    for _ in range(3):
        assert reader.read(_request(path)).state is ReadState.READ
        assert reader.preview(path, _plot("/entry/data", (8,))).values == tuple(float(i) for i in range(8))
    assert _children() - before == parents
    assert len(parents) == 1
    reader.close()
    assert _children() <= before


def test_the_parent_outlives_the_thread_that_started_it(mine: Path) -> None:
    path = _run(mine / "run.h5")
    before = _children()
    reader = SandboxedReader()
    thread = threading.Thread(target=lambda: reader.read(_request(path)))
    thread.start()
    thread.join()
    parents = _children() - before
    time.sleep(0.2)
    assert reader.read(_request(path)).state is ReadState.READ
    assert _children() - before == parents
    reader.close()


def test_a_parent_that_is_killed_is_started_again_and_every_file_has_its_result(mine: Path) -> None:
    before = _children()
    reader = SandboxedReader()
    requests = [_request(_run(mine / f"{i}.h5")) for i in range(8)]
    results = reader.read_many(requests)
    found = [next(results)]
    for pid in _children() - before:
        if psutil.Process(pid).ppid() == os.getpid():
            os.kill(pid, signal.SIGKILL)
    found += results
    assert {request.path for request, _ in found} == {request.path for request in requests}
    assert all(facts.state in (ReadState.READ, ReadState.FAILED) for _, facts in found)
    assert {facts.state for _, facts in reader.read_many(requests)} == {ReadState.READ}
    reader.close()
    time.sleep(0.1)
    assert _children() <= before


def test_a_parent_that_died_after_the_job_before_costs_no_file(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked whether it lives a moment before its death was known: as when memory is short."""
    reader = SandboxedReader()
    requests = [_request(_run(mine / f"{i}.h5")) for i in range(3)]
    assert {facts.state for _, facts in reader.read_many(requests)} == {ReadState.READ}
    process = reader._zygotes.queue[0]._process
    monkeypatch.setattr(process, "poll", lambda: None)
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert {facts.state for _, facts in reader.read_many(requests)} == {ReadState.READ}
    assert reader._zygotes.queue[0]._process.pid != process.pid
    reader.close()


@pytest.mark.parametrize("hang", ["os.fork = lambda: time.sleep(3600)", "time.sleep(3600)"])
def test_a_parent_that_hangs_is_stopped_and_the_next_one_reads(mine: Path, monkeypatch: pytest.MonkeyPatch, hang: str) -> None:
    """At fork, where no deadline of a child is running yet; and before it listens, with a job larger than a pipe holds."""
    start = sandbox._START
    monkeypatch.setattr(sandbox, "PATIENCE", 0.5)
    monkeypatch.setattr(sandbox, "_START", start.replace("from panmesh", f"import os, time; {hang}; from panmesh", 1))
    requests = [
        ReadRequest(path=mine / f"{'x' * 200}{n}.h5", folder=mine, profile=Profile(facility="f" * 2000)) for n in range(40)
    ]
    made = SandboxedReader(ReadLimits(seconds=0.5))
    try:
        results = list(made.read_many(requests))
        assert len(results) == len(requests)
        assert {facts.state for _, facts in results} == {ReadState.FAILED}
        assert "no answer in time" in results[0][1].problems[0].what
        monkeypatch.setattr(sandbox, "PATIENCE", 30.0)
        monkeypatch.setattr(sandbox, "_START", start)
        assert made.read(_request(_run(mine / "run.h5"))).state is ReadState.READ
    finally:
        made.close()


def test_several_parents_read_all_files_of_many_folders(tmp_path: Path) -> None:
    requests = []
    for i in range(12):
        (tmp_path / str(i)).mkdir()
        requests.append(_request(_run(tmp_path / str(i) / "run.h5", title=f"run {i}")))
    reader = SandboxedReader(processes=2)
    found = {r.path: facts for r, facts in reader.read_many(requests)}
    reader.close()
    titles = {facts.entries[0].title.value for facts in found.values() if facts.entries[0].title is not None}
    assert titles == {f"run {i}" for i in range(12)}


def test_a_file_that_hangs_is_stopped_at_the_deadline_and_its_neighbours_are_read(mine: Path) -> None:
    os.mkfifo(mine / "b.h5")  # opening it waits for a writer for ever
    requests = [_request(_run(mine / "a.h5")), _request(mine / "b.h5"), _request(_run(mine / "c.h5"))]
    reader = SandboxedReader(ReadLimits(seconds=1.0))
    started = time.monotonic()
    states = {r.path.name: facts for r, facts in reader.read_many(requests)}
    reader.close()
    assert time.monotonic() - started < 6
    assert states["a.h5"].state is states["c.h5"].state is ReadState.READ
    assert states["b.h5"].state is ReadState.FAILED
    assert states["b.h5"].problems[0].what


def test_an_axis_of_exbibytes_costs_nothing_and_the_plot_is_drawn(reader: SandboxedReader, mine: Path) -> None:
    path = mine / "run.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.arange(10.0)
        file.create_dataset("x", shape=(1 << 50,), dtype="f8", chunks=(1024,))
    plot = reader.preview(path, _plot("/data", (10,), ("/x",)))
    assert plot.rows * plot.columns == 10
    assert plot.axes[0].label == "x"


def test_a_frame_of_eighteen_megapixels_is_drawn_from_the_middle_of_its_stack(reader: SandboxedReader, mine: Path) -> None:
    path = mine / "run.h5"
    with h5py.File(path, "w") as file:
        stack = file.create_dataset("data", shape=(1000, 4362, 4148), dtype="u4", chunks=(1, 4362, 4148), compression="gzip")
        stack[500] = 7
    plot = reader.preview(path, _plot("/data", (1000, 4362, 4148)))
    assert (plot.kind, plot.frame) == ("image", "501 of 1000")
    assert max(plot.rows, plot.columns) <= 400
    assert set(plot.values) == {7.0}


@pytest.mark.parametrize(("colours", "interpretation"), [(3, "rgb-image"), (4, "rgba-image")])
def test_an_image_of_colours_is_read_with_its_colours(
    reader: SandboxedReader, mine: Path, colours: int, interpretation: str
) -> None:
    path, image = mine / "run.h5", np.full((5, 900, 700, colours), 255, "u1")
    image[2, 450:, :, 1] = 0
    with h5py.File(path, "w") as file:
        file["data"] = image
    plot = reader.preview(path, replace(_plot("/data", image.shape), interpretation=interpretation))
    assert (plot.kind, plot.frame, plot.low, plot.high) == ("colours", "3 of 5", 0.0, 255.0)
    pixels = np.array(plot.values).reshape(plot.rows, plot.columns, colours)
    assert max(pixels.shape) <= 400
    assert (pixels[0, 0].tolist()[:3], pixels[-1, 0].tolist()[:3]) == ([255, 255, 255], [255, 0, 255])


def test_a_long_line_keeps_its_single_peak(reader: SandboxedReader, mine: Path) -> None:
    path = mine / "run.h5"
    line = np.zeros(100_003)
    line[77_777] = 5.0
    line[3] = np.nan
    with h5py.File(path, "w") as file:
        file["data"] = line
    plot = reader.preview(path, _plot("/data", line.shape))
    assert plot.columns <= 2000
    assert plot.values[plot.axes[0].values.index(77_777.0)] == 5.0


def test_a_large_image_keeps_its_single_reflection_and_counts_its_own_pixels(reader: SandboxedReader, mine: Path) -> None:
    path = mine / "run.h5"
    image = np.zeros((900, 1700), "u4")
    image[701, 1233], image[:, 40] = 5, 2**32 - 1  # a reflection, and a gap between two modules
    with h5py.File(path, "w") as file:
        file["data"] = image
    plot = reader.preview(path, _plot("/data", image.shape))
    assert max(value for value in plot.values if value is not None) == 5.0
    assert (plot.low, plot.high) == (0.0, 5.0)
    assert [axis.count for axis in plot.axes] == [900, 1700]


def test_a_line_is_drawn_with_its_uncertainties_and_long_names(reader: SandboxedReader, mine: Path) -> None:
    path = mine / "run.h5"
    with h5py.File(path, "w") as file:
        file["data"], file["q"], file["sigma"] = np.arange(1.0, 5.0), np.arange(4.0), np.full(4, 0.5)
        file["data"].attrs["long_name"] = "Scattered intensity"
        file["q"].attrs.update({"long_name": "Momentum transfer", "unit": "1/nm"})
    plot = reader.preview(path, replace(_plot("/data", (4,), ("/q",)), errors="/sigma"))
    assert (plot.label, plot.errors) == ("Scattered intensity", (0.5,) * 4)
    assert (plot.axes[0].label, plot.axes[0].units) == ("Momentum transfer", "1/nm")


def test_a_stack_of_spectra_is_drawn_as_lines(reader: SandboxedReader, mine: Path) -> None:
    path = mine / "run.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.arange(2 * 3 * 5.0).reshape(2, 3, 5)
    plot = reader.preview(path, replace(_plot("/data", (2, 3, 5)), interpretation="spectrum"), frame=4)
    assert (plot.kind, plot.values) == ("line", (20.0, 21.0, 22.0, 23.0, 24.0))


def test_ctrl_c_at_the_terminal_is_for_the_server_not_for_its_readers(reader: SandboxedReader, mine: Path) -> None:
    path = _run(mine / "run.h5")
    before = {child.pid for child in psutil.Process().children()}
    assert reader.read(_request(path)).state is ReadState.READ
    [zygote] = [child for child in psutil.Process().children() if child.pid not in before]
    zygote.send_signal(signal.SIGINT)
    with pytest.raises(psutil.TimeoutExpired):
        zygote.wait(0.5)
    assert reader.read(_request(path)).state is ReadState.READ
