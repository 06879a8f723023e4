"""Owns the question where a new project's images come from, and the look at them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from alcore.errors import AlcoreError
from alcore.services import more_images, ready, setup
from alcore.services.setup import SourcePreview
from alcore.web import state
from alcore.web.palette import class_colours
from alcore.web.state import Store
from pages._setup_text import note, plain, preview, refusal
from pages._shell import let_upload, uploaded

Spec = dict[str, Any]

KINDS = {
    "digits": ("Handwritten digits (built in)", "1,797 small grey images, ready in a second"),
    "ready": ("Ready to go", "shapes with a shortcut, and data sets that lie in the data folder"),
    "shapes": ("Generated shapes", "made to measure, to try things out"),
    "folder": ("A folder on this computer", "one folder per class, train and test, or all in one"),
    "archive": ("A zip archive", "uploaded here, or a file on this computer"),
    "remote": ("A bucket or a server", "s3://, gs://, https:// and others, copied from there"),
    "addresses": ("A list of addresses", "each an image, fetched once from where it is"),
    "torchvision": ("torchvision data set", "MNIST, CIFAR-10 and others, from a local copy"),
}
ON_THE_SERVER = ("folder", "torchvision")
ELSEWHERE = ("remote", "addresses")
BEFORE = {
    "folder": "Type the folder's path. What is in it appears here before anything is imported.",
    "archive": "Choose an archive. What is in it appears here before anything is imported.",
    "remote": "Type the address. What is there appears here before anything is imported.",
    "addresses": "Type addresses, or choose a list. Some of the images appear here first.",
    "torchvision": "Press the button. What is there appears here before anything is imported.",
}


def choose_source(
    store: Store, prefix: str, among: Sequence[str] = tuple(KINDS), may_stay: bool = True
) -> Spec | None:
    """Ask for a source; return its description, or None while something is missing.

    may_stay: ask whether the images of a folder stay in it; else they are copied.
    """
    folders = state.folders()
    kinds = [k for k in among if k not in ON_THE_SERVER or not folders.closed]
    if folders.closed_remotely:
        kinds = [k for k in kinds if k not in ELSEWHERE]
    kind = st.radio(
        "Where the images are",
        kinds,
        format_func=lambda k: KINDS[k][0],
        captions=[KINDS[k][1] for k in kinds],
        key=f"{prefix}kind",
        persist_state="session",
    )
    asking: dict[str, Callable[[Store, str], Spec | None]] = {
        "digits": lambda store, prefix: {"kind": "digits"},
        "ready": _ready,
        "shapes": _shapes,
        "folder": lambda store, prefix: _folder(store, prefix, may_stay),
        "archive": _archive,
        "remote": _remote,
        "addresses": _addresses,
        "torchvision": _torchvision,
    }
    with st.container(key=f"{prefix}source-{kind}"):
        if kind in ELSEWHERE and folders.remote:
            note(f"What may be named lies below {', '.join(folders.remote)}")
        return asking[kind](store, prefix)


def look_at(store: Store, prefix: str, spec: Spec | None) -> SourcePreview | None:
    """Look at a source, once for each description; show what it holds or why it is refused."""
    if spec is None:
        kind = st.session_state[f"{prefix}kind"]
        note(BEFORE.get(kind, ""))
        return None
    key = json.dumps(spec, sort_keys=True)
    entry = st.session_state.get(f"{prefix}look")
    if entry is None or entry[0] != key:
        try:
            with st.spinner("Looking at the images"):
                entry = (key, setup.look_at(spec, state.folders(), store.workspace))
        except AlcoreError as error:
            entry = (key, error)
        st.session_state[f"{prefix}look"] = entry
    look: SourcePreview | AlcoreError = entry[1]
    if isinstance(look, AlcoreError):
        refusal(look)
    else:
        colours = class_colours(len(look.summary.classes))
        preview(look, colours, layout=spec["kind"] in ("folder", "archive", "remote"))
    if spec["kind"] not in ("digits", "shapes"):
        st.button(
            "Look again",
            key=f"{prefix}again",
            type="tertiary",
            icon=":material/refresh:",
            on_click=st.session_state.pop,
            args=(f"{prefix}look", None),
        )
    return None if isinstance(look, AlcoreError) else look


def _ready(store: Store, prefix: str) -> Spec | None:
    offered = ready.offers(store.workspace, state.folders())
    chosen = st.radio(
        "Which",
        range(len(offered)),
        format_func=lambda place: offered[place].title,
        captions=[one.sentence for one in offered],
        key=f"{prefix}ready",
        persist_state="session",
    )
    absent = ready.missing(offered)
    if absent:
        note(f"Not in the data folder: {'; '.join(absent)}.")
    return offered[chosen].spec


def _shapes(store: Store, prefix: str) -> Spec:
    a, b = st.columns(2)
    size = a.number_input(
        "Images", 2, 200_000, 1000, 500, key=f"{prefix}size", persist_state="session"
    )
    classes = b.number_input(
        "Kinds of shape", 2, setup.MOST_SHAPES, 5, key=f"{prefix}classes", persist_state="session"
    )
    with st.expander("Make it harder", key=f"{prefix}harder"):
        harder = _harder(prefix)
        seed = st.number_input(
            "Seed of the shapes", 0, 2**31, 0, key=f"{prefix}shapes-seed", persist_state="session"
        )
    return {
        "kind": "shapes",
        "size": int(size),
        "classes": int(classes),
        **harder,
        "seed": int(seed),
    }


def _harder(prefix: str) -> Spec:
    """Ask what makes shapes harder to learn."""
    return {
        "imbalance": st.slider(
            "Imbalance",
            1.0,
            100.0,
            1.0,
            1.0,
            format="%d : 1",
            key=f"{prefix}imbalance",
            persist_state="session",
            help="Images of the most frequent class for each of the rarest",
        ),
        "duplicates": st.slider(
            "Near-duplicates",
            0.0,
            0.9,
            0.0,
            0.05,
            format="percent",
            key=f"{prefix}duplicates",
            persist_state="session",
            help="Share of images that repeat another one, shifted a little and with noise",
        ),
        "ambiguity": st.slider(
            "Ambiguity",
            0.0,
            1.0,
            0.0,
            0.05,
            format="percent",
            key=f"{prefix}ambiguity",
            persist_state="session",
            help="Share of images that blend two shapes, the true one a little stronger",
        ),
        "shortcut": st.slider(
            "Shortcut",
            0.0,
            1.0,
            0.0,
            0.05,
            format="percent",
            key=f"{prefix}shortcut",
            persist_state="session",
            help="Share of images whose background has the colour of their class, so that a model "
            "can be right without looking at the shape",
        ),
    }


def _folder(store: Store, prefix: str, may_stay: bool) -> Spec | None:
    path = setup.local_path(
        st.text_input(
            "Path of the folder",
            key=f"{prefix}folder",
            persist_state="session",
            placeholder="~/pictures/birds",
        )
    )
    if not may_stay:
        return {"kind": "folder", "path": path, "copy": True, "least": 1} if path else None
    copy = st.radio(
        "The originals",
        [False, True],
        format_func=lambda copied: "are copied" if copied else "stay where they are",
        captions=["The folder must stay as it is", "The folder may go away afterwards"],
        key=f"{prefix}copy",
        persist_state="session",
    )
    return {"kind": "folder", "path": path, "copy": copy} if path else None


def _remote(store: Store, prefix: str) -> Spec | None:
    address = st.text_input(
        "Address",
        key=f"{prefix}remote",
        persist_state="session",
        placeholder="s3://bucket/folder",
        help="Credentials come from the environment of the app or its usual files, never from here",
    ).strip()
    return {"kind": "remote", "path": address} if address else None


def _addresses(store: Store, prefix: str) -> Spec | None:
    """Take a list of addresses into the workspace."""
    let_upload()
    text = st.text_area(
        "Addresses, one a line",
        key=f"{prefix}addresses",
        persist_state="session",
        placeholder="https://birds.example/tit.jpg",
        help="Each is fetched once, by the server; names, passwords and private networks are "
        "refused",
    )
    file = st.file_uploader(
        "Or a list: a text, or a CSV file with a column “address” and maybe one “class”",
        ["txt", "csv", "tsv"],
        key=f"{prefix}list",
        max_upload_size=more_images.MOST_BYTES // 1_000_000,
    )
    if file is None and not text.strip():
        return None
    try:
        data, name = text.encode(), ""
        if file is not None:
            name = file.name
            with uploaded(file) as path:
                data = path.read_bytes()
        return setup.keep_list(store, data, name, state.folders())[0]
    except AlcoreError as error:
        refusal(error)
        return None


def _archive(store: Store, prefix: str) -> Spec | None:
    if state.folders().closed:
        return _upload(store, prefix)
    way = st.segmented_control(
        "Archive",
        ["Upload", "On this computer"],
        default="Upload",
        required=True,
        key=f"{prefix}way",
        persist_state="session",
        label_visibility="collapsed",
    )
    if way == "Upload":
        return _upload(store, prefix)
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    path = setup.local_path(
        left.text_input(
            "Path of the archive",
            key=f"{prefix}zip",
            persist_state="session",
            placeholder="~/pictures.zip",
        )
    )
    limit = right.number_input(
        "Limit, MB",
        1,
        1_000_000,
        setup.ARCHIVE_LIMIT_MB,
        100,
        key=f"{prefix}limit",
        persist_state="session",
        help="Larger archives are refused; raise it for one that you trust",
    )
    return {"kind": "archive", "path": path, "limit_mb": int(limit)} if path else None


def _upload(store: Store, prefix: str) -> Spec | None:
    """Take an upload into the workspace."""
    upload: Spec | None = st.session_state.get(f"{prefix}upload")
    if upload is not None:
        row = st.container(horizontal=True, vertical_alignment="center")
        row.markdown(f"**{plain(upload['name'])}** is in the workspace.")
        row.button(
            "Choose another",
            key=f"{prefix}another",
            on_click=st.session_state.pop,
            args=(f"{prefix}upload", None),
        )
        return upload
    let_upload()
    file = st.file_uploader("Zip archive", "zip", key=f"{prefix}uploader")
    if file is None:
        return None
    try:
        with st.spinner("Storing the archive"), uploaded(file) as path:
            st.session_state[f"{prefix}upload"] = setup.keep_upload(store, path, file.name)
    except AlcoreError as error:
        refusal(error)
        return None
    st.rerun()


def _torchvision(store: Store, prefix: str) -> Spec | None:
    name = st.selectbox(
        "Data set",
        list(setup.TORCHVISION_NAMES),
        format_func=lambda key: setup.TORCHVISION_NAMES[key],
        key=f"{prefix}dataset",
        persist_state="session",
    )
    root = setup.local_path(
        st.text_input(
            "Folder of the local copy", "~/datasets", key=f"{prefix}root", persist_state="session"
        )
    )
    download = st.toggle(
        "Download it where it is missing",
        key=f"{prefix}download",
        persist_state="session",
        help="Needs a network; CIFAR-10 has 170 MB, STL-10 2.6 GB",
    )
    if not root:
        return None
    spec = {"kind": "torchvision", "name": name, "root": root, "download": download}
    # Looking may download, so it waits for a word.
    if st.button("Look for it", key=f"{prefix}look-for"):
        st.session_state[f"{prefix}wanted"] = spec
    return spec if st.session_state.get(f"{prefix}wanted") == spec else None
