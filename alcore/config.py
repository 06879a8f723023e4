"""Owns settings: frozen dataclasses with their checks; the only reader of the environment.

Units: seconds for times, pixels for resolutions, 0–1 for shares.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self, cast
from urllib.parse import urlsplit

import platformdirs

from alcore.errors import InvalidSettings
from alcore.estimators import ESTIMATORS

MOST_CLASSES = 2_000
HERE, DASK = "process", "dask:"
"""Where work is computed: in processes of this computer, or by a scheduler at an address."""
RESOLUTIONS = (8, 16, 32, 64, 96, 128, 224)
AUGMENTATIONS: Mapping[str, str] = MappingProxyType(
    {
        "none": "images as they are",
        "shift": "shift by up to an eighth of the side",
        "flip": "shift, and mirror left to right",
        "rotate": "shift, and turn by up to 15 degrees",
        "crop and colour": "cut out a part, mirror, change light and colour",
    }
)
CALIBRATED_FROM = 15
"""Labels that models without them are asked about before a temperature is found: ten say nothing
(benchmarks/calibration.py)."""
PACKAGED_EXTRACTOR = "tf_efficientnet_lite0"
"""The feature extractor whose weights alcore requires as a package; a name of timm."""
BACKBONES = ("resnet18", "mobilenet_v3_small", "efficientnet_b0")
"""Networks of torchvision, which has weights for them."""
NETWORKS: Mapping[str, str] = MappingProxyType(
    {
        "small CNN": "quick on any computer, and the best of its size",
        "small CNN with loss module": "the same, and it learns to tell how wrong it may be",
        "study A": "two convolutions and a dense layer, for comparison with older studies",
        "resnet18": "larger, for photographs; with weights it needs few labels, and some patience",
        "mobilenet_v3_small": "made for phones: light, and at its best with weights",
        "efficientnet_b0": "the most careful eye of all, and the slowest",
    }
)
LEARNERS: Mapping[str, str] = MappingProxyType(
    {
        "auto": "features of a network that knows photographs, and a network of the project's "
        "own, weighed by how well each does on labels that it has not seen",
        "features": "those features alone: the quickest, and best for photographs with few labels",
        "network": "the project's own network alone, which looks at the images themselves",
    }
)
"""What may learn besides estimators."""
FEATURES: Mapping[str, str] = MappingProxyType(
    {
        "pixels": "the pixels themselves, of large images their means",
        "embeddings": "what a network with pretrained weights sees; pixels until there are some",
    }
)
WEIGHTS: Mapping[str, str] = MappingProxyType(
    {
        "pool": "learned from the project's own images by pretraining, once that was done",
        "torchvision": "learned from ImageNet; downloaded once, where there is a network",
        "file": "read from a file on this computer",
    }
)
Transfer = Literal["finetune", "freeze", "linear", "none"]
TRANSFERS: Mapping[Transfer, str] = MappingProxyType(
    {
        "finetune": "train everything, gently",
        "freeze": "keep the early layers as they are, train the rest",
        "linear": "train the last layer alone: the quickest",
        "none": "begin with nothing, whatever weights there are",
    }
)
Mode = Literal["fresh", "shrink_perturb", "warm"]
MODES: Mapping[Mode, str] = MappingProxyType(
    {
        "fresh": "each model begins anew: the most accurate",
        "shrink_perturb": "go on from the last model, shrunk and shaken a little",
        "warm": "go on from the last model as it is",
    }
)
Unlabeled = Literal["none", "pseudo-labels"]
UNLABELED: Mapping[Unlabeled, str] = MappingProxyType(
    {
        "none": "learn from labels alone",
        "pseudo-labels": "learn from the model's own answers too: over ten times as long",
    }
)
Balance = Literal["none", "sampling", "weights"]
BALANCES: Mapping[Balance, str] = MappingProxyType(
    {
        "none": "every label counts the same",
        "sampling": "rare classes are shown as often as common ones",
        "weights": "mistakes on rare classes count more",
    }
)
Precision = Literal["auto", "float32", "bfloat16"]
PRECISIONS: Mapping[Precision, str] = MappingProxyType(
    {
        "auto": "bfloat16 where the processor and the network gain by it",
        "float32": "the same on every processor",
        "bfloat16": "for the convolutions of trainings, emulated where the processor lacks it",
    }
)
"""What the convolutions of trainings are computed in; all else is float32."""
CONSENSUS: Mapping[str, str] = MappingProxyType(
    {
        "majority": "what most people said; of as many, what was said last",
        "Dawid-Skene": "each person weighs as much as their usual mistakes allow",
        "model-weighted": "people and the model, each weighed by how often they are right",
    }
)


SHORTEST_TOKEN = 16
SHORTEST_WORD = 6
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")
_INSTALLED = Path(__file__).parent / "_app"
"""Where a wheel has app.py and its pages; a checkout has them beside the package."""


def app_file() -> Path:
    """Return the file that Streamlit runs."""
    return (_INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent) / "app.py"


def glossary_file() -> Path:
    """Return the file with the words of the field, which a wheel keeps beside the app."""
    return (_INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent / "docs") / (
        "glossary.md"
    )


def user_path(text: str) -> Path:
    """Return the path that somebody wrote, with their home for ~.

    Raises InvalidSettings for the home of somebody who has none here.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidSettings(
            f"the path {text!r} names the home of a user who is not known here; "
            "write the path out, or put ./ before it"
        ) from error


