"""MyST Markdown as the plain Markdown of a notebook: without directives, roles, and links that lead nowhere from there."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

FENCE = re.compile(
    r"^\s*(?P<marks>:{3,}|`{3,})(?:\{(?P<directive>[\w:-]+)\}\s*(?P<title>.*)|(?P<language>[\w+-]*)\s*)$"
)
OPTION = re.compile(r"^\s*:[\w-]+:.*$")
FORMULA = re.compile(r'<div class="math[^>]*>\\\[(.*?)\\\]</div>', re.DOTALL)
TARGET = re.compile(r"^\([\w.-]+\)=$", re.MULTILINE)
REPLACED = (
    (re.compile(r"\s*\{cite[\w:]*\}`[^`]*`"), ""),
    (re.compile(r"\{[\w:-]+\}`([^`<]+?)(?:\s*<[^`>]*>)?`"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\((?![a-z]+:)[^)]*\)"), r"\1"),
    (re.compile(r'<a [^>]*href="(?![a-z]+:)[^>]*>.*?</a>'), ""),
    (re.compile(r"^\* - "), "- "),
    (re.compile(r"^  - "), "\n  "),
)
"""What is replaced in a line of text: citations, other roles, links to pages and anchors, and the marks of tables that are lists."""
SILENT = ("toctree", "contents", "image", "figure", "bibliography")
"""Directives whose content says nothing in a notebook."""
REMARKS = ("note", "tip", "warning", "important", "seealso")


@dataclass
class Block:
    """An open directive or block of code: the marks of its fence, its name, and the lines so far of what is not shown as it is."""

    marks: str
    name: str
    lines: list[str] = field(default_factory=list)


def without_directives(markdown: str) -> str:
    """Return MyST Markdown as plain Markdown.

    The content of directives stays, and what a directive or role adds to it is left out. Formulas stand in dollars. Of links
    to other pages and to anchors the words stay.
    """
    lines: list[str] = []
    blocks: list[Block] = []
    options = False
    for line in markdown.splitlines():
        fence = FENCE.match(line)
        inside = blocks[-1] if blocks else Block("", "")
        if fence and fence["marks"] == inside.marks and not fence["directive"] and not fence["language"]:
            lines += closed(blocks.pop())
            continue
        if inside.name in ("code", "raw", *SILENT):
            (lines if inside.name == "code" else inside.lines).append(line)
            continue
        if fence and fence["marks"][0] == "`" and not fence["directive"]:
            blocks.append(Block(fence["marks"], "code"))
            lines.append(line)
        elif fence and fence["directive"]:
            blocks.append(Block(fence["marks"], fence["directive"]))
            lines += opened(fence["directive"], fence["title"].strip())
        elif not (options and OPTION.match(line)):
            lines.append(line if inside.name == "math" else in_plain_words(line))
        options = bool(fence) or (options and bool(OPTION.match(line)))
    return re.sub(r"\n{3,}", "\n\n", TARGET.sub("", "\n".join(lines))).strip()


def in_plain_words(line: str) -> str:
    """Return a line of text without roles and without links that lead nowhere."""
    for pattern, words in REPLACED:
        line = pattern.sub(words, line)
    return line


def opened(directive: str, title: str) -> list[str]:
    """Return the lines in place of the start of a directive: its title, and what kind of statement it makes."""
    domain, _, kind = directive.rpartition(":")
    if directive == "math":
        return ["$$"]
    if domain == "prf" or directive in REMARKS:
        return [f"**{kind.capitalize()}.** {title}".rstrip(), ""]
    return [f"**{title}**", ""] if title and directive not in (*SILENT, "raw", "div") else []


def closed(block: Block) -> list[str]:
    """Return the lines in place of the end of a block. Of raw HTML the formulas stay."""
    if block.name == "raw":
        formulas = FORMULA.findall("\n".join(block.lines))
        return [line for formula in formulas for line in ("$$", html.unescape(formula), "$$")]
    return {"math": ["$$"], "code": [block.marks]}.get(block.name, [""])
