"""Owns what is asked at the door where names are on trust and others can reach the app.

Everybody is asked for a name, and for the word where there is one; owners for theirs. A browser
keeps that it was said for a month.
"""

from __future__ import annotations

import hmac
import threading
import time

import streamlit as st

from alcore.errors import NotAllowed
from alcore.records import Annotator
from alcore.services import people
from alcore.web import state
from pages._shell import NEWCOMER, annotator_name, keep_cookie

PAUSE = 1.0
"""Seconds that a wrong word costs, one after the other, whoever types them."""
_guesses = threading.Lock()


def said_word() -> bool:
    """Tell whether who is here has a name, and has said the word that everybody is asked for."""
    word = state.runtime().access.word
    return annotator_name() != NEWCOMER and (not word or _has_pass("alcore_word", word))


def let_through() -> None:
    """Take an invitation for the word that everybody is asked for."""
    _give_pass("alcore_word", state.runtime().access.word)


def ask_word() -> None:
    """Ask for a name and the word."""
    word = state.runtime().access.word
    _, middle, _ = st.columns([1, 1.4, 1])
    with middle, st.form("door", border=True):
        st.markdown("### alcore")
        before = annotator_name()
        name = st.text_input(
            "Your name",
            "" if before == NEWCOMER else before,
            max_chars=people.LONGEST_NAME,
            help="Others in the project see it beside your labels",
        )
        typed = st.text_input("The word", type="password") if word else ""
        if not st.form_submit_button("Start", type="primary"):
            return
        if not name.strip() or name.strip() == NEWCOMER:
            st.write("Please type a name.")
            return
        if word and not _is(typed, word):
            st.error("That is not the word. Ask whoever told you the address.")
            return
    _give_pass("alcore_word", word)
    st.session_state["annotator"] = name.strip()
    st.rerun()


def check_proved(me: Annotator) -> None:
    """Raise NotAllowed for the name of an owner who has not said the owners' word."""
    if people.is_trusted(state.store(), me.id):
        word = state.owners_word()
        if not _has_pass("alcore_owner", word, me.name):
            raise NotAllowed(
                f"{me.name!r} is an owner here; say the owners' word, or choose another name"
            )


def ask_owners_word() -> None:
    """Let owners prove themselves, who then own every project."""
    typed = st.text_input("The owners' word", type="password", key="owners-word")
    if not typed:
        return
    if not _is(typed, state.owners_word()):
        st.error("That is not the owners' word.")
        return
    me = people.annotator(state.store(), annotator_name())
    people.make_administrator(state.store(), me.id)
    _give_pass("alcore_owner", state.owners_word(), me.name)
    st.rerun()


def _is(typed: str, word: str) -> bool:
    """Compare what was typed with a word; what is wrong takes a while."""
    if hmac.compare_digest(typed.encode(), word.encode()):
        return True
    with _guesses:
        time.sleep(PAUSE)
    return False


def _give_pass(cookie: str, word: str, name: str = "") -> None:
    st.session_state[cookie] = state.tickets().give_pass(word, name)


def _has_pass(cookie: str, word: str, name: str = "") -> bool:
    """Tell whether the browser has a pass; one that was just given is put into its cookies."""
    fresh, kept = st.session_state.get(cookie, ""), st.context.cookies.get(cookie, "")
    office = state.tickets()
    if fresh and fresh != kept and office.has_pass(fresh, word, name):
        keep_cookie(cookie, fresh)
        return True
    return office.has_pass(kept, word, name)
