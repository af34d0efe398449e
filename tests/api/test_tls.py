"""The API over TLS."""

import ssl
import subprocess

import httpx2
import pytest

from diameter_ocs.assemble import Ocs
from diameter_ocs.errors import ConfigurationError
from tests.support.api import key_for, running_api
from tests.support.ocs import config_for


@pytest.fixture
def files(tmp_path):
    certificate, key = tmp_path / "api.crt", tmp_path / "api.key"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key


async def test_with_a_certificate_only_tls_is_spoken(tmp_path, files):
    certificate, key = files
    settings = {"api__certificate": str(certificate), "api__private_key": str(key)}
    async with running_api(tmp_path, **settings) as (node, plain):
        headers = {"authorization": f"Bearer {await key_for(node.store, 'read', 'reader')}"}
        trusted = ssl.create_default_context(cafile=certificate)
        async with httpx2.AsyncClient(verify=trusted, headers=headers) as client:
            answer = await client.get(f"https://{node.api.address}/api/v1/me")
            assert answer.json()["client"] == "reader"
        with pytest.raises(httpx2.TransportError):
            await plain.get("/me")


async def test_a_certificate_that_is_none_is_told(tmp_path, files):
    _, key = files
    settings = {"api__listen": "127.0.0.1:0", "api__certificate": str(key), "api__private_key": str(key)}
    with pytest.raises(ConfigurationError, match=r"api.listen — the certificate and its key cannot be used"):
        await Ocs(config_for(tmp_path, **settings)).start()