def start_command() -> str:
    """Return the command that starts the app, to which options can be added."""
    return "alcore run" if _INSTALLED.is_dir() else "streamlit run app.py"


def _default_workspace() -> Path:
    """Return `data/` in a checkout, a folder of the user's where alcore is installed."""
    if _INSTALLED.is_dir():
        return platformdirs.user_data_path("alcore", appauthor=False)
    return app_file().parent / "data"


def _check(right: bool, message: str) -> None:
    if not right:
        raise InvalidSettings(message)


def database_url() -> str:
    """Read ALCORE_DATABASE, postgresql://user:password@host:port/name; empty: a file.

    Raises InvalidSettings for anything else. No message has the password.
    """
    url = os.environ.get("ALCORE_DATABASE") or ""
    if url:
        scheme, _, rest = url.partition("://")
        _check(
            scheme in ("postgresql", "postgres") and re.search(r"/[^/?]+(\?|$)", rest) is not None,
            "ALCORE_DATABASE is no address of a PostgreSQL database; write "
            "postgresql://user:password@host:5432/name, with special characters as %XX",
        )
    return url


def files_address() -> str:
    """Read ALCORE_FILES, such as s3://bucket/prefix; empty: files are in the folder alone.

    Raises InvalidSettings for what is no address, and without a database that all reach.
    """
    address = (os.environ.get("ALCORE_FILES") or "").strip().rstrip("/")
    if not address:
        return ""
    scheme, _, place = address.partition("://")
    _check(
        re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) is not None
        and re.fullmatch(r"[^@?#\s]+", place) is not None
        and "::" not in address
        and ".." not in place.split("/"),
        "ALCORE_FILES is no address of an object store; write such as s3://bucket/prefix, and "
        "give names and passwords by the environment",
    )
    _check(
        scheme != "memory",
        "ALCORE_FILES is memory://, which each process has for itself; write such as "
        "s3://bucket/prefix",
    )
    _check(
        bool(os.environ.get("ALCORE_DATABASE")),
        "ALCORE_FILES is for several computers, which share a database too; name it in "
        "ALCORE_DATABASE, or leave ALCORE_FILES out",
    )
    return address


