"""What the description of the routes says of logging in: by which cookie, by which header, and where."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from treefolio.service.accounts.cookie import Cookie
from treefolio.service.accounts.keeper import CSRF_HEADER, is_open


def describe(app: FastAPI, cookie: Cookie) -> None:
    """Adds it to the description of an application whose users log in."""
    plain = app.openapi
    schemes = {
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie.name,
            "description": f"Of a login. What changes something needs `{CSRF_HEADER}` and `Origin`, too.",
        },
        "token": {"type": "http", "scheme": "bearer", "description": "`tf_…`"},
    }

    def described() -> dict[str, Any]:
        found = plain()
        found["components"]["securitySchemes"] = schemes
        for path, operations in found["paths"].items():
            for method, operation in operations.items():
                if not is_open(method.upper(), path):
                    operation["security"] = [{name: []} for name in schemes]
        return found

    app.openapi = described  # type: ignore[method-assign]  # as FastAPI has it documented
