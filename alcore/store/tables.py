"""Owns the table definitions; each change here goes with one file in `migrations/versions`.

Times are Unix seconds in UTC (float). `label_event` is append-only: triggers refuse update
and delete. `head_labels` is the number of labels that the linear head on top of the round's model
knew; NULL where the model alone had ranked. What counts of the log is kept in `answer`, by a
trigger; the views `current_answer` and `current_label` show it as events. What pages count is
kept, by triggers too, in the same transaction: `item_count`, `answer_count`, `work`, `work_time`.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    select,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of the rows that meet a condition; queries write it in the same words."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


project = Table(
    "project",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("settings", JSON, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("state", String, nullable=False),
    Column("source", JSON, nullable=False),
    Column("known_classes", String, nullable=False),
    Column("channels", Integer, nullable=False, server_default="3"),
    Column("ranking", Integer, nullable=False, server_default="0"),
    Column("ranked_by", Integer),
    Column("head_labels", Integer),
    Column("created_at", Float, nullable=False),
    Column("archived_at", Float),
    Column("deleted_at", Float),
    Column("compared", Integer, nullable=False, server_default="0"),
    Column("split_at", Float),
)
"""A deleted project keeps its row, so that its id is never given again. `compared`: how many of
its images, the first by position, were looked through for near-duplicates; `split_at`: when images
moved between holdout and pool the last time."""

project_class = Table(
    "project_class",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("description", String, nullable=False, server_default=""),
    Column("gone_at", Float),
    Column("gone_name", String),
    Column("merged_into", Integer),
    UniqueConstraint("project_id", "name"),
    UniqueConstraint("project_id", "position"),
)
"""Every class that a project ever had; what refers to one that is gone keeps its id.

