"""The module that npubridge replaces, as it behaved, and the process that serves it to Node.

``npu_coordination_bridge`` is the reference: the safe mode that runs where nothing faster can, and the honest baseline
of every comparison. ``legacy_runner`` is the child process of the legacy engine.
"""
