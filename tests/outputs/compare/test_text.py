"""Comparisons on terminals and in Markdown."""

import io

import pytest
from rich.console import Console

from heteroplan.outputs.compare.document import ComparisonDocument, InputPart
from heteroplan.outputs.compare.figures import comparison
from heteroplan.outputs.compare.frames import compared_pools_frame, compared_workloads_frame
from heteroplan.outputs.compare.markdown import comparison_md
from heteroplan.outputs.compare.text import render_comparison
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.shared.markdown import block, plain, table
from heteroplan.outputs.shared.words import signed, signed_share
from tests.plans import day_scenario, horizon, plan, pool


def found(name: str = "day") -> ComparisonDocument:
    """A replica of chat-1 fewer all day, a pool of chat-2 more; 192 USD a day either way."""
    scenario = day_scenario(horizon(24), workloads=2, name=name)
    before = plan(scenario, [pool([3] * 24), pool([1] * 12 + [0] * 12, domain="b")])
    after = plan(scenario, [pool([2] * 24), pool([1] * 24, of="chat-2")])
    return comparison(
        document_of(before), document_of(after), sources=("a/plan.json", "b/plan.json")
    )


def rendered(document: ComparisonDocument, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with console.capture() as captured:
        render_comparison(document, console)
    return captured.get()


def test_the_change_comes_first_and_the_dearest_pool_before_the_others() -> None:
    """Pools cost 576 + 96 and then 384 + 192 USD: 96 less a day, 2,918.40 in 30.4 days."""
    text = rendered(found(), 100)
    assert "96.00 USD a day less (-14.3 %), 2,918.40 USD a month." in text
    lines = text.splitlines()
    at = lines.index("Pools: +1 -1 ~1, 0 as before.")
    assert [line[0] for line in lines[at + 2 :]] == ["~", "+", "-"]
    assert "3 -> 2" in lines[at + 2]
    assert "0 -> 1" in lines[at + 3]
    assert "0-1 -> 0" in lines[at + 4]
    assert [line.split()[-2] for line in lines[at + 2 :]] == ["-192.00", "+192.00", "-96.00"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_no_amount_is_cut(width: int) -> None:
    text = rendered(found(), width)
    assert max(map(len, text.splitlines())) <= width
    assert all(amount in text for amount in ("672.00", "576.00", "-192.00", "+192.00"))


def test_units_are_told_once_and_mappings_whole() -> None:
    inputs = (
        InputPart(field="interval", before="3,600 s", after="7,200 s"),
        InputPart(field="stability", before='{"a": 8, "b": 0.5}', after='{"b": 0.5}'),
    )
    text = rendered(found().model_copy(update={"inputs": inputs}), 80)
    assert "interval: 3,600 -> 7,200 s" in text
    assert 'stability: {"a": 8, "b": 0.5} -> {"b": 0.5}' in text


def test_equal_plans_cost_the_same() -> None:
    scenario = day_scenario(horizon(24))
    document = document_of(plan(scenario, [pool([3] * 24)]))
    text = rendered(comparison(document, document, sources=("a", "b")), 80)
    assert "Costs the same." in text
    assert text.rstrip().endswith("Pools: +0 -0 ~0, 1 as before.")


def test_markdown_has_the_same_tables() -> None:
    text = comparison_md(found())
    assert text.startswith("**96.00 USD a day less (-14.3 %), 2,918.40 USD a month.**\n")
    assert "| cost USD a day | 672.00 | 576.00 | -96.00 | -14.3 % |" in text
    assert "| + | chat-2 | decode | h100-tp4-decode | h100x8 | a-s1 |" in text


def test_names_are_no_markup() -> None:
    text = comparison_md(found("a|b <img> @all `x`"))
    assert r"a\|b \<img\> \@all \`x\`" in text
    assert plain("a\nb") == r"a\\nb"
    assert table(["x", ">n"], [["a", "1"]]) == "| x | n |\n| --- | ---: |\n| a | 1 |\n"
    assert block("a ``` b\nc") == "````\na ``` b\nc\n````\n"


def test_frames_have_units_and_the_same_sums() -> None:
    pools, workloads = compared_pools_frame(found()), compared_workloads_frame(found())
    for frame in (pools, workloads):
        assert frame["cost_usd_per_day_change"].sum() == pytest.approx(-96)
        assert frame["gpu_hours_per_day_change"].sum() == pytest.approx(-48)
    assert list(pools["what"]) == ["changed", "added", "removed"]
    assert list(pools["peak_replicas_before"]) == [3, 0, 1]


def test_changes_have_signs() -> None:
    assert [signed(value) for value in (1234.5, -0.004, 0.0, -2.0)] == [
        *("+1,234.50", "0.00", "0.00", "-2.00")
    ]
    assert [signed_share(value) for value in (0.034, -0.0001, 0.0, -0.5, 12.0)] == [
        *("+3.4 %", "< 0.1 %", "0 %", "-50.0 %", "+1,200 %")
    ]
