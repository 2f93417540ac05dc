"""What people write and collect, for tests and pictures: a logbook with a photograph, a basket, runs to compare."""

from __future__ import annotations

import io
import re
from typing import Any

from PIL import Image, ImageDraw

from panmesh.testing.personas import PASSWORD


class Person:
    """Somebody who is signed in, over the API of a served facility: `request` is Playwright's."""

    def __init__(self, request: Any, login: str) -> None:
        self._request = request
        given = {"login": login, "password": PASSWORD}
        assert request.post("/sign-in", form=given, max_redirects=0).status == 303
        found = re.search(r'name="csrf" value="([^"]+)"', request.get("/tokens").text())
        assert found is not None
        self._headers = {"X-CSRF-Token": found[1]}

    def send(self, method: str, path: str, data: Any = None, **headers: str) -> Any:
        answer = self._request.fetch(f"/api/v1{path}", method=method, data=data, headers=self._headers | headers)
        assert answer.ok, (path, answer.status, answer.text())
        return answer.json()

    def mark(self, path: str, flag: str, *tags: str) -> None:
        etag = self._request.get(f"/api/v1{path}/mark").headers["etag"]
        self.send("PUT", f"{path}/mark", {"flag": flag, "tags": list(tags)}, **{"If-Match": etag})


def photograph(width: int = 480, height: int = 320, kind: str = "PNG") -> bytes:
    """A drawing of a sample on its holder."""
    image = Image.new("RGB", (width, height), "#d9dee3")
    pen = ImageDraw.Draw(image)
    pen.rectangle((width * 0.42, height * 0.55, width * 0.58, height), fill="#8a6d3b")
    pen.ellipse((width * 0.36, height * 0.30, width * 0.56, height * 0.62), fill="#37474f")
    pen.line((width * 0.1, height * 0.5, width * 0.9, height * 0.5), fill="#c62828", width=3)
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def write_and_collect(request: Any, pids: dict[str, str]) -> dict[str, str]:
    """By the principal investigator; returns what addresses need besides the pids: `basket`, `runs` (a query), `release`, drafts."""
    pi = Person(request, "pi")
    visit, run = f"/investigations/{pids['visit']}", f"/datasets/{pids['embargoed']}"
    pi.send("POST", f"{visit}/notes", {"text": "Beam back after the refill; **realigned** on the LaB6 standard."})
    picture = pi.send("POST", f"{run}/pictures", photograph(), **{"Content-Type": "image/png"})
    pi.send("POST", f"{run}/notes", {"text": f"Sample slipped between frames, see the camera:\n\n{picture['markdown']}"})
    pi.mark(run, "bad", "slipped", "night shift")
    listed = request.get("/api/v1/datasets?visit=" + pids["visit"]).json()["items"]
    beside = next(d["pid"] for d in listed if d["pid"] != pids["embargoed"])
    pi.mark(f"/datasets/{beside}", "good", "night shift")
    runs = [d["pid"] for d in request.get("/api/v1/datasets?instrument=sim-powder&limit=6").json()["items"]]
    basket = pi.send("POST", "/baskets", {"name": "Figure 3: thermal expansion", "pids": runs})
    found = {"basket": basket["key"], "runs": "&".join(f"run={pid}" for pid in runs)}
    return found | publish_and_draft(pi, [d["pid"] for d in listed], pids)


SAID = {
    "title": "Thermal expansion of LaB6 between 300 and 500 K: the runs of figure 3",
    "abstract": "Simulated powder diffraction patterns of LaB6 on heating, as shown in figure 3. They are no measurements: they show "
    "what a publication of runs looks like.",
    "creators": [
        {"name": "Carberry, Josiah", "orcid": "0000-0002-1825-0097", "affiliation": "Simulated facility"},
        {"name": "Principal investigator (demo)", "affiliation": "Simulated university", "ror": "https://ror.org/05dxps055"},
    ],
    "papers": [
        {"doi": "10.5555/12345678", "relation": "IsSupplementTo", "title": "Toward a unified theory of high-energy metaphysics"}
    ],
    "funding": [
        {"funder": "European Commission", "funder_id": "https://ror.org/00k4n6c32", "award": "823852", "award_title": "PaNOSC"}
    ],
}


def publish_and_draft(pi: Person, listed: list[str], pids: dict[str, str]) -> dict[str, str]:
    """`release`: pid of a version; `draft`: key of one with much to mend; `ready`: of one that can be published."""
    first = pi.send("POST", "/releases/drafts", {"pids": listed[:2], "description": SAID})
    made = pi.send("POST", f"/releases/drafts/{first['key']}/publish", **{"If-Match": '"draft-1"'})
    mixed = pi.send("POST", "/releases/drafts", {"pids": [*listed, pids["open"]], "description": None})
    ready = pi.send("POST", "/releases/drafts", {"pids": listed, "description": SAID})
    return {"release": made["pid"], "draft": mixed["key"], "ready": ready["key"]}
