"""A real broker that asks who calls: TLS with a certificate authority of the tests' own, passwords, rights."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from kafka.admin import KafkaAdminClient

from tests.servers.kafka import KafkaServer, ServerFailed, free_ports

USER, PASSWORD = "desk", "a b@c:d/e?f&g%h"
"""Whose password has all that a URL can trip over."""
STRANGER = "stranger"
"""Knows the same password, and has no rights."""


class Authority:
    """A certificate authority in a folder; ``ca`` is its certificate."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.ca, self._key = folder / "ca.pem", folder / "ca.key"
        subject = ["-subj", f"/CN={name}", "-days", "2"]
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, "-keyout", self._key, "-out", self.ca)

    def issue(self, name: str, password: str = "") -> tuple[Path, Path]:
        """(certificate, key) for ``name`` at 127.0.0.1; the key is locked by ``password`` if there is one."""
        request, certificate, key, names = (self._folder / f"{name}.{end}" for end in ("csr", "pem", "key", "ext"))
        names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        lock = ["-passout", f"pass:{password}"] if password else ["-nodes"]
        _openssl("req", "-newkey", "rsa:2048", *lock, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        signed = ["-CA", self.ca, "-CAkey", self._key, "-CAcreateserial", "-days", "2", "-extfile", names]
        _openssl("x509", "-req", "-in", request, *signed, "-out", certificate)
        return certificate, key


class SecureKafka(KafkaServer):
    """``bootstrap`` is open to anybody, for the tests' own use; ``sasl`` wants TLS and a password, ``mtls`` a certificate."""

    def __init__(self, directory: Path, authority: Authority) -> None:
        super().__init__(directory, self._settings)
        sasl, mtls = free_ports(2)
        self.sasl, self.mtls = f"127.0.0.1:{sasl}", f"127.0.0.1:{mtls}"
        certificate, key = authority.issue("broker")
        self._chain, self._ca = certificate.with_name("broker-chain.pem"), authority.ca
        self._chain.write_text(key.read_text() + certificate.read_text())

    def start(self) -> None:
        super().start()
        with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
            _add_users(admin, USER, STRANGER)

    def _settings(self, port: int, controller: int) -> str:
        login = "org.apache.kafka.common.security"
        return f"""
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SASL://{self.sasl},MTLS://{self.mtls}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL://{self.sasl},MTLS://{self.mtls}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_SSL,MTLS:SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN,OAUTHBEARER
listener.name.sasl.oauthbearer.sasl.jaas.config={login}.oauthbearer.OAuthBearerLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasl.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";
listener.name.mtls.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={self._chain}
ssl.truststore.type=PEM
ssl.truststore.location={self._ca}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:{USER};User:CN=desk
"""


def _add_users(admin: Any, *names: str) -> None:
    from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

    wanted = [UserScramCredentialUpsertion(name, ScramMechanism.SCRAM_SHA_512, PASSWORD) for name in names]
    admin.alter_user_scram_credentials(wanted)


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerFailed(f"openssl {arguments[0]}: {done.stderr.strip()[-500:]}")
