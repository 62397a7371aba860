"""Prices and network bandwidths of node types."""

from collections.abc import Mapping

import pytest

from heteroplan.errors import InputError, UsageError
from heteroplan.inventory.node_types import NodeType
from heteroplan.inventory.prices import Figures, priced, read_prices

H100 = NodeType(
    name="p5-48xlarge", gpu="H100-SXM-80GB", gpus=8, instance_type="p5.48xlarge", nic_gbit_per_s=3.2
)
L40S = NodeType(name="l40sx4", gpu="L40S-48GB", gpus=4)
BOTH = {H100: 3, L40S: 2}


def prices(text: str, node_types: Mapping[NodeType, int] = BOTH) -> Mapping[str, float]:
    rows = read_prices(text, "prices.csv")
    figures = Figures(rows=rows, file="prices.csv", nic_gbit_per_s={"*": 100.0})
    return priced(node_types, figures).usd_per_gpu_hour


def test_a_file_gives_prices_by_any_name() -> None:
    assert prices("gpu,usd_per_gpu_hour\nH100-SXM-80GB,2.5\nL40S-48GB,0.8\n") == {
        "p5-48xlarge": 2.5,
        "l40sx4": 0.8,
    }


def test_a_price_of_a_node_is_divided_by_its_gpus() -> None:
    """20 USD an hour for 8 GPUs are 2.5 each; 4 USD for 4 are 1."""
    text = "node_type,instance_type,usd_per_hour\n,p5.48xlarge,20\nl40sx4,,4\n"
    assert prices(text) == {"p5-48xlarge": 2.5, "l40sx4": 1.0}


def test_the_most_exact_row_counts() -> None:
    text = (
        "node_type,instance_type,gpu,usd_per_gpu_hour\n"
        ",,H100-SXM-80GB,1\n,p5.48xlarge,,2\np5-48xlarge,,,3\n,,L40S-48GB,4\n"
    )
    assert prices(text) == {"p5-48xlarge": 3.0, "l40sx4": 4.0}
    assert prices(text.replace("p5-48xlarge,,,3\n", ""))["p5-48xlarge"] == 2.0


def test_a_row_with_several_names_fits_nodes_that_have_all() -> None:
    text = (
        "instance_type,gpu,usd_per_gpu_hour\n"
        "p5.48xlarge,L40S-48GB,9\n,H100-SXM-80GB,1\n,L40S-48GB,2\n"
    )
    assert prices(text) == {"p5-48xlarge": 1.0, "l40sx4": 2.0}


def test_what_nobody_says_is_one_error_with_an_option_each() -> None:
    with pytest.raises(UsageError) as caught:
        priced(BOTH, Figures(usd_per_gpu_hour={"L40S-48GB": 0.8}))
    assert str(caught.value).splitlines() == [
        "p5-48xlarge (3 nodes with 8 H100-SXM-80GB): nobody says its price; add --price "
        "p5-48xlarge=USD (a GPU and hour), or --prices FILE, a CSV with the columns "
        "node_type,usd_per_gpu_hour",
        "l40sx4 (2 nodes with 4 L40S-48GB): nobody says its network bandwidth; add "
        "--nic-gbit-per-s l40sx4=GBIT (of a node), or a column nic_gbit_per_s in --prices FILE",
    ]


def test_options_count_before_the_file_and_this_before_the_source() -> None:
    rows = read_prices("gpu,usd_per_gpu_hour,nic_gbit_per_s\nH100-SXM-80GB,2,100\n", "p")
    plain = priced({H100: 1}, Figures(rows=rows, file="p"))
    assert (plain.usd_per_gpu_hour, plain.nic_gbit_per_s) == (
        {"p5-48xlarge": 2.0},
        {"p5-48xlarge": 100.0},
    )
    stated = Figures(
        rows=rows,
        file="p",
        usd_per_gpu_hour={"*": 5.0, "p5.48xlarge": 3.0},
        nic_gbit_per_s={"H100-SXM-80GB": 400.0},
    )
    assert priced({H100: 1}, stated).usd_per_gpu_hour == {"p5-48xlarge": 3.0}
    assert priced({H100: 1}, stated).nic_gbit_per_s == {"p5-48xlarge": 400.0}


def test_a_figure_of_no_name_is_of_all_of_which_nobody_else_says_one() -> None:
    every = Figures(usd_per_gpu_hour={"*": 0.0}, nic_gbit_per_s={"*": 100.0})
    assert priced(BOTH, every).nic_gbit_per_s == {"p5-48xlarge": 3.2, "l40sx4": 100.0}
    assert priced(BOTH, every).usd_per_gpu_hour == {"p5-48xlarge": 0.0, "l40sx4": 0.0}


def test_what_fits_nothing_is_told() -> None:
    rows = read_prices("gpu,usd_per_gpu_hour\nH100-SXM-80GB,2\nB200,9\nA30,1\n", "p.csv")
    figures = Figures(rows=rows, file="p.csv", nic_gbit_per_s={"*": 1.0, "h100": 2.0})
    assert priced({H100: 1}, figures).notes == (
        "--nic-gbit-per-s h100: no node type of this name; there are p5-48xlarge",
        "p.csv: no node type of the fleet fits line 3, 4",
    )


def test_all_problems_of_a_file_are_told_at_once() -> None:
    text = "gpu,usd_per_gpu_hour,usd_per_hour,nic_gbit_per_s\nA,-1,,\n,2,,\nB,1,2,\nA,1,,0\n"
    with pytest.raises(InputError) as caught:
        read_prices(text, "p.csv")
    assert str(caught.value).splitlines() == [
        "p.csv:2: usd_per_gpu_hour: -1: must be between 0 and 1e+12",
        "p.csv:3: says of nothing; fill in one of node_type, instance_type, gpu",
        "p.csv:4: a price of a GPU and one of a node; keep usd_per_gpu_hour or usd_per_hour",
        "p.csv:5: A: stands in line 2 as well; keep one of them",
        "p.csv:5: nic_gbit_per_s: 0: must be greater than 0 [Gbit/s of a node]",
    ]


@pytest.mark.parametrize(
    ("header", "missing"), [("usd_per_gpu_hour", "node_type"), ("gpu", "usd_per_gpu_hour")]
)
def test_a_header_names_and_says(header: str, missing: str) -> None:
    with pytest.raises(InputError, match=f"{missing}: column is missing"):
        read_prices(f"{header}\n1\n", "p.csv")
