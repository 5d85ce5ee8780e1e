"""Imports the module afresh, over and over, until the file named by the second argument appears."""

import importlib
import json
import os
import sys
import warnings

folder, stop = sys.argv[1:3]
warnings.simplefilter("ignore")
sys.path.insert(0, folder)
counts = {"original": 0, "wrapper": 0}
failures = []
while not os.path.exists(stop):
    for name in [name for name in sys.modules if name.startswith("npu_coordination_bridge")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    try:
        module = importlib.import_module("npu_coordination_bridge")
        operation = module.NPUOperation("a", "echo", [1.0])
        assert operation.priority == 1 and module.Priority.REALTIME.value == 4
        assert set(module.get_bridge_status()) >= {"rust_available", "fallback_mode", "performance_mode"}
        assert module.NPUCoordinationBridge({"worker_threads": 2}).config["worker_threads"] == 2
        counts["wrapper" if hasattr(module, "__npubridge__") else "original"] += 1
    except BaseException as error:
        failures.append("%s: %s" % (type(error).__name__, error))
print(json.dumps({"counts": counts, "failures": failures[:5], "failed": len(failures)}))
