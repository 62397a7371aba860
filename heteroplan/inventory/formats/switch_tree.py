"""A tree of switches, told line by line, and the path from its top to a switch."""

from dataclasses import dataclass, field

from heteroplan.inventory.host_names import expand
from heteroplan.reading.file_problems import FileProblems


@dataclass(slots=True)
class SwitchTree:
    """Which switch is below which; a switch that is below several counts as below the first."""

    found: FileProblems
    """Gathers what is wrong."""
    known: dict[str, int] = field(default_factory=dict)
    """Line of each switch that the file defines."""
    notes: list[str] = field(default_factory=list)
    """What was assumed."""
    _parents: dict[str, str] = field(default_factory=dict)

    def add(self, switch: str, children: list[str], line: int, path: str = "") -> None:
        """Note a switch that the file defines at `line` or `path`, and the switches below it."""
        if switch in self.known:
            self.found.problem(line, path, switch, "switch is defined twice; keep one of them")
            return
        self.known[switch] = line
        for child in children:
            first = self._parents.setdefault(child, switch)
            if first != switch:
                self.notes.append(
                    f"switch {child} is below {first} and {switch}: it counts as below {first}"
                )

    def path(self, switch: str) -> tuple[str, ...]:
        """Names from the top down to `switch`. A circle is a problem, told once for each switch."""
        above = [switch]
        while (parent := self._parents.get(above[-1])) is not None:
            if parent in above:
                remedy = f"switch is below itself ({' < '.join([*above, parent])}); cut the circle"
                self.found.problem(self.known.get(parent, 0), "", parent, remedy)
                break
            above.append(parent)
        return tuple(reversed(above))

    def check(self) -> None:
        """Note a problem for each switch that others name but that is not defined."""
        for child, parent in self._parents.items():
            if child not in self.known:
                remedy = f"switch below {parent} is not defined; define it or take it out"
                self.found.problem(self.known[parent], "", child, remedy)


def hosts_of(text: str, found: FileProblems, line: int, path: str) -> list[str]:
    """The hosts of a list; none where it is wrong, which is noted."""
    try:
        return expand(text)
    except ValueError as error:
        found.problem(line, path, text, str(error))
        return []
