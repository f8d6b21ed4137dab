"""Tests how the provider handles each response. They need no network."""

import sys
import unittest
from unittest import mock

sys.path.insert(0, "bindings")

import app  # noqa: E402
from componentize_py_types import Err  # noqa: E402
from wit_world.imports import http, types  # noqa: E402


def respond_with(status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()):
    fields = [http.Header(name, value) for name, value in headers]
    return mock.patch.object(app.http, "send", lambda request: http.Response(status, fields, body))


class ProviderTest(unittest.TestCase):
    def test_connect_returns_the_company(self):
        with respond_with(200, b'{"company":"Acme Instruments"}'):
            outcome = app.Provider().connect(types.Connection([], None))
        self.assertEqual(outcome.value.org_name, "Acme Instruments")

    def test_each_failure_has_its_own_error(self):
        for status, body, headers, expected in [
            (401, b"{}", (), types.Error_Unauthorized("the token is not valid")),
            (429, b"", (("Retry-After", "7"),), types.Error_RateLimited(7)),
            (503, b"<html>", (), types.Error_Upstream(types.UpstreamError(503, ""))),
            (200, b"<html>", (), types.Error_Malformed("the company's name was expected")),
            (200, b"[" * 4096, (), types.Error_Malformed("the company's name was expected")),
        ]:
            with self.subTest(status=status, body=body), respond_with(status, body, headers):
                with self.assertRaises(Err) as raised:
                    app.Provider().health(types.Connection([], None))
                self.assertEqual(raised.exception.value, expected)


if __name__ == "__main__":
    unittest.main()
