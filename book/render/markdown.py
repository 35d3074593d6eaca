"""Markdown of names, sentences and verdicts."""

from __future__ import annotations

import re

from theory.claim import Verdict

WORD_JOINER = "\u2060"
BADGES = {Verdict.HOLDS: "success", Verdict.REFUTED: "danger", Verdict.OPEN: "warning"}


def badge(verdict: Verdict | str) -> str:
    """Return the verdict as a coloured label."""
    return f"{{bdg-{BADGES[Verdict(verdict)]}}}`{verdict}`"


def slug(text: str) -> str:
    """Return a name as part of an anchor."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def prose(text: str) -> str:
    """Return plain text as Markdown, with all signs of Markdown escaped outside ``code``.

    A number such as 1e-50 stays on one line.
    """
    parts = re.split(r"(``.+?``)", text, flags=re.DOTALL)
    return "".join(part if part.startswith("``") else escaped(part) for part in parts)


def escaped(text: str) -> str:
    """Return plain text that contains no ``code`` as Markdown."""
    text = re.sub(r"([\\*_<>\[\]|$#~])", r"\\\1", text)
    return re.sub(r"(?<=\de)-(?=\d)", f"-{WORD_JOINER}", text)


def sentence(text: str) -> str:
    """Return text with its first letter as a capital, unless it starts with a formula."""
    return text[:1].upper() + text[1:]


def indented(text: str, spaces: int) -> str:
    """Return text whose lines after the first one start with so many spaces, as the inside of an item does."""
    return text.replace("\n", "\n" + " " * spaces)


def item(head: str, text: str) -> str:
    """Return an item of a list: the head, a dash, and a text, whose displayed formulas stay inside the item."""
    between = "" if not text else ":" if text.startswith("\n") else " – "
    return "- " + indented(f"{head}{between}{text}", 2)
