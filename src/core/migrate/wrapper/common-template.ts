/**
 * The start of every wrapper. Python 3.7 or newer, ASCII only, standard library only; every helper has a name that no
 * legacy module uses, because the archived original may be executed in the very same namespace.
 */
export const COMMON = `import os as _npubridge_os
import sys as _npubridge_sys
import threading as _npubridge_threading
import types as _npubridge_types
import warnings as _npubridge_warnings

_NPUBRIDGE_VERSION = @@VERSION@@
_NPUBRIDGE_MARKER = @@MARKER@@
_NPUBRIDGE_ARCHIVE = @@ARCHIVE@@


def _npubridge_archive_path():
    folder = _npubridge_os.path.dirname(_npubridge_os.path.realpath(__file__))
    return _npubridge_os.path.normpath(_npubridge_os.path.join(folder, *_NPUBRIDGE_ARCHIVE.split("/")))


def _npubridge_archived_source():
    """The archived original as bytes, and the path to name in tracebacks."""
    path = _npubridge_archive_path()
    for attempt in range(20):
        try:
            with open(path, "rb") as file:
                return file.read(), path
        except OSError as error:
            problem = error
        # Rolled back while this was being imported? Then the original is in the place of this file again.
        with open(__file__, "rb") as file:
            source = file.read()
        if _NPUBRIDGE_MARKER.encode("ascii") not in source[:4096]:
            return source, __file__
    raise ImportError(
        "the archived original of {} cannot be read: {}. Restore the folder with git, or install npubridge: "
        "pip install npubridge=={}".format(__name__, problem, _NPUBRIDGE_VERSION)
    ) from problem


def _npubridge_run_archive(namespace):
    source, path = _npubridge_archived_source()
    exec(compile(source, path, "exec", dont_inherit=True), namespace)
`
