"""Replicas by leaf, against counting interval by interval."""

from hypothesis import given
from hypothesis import strategies as st

from heteroplan.outputs.plan.document.leaf_rows import leaf_replicas
from tests.plans import day_scenario, horizon, plan, pool, stay

LEAVES = ("a-s1-l1", "a-s1-l2")
HOURS = 6


@given(
    st.lists(
        st.tuples(st.sampled_from(LEAVES), st.integers(0, 5), st.integers(1, 6), st.integers(0, 6)),
        max_size=8,
    )
)
def test_serving_and_starting_replicas_add_up_over_a_cyclic_day(
    spans: list[tuple[str, int, int, int]],
) -> None:
    """A replica that would start while it still serves does not count twice."""
    placed = [
        stay(f"r{i}", leaf=leaf, first=first, intervals=length, lead=lead)
        for i, (leaf, first, length, lead) in enumerate(spans)
    ]
    of = day_scenario(horizon(HOURS), leaves=LEAVES)
    (found,) = leaf_replicas(plan(of, [pool([0] * HOURS)], placed=placed))

    def counted(leaf: str, t: int) -> tuple[int, int]:
        """Serving, and only holding GPUs."""
        here = [each for each in spans if each[0] == leaf]
        serves = [(t - first) % HOURS < length for _, first, length, _ in here]
        holds = [(t - first + lead) % HOURS < lead + length for _, first, length, lead in here]
        return sum(serves), sum(h and not s for h, s in zip(holds, serves, strict=True))

    used = [leaf for leaf in LEAVES if any(leaf == each[0] for each in spans)]
    assert list(found.serving) == used
    for leaf in used:
        none = (0,) * HOURS
        rows = zip(found.serving[leaf], found.starting.get(leaf, none), strict=True)
        assert list(rows) == [counted(leaf, t) for t in range(HOURS)]
    assert all(any(row) for row in found.starting.values())


def test_nothing_starts_before_a_day_that_is_not_cyclic() -> None:
    of = day_scenario(horizon(3, cyclic=False), leaves=LEAVES[:1])
    placed = [stay("r1", first=0, lead=1), stay("r2", first=2, lead=1)]
    (found,) = leaf_replicas(plan(of, [pool([1, 0, 1])], placed=placed))
    assert found.starting == {"a-s1-l1": (0, 1, 0)}
