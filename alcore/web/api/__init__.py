"""Owns the REST API for programs, below /api/v1 on the same server as the pages.

Nothing here is imported before the first request to it: FastAPI costs a third of a second and
thousands of objects, which nobody needs who only labels. `alcore.web.api.mounting` is light.
"""
