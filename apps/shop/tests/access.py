"""Tables of who may open the URLs of apps/shop. tests/integration/test_access.py and others read them.

A URL without a row is tested by default: no server error, no data of another user, and nothing that differs between
users in a cache. Add a row to test more. A key is the name of a URL, or its route if it has no name.
"""

# Answers to: a visitor, a user, an owner of the product icon-set, an owner after a refund, staff without and with a
# second factor. "login" redirects to sign-in, "store" to the store: "lesson": "login store 200 store store store".
GET: dict[str, str] = {}
POST: dict[str, str] = {}  # answer to an empty form
PARAMETERS: dict[str, dict[str, str]] = {}  # values in URLs: "lesson": {"lesson": "first-steps"}
WITHOUT_CSRF_TOKEN: dict[str, str] = {}  # POST without a token is accepted; why: "api": "clients send a key"
