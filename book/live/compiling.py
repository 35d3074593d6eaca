"""Compile the modules of an archive for the Python that runs this file, which is Pyodide's, under Node.js."""

import warnings
import zipfile
from importlib import _bootstrap_external  # pyright: ignore[reportAttributeAccessIssue]
from importlib.util import source_hash

WITHOUT_SOURCES = ("sympy/", "mpmath/")
WRITTEN = (1980, 1, 1, 0, 0, 0)


def compile_archive(sources: str, compiled: str) -> None:
    """Write an archive with the compiled modules of another; other files, and sources of the suite, are copied.

    The compiled files stand beside the sources, where zipimport looks for them. They hold the hash of their source,
    which is not compared when they are imported.
    """
    warnings.simplefilter("ignore", SyntaxWarning)
    with zipfile.ZipFile(sources) as given, zipfile.ZipFile(compiled, "w", compresslevel=9) as packed:
        for name in given.namelist():
            content = given.read(name)
            if name.endswith(".py"):
                code = compile(content, name, "exec", dont_inherit=True)
                binary = _bootstrap_external._code_to_hash_pyc(code, source_hash(content), False)
                write(packed, name + "c", binary)
            if not name.startswith(WITHOUT_SOURCES):
                write(packed, name, content)


def write(packed: zipfile.ZipFile, name: str, content: bytes) -> None:
    packed.writestr(zipfile.ZipInfo(name, WRITTEN), content, zipfile.ZIP_DEFLATED)
