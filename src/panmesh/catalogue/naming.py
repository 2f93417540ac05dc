"""What a run and a visit are called where people read it: one wording for every page, list and answer."""

from __future__ import annotations

from panmesh.catalogue.model import DatasetSummary, Part, ProposalKind
from panmesh.kernel.clock import facility_day


def run_title(d: DatasetSummary | Part) -> str:
    """What a run is called where its file gives no title: its number, or the name of its file."""
    return d.title or (f"Run {d.run}" if d.run else "") or (d.path or "").rpartition("/")[2] or "Run without a title"


def visit_name(
    *,
    kind: ProposalKind,
    title: str | None,
    visit_id: str,
    instrument: str | None,
    zone: str,
    first_us: int | None,
    last_us: int | None,
) -> str:
    """Its title. Of runs without a schedule, the instrument and the months: `first_us` and `last_us` are the starts of their
    first and last run; where no run says a time, their folder (`visit_id`) stands for it."""
    if kind is not ProposalKind.UNSCHEDULED:
        return title or visit_id
    when = _months(first_us, last_us, zone) or visit_id
    return f"{instrument or 'Unknown instrument'}, {when} (not in the schedule)"


def _months(first_us: int | None, last_us: int | None, zone: str) -> str | None:
    found = [f"{facility_day(us, zone):%Y-%m}" for us in (first_us, last_us) if us is not None]
    return " to ".join(dict.fromkeys(found)) or None
