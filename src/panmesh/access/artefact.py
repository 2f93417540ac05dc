"""What a record is made of, as far as the policy tells its parts apart."""

from __future__ import annotations

from enum import StrEnum


class Artefact(StrEnum):
    PID_RECORD = "pid_record"  # that it exists
    CORE_METADATA = "core_metadata"  # title, times, instrument, facility, technique, proposal and visit numbers, members
    FULL_METADATA = "full_metadata"  # sample, quantities, people named in the file, provenance, plots
    LOGBOOK = "logbook"
    REPORT = "report"
    RAW = "raw"  # files of measured data: names, digests, bytes
    PROCESSED = "processed"  # files of derived data
    RESULT = "result"  # an analyst's own
    PROPOSAL_TEXT = "proposal_text"
