"""``python -m book.live CACHE``: download and compile what the live page serves, into a folder that is kept between builds."""

from __future__ import annotations

import sys
from pathlib import Path

from book.live.archives import compiled, dependencies, suite
from book.live.packages import Altered, Unavailable, pyodide
from book.live.parts import write_parts


def main(folder: str) -> int:
    """Prepare the live parts, and write which ones there are. Return 1 for a download that is not the pinned file."""
    cache = Path(folder)
    cache.mkdir(parents=True, exist_ok=True)
    try:
        python = pyodide(cache)
        archives = {"sympy": dependencies(), "theory": suite()}
        built = {name: compiled(name, files, python, cache).name for name, files in archives.items()}
        write_parts(cache, {"pyodide": f"{python.name}/", **built})
    except Unavailable as error:
        write_parts(cache, {}, missing=str(error))
    except Altered as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
