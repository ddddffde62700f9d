"""What the reference page says, read from the OpenAPI document: operations by tag, schemas, errors.

Must never say more than the document and the tables of error codes do.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from api import examples
from api.error_codes import Meaning, codes_of
from api.examples import Audience, Call

_METHODS: Final = ("get", "post", "patch", "put", "delete")
_REFERENCE: Final = re.compile(r'"#/components/schemas/(\w+)"')


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
class Answer:
    """A good answer; `schema` is empty where there is no JSON."""

    status: str
    meaning: str
    schema: str
    media: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One section of the page. `role` is empty where any will do; so are examples of what a browser does."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    audience: Audience
    scopes: list[str]
    role: str
    parameters: list[Value]
    fields: list[Value]
    body: str
    body_media: str
    answers: list[Answer]
    errors: list[Meaning]
    variables: list[str]
    browser: str
    curl: str
    python: str


@dataclass(frozen=True, slots=True)
class Schema:
    name: str
    description: str
    fields: list[Value]


def groups(document: dict[str, Any]) -> dict[str, list[Operation]]:
    """Operations by their tag, both in the order of the document."""
    found: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if operation := item.get(method):
                section = _operation(document, path, method, operation)
                found.setdefault(operation["tags"][0], []).append(section)
    return found


def schemas(document: dict[str, Any]) -> Iterator[Schema]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield Schema(name, schema.get("description", ""), _fields(schema))


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Operation:
    content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
    media = next(iter(content), "")
    body = _reference(content[media].get("schema", {})) if media else ""
    audience = _audience(operation)
    call = Call.of(document, path, method, operation, audience)
    identifier = operation["operationId"]
    return Operation(
        id=identifier,
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        audience=audience,
        scopes=operation.get("x-scopes", []),
        role=operation.get("x-role", ""),
        parameters=[_parameter(each) for each in operation.get("parameters", [])],
        fields=_fields(document["components"]["schemas"][body]) if body else [],
        body=body,
        body_media=media,
        answers=list(_answers(operation)),
        errors=codes_of(identifier, [int(status) for status in operation["responses"] if status >= "4"]),
        variables=examples.variables(call),
        browser=(browser := operation.get("x-in-browser", "")),
        curl="" if browser else examples.curl(call),
        python="" if browser else examples.python(call),
    )


def _audience(operation: dict[str, Any]) -> Audience:
    """Who may ask: by key or app, only as a person in a browser, or anyone."""
    ways = [name for way in operation.get("security", []) for name in way]
    if not ways:
        return "anyone"
    return "key" if "HTTPBearer" in ways else "person"


def _answers(operation: dict[str, Any]) -> Iterator[Answer]:
    for status, answer in sorted(operation["responses"].items()):
        if status < "4":
            media = next(iter(answer.get("content", {})), "")
            yield Answer(status, answer.get("description", ""), _reference(answer.get("content", {})), media)


def _parameter(parameter: dict[str, Any]) -> Value:
    schema = parameter["schema"]
    about = parameter.get("description", schema.get("description", ""))
    required = parameter.get("required", False)
    return Value(parameter["name"], _kind(schema), _reference(schema), parameter["in"], required, about)


def _fields(schema: dict[str, Any]) -> list[Value]:
    required = schema.get("required", [])
    return [
        Value(name, _kind(value), _reference(value), "", name in required, value.get("description", ""))
        for name, value in schema.get("properties", {}).items()
    ]


def _kind(schema: dict[str, Any]) -> str:
    """A type in a few words: "integer 1 to 100", "a or b", "list of Domain"."""
    if "$ref" in schema:
        return _reference(schema)
    if options := schema.get("anyOf") or schema.get("oneOf"):
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
    match = _REFERENCE.search(json.dumps(schema))
    return match[1] if match else ""
