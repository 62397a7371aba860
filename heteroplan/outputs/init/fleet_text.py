"""The text of a new fleet.yaml."""

from collections.abc import Iterator, Sequence

from heteroplan.outputs.init.drafts import NodesDraft
from heteroplan.outputs.init.scenario_text import EXAMPLE, flow, marked

_HEAD = f"""\
# Written by heteroplan init. Nobody gave the values that are marked "{EXAMPLE}": put your own.
# The whole fleet is one network domain here. With `network:` instead of `nodes:` it has clusters,
# spines and leaves; heteroplan fleet import reads them. All fields: heteroplan schema fleet.
"""
_MEANINGS = {
    "nic_gbit_per_s": "network bandwidth of a node [Gbit/s]",
    "usd_per_gpu_hour": "price of one GPU [USD/h]",
}


def fleet_text(name: str, drafts: Sequence[NodesDraft]) -> str:
    """A fleet without a network; node types are named by GPU type and GPUs."""
    lines = [f"name: {flow(name)}", "node_types:"]
    for draft in drafts:
        first, *others = _node_type(draft)
        lines += [f"  - {first}", *(f"    {line}" for line in others)]
    counts = flow({node_type_name(each): each.nodes for each in drafts})
    unknown = any("nodes" in each.examples for each in drafts)
    lines.append(marked(f"nodes: {counts}", ["how many there are"] if unknown else []))
    return _HEAD + "\n".join(lines) + "\n"


def node_type_name(draft: NodesDraft) -> str:
    """Such as `h100-sxm-80gb-x8`."""
    return f"{draft.gpu.lower()}-x{draft.gpus}"


def _node_type(draft: NodesDraft) -> Iterator[str]:
    yield f"name: {node_type_name(draft)}"
    yield marked(f"gpu: {draft.gpu}", ["GPU type"] if "gpu" in draft.examples else [])
    yield f"gpus: {draft.gpus}"
    for name, meaning in _MEANINGS.items():
        line = f"{name}: {flow(getattr(draft, name))}"
        yield marked(line, [meaning] if name in draft.examples else [])
