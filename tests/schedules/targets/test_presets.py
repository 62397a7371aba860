"""Presets against the definitions of their kinds, as their projects publish them."""

import gzip
import json
from typing import Any, get_args

import pytest

from heteroplan.entities.targets import PRESETS, WITHOUT_SIZE
from heteroplan.inputs.schemas.targets import PresetName
from tests.realdata import DATA, needs_data

UNPUBLISHED = {"apps", "nvidia.com"}
"""Built into Kubernetes, or only described in shared/data/crd/README.md."""


def definitions() -> dict[tuple[str, str], dict[str, Any]]:
    """Custom resource definitions by API group and kind."""
    found = {}
    for path in (DATA / "crd").glob("*.json.gz"):
        spec = json.loads(gzip.decompress(path.read_bytes()))["spec"]
        found[spec["group"], spec["names"]["kind"]] = spec
    return found


def test_the_schema_names_every_preset() -> None:
    assert get_args(PresetName) == tuple(PRESETS)


@needs_data
@pytest.mark.parametrize(
    "preset", sorted(name for name, kind in PRESETS.items() if kind.group not in UNPUBLISHED)
)
def test_a_preset_is_a_served_version_and_has_the_scale_that_it_says(preset: str) -> None:
    known = PRESETS[preset]
    versions = {each["name"]: each for each in definitions()[known.group, known.kind]["versions"]}
    version = versions[known.api_version.rpartition("/")[2]]
    assert version["served"]
    assert not version.get("deprecated")
    scale = version.get("subresources", {}).get("scale")
    assert (scale is not None) == known.has_scale
    if scale is not None:
        assert scale["specReplicasPath"] == ".spec.replicas"


@needs_data
def test_kinds_without_a_size_have_no_scale_subresource() -> None:
    """Those with a definition here; the others are in no file."""
    checked = 0
    for name, spec in definitions().items():
        if name in WITHOUT_SIZE:
            checked += 1
            assert all("scale" not in each.get("subresources", {}) for each in spec["versions"])
    assert checked >= 2