@dataclass(frozen=True)
class Workspace:
    """Where a user's data lives; one folder holds everything."""

    root: Path
    url: str = field(default_factory=lambda: database_url(), repr=False)
    """Of a PostgreSQL server that has the database; empty where it is a file in the folder."""
    files: str = field(default_factory=lambda: files_address())
    """Of an object store that has the files of projects; empty where the folder alone has them."""

    @property
    def database(self) -> Path:
        """File of the database, where it is one."""
        return self.root / "alcore.db"

    @property
    def downloads(self) -> Path:
        """Folder of weights that were downloaded."""
        return self.root / "weights"

    @property
    def experiments(self) -> Path:
        """Folder of the decoded data sets of experiments."""
        return self.root / "experiments"

    @property
    def uploads(self) -> Path:
        """Folder of archives that were uploaded, each under the hash of its content."""
        return self.root / "uploads"

    @property
    def renditions(self) -> Path:
        """Folder of pictures that were encoded for a browser; they are made anew when needed."""
        return self.root / "renditions"

    @property
    def explanations(self) -> Path:
        """Folder of heat maps and what goes with them; they are made anew when needed."""
        return self.root / "explanations"

    @property
    def estimators(self) -> Path:
        """File of the estimators that projects may use besides alcore's own choice."""
        return self.root / "estimators.txt"

    def project(self, project_id: int) -> Path:
        """Folder of one project: originals, pixels, checkpoints, rounds."""
        return self.root / "projects" / str(project_id)

    def addresses(self, project_id: int) -> Path:
        """Folder of a project's lists of addresses, and of what was fetched of them."""
        return self.project(project_id) / "addresses"

    def here(self, path: str) -> str:
        """Return where a path of another computer's workspace lies in this one.

        What lay in no workspace, or in a folder that is the same here, stays as it is.

        >>> Workspace(Path("/data"), "", "s3://files").here("/srv/alcore/uploads/0a.zip")
        '/data/uploads/0a.zip'
        """
        if self.files:
            for part in (r"uploads/[0-9a-f]+[^/]*", r"projects/\d+/(addresses|photographs)"):
                below = re.search(f"/({part})$", path.replace(os.sep, "/"))
                if below is not None:
                    return str(self.root / below[1])
        return path


@dataclass(frozen=True)
class Access:
    """Who may come in, and which folders of this computer a page may name."""

    folders: tuple[Path, ...] | None = None
    """None: any while only this computer reaches the app, else none."""
    remote: tuple[str, ...] | None = None
    """Addresses of buckets and servers that a page may name; None: as with folders."""
    sign_in: tuple[str, ...] = ()
    """Addresses, or domains with their @, whose accounts may sign in; * for all."""
    administrators: tuple[str, ...] = ()
    """Addresses of accounts that own every project."""
    word: str = ""
    """Asked of everybody before they are let in, where people do not sign in."""
    owners_word: str = ""
    """Asked of owners there; empty: one is made in the workspace."""
    anybody: bool = False
    """Everybody who reaches the app may come in."""
    embedded_by: tuple[str, ...] = ()
    """Origins, such as https://school.example, whose pages may show the app in a frame."""

    @property
    def door(self) -> str:
        """What decides who comes in, as a text; empty where nothing is asked."""
        return " ".join((*sorted(self.sign_in), self.word)).strip()

    def __post_init__(self) -> None:
        for origin in self.embedded_by:
            _check(
                re.fullmatch(r"https?://[\w.*\[\]:-]+", origin) is not None,
                f"ALCORE_EMBEDDED_BY names {origin!r}; an origin is such as https://school.example",
            )
        for name in (self.word, self.owners_word):
            _check(
                not name or len(name) >= SHORTEST_WORD,
                f"a word that lets people in has at least {SHORTEST_WORD} characters",
            )

    @classmethod
    def from_environment(cls) -> Self:
        """Read ALCORE_FOLDERS, _REMOTE, _SIGN_IN, _ADMINISTRATORS, _WORD, _OWNERS_WORD, _ANYBODY
        and _EMBEDDED_BY.

        Raises InvalidSettings for a word that is too short and for what is no origin.
        """
        folders = os.environ.get("ALCORE_FOLDERS")
        remote = os.environ.get("ALCORE_REMOTE")
        return cls(
            remote=None if remote is None else tuple(remote.replace(",", " ").split()),
            folders=None
            if folders is None
            else tuple(user_path(f).resolve() for f in folders.split(os.pathsep) if f.strip()),
            sign_in=_listed(os.environ.get("ALCORE_SIGN_IN")),
            administrators=_listed(os.environ.get("ALCORE_ADMINISTRATORS")),
            word=os.environ.get("ALCORE_WORD") or "",
            owners_word=os.environ.get("ALCORE_OWNERS_WORD") or "",
            anybody=os.environ.get("ALCORE_ANYBODY") == "yes",
            embedded_by=_listed(os.environ.get("ALCORE_EMBEDDED_BY")),
        )


def _listed(text: str | None) -> tuple[str, ...]:
    """Part words at commas and spaces, in small letters."""
    return tuple((text or "").replace(",", " ").casefold().split())


