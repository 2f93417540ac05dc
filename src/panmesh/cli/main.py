"""`panmesh <verb>`: commands are loaded only when they are called, so that help is instant."""

from __future__ import annotations

import errno
import importlib
import sys
from typing import Any

import click

_COMMANDS = {
    "init": ("panmesh.cli.facility", "init", "Make a data directory with a configuration to edit."),
    "serve": ("panmesh.cli.facility", "serve", "Serve the portal and the API, and ingest what instruments write."),
    "worker": ("panmesh.cli.facility", "worker", "Only watch, read and digest (on PostgreSQL, on any number of hosts)."),
    "ingest": ("panmesh.cli.ingest", "ingest", "Read files or folders into the catalogue."),
    "import": ("panmesh.cli.imports", "imports", "Bring in a schedule, or another catalogue: Search API, ICAT, SciCat."),
    "correct": ("panmesh.cli.correct", "correct", "Say where runs belong: move, split, merge, discard, undo."),
    "user": ("panmesh.cli.people", "user", "Local accounts."),
    "token": ("panmesh.cli.people", "token", "API tokens."),
    "team": ("panmesh.cli.team", "team", "Who is in the team of a proposal."),
    "admin": ("panmesh.cli.admin", "admin", "Migrate, check, back up, restore, reindex."),
    "seed": ("panmesh.cli.seed", "seed", "Fill an empty catalogue with made-up runs, to try it at size."),
    "mail": ("panmesh.cli.mail", "mail", "Alerts by mail: look at one, try the mail server."),
    "acl": ("panmesh.cli.acl", "acl", "Rights on the disk against those of the catalogue."),
    "release": ("panmesh.cli.releases", "release", "Publications for papers: make, publish, add to, withdraw (over HTTP)."),
    "doi": ("panmesh.cli.dois", "doi", "DOIs at DataCite: list, ask for one, retry, compare."),
    "config": ("panmesh.cli.config", "config", "Check and show the configuration."),
    "conformance": ("panmesh.cli.conformance", "conformance", "Check any Search API provider against the specification."),
    "search": ("panmesh.cli.user", "search", "Find runs (over HTTP)."),
    "show": ("panmesh.cli.user", "show", "Show one run (over HTTP)."),
    "download": ("panmesh.cli.user", "download", "Take a run home, resuming where it stopped (over HTTP)."),
}
_EXIT = {
    "Invalid": 2, "Unsupported": 2, "NotFound": 3, "Withdrawn": 3, "Unauthenticated": 4, "Forbidden": 4, "Embargoed": 4, "Conflict": 5, "Stale": 5,
    "TooLarge": 5, "QuotaExceeded": 5, "TooMany": 6, "Unavailable": 6, "PeerFailed": 6, "DeadlineExceeded": 6,
}  # fmt: skip


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="panmesh")
def cli() -> None:
    """A photon or neutron facility as a node of the open science cloud.

    Example: panmesh ingest /data/run17.nxs && panmesh serve
    """


def main(arguments: list[str] | None = None) -> None:
    """Exit codes: 0 done, 2 not well formed, 3 not found, 4 not allowed, 5 conflict, 6 try again later, 1 anything else."""
    from panmesh.kernel.errors import PanmeshError

    try:
        code: Any = cli.main(args=arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except PanmeshError as error:
        click.echo(f"panmesh: {error.detail}", err=True)
        sys.exit(_EXIT.get(type(error).__name__, 1))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        click.echo(
            f"panmesh: no room left on the disk of {error.filename or 'the data directory'}. Make room, then go on.", err=True
        )
        sys.exit(_EXIT["Unavailable"])
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
