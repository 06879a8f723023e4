"""Owns the command line: the same services as the pages. Exit codes: 0 done, 1 refused, 2 usage."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from io import TextIOWrapper

import click

from alcore import (
    __version__,
    class_commands,
    exchange_commands,
    finish_command,
    logs,
    metadata_commands,
    project_commands,
    watch_command,
    workspace_commands,
)
from alcore.config import HERE, LOG_FORMATS, LOG_LEVELS, Runtime, app_file, check_engine
from alcore.errors import AlcoreError
from alcore.experiment_commands import experiment

EXAMPLES = """\
\b
examples:
  alcore run                                  opens the app in the browser
  alcore import pictures/ --name birds --copy    class subfolders are the answer key
  alcore import scans.zip --name scans --role none --classes "crack,no crack"
  alcore import shapes --name shapes --option classes=8 --option imbalance=10
  alcore add-images birds more-pictures/
  alcore import birds.csv --addresses --role labels
  alcore add-images birds addresses.txt --addresses
  alcore watch birds ~/pictures/camera --minutes 10
  alcore import CIFAR10 --name cifar --root ~/datasets
  alcore import-labels birds labels.json --preview
  alcore metadata import birds cameras.csv --preview
  alcore features birds
  alcore pretrain birds
  alcore role birds "Ana" owner
  alcore train birds
  alcore predict birds more-pictures/ --out predictions.csv
  alcore export birds --out labels.csv
  alcore export-model birds --out model.zip
  alcore export birds --format coco --out birds.json
  alcore backup /mnt/backups --keep 7
"""


class Commands(click.Group):
    """Commands behind one border: what is refused is said in a sentence, without a traceback."""

    def invoke(self, context: click.Context) -> None:
        try:
            super().invoke(context)
            print(end="", flush=True)  # a pipe that nobody reads any more shows here, not later
        except AlcoreError as error:
            print(f"alcore: {error}", file=sys.stderr)
            context.exit(1)
        except KeyboardInterrupt:
            print("\nalcore: stopped; run the same command again to go on", file=sys.stderr)
            context.exit(130)


@click.group(
    cls=Commands,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="alcore %(version)s")
@click.option(
    "--log-level",
    type=click.Choice(LOG_LEVELS),
    help="Log lines from this level on, on stderr: the app's and its jobs' from info on, those of "
    "other commands from warning on, if neither this nor ALCORE_LOG_LEVEL says otherwise.",
)
@click.option(
    "--log-format",
    type=click.Choice(LOG_FORMATS),
    help="Also ALCORE_LOG_FORMAT; text if neither is given.",
)
def main(log_level: str | None, log_format: str | None) -> None:
    """Active learning on images with a human oracle."""
    for name, value in (("ALCORE_LOG_LEVEL", log_level), ("ALCORE_LOG_FORMAT", log_format)):
        if value is not None:
            os.environ[name] = value  # for the processes that this one starts
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a code page may lack letters of a name
            stream.reconfigure(errors="replace")
    if threading.current_thread() is threading.main_thread():
        # What the system ends gives back what it holds, as with Ctrl+C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    logs.configure("warning")


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def run(options: Sequence[str]) -> None:
    """Open the app in the browser.

    OPTIONS are Streamlit's, such as --server.port 8600 or --server.headless true;
    streamlit run --help lists them.
    """
    sys.argv = ["streamlit", "run", str(app_file()), *options]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


@main.command()
@click.option(
    "--on",
    default=HERE,
    envvar="ALCORE_ON",
    metavar="ENGINE",
    help="Where models are trained: process (default), or dask:tcp://HOST:PORT.",
)
@click.option("--until-input-closes", is_flag=True, hidden=True)
def work(on: str, until_input_closes: bool) -> None:
    """Run the background jobs of the workspace until stopped."""
    from alcore.jobs.dispatcher import dispatch

    logs.configure("info")
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: over.set())
    if until_input_closes:
        # Ctrl+C in a terminal reaches this process too; the app that started it says when to end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

        def wait_for_end() -> None:
            # Not through sys.stdin, whose lock the interpreter wants when it ends.
            while os.read(0, 1024):
                pass
            over.set()

        threading.Thread(target=wait_for_end, daemon=True).start()
    runtime = replace(Runtime.from_environment(), on=check_engine(on))
    dispatch(runtime, over, os.getppid() if until_input_closes else 0)


for command in (
    project_commands.add_images,
    project_commands.archive,
    project_commands.copy,
    project_commands.delete,
    project_commands.bring,
    class_commands.classes,
    exchange_commands.export,
    exchange_commands.import_labels,
    exchange_commands.export_model,
    finish_command.finish,
    watch_command.watch,
    exchange_commands.predict,
    exchange_commands.snapshot,
    metadata_commands.metadata,
    metadata_commands.near_duplicates,
    project_commands.features,
    project_commands.pretrain,
    project_commands.projects,
    project_commands.role,
    project_commands.status,
    project_commands.strategies,
    project_commands.train,
    workspace_commands.backup,
    workspace_commands.check,
    workspace_commands.restore,
    experiment,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
