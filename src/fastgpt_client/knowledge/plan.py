"""What is to be done: what is in the folder against what is on the server. No network here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from .state import State

Verb: TypeAlias = Literal["add", "change", "rename", "remove"]
_SIGNS: dict[Verb, str] = {"add": "+", "change": "~", "remove": "-", "rename": "→"}


class Step(NamedTuple):
    """``origin``: of a rename, where it was."""

    verb: Verb
    path: str
    origin: str | None = None

    def __str__(self) -> str:
        return f"{_SIGNS[self.verb]} {f'{self.origin} → ' if self.origin else ''}{self.path}"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much is to be done.

    Example:
        >>> str(Plan(add=12, change=3, remove=1, rename=2, same=840))
        '+ 12  ~ 3  - 1  → 2 renamed  = 840'
    """

    add: int = 0
    change: int = 0
    remove: int = 0
    rename: int = 0
    same: int = 0

    @property
    def steps(self) -> int:
        """How much there is to do."""
        return self.add + self.change + self.remove + self.rename

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    @property
    def there(self) -> int:
        """How many files were put in before."""
        return self.change + self.remove + self.rename + self.same

    def __str__(self) -> str:
        renamed = f"  → {self.rename} renamed" if self.rename else ""
        return f"+ {self.add}  ~ {self.change}  - {self.remove}{renamed}  = {self.same}"


# Pairs of files with the same content, the first of those that went with the first of those that came.
_RENAMES = """
WITH came AS (
    SELECT s.path, s.hash, s.settings, s.kind, ending(s.path) AS ending,
        row_number() OVER (PARTITION BY s.hash, s.settings, s.kind, ending(s.path) ORDER BY s.path) AS place
    FROM scanned AS s LEFT JOIN files AS f USING (target, path)
    WHERE s.target = :target AND f.path IS NULL AND s.kind <> 'link'
), went AS (
    SELECT f.path, f.hash, f.settings, f.kind, ending(f.path) AS ending,
        row_number() OVER (PARTITION BY f.hash, f.settings, f.kind, ending(f.path) ORDER BY f.path) AS place
    FROM files AS f LEFT JOIN scanned AS s USING (target, path)
    WHERE f.target = :target AND s.path IS NULL AND f.kind <> 'link'
)
INSERT INTO steps SELECT :target, 'rename', came.path, went.path
FROM came JOIN went USING (hash, settings, kind, ending, place)
"""
_NEW = """
INSERT INTO steps SELECT target, 'add', path, NULL FROM scanned AS s WHERE target = :target
    AND NOT EXISTS (SELECT 1 FROM files AS f WHERE (f.target, f.path) = (s.target, s.path))
    AND NOT EXISTS (SELECT 1 FROM steps AS r WHERE (r.target, r.verb, r.path) = (s.target, 'rename', s.path))
"""
_CHANGED = """
INSERT INTO steps SELECT target, 'change', path, NULL FROM scanned JOIN files AS f USING (target, path)
WHERE target = :target AND (scanned.hash, scanned.settings) <> (f.hash, f.settings)
"""
_GONE = """
INSERT INTO steps SELECT target, 'remove', path, NULL FROM files AS f WHERE target = :target AND kind <> 'link'
    AND NOT EXISTS (SELECT 1 FROM scanned AS s WHERE (s.target, s.path) = (f.target, f.path))
    AND path NOT IN (SELECT origin FROM steps WHERE target = :target AND verb = 'rename')
"""


def make_plan(state: State, *, whole: bool = True, delete: bool = True, failed_only: bool = False) -> Plan:
    """Compare what was scanned with what is on the server, and write down the steps.

    Args:
        whole: The whole folder was scanned, so what was not found is gone, or elsewhere.
        delete: Remove what is gone.
        failed_only: Only what failed the last time.
    """
    values = {"target": state.target}
    with state.db:
        state.db.execute("BEGIN")
        state.db.execute("DELETE FROM steps WHERE target = :target", values)
        for wanted, sql in ((whole, _RENAMES), (True, _NEW), (True, _CHANGED), (whole and delete, _GONE)):
            if wanted:
                state.db.execute(sql, values)
        if failed_only:
            sql = """DELETE FROM steps WHERE target = :target
                AND path NOT IN (SELECT path FROM failures WHERE target = :target)"""
            state.db.execute(sql, values)
    sql = "SELECT verb, count(*) FROM steps WHERE target = ? GROUP BY verb"
    counts: dict[str, int] = dict(state.db.execute(sql, (state.target,)).fetchall())
    total: int = state.db.execute("SELECT count(*) FROM scanned WHERE target = ?", (state.target,)).fetchone()[0]
    done = sum(counts.get(verb, 0) for verb in ("add", "change", "rename"))
    return Plan(**counts, same=total - done)


def iter_steps(state: State, *verbs: Verb) -> Iterator[Step]:
    """The steps of these kinds, by path; others may be written meanwhile."""
    marks = ", ".join("?" * len(verbs))
    sql = f"""SELECT verb, path, origin FROM steps
        WHERE target = ? AND verb IN ({marks}) AND (path, verb) > (?, ?) ORDER BY path, verb LIMIT 500"""
    path, verb = "", ""
    while rows := state.db.execute(sql, (state.target, *verbs, path, verb)).fetchall():
        for row in rows:
            yield Step(*row)
        verb, path = rows[-1][0], rows[-1][1]
