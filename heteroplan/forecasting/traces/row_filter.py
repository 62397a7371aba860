"""Which requests of a trace are wanted (`--where model=chat-70b`)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from heteroplan.errors import UsageError
from heteroplan.text import listed

if TYPE_CHECKING:
    from heteroplan.forecasting.traces.rows import Rows

MOST_SEEN = 1000
"""Different values that are remembered of what is left out."""
MOST_LISTED = 8


@dataclass(slots=True)
class RowFilter:
    """Wants one of some values in each of some columns, and counts what has them."""

    wanted: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Values by column; an empty one stands for none at all."""
    rows: int = 0
    """Looked at so far."""
    kept: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """How often what is left out has which values, such as `model=code-70b`."""

    def of(self, rows: "Rows") -> "Rows":
        """The wanted ones of some rows. Raises UsageError for a column that holds no values."""
        if not self.wanted:
            return rows
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = {name: _texts(name, rows.columns[name]) for name in self.wanted}
        is_wanted = pa.array([True] * len(rows.lines))
        for name, values in self.wanted.items():
            fits = pc.is_in(texts[name], value_set=pa.array(list(values), pa.string()))
            self._note(name, texts[name].filter(pc.and_(is_wanted, pc.invert(fits))))
            is_wanted = pc.and_(is_wanted, fits)
        places = pc.indices_nonzero(is_wanted).to_pylist()
        self.rows += len(rows.lines)
        self.kept += len(places)
        if len(places) == len(rows.lines):
            return rows
        columns = {name: column.filter(is_wanted) for name, column in rows.columns.items()}
        return replace(rows, columns=columns, lines=[rows.lines[place] for place in places])

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels is wanted; counts it as a row."""
        self.rows += 1
        for name, values in self.wanted.items():
            if labels.get(name, "") not in values:
                self.left_out[f"{name}={labels.get(name, '')}"] += 1
                return False
        self.kept += 1
        return True

    def notes(self, what: str = "requests") -> Iterator[str]:
        """One sentence where something was left out."""
        if self.wanted and self.kept < self.rows:
            yield f"{self.kept:,} of {self.rows:,} {what} have {self}; the others are left out"

    def nothing(self, what: str = "requests") -> str:
        """What to say where none has the wanted values."""
        found = [f"{each} ({count:,})" for each, count in self.left_out.most_common()]
        others = listed(found, MOST_LISTED)
        return f"holds no {what} with {self}; there are {others or 'none at all'}"

    def __str__(self) -> str:
        return " and ".join(f"{name}={' or '.join(each)}" for name, each in self.wanted.items())

    def _note(self, name: str, others: Any) -> None:
        """Count the values in a column of what is left out."""
        for each in others.value_counts().to_pylist():
            text = f"{name}={each['values']}"
            if text in self.left_out or len(self.left_out) < MOST_SEEN:
                self.left_out[text] += each["counts"]


def _texts(name: str, column: Any) -> Any:
    """A column as texts, empty where it has no value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.fill_null(pc.utf8_trim_whitespace(column.cast(pa.string())), "")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise UsageError(f"--where {name}: the column holds no single values") from None
