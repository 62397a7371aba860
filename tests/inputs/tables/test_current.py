"""What runs when the horizon starts.

The scenario of `tests.scenario_files`: engines p and d of 4 H100 on a leaf l1 with two nodes of 8.
"""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.scenario import Running
from heteroplan.errors import InputError
from heteroplan.inputs.tables.current import read_current
from tests.builders import scenario
from tests.scenario_files import ScenarioFiles, node_type

HEADER = "workload,role,engine,replica_id,leaf,node,gpus\n"
NODE = "l1-h100x8-001"


def read(files: ScenarioFiles, rows: str, header: str = HEADER) -> tuple[Running, ...]:
    (files.folder / "now.csv").write_text(header + rows)
    found = files.load(current="now.csv").scenario.current
    assert found is not None
    return found


def problems(files: ScenarioFiles, rows: str, header: str = HEADER) -> list[str]:
    (files.folder / "now.csv").write_text(header + rows)
    return files.problems(current="now.csv")


def test_each_row_is_a_replica_on_its_node(files: ScenarioFiles) -> None:
    rows = f"chat,prefill,p,p-1,l1,{NODE},4\nchat,decode,d,d-1,l1,l1-h100x8-002,4\n"
    assert read(files, rows) == (
        Running("chat", "p", "h100x8", "l1", (NODE,)),
        Running("chat", "d", "h100x8", "l1", ("l1-h100x8-002",)),
    )


def test_role_node_and_gpus_may_be_left_out(files: ScenarioFiles) -> None:
    anywhere = Running("chat", "p", "h100x8", "l1", ())
    assert read(files, "chat,p,1,l1\n", "workload,engine,replica_id,leaf\n") == (anywhere,)
    assert read(files, "chat,,p,1,l1,,\n") == (anywhere,)


def test_a_file_of_a_large_day_is_not_too_large(files: ScenarioFiles) -> None:
    """17 MiB, more than other files may have."""
    blanks = " " * 1000
    rows = f"2026-11-22,chat,,p,1,l1,,{blanks}\n" * 17_000 + "2026-11-23,chat,,p,1,l1,,\n"
    assert len(read(files, rows, "interval_start," + HEADER)) == 1


def test_nothing_runs_in_a_file_without_rows(files: ScenarioFiles) -> None:
    assert read(files, "") == ()


def test_a_replica_of_several_nodes_has_a_row_for_each(files: ScenarioFiles) -> None:
    files.profile["engines"][1]["gpus"] = 16
    rows = f"chat,,d,1,l1,{NODE},8\nchat,,d,1,l1,l1-h100x8-002,8\n"
    assert read(files, rows) == (Running("chat", "d", "h100x8", "l1", (NODE, "l1-h100x8-002")),)
    assert read(files, "chat,,d,1,l1,,16\n") == (Running("chat", "d", "h100x8", "l1", ()),)
    assert read(files, "chat,,d,1,l1,,8\n" * 2) == (Running("chat", "d", "h100x8", "l1", ()),)


def test_replica_ids_are_of_a_workload_and_engine(files: ScenarioFiles) -> None:
    rows = f"chat,,p,1,l1,{NODE},\nchat,,d,1,l1,{NODE},\n"
    assert len(read(files, rows)) == 2


def test_a_given_state_makes_the_horizon_a_day_of_its_own(files: ScenarioFiles) -> None:
    """And it is part of the inputs."""
    plain = files.load().scenario
    assert (plain.horizon.cyclic, plain.current) == (True, None)
    read(files, "")
    empty = files.load(current="now.csv").scenario
    assert not empty.horizon.cyclic
    read(files, "chat,,p,1,l1,,\n")
    other = files.load(current="now.csv").scenario
    assert len({each.inputs_sha256 for each in (plain, empty, other)}) == 3


