"""What is in a file, as a tree that a notebook shows."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from panmesh.client import display
from panmesh.client.inside import Info

MOST = 500  # lines


class Tree:
    def __init__(self, lines: Sequence[tuple[int, Info]]) -> None:
        """Each object with its depth, children after their parent."""
        self._lines = list(lines)

    def __len__(self) -> int:
        return len(self._lines)

    def paths(self) -> list[str]:
        return [info.path for _, info in self._lines]

    def __repr__(self) -> str:
        said = [f"{'  ' * depth}{_name(info, depth)}  {info.brief()}".rstrip() for depth, info in self._lines]
        return "\n".join(said + ([self._more()] if self._more() else []))

    def _repr_html_(self) -> str:
        said, open_at = "", list[int]()
        for number, (depth, info) in enumerate(self._lines):
            while open_at and open_at[-1] >= depth:
                said += "</div></details>"
                open_at.pop()
            after = self._lines[number + 1][0] if number + 1 < len(self._lines) else 0
            line = f'{escape(_name(info, depth))} <span style="opacity:.65">{escape(info.brief())}</span>'
            if after > depth:
                unfolded = " open" if depth < 2 else ""
                said += f'<details{unfolded}><summary>{line}</summary><div style="margin-left:1.4em">'
                open_at.append(depth)
            else:
                said += f"<div>{line}</div>"
        said += "</div></details>" * len(open_at)
        return f'<div style="line-height:1.5">{said}</div>' + (display.note(self._more()) if self._more() else "")

    def _more(self) -> str:
        omitted = sum(info.omitted for _, info in self._lines)
        if omitted:
            return f"… {omitted:,} more that the server did not describe"
        return f"… at most {MOST} are shown; ask for the tree of a path below" if len(self._lines) >= MOST else ""


def _name(info: Info, depth: int) -> str:
    return info.name if depth else info.path