The view `class_today` says which class counts instead: that into which it was merged, or none.
A gone class leaves its name and place free: `name` is then no name, `position` below 0.
"""

class_event = Table(
    "class_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("annotator_id", ForeignKey("annotator.id")),
    Column("created_at", Float, nullable=False),
    Column("kind", String, nullable=False),
    Column("details", JSON, nullable=False),
    Column("before", JSON, nullable=False),
    Column("after", JSON, nullable=False),
    Column("undoes", ForeignKey("class_event.id"), unique=True),
    Index("ix_class_event_project", "project_id", "id"),
)
"""The log of changes to classes, append-only: all classes of the project before and after each."""

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("revision", String, nullable=False),
    Column("labels", Integer, nullable=False),
    Column("last_event", Integer, nullable=False),
    Column("annotator_id", ForeignKey("annotator.id")),
    Column("created_at", Float, nullable=False),
    Column("format", Integer, nullable=False),
    Column("rows", LargeBinary, nullable=False),
    UniqueConstraint("project_id", "name"),
)
"""A name for a label set, with all that its files are written from."""

item = Table(
    "item",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("content_hash", String, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("split", String, nullable=False),
    Column("true_class", ForeignKey("project_class.id")),
    Column("offset", Integer),
    Column("length", Integer),
    Column("path", String),
    Column("answers", Integer, nullable=False, server_default="1"),
    UniqueConstraint("project_id", "position"),
    UniqueConstraint("project_id", "content_hash"),
    CheckConstraint("split in ('pool', 'holdout')", name="ck_item_split"),
    Index("ix_item_split", "project_id", "split", "position"),
    _partial("ix_item_answers", "project_id", "id", where="answers > 1"),
)

near_duplicate = Table(
    "near_duplicate",
    metadata,
    Column("item_id", ForeignKey("item.id"), primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("first_id", ForeignKey("item.id"), nullable=False),
    Index("ix_near_duplicate_group", "project_id", "first_id"),
)
"""Images that are near-duplicates of others; a group is named by the first of them."""

skipped_file = Table(
    "skipped_file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("reason", String, nullable=False),
    UniqueConstraint("project_id", "name"),
)

watched_folder = Table(
    "watched_folder",
    metadata,
    Column("project_id", ForeignKey("project.id"), primary_key=True),
    Column("source", JSON, nullable=False),
    Column("prefix", String, nullable=False),
    Column("minutes", Float, nullable=False),
    Column("asked_at", Float),
    Column("looked_at", Float),
    Column("problem", String, nullable=False, server_default=""),
    Column("new", Integer, nullable=False, server_default="0"),
)

addition = Table(
    "addition",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("source", JSON, nullable=False),
    Column("prefix", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("images", Integer, nullable=False, server_default="0"),
    UniqueConstraint("project_id", "prefix"),
)
"""Sources from which images came into a project later; `images` of the last time."""

annotator = Table(
    "annotator",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("active", Boolean, nullable=False, server_default="1"),
    Column("created_at", Float, nullable=False),
    Column("subject", String),
    Column("administrator", Boolean, nullable=False, server_default="0"),
    Index("uq_annotator_subject", "subject", unique=True),
)

member = Table(
    "member",
    metadata,
    Column("project_id", ForeignKey("project.id"), primary_key=True),
    Column("annotator_id", ForeignKey("annotator.id"), primary_key=True),
    Column("role", String, nullable=False),
    Column("joined_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    CheckConstraint("role in ('owner', 'annotator', 'removed')", name="ck_member_role"),
)

label_event = Table(
    "label_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("item_id", ForeignKey("item.id"), nullable=False),
    Column("annotator_id", ForeignKey("annotator.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("class_id", ForeignKey("project_class.id")),
    Column("undoes", ForeignKey("label_event.id"), unique=True),
    Column("key", String, nullable=False, unique=True),
    Column("token", String),
    Column("client_time", Float),
    Column("created_at", Float, nullable=False),
    Column("seconds", Float),
    Column("origin", String, nullable=False),
    Column("round_id", ForeignKey("round.id")),
    Column("suggestion_shown", Boolean, nullable=False, server_default="0"),
    Column("head_labels", Integer),
    Column("note", String),
    Column("suggested_class", ForeignKey("project_class.id")),
    Column("suggested_by", Integer),
    Column("explanation_shown", Boolean, nullable=False, server_default="0"),
    CheckConstraint(
        "kind in ('label', 'skip', 'unsure', 'undo', 'import')", name="ck_label_event_kind"
    ),
    CheckConstraint(
        "(kind in ('label', 'import')) = (class_id is not null)", name="ck_label_event_class"
    ),
    CheckConstraint("(kind = 'undo') = (undoes is not null)", name="ck_label_event_undo"),
    Index("ix_label_event_item", "item_id", "id"),
    Index("ix_label_event_project", "project_id", "id"),
    Index("ix_label_event_annotator", "annotator_id", "project_id", "id"),
    Index("ix_label_event_time", "project_id", "kind", "created_at", "annotator_id"),
    _partial(
        "ix_label_event_seconds",
        "project_id",
        "id",
        "seconds",
        where="seconds IS NOT NULL",
    ),
    _partial(
        "ix_label_event_withdrawal",
        "project_id",
        "id",
        "item_id",
        where="kind IN ('undo', 'unsure')",
    ),
    sqlite_autoincrement=True,
)

contribution = Table(
    "contribution",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("content_hash", String, nullable=False),
    Column("file", String, nullable=False),
    Column("class_id", ForeignKey("project_class.id"), nullable=False),
    Column("annotator_id", ForeignKey("annotator.id"), nullable=False),
    Column("key", String, nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Index("ix_contribution_project", "project_id", "id"),
)
"""Classes of pictures that wait for their import: what somebody brought together with its label."""

answer = Table(
    "answer",
    metadata,
    Column("item_id", ForeignKey("item.id"), primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("event_id", ForeignKey("label_event.id"), nullable=False),
    Column("class_id", ForeignKey("project_class.id")),
    Column("split", String, nullable=False),
    Column("final", Boolean, nullable=False, server_default="0"),
    Column("votes", Integer, nullable=False, server_default="1"),
    _partial("ix_answer_several", "project_id", "item_id", where="votes > 1"),
    Index("ix_answer_class", "project_id", "split", "class_id", "event_id"),
    Index("ix_answer_event", "project_id", "event_id"),
)
"""What counts of an item: an owner's last word (`final`), else what most votes say.