def test_the_last_interval_not_after_the_start_counts(files: ScenarioFiles) -> None:
    """The horizon starts at 2026-11-23T00:00 in Berlin, which is 23:00Z the day before."""
    files.scenario["horizon"]["timezone"] = "Europe/Berlin"
    header = "interval_start," + HEADER
    rows = (
        f"2026-11-22T22:30Z,chat,,p,1,l1,{NODE},\n"
        f"2026-11-22T23:50,chat,,p,2,l1,{NODE},\n"
        f"2026-11-22T23:50+01:00,chat,,d,3,l1,{NODE},\n"
        f"2026-11-23T00:15,chat,,p,4,l1,{NODE},\n"
        f"2026-11-22T20:00,old,,p,1,l9,none,\n"
    )
    assert [each.engine for each in read(files, rows, header)] == ["p", "d"]
    first = f"2026-11-23T00:00,chat,,d,1,l1,{NODE},\n"
    assert [each.engine for each in read(files, rows + first, header)] == ["d"]
    assert problems(files, "2026-11-23T00:15,chat,,d,1,l1,,\n", header) == [
        "now.csv: interval_start: every row is later than the horizon's start, "
        "2026-11-23T00:00:00+01:00; give what runs then, or move horizon.start"
    ]
    assert problems(files, "today,chat,,d,1,l1,,\n" * 2, header) == [
        "now.csv: interval_start: today: not a date or time; write 2026-11-23 or 2026-11-23T06:00"
    ]


STAMPED = "interval_start," + HEADER
RUNS, NOTHING = f",chat,,p,1,l1,{NODE},\n", ",,,,,,,\n"


def at(hour: str, what: str) -> str:
    """A row of the day before the horizon's, or of its first hours."""
    return f"2026-11-2{2 if hour > '12' else 3}T{hour}{what}"


@pytest.mark.parametrize(
    ("rows", "replicas"),
    [
        (at("22:00", RUNS) + at("23:00", NOTHING), 0),
        (at("23:00", RUNS) + at("00:00", NOTHING) + at("01:00", RUNS), 0),
        (at("23:00", NOTHING) + at("00:00", RUNS), 1),
        (at("22:00", RUNS) + at("23:00", RUNS), 1),
        (at("23:30", RUNS) + at("00:30", RUNS), 1),
        (at("18:00", RUNS), 1),
        (at("18:00", NOTHING), 0),
    ],
    ids=["ended", "idle now", "begins", "file ends", "midst", "one stamp", "nothing at all"],
)
def test_an_interval_in_which_nothing_runs_has_a_row_of_its_own(
    files: ScenarioFiles, rows: str, replicas: int
) -> None:
    """The horizon may begin where the file ends; a file of one stamp says not how long it holds."""
    assert len(read(files, rows, STAMPED)) == replicas


@pytest.mark.parametrize(
    ("rows", "last", "end"),
    [
        (at("17:00", RUNS) + at("18:00", RUNS), "22T18:00", "22T19:00"),
        (at("22:00", RUNS) + at("23:00", RUNS) + at("01:00", RUNS), "22T23:00", "23T00:00"),
        (at("23:00", RUNS) + at("22:59", NOTHING) + at("23:01", RUNS), "22T23:01", "22T23:02"),
    ],
    ids=["ended hours ago", "hole", "any order"],
)
def test_a_missing_interval_is_not_an_idle_one(
    files: ScenarioFiles, rows: str, last: str, end: str
) -> None:
    """Steps of the file: an hour, an hour, a minute."""
    assert problems(files, rows, STAMPED) == [
        f"now.csv: interval_start: 2026-11-{last}:00+00:00: the last interval before the "
        f"horizon's start, 2026-11-23T00:00:00+00:00, ends at 2026-11-{end}:00+00:00; add what "
        "runs then, or a row with only interval_start where nothing does"
    ]


def test_steps_are_elapsed_time(files: ScenarioFiles) -> None:
    """In Berlin 02:00 comes twice on 2026-10-25; the second 02:30 is half an hour before 03:00."""
    files.scenario["horizon"] |= {"start": "2026-10-25T03:00", "timezone": "Europe/Berlin"}
    files.demand = "interval_start,rps\n2026-10-25T03:00,5\n2026-10-25T04:00,5\n"
    rows = "".join(f"2026-10-25T02:{m}:00+0{z}:00{RUNS}" for z in (2, 1) for m in ("00", "30"))
    assert len(read(files, rows, STAMPED)) == 1


