"""Keys to partitions, as Kafka does it, and the options of URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as kafka_murmur2

from core.errors import UsageError
from core.streams import open_stream
from core.streams.base import murmur2, partition_of
from core.streams.embedded.file import Location
from core.streams.kafka.client import KafkaLocation


@given(st.binary(max_size=64))
def test_murmur2_is_kafkas(data: bytes) -> None:
    assert murmur2(data) == kafka_murmur2(data)


@given(st.binary(max_size=40), st.integers(1, 50))
def test_every_key_has_a_partition(key: bytes, count: int) -> None:
    partitions = [3 * i for i in range(count)]
    assert partition_of(key, partitions) in partitions


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/raw.db", "var/raw.db"),
        ("sqlite:////srv/raw.db", "/srv/raw.db"),
        ("sqlite:///a b%20ü.db?timeout_s=1", "a b%20ü.db"),
    ],
)
def test_sqlite_urls_name_a_file(url: str, path: str) -> None:
    location = Location.parse(url)
    assert str(location.path) == path
    assert location.url == url.partition("?")[0]


@pytest.mark.parametrize(
    "url",
    [
        *("sqlite://", "sqlite:///", "sqlite://raw.db", "sqlite:///folder/", "sqlite:///a\0b"),
        *("kafka://", "kafka://host:0", "kafka://host:nine", "kafka://a:1,", "kafka://:9092", "kafka://a b:1"),
        *("kafka://u:secret@", "kafka://host:70000/", "kafka://h?security_protocol=TLS"),
        *("redis://host", "raw.db", "", "kafka:host", "KAFKA://host"),
    ],
)
def test_wrong_urls_are_usage_errors(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_stream(url, "news")
    assert caught.value.hint
    assert "secret" not in str(caught.value)


def test_kafka_urls_name_servers() -> None:
    location = KafkaLocation.parse("kafka://one:9092,two,[::1]:9093?client_id=desk&timeout_s=2.5&replication_factor=3")
    assert location.servers == ("one:9092", "two:9092", "[::1]:9093")
    assert location.url == "kafka://one:9092,two:9092,[::1]:9093"
    assert (location.timeout_s, location.replication_factor) == (2.5, 3)
    assert (location.security, location.client_id) == ({}, "desk")


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("kafka://des%6B:hush%40@host:9093", "SASL_SSL"),
        ("kafka://desk:hush%40@host:9093?security_protocol=SASL_PLAINTEXT", "SASL_PLAINTEXT"),
        (
            "kafka://host:9093?security_protocol=SASL_SSL&sasl_plain_username=desk&sasl_plain_password=hush%40",
            "SASL_SSL",
        ),
    ],
)
def test_credentials_are_used_but_never_shown(url: str, protocol: str) -> None:
    location = KafkaLocation.parse(url)
    assert location.security == {
        "security_protocol": protocol,
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "desk",
        "sasl_plain_password": "hush@",
    }
    assert location.url == "kafka://host:9093"
    assert "hush" not in repr(location)


def test_an_unknown_option_is_named_without_its_value() -> None:
    with pytest.raises(UsageError, match="sasl_password") as caught:
        open_stream("kafka://host?sasl_password=hush", "news")
    assert "hush" not in str(caught.value)
