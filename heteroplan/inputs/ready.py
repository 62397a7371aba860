"""Ready profiles, which scenarios name as `ready:llama-3.1-70b`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from heteroplan.entities.workload import Profile
from heteroplan.errors import UsageError
from heteroplan.inputs import build
from heteroplan.inputs.checks.fleet import close_names
from heteroplan.inputs.gpu_types import built_in
from heteroplan.inputs.schemas.profile import ProfileFile
from heteroplan.reading.yaml_source import parse_document

FOLDER = Path(__file__).with_name("profiles")
PREFIX = "ready:"


def ready_profiles() -> list[str]:
    """Their names, which are those of their models."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def ready_profile(name: str) -> Path:
    """The file of a ready profile. Raises ValueError with the known names."""
    if name not in ready_profiles():
        known = ", ".join(ready_profiles())
        raise ValueError(f"there is no ready profile {name!r}; there are {known}")
    return FOLDER / f"{name}.yaml"


def read_ready(model: str | None = None, gpu: str | None = None) -> tuple[Profile, ...]:
    """Ready profiles with their engines: of one model, with or without `ready:`, on one GPU type.

    Raises UsageError for names that no ready profile has.
    """
    known = ready_profiles()
    name = None if model is None else model.removeprefix(PREFIX)
    if name is not None and name not in known:
        raise UsageError(f"--model {model}: {_unknown('ready profile is called so', name, known)}")
    profiles = [_read(each) for each in known if name in (None, each)]
    types = sorted({engine.gpu for each in profiles for engine in each.engines})
    if gpu is not None and gpu not in types:
        whose = "any ready profile" if name is None else PREFIX + name
        raise UsageError(f"--gpu {gpu}: {_unknown(f'engine of {whose} is for it', gpu, types)}")
    of_type = [
        replace(each, engines=tuple(one for one in each.engines if gpu in (None, one.gpu)))
        for each in profiles
    ]
    return tuple(each for each in of_type if each.engines)


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    near = [] if name in built_in() else close_names(name, known)
    if near:
        return f"no {what}; did you mean {' or '.join(near)}?"
    return f"no {what}; there are {', '.join(known)}"


def _read(name: str) -> Profile:
    path = ready_profile(name)
    document, _ = parse_document(path.read_text(encoding="utf-8"), path.name)
    spec = ProfileFile.model_validate(document.data)
    engines = tuple(engine for each in spec.engines for engine in build.engines(each))
    return Profile(spec.model, spec.kv_bytes_per_token, engines)
