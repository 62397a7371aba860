"""The nodes of Alibaba's openb trace (cluster-trace-gpu-v2023), as CSV.

`sn, cpu_milli, memory_mib, gpu, model`: `gpu` counts the GPUs of a node and `model` names their
type; memory is the host's. `G2` and `G3` are types that Alibaba does not disclose.
"""

from heteroplan.inventory.formats.places import Places
from heteroplan.inventory.node import Contents, NodeRecord, SourceFile, SourceOptions
from heteroplan.reading.csv_rows import header_of, rows
from heteroplan.reading.file_problems import FileProblems
from heteroplan.reading.numbers import parse_whole

NAME = "openb"
COLUMNS = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
_NEEDED = ("sn", "gpu", "model")
_MOST_GPUS = 1024


class Openb:
    """Nodes of the openb trace."""

    def fits(self, file: SourceFile) -> bool:
        return file.document is None and set(COLUMNS) == set(header_of(first_line(file)))

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        found = FileProblems(file.name)
        places = Places()
        for line, row in rows(file.text, found, COLUMNS, lambda header: _NEEDED):
            gpus = 0
            try:
                gpus = parse_whole(row["gpu"], 0, _MOST_GPUS)
            except ValueError as error:
                found.problem(line, "gpu", row["gpu"], str(error))
            if not row["sn"]:
                found.problem(line, "sn", "", "is empty; write the name of the node")
            model = row["model"] or None
            places.told(NodeRecord(name=row["sn"], gpu=model, gpus=gpus, line=line))
        if not places.nodes:
            found.problem(0, "", "", "has no rows; write one for each node")
        found.done()
        return Contents(format=NAME, file=file.name, nodes=places.nodes, notes=places.notes)


def first_line(file: SourceFile) -> str:
    return file.text.partition("\n")[0]


FORMAT = Openb()