Of as many votes the newest counts; no class is an unsure. The event is the newest that says so;
`votes` is how many there are. The rule stands in the view `verdict`, from which a trigger on
`label_event` writes: to find it in the log takes 0.3 s at 20,000 labels. A consensus that weighs
the votes otherwise is written over it, and holds until the next vote.
"""

vote = Table(
    "vote",
    metadata,
    Column("item_id", ForeignKey("item.id"), primary_key=True),
    Column("annotator_id", ForeignKey("annotator.id"), primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("event_id", ForeignKey("label_event.id"), nullable=False),
    Column("class_id", ForeignKey("project_class.id")),
    Index("ix_vote_annotator", "project_id", "annotator_id"),
    Index("ix_vote_class", "project_id", "item_id", "class_id", "event_id"),
)
"""Each person's last label, import or unsure (no class) of an item that was not undone.

Written by the same trigger; an owner's last word is no vote.
"""

item_count = Table(
    "item_count",
    metadata,
    Column("project_id", ForeignKey("project.id"), primary_key=True),
    Column("split", String, primary_key=True),
    Column("total", Integer, nullable=False),
)

answer_count = Table(
    "answer_count",
    metadata,
    Column("project_id", ForeignKey("project.id"), primary_key=True),
    Column("split", String, primary_key=True),
    Column("class_id", Integer, primary_key=True),
    Column("total", Integer, nullable=False),
)
"""Rows of `answer`; class 0 is an unsure."""

work = Table(
    "work",
    metadata,
    Column("project_id", ForeignKey("project.id"), primary_key=True),
    Column("annotator_id", ForeignKey("annotator.id"), primary_key=True),
    Column("labels", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("unsure", Integer, nullable=False),
    Column("undone", Integer, nullable=False),
    Column("last_at", Float, nullable=False),
)
"""What each person answered; what was undone counts as that alone. Imports are nobody's work."""

work_time = Table(
    "work_time",
    metadata,
    Column("project_id", ForeignKey("project.id"), primary_key=True),
    Column("quarter", Integer, primary_key=True),
    Column("annotator_id", ForeignKey("annotator.id"), primary_key=True),
    Column("labels", Integer, nullable=False),
)
"""Labels that each person gave in a quarter of an hour, counted from 1970, but for undone ones."""

