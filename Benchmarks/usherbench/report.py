"""Results: one JSON object a line as they come, and a table with the aims at the end."""
import json
import os
import statistics
import sys
from dataclasses import dataclass

# What went wrong can be long; the whole of it stands on standard error.
LONGEST_CELL = 100


@dataclass
class Row:
    """A line of the table. `met` is None for what has no aim; `violation` is a missed one that fails the run."""
    what: str
    measured: str
    aim: str = ""
    met: bool | None = None
    violation: bool = False


class Report:
    def __init__(self):
        self.rows = []

    def emit(self, bench, **values):
        """Prints one result at once, so that a run that is cut short has said what it knew."""
        load = round(os.getloadavg()[0], 2)
        print(json.dumps({"bench": bench, "load": load, **values}), flush=True)

    def note(self, what, measured):
        self.rows.append(Row(what, measured))

    def hold(self, what, measured, aim, met):
        """A measurement with an aim. A missed one is marked; timing never fails a run."""
        self.rows.append(Row(what, measured, aim, met))

    def require(self, what, measured, aim, met):
        """A property that must hold: the run fails without it."""
        self.rows.append(Row(what, measured, aim, met, violation=not met))

    def table(self):
        verdict = {None: "", True: "yes", False: "MISSED"}
        cells = [("what", "measured", "aim", "met")] + [
            (row.what, " ".join(row.measured.split())[:LONGEST_CELL], row.aim,
             "VIOLATED" if row.violation else verdict[row.met]) for row in self.rows]
        widths = [max(len(row[column]) for row in cells) for column in range(4)]
        lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines)

    def finish(self):
        """Prints the table; the exit status of the run."""
        print("\n" + self.table(), flush=True)
        violated = [row.what for row in self.rows if row.violation]
        if violated:
            print(f"bench: must hold and does not: {'; '.join(violated)}", file=sys.stderr)
        return 1 if violated else 0


@dataclass
class Spread:
    """Median and quartiles."""
    median: float
    low: float
    high: float

    @staticmethod
    def of(values):
        if len(values) == 1:
            return Spread(values[0], values[0], values[0])
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        return Spread(middle, low, high)

    def json(self, digits=2):
        return {"median": round(self.median, digits), "p25": round(self.low, digits), "p75": round(self.high, digits)}

    def text(self, unit="", digits=2):
        return f"{self.median:.{digits}f}{unit} (IQR {self.low:.{digits}f}–{self.high:.{digits}f})"


def percentile(values, fraction):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]
