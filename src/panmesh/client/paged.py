"""A long list, asked for page by page as somebody looks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Generic, TypeVar, overload

from panmesh.client import display
from panmesh.kernel.text import counted

T = TypeVar("T")
Ask = Callable[[int, int], tuple[list[T], int]]  # (offset, limit) -> (these, how many there are in all)
KEPT = 8  # pages: a walk over a million runs does not keep them
SHOWN = 20


class Paged(Sequence[T], Generic[T]):
    what: ClassVar[str] = "items"
    head: ClassVar[tuple[str, ...]] = ("",)
    right: ClassVar[tuple[int, ...]] = ()  # columns of numbers

    def __init__(self, ask: Ask[T], page: int = 100) -> None:
        self._ask = ask
        self._page_size = page
        self._pages: OrderedDict[int, list[T]] = OrderedDict()
        self._total: int | None = None

    @property
    def total(self) -> int:
        return len(self)

    def __len__(self) -> int:
        if self._total is None:
            self._page(0)
        return self._total or 0

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        number, within = divmod(at, self._page_size)
        page = self._page(number) if at >= 0 else []
        if within >= len(page):
            raise IndexError(f"there are {len(self)} {self.what}; there is no number {index}")
        return page[within]

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page

    def pages(self) -> Iterator[list[T]]:
        number = 0
        while page := self._page(number):
            yield page
            number += 1
            if number * self._page_size >= len(self):
                return

    def first(self, count: int) -> list[T]:
        """In one request of just that many."""
        if self._total is not None and self._total <= count or 0 in self._pages and count <= self._page_size:
            return self[:count]
        these, self._total = self._ask(0, count)
        return these

    def __repr__(self) -> str:
        return text_of(self.what, [self.row(one) for one in self.first(SHOWN)], len(self))

    def _repr_html_(self) -> str:
        return html_of(self.what, self.head, self.right, [self.row(one) for one in self.first(SHOWN)], len(self))

    def row(self, one: T) -> tuple[str, ...]:
        return (str(one),)

    def _page(self, number: int) -> list[T]:
        if number in self._pages:
            self._pages.move_to_end(number)
            return self._pages[number]
        these, self._total = self._ask(number * self._page_size, self._page_size)
        self._pages[number] = these
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        return these


def text_of(what: str, rows: Sequence[tuple[str, ...]], total: int) -> str:
    lines = ["  ".join(cell or "–" for cell in row) for row in rows]
    return "\n".join(
        [counted(total, what.removesuffix("s"), what), *lines, *([f"… {total - len(rows)} more"] if total > len(rows) else [])]
    )


def html_of(what: str, head: Sequence[str], right: Sequence[int], rows: Sequence[tuple[str, ...]], total: int) -> str:
    said = display.heading(counted(total, what.removesuffix("s"), what)) + (
        display.table(head, rows, right=right) if rows else ""
    )
    return said + (display.note(f"… {total - len(rows):,} more") if total > len(rows) else "")
