"""A passkey in software, which returns valid responses and, with changed fields, invalid ones.

ES256 and attestation "none". https://www.w3.org/TR/webauthn-3/#sctn-authenticator-data
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData

USER_PRESENT, USER_VERIFIED, HAS_CREDENTIAL = 0x01, 0x04, 0x40


@dataclass
class SoftwareAuthenticator:
    """A field that a test changes is used in the next response."""

    origin: str
    rp_id: str
    user_verified: bool = True
    counter: int = 0
    user_handle: str = ""
    credential_id: bytes = b"a credential of this test"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer navigator.credentials.create()."""
        public_key_options = options["publicKey"]
        self.user_handle = public_key_options["user"]["id"]
        public_key = ES256.from_cryptography_key(self.key.public_key())  # type: ignore[no-untyped-call]
        credential = AttestedCredentialData.create(Aaguid(bytes(16)), self.credential_id, public_key)
        attestation = AttestationObject.create("none", self._data(credential), {})
        return {
            **self._identity(),
            "response": {
                "clientDataJSON": websafe_encode(self._client_data("webauthn.create", public_key_options)),
                "attestationObject": websafe_encode(attestation),
            },
            "clientExtensionResults": {"credProps": {"rk": True}},
        }

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer navigator.credentials.get()."""
        client_data, data = self._client_data("webauthn.get", options["publicKey"]), self._data()
        signed = bytes(data) + sha256(client_data).digest()
        return {
            **self._identity(),
            "response": {
                "clientDataJSON": websafe_encode(client_data),
                "authenticatorData": websafe_encode(data),
                "signature": websafe_encode(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
                "userHandle": self.user_handle,
            },
            "clientExtensionResults": {},
        }

    def _identity(self) -> dict[str, str]:
        identity = websafe_encode(self.credential_id)
        return {"id": identity, "rawId": identity, "type": "public-key"}

    def _client_data(self, kind: str, public_key_options: dict[str, Any]) -> bytes:
        client_data = {
            "type": kind,
            "challenge": public_key_options["challenge"],
            "origin": self.origin,
            "crossOrigin": False,
        }
        return json.dumps(client_data).encode()

    def _data(self, credential: AttestedCredentialData | None = None) -> AuthenticatorData:
        flags = USER_PRESENT | (USER_VERIFIED if self.user_verified else 0)
        flags |= HAS_CREDENTIAL if credential else 0
        rp_id_hash = sha256(self.rp_id.encode()).digest()
        data: AuthenticatorData = AuthenticatorData.create(
            rp_id_hash, AuthenticatorData.FLAG(flags), self.counter, credential or b""
        )
        return data
