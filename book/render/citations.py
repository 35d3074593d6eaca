"""Citations: the entries of ``references.bib`` that a source names."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from pybtex.database import Entry, parse_file

from theory.claim import Source

BIBLIOGRAPHY = Path(__file__).resolve().parents[1] / "references.bib"


@cache
def entries() -> dict[str, Entry]:
    """Return the entries of the bibliography by key."""
    return dict(parse_file(str(BIBLIOGRAPHY)).entries)


def title(entry: Entry) -> str:
    """Return the title of an entry without braces."""
    return re.sub(r"[{}]", "", entry.fields["title"])


def key_of(source: Source) -> str | None:
    """Return the key of a paper, which its number at arXiv decides, or None for one that is not in the bibliography."""
    return next((key for key, entry in entries().items() if entry.fields.get("eprint") == source.arxiv), None)


def keys_in(text: str) -> list[str]:
    """Return the keys of the works whose titles a text names. The longest title counts where one contains another."""
    found, rest = [], text.lower()
    for key, entry in sorted(entries().items(), key=lambda item: -len(title(item[1]))):
        named = title(entry).lower()
        for words in (named, named.partition(":")[0]):
            if words in rest:
                found.append(key)
                rest = rest.replace(words, "")
                break
    return found


def cite(*keys: str | None) -> str:
    """Return a citation in parentheses as Markdown, or nothing where there is no key."""
    known = [key for key in keys if key is not None]
    return f"{{cite:p}}`{','.join(known)}`" if known else ""
