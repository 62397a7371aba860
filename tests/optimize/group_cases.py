"""Hand cases of groups and of promises: pairs of two replicas of 4 GPUs serve 10 for 16 USD."""

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Loss, Resilience, Role
from heteroplan.optimize.program.problem import Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import Case, problem_of


def most_groups() -> Problem:
    """20 requests/s, leaf affinity, two leaves with room for a pair each, one group at most.

    One pair, 16 USD; 10·3600 stay unserved.
    """
    near = workload(rps=[20.0], affinity=Affinity.LEAF, max_groups=1)
    two_leaves = fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}})
    return problem_of(scenario([near], in_fleet=two_leaves))


def most_engines() -> Problem:
    """30 requests/s and one engine a role at most.

    Of prefill a small replica serves 10 for 4 USD, on a node that holds one; a large one 20 for
    16 USD. Two large ones, 32 USD, and a decode replica for 8: 40 USD. With both engines a small
    one beside a large one would do, 28 USD.
    """
    small = engine("small", role=Role.PREFILL, gpu="S", gpus=4, capacity_rps=10.0)
    large = engine("large", role=Role.PREFILL, gpu="L", gpus=8, capacity_rps=20.0)
    decode = engine("decode", role=Role.DECODE, gpu="D", gpus=8, capacity_rps=30.0)
    shapes = (
        node_type("s", gpu="S", gpus=4, usd_per_gpu_hour=1.0),
        node_type("l", gpu="L", gpus=8, usd_per_gpu_hour=2.0),
        node_type("d", gpu="D", gpus=8, usd_per_gpu_hour=1.0),
    )
    served = workload(rps=[30.0], engines=(small, large, decode), max_engines=1)
    on = fleet({"l1": {"s": 1, "l": 2, "d": 1}}, node_types=shapes)
    return problem_of(scenario([served], in_fleet=on))


def workloads_apart() -> Problem:
    """Two workloads of 10 requests/s that keep apart: spine s1 has two nodes at 1 USD a GPU.

    Together they would stand there for 2·8 = 16 USD. One of them goes to the node at 2 USD of
    s2: 8 + 16 = 24 USD.
    """
    cheap, dear = node_type("cheap", usd_per_gpu_hour=1.0), node_type("dear", usd_per_gpu_hour=2.0)
    return problem_of(
        scenario(
            [workload("a", anti_affinity=["b"]), workload("b")],
            in_fleet=fleet(
                {"l1": {"cheap": 2, "dear": 0}, "l2": {"cheap": 0, "dear": 1}},
                node_types=(cheap, dear),
            ),
        )
    )


def lost_spine() -> Problem:
    """30 requests/s, four spines, any of which may be lost, all still served: a pair on each.

    4 pairs cost 64 USD. Without the promise 3 pairs, 48 USD: 4/3 of that, as 1/(4 - 1) says.
    """
    return problem_of(
        scenario(
            [workload(rps=[30.0], resilience=Resilience(Loss.SPINE, 1.0))],
            in_fleet=fleet({f"l{i}": {"h100x8": 1} for i in range(4)}),
        )
    )


def lost_leaf() -> Problem:
    """20 requests/s, three leaves of one spine; aggregated replicas of 8 GPUs serve 10.

    One on each leaf, so that any two serve all: 48 USD; without the promise 2 for 32 USD.
    """
    both = engine("both", role=Role.AGGREGATED, gpus=8)
    leaves = ("l1", "l2", "l3")
    return problem_of(
        scenario(
            [workload(rps=[20.0], engines=(both,), resilience=Resilience(Loss.LEAF, 1.0))],
            in_fleet=fleet(
                {leaf: {"h100x8": 2} for leaf in leaves}, spines=dict.fromkeys(leaves, "s")
            ),
        )
    )


def lost_node() -> Problem:
    """10 requests/s; a node of 8 GPUs may hold 2 replicas of 4 GPUs, both of one role.

    3 prefill and 3 decode replicas, 48 USD; without the promise one pair for 16 USD.
    """
    return problem_of(scenario([workload(rps=[10.0], resilience=Resilience(Loss.NODE, 1.0))]))


def promise_that_shortens() -> Problem:
    """20 requests/s, all of them promised, 2 nodes below s1 and 1 below s2.

    Without s1 a pair is left, so 10 are served and 10·3600 are not. A pair on each, 32 USD.
    """
    return problem_of(
        scenario(
            [workload(rps=[20.0], resilience=Resilience(Loss.SPINE, 1.0))],
            in_fleet=fleet({"l1": {"h100x8": 2}, "l2": {"h100x8": 1}}),
        )
    )


GROUP_CASES = {
    "most_groups": Case(most_groups, 16.0, {1: 36000.0}, ("GroupsRule",)),
    "most_engines": Case(most_engines, 40.0, {1: 0.0}, ("EngineLimitRule",)),
    "workloads_apart": Case(workloads_apart, 24.0, {1: 0.0}, ("GroupsRule",)),
    "lost_spine": Case(lost_spine, 64.0, {1: 0.0}, ("ResilienceRule",)),
    "lost_leaf": Case(lost_leaf, 48.0, {1: 0.0}, ("ResilienceRule",)),
    "lost_node": Case(lost_node, 48.0, {1: 0.0}, ("ResilienceRule",)),
    "promise_that_shortens": Case(promise_that_shortens, 32.0, {1: 36000.0}, ("ResilienceRule",)),
}
