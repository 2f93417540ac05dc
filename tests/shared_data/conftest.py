"""At the end of a run: how much of what the real files say was found, field by field."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    total: dict[str, list[int]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name != "recall":
                    continue
                for field, (right, expected) in value.items():
                    counts = total.setdefault(field, [0, 0])
                    counts[0], counts[1] = counts[0] + right, counts[1] + expected
    if total:
        terminalreporter.section("recall of expected values")
        for field, (right, expected) in total.items():
            terminalreporter.write_line(f"{field:12} {right:4} of {expected:4}  {right / max(expected, 1):7.1%}")
