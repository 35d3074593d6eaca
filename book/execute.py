"""``python -m book.execute SOURCE CACHE``: run the code of all pages, several at a time, and keep the results in a cache for Sphinx."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat.v4 import new_code_cell

TIMEOUT = 300
"""Largest number of seconds for one cell."""
CLEAR = "%reset -f"
Ran = tuple[Path, ExecutionResult]


def run_page(path: Path, kernel: AsyncKernelManager | None = None) -> Ran:
    """Run the cells of a page in a kernel of its own, or in a given kernel whose variables are cleared first."""
    notebook = read_myst_markdown_notebook(path.read_text(encoding="utf-8"), path=path)
    notebook.cells.insert(0, new_code_cell(CLEAR))
    result = single_nb_execution(notebook, cwd=str(path.parent), timeout=TIMEOUT, allow_errors=False, km=kernel)
    del notebook.cells[0]
    if result.err is None:
        print(f"ran {path.name} in {result.time:.1f} s", flush=True)
    return path, result


def run_in_turn(waiting: SimpleQueue[Path]) -> list[Ran]:
    """Run waiting pages in one kernel, which imports and derives once for all of them."""
    kernel = AsyncKernelManager()
    try:
        return [run_page(path, kernel) for path in taken_from(waiting)]
    finally:
        run_sync(kernel.shutdown_kernel)(now=True)


def taken_from(waiting: SimpleQueue[Path]) -> Iterator[Path]:
    while True:
        try:
            yield waiting.get_nowait()
        except Empty:
            return


def main(source: str, cache: str) -> int:
    """Run all pages with code, and keep their outputs in the cache. Return 1 if a page failed, and 0 otherwise.

    The cache is emptied first. The pages of claims have the same imports and share the kernels; each other page has its own.
    """
    shutil.rmtree(cache, ignore_errors=True)
    kept = get_cache(cache)
    pages = [path for path in sorted(Path(source).rglob("*.md")) if "{code-cell}" in path.read_text(encoding="utf-8")]
    workers = os.cpu_count() or 1
    alike: SimpleQueue[Path] = SimpleQueue()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        alone = [pool.submit(run_page, path) for path in pages if path.parent.name != "claims"]
        for path in pages:
            if path.parent.name == "claims":
                alike.put(path)
        together = [pool.submit(run_in_turn, alike) for _ in range(workers)]
    results = [*(future.result() for future in alone), *(ran for future in together for ran in future.result())]
    for path, result in results:
        if result.err is not None:
            print(f"{path}: {result.exc_string}", file=sys.stderr)
            continue
        bundle = CacheBundleIn(result.nb, str(path), data={"execution_seconds": result.time})
        kept.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return int(any(result.err is not None for _, result in results))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
