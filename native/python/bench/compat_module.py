"""npubridge's own Python package where an old module is expected: what ``bench`` measures in place of one."""

from npubridge import compat
from npubridge.compat import *  # noqa: F403

if compat.FALLBACK_MODE:
    # It would measure the old module, which it then stands for.
    raise ImportError("npubridge.compat runs without the native engine: see npubridge.compat.get_bridge_status()")