@dataclass(frozen=True)
class Backups:
    """Where the app backs the workspace up by itself, and how often."""

    folder: Path | None = None
    """None: nowhere."""
    hours: float = 24.0
    """Age of the newest backup at which another one is made."""
    kept: int = 7
    """The newest so many stay."""

    def __post_init__(self) -> None:
        _check(self.hours >= 0.1, f"backups every {self.hours} hours; must be at least 0.1")
        _check(self.kept >= 1, f"{self.kept} backups kept; must be at least 1")

    @classmethod
    def from_environment(cls) -> Self:
        """Read ALCORE_BACKUPS, ALCORE_BACKUP_HOURS and ALCORE_BACKUPS_KEPT.

        Raises InvalidSettings for what is no number, and for a folder in nobody's home.
        """
        folder = os.environ.get("ALCORE_BACKUPS")
        hours = os.environ.get("ALCORE_BACKUP_HOURS") or "24"
        kept = os.environ.get("ALCORE_BACKUPS_KEPT") or "7"
        _check(
            re.fullmatch(r"\d+(\.\d+)?", hours) is not None,
            f"ALCORE_BACKUP_HOURS is {hours!r}; it is a number of hours, such as 24",
        )
        _check(
            kept.isdecimal(),
            f"ALCORE_BACKUPS_KEPT is {kept!r}; it is a number of backups, such as 7",
        )
        return cls(user_path(folder).resolve() if folder else None, float(hours), int(kept))


def _log_choices() -> tuple[str | None, str]:
    """Read from which level on what is logged, None where nobody has said, and in which format."""
    level = os.environ.get("ALCORE_LOG_LEVEL") or None
    form = os.environ.get("ALCORE_LOG_FORMAT") or LOG_FORMATS[0]
    for what, value, known in (
        ("LEVEL", level or LOG_LEVELS[0], LOG_LEVELS),
        ("FORMAT", form, LOG_FORMATS),
    ):
        _check(
            value in known,
            f"ALCORE_LOG_{what} is {value!r}; choose from {', '.join(known)}",
        )
    return level, form


@dataclass(frozen=True)
class Runtime:
    """How this process runs: read from the environment once, at the entry points."""

    workspace: Workspace
    threads: int
    """CPU threads that one training may use."""
    precision: Precision = "auto"
    """Arithmetic of trainings."""
    log_level: str | None = None
    """Log lines from this level on; None where nobody has said."""
    log_format: str = LOG_FORMATS[0]
    access: Access = Access()
    backups: Backups = Backups()
    idle: float = 600.0
    """Seconds after which processes that have nothing to do are let go."""
    api_rate: float = 100.0
    """Requests a second that programs may make with one API token."""
    metrics_token: str = ""
    """With it the server's numbers are read; empty: by nobody."""
    on: str = HERE
    """Where trainings are computed: this computer, or dask: and a scheduler's address."""

    @classmethod
    def from_environment(cls) -> Self:
        """Read ALCORE_WORKSPACE, ALCORE_DATABASE, ALCORE_FILES, ALCORE_THREADS, ALCORE_PRECISION,
        ALCORE_IDLE_MINUTES, ALCORE_LOG_…, ALCORE_API_RATE, ALCORE_METRICS, ALCORE_ON, `Access`'s
        and `Backups`'.

        Raises InvalidSettings for a workspace in nobody's home, a thread count or rate that is not
        a positive number, minutes that are no number, a token that is guessed, and a precision, a
        level or a format of the log, or a place to compute, that there is not.
        """
        root = os.environ.get("ALCORE_WORKSPACE") or _default_workspace()
        raw = os.environ.get("ALCORE_THREADS") or str(os.cpu_count() or 1)
        _check(
            raw.isdecimal() and int(raw) > 0,
            f"ALCORE_THREADS is {raw!r}; it must be a positive integer",
        )
        level, form = _log_choices()
        rate = os.environ.get("ALCORE_API_RATE") or "100"
        _check(
            re.fullmatch(r"\d{1,6}(\.\d+)?", rate) is not None and float(rate) > 0,
            f"ALCORE_API_RATE is {rate!r}; it is a number of requests a second, such as 100",
        )
        workspace = Workspace(user_path(str(root)).resolve())
        idle = os.environ.get("ALCORE_IDLE_MINUTES") or "10"
        _check(
            re.fullmatch(r"\d+(\.\d+)?", idle) is not None,
            f"ALCORE_IDLE_MINUTES is {idle!r}; it is a number of minutes, such as 10",
        )
        token = os.environ.get("ALCORE_METRICS") or ""
        _check(
            not token or len(token) >= SHORTEST_TOKEN,
            f"the token in ALCORE_METRICS has at least {SHORTEST_TOKEN} characters",
        )
        access, backups = Access.from_environment(), Backups.from_environment()
        return cls(
            workspace,
            int(raw),
            precision(),
            level,
            form,
            access,
            backups,
            60 * float(idle),
            float(rate),
            token,
            check_engine(os.environ.get("ALCORE_ON") or HERE),
        )

    def to_environment(self) -> dict[str, str]:
        """Return the environment for a child process that shall run the same way."""
        return {
            **os.environ,
            "ALCORE_WORKSPACE": str(self.workspace.root),
            "ALCORE_DATABASE": self.workspace.url,
            "ALCORE_FILES": self.workspace.files,
            "ALCORE_THREADS": str(self.threads),
            "ALCORE_PRECISION": self.precision,
            "ALCORE_ON": self.on,
        }


