"""OAUTHBEARER: tokens from a file and from a provider, on a real broker; what is cached; what each mistake says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from core.errors import StreamError, StreamUnavailable, UsageError, WirewatchError
from core.streams import NewRecord, create_stream
from core.streams.kafka import oauth
from core.streams.kafka.client import KafkaLocation
from tests.servers.kafka import ServerFailed
from tests.servers.kafka_secure import USER, Authority, SecureKafka
from tests.servers.token_provider import CLIENT, SECRET, Provider, token_provider, unsigned_token

LOGIN = f"{quote(CLIENT)}:{quote(SECRET, safe='')}@"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("oauth") / "ca", "Tests")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[SecureKafka]:
    made = SecureKafka(tmp_path_factory.mktemp("oauth-kafka"), authority)
    try:
        made.start()
    except ServerFailed as error:
        pytest.fail(f"no Kafka broker for the tests: {error}", pytrace=False)
    yield made
    made.kill()


@pytest.fixture
def provider(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca))
    with token_provider(USER, *authority.issue("provider")) as made:
        yield made


def url(broker: SecureKafka, authority: Authority, login: str = "", **options: object) -> str:
    given = {"sasl_mechanism": "OAUTHBEARER", "ssl_cafile": authority.ca, "timeout_s": 10} | options
    return f"kafka://{login}{broker.sasl}?" + "&".join(f"{name}={quote(str(value))}" for name, value in given.items())


def works(place: str, name: str) -> None:
    with create_stream(place, name, 1) as stream:
        [appended] = stream.append([NewRecord(b"key", b"value")])
        assert [one.value for one in stream.read({0: appended.offset})] == [b"value"]


def refused(place: str, kind: type[WirewatchError], *words: str) -> None:
    with pytest.raises(kind) as caught:
        create_stream(place, "refused", 1).close()
    said = str(caught.value)
    assert type(caught.value) is kind, said
    assert all(word in said for word in words), said
    assert caught.value.hint
    assert SECRET not in said


@pytest.mark.kafka
@pytest.mark.xdist_group("secure-kafka")
class TestOnABroker:
    def test_a_token_of_a_file_is_enough(self, broker: SecureKafka, authority: Authority, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text(unsigned_token(USER) + "\n")
        works(url(broker, authority, sasl_oauthbearer_token_file=file), "by-file")

    def test_a_token_of_a_provider_is_enough_and_shared_by_all_clients(
        self, broker: SecureKafka, authority: Authority, provider: Provider
    ) -> None:
        options = {oauth.ENDPOINT: provider.url, oauth.SCOPE: "kafka.read kafka.write"}
        works(url(broker, authority, LOGIN, **options), "by-provider")
        works(url(broker, authority, LOGIN, **options), "by-provider")
        assert provider.asked == ["kafka.read kafka.write"]

    def test_a_token_that_the_broker_refuses(self, broker: SecureKafka, authority: Authority, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text(unsigned_token(USER, seconds=-60))
        refused(
            url(broker, authority, sasl_oauthbearer_token_file=file),
            StreamError,
            "refused the request (SaslAuthenticationFailed)",
        )

    def test_a_client_that_the_provider_refuses(
        self, broker: SecureKafka, authority: Authority, provider: Provider
    ) -> None:
        place = url(broker, authority, f"{quote(CLIENT)}:guessed@", **{oauth.ENDPOINT: provider.url})
        refused(place, StreamError, provider.url, "returned no token: invalid_client", "client's id and secret")
        assert len(provider.asked) == 1, "asking again may lock the client"

    def test_a_provider_that_fails_is_asked_again_later(
        self, broker: SecureKafka, authority: Authority, provider: Provider
    ) -> None:
        provider.status = 503
        place = url(broker, authority, LOGIN, timeout_s=3, **{oauth.ENDPOINT: provider.url})
        refused(place, StreamUnavailable, "returns no token at present: HTTPError")
        provider.status = 200
        works(place, "later")

    @pytest.mark.parametrize(("content", "words"), [(None, "No such file"), ("", "is empty"), ("tökën", "not ASCII")])
    def test_a_file_without_a_token(
        self, broker: SecureKafka, authority: Authority, tmp_path: Path, content: str | None, words: str
    ) -> None:
        file = tmp_path / "token"
        if content is not None:
            file.write_text(content)
        refused(url(broker, authority, sasl_oauthbearer_token_file=file), StreamError, str(file), words)


def test_a_token_is_kept_until_a_fifth_of_its_time_is_left(provider: Provider) -> None:
    now_s = [1_000.0]
    tokens = oauth.ClientCredentials(provider.url, CLIENT, SECRET, "", lambda: now_s[0])
    for at_s, asked in ((1_000, 1), (1_479, 1), (1_480, 2), (1_900, 2), (1_960, 3)):
        now_s[0] = at_s
        assert tokens.token()
        assert len(provider.asked) == asked


def test_a_provider_s_nonsense_is_refused(provider: Provider) -> None:
    tokens = oauth.ClientCredentials(provider.url, CLIENT, SECRET, "")
    nonsense = b'{"access_token": "x", "token_type": "Bearer", "expires_in": "soon"}'
    for provider.answer in (b"<html>", b"{}", b"[]", b'{"access_token": ""}', nonsense):
        with pytest.raises(oauth.TokenRefused):
            tokens.token()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("kafka://h?sasl_mechanism=OAUTHBEARER", "needs a source of tokens"),
        (
            f"kafka://a:b@h?sasl_mechanism=OAUTHBEARER&{oauth.FILE}=/t&{oauth.ENDPOINT}=https://x/",
            "needs a source of tokens",
        ),
        (f"kafka://h?sasl_mechanism=OAUTHBEARER&{oauth.ENDPOINT}=https://x/", "needs a client id and secret"),
        (f"kafka://a:b@h?sasl_mechanism=OAUTHBEARER&{oauth.ENDPOINT}=file:///etc/passwd", "must begin with https://"),
    ],
)
def test_options_that_do_not_fit(place: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        KafkaLocation.parse(place)


def test_a_mechanism_alone_means_tls() -> None:
    location = KafkaLocation.parse(f"kafka://h?sasl_mechanism=OAUTHBEARER&{oauth.FILE}=/t")
    assert location.security["security_protocol"] == "SASL_SSL"


@pytest.mark.parametrize(
    ("place", "role", "client_id"),
    [
        ("kafka://h", "", "wirewatch"),
        ("kafka://h", "reader", "wirewatch-reader"),
        ("kafka://h?client_id=news", "relay", "news-relay"),
        ("kafka://h?client_id=news", "", "news"),
    ],
)
def test_a_client_id_tells_brokers_what_the_client_does(place: str, role: str, client_id: str) -> None:
    assert KafkaLocation.parse(place, role).client_id == client_id
