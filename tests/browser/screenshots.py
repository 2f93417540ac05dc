"""Pictures of the pages for docs/screenshots, of the simulated facility alone: `python -m tests.browser.screenshots FOLDER`."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from panmesh.testing.browser import HEIGHT, NARROW, WIDE, open_browser
from panmesh.testing.personas import PASSWORD
from tests.browser.collected import write_and_collect
from tests.browser.facility import build, serve

# name: (path, login, scheme, width)
PICTURES = {
    "search": ("/", None, "light", WIDE),
    "search-dark": ("/?instrument=sim-powder&q=LaB6&quantity=temperature:300..500+K", None, "dark", WIDE),
    "run": ("/datasets/{open}", None, "light", WIDE),
    "run-image-dark": ("/datasets/{image}", None, "dark", WIDE),
    "run-phone": ("/datasets/{open}", None, "light", NARROW),
    "run-phone-dark": ("/datasets/{image}", None, "dark", NARROW),
    "run-scan": ("/datasets/{scan}", None, "light", WIDE),
    "embargo": ("/datasets/{embargoed}", None, "light", WIDE),
    "embargo-team": ("/datasets/{embargoed}", "member", "light", WIDE),
    "desk": ("/steward", "steward", "light", WIDE),
    "why": ("/why/{embargoed}", "outsider", "light", WIDE),
    "visit": ("/investigations/{visit}", "member", "light", WIDE),
    "team": ("/proposals/{proposal}/team", "pi", "light", WIDE),
    "my-data": ("/me", "pi", "light", WIDE),
    "proposal": ("/proposals/SIM001", "member", "light", WIDE),
    "plan": ("/proposals/{proposal}/plan", "pi", "light", WIDE),
    "facility-dark": ("/facility", None, "dark", WIDE),
    "fair": ("/fair?without=a+description", "steward", "light", WIDE),
    "run-notes": ("/datasets/{embargoed}#notes", "pi", "light", WIDE),
    "logbook": ("/investigations/{visit}/logbook", "member", "light", WIDE),
    "basket": ("/baskets/{basket}", "pi", "light", WIDE),
    "publication": ("/releases/{release}", None, "light", WIDE),
    "publication-check": ("/publications/{draft}/check", "pi", "light", WIDE),
    "compare": ("/compare?{runs}&apart=1", None, "light", WIDE),
    "ingest": ("/ingest?contains=_000", "admin", "light", WIDE),
    "dois": ("/dois", "steward", "light", WIDE),
    "quarantine-dark": ("/quarantine", "steward", "dark", WIDE),
}


def main(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pids = build(Path(folder), None)
        with serve(Path(folder), pids) as facility, open_browser() as browser:
            context = browser.new_context(base_url=facility.url)
            pids |= write_and_collect(context.request, pids)
            context.close()
            for name, (path, login, scheme, width) in PICTURES.items():
                size = {"width": width, "height": HEIGHT}
                context = browser.new_context(base_url=facility.url, viewport=size, color_scheme=scheme)
                if login is not None:
                    context.request.post("/sign-in", form={"login": login, "password": PASSWORD})
                page = context.new_page()
                page.goto(path.format(**pids), wait_until="networkidle")
                picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                    target / f"{name}.png", optimize=True
                )
                context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