def test_nothing_and_something_do_not_run_at_once(files: ScenarioFiles) -> None:
    assert problems(files, at("00:00", RUNS) + at("00:00", NOTHING), STAMPED) == [
        "now.csv: 2026-11-23T00:00: nothing runs, but other rows name replicas that do; remove one "
        "or the other"
    ]


PLANNED = HEADER.strip() + ",plan\n"


def test_rows_are_of_the_plan_beside_them(files: ScenarioFiles) -> None:
    """A plan.json of another, or of none that is older than ids; other files are let be."""
    row = f"chat,,p,1,l1,{NODE},,"
    beside = files.folder / "plan.json"
    assert len(read(files, row + "one\n", PLANNED)) == 1
    for text in ('{"heteroplan_version": "1", "plan_id": "one"}', "{}", "[1]", "{", "\xff"):
        beside.write_text(text, encoding="latin-1")
        assert len(read(files, row + "one\n", PLANNED)) == 1
    for text, other in (('"plan_id": "two", ', "two"), ("", "none")):
        beside.write_text(f'{{{text}"heteroplan_version": "1"}}')
        assert len(read(files, row + "\n", PLANNED)) == 1
        assert problems(files, row + "one\n", PLANNED) == [
            f"now.csv: plan: one: plan.json is of plan {other}; a run was cut short, or the files "
            "are of two runs; plan again, or keep the files of each plan in a folder of its own "
            "(plan --placement)"
        ]


def test_rows_are_of_one_plan(files: ScenarioFiles) -> None:
    rows = f"chat,,p,1,l1,{NODE},,one\nchat,,d,1,l1,,,two\n"
    assert problems(files, rows, PLANNED) == [
        "now.csv: plan: rows of plans one and two; give the placement of one plan"
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("old,,p,1,l1,,\nold,,p,2,l1,,\n", "workload: old: not in the scenario; remove its rows"),
        ("chat,,q,1,l1,,\n", "engine: q: unknown engine of chat; known are p, d"),
        ("chat,decode,p,1,l1,,\n", "role: decode: p is for prefill"),
        ("chat,,p,1,l11,,\n", "leaf: l11: unknown leaf; did you mean 'l1'?"),
        (
            "chat,,p,1,l1,l1-h100x8-003,\n",
            "node: l1-h100x8-003: unknown node of l1; did you mean 'l1-h100x8-002'?",
        ),
        ("chat,,p,1,l3,l3-l40sx8-001,\n", "node: l3-l40sx8-001: has L40S-48GB GPUs, p is for "
         "H100-SXM-80GB"),
        ("chat,,p,1,l3,,\n", "leaf: l3: has no node with H100-SXM-80GB, the GPU of p"),
        (
            "chat,,p,1,l4,,\n",
            "node: empty, and l4 has several types with its GPU (h100x8, h100x4); name a node",
        ),
        ("chat,,p,1,l1,,8\n", "gpus: 8: p takes 4 here"),
        (
            f"chat,,p,1,l1,{NODE},\nchat,,p,1,l4,l4-h100x8-001,\n",
            "leaf: l4: the replica stands on l1 as well; a replica has one leaf",
        ),
        (
            f"chat,,p,1,l1,{NODE},\n" * 2,
            "replica_id: 1: stands in 2 rows, but a replica of p takes 1 h100x8 node: one row for "
            "each node, and another id for another replica",
        ),
        (
            f"chat,,p,1,l1,{NODE},\nchat,,p,2,l1,{NODE},\nchat,,d,1,l1,{NODE},\n",
            f"node: {NODE}: holds more than its 8 GPUs; remove what does not run",
        ),
        (
            "".join(f"chat,,p,{i},l1,,\n" for i in range(5)),
            "leaf: l1: holds more than its 16 h100x8 GPUs; remove what does not run",
        ),
        (
            f"chat,,big,1,l1,{NODE},\nchat,,big,1,l1,,\n",
            "replica_id: 1: stands in 2 rows, but a replica of big takes 2 h100x8 nodes: one row "
            "for each node, and another id for another replica",
        ),
        (
            "chat,,big,1,l4,l4-h100x8-001,\nchat,,big,1,l4,l4-h100x4-001,\n",
            "node: l4-h100x4-001: the replica's other nodes are of another type; give it nodes of "
            "one type",
        ),
    ],
)  # fmt: skip
def test_what_cannot_run_is_a_problem(rows: str, message: str, files: ScenarioFiles) -> None:
    files.profile["engines"].append(files.profile["engines"][1] | {"name": "big", "gpus": 16})
    files.fleet["node_types"] += [
        node_type("l40sx8", "L40S-48GB"),
        node_type("h100x4", "H100-SXM-80GB", gpus=4),
    ]
    files.add_leaf("l3", {"l40sx8": 1})
    files.add_leaf("l4", {"h100x8": 1, "h100x4": 1})
    if "unknown engine" in message:
        files.profile["engines"].pop()
    assert problems(files, rows) == [f"now.csv: {message}"]


