"""A provider of Jackfield in Python: Acme Desk, a fictional help desk with a bearer token and pages.

It calls `http.send`, which answers with the very words of a refusal. The token never comes in here: the host puts it
into `Authorization` on the way out, and only towards the endpoints that `describe` names.
"""

import json
from urllib.parse import urlencode

import wit_world.exports
from componentize_py_types import Err
from wit_world.imports import http, types

HOST = "api.acme-desk.example"


def get(path):
    headers = [http.Header("accept", "application/json")]
    try:
        answer = http.send(http.Request(http.Method.GET, f"https://{HOST}{path}", headers, None))
    except Err as error:
        # Timed out, refused, unreachable: the host knows best what to make of its own word.
        raise Err(types.Error_Http(error.value)) from None
    if answer.status == 401:
        raise Err(types.Error_Unauthorized("invalid_token"))
    if answer.status == 403:
        raise Err(types.Error_Forbidden("agents:read"))
    if answer.status == 429:
        waits = [header.value for header in answer.headers if header.name == "retry-after" and header.value.isdigit()]
        raise Err(types.Error_RateLimited(int(waits[0]) if waits else None))
    if not 200 <= answer.status < 300:
        raise Err(types.Error_Upstream(types.UpstreamError(answer.status, "")))
    try:
        return json.loads(answer.body)
    except ValueError:
        raise Err(types.Error_Malformed("JSON")) from None


def endpoint(path):
    place = types.Place_Header(types.HeaderPlace("Authorization", "Bearer {}"))
    token = types.Attachment(types.CredentialSource_Field("api_token"), place)
    return types.Endpoint(http.Method.GET, HOST, path, token)


def user(agent):
    return types.User(str(agent["id"]), agent.get("name") or "", agent.get("email"), [], bool(agent.get("active")))


class Provider(wit_world.exports.Provider):
    def describe(self):
        token = types.Field(
            name="api_token",
            label="API token",
            help="Admin, Integrations, New token; it needs the right agents:read.",
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
        account = get("/v1/account")
        return types.ConnectOutcome_Connected(types.Connected(account["name"], None, []))

    def disconnect(self, connection):
        return types.Disconnected(types.UpstreamFate.KEPT, "Delete the token under Admin, Integrations.")

    def health(self, connection):
        return [types.Report("account", types.ReportValue_Text(get("/v1/account")["name"]))]

    def list_users(self, connection, page):
        query = {"limit": page.limit} | ({"cursor": page.cursor} if page.cursor else {})
        answer = get(f"/v1/agents?{urlencode(query)}")
        try:
            return types.Page([user(agent) for agent in answer["agents"]], answer.get("next_cursor"))
        except (KeyError, TypeError, AttributeError):
            raise Err(types.Error_Malformed("a list of agents")) from None
