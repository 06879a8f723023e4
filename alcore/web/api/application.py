"""Owns the REST API as one application: its operations, its document, its page."""

from __future__ import annotations

import functools
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse

from alcore import __version__
from alcore.web.api import (
    completions,
    files,
    imports,
    labels,
    models,
    page,
    predict,
    projects,
    queue,
    webhooks,
)
from alcore.web.api.operations import Operation, operation, router
from alcore.web.api.problems import Problem, answer_with_problems

about = router("About")


@operation(about, "GET /openapi.json", "open", None, include_in_schema=False)
def get_document(request: Request) -> JSONResponse:
    """Describe the API as OpenAPI 3.1."""
    servers = [{"url": request.scope["root_path"]}]  # below whatever path the app is served at
    return JSONResponse({**application().openapi(), "servers": servers})


@operation(about, "GET /docs", "open", None, include_in_schema=False)
def get_page() -> HTMLResponse:
    """Describe the API on a page."""
    return page.response(application().openapi())


GROUPS = (
    projects.group,
    imports.group,
    queue.group,
    labels.group,
    models.group,
    predict.group,
    files.group,
    completions.group,
    webhooks.group,
    about,
)


class Api(FastAPI):
    """FastAPI with our document, and without statistics, logins and foreign pages."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        if self.openapi_schema is None:
            document = get_openapi(
                title=self.title,
                version=self.version,
                description=self.description,
                routes=self.routes,
            )
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas |= schema.pop("$defs") | {"Problem": schema}
            self.openapi_schema = document
        return self.openapi_schema


@functools.cache
def application() -> Api:
    """Make the application of this process, once."""
    app = Api(
        title="alcore",
        version=__version__,
        description="What the pages can do, for programs.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    answer_with_problems(app)
    for group in GROUPS:
        app.include_router(group)
    return app


def operations() -> list[Operation]:
    """List all operations, each with its right and scope."""
    return [route for group in GROUPS for route in group.routes if isinstance(route, Operation)]