gold = Table(
    "gold",
    metadata,
    Column("item_id", ForeignKey("item.id"), primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("class_id", ForeignKey("project_class.id"), nullable=False),
    Column("suggestion", JSON),
    Column("created_at", Float, nullable=False),
    Index("ix_gold_project", "project_id"),
)
"""Items with a known answer that is asked of everybody, to see how good their answers are."""

comment = Table(
    "comment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("item_id", ForeignKey("item.id"), nullable=False),
    Column("annotator_id", ForeignKey("annotator.id"), nullable=False),
    Column("key", String, nullable=False, unique=True),
    Column("text", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("ix_comment_item", "item_id", "id"),
    Index("ix_comment_project", "project_id", "item_id"),
)

example = Table(
    "example",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("class_id", ForeignKey("project_class.id"), nullable=False),
    Column("item_id", ForeignKey("item.id")),
    Column("name", String, nullable=False),
    Column("pixels", LargeBinary),
    Column("mime", String),
    Column("annotator_id", ForeignKey("annotator.id"), nullable=False),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("class_id", "item_id"),
    CheckConstraint("(item_id is null) = (pixels is not null)", name="ck_example_picture"),
    Index("ix_example_project", "project_id", "id"),
)
"""What a class looks like: one of the project's items, or a picture of its own."""

label_import = Table(
    "label_import",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("key", String, nullable=False, unique=True),
    Column("use", String, nullable=False),
    Column("class_ids", JSON, nullable=False, server_default="[]"),
    Column("created_at", Float, nullable=False),
    Column("accepted_at", Float),
    Column("finished_at", Float),
    CheckConstraint("use in ('labels', 'answer key')", name="ck_label_import_use"),
    Index("ix_label_import_project", "project_id", "id"),
)
"""Files of labels on their way in. One that is accepted comes in whole, whatever is killed."""

staged_label = Table(
    "staged_label",
    metadata,
    Column("import_id", ForeignKey("label_import.id"), primary_key=True),
    Column("item_id", ForeignKey("item.id"), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("kept", Boolean, nullable=False, server_default="0"),
    _partial("ix_staged_label_waiting", "import_id", "item_id", where="NOT kept"),
)
"""Labels that a file brings and that do not count yet; `place` among its import's classes.

`kept`: people have labeled the image otherwise meanwhile, and theirs stays.
"""

label_check = Table(
    "label_check",
    metadata,
    Column("item_id", ForeignKey("item.id"), primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("event_id", ForeignKey("label_event.id"), nullable=False),
    Column("class_id", ForeignKey("project_class.id"), nullable=False),
    Column("p", Float, nullable=False),
    Column("p_label", Float, nullable=False),
    Column("error_score", Float, nullable=False),
    Column("flagged", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("ix_label_check_project", "project_id", "created_at"),
    _partial("ix_label_check_error_score", "project_id", "error_score", where="flagged"),
)
"""What a model that has not seen the label of `event_id` says of its item.

class_id: the class it names, with probability `p`; `p_label`: the probability of the label.
"""

queue_item = Table(
    "queue_item",
    metadata,
    Column("project_id", ForeignKey("project.id"), primary_key=True),
    Column("ranking", Integer, primary_key=True),
    Column("rank", Integer, primary_key=True),
    Column("item_id", ForeignKey("item.id"), nullable=False),
    Column("score", Float),
    Column("reason", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("suggestion", JSON),
    UniqueConstraint("project_id", "ranking", "item_id"),
)

lease = Table(
    "lease",
    metadata,
    Column("token", String, primary_key=True),
    Column("item_id", ForeignKey("item.id"), nullable=False),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("annotator_id", ForeignKey("annotator.id"), nullable=False),
    Column("client", String, nullable=False),
    Column("leased_at", Float, nullable=False, server_default="0"),
    Column("expires_at", Float, nullable=False),
    Column("origin", String, nullable=False),
    Column("round_id", ForeignKey("round.id")),
    Column("head_labels", Integer),
    UniqueConstraint("item_id", "annotator_id"),
    Index("ix_lease_project", "project_id", "expires_at"),
)

round_ = Table(
    "round",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("last_event", Integer, nullable=False),
    Column("labels", Integer, nullable=False),
    Column("summary", JSON, nullable=False),
    UniqueConstraint("project_id", "number"),
)

pretrained = Table(
    "pretrained",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("about", JSON, nullable=False),
    UniqueConstraint("project_id", "number"),
)

calibration = Table(
    "calibration",
    metadata,
    Column("project_id", ForeignKey("project.id"), primary_key=True),
    Column("recipe", String, primary_key=True),
    Column("temperature", Float, nullable=False),
    Column("labels", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("of_labels", Integer, nullable=False, server_default="0"),
    Column("shares", JSON, nullable=False, server_default="[]"),
)

baseline_point = Table(
    "baseline_point",
    metadata,
    Column("project_id", ForeignKey("project.id"), primary_key=True),
    Column("learner", String, primary_key=True),
    Column("trial", Integer, primary_key=True),
    Column("labels", Integer, primary_key=True),
    Column("evaluation", JSON, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("created_at", Float, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("args", JSON, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("worker", String),
    Column("phase", String, nullable=False, server_default=""),
    Column("progress", Float, nullable=False, server_default="0"),
    Column("error", Text),
    Column("traceback", Text),
    Column("cancel_requested", Boolean, nullable=False, server_default="0"),
    Column("not_before", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("heartbeat_at", Float),
    Column("finished_at", Float),
    _partial(
        "uq_job_running",
        "project_id",
        "kind",
        unique=True,
        where="state = 'running'",
    ),
    _partial(
        "uq_job_waiting",
        "project_id",
        "kind",
        unique=True,
        where="state = 'waiting'",
    ),
    Index("ix_job_state", "state", "not_before"),
    Index("ix_job_project", "project_id", "kind", "id"),
)

invitation = Table(
    "invitation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("annotator_id", ForeignKey("annotator.id")),
    Column("note", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("revoked_at", Float),
    Column("joined", Integer, nullable=False, server_default="0"),
    Index("ix_invitation_project", "project_id", "id"),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("annotator_id", ForeignKey("annotator.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("used_at", Float),
    Column("revoked_at", Float),
    CheckConstraint("scope in ('read', 'label', 'own')", name="ck_api_token_scope"),
    Index("ix_api_token_project", "project_id", "id"),
)
"""By which programs ask for a person; `digest` is the SHA-256 of a secret that is kept nowhere."""

webhook = Table(
    "webhook",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("annotator_id", ForeignKey("annotator.id")),
    Column("address", String, nullable=False),
    Column("secret", String, nullable=False),
    Column("events", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("removed_at", Float),
    Index("ix_webhook_project", "project_id", "id"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("webhook_id", ForeignKey("webhook.id"), nullable=False),
    Column("event", String, nullable=False),
    Column("body", JSON, nullable=False),
    Column("state", String, nullable=False, server_default="waiting"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    Column("created_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    CheckConstraint("state in ('waiting', 'done', 'failed')", name="ck_delivery_state"),
    _partial("ix_delivery_due", "due_at", where="state = 'waiting'"),
    Index("ix_delivery_webhook", "webhook_id", "id"),
)
"""What a webhook is told: a row from the moment it happened, until it was delivered."""

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id")),
    Column("annotator_id", ForeignKey("annotator.id")),
    Column("created_at", Float, nullable=False),
    Column("act", String, nullable=False),
    Column("details", JSON, nullable=False),
    Index("ix_audit_event_project", "project_id", "id"),
)

selection = Table(
    "selection",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("annotator_id", ForeignKey("annotator.id"), nullable=False),
    Column("item_ids", JSON, nullable=False),
    Column("size", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("ix_selection_project", "project_id", "annotator_id", "id"),
)
"""Items that somebody has selected on the map; each person's newest few are kept."""

metadata_column = Table(
    "metadata_column",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("pattern", String, nullable=False, server_default=""),
    Column("last_item", Integer, nullable=False, server_default="0"),
    Column("accepted", Boolean, nullable=False, server_default="0"),
    Column("grouping", Boolean, nullable=False, server_default="0"),
    Column("created_at", Float, nullable=False),
    CheckConstraint("kind in ('text', 'number', 'date')", name="ck_metadata_column_kind"),
    CheckConstraint("origin in ('table', 'path', 'exif')", name="ck_metadata_column_origin"),
    _partial(
        "uq_metadata_column_name",
        "project_id",
        "name",
        unique=True,
        where="accepted",
    ),
    Index("ix_metadata_column_project", "project_id", "id"),
)
"""What is known of images: a column each. One that is not accepted is being written, or was given
up. Of a column from paths or EXIF `last_item` is the newest item that was looked at."""

metadata_text = Table(
    "metadata_text",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("text", String, nullable=False),
    UniqueConstraint("project_id", "text"),
)
"""Each text that is a value, once."""

metadata_value = Table(
    "metadata_value",
    metadata,
    Column("column_id", ForeignKey("metadata_column.id"), primary_key=True),
    Column("item_id", ForeignKey("item.id"), primary_key=True),
    Column("value", Float, nullable=False),
    Index("ix_metadata_value_value", "column_id", "value"),
    sqlite_with_rowid=False,
)
"""What is known of an image: a number, a date as Unix seconds, or the id of a text."""
completion = Table(
    "completion",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("round_id", ForeignKey("round.id")),
    Column("source", String, nullable=False, server_default=""),
    Column("precision", Float),
    Column("threshold", Float),
    Column("expected", Float),
    Column("images", Integer, nullable=False),
    Column("annotator_id", ForeignKey("annotator.id")),
    Column("created_at", Float, nullable=False),
    Column("drawn_at", Float),
    Column("written_at", Float),
    Column("withdrawn_at", Float),
    Column("right", Integer),
    Index("ix_completion_project", "project_id", "id"),
    _partial(
        "uq_completion_open",
        "project_id",
        unique=True,
        where="written_at IS NULL AND withdrawn_at IS NULL",
    ),
)
"""Images that a model is sure of, to be labeled by it once a sample of them was checked.

Of predictions that came in a file there is no round: `source` is what they are called.
`right`: of those that were checked, as it stood when the labels were written.
"""

model_label = Table(
    "model_label",
    metadata,
    Column("completion_id", ForeignKey("completion.id"), primary_key=True),
    Column("item_id", ForeignKey("item.id"), primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("class_id", ForeignKey("project_class.id"), nullable=False),
    Column("probability", Float),
    Column("draw", Integer),
    Index("ix_model_label_project", "project_id", "item_id"),
    _partial(
        "ix_model_label_check",
        "project_id",
        "completion_id",
        "draw",
        where="draw IS NOT NULL",
    ),
)
"""What a completion's model says of its images; `draw`: the place of one that people check.

It counts once the completion is written, while no person has answered the image. No label event:
nothing is trained on it, and no measure knows of it.
"""

session = Table(
    "session",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("annotator_id", ForeignKey("annotator.id")),
    Column("code", String, nullable=False, unique=True),
    Column("minutes", Integer, nullable=False),
    Column("locked", Boolean, nullable=False, server_default="0"),
    Column("created_at", Float, nullable=False),
    Column("starts_at", Float),
    Column("ends_at", Float),
    Index("ix_session_project", "project_id", "id"),
)
"""An hour in which a class labels copies of a project; `code` is what lets students in."""

session_group = Table(
    "session_group",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", ForeignKey("session.id"), nullable=False),
    Column("project_id", ForeignKey("project.id"), nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("strategy", String, nullable=False),
    Index("ix_session_group_session", "session_id", "id"),
)
"""A part of a class with a project of its own, which is a copy of the session's."""

student = Table(
    "student",
    metadata,
    Column("annotator_id", ForeignKey("annotator.id"), primary_key=True),
    Column("session_id", ForeignKey("session.id"), nullable=False),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("joined_at", Float, nullable=False),
    Column("removed_at", Float),
    Index("ix_student_session", "session_id", "joined_at"),
    Index("ix_student_project", "project_id"),
)
"""Who joined a session; they may label in their group's project while it runs, and nothing else."""

guess = Table(
    "guess",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("session_id", ForeignKey("session.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("asked_at", Float, nullable=False),
    Column("shown_at", Float),
    Column("closed_at", Float),
    Column("bars", JSON, nullable=False, server_default="{}"),
    Index("ix_guess_session", "session_id", "id"),
)
"""An image that a class is asked about before it sees the model's answer; `bars` has that answer,
by the id of the group's project, from the moment that it was shown."""

guess_answer = Table(
    "guess_answer",
    metadata,
    Column("guess_id", ForeignKey("guess.id"), primary_key=True),
    Column("annotator_id", ForeignKey("annotator.id"), primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("class_place", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("ix_guess_answer_project", "project_id"),
)

simulated_point = Table(
    "simulated_point",
    metadata,
    Column("project_id", ForeignKey("project.id"), primary_key=True),
    Column("learner", String, primary_key=True),
    Column("strategy", String, primary_key=True),
    Column("labels", Integer, primary_key=True),
    Column("accuracy", Float),
    Column("batch", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
)
"""What a strategy reaches with so many answers of the key; `batch` has what it asks next."""

stored_file = Table(
    "stored_file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id")),
    Column("name", String, nullable=False),
    Column("start", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("digest", String, nullable=False),
    Column("object", String, nullable=False, unique=True),
    Index("ix_stored_file_project", "project_id", "id"),
    sqlite_autoincrement=True,
)
"""A part of a file, and the object that has it in the object store; of no project: the secret."""

verdict = Table(
    "verdict",
    MetaData(),
    Column("project_id", Integer),
    Column("item_id", Integer),
    Column("event_id", Integer),
    Column("class_id", Integer),
    Column("final", Boolean),
)
"""View: what counts of an item by the rule that `answer` tells of."""

class_today = Table(
    "class_today",
    MetaData(),
    Column("id", Integer),
    Column("project_id", Integer),
    Column("class_id", Integer),
)
"""View: which class counts today for each that there ever was, NULL for none."""


def today(class_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the class that counts today for one that stands in a row."""
    return (
        select(class_today.c.class_id)
        .where(class_today.c.id == class_id)
        .correlate_except(class_today)
        .scalar_subquery()
    )


_answer = [Column(c.name, c.type) for c in label_event.columns]
current_answer = Table("current_answer", MetaData(), *_answer)
"""View: the events that `answer` names."""
current_label = Table("current_label", MetaData(), *[Column(c.name, c.type) for c in _answer])
"""View: current answers but for the unsure ones; what a model is trained on."""
