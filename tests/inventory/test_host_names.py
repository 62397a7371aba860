"""Lists of hosts: by hand, and against ClusterShell, which expands the same lists."""

import pytest
from ClusterShell.NodeSet import NodeSet
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.inventory.host_names import MOST_HOSTS, expand


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("gpu1", ["gpu1"]),
        ("gpu[1-3]", ["gpu1", "gpu2", "gpu3"]),
        ("[1101-1102]", ["1101", "1102"]),
        ("srv11[08-11]", ["srv1108", "srv1109", "srv1110", "srv1111"]),
        ("a[8-10],b3", ["a8", "a9", "a10", "b3"]),
        ("a[1,4-5,2]", ["a1", "a4", "a5", "a2"]),
        ("r[0-1]_n[00-01].x", ["r0_n00.x", "r0_n01.x", "r1_n00.x", "r1_n01.x"]),
        ("a2,a1,a2", ["a2", "a1"]),
        ("a[01-3]", ["a01", "a02", "a03"]),
        (" a1, b1 ", ["a1", "b1"]),
        ("(null)", []),
        ("", []),
    ],
)
def test_lists_are_expanded_in_their_order(text: str, hosts: list[str]) -> None:
    assert expand(text) == hosts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu[3-1]", "range 3-1 runs backwards; write 1-3"),
        ("gpu[a-c]", r"\[a-c\] is no range"),
        ("gpu[]", r"\[\] is no range"),
        ("gpu[1-2", "brackets that do not match"),
        ("gpu1-2]", "brackets that do not match"),
        ("gpu[1-[2]]", "brackets that do not match"),
        ("a,,b", "a name is empty or has a blank in it"),
        ("a b", "a name is empty or has a blank in it"),
        ("gpu[1-999999999999]", "more than 200,000 hosts"),
        ("a[1-500]b[1-500]", "more than 200,000 hosts"),
        ("a[1-150000],b[1-150000]", "more than 200,000 hosts"),
    ],
)
def test_what_is_no_list_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expand(text)


def test_the_longest_list_is_expanded() -> None:
    assert len(expand(f"gpu[1-{MOST_HOSTS}]")) == MOST_HOSTS


def ranges() -> st.SearchStrategy[str]:
    """Ranges whose ends are equally wide, as ClusterShell demands of numbers with zeros."""

    @st.composite
    def one(draw: st.DrawFn) -> str:
        width = draw(st.integers(1, 4))
        least = 10 ** (width - 1) if draw(st.booleans()) and width > 1 else 0
        first = draw(st.integers(least, 10**width - 1))
        last = min(first + draw(st.integers(0, 20)), 10**width - 1)
        return f"{first:0{width}d}-{last:0{width}d}" if last > first else f"{first:0{width}d}"

    return st.lists(one(), min_size=1, max_size=3).map(",".join)


def hosts() -> st.SearchStrategy[str]:
    plain = st.from_regex(r"[a-z][a-z_.-]{0,4}[a-z]", fullmatch=True)
    return st.one_of(
        plain,
        st.builds("{}[{}]".format, plain, ranges()),
        st.builds("{}[{}]{}".format, plain, ranges(), plain),
        st.builds("{}[{}]{}[{}]".format, plain, ranges(), plain, ranges()),
    )


@given(st.lists(hosts(), min_size=1, max_size=4).map(",".join))
def test_lists_are_those_of_clustershell(text: str) -> None:
    assert sorted(expand(text)) == sorted(NodeSet(text))
