"""Owns whether the rows of a database agree with each other: with SQLite, and with the log.

What counts of the log of label events is kept in `vote` and `answer` by a trigger; here it is
found in the log itself. So are the counts that triggers keep beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, or_, select, text, union

from alcore.store.functions import POSTGRESQL, quarter
from alcore.store.sqlite import problems_of
from alcore.store.tables import answer, project, verdict, vote

_LAST = """
SELECT l.item_id, l.annotator_id, l.project_id, l.id AS event_id, t.class_id
FROM label_event l LEFT JOIN class_today t ON t.id = l.class_id
WHERE (l.class_id IS NULL OR t.class_id IS NOT NULL) AND l.id IN (
  SELECT max(e.id) FROM label_event e
  WHERE e.kind IN ('label', 'import', 'unsure') AND e.origin != 'adjudicated'
    AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id) AND {which}
  GROUP BY e.item_id, e.annotator_id)
"""
"""Each person's last word on an item, as its class counts today."""
_EVERYWHERE = _LAST.format(which="true")
_AT_ONCE = 500
_VOTES = f"""
SELECT item_id FROM (
  SELECT item_id, annotator_id, event_id, class_id FROM ({_EVERYWHERE}) said
  EXCEPT SELECT item_id, annotator_id, event_id, class_id FROM vote) lacking
UNION SELECT item_id FROM (
  SELECT item_id, annotator_id, event_id, class_id FROM vote
  EXCEPT SELECT item_id, annotator_id, event_id, class_id FROM ({_EVERYWHERE}) said) surplus
"""
_votes = select(func.count()).where(vote.c.item_id == answer.c.item_id).correlate(answer)
_by_majority = project.c.settings["team", "consensus"].as_string() == "majority"
_ANSWERS = union(
    select(verdict.c.item_id)
    .outerjoin(answer, answer.c.item_id == verdict.c.item_id)
    .join(project, project.c.id == verdict.c.project_id)
    .where(
        or_(
            answer.c.item_id.is_(None),
            answer.c.final != verdict.c.final,
            answer.c.votes != _votes.scalar_subquery(),
            (answer.c.event_id != verdict.c.event_id) & (verdict.c.final | _by_majority),
        )
    ),
    select(answer.c.item_id).where(answer.c.item_id.not_in(select(verdict.c.item_id))),
)

_PEOPLE = "('label', 'skip', 'unsure')"
_STANDING = "NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)"
_COUNTS = {
    "item_count (project_id, split, total)": """
      SELECT project_id, split, count(*) FROM item GROUP BY 1, 2""",
    "answer_count (project_id, split, class_id, total)": """
      SELECT project_id, split, coalesce(class_id, 0), count(*) FROM answer GROUP BY 1, 2, 3""",
    "work (project_id, annotator_id, labels, skipped, unsure, undone, last_at)": f"""
      SELECT project_id, annotator_id, count(*) FILTER (WHERE kind = 'label' AND stands),
        count(*) FILTER (WHERE kind = 'skip' AND stands),
        count(*) FILTER (WHERE kind = 'unsure' AND stands), count(*) FILTER (WHERE NOT stands),
        max(created_at)
      FROM (SELECT e.*, {_STANDING} AS stands FROM label_event e WHERE e.kind IN {_PEOPLE}) work
      GROUP BY 1, 2""",
    "work_time (project_id, quarter, annotator_id, labels)": f"""
      SELECT e.project_id, {{quarter}}, e.annotator_id, count(*)
      FROM label_event e WHERE e.kind = 'label' AND {_STANDING} GROUP BY 1, 2, 3""",
}
"""What each table of counts is to hold; a count of nothing need not be there."""


_KEEP = tuple(
    text(statement).bindparams(bindparam("items", expanding=True))
    for statement in (
        "DELETE FROM vote WHERE item_id IN :items",
        "INSERT INTO vote (item_id, annotator_id, project_id, event_id, class_id) "
        + _LAST.format(which="e.item_id IN :items"),
        "DELETE FROM answer WHERE item_id IN :items",
        "INSERT INTO answer (item_id, project_id, event_id, class_id, split, final, votes) "
        "SELECT i.id, i.project_id, v.event_id, v.class_id, i.split, v.final, "
        "(SELECT count(*) FROM vote WHERE vote.item_id = i.id) "
        "FROM verdict v JOIN item i ON i.id = v.item_id WHERE v.item_id IN :items",
    )
)


def problems(connection: Connection) -> list[str]:
    """Ask SQLite whether the database is whole; return what is not, in its words.

    PostgreSQL looks itself at each page that it reads, and at each reference that is written.
    """
    if connection.dialect.name == POSTGRESQL:
        return []
    return problems_of(lambda statement: connection.exec_driver_sql(statement).all())


def stale(connection: Connection) -> list[int]:
    """List the items of which something else is kept than the log says."""
    votes = connection.execute(text(_VOTES)).scalars().all()
    answers = connection.execute(_ANSWERS).scalars().all()
    return sorted({*votes, *answers})


def _counts(connection: Connection) -> dict[str, str]:
    name = quarter(connection)
    return {table: counts.format(quarter=name) for table, counts in _COUNTS.items()}


def miscounted(connection: Connection) -> list[str]:
    """Name the tables of counts that hold something else than there is."""
    wrong = []
    for table, counts in _counts(connection).items():
        name, columns = table.split(" ", 1)
        columns = columns.strip("()")
        last = columns.rsplit(", ", 1)[-1]
        kept = f"SELECT {columns} FROM {name}" + ("" if name == "work" else f" WHERE {last} != 0")
        differs = (
            f"SELECT 1 WHERE EXISTS ({kept} EXCEPT SELECT * FROM ({counts}) counts) "
            f"OR EXISTS (SELECT * FROM ({counts}) counts EXCEPT {kept})"
        )
        if connection.execute(text(differs)).first() is not None:
            wrong.append(name)
    return wrong


def count_anew(connection: Connection, names: list[str]) -> None:
    """Count anew what these tables hold."""
    for table, counts in _counts(connection).items():
        name = table.partition(" ")[0]
        if name in names:
            connection.execute(text(f"DELETE FROM {name}"))
            connection.execute(text(f"INSERT INTO {table} {counts}"))


def keep_anew(connection: Connection, item_ids: Sequence[int]) -> None:
    """Keep of these items what the log says; a consensus other than the majority comes later."""
    for start in range(0, len(item_ids), _AT_ONCE):
        which = {"items": [int(i) for i in item_ids[start : start + _AT_ONCE]]}
        for statement in _KEEP:
            connection.execute(statement, which)
