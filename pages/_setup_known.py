"""Owns the fields for what is known of a new project's images besides their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from alcore.services import metadata
from alcore.services.metadata import Wish
from alcore.web.state import Store
from pages._exchange_parts import ask_for_file
from pages._setup_text import note, plain


def known_fields(store: Store, prefix: str) -> Wish:
    """Ask for a table, parts of the path, EXIF, and by which of these images stay together.

    Raises AlcoreError for what cannot be read or is no pattern.
    """
    with st.expander(
        "What is known of the images", icon=":material/table:", key=f"{prefix}known-fields"
    ):
        note(
            "Columns such as site, patient or date can be filtered and sorted by, and the "
            "dashboard says how good the model is for each of their values. More can be brought in "
            "later, on the page In and out."
        )
        pattern = st.text_input(
            "Parts of the path",
            key=f"{prefix}known-path",
            persist_state="session",
            placeholder="{site}/{patient}/*",
            help="A name in braces is a column, * anything within a folder or a name",
        )
        exif = st.checkbox(
            "Date and camera, where cameras wrote them into the files",
            key=f"{prefix}known-exif",
            persist_state="session",
        )
        file = ask_for_file(
            store,
            f"{prefix}known-table",
            "A table with a row per image: CSV, JSON Lines or Parquet",
            "Or the name of a table on this computer",
            "/data/scans.csv",
        )
        table = None if file is None else metadata.table_for_import(*file)
        if table is not None:
            note(
                f"Images are named by {table.image_column!r}; known are {', '.join(table.columns)}."
            )
        wish = Wish(pattern, exif, table)
        if wish.names:
            wish = replace(wish, group=_group(prefix, wish.names))
        metadata.check_wish(wish)
        return wish


def _group(prefix: str, names: Sequence[str]) -> str:
    """Ask by which column images stay together; return none for none."""
    group = st.selectbox(
        "Images that stay together, all in the holdout or all in the pool, by",
        names,
        index=None,
        placeholder="a column such as patient",
        format_func=plain,
        key=f"{prefix}known-group",
    )
    return group or ""
