"""What happens when the disk takes no more: an error, nothing half saved, and it recovers."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from alcore.config import Workspace
from alcore.errors import WorkspaceUnusable
from alcore.store import Store, labels

NO_ROOM = """
    import resource, signal, sys
    from pathlib import Path
    from alcore.config import Workspace
    from alcore.errors import WorkspaceUnusable
    from alcore.store import Store, labels
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = Store.open(Workspace(Path(sys.argv[1])))
    with store.write() as connection:
        labels.annotator_named(connection, "ana", 0.0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        with store.write() as connection:
            for n in range(5000):
                labels.annotator_named(connection, f"ben {n}", 0.0)
    except WorkspaceUnusable as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with store.write() as connection:
        labels.annotator_named(connection, "cleo", 0.0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX matter")
def test_a_full_disk_is_said_nothing_is_half_saved_and_it_recovers(workspace: Workspace) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(NO_ROOM), str(workspace.root)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert "nothing was saved" in done.stdout
    store = Store.open(workspace)
    with store.read() as connection:
        found = [labels.annotator_by_id(connection, n) for n in range(1, 10)]
        assert [a.name for a in found if a] == ["ana", "cleo"]
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    store.close()


def test_another_mistake_in_a_transaction_is_not_called_a_full_disk(workspace: Workspace) -> None:
    store = Store.open(workspace)
    with pytest.raises(Exception) as raised, store.write() as connection:
        connection.exec_driver_sql("SELECT * FROM no_such_table")
    assert not isinstance(raised.value, WorkspaceUnusable)
    store.close()
