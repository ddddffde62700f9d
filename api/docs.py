"""Pages for people: the front page and the API reference, made from the OpenAPI document.

Must never make a browser ask anybody else: no script, no font, no image from anywhere.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.errors import CODES
from api.pages import page
from api.security import Runtime

router = APIRouter(include_in_schema=False)

_METHODS: Final = ("get", "post", "patch", "put", "delete")


@router.get("/")
async def show_front_page(runtime: Runtime) -> HTMLResponse:
    return page("front.html", settings=runtime.settings)


@router.get("/docs")
async def show_reference(request: Request, runtime: Runtime) -> HTMLResponse:
    document = request.app.openapi()
    return page(
        "docs.html",
        document=document,
        groups=_groups(document, runtime.settings.web_url),
        schemas=list(_schemas(document)),
        codes=CODES,
    )


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter, or a field of a schema; `schema` names the one it refers to."""

    name: str
    kind: str
    schema: str
    place: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Value]
    body: str
    result: str
    statuses: list[str]
    curl: str


@dataclass(frozen=True, slots=True)
class Schema:
    name: str
    description: str
    fields: list[Value]


def _groups(document: dict[str, Any], base: str) -> dict[str, list[Operation]]:
    groups: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if operation := item.get(method):
                groups.setdefault(operation["tags"][0], []).append(
                    _operation(document, base, path, method, operation)
                )
    return groups


def _operation(
    document: dict[str, Any], base: str, path: str, method: str, operation: dict[str, Any]
) -> Operation:
    body = _content_schema(operation.get("requestBody", {}))
    good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        parameters=[_parameter(each) for each in operation.get("parameters", [])],
        body=_reference(body),
        result=_reference(_content_schema(good)),
        statuses=sorted(operation["responses"]),
        curl=_curl(document, base + path, method, _reference(body)),
    )


def _parameter(parameter: dict[str, Any]) -> Value:
    schema = parameter["schema"]
    about = parameter.get("description", schema.get("description", ""))
    return Value(
        parameter["name"],
        _kind(schema),
        _reference(schema),
        parameter["in"],
        parameter.get("required", False),
        about,
    )


def _schemas(document: dict[str, Any]) -> Iterator[Schema]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        required = schema.get("required", [])
        fields = [
            Value(each, _kind(value), _reference(value), "", each in required, value.get("description", ""))
            for each, value in schema.get("properties", {}).items()
        ]
        yield Schema(name, schema.get("description", ""), fields)


def _kind(schema: dict[str, Any]) -> str:
    """A type in a few words: "integer 1 to 100", "a or b", "list of DomainOut"."""
    if "$ref" in schema:
        return _reference(schema)
    if options := schema.get("anyOf"):
        return " or ".join(_kind(option) for option in options)
    if values := schema.get("enum", [schema["const"]] if "const" in schema else None):
        return " | ".join(str(value) for value in values)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kind = schema.get("format") or schema.get("type", "any")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    if "minimum" in schema and "maximum" in schema:
        return f"{kind} {schema['minimum']} to {schema['maximum']}"
    return kind if "maxLength" not in schema else f"{kind}, at most {schema['maxLength']}"


def _reference(schema: dict[str, Any]) -> str:
    """The first schema that this one names, or nothing."""
    match = re.search(r'"#/components/schemas/(\w+)"', json.dumps(schema))
    return match[1] if match else ""


def _content_schema(part: dict[str, Any]) -> dict[str, Any]:
    schema = part.get("content", {}).get("application/json", {}).get("schema", {})
    return schema if isinstance(schema, dict) else {}


def _curl(document: dict[str, Any], url: str, method: str, body: str) -> str:
    lines = [
        f"curl {'' if method == 'get' else f'-X {method.upper()} '}{url}",
        '-H "Authorization: Bearer $KEY"',
    ]
    if body:
        example = _example(document["components"]["schemas"][body])
        lines += ['-H "Content-Type: application/json"', f"-d '{json.dumps(example)}'"]
    return " \\\n     ".join(lines)


def _example(schema: dict[str, Any]) -> dict[str, Any]:
    """What a body must have at least, or its first field where nothing is required."""
    properties = schema["properties"]
    names = schema.get("required") or list(properties)[:1]
    return {name: _example_value(properties[name]) for name in names}


def _example_value(schema: dict[str, Any]) -> Any:
    if examples := schema.get("examples"):
        return examples[0]
    options = [option for option in schema.get("anyOf", []) if option.get("examples")]
    return options[0]["examples"][0] if options else "..."
