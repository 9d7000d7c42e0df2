"""Documentation of the API as one page that needs no network, made from the OpenAPI description."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape
from typing import Any

from lipsmith.server.middleware import NO_CONTENT

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
code { background: #f3f3f3; padding: .1em .3em; border-radius: 3px; }
h2 code { font-size: 1rem; } section { border-top: 1px solid #ddd; margin-top: 1.5rem; }
table { border-collapse: collapse; width: 100%; } td { border-top: 1px solid #eee; padding: .2rem .6rem .2rem 0; }
@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd; } code { background: #2a2a2a; } }
"""
_STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY = f"{NO_CONTENT}; style-src 'sha256-{_STYLE_HASH}'"
"""Content security policy: the page's own style, and nothing else."""


def page(api: Mapping[str, Any], key_help: Sequence[str]) -> str:
    """Return the page. ``key_help`` says how to send a key, with code in backticks."""
    schemas = api.get("components", {}).get("schemas", {})
    sections = "".join(
        _section(method, path, operation, schemas)
        for path, methods in api["paths"].items()
        for method, operation in methods.items()
    )
    title = f"{escape(api['info']['title'])} {escape(api['info']['version'])}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>{title}</h1><p>Send your key with each request. {' '.join(map(_with_code, key_help))} "
        f'Programs read the same as <a href="/openapi.json">OpenAPI</a>.</p>{sections}</html>'
    )


def _with_code(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _section(method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    about = escape(operation.get("description", ""))
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{'required' if needed else ''}</td></tr>"
        for name, kind, needed in _fields(_body(operation), schemas)
    )
    table = f"<table>{rows}</table>" if rows else ""
    return f"<section><h2><code>{method.upper()} {escape(path)}</code></h2><p>{about}</p>{table}</section>"


def _body(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    return dict(content.get("application/json", {}).get("schema", {}))


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str, bool]]:
    """Yield name, type in words and whether it is required of each field; nested fields follow, with dotted names."""
    schema = _resolved(schema, schemas)
    for name, field in schema.get("properties", {}).items():
        inner = _resolved(field, schemas)
        items = _resolved(inner.get("items", {}), schemas)
        yield prefix + name, _kind(inner, items), name in schema.get("required", ())
        yield from _fields(inner, schemas, f"{prefix}{name}.")
        yield from _fields(items, schemas, f"{prefix}{name}[].")


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema that a reference names; of alternatives, the one that is not null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if choices:
        return _resolved(choices[0], schemas)
    if "$ref" in schema:
        return dict(schemas[schema["$ref"].rpartition("/")[2]])
    return schema


def _kind(schema: Mapping[str, Any], items: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if items:
        return f"list of {_kind(items, {})}"
    limits = [
        f"{words} {schema[key]:g}" for key, words in (("minimum", "at least"), ("maximum", "at most")) if key in schema
    ]
    return ", ".join([str(schema.get("type", "anything")), *limits])
