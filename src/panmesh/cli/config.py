"""config check, show, schema."""

from __future__ import annotations

import json
from pathlib import Path

import click

from panmesh.cli.options import facility


@click.group()
def config() -> None:
    """Check and show the configuration."""


@config.command()
@facility
def check(data: Path | None, config: Path | None) -> None:
    """Say whether the configuration is well formed and its folders are there.

    Example: panmesh config check --config /etc/panmesh.toml
    """
    from panmesh.app.settings import load
    from panmesh.kernel.errors import Invalid

    settings = load(data=data, config=config)
    missing = [f"storage.{key}: {one.path} is no folder" for key, one in settings.storage.items() if not one.path.is_dir()]
    if missing:
        raise Invalid("; ".join(missing) + ".")
    click.echo("The configuration is well formed.")


@config.command()
@facility
def show(data: Path | None, config: Path | None) -> None:
    """The settings in force, from file, environment and defaults.

    Example: panmesh config show --data /srv/panmesh
    """
    from panmesh.app.settings import load

    click.echo(load(data=data, config=config).model_dump_json(indent=2))


@config.command()
def schema() -> None:
    """Every key, with its type, default and meaning (JSON Schema).

    Example: panmesh config schema
    """
    from panmesh.app.settings import schema as json_schema

    click.echo(json.dumps(json_schema(), indent=2))
