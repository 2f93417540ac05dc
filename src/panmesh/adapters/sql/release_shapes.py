"""Descriptions of releases as JSON text, and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from panmesh.publication.record import Agent, Funding
from panmesh.publication.release import Description, Paper


def written(said: Description) -> str:
    told: dict[str, Any] = {"title": said.title, "abstract": said.abstract}
    for name, parts in (("creators", said.creators), ("papers", said.papers), ("funding", said.funding)):
        told[name] = [{key: value for key, value in asdict(one).items() if value not in (None, False)} for one in parts]
    return json.dumps(told, ensure_ascii=False)


def read(text: str) -> Description:
    told = json.loads(text)
    return Description(
        title=told["title"],
        abstract=told["abstract"],
        creators=tuple(Agent(**one) for one in told["creators"]),
        papers=tuple(Paper(**one) for one in told["papers"]),
        funding=tuple(Funding(**one) for one in told["funding"]),
    )
