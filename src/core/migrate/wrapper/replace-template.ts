/** The wrapper that stands for the legacy module once a code base has moved. */
export const REPLACE = `"""The NPU coordination bridge, now from npubridge.

npubridge.compat provides what callers import from here. Where npubridge cannot be imported, the archived original runs
in this module instead and a RuntimeWarning says so. Undo: npubridge migrate rollback
"""

@@COMMON@@
TYPE_CHECKING = False
if TYPE_CHECKING:
    from npubridge.compat import *

# What callers take from here as they took it from the original.
_NPUBRIDGE_NAMES = @@NAMES@@

# What the original had. It is loaded only when somebody asks for a name that npubridge.compat does not have.
_NPUBRIDGE_ARCHIVED = @@ARCHIVED@@


_npubridge_lock = _npubridge_threading.RLock()
_npubridge_original_module = None


def _npubridge_original():
    """The archived original as a module of its own."""
    global _npubridge_original_module
    with _npubridge_lock:
        # Also while it is loading, in this thread: a module that imports itself sees what there is of it so far.
        if _npubridge_original_module is None:
            module = _npubridge_types.ModuleType(__name__ + "_archived")
            module.__file__ = __file__
            module.__package__ = __package__
            _npubridge_original_module = _npubridge_sys.modules[module.__name__] = module
            try:
                _npubridge_run_archive(module.__dict__)
            except BaseException:
                _npubridge_original_module = None
                del _npubridge_sys.modules[module.__name__]
                raise
        return _npubridge_original_module


def __getattr__(name):
    if _npubridge_compat is not None and not name.startswith("__"):
        if name in getattr(_npubridge_compat, "__all__", ()):
            # Worked out when asked for, as NPU_AVAILABLE is.
            return getattr(_npubridge_compat, name)
        if _NPUBRIDGE_ARCHIVED is None or name in _NPUBRIDGE_ARCHIVED:
            value = getattr(_npubridge_original(), name)
            _npubridge_warnings.warn(
                "{}.{} comes from the archived original {}: npubridge.compat has no such name".format(
                    __name__, name, _npubridge_archive_path()
                ),
                RuntimeWarning,
                stacklevel=2,
            )
            globals()[name] = value
            return value
    raise AttributeError("module {!r} has no attribute {!r}".format(__name__, name))


_npubridge_compat = None
try:
    import npubridge.compat as _npubridge_compat
    from npubridge.compat import NPUCoordinationBridge
except Warning:
    # Asked for by the user of this process: python -W error.
    raise
except Exception as _npubridge_problem:
    _npubridge_compat = None
    __npubridge__ = {
        "active": "archive",
        "reason": "{}: {}".format(type(_npubridge_problem).__name__, _npubridge_problem),
        "strategy": "replace",
    }
    _npubridge_warnings.warn(
        "npubridge cannot be imported ({}); {} runs the archived original {} instead. "
        "Remedy: pip install npubridge=={}".format(
            __npubridge__["reason"], __name__, _npubridge_archive_path(), _NPUBRIDGE_VERSION
        ),
        RuntimeWarning,
        stacklevel=2,
    )
    _npubridge_run_archive(globals())
else:
    __npubridge__ = {"active": "npubridge", "reason": None, "strategy": "replace"}
    for _npubridge_name in _NPUBRIDGE_NAMES:
        if _npubridge_name in vars(_npubridge_compat):
            globals()[_npubridge_name] = vars(_npubridge_compat)[_npubridge_name]
@@ALIAS@@    __all__ = @@ALL@@
@@MAIN@@`
