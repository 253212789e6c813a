"""A cluster of three real brokers on loopback, each of them a controller too, as ``deploy/kubernetes`` has them."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from tests.servers.kafka import KafkaServer, ServerFailed, free_ports, kafka_jars, listens, require_java

NODES = (1, 2, 3)
_JVM = "-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
_TRIES = 3


class _Node(KafkaServer):
    """One broker of the three; ready when the cluster counts it as part."""

    def __init__(self, directory: Path, node: int, ports: tuple[int, int], settings: str) -> None:
        super().__init__(directory, lambda _port, _controller: settings, jvm=_JVM)
        self.node = node
        self.port, self._controller_port = ports

    def spawn(self) -> None:
        """Start the process; alone it is never ready, as two controllers make a majority."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._spawn()

    def wait(self) -> None:
        """Wait until the cluster counts it as part. Raises ServerFailed, with the end of the log."""
        self._wait(lambda: self.node in unfenced(self.bootstrap))

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        self.spawn()
        self.wait()


class ThreeBrokers:
    """Brokers 1, 2 and 3 under ``directory``; ports and data stay when one is killed and started again.

    What the cluster gives to a topic that says nothing is Kafka's own default: one copy.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._nodes: dict[int, _Node] = {}

    @property
    def bootstrap(self) -> list[str]:
        return [node.bootstrap for node in self._nodes.values()]

    @property
    def url(self) -> str:
        return f"kafka://{','.join(self.bootstrap)}"

    @property
    def running(self) -> list[int]:
        """The brokers that were not killed."""
        return [number for number, node in self._nodes.items() if node.running]

    def start(self) -> None:
        """Start all three and wait until each is part of the cluster. Raises ServerFailed, with the end of a log."""
        require_java()
        jars = kafka_jars()
        for attempt in range(_TRIES):
            self._nodes = self._prepared(jars, self._directory / f"try{attempt}")
            try:
                self._start_all()
            except ServerFailed:
                # Somebody may have taken a port meanwhile.
                taken = any("Address already in use" in node.log_tail() for node in self._nodes.values())
                self.kill_all()
                if not taken or attempt == _TRIES - 1:
                    raise
            else:
                return

    def kill(self, *numbers: int) -> None:
        """End brokers as a power cut would (SIGKILL)."""
        for number in numbers:
            self._nodes[number].kill()

    def kill_all(self) -> None:
        self.kill(*self._nodes)

    def revive(self, *numbers: int) -> None:
        """Start brokers again, by default all that were killed, and wait until each is part of the cluster."""
        back = [self._nodes[number] for number in numbers or set(self._nodes) - set(self.running)]
        for node in back:
            node.spawn()
        for node in back:
            node.wait()

    def admin(self) -> Any:
        """Kafka's administrator, to be closed by the caller."""
        living = [self._nodes[number].bootstrap for number in self.running]
        return KafkaAdminClient(bootstrap_servers=living, request_timeout_ms=5000)

    def partition(self, topic: str, partition: int = 0) -> dict[str, Any]:
        """A partition as a broker that runs sees it: ``leader_id``, ``replica_nodes``, ``isr_nodes``; {} before it can say."""
        with contextlib.suppress(KafkaError), contextlib.closing(self.admin()) as admin:
            for found in admin.describe_topics([topic])[0]["partitions"]:
                if found["partition_index"] == partition:
                    return dict(found)
        return {}

    def log_tail(self) -> str:
        """The end of each broker's log."""
        return "\n".join(f"--- broker {number}\n{node.log_tail(15)}" for number, node in self._nodes.items())

    def _start_all(self) -> None:
        for node in self._nodes.values():
            node.spawn()
        for node in self._nodes.values():
            node.wait()

    def _prepared(self, jars: Path, directory: Path) -> dict[int, _Node]:
        ports = free_ports(2 * len(NODES))
        pairs = {number: (ports[2 * at], ports[2 * at + 1]) for at, number in enumerate(NODES)}
        voters = ",".join(f"{number}@127.0.0.1:{pairs[number][1]}" for number in NODES)
        settings = {number: _settings(number, voters) for number in NODES}
        made = {number: _Node(directory / str(number), number, pairs[number], settings[number]) for number in NODES}
        cluster = secrets.token_hex(11)
        formats = [_format(jars, made[number], settings[number], cluster) for number in NODES]
        for process in formats:
            said, _ = process.communicate(timeout=120)
            if process.returncode:
                raise ServerFailed(f"Kafka's storage can't be formatted:\n{said.decode(errors='replace')}")
        return made


def unfenced(bootstrap: str) -> set[int]:
    """The brokers that count as part of the cluster, in the words of the one at ``bootstrap``; none while it is silent."""
    if not listens(bootstrap):
        return set()
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=2000, request_timeout_ms=2000)
    except KafkaError:
        return set()
    with contextlib.closing(admin):
        try:
            return {int(one["broker_id"]) for one in admin.describe_cluster()["brokers"] if not one["is_fenced"]}
        except KafkaError:
            return set()


def _settings(number: int, voters: str) -> str:
    return f"""
node.id={number}
controller.quorum.voters={voters}
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
"""


def _format(jars: Path, node: _Node, settings: str, cluster: str) -> subprocess.Popen[bytes]:
    # The launcher would format each folder with a cluster id of its own.
    java = shutil.which("java")
    assert java
    node.directory.mkdir(parents=True)
    file = node.directory / "format.properties"
    file.write_text(f"""process.roles=broker,controller
listeners=PLAINTEXT://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node._controller_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={node.directory}/data
{settings}""")
    options = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
    return subprocess.Popen(
        [java, *options, "kafka.tools.StorageTool", "format", "-c", str(file), "-t", cluster],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
