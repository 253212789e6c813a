"""TLS, passwords and rights on a real broker: what works, and the one line that each mistake gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from core.errors import StreamError, StreamUnavailable, UsageError, WirewatchError
from core.streams import NewRecord, create_stream, open_stream
from tests.servers.kafka import ServerFailed
from tests.servers.kafka_secure import PASSWORD, STRANGER, USER, Authority, SecureKafka
from tests.wirewatch.command import wirewatch

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("secure-kafka")]
WORD = quote(PASSWORD, safe="")
WRONG = "guessed-wrong"


class Place:
    def __init__(self, folder: Path) -> None:
        self.authority, self.other = Authority(folder / "ca", "Tests"), Authority(folder / "other", "Strangers")
        self.kafka = SecureKafka(folder / "kafka", self.authority)

    def sasl(self, user: str = USER, password: str = WORD, **options: object) -> str:
        return self._url(f"{user}:{password}@{self.kafka.sasl}", **{"sasl_mechanism": "SCRAM-SHA-512"} | options)

    def mtls(self, **options: object) -> str:
        return self._url(self.kafka.mtls, security_protocol="SSL", **options)

    def _url(self, place: str, **options: object) -> str:
        given = {"ssl_cafile": self.authority.ca, "timeout_s": 10} | options
        return f"kafka://{place}?" + "&".join(f"{name}={quote(str(value))}" for name, value in given.items())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    try:
        place = Place(tmp_path_factory.mktemp("secure"))
        place.kafka.start()
    except ServerFailed as error:
        pytest.fail(f"no Kafka broker for the tests: {error}", pytrace=False)
    yield place
    place.kafka.kill()


def works(url: str, name: str) -> None:
    with create_stream(url, name, 1) as stream:
        [appended] = stream.append([NewRecord(b"key", b"value")])
        assert [one.value for one in stream.read({0: appended.offset})] == [b"value"]
        stream.commit("lag", {0: 1})
        assert stream.committed("lag") == {0: 1}
        assert PASSWORD not in stream.url


def refused(url: str, kind: type[WirewatchError], *words: str) -> None:
    with pytest.raises(kind) as caught:
        create_stream(url, "refused", 1).close()
    said = str(caught.value)
    assert type(caught.value) is kind, said
    assert all(word in said for word in words), said
    assert caught.value.hint
    assert "\n" not in said
    for secret in (PASSWORD, WORD, WRONG):
        assert secret not in said


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_a_password_over_tls_is_enough_for_everything(place: Place, mechanism: str) -> None:
    works(place.sasl(sasl_mechanism=mechanism), f"by-{mechanism}")


def test_a_certificate_of_ours_is_enough(place: Place) -> None:
    certificate, key = place.authority.issue("desk")
    works(place.mtls(ssl_certfile=certificate, ssl_keyfile=key), "by-certificate")


def test_a_locked_key_is_opened_by_its_password_without_a_prompt(place: Place) -> None:
    certificate, key = place.authority.issue("desk", PASSWORD)
    files = {"ssl_certfile": certificate, "ssl_keyfile": key}
    works(place.mtls(**files, ssl_password=PASSWORD), "by-locked-key")
    for wrong in ({}, {"ssl_password": WRONG}):
        refused(place.mtls(**files, **wrong), UsageError, "ssl_certfile", "wrong password")


# Again and again, since the refusal may come together with the end of the connection.
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"] * 3)
def test_a_wrong_password_is_reported_at_the_first_attempt(place: Place, mechanism: str) -> None:
    refused(place.sasl(password=WRONG, sasl_mechanism=mechanism), StreamError, "SaslAuthenticationFailed", "password")


def test_a_mechanism_that_the_broker_lacks_is_named(place: Place) -> None:
    refused(place.sasl(sasl_mechanism="SCRAM-SHA-256"), StreamError, "UnsupportedSaslMechanism")


def test_a_user_without_rights_gets_a_clear_error(place: Place) -> None:
    refused(place.sasl(STRANGER), StreamError, "AuthorizationFailed", "permissions")


def test_another_authority_is_not_believed(place: Place) -> None:
    refused(place.sasl(ssl_cafile=place.other.ca), StreamError, "certificate is not trusted", "ssl_cafile")


def test_the_systems_authorities_are_used_if_none_is_named(place: Place) -> None:
    url = place.sasl().replace(f"ssl_cafile={quote(str(place.authority.ca))}&", "")
    refused(url, StreamError, "certificate is not trusted")


def test_no_certificate_of_ours_or_a_strangers_is_refused(place: Place) -> None:
    refused(place.mtls(), StreamError, "requires a client certificate")
    certificate, key = place.other.issue("desk")
    refused(place.mtls(ssl_certfile=certificate, ssl_keyfile=key), StreamError, "certificate")


def test_plain_talk_to_a_tls_port_is_named(place: Place) -> None:
    refused(f"kafka://{place.kafka.sasl}", StreamError, "perhaps this port requires TLS")


def test_tls_to_a_plain_port_says_that_the_handshake_failed(place: Place) -> None:
    url = f"kafka://{place.kafka.bootstrap}?security_protocol=SSL&timeout_s=1"
    refused(url, StreamUnavailable, "Handshake failed")


@pytest.mark.parametrize("file", ["missing.pem", "words.pem"])
def test_a_file_that_is_not_a_certificate_is_named(place: Place, tmp_path: Path, file: str) -> None:
    (tmp_path / "words.pem").write_text("no certificate")
    refused(place.sasl(ssl_cafile=tmp_path / file), UsageError, "ssl_cafile", file)


def test_an_open_stream_reports_that_its_rights_are_gone(place: Place) -> None:
    works(place.sasl(), "no-rights")
    with pytest.raises(StreamError, match="AuthorizationFailed"):
        open_stream(place.sasl(STRANGER), "no-rights")


@pytest.mark.parametrize("verbose", [[], ["--verbose"]])
def test_the_command_line_says_one_line_and_no_secret(place: Place, tmp_path: Path, verbose: list[str]) -> None:
    for password, status in ((WRONG, 1), (WORD, 0)):
        url = place.sasl(password=password)
        done = wirewatch(*verbose, "streams", "list", "--json", cwd=tmp_path, WIREWATCH_STREAM_URL=url)
        assert done.returncode == status, done.stderr
        for secret in (PASSWORD, WORD, WRONG):
            assert secret not in done.stdout + done.stderr
        if status and not verbose:
            [said] = [line for line in done.stderr.splitlines() if line.startswith("wirewatch: ")]
            assert "SaslAuthenticationFailed" in said
