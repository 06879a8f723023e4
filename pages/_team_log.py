"""Owns the audit log on the team page: what owners did, newest first, and all of it as CSV."""

from __future__ import annotations

import io
import time
from html import escape

import streamlit as st

from alcore.records import Annotator, AuditEvent, Project
from alcore.services import audit
from alcore.spreadsheets import write_csv
from alcore.web import state
from pages._team_parts import note

SHOWN = 50


def audit_log(project: Project, me: Annotator) -> None:
    """Show the newest entries; the file has all of them."""
    row = st.container(horizontal=True, vertical_alignment="center")
    row.markdown("### Audit log", width="stretch")
    events = audit.of_project(state.store(), project.id, me.id, SHOWN + 1)
    if not events:
        note("What owners do from now on is listed here: settings, roles, invitations, gold.")
        return
    row.download_button(
        "CSV",
        lambda: _csv(project, me),
        f"audit-{project.id}.csv",
        "text/csv",
        key="audit-csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )
    lines = "".join(_line(event) for event in events[:SHOWN])
    st.html(
        '<div class="te-log" tabindex="0" role="region" aria-label="Audit log">'
        f"<ol>{lines}</ol></div>"
    )
    if len(events) > SHOWN:
        note(f"The newest {SHOWN}; the file has all.")


def _csv(project: Project, me: Annotator) -> str:
    out = io.StringIO()
    write_csv(out, audit.COLUMNS, audit.rows(state.store(), project.id, me.id))
    return out.getvalue()


def _line(event: AuditEvent) -> str:
    at = time.strftime("%d %b %H:%M", time.localtime(event.created_at)).lstrip("0")
    who = escape(event.who or "command line")
    return f"<li><time>{at}</time><span><b>{who}</b> {escape(audit.words(event))}</span></li>"
