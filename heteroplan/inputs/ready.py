"""Ready profiles, which scenarios name as `ready:llama-3.1-70b`."""

from pathlib import Path

FOLDER = Path(__file__).with_name("profiles")
PREFIX = "ready:"


def ready_profiles() -> list[str]:
    """Their names."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def ready_profile(name: str) -> Path:
    """The file of a ready profile. Raises ValueError with the known names."""
    if name not in ready_profiles():
        known = ", ".join(ready_profiles())
        raise ValueError(f"there is no ready profile {name!r}; there are {known}")
    return FOLDER / f"{name}.yaml"
