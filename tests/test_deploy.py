"""Owns the proof that what deploys the app names settings, routes, options and files that exist."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import pytest
import yaml
from streamlit import config as streamlit_options

from alcore.web import routes

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
OF_DEPLOYMENT = {"ALCORE_HOST", "ALCORE_BACKUP_FOLDER", "ALCORE_EXTRAS"}
"""Variables that the files themselves read."""


def texts() -> dict[str, str]:
    files = [*sorted(DEPLOY.iterdir()), ROOT / "docs" / "operations.md"]
    return {path.name: path.read_text("utf-8") for path in files}


def without_comments(text: str) -> str:
    return re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", texts())
def test_settings_routes_and_options_that_are_named_are_there(name: str) -> None:
    text = texts()[name]
    settings = (ROOT / "docs" / "start.md").read_text("utf-8")
    for variable in set(re.findall(r"ALCORE_[A-Z_]+", text)) - OF_DEPLOYMENT:
        assert f"`{variable}`" in settings, variable
    known = {route.path for route in routes.routes()} | {"/_stcore/metrics"}
    for path in re.findall(r"(?<![\w.])/(?:alcore|_stcore)/[a-z]+(?![\w./])", text):
        assert path in known, path
    for option in re.findall(r"--(server\.\w+)", text):
        assert option in streamlit_options.get_config_options(), option


def test_the_unit_starts_the_app_under_an_account_with_few_rights() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment]  # as configparser documents it
    unit.read_string(texts()["alcore.service"].replace("\\\n", " "))
    service = unit["Service"]
    command = shlex.split(service["ExecStart"])
    assert command[:2] == ["/opt/alcore/bin/alcore", "run"]
    assert command[command.index("--server.address") + 1] == "127.0.0.1"
    assert "${ALCORE_HOST}" in command
    assert service["User"] != "root" and service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == "" and service["ProtectSystem"] == "strict"
    kept = f"/var/lib/{service['StateDirectory']}"
    assert f"ALCORE_WORKSPACE={kept}/" in service["Environment"]


def test_only_the_proxy_is_reached_from_outside_and_the_app_has_no_rights() -> None:
    services = yaml.safe_load(texts()["compose.yaml"])["services"]
    app, proxy = services["app"], services["proxy"]
    assert "ports" not in app and proxy["ports"]
    assert app["cap_drop"] == ["ALL"] and app["read_only"] is True
    assert app["security_opt"] == ["no-new-privileges:true"]
    assert (DEPLOY / app["build"]["context"] / app["build"]["dockerfile"]).is_file()
    assert any(volume.startswith("./Caddyfile:") for volume in proxy["volumes"])
    assert (DEPLOY / "Caddyfile").is_file()
    inside = re.search(r"@inside path (.*)", texts()["Caddyfile"])
    assert inside is not None and "/alcore/metrics" in inside[1].split()


def test_the_image_has_all_that_a_wheel_is_made_of_and_runs_as_nobody() -> None:
    text = without_comments(texts()["Containerfile"])
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    copied = {w for line in lines if line.startswith("COPY ") for w in line.split()[1:-1]}
    copied -= {"--from=build", "/opt/alcore"}
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for path in copied:
        assert (ROOT / path).exists(), path
        assert f"!{path}" in ignored, f"{path} is not sent to the build"
    wheel = (ROOT / "pyproject.toml").read_text("utf-8")
    for needed in re.findall(r'^"([^"]+)" = "alcore/_app', wheel, re.MULTILINE):
        assert needed in copied, needed
    last = "\n".join(lines[max(i for i, line in enumerate(lines) if line.startswith("FROM")) :])
    assert re.search(r"^USER 10001$", last, re.MULTILINE)
    assert "/alcore/ready" in last and re.search(r"^ENTRYPOINT \[", last, re.MULTILINE)
