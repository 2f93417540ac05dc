"""People who do not exist, for the demo and the tests: one for each way to stand to data."""

from __future__ import annotations

PASSWORD = "panmesh-demo"

# login: (name, admin, steward, looks after instruments)
PERSONAS = {
    "pi": ("Principal investigator (demo)", False, False, False),
    "member": ("Team member (demo)", False, False, False),
    "outsider": ("Outsider (demo)", False, False, False),
    "scientist": ("Instrument scientist (demo)", False, False, True),
    "steward": ("Data steward (demo)", False, True, False),
    "admin": ("Facility admin (demo)", True, False, False),
}