def test_every_problem_comes_with_its_line(files: ScenarioFiles) -> None:
    found = problems(files, "chat,,p,1,l2,,\nchat,,x,1,l1,,\nchat,prefill,d,1,l1,,3\n")
    assert [each.split(": ")[1] for each in found] == ["leaf", "engine", "gpus", "role"]
    many = "".join(f"chat,,p,{i},nowhere,,\n" for i in range(30))
    assert problems(files, many)[-1] == "now.csv: and 10 more problems, the last one here"


def test_a_file_that_is_no_table_says_so(files: ScenarioFiles) -> None:
    assert problems(files, "", "") == [
        "now.csv: empty; the first line is workload,engine,replica_id,leaf"
    ]
    assert problems(files, "", "workload,engine,replica,leaf\n") == [
        "now.csv: replica: unknown column; did you mean 'replica_id'?",
        "now.csv: replica_id: column is missing; columns are set by commas",
    ]
    assert files.problems(current="absent.csv") == ["absent.csv: no such file"]
    (files.folder / "now.csv").write_bytes(HEADER.encode("utf-16"))
    assert files.problems(current="now.csv") == [
        "now.csv: not UTF-8 text (byte 0); save it as UTF-8"
    ]


def lines(files: ScenarioFiles, rows: str, header: str = HEADER) -> list[tuple[int, str, str]]:
    """Line, field and value of each problem; the first row stands in line 2."""
    (files.folder / "now.csv").write_text(header + rows)
    with pytest.raises(InputError) as caught:
        files.load(current="now.csv")
    return [(each.line, each.path, each.value) for each in caught.value.problems]


