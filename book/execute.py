"""``python -m book.execute SOURCE CACHE``: run the code of all pages, several at a time, for Sphinx to find in the cache."""

from __future__ import annotations

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution
from myst_nb.core.read import read_myst_markdown_notebook

TIMEOUT = 300
"""Seconds that one cell may take."""


def run_page(path: Path) -> ExecutionResult:
    """Run the cells of a page in a kernel of its own."""
    notebook = read_myst_markdown_notebook(path.read_text(encoding="utf-8"), path=path)
    return single_nb_execution(notebook, cwd=str(path.parent), timeout=TIMEOUT, allow_errors=False)


def main(source: str, cache: str) -> int:
    """Run all pages with code and keep what they show; nothing of an earlier run is used again."""
    shutil.rmtree(cache, ignore_errors=True)
    kept = get_cache(cache)
    pages = [path for path in sorted(Path(source).rglob("*.md")) if "{code-cell}" in path.read_text(encoding="utf-8")]
    failed = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for path, result in zip(pages, pool.map(run_page, pages), strict=True):
            if result.err is not None:
                print(f"{path}: {result.exc_string}", file=sys.stderr)
                failed += 1
                continue
            print(f"ran {path.name} in {result.time:.1f} s", flush=True)
            bundle = CacheBundleIn(result.nb, str(path), data={"execution_seconds": result.time})
            kept.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
