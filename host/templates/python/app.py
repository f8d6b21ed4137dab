"""Acme HR: its manifest and its exported functions. Change the host, the path and the parsing of the response."""

import json
import re

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import http, types

WHOAMI = "https://api.acme-hr.example/v1/whoami"


class Provider(exports.Provider):
    """Connects to one company in Acme HR."""

    def describe(self) -> types.Manifest:
        token = types.Field(
            name="api_token", label="API token", help="In Acme HR: Settings, then API.", help_url=None,
            kind=types.FieldKind.TEXT, secret=True, required=True, choices=[], pattern=None,
        )
        bearer = types.Attachment(
            source=types.CredentialSource_Field("api_token"),
            place=types.Place_Header(types.HeaderPlace(name="Authorization", format="Bearer {}")),
        )
        return types.Manifest(
            id="acme-hr", title="Acme HR", version="0.1.0", auth=types.Auth_Fields(), fields=[token],
            endpoints=[types.Endpoint(http.Method.GET, "api.acme-hr.example", "/v1/whoami", bearer)],
            capabilities=types.Capabilities(0), on_disconnect=types.MappingFate.KEEP,
        )

    def connect(self, connection: types.Connection) -> types.ConnectOutcome:
        return types.ConnectOutcome_Connected(types.Connected(org_name=whoami(), account=None, learned=[]))

    def disconnect(self, connection: types.Connection) -> types.Disconnected:
        return types.Disconnected(types.UpstreamFate.KEPT, "Delete the token in Acme HR: Settings, then API.")

    def health(self, connection: types.Connection) -> list[types.Report]:
        return [types.Report("company", types.ReportValue_Text(whoami()))]

    def list_users(self, connection: types.Connection, page: types.PageRequest) -> types.Page:
        raise Err(types.Error_Unsupported("the provider has no users to list"))


def whoami() -> str:
    """Requests the company of the token. The host adds the token to the request."""
    try:
        response = http.send(http.Request(http.Method.GET, WHOAMI, [], None))
    except Err as error:
        raise Err(types.Error_Http(error.value)) from error
    if response.status != 200:
        raise Err(failure(response))
    try:
        company = parse_json(response.body)["company"]
    except (ValueError, KeyError, TypeError) as error:
        raise Err(types.Error_Malformed("the company's name was expected")) from error
    if not isinstance(company, str):
        raise Err(types.Error_Malformed("the company's name was expected"))
    return company


STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
MAX_DEPTH = 100


def parse_json(body: bytes) -> object:
    """Parses JSON. Deeply nested JSON would use up the stack of the parser, which no `except` catches."""
    depth = 0
    for bracket in STRINGS.sub(b"", body).translate(None, NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError("the JSON is nested too deeply")
    return json.loads(body)


def failure(response: http.Response) -> types.Error:
    """Returns the error for a status. Only 401 rejects the token: an outage must not look like an invalid token."""
    match response.status:
        case 401:
            return types.Error_Unauthorized("the token is not valid")
        case 403:
            return types.Error_Forbidden("status 403")
        case 429:
            after = next((field.value for field in response.headers if field.name.lower() == "retry-after"), "")
            return types.Error_RateLimited(int(after) if after.isascii() and after.isdigit() and len(after) < 10 else None)
        case status:
            return types.Error_Upstream(types.UpstreamError(status, ""))
