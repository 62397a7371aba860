"""Workloads whose requests come from a region: which clusters are near, and what TTFT is left.

A request of a region and the first token of its answer take a round trip to the cluster that serves
it. Clusters too far away are excluded, and TTFT targets are less the longest round trip to one that
is left, wherever a request is served. What comes after sees an ordinary workload.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import Origin, Workload
from heteroplan.errors import InputProblem
from heteroplan.inputs.checks.fleet import unknown
from heteroplan.inputs.schemas.workload import OriginSpec
from heteroplan.reading.yaml_source import Document, FieldPath


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the requests of a workload come from, and how far they may go."""

    region: str
    most_ms: float
    """Longest round trip to a cluster that serves them [ms]."""

    def near(self, workload: Workload, fleet: Fleet) -> Workload:
        """The workload without clusters that are too far away; SLOs as they were."""
        far = [
            cluster
            for cluster, region in fleet.regions.items()
            if fleet.round_trip_ms(self.region, region) > self.most_ms
        ]
        return replace(workload, exclude=(*workload.exclude, *far))

    def longest_ms(self, workload: Workload, fleet: Fleet) -> float:
        """Round trip to the farthest cluster that `workload` may use [ms]."""
        clusters = {
            leaf.cluster for leaves in workload.domains(fleet.network).values() for leaf in leaves
        }
        regions = {fleet.regions[cluster] for cluster in clusters}
        return max((fleet.round_trip_ms(self.region, each) for each in regions), default=0.0)

    def served(self, workload: Workload, fleet: Fleet) -> Workload:
        """As its clusters see it: near enough, and with the TTFT that the network leaves."""
        near = self.near(workload, fleet)
        network_ms = self.longest_ms(near, fleet)
        if network_ms == 0.0:
            return near

        def less(slo: Slo) -> Slo:
            return slo.each(lambda item: replace(item, ttft_ms=item.ttft_ms - network_ms))

        note = f"TTFT targets are {network_ms:g} ms shorter than written, for the network"
        return replace(near.with_slo(less), demand_notes=(*near.demand_notes, note))


def of_region(
    document: Document, path: FieldPath, spec: OriginSpec, workload: Workload, fleet: Fleet
) -> tuple[Workload, list[InputProblem]]:
    """The workload at `path` as its clusters see it; as it was where that has problems."""
    reach = Reach(spec.region, spec.max_latency_ms)
    problems = list(check_origin(document, path, reach, workload, fleet))
    if problems:
        return workload, problems
    origin = Origin(
        spec.region, spec.egress_bytes_per_input_token, spec.egress_bytes_per_output_token
    )
    return replace(reach.served(workload, fleet), origin=origin), []


def check_origin(
    document: Document, path: FieldPath, reach: Reach, workload: Workload, fleet: Fleet
) -> Iterator[InputProblem]:
    """The region is known, all clusters have one, and a near cluster leaves some TTFT."""
    field = (*path, "origin", "region")
    known = dict.fromkeys(fleet.regions.values())
    without = [
        each for each in fleet.network.domains(Affinity.CLUSTER) if each not in fleet.regions
    ]
    if without:
        remedy = f"cluster {without[0]} of the fleet has no region; give it one"
        yield document.problem(field, remedy)
        return
    if reach.region not in known:
        yield document.problem(field, unknown("region", reach.region, known))
        return
    unsaid = [each for each in known if not fleet.has_round_trip(reach.region, each)]
    if unsaid:
        remedy = f"the fleet gives no latency between it and {unsaid[0]}; add it"
        yield document.problem(field, remedy)
        return
    near = reach.near(workload, fleet)
    limit = (*path, "origin", "max_latency_ms")
    if workload.domains(fleet.network) and not near.domains(fleet.network):
        remedy = f"no {workload.affinity} that it may use is so near; raise it, or add nodes near"
        yield document.problem(limit, remedy)
        return
    network_ms, ttft_ms = reach.longest_ms(near, fleet), _least_ttft_ms(workload)
    if network_ms >= ttft_ms:
        remedy = (
            f"a cluster that it allows is {network_ms:g} ms away, which leaves nothing of a TTFT "
            f"of {ttft_ms:g} ms; lower it"
        )
        yield document.problem(limit, remedy)


def _least_ttft_ms(workload: Workload) -> float:
    """Of all its targets and those of its classes."""
    kinds = {kind for each in workload.demand for kind in each.classes}
    slos = [workload.slo, *(kind.slo for kind in kinds if kind.slo is not None)]
    return min(item.ttft_ms for slo in slos for item in slo.items)
