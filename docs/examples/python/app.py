"""A Jackfield plugin in Python for Acme Desk, a fictional help desk with a bearer token and paging.

It calls `http.send`, which returns the reason if a request is denied. The plugin never sees the token: the host adds
it to `Authorization`, and only in requests to the endpoints that `describe` returns.
"""

import json
import re
from urllib.parse import urlencode

import wit_world.exports
from componentize_py_types import Err
from wit_world.imports import http, types

HOST = "api.acme-desk.example"


def get(path):
    headers = [http.Header("accept", "application/json")]
    try:
        response = http.send(http.Request(http.Method.GET, f"https://{HOST}{path}", headers, None))
    except Err as error:
        # Timed out, denied, unreachable: pass the error on to the host.
        raise Err(types.Error_Http(error.value)) from None
    if response.status == 401:
        raise Err(types.Error_Unauthorized("invalid_token"))
    if response.status == 403:
        raise Err(types.Error_Forbidden("agents:read"))
    if response.status == 429:
        waits = [header.value for header in response.headers if header.name == "retry-after" and header.value.isdigit()]
        raise Err(types.Error_RateLimited(int(waits[0]) if waits else None))
    if not 200 <= response.status < 300:
        raise Err(types.Error_Upstream(types.UpstreamError(response.status, "")))
    try:
        return parse_json(response.body)
    except ValueError:
        raise Err(types.Error_Malformed("JSON")) from None


STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
MAX_DEPTH = 100


def parse_json(body):
    """Parses JSON. Deeply nested JSON would use up the stack of the parser, which no `except` catches."""
    depth = 0
    for bracket in STRINGS.sub(b"", body).translate(None, NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError("the JSON is nested too deeply")
    return json.loads(body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))


def name_of(account):
    """The name of an account, if the response has the expected shape."""
    name = account.get("name") if isinstance(account, dict) else None
    if not isinstance(name, str):
        raise Err(types.Error_Malformed("the name of the account"))
    return name


def endpoint(path):
    place = types.Place_Header(types.HeaderPlace("Authorization", "Bearer {}"))
    token = types.Attachment(types.CredentialSource_Field("api_token"), place)
    return types.Endpoint(http.Method.GET, HOST, path, token)


def text(value):
    """Returns a text that is valid Unicode; None for a value that is no text or number."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).encode("utf-8", "replace").decode()


def to_user(agent):
    name = text(agent.get("name")) or ""
    return types.User(text(agent["id"]), name, text(agent.get("email")), [], bool(agent.get("active")))


class Provider(wit_world.exports.Provider):
    def describe(self):
        token = types.Field(
            name="api_token",
            label="API token",
            help="Admin, Integrations, New token; it needs the permission agents:read.",
            help_url=None,
            kind=types.FieldKind.TEXT,
            secret=True,
            required=True,
            choices=[],
            pattern="desk_[A-Za-z0-9]+",
        )
        return types.Manifest(
            id="acme-desk",
            title="Acme Desk",
            version="1.0.0",
            auth=types.Auth_Fields(),
            fields=[token],
            endpoints=[endpoint("/v1/account"), endpoint("/v1/agents")],
            capabilities=types.Capabilities.USERS,
            on_disconnect=types.MappingFate.KEEP,
        )

    def connect(self, connection):
        return types.ConnectOutcome_Connected(types.Connected(name_of(get("/v1/account")), None, []))

    def disconnect(self, connection):
        return types.Disconnected(types.UpstreamFate.KEPT, "Delete the token under Admin, Integrations.")

    def health(self, connection):
        return [types.Report("account", types.ReportValue_Text(name_of(get("/v1/account"))))]

    def list_users(self, connection, page):
        query = {"limit": page.limit} | ({"cursor": page.cursor} if page.cursor else {})
        body = get(f"/v1/agents?{urlencode(query)}")
        agents = body.get("agents") if isinstance(body, dict) else None
        if not isinstance(agents, list):
            raise Err(types.Error_Malformed("a list of agents"))
        # One row that cannot be read must not lose the others.
        users = [to_user(agent) for agent in agents if isinstance(agent, dict) and text(agent.get("id"))]
        return types.Page(users, text(body.get("next_cursor")))
