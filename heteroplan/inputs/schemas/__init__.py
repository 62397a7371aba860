"""Schemas of scenario, fleet, profile, targets, offers and study files: fields, types and limits.

Unknown keys are refused, types are not converted, numbers are finite. A field's docstring is
its help: messages and the published JSON Schema repeat it. Rules within one mapping stand here;
those across lists and files stand in `inputs.checks`.

A module a file (`scenario` with `demand`, `fleet`, `profile`, `targets`, `offers`, `study`); `base`
is what they share.
"""

from pydantic import BaseModel

from heteroplan.inputs.schemas.fleet import FleetFile
from heteroplan.inputs.schemas.offers import OffersFile
from heteroplan.inputs.schemas.profile import ProfileFile
from heteroplan.inputs.schemas.scenario import ScenarioFile
from heteroplan.inputs.schemas.study import StudyFile
from heteroplan.inputs.schemas.targets import TargetsFile

FILES: dict[str, type[BaseModel]] = {
    "scenario": ScenarioFile,
    "fleet": FleetFile,
    "profile": ProfileFile,
    "targets": TargetsFile,
    "offers": OffersFile,
    "sweep-study": StudyFile,
}
"""Schema of each kind of file."""
