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
    """By the principal investigator; returns what addresses need besides the pids: `basket` and `runs` (a query)."""
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
    return {"basket": basket["key"], "runs": "&".join(f"run={pid}" for pid in runs)}
