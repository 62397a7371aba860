"""scontrol; nodes are those of a published page, the other texts are made up in its form."""

from datetime import UTC, datetime
from typing import Any

import pytest

from heteroplan.inventory.node import NodeRecord, Reservation
from tests.inventory.sources import fits, read, refused

NAME = "slurm-scontrol"
NODES = """NodeName=hgpn01 Arch=x86_64 CoresPerSocket=56
   CPUAlloc=9 CPUEfctv=104 CPUTot=112 CPULoad=37.41
   AvailableFeatures=(null)
   ActiveFeatures=(null)
   Gres=gpu:H100:8(S:0-1)
   NodeAddr=hgpn01 NodeHostName=hgpn01.site Version=23.11.11
   OS=Linux 4.18.0-553.144.1.el8_10.x86_64 #1 SMP Mon Jul 13 11:33:25 EDT 2026
   State=MIXED ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A MCS_label=N/A
   CfgTRES=cpu=104,mem=1900000M,billing=104,gres/gpu=8

NodeName=hgpn02 Arch=x86_64 CoresPerSocket=56
   Gres=gpu:H100:8(S:0-1)
   State=IDLE+DRAIN ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A MCS_label=N/A
   Reason=NHC: Gres=gpu is short [root@2026-08-12T13:06:41]
   Comment=Gres=gpu:9

NodeName=cpu01 Arch=x86_64 Gres=(null) State=IDLE Weight=1
"""
RESERVATIONS = """Reservation data as of 2026-11-28T22:00:00, record count 2
ReservationName=maint StartTime=2026-11-30T08:00:00 EndTime=2026-11-30T12:00:00
   Nodes=hgpn[01-02] NodeCnt=2 CoreCnt=224 Features=(null) PartitionName=(null) Flags=MAINT,WEEKLY
     NodeName=hgpn01 CoreIDs=0-3
     NodeName=hgpn02 CoreIDs=0-3
   TRES=cpu=224
   Users=root Groups=(null) Accounts=(null) Licenses=(null) State=INACTIVE

ReservationName=team-b StartTime=2026-11-01T00:00:00 EndTime=Unknown Duration=UNLIMITED
   Nodes=hgpn03 NodeCnt=1 CoreCnt=112 Features=(null) PartitionName=gpu Flags=SPEC_NODES
"""
HOUR_S = 3600


def test_nodes_are_read() -> None:
    """The reason and the comment have what looks like fields in them."""
    found = read(NAME, NODES)
    assert found.nodes == (
        NodeRecord(name="hgpn01", aliases=("hgpn01.site",), gpu="H100", gpus=8, line=1),
        NodeRecord(
            name="hgpn02",
            gpu="H100",
            gpus=8,
            out="DRAIN: NHC: Gres=gpu is short [root@2026-08-12T13:06:41]",
            line=11,
        ),
        NodeRecord(name="cpu01", gpus=0, line=17),
    )


def test_of_one_line_a_record_the_reason_ends_where_a_key_follows() -> None:
    one_line = "\n".join(" ".join(each.split("\n")) for each in NODES.split("\n\n"))
    assert [(node.name, node.gpus, node.out) for node in read(NAME, one_line).nodes] == [
        ("hgpn01", 8, None),
        ("hgpn02", 8, "DRAIN: NHC:"),
        ("cpu01", 0, None),
    ]


def test_reservations_are_read_in_the_time_zone_of_the_cluster() -> None:
    """08:00 in New York is 13:00 in UTC at the end of November."""
    found = read(NAME, RESERVATIONS, zone="America/New_York")
    assert found.nodes == ()
    assert found.reservations == (
        Reservation(
            name="maint",
            nodes=("hgpn01", "hgpn02"),
            start=datetime(2026, 11, 30, 13, tzinfo=UTC),
            end=datetime(2026, 11, 30, 17, tzinfo=UTC),
        ),
        Reservation(
            name="team-b", nodes=("hgpn03",), start=datetime(2026, 11, 1, 4, tzinfo=UTC), end=None
        ),
    )
    assert found.notes == ("reservation maint is weekly: only its next time is taken",)


def test_times_without_a_zone_are_refused() -> None:
    message = refused(NAME, RESERVATIONS)
    assert "f:2: StartTime: 2026-11-30T08:00:00: has no time zone; say which" in message
    assert "--timezone Europe/Berlin" in message


def test_reservations_of_json_have_their_moments() -> None:
    start_s = int(datetime(2026, 11, 30, 13, tzinfo=UTC).timestamp())
    document = {
        "reservations": [
            {
                "name": "maint",
                "node_list": "hgpn[01-02]",
                "start_time": {"set": True, "infinite": False, "number": start_s},
                "end_time": {"set": True, "infinite": False, "number": start_s + HOUR_S},
                "flags": ["MAINT", "DAILY"],
            },
            {
                "name": "older",
                "node_list": "",
                "start_time": start_s,
                "end_time": {"set": True, "infinite": True, "number": 0},
            },
        ]
    }
    found = read(NAME, document)
    moment = datetime(2026, 11, 30, 13, tzinfo=UTC)
    assert found.reservations == (
        Reservation(
            name="maint", nodes=("hgpn01", "hgpn02"), start=moment, end=moment.replace(hour=14)
        ),
        Reservation(name="older", nodes=(), start=moment, end=None),
    )
    assert found.notes == ("reservation maint is daily: only its next time is taken",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "NodeName=a Gres=gpu:a:b:c State=IDLE",
            "f:1: Gres: gpu:a:b:c: is no GRES; Slurm writes for example gpu:h100:8(S:0-1)",
        ),
        ("NodeName=g[1-2] Gres=gpu:8", "f:1: NodeName: g[1-2]: is of slurm.conf; save what scont"),
        ("NodeName=DEFAULT Gres=gpu:8", "f:1: NodeName: DEFAULT: is of slurm.conf"),
        ("NodeName= Gres=gpu:8", "f:1: NodeName: is empty; a node has a name"),
        (
            "NodeName=a\n\nReservationName=r StartTime=soon EndTime=Unknown Nodes=n1",
            "f:3: StartTime: soon: not a date or time; write 2026-11-23",
        ),
        ("ReservationName=r Nodes=n[2-1]", "f:1: Nodes: n[2-1]: range 2-1 runs backwards"),
        ("no records", "f: has no record; scontrol writes NodeName= or ReservationName="),
        ({"reservations": [{}]}, "f: reservations[0].name: is missing"),
        (
            {"reservations": [{"name": "r", "start_time": {"set": True, "number": 1e12}}]},
            "should be less than or equal to",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(content: str | dict[str, Any], message: str) -> None:
    assert message in refused(NAME, content, zone="UTC")


def test_only_its_own_files_fit() -> None:
    assert fits(NAME, NODES)
    assert fits(NAME, RESERVATIONS)
    assert fits(NAME, {"reservations": [{"name": "r", "node_list": "n1"}]})
    assert fits(NAME, {"reservations": [], "meta": {}})
    assert not fits(NAME, {"reservations": [{"id": 1}]})
    assert not fits(NAME, "SwitchName=a Nodes=n1")
