"""Entry point: `streamlit run app.py` serves the pages, the board's routes and the jobs.

`alcore run` runs this file too, which a wheel has inside the package.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

if __name__ != "__main__":
    gc.disable()  # nothing is garbage while modules load; `_settle` lets it be collected again

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from streamlit.watcher.polling_path_watcher import PollingPathWatcher

from alcore import languages, logs
from alcore.errors import AlcoreError, WorkspaceBusy
from alcore.services import projects, whole_projects
from alcore.web import ASSETS, doors, modules, routes, state
from alcore.web.monitoring import Counting
from alcore.web.shield import Shield
from alcore.workers import presence
from alcore.workers.launching import Dispatcher
from pages._language import gettext, language
from pages._who import has_accounts

TURN = 0.001
"""Seconds after which a thread that computes, such as a page's, lets a label's thread go on."""


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Open the workspace, with the demo project in a new one, and keep the dispatcher running."""
    try:
        logs.configure("info")
        access = state.runtime().access
        doors.check_door(access, state.is_beyond(), has_accounts())
        store = await run_in_threadpool(state.store)
        await run_in_threadpool(state.tickets)
        await run_in_threadpool(whole_projects.finish_deletions, store)
        await run_in_threadpool(projects.ensure_demo, store, state.runtime().threads)
    except AlcoreError as error:
        # Nothing runs yet, and raising here would print Starlette's traceback instead.
        print(f"alcore cannot start: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    if state.is_beyond() and not has_accounts():
        await run_in_threadpool(_say_owners_word)
    _navigate_before_the_first_visit()
    for neighbour in state.neighbours():
        print(f"Somebody else works in this workspace: {neighbour}", file=sys.stderr, flush=True)
    dispatcher = Dispatcher(state.runtime())
    dispatcher.start()
    _watch_no_configuration()
    sys.setswitchinterval(TURN)
    settled = asyncio.create_task(run_in_threadpool(_settle))
    address = f"http://{st.get_option('server.address') or 'localhost'}"
    with presence.present(
        state.runtime().workspace, "app", f"{address}:{st.get_option('server.port')}"
    ):
        try:
            yield {}
        finally:
            await settled
            await run_in_threadpool(dispatcher.stop)


def _settle() -> None:
    """Do what the first page need not wait for, while its browser loads Streamlit."""
    # Streamlit collects garbage after every script run; what was imported never is garbage.
    gc.collect()
    gc.freeze()
    gc.enable()
    languages.names()


def _watch_no_configuration() -> None:
    """End Streamlit's threads that look five times a second whether its settings were changed.

    They take more of the processor than all else while nobody is here. Whoever lets Streamlit watch
    files by looking needs them.
    """
    if st.get_option("server.fileWatcherType") == "none":
        PollingPathWatcher._executor.shutdown(wait=False, cancel_futures=True)


def _say_owners_word() -> None:
    """Leave the word by which owners prove themselves where only this account reads it."""
    path = state.runtime().workspace.root / "owners-word"
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(state.owners_word() + "\n")
    print(f"The word that owners are asked for is in {path}", file=sys.stderr, flush=True)


def _navigate_before_the_first_visit() -> None:
    """Tell Streamlit that the folder called pages is no app of its older kind.

    It takes it for one until `st.navigation` was called once: a first visit to /setup would run
    that page alone, with a foreign menu.
    """
    logging.disable(logging.WARNING)  # it warns that nobody has asked for a page yet
    st.navigation([main])
    logging.disable(logging.NOTSET)


def on_script_error(error: Exception) -> bool:
    """Say calmly that a page failed; Streamlit has logged the traceback."""
    if isinstance(error, WorkspaceBusy):
        st.warning(
            "The database is in use by another program. Nothing that was saved is lost; close it "
            "there, or wait until it is done, and reload the page.",
            icon=":material/lock_clock:",
        )
        return True
    st.error(
        "This page could not be drawn. Nothing that was saved is lost; reload the page, and if it "
        f"happens again, the server's log says more ({type(error).__name__})."
    )
    return True


def main() -> None:
    """Draw the page that the address names."""
    # Without an icon of our own Streamlit fetches that of the page from the network.
    st.set_page_config(page_title="alcore", page_icon=ASSETS / "icon.svg", layout="wide")
    st.html(ASSETS / "page.css")
    st.html(modules.script(language()), unsafe_allow_javascript=True)
    page = st.navigation(
        {
            "": [
                st.Page(
                    "pages/label.py", title=gettext("Label"), icon=":material/label:", default=True
                ),
                st.Page("pages/review.py", title=gettext("Review"), icon=":material/fact_check:"),
                st.Page(
                    "pages/dashboard.py", title=gettext("Dashboard"), icon=":material/show_chart:"
                ),
                st.Page("pages/team.py", title=gettext("Team"), icon=":material/group:"),
                st.Page("pages/setup.py", title=gettext("Set-up"), icon=":material/tune:"),
            ],
            gettext("More"): [
                st.Page("pages/map.py", title=gettext("Map"), icon=":material/bubble_chart:"),
                st.Page(
                    "pages/predict.py", title=gettext("Try it"), icon=":material/photo_camera:"
                ),
                st.Page("pages/network.py", title=gettext("Network"), icon=":material/visibility:"),
                st.Page(
                    "pages/teach.py", title=gettext("Teach your own"), icon=":material/co_present:"
                ),
                st.Page(
                    "pages/exchange.py", title=gettext("In and out"), icon=":material/swap_horiz:"
                ),
                st.Page(
                    "pages/experiments.py", title=gettext("Experiments"), icon=":material/science:"
                ),
                st.Page(
                    "pages/playground.py",
                    title=gettext("Playground"),
                    icon=":material/scatter_plot:",
                ),
                st.Page("pages/session.py", title=gettext("Session"), icon=":material/school:"),
                st.Page(
                    "pages/glossary.py", title=gettext("Glossary"), icon=":material/menu_book:"
                ),
            ],
        },
        position="top",
    )
    page.run()


if __name__ == "__main__":
    main()
else:
    state.let_ask(
        st.get_option("server.corsAllowedOrigins") if st.get_option("server.enableCORS") else "*"
    )
    state.let_listen(
        st.get_option("server.address") or "", st.get_option("server.allowedHosts") or []
    )
    state.let_reach(
        doors.reaches_beyond(
            st.get_option("server.address") or "", st.get_option("server.allowedHosts") or []
        )
    )
    app = st.App(
        __file__,
        routes=routes.of_app(st.get_option("server.baseUrlPath")),
        lifespan=lifespan,
        middleware=[
            Middleware(
                Shield,
                hosts=st.get_option("server.allowedHosts") or [],
                uploads=state.uploads(),
                embedded_by=lambda: state.runtime().access.embedded_by,
            ),
            Middleware(Counting),
        ],
        on_script_error=on_script_error,
    )
