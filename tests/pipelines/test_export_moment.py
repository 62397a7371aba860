"""`export --at` where a format has the whole time."""

import pytest

from heteroplan.errors import UsageError
from heteroplan.pipelines.export import OF_ONE_MOMENT, export
from heteroplan.schedules.formats import FORMATS, ExportOptions


@pytest.mark.parametrize("kind", sorted(set(FORMATS) - set(OF_ONE_MOMENT)))
def test_a_moment_is_refused_before_the_plan_is_read(kind: str) -> None:
    with pytest.raises(UsageError, match=rf"--at 2026-11-23T10:00: {kind} has the whole time"):
        export("missing.json", format=kind, options=ExportOptions(at="2026-11-23T10:00"))