GOOD = "chat,,p,good,l2,l2-h100x8-001,\n"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("old,,p,1,l1,,\nold,,p,2,l1,,\ngone,,p,1,l1,,\n",
         [(3, "workload", "old"), (5, "workload", "gone")]),
        ("chat,,q,1,l1,,\n", [(3, "engine", "q")]),
        ("chat,,q,1,l9,,\n" * 2, [(3, "engine", "q"), (3, "leaf", "l9")]),
        (f"chat,,big,1,l1,{NODE},\nchat,,big,1,l2,l2-h100x8-001,\n", [(4, "leaf", "l2")]),
        ("chat,,p,1,l1,l1-h100x8-003,\n", [(3, "node", "l1-h100x8-003")]),
        ("chat,,p,1,l3,,\n", [(3, "leaf", "l3")]),
        (GOOD, [(3, "replica_id", "good")]),
        (f"chat,,big,1,l1,{NODE},\n" * 2, [(4, "node", NODE), (4, "replica_id", "1")]),
        ("chat,,big,1,l1,,\n" * 2 + "chat,prefill,big,1,l1,,7\n", [(5, "replica_id", "1")]),
        ("chat,,big,1,l1,,\nchat,decode,big,1,l1,,\n", []),
        ("chat,,big,1,l1,,16\nchat,prefill,big,1,l1,,8\n",
         [(3, "gpus", "16"), (4, "role", "prefill")]),
        ("chat,,big,1,l1,,8\n", [(3, "gpus", "8")]),
        (f"chat,,d,1,l1,{NODE},\nchat,,d,2,l1,{NODE},\nchat,,d,3,l1,{NODE},\n",
         [(5, "node", NODE)]),
        (f"chat,,p,1,l1,{NODE},\nchat,,big,1,l1,{NODE},\nchat,,big,1,l1,l1-h100x8-002,\n",
         [(4, "node", NODE)]),
        ("".join(f"chat,,p,{i},l1,,\n" for i in range(5)), [(7, "leaf", "l1")]),
        ("chat,,d,1,l1,,\nchat,,big,1,l1,,\nchat,,p,1,l2,,\nchat,,big,1,l1,,\n",
         [(4, "leaf", "l1")]),
        ("chat,,big,1,l1,,\nchat,,d,1,l8,,\nchat,prefill,big,1,l1,,\n",
         [(4, "leaf", "l8"), (5, "role", "prefill")]),
    ],
    ids=["workload told once", "engine", "engine and leaf", "second leaf", "node", "no such GPU",
         "replica twice", "node twice", "rows too many", "rows agree", "rows disagree",
         "half a replica", "node full", "node of two full", "leaf full", "rows apart",
         "in order of lines"],
)  # fmt: skip
def test_a_problem_stands_in_the_line_of_the_row_that_has_it(
    rows: str, found: list[tuple[int, str, str]], files: ScenarioFiles
) -> None:
    """Below a good row; l1 and l2 have two nodes of 8 H100, l3 has other GPUs."""
    files.profile["engines"].append(files.profile["engines"][1] | {"name": "big", "gpus": 16})
    files.fleet["node_types"].append(node_type("l40sx8", "L40S-48GB"))
    files.add_leaf("l2", {"h100x8": 2})
    files.add_leaf("l3", {"l40sx8": 2})
    if not found:
        assert len(read(files, rows)) == 1
        return
    assert lines(files, GOOD + rows) == found


def test_stamps_that_are_wrong_have_the_line_in_which_they_come_first(files: ScenarioFiles) -> None:
    rows = at("00:00", RUNS) + f"today{RUNS}" * 2 + f"2026-02-30{RUNS}"
    assert lines(files, rows, STAMPED) == [
        (3, "interval_start", "today"),
        (5, "interval_start", "2026-02-30"),
    ]
    rows = at("00:00", RUNS) + at("00:00", NOTHING) * 2
    assert lines(files, rows, STAMPED) == [(3, "", "2026-11-23T00:00"), (4, "", "2026-11-23T00:00")]


def test_what_no_row_has_stands_in_no_line(files: ScenarioFiles) -> None:
    hole = at("22:00", RUNS) + at("22:30", RUNS)
    stamp = "2026-11-22T22:30:00+00:00"
    assert lines(files, hole, STAMPED) == [(0, "interval_start", stamp)]
    assert lines(files, at("01:00", RUNS), STAMPED) == [(0, "interval_start", "")]


def test_moments_in_messages_are_local(files: ScenarioFiles) -> None:
    """Two steps of half an hour end at 22:00Z, an hour before midnight in Berlin."""
    files.scenario["horizon"]["timezone"] = "Europe/Berlin"
    rows = f"2026-11-22T21:00Z{RUNS}2026-11-22T21:30Z{RUNS}"
    assert problems(files, rows, STAMPED) == [
        "now.csv: interval_start: 2026-11-22T22:30:00+01:00: the last interval before the "
        "horizon's start, 2026-11-23T00:00:00+01:00, ends at 2026-11-22T23:00:00+01:00; add what "
        "runs then, or a row with only interval_start where nothing does"
    ]


