"""`validate` of the network and of divided engines, 80 columns wide."""

from tests.cli.conftest import Ended, Run
from tests.scenario_files import ScenarioFiles, divided, node_type


def rows(ended: Ended) -> list[list[str]]:
    return [line.split() for line in ended.out.splitlines()]


def test_a_line_a_spine_with_its_gpus_and_priority(files: ScenarioFiles, run: Run) -> None:
    """s1 mixes GPUs on l1; s2 has two leaves of one type each; s3 one type."""
    files.fleet["node_types"].append(node_type("l40sx8", "L40S-48GB"))
    files.leaf["nodes"]["l40sx8"] = 1
    files.add_leaf("l2", {"h100x8": 1, "l40sx8": 0})
    files.add_leaf("l3", {"h100x8": 1}, spine="s2")
    files.add_leaf("l4", {"l40sx8": 200}, spine="s2")
    files.add_leaf("l5", {"l40sx8": 1}, spine="s3")
    files.write()
    ended = run("validate", ".")
    assert ended.code == 0
    found = rows(ended)
    assert found[-3:] == [
        ["s1", "high", "2", "1", "medium,", "1", "high", "h100x8", "24,", "l40sx8", "8"],
        ["s2", "medium", "2", "2", "medium", "h100x8", "8,", "l40sx8", "1,600"],
        ["s3", "low", "1", "1", "low", "l40sx8", "8"],
    ]
    assert max(map(len, ended.out.splitlines())) <= 80


def test_twenty_spines_and_how_many_more(files: ScenarioFiles, run: Run) -> None:
    for i in range(2, 24):
        files.add_leaf(f"l{i}", {"h100x8": 1}, spine=f"s{i}")
    files.write()
    found = rows(run("validate", "."))
    assert found[-1] == ["...", "and", "3", "more"]
    assert [line[0] for line in found[-21:-1]] == [f"s{i}" for i in range(1, 21)]


def test_parts_of_a_divided_engine_are_shown(files: ScenarioFiles, run: Run) -> None:
    files.fleet["node_types"].append(node_type("l40sx8", "L40S-48GB"))
    files.leaf["nodes"]["l40sx8"] = 1
    files.profile["engines"][1] = divided("moe", "decode")
    files.write()
    found = rows(run("validate", "."))
    assert ["chat", "p", "h100x8", "4", "10", "given"] in found
    assert ["moe-attention", "h100x8", "4", "10", "given"] in found
    assert ["moe-ffn", "l40sx8", "8", "20", "given"] in found


def test_a_candidate_says_which_groups_its_capacity_is_for(files: ScenarioFiles, run: Run) -> None:
    """100 MB * 1,000 tokens at 200 GB/s in s1, which is one leaf, and 160 across two of s2."""
    files.profile["kv_bytes_per_token"] = 100_000_000
    files.add_leaf("l2", {"h100x8": 1}, spine="s2")
    files.add_leaf("l3", {"h100x8": 1}, spine="s2")
    files.write()
    found = rows(run("validate", "."))
    assert ["d", "h100x8", "4", "2", "kv", "transfer", "(within", "a", "leaf)"] in found
    assert ["d", "h100x8", "4", "1.6", "kv", "transfer", "(across", "leaves)"] in found


def test_groups_of_which_nothing_else_is_shown_share_a_line(files: ScenarioFiles, run: Run) -> None:
    """2 requests/s in one leaf, 1.99998 across leaves, and half of that across spines."""
    files.profile["kv_bytes_per_token"] = 100_000_000
    files.workload["affinity"] = "cluster"
    files.fleet["bandwidth"] = {"across_leaves": 0.99999, "across_spines": 0.5}
    leaves = [{"leaf": f"{i}", "nodes": {"h100x8": 1}} for i in range(6)]
    files.fleet["network"] += [
        {"cluster": "two", "spines": [{"spine": "s2", "leaves": leaves[:2]}]},
        {
            "cluster": "three",
            "spines": [
                {"spine": "s3", "leaves": leaves[2:4]},
                {"spine": "s4", "leaves": leaves[4:]},
            ],
        },
    ]
    files.write()
    text = " ".join(run("validate", ".").out.split())
    assert "d h100x8 4 2 kv transfer (within a leaf or across leaves)" in text
    assert "d h100x8 4 1 kv transfer (across spines)" in text


def test_groups_that_are_shown_alike_are_one_line_without_them(
    files: ScenarioFiles, run: Run
) -> None:
    """2 and 1.99998 requests/s are shown as 2."""
    files.profile["kv_bytes_per_token"] = 100_000_000
    files.fleet["bandwidth"] = {"across_leaves": 0.99999, "across_spines": 0.5}
    files.add_leaf("l2", {"h100x8": 1}, spine="s2")
    files.add_leaf("l3", {"h100x8": 1}, spine="s2")
    files.write()
    found = [line for line in rows(run("validate", ".")) if line[:1] == ["d"]]
    assert found == [["d", "h100x8", "4", "2", "kv", "transfer"]]
