"""GRES lists and states of Slurm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.inventory.formats.slurm.gres import State, parse_gres, parse_state


@pytest.mark.parametrize(
    ("text", "gpu", "gpus", "left_out"),
    [
        ("gpu:h100:8(S:0-1)", "h100", 8, 0),
        ("gpu:8", None, 8, 0),
        ("gpu:a100:4(S:0),gpu:a100:4(S:1)", "a100", 8, 0),
        ("craynetwork:4,gpu:8(IDX:0,2-7),lustre:400G", None, 8, 0),
        ("gpu:nvidia_h100_80gb_hbm3:8(S:0-1)", "nvidia_h100_80gb_hbm3", 8, 0),
        ("gpu:tesla:no_consume:2", "tesla", 2, 0),
        ("gpu:gh200", "gh200", 1, 0),
        ("gpu", None, 1, 0),
        ("(null)", None, 0, 0),
        ("", None, 0, 0),
        (None, None, 0, 0),
        ("mps:400,shard:16", None, 0, 0),
    ],
)
def test_whole_gpus_are_counted(
    text: str | None, gpu: str | None, gpus: int, left_out: int
) -> None:
    found = parse_gres(text)
    assert (found.gpu, found.gpus, found.left_out, found.note) == (gpu, gpus, left_out, "")


@pytest.mark.parametrize(
    ("text", "gpus", "left_out", "note"),
    [
        ("gpu:1g.10gb:56", 0, 8, "at least 8 GPUs in slices (MIG)"),
        ("gpu:a100_3g.20gb:2,gpu:a100:7", 7, 1, "at least 1 GPU in slices (MIG)"),
        ("gpu:v100:2,gpu:a100:6", 6, 2, "2 v100 GPUs beside 6 a100"),
    ],
)
def test_slices_and_other_types_are_left_out(
    text: str, gpus: int, left_out: int, note: str
) -> None:
    """56 slices of a seventh are 8 GPUs; two slices of three sevenths are on one at least."""
    found = parse_gres(text)
    assert (found.gpus, found.left_out, found.note) == (gpus, left_out, note)


@pytest.mark.parametrize("text", ["gpu:h100:8K", "gpu:h100:8:9:10", "gpu:h100:8(S:0"])
def test_what_is_no_gres_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no GRES"):
        parse_gres(text)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), st.integers(1, 16), max_size=4
    )
)
def test_no_gpu_is_lost(counts: dict[str, int]) -> None:
    text = ",".join(f"gpu:{kind}:{count}(S:0-1)" for kind, count in counts.items())
    found = parse_gres(text)
    assert found.gpus + found.left_out == sum(counts.values())
    assert found.gpus == max(counts.values(), default=0)


@pytest.mark.parametrize(
    "states",
    [
        ["IDLE"],
        ["mixed"],
        ["ALLOCATED", "COMPLETING"],
        ["MIXED+PLANNED"],
        ["IDLE+CLOUD+POWERED_DOWN"],
        ["idle~"],
        ["idle#"],
        ["mixed-"],
    ],
)
def test_nodes_that_can_be_used_now_or_once_they_are_on(states: list[str]) -> None:
    assert parse_state(states, "a reason of old") == State()


@pytest.mark.parametrize(
    ("states", "out"),
    [
        (["IDLE+DRAIN"], "DRAIN"),
        (["IDLE", "DRAIN"], "DRAIN"),
        (["down*"], "DOWN+NOT_RESPONDING"),
        (["idle*"], "NOT_RESPONDING"),
        (["DOWN"], "DOWN"),
        (["DRAIN", "MAINTENANCE"], "DRAIN+MAINTENANCE"),
        (["IDLE+INVALID_REG"], "INVALID_REG"),
        (["A_STATE_OF_TOMORROW"], "A_STATE_OF_TOMORROW"),
    ],
)
def test_nodes_that_cannot_be_used(states: list[str], out: str) -> None:
    assert parse_state(states) == State(out=out)


@pytest.mark.parametrize(
    ("states", "reserved"),
    [
        (["mixed$"], "MAINT"),
        (["MAINT"], "MAINT"),
        (["IDLE", "MAINTENANCE", "RESERVED"], "MAINTENANCE+RESERVED"),
        (["MIXED+RESERVED"], "RESERVED"),
        (["resv"], "RESV"),
    ],
)
def test_states_of_reservations_are_told_apart(states: list[str], reserved: str) -> None:
    assert parse_state(states) == State(reserved=reserved)


def test_the_reason_is_told() -> None:
    assert parse_state(["DRAIN"], "disk [root@2026-08-12]").out == "DRAIN: disk [root@2026-08-12]"
    assert parse_state(["DRAIN"], "none").out == "DRAIN"
    assert parse_state(["DRAIN"], "(null)").out == "DRAIN"
