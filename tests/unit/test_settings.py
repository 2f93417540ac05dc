"""What is wrong in the configuration is said with its line, before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.kernel.errors import Invalid, Unavailable


def _refused(folder: Path, written: str, **environment: str) -> str:
    (folder / "panmesh.toml").write_text(written, "utf-8")
    with pytest.raises(Invalid) as refused:
        load(data=folder, environment=environment)
    return refused.value.detail


def test_every_fault_is_named_with_its_line(tmp_path: Path) -> None:
    said = _refused(
        tmp_path,
        '[facility]\nkey = "x"\n\n  nmae = "typo"   # a comment\n[server]\nport = 99999\n[storage.raw]\ninstrument = "i1"\n[mial]\n',
    )
    assert "4 fault(s)" in said
    for place in ("line 4, facility.nmae: ", "line 6, server.port: ", "line 7, storage.raw.path: ", "line 9, mial: "):
        assert place in said


def test_what_comes_from_the_environment_has_no_line(tmp_path: Path) -> None:
    said = _refused(tmp_path, '[server]\nhost = "127.0.0.1"\n', PANMESH_FACILITY__TIME_ZONE="Mars")
    assert ": facility.time_zone: " in said
    assert "line" not in said


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("database", 'url = "mysql://host/name"'),
        ("database", 'url = "postgresql://user@host/name"'),
        ("server", 'public_url = "data.example.org"'),
        ("server", 'trusted_proxies = "10.0.0.0/33"'),
        ("server", 'trusted_proxies = "127.0.0.1, proxy"'),
    ],
)
def test_a_value_that_would_fail_later_or_never_is_refused_at_once(tmp_path: Path, section: str, value: str) -> None:
    assert f"line 2, {section}." in _refused(tmp_path, f"[{section}]\n{value}\n")


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql+psycopg://panmesh:secret@127.0.0.1:1/catalogue"
    app = Composition(load(data=tmp_path, environment={"PANMESH_DATABASE__URL": url}))
    with pytest.raises(Unavailable) as refused:
        _ = app.database
    assert "127.0.0.1:1/catalogue does not answer" in refused.value.detail
    assert "secret" not in refused.value.detail
