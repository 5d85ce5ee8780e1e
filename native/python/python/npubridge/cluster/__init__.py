"""A pool of hosts in place of an engine here. Needs the extra ``cluster``: ``pip install 'npubridge[cluster]'``.

>>> from npubridge.cluster import Cluster
>>> async with Cluster("redis://queue.example:6379") as pool:
...     result = await pool.submit("inference", model="minilm", inputs=inputs, priority="high", timeout_ms=500)
...     result.outputs["output"], result.node
...     async for index, result in pool.stream([{"type": "echo", "data": n} for n in range(100)]):
...         print(index, result)
"""

from __future__ import annotations

from ._client import Cluster
from ._replies import ClusterResult

__all__ = ["Cluster", "ClusterResult"]
