"""Owns the log: lines with times and ids as fields, for people or for machines; nothing private.

A line says kinds, ids, counts and durations. Names of people, files and classes, texts, addresses
and tickets stay out of it, and with them the messages of errors: a job's row in the database has
its own. Times in seconds, or ISO 8601 in UTC.
"""

from __future__ import annotations

import sys
import traceback

import structlog

from alcore.config import Runtime


def configure(level: str) -> None:
    """Let this process write to stderr as the environment asks; by default from `level` on.

    Raises InvalidSettings for a level or a format that there is not.
    """
    runtime = Runtime.from_environment()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.JSONRenderer()
            if runtime.log_format == "json"
            else structlog.processors.LogfmtRenderer(key_order=("time", "level", "event")),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(runtime.log_level or level),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),  # as it is at each line
    )


def places(error: BaseException) -> list[str]:
    """Say where an error came from, outermost first, without what it says.

    >>> try: places(1 / 0)
    ... except ZeroDivisionError as error: len(places(error))
    1
    """
    return [
        f"{frame.f_globals.get('__name__')}:{line} {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