def check_engine(on: str) -> str:
    """Return where work is computed, as it was said. Raises InvalidSettings where nothing is."""
    _check(
        on == HERE or on.startswith(DASK),
        f"no engine called {on!r}; choose process, or dask: with the scheduler's address, "
        "such as dask:tcp://127.0.0.1:8786",
    )
    return on


def reserve() -> int:
    """Read ALCORE_RESERVE, megabytes of the disk that are kept for labels; return bytes.

    Raises InvalidSettings for what is no number.
    """
    text = os.environ.get("ALCORE_RESERVE") or "500"
    _check(
        text.isdecimal(),
        f"ALCORE_RESERVE is {text!r}; it is a number of megabytes, such as 500",
    )
    return int(text) * 1_000_000


def webhook_hosts() -> tuple[str, ...]:
    """Read ALCORE_WEBHOOK_HOSTS, servers in private networks that webhooks may lead to."""
    return _listed(os.environ.get("ALCORE_WEBHOOK_HOSTS"))


def remote_hosts() -> tuple[str, ...]:
    """Read the servers that ALCORE_REMOTE names, which may be asked wherever they are."""
    places = _listed(os.environ.get("ALCORE_REMOTE"))
    hosts = (urlsplit(place).hostname for place in places if place.startswith("http"))
    return tuple(host for host in hosts if host)


def computes_features() -> bool:
    """Read ALCORE_FEATURES: whether imports are followed by features, yes unless it says no.

    Raises InvalidSettings for anything else.
    """
    word = os.environ.get("ALCORE_FEATURES") or "yes"
    _check(word in ("yes", "no"), f"ALCORE_FEATURES is {word!r}; say yes or no")
    return word == "yes"


def precision() -> Precision:
    """Read ALCORE_PRECISION; raises InvalidSettings for what is none of PRECISIONS."""
    name = os.environ.get("ALCORE_PRECISION") or "auto"
    _check(
        name in PRECISIONS,
        f"ALCORE_PRECISION is {name!r}; choose from {', '.join(PRECISIONS)}",
    )
    return cast(Precision, name)


@dataclass(frozen=True)
class RetrainRule:
    """When a new model is trained without being asked."""

    automatic: bool = True
    """Whether labels ask for models at all; else somebody does."""
    new_labels: int = 10
    """Labels since the last model that ask for the next one."""
    minimum: int = 20
    """The first model comes once each class was seen, or with this many labels."""
    debounce: float = 0.3
    """Seconds to wait for more labels before the training starts."""

    def __post_init__(self) -> None:
        _check(self.new_labels >= 1, f"retrain after {self.new_labels} labels; must be at least 1")
        _check(self.minimum >= 2, f"first model at {self.minimum} labels; must be at least 2")
        _check(0 <= self.debounce <= 60, f"debounce is {self.debounce} s; must be between 0 and 60")


