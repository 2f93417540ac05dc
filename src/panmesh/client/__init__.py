"""A facility's catalogue from Python, and what the command line's user commands stand on. Imports no server module."""

from panmesh.client.catalogue import Client, Datasets, Results, Visits, connect, connect_async
from panmesh.client.dataset import Dataset
from panmesh.client.facets import Facets
from panmesh.client.files import Files
from panmesh.client.inside import NoSuchPath
from panmesh.client.node import Array, Attributes, Group
from panmesh.client.run import Parameters
from panmesh.client.taken import Incomplete, Taken
from panmesh.client.tree import Tree
from panmesh.client.values import (
    Access,
    Explanation,
    Facet,
    File,
    Instrument,
    Me,
    Named,
    Person,
    Pushed,
    Quantity,
    QuantityName,
    Relation,
    Sample,
    Technique,
    Visit,
)
from panmesh.kernel.errors import (
    Conflict,
    Embargoed,
    Forbidden,
    Invalid,
    NotFound,
    PanmeshError,
    PeerFailed,
    TooMany,
    Unauthenticated,
    Unavailable,
)

__all__ = [
    "Access",
    "Array",
    "Attributes",
    "Client",
    "Conflict",
    "Dataset",
    "Datasets",
    "Embargoed",
    "Explanation",
    "Facet",
    "Facets",
    "File",
    "Files",
    "Forbidden",
    "Group",
    "Incomplete",
    "Instrument",
    "Invalid",
    "Me",
    "Named",
    "NoSuchPath",
    "NotFound",
    "PanmeshError",
    "Parameters",
    "PeerFailed",
    "Person",
    "Pushed",
    "Quantity",
    "QuantityName",
    "Relation",
    "Results",
    "Sample",
    "Taken",
    "Technique",
    "TooMany",
    "Tree",
    "Unauthenticated",
    "Unavailable",
    "Visit",
    "Visits",
    "connect",
    "connect_async",
]
