"""Who a file says took part."""

from __future__ import annotations

import re

from panmesh.ingest.entries import attribute_at, members_of_class, text_at, valued
from panmesh.ingest.facts import Found, Person
from panmesh.ingest.placeholders import is_placeholder
from panmesh.ingest.tree import Node, NodeKind, Tree

_NAMES = ("name", "username", "fullname", "full_name", "user_name", "facility_user_id", "id")
_MORE = {"namelocalcontact": "local contact", "usernamelist": "team"}  # in a user group, beside the first name
_LOOSE = {  # datasets right in the entry, and the role they say
    "user": None, "user_name": None, "users": None, "username": None, "owner": None, "experimenter": None, "operator": "operator",
    "local_contact": "local contact", "localcontact": "local contact", "local_contact_name": "local contact",
    "principal_investigator": "principal investigator", "pi": "principal investigator", "proposer": "proposer", "proposal_user": None,
    "experiment_team": None, "main_proposer": "proposer", "author": "author", "sample_owner": None, "participants": None, "user.name": None, "user.namelocalcontact": "local contact", "user.usernamelist": "team",
}  # fmt: skip
_SPLIT = re.compile(r"\s*[;\n|]\s*|\s*,\s+and\s+|\s+and\s+|\s*&\s*")
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")


def people_of(tree: Tree, group: Node) -> tuple[tuple[Person, ...], list[Found]]:
    """(people, placeholders), each name once, groups of class NXuser first."""
    people: dict[str, Person] = {}
    empty: list[Found] = []
    for user in _user_groups(tree, group):
        _from_group(tree, user, people, empty)
    for name, role in _LOOSE.items():
        node = valued(tree, tree.child(group.path, name))
        if node is None:
            continue
        for text in _texts(node, listed=role == "team"):
            _add(people, empty, text, node.path, role=role)
    if not people and (named := attribute_at(group, ("User", "user", "user_name", "experimenter", "operator"))) is not None:
        _add(people, empty, named.value, named.path, role=None)
    owner = attribute_at(tree.nodes["/"], ("owner", "SPEC_user"))
    if owner is not None and not people:
        _add(people, empty, owner.value, owner.path, role="owner")
    return tuple(people.values())[:200], empty


def checked_orcid(text: str | None) -> str | None:
    """The bare ORCID iD if its last character is the right check character (ISO 7064 MOD 11-2)."""
    match = _ORCID.search(text or "")
    if match is None:
        return None
    digits = match[1].replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return match[1] if digits[-1] == ("X" if check == 10 else str(check)) else None


def _user_groups(tree: Tree, group: Node) -> list[Node]:
    found = list(members_of_class(tree, group, "NXuser"))
    for member in tree.members(group.path):
        node = tree.get(member.path)
        if node is None or node.kind is not NodeKind.GROUP or node in found:
            continue
        if member.name.casefold() in ("user", "users", "user1", "experimenter", "local_contact") and not node.nx_class.startswith(
            "NX"
        ):
            found.append(node)
    nested = [inner for user in found for inner in members_of_class(tree, user, "NXuser")]
    return found + nested


def _from_group(tree: Tree, user: Node, people: dict[str, Person], empty: list[Found]) -> None:
    _from_name(tree, user, people, empty)
    for key, role in _MORE.items():
        node = tree.child(user.path, key)
        for text in _texts(node, listed=True) if node is not None and node.kind is NodeKind.DATASET else ():
            _add(people, empty, text, node.path if node else user.path, role=role)


def _from_name(tree: Tree, user: Node, people: dict[str, Person], empty: list[Found]) -> None:
    for key in _NAMES:
        node = tree.child(user.path, key)
        texts = _texts(node) if node is not None and node.kind is NodeKind.DATASET else []
        if not texts:
            continue
        role = _value(text_at(tree, user, ("role",)))
        for text in texts:
            _add(
                people,
                empty,
                text,
                node.path if node else user.path,
                role=role,
                orcid=checked_orcid(_value(text_at(tree, user, ("ORCID", "orcid", "identifier_orcid")))),
                affiliation=_value(text_at(tree, user, ("affiliation", "institution"))) if len(texts) == 1 else None,
                email=_value(text_at(tree, user, ("email",))) if len(texts) == 1 else None,
                user_id=_value(text_at(tree, user, ("facility_user_id",))) if key != "facility_user_id" else text,
            )
        return


def _texts(node: Node, *, listed: bool = False) -> list[str]:
    """Names in a dataset. `listed`: commas and slashes divide people too (elsewhere a comma stands between name and first name)."""
    values = node.value if isinstance(node.value, tuple) else (node.value,)
    flat = [v for v in values if isinstance(v, str)]
    if listed:
        flat = [part for v in flat for part in re.split(r"[,/;\n]", v)]
    return [part for v in flat for part in _SPLIT.split(" ".join(v.replace("\n", ";").split())) if part.strip()] or (
        flat[:1] if flat else []
    )


def _add(
    people: dict[str, Person],
    empty: list[Found],
    text: str,
    path: str,
    *,
    role: str | None,
    orcid: str | None = None,
    affiliation: str | None = None,
    email: str | None = None,
    user_id: str | None = None,
) -> None:
    name = " ".join(text.split()).strip(" ,;")
    if is_placeholder(name) or len(name) > 300:
        empty.append(Found(value=name[:80], path=path))
        return
    person = Person(name=name, path=path, role=role, orcid=orcid, affiliation=affiliation, email=email, facility_user_id=user_id)
    people.setdefault(name.casefold(), person)


def _value(found: Found | None) -> str | None:
    return found.value if found is not None and not is_placeholder(found.value) else None
