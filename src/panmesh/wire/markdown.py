"""Markdown of the logbook as HTML that can do no harm: no HTML of the writer's, no script, no picture of another host."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

PICTURE = "picture:"  # `![alt](picture:NAME)`: of the same run or visit
_TAGS = {
    "p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "img",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "loading"}, "ol": {"start"}, "th": {"align"}, "td": {"align"}}
_PICTURE_NAME = re.compile(r"[0-9a-f]{64}\.(?:png|jpg)")
_NESTING = 20  # lists in lists in quotes: nobody reads deeper


def render(text: str, picture: Callable[[str], str]) -> str:
    """`picture`: the address of the picture of that name."""
    html = _parser().render(text, {"picture": picture})
    return nh3.clean(
        html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto"}, link_rel="nofollow noopener noreferrer"
    )


def with_addresses(text: str, picture: Callable[[str], str]) -> str:
    """The same Markdown, its pictures under addresses that other programs open."""
    return re.sub(rf"\({PICTURE}({_PICTURE_NAME.pattern})\)", lambda match: f"({picture(match[1])})", text)


def picture_of(name: str, alt: str = "") -> str:
    """The Markdown that shows a picture of the same run or visit."""
    plain = re.sub(r"[\[\]\\\r\n]", " ", alt).strip()[:200]
    return f"![{plain}]({PICTURE}{name})"


_PARSER: MarkdownIt | None = None


def _parser() -> MarkdownIt:
    global _PARSER
    if _PARSER is None:
        made = MarkdownIt("commonmark", {"html": False, "maxNesting": _NESTING, "breaks": True})
        made.enable(["table", "strikethrough"])
        made.add_render_rule("image", _image)
        made.add_render_rule("heading_open", _heading)
        made.add_render_rule("heading_close", _heading)
        made.validateLink = _link_allowed  # type: ignore[method-assign]
        _PARSER = made
    return _PARSER


def _link_allowed(url: str) -> bool:
    scheme = url.strip().partition(":")[0].lower() if ":" in url.partition("/")[0] else ""
    return scheme in ("", "http", "https", "mailto", PICTURE[:-1])


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A picture of ours; any other is a link, which nobody follows unasked."""
    token = tokens[index]
    source = str(token.attrGet("src") or "")
    alt = self.renderInlineAsText(token.children or [], options, env)
    name = source.removeprefix(PICTURE)
    if source.startswith(PICTURE) and _PICTURE_NAME.fullmatch(name):
        address = env["picture"](name)
        return f'<a href="{address}"><img src="{address}" alt="{_escaped(alt) or "picture"}" loading="lazy"></a>'
    if source.startswith(("http://", "https://")):
        return f'<a href="{_escaped(source)}">{_escaped(alt or source)}</a>'
    return _escaped(alt)


def _heading(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Below the headings of the page: the writer's first is its third."""
    token = tokens[index]
    token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    return self.renderToken(tokens, index, options, env)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