@dataclass(frozen=True)
class HoldoutRule:
    """How the holdout is made: random, fixed first, never queried, never trained on."""

    share: float = 0.2
    """Share of the items with a known class, where classes are known."""
    most: int = 10_000
    """Never more items than this."""
    questions: int = 100
    """Without known classes: this many random items are asked for the holdout."""
    every: int = 5
    """Without known classes: one question in this many goes to the holdout."""

    def __post_init__(self) -> None:
        _check(
            0 < self.share < 1,
            f"holdout share is {self.share}; must be between 0 and 1, such as 0.2",
        )
        _check(self.most >= 1, f"holdout of at most {self.most} items; must be at least 1")
        _check(self.questions >= 0, f"{self.questions} holdout questions; must be 0 or more")
        _check(self.every >= 2, f"one question in {self.every} for the holdout; must be at least 2")


@dataclass(frozen=True)
class TeamRule:
    """How several people's answers are asked for, checked and put together."""

    overlap_share: float = 0.0
    """Share of the items that several people answer; the seed draws which."""
    answers: int = 2
    """How many people answer each of those."""
    consensus: str = "majority"
    """What makes one label of several votes."""
    gold_every: int = 0
    """One question in this many has a known answer, as long as there is gold; 0 for none."""
    invited_only: bool = False
    """Only people who came by an invitation, or were given a role, may label."""

    def __post_init__(self) -> None:
        _check(
            0 <= self.overlap_share <= 1,
            f"the share that several people answer is {self.overlap_share}; it must be 0 to 1",
        )
        _check(2 <= self.answers <= 5, f"{self.answers} answers; must be 2 to 5")
        _check(
            self.consensus in CONSENSUS,
            f"no consensus called {self.consensus!r}; choose from {', '.join(CONSENSUS)}",
        )
        _check(
            self.gold_every == 0 or self.gold_every >= 2,
            f"gold is one question in {self.gold_every}; must be 0 for none, or at least 2",
        )


@dataclass(frozen=True)
class LearnerRule:
    """What learns, what it begins with, and how it is taught."""

    kind: str = "auto"
    """What learns: one of LEARNERS, or an estimator of scikit-learn by its name."""
    features: str = "pixels"
    """What an estimator learns from; the weights below give embeddings."""
    network: str = "small CNN"
    """The architecture of the model, or of what makes its embeddings."""
    weights: str = "pool"
    """Where weights come from; those of the pool are used once pretraining has made them."""
    weights_file: str = ""
    """Path of the weights where they come from a file."""
    transfer: Transfer = "finetune"
    """What is done with weights, where there are any."""
    mode: Mode = "fresh"
    """What a model takes over from the one before."""
    unlabeled: Unlabeled = "none"
    """What a training makes of images without labels."""
    balance: Balance = "none"
    """Help for rare classes."""
    pretrain: bool = False
    """Pretrain on the pool as soon as the images are in."""
    extractor: str = PACKAGED_EXTRACTOR
    """The network, one of timm's, whose features "auto" and "features" learn from."""
    extractor_file: str = ""
    """Path of its weights; empty for those that alcore brings or timm's hub has."""
    tunes: bool = True
    """Whether its last stages learn from the labels as they grow, where it can."""

    def __post_init__(self) -> None:
        for what, value, choices in (
            ("features", self.features, FEATURES),
            ("network", self.network, NETWORKS),
            ("source of weights", self.weights, WEIGHTS),
            ("form of transfer", self.transfer, TRANSFERS),
            ("mode between rounds", self.mode, MODES),
            ("use of unlabeled images", self.unlabeled, UNLABELED),
            ("class balance", self.balance, BALANCES),
        ):
            _check(
                value in choices, f"no {what} called {value!r}; choose from {', '.join(choices)}"
            )
        _check(
            self.kind in (*LEARNERS, *ESTIMATORS) or "." in self.kind,
            f"no learner called {self.kind!r}; choose from {', '.join((*LEARNERS, *ESTIMATORS))}, "
            "or give the dotted name of an estimator",
        )
        _check(
            re.fullmatch(r"[a-z0-9_]+(\.[\w-]+)?", self.extractor) is not None,
            f"the feature extractor is {self.extractor!r}; it has a name of timm's, such as "
            f"{PACKAGED_EXTRACTOR} or resnet18.a1_in1k",
        )
        _check(
            self.weights != "file" or bool(self.weights_file.strip()),
            "the weights come from a file, but no file is named; give its path",
        )
        _check(
            self.weights != "torchvision" or self.network in BACKBONES,
            f"torchvision has no weights for {self.network!r}; "
            f"choose {', '.join(BACKBONES)}, pretraining on the pool, or a file",
        )

    @property
    def uses_extractor(self) -> bool:
        """Whether it learns from features of an extractor."""
        return self.kind in ("auto", "features")


