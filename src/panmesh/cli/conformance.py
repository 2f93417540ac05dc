"""conformance search-api: does a provider follow the specification?"""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group()
def conformance() -> None:
    """Check any service against a standard, over HTTP."""


@conformance.command("search-api")
@click.argument("url")
@click.option(
    "--seed",
    is_flag=True,
    help="The provider holds the known seed (write-seed): also check the answers that the specification prints.",
)
@click.option("--json", "to", type=click.Path(dir_okay=False, path_type=Path), help="Write all results here, as JSON.")
@click.option("--timeout", type=float, default=30.0, show_default=True, help="Seconds for one answer.")
def search_api(url: str, seed: bool, to: Path | None, timeout: float) -> None:
    """A table: check, outcome, why, clause. URL is the provider's root, such as https://data.example.org/api.

    Only reads. Exit code 1 when something failed.

    Example: panmesh conformance search-api https://data.example.org/api --json report.json
    """
    import httpx

    from panmesh.testing.panosc_conformance import Outcome, examine

    results = []
    with httpx.Client(timeout=timeout, headers={"Accept": "application/json"}, follow_redirects=True) as client:
        for result in examine(client, url, seeded=seed):
            results.append(result)
            sign = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.NOT_APPLICABLE: "–"}[result.outcome]
            click.echo(f"{sign} {result.outcome:15} {result.check}")
            if result.why:
                click.echo(f"    {result.why}")
            if result.outcome is Outcome.FAILED:
                click.echo(f"    clause: {result.clause}")
    counts = {outcome: sum(result.outcome is outcome for result in results) for outcome in Outcome}
    click.echo(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    if to is not None:
        rows = [{"check": r.check, "outcome": r.outcome, "why": r.why, "clause": r.clause} for r in results]
        to.write_text(json.dumps(rows, indent=1, ensure_ascii=False), "utf-8")
    if counts[Outcome.FAILED]:
        raise SystemExit(1)


@conformance.command("write-seed")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def write_seed(file: Path) -> None:
    """Write the known seed in the Search API's own JSON, to be imported into a provider under test.

    Example: panmesh conformance write-seed seed.json && panmesh import search-api seed.json
    """
    from panmesh.testing.panosc_seed import SEED

    file.write_text(json.dumps(SEED, indent=1, ensure_ascii=False), "utf-8")
    click.echo(f"{sum(len(many) for many in SEED.values())} records in {file}.")
