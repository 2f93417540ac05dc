"""Processes of their own that are copies of this one: they do and die as new ones would, and start in a tenth of the time."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO

from panmesh.app.compose import Composition
from panmesh.cli.main import main
from panmesh.kernel import faults


def begin(what: Callable[[], object], armed: str = "", *, beside: Composition | None = None) -> int:
    """Its number. `armed`: as in PANMESH_FAULT. `beside`: whose connections are let go of before, since a copy may not share them."""
    if beside is not None:
        beside.database.dispose()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of copies while threads run: none of them goes on in the copy
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        faults._ARMED = armed
        faults._passages.clear()
        what()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def does(what: Callable[[], object], *, beside: Composition | None = None) -> None:
    assert ended(begin(what, beside=beside)) == 0


def killed(what: Callable[[], object], point: str, *, beside: Composition | None = None) -> None:
    """It dies of kill -9 at this point ("correction.after-commit:kill:2") and at no other."""
    assert ended(begin(what, point, beside=beside)) == -signal.SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    code: int
    out: str
    error: str


def panmesh(*arguments: str, environment: Mapping[str, str], armed: str = "", beside: Composition | None = None) -> Said:
    """What the command line does with these arguments, and says."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:

        def command() -> None:
            sys.stdout, sys.stderr = _instead(out, 1), _instead(error, 2)
            os.environ.update(environment)
            main(list(arguments))

        code = ended(begin(command, armed, beside=beside))
        return Said(code=code, out=_read(out), error=_read(error))


def _instead(file: IO[str], number: int) -> IO[str]:
    os.dup2(file.fileno(), number)
    return open(number, "w", encoding="utf-8", closefd=False)


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
