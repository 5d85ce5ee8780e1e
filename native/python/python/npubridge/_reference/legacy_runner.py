"""Starts the child process of the legacy engine: ``python3 legacy_runner.py [--module PATH] [--no-sleep]``.

Every Python from 2.7 on can read this file, so that one which is too old says so instead of showing a syntax error.
The work is in ``legacy_server``.
"""

import json
import sys

OLDEST = (3, 10)


def too_old():
    """The first and only answer of a Python that cannot run the module."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    return {"ready": False, "reason": "python_too_old", "python": found, "executable": sys.executable}


if __name__ == "__main__":
    if sys.version_info[:2] < OLDEST:
        sys.stdout.write(json.dumps(too_old()) + "\n")
        sys.exit(1)
    # The package may lie in a folder that is not ours to write in.
    sys.dont_write_bytecode = True
    from legacy_server import main

    main(sys.argv[1:])
