"""Markdown of small things: names, sentences, verdicts."""

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
    """Return plain text as Markdown: every sign that Markdown would read is escaped, except in ``code``.

    A number such as 1e-50 stays on one line.
    """
    parts = re.split(r"(``.+?``)", text, flags=re.DOTALL)
    return "".join(part if part.startswith("``") else escaped(part) for part in parts)


def escaped(text: str) -> str:
    """Return text without ``code`` as Markdown."""
    text = re.sub(r"([\\*_<>\[\]|$#~])", r"\\\1", text)
    return re.sub(r"(?<=\de)-(?=\d)", f"-{WORD_JOINER}", text)


def sentence(text: str) -> str:
    """Return text with its first letter as a capital, unless it starts with a formula."""
    return text[:1].upper() + text[1:]
