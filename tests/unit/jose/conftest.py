"""Keys and hand-made tokens. Tokens are built here byte by byte, so that they can be wrong."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from django_ciba.jose import ASYMMETRIC_ALGS, PrivateKey, base64url
from django_ciba.jose.algorithms import ALGORITHMS

HandMade = Callable[..., str]


@pytest.fixture(scope="session")
def keys() -> dict[str, PrivateKey]:
    """One key for each algorithm."""
    return {alg: PrivateKey.generate(alg) for alg in ASYMMETRIC_ALGS}


@pytest.fixture
def ec(keys: dict[str, PrivateKey]) -> PrivateKey:
    return keys["ES256"]


@pytest.fixture
def hand_made(ec: PrivateKey) -> HandMade:
    """A token with a good ES256 signature over any octets as header and payload."""

    def token(header: Any = None, payload: Any = None) -> str:
        header = {"alg": "ES256"} if header is None else header
        payload = {} if payload is None else payload
        octets = [x if isinstance(x, bytes) else json.dumps(x).encode() for x in (header, payload)]
        signing_input = ".".join(base64url(each) for each in octets)
        signature = ALGORITHMS["ES256"].sign(signing_input.encode(), ec.key)
        return f"{signing_input}.{base64url(signature)}"

    return token