def test_no_other_problems_are_looked_for_after_a_hundred(files: ScenarioFiles) -> None:
    """Of 150 the hundredth stands in line 101."""
    found = lines(files, "".join(f"chat,,p,{i},nowhere,,\n" for i in range(150)))
    assert len(found) == 21
    assert found[-1] == (101, "", "")
    last = problems(files, "".join(f"chat,,p,{i},nowhere,,\n" for i in range(150)))[-1]
    assert last == "now.csv: and at least 80 more problems, the last one here"


def test_an_idle_interval_may_name_its_plan(files: ScenarioFiles) -> None:
    header = "interval_start," + PLANNED
    assert read(files, at("00:00", NOTHING.replace("\n", ",one\n")), header) == ()


def test_rows_of_all_intervals_are_of_one_plan(files: ScenarioFiles) -> None:
    """Those that do not count as well; one without a plan is of any."""
    header = "interval_start," + PLANNED
    hours = ("23:00", ""), ("00:00", "one"), ("01:00", "two")
    rows = "".join(at(hour, RUNS.replace("\n", f",{plan}\n")) for hour, plan in hours)
    assert problems(files, rows, header) == [
        "now.csv: plan: rows of plans one and two; give the placement of one plan"
    ]
    assert len(read(files, rows.replace("two", "one"), header)) == 1


def test_blanks_around_a_cell_are_not_part_of_it(files: ScenarioFiles) -> None:
    assert read(files, f" chat , prefill , p , 1 , l1 , {NODE} , 4 \n") == (
        Running("chat", "p", "h100x8", "l1", (NODE,)),
    )


def test_a_leaf_says_the_node_type_where_only_one_will_do(files: ScenarioFiles) -> None:
    """l2 has no node of 4 H100, and its L40S are of no use to an engine for H100."""
    files.fleet["node_types"] += [
        node_type("l40sx8", "L40S-48GB"),
        node_type("h100x4", "H100-SXM-80GB", gpus=4),
    ]
    files.add_leaf("l2", {"l40sx8": 3, "h100x4": 0, "h100x8": 1})
    files.add_leaf("l3", {"l40sx8": 3, "h100x4": 2, "h100x8": 1})
    rows = "chat,,p,1,l2,,\nchat,,p,2,l3,l3-h100x4-002,\n"
    assert read(files, rows) == (
        Running("chat", "p", "h100x8", "l2", ()),
        Running("chat", "p", "h100x4", "l3", ("l3-h100x4-002",)),
    )


def test_leaves_may_be_full(files: ScenarioFiles) -> None:
    """Four replicas of 4 GPUs on each of two leaves, four of them on nodes that they name."""
    files.add_leaf("l2", {"h100x8": 2})
    rows = "".join(
        f"chat,,p,{i},l1,,\nchat,,d,{i},l2,l2-h100x8-00{i // 2 + 1},\n" for i in range(4)
    )
    assert len(read(files, rows)) == 8
    assert lines(files, rows + "chat,,p,4,l2,,\n") == [(10, "leaf", "l2")]
    assert lines(files, rows + "chat,,p,4,l2,l2-h100x8-001,\n") == [(10, "node", "l2-h100x8-001")]


CELLS = st.sampled_from(
    ["w", "x", "prefill", "decode", "1", "2", "l1", NODE, "4", "", "2026-11-23"]
)


@given(
    st.sampled_from([HEADER, "interval_start," + HEADER, "workload,engine\n", ""]),
    st.lists(st.lists(CELLS, min_size=6, max_size=9).map(",".join), max_size=6).map("\n".join)
    | st.text(),
)
def test_any_text_is_replicas_or_an_input_error(header: str, rows: str) -> None:
    with suppress(InputError):
        for each in read_current(header + rows, "now.csv", scenario()):
            assert (each.workload, each.leaf) == ("w", "l1")
