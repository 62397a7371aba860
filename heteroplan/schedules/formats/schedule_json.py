"""The schedule as compact JSON: each pool's planned sizes, only where they change."""

import json

from heteroplan.outputs.plan.document.plan_document import PlanDocument


def schedule_json(document: PlanDocument) -> str:
    """Pools with `changes` of `at` (ISO 8601 with offset) and `replicas`, one pool a line.

    Times are when the replicas must serve; `startup_s` says how much earlier to start them.
    """
    moments = [moment.isoformat() for moment in document.horizon.boundaries()]
    head = {
        "scenario": document.scenario,
        "inputs_sha256": document.inputs_sha256,
        "timezone": document.horizon.timezone,
        "cyclic": document.horizon.cyclic,
        "start": moments[0],
        "end": moments[-1],
    }
    pools = [
        {
            "workload": pool.workload,
            "role": pool.role.value,
            "engine": pool.engine,
            "node_type": pool.node_type,
            "gpus_per_replica": pool.gpus_per_replica,
            "domain": pool.domain,
            "startup_s": document.startup_s(pool),
            "changes": [
                {"at": at, "replicas": replicas}
                for i, (at, replicas) in enumerate(zip(moments, pool.replicas, strict=False))
                if i == 0 or replicas != pool.replicas[i - 1]
            ],
        }
        for pool in document.pools
    ]
    fields = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    rows = ",\n".join(f"    {json.dumps(pool)}" for pool in pools)
    fields.append(f'  "pools": [\n{rows}\n  ]' if pools else '  "pools": []')
    return "{\n" + ",\n".join(fields) + "\n}\n"
