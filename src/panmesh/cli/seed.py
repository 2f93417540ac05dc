"""seed: a large made-up catalogue."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from panmesh.cli.options import bar, facility, opened


@click.command()
@facility
@click.option("--datasets", type=click.IntRange(1, 100_000_000), default=10_000, show_default=True, help="Runs.")
@click.option("--parameters", type=click.IntRange(0, 40), default=10, show_default=True, help="Quantities of each run.")
@click.option(
    "--seed", "number", type=click.IntRange(0, 2**31), default=1, show_default=True, help="The same number, the same catalogue."
)
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Day of the newest visits.  [default: 2026-11-01]")
@click.option("--into-existing", is_flag=True, help="Also where there are real runs. They cannot be taken apart again.")
@click.option("--no-index", is_flag=True, help="Leave the search index to the server.")
def seed(
    data: Path | None,
    config: Path | None,
    datasets: int,
    parameters: int,
    number: int,
    until: datetime | None,
    into_existing: bool,
    no_index: bool,
) -> None:
    """Fill an empty catalogue with runs that nobody measured: to try how it is with a million of them.

    Visits of 40 instruments and their teams, embargoes, all techniques of PaNET, words as frequent as in real texts. No files: there is
    nothing to download. Stopped, it goes on when it is called again.

    Example: panmesh seed --datasets 1000000 --parameters 10 --data /scratch/large
    """
    from panmesh.adapters.sql.index.building import build
    from panmesh.kernel.clock import to_us
    from panmesh.testing.seed import Seed
    from panmesh.testing.seed_plan import SeedPlan

    with opened(data, config) as app:
        day = (until or datetime(2026, 11, 1)).replace(tzinfo=UTC)
        plan = SeedPlan(datasets=datasets, parameters=parameters, seed=number, until_us=to_us(day))
        made = Seed(
            app.database, plan, app.settings.data / "seed.json", facility=app.settings.facility.key, existing=into_existing
        )
        with bar("seeding", "runs", datasets, begun=made.done, scaled=True) as shown:
            made.run(shown.update)
        if not no_index:
            build(app.database, app.index_folder)
    visits = len(plan.visits.size)
    click.echo(
        f"{datasets} runs of {visits} visits and {plan.proposals} proposals, {datasets * parameters} parameters: in {app.settings.data}."
    )
