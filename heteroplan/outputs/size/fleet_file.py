"""The fleet of a size as fleet.yaml."""

from dataclasses import asdict

from heteroplan.entities.fleet import Fleet
from heteroplan.inputs.gpu_types import built_in
from heteroplan.inputs.schemas.fleet import FleetFile
from heteroplan.inventory.fleet_file import fleet_text
from heteroplan.outputs.plan.document.plan_inputs import latency_fields

COMMENT = (
    "Written by heteroplan size. Prices are those of the offers that its nodes were taken from, "
    "per GPU and hour; what is paid once is written off."
)


def fleet_yaml(fleet: Fleet) -> str:
    """A fleet file that scenarios take."""
    clusters: dict[str, dict[str, list[dict[str, object]]]] = {}
    for leaf in fleet.network.leaves:
        leaves = clusters.setdefault(leaf.cluster, {}).setdefault(leaf.spine, [])
        leaves.append({"leaf": leaf.name, "nodes": {k: v for k, v in leaf.nodes.items() if v > 0}})
    data: dict[str, object] = {
        "name": fleet.name,
        "gpu_types": [
            {"name": gpu.name, "memory_gib": gpu.memory_gib}
            for gpu in {each.gpu.name: each.gpu for each in fleet.node_types}.values()
            if gpu.name not in built_in()
        ],
        "node_types": [
            {
                "name": each.name,
                "gpu": each.gpu.name,
                "gpus": each.gpus,
                "nic_gbit_per_s": each.nic_gbit_per_s,
                "usd_per_gpu_hour": round(each.usd_per_gpu_hour, 6),
                "failures": None if each.failures is None else asdict(each.failures),
            }
            for each in fleet.node_types
        ],
        "network": [
            {
                "cluster": cluster,
                "region": fleet.regions.get(cluster),
                "spines": [{"spine": spine, "leaves": leaves} for spine, leaves in spines.items()],
            }
            for cluster, spines in clusters.items()
        ],
        "bandwidth": {
            "across_leaves": fleet.across_leaves,
            "across_spines": fleet.across_spines,
        },
        "latency": latency_fields(fleet),
    }
    return fleet_text(FleetFile.model_validate(data), [COMMENT])