@dataclass(frozen=True)
class PixelRange:
    """The values of images deeper than 8 bits that are black and white, on screen and for the
    network. The import fills in what suits the images where nobody has."""

    black: float | None = None
    """The largest value that is black."""
    white: float | None = None
    """The smallest value that is white."""
    bands: tuple[int, ...] = ()
    """Which bands of images with many are shown, one or three, counted from 1; none: the first."""

    def __post_init__(self) -> None:
        _check(
            len(self.bands) in (0, 1, 3) and all(band >= 1 for band in self.bands),
            f"the bands are {', '.join(map(str, self.bands))}; give one, or three for red, green "
            "and blue, counted from 1",
        )
        _check(
            (self.black is None) == (self.white is None),
            f"the range of values is {self.black} to {self.white}; give both ends or none",
        )
        _check(
            self.scale is None or -math.inf < self.scale[0] < self.scale[1] < math.inf,
            f"the range of values is {self.black} to {self.white}; "
            "black must be below white, and both be numbers",
        )

    @property
    def scale(self) -> tuple[float, ...] | None:
        """Both ends and the bands, or None where nothing is known yet."""
        if self.black is None or self.white is None:
            return None
        return self.black, self.white, *self.bands


@dataclass(frozen=True)
class ProjectSettings:
    """What a project's owner can set."""

    strategy: str = "default policy"
    """Which query strategy chooses what is asked next."""
    strategy_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options, by name; those that are not named have their defaults."""
    batch_size: int = 10
    """Items that a strategy chooses in one round."""
    retrain: RetrainRule = RetrainRule()
    resolution: int = 32
    """Pixels a side of what a model sees."""
    pixel_range: PixelRange = PixelRange()
    augmentation: str = "shift"
    """How training images are varied."""
    learner: LearnerRule = LearnerRule()
    instant: bool = False
    """Let the queue follow each answer, by a linear head on the newest model's embeddings."""
    holdout: HoldoutRule = HoldoutRule()
    baseline: bool = True
    """Simulate random labeling beside the live curve, where true classes are known."""
    budget: int | None = None
    """Labels after which stopping is advised; None for no limit."""
    seed: int = 0
    """All chance of the project begins with it."""
    guidelines: str = ""
    """What annotators read about the classes."""
    team: TeamRule = TeamRule()
    answer_alike: bool = False
    """One answer holds for all near-duplicates of an image."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Own keys of the labeling board by target, as `keymap` writes them."""

    def __post_init__(self) -> None:
        _check(self.batch_size >= 1, f"batch size is {self.batch_size}; must be at least 1")
        _check(
            self.resolution in RESOLUTIONS,
            f"resolution is {self.resolution}; choose from {', '.join(map(str, RESOLUTIONS))}",
        )
        _check(
            self.augmentation in AUGMENTATIONS,
            f"no augmentation called {self.augmentation!r}; choose from {', '.join(AUGMENTATIONS)}",
        )
        _check(
            self.budget is None or self.budget >= 1, f"budget is {self.budget}; must be at least 1"
        )
        _check(self.seed >= 0, f"seed is {self.seed}; must be 0 or more")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read settings; keys that this version does not know are an error."""
        return _from_json(cls, raw)


def _from_json(cls: type, raw: Mapping[str, Any]) -> Any:
    by_name = {f.name: f for f in fields(cls)}
    unknown = sorted(set(raw) - set(by_name))
    _check(not unknown, f"unknown setting {', '.join(unknown)}; known are {', '.join(by_name)}")
    values = {}
    for name, value in raw.items():
        default = by_name[name].default
        if is_dataclass(default):
            value = _from_json(type(default), value)
        values[name] = tuple(value) if isinstance(default, tuple) else value
    return cls(**values)
