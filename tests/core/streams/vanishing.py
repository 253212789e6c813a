"""Of three brokers one vanishes without a word, in a network of their own, and comes back.

Run as ``unshare -n python -m tests.core.streams.vanishing FOLDER STEP …`` (as root, or with ``-Ur``): each broker is
in a network namespace behind one bridge, and vanishes when its cable is pulled. Neighbours are told by hand, so that
packets to it are dropped without an ICMP answer, as behind a router. Steps: ``controller`` pulls the
cable of the broker that is the active controller too, ``another`` that of one that is not, ``back`` plugs in what was
pulled and waits until the cluster counts it as part and its copies are in step again, a number waits so many seconds. Prints
a JSON line for each pull: seconds from then on until appends and reads of all partitions went on, and until the brokers could
take them again; and for each return: seconds until all copies were in step.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import yaml
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from core.errors import StreamUnavailable
from core.streams import NewRecord, Stream, create_stream, open_stream
from tests.servers.kafka import kafka_jars
from tests.servers.kafka_three import unfenced

CLUSTER = Path(__file__).parents[3] / "deploy/kubernetes/kafka.yaml"
NODES = (1, 2, 3)
PARTITIONS = 6
COPIES_IN_STEP = 2
"""``min.insync.replicas``."""
PAUSE_S, PATIENCE_S = 0.5, 60.0
BRIDGE = "10.99.0.254"
_JVM = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error")


def ip(*arguments: str, inside: int = 0) -> None:
    """Run ``ip``, in the namespace of a process if one is given."""
    into = ["nsenter", "-t", str(inside), "-n"] if inside else []
    subprocess.run([*into, "ip", *arguments], check=True)


def address(node: int) -> str:
    return f"10.99.0.{node}"


def card(node: int) -> str:
    return f"02:00:00:00:00:{node:02}"


class Network:
    """A bridge with a namespace for each broker."""

    def __init__(self) -> None:
        ip("link", "set", "lo", "up")
        ip("link", "add", "br0", "address", card(99), "type", "bridge")
        ip("addr", "add", f"{BRIDGE}/24", "dev", "br0")
        ip("link", "set", "br0", "up")
        self.inside = {node: self._join(node) for node in NODES}

    def _join(self, node: int) -> int:
        holder = subprocess.Popen(["unshare", "-n", "sleep", "100000"])
        outer = Path("/proc/self/ns/net").readlink()
        while Path(f"/proc/{holder.pid}/ns/net").readlink() == outer:
            time.sleep(0.01)
        ip("link", "add", f"b{node}", "type", "veth", "peer", "name", "eth0", "address", card(node))
        ip("link", "set", "eth0", "netns", str(holder.pid))
        ip("link", "set", f"b{node}", "master", "br0", "up")
        ip("neigh", "add", address(node), "lladdr", card(node), "dev", "br0", "nud", "permanent")
        ip("addr", "add", f"{address(node)}/24", "dev", "eth0", inside=holder.pid)
        for device in ("lo", "eth0"):
            ip("link", "set", device, "up", inside=holder.pid)
        others = {address(other): card(other) for other in NODES if other != node} | {BRIDGE: card(99)}
        for other, its in others.items():
            ip("neigh", "add", other, "lladdr", its, "dev", "eth0", "nud", "permanent", inside=holder.pid)
        return holder.pid

    def pull(self, node: int) -> None:
        ip("link", "set", f"b{node}", "down")

    def plug(self, node: int) -> None:
        ip("link", "set", f"b{node}", "up")


def connection_limits() -> str:
    """How long brokers wait for each other's connections and answers, as the cluster of ``deploy/kubernetes`` has it."""
    (cluster,) = (one for one in yaml.safe_load_all(CLUSTER.read_text("utf-8")) if one["kind"] == "Kafka")
    config = cluster["spec"]["kafka"]["config"]
    return "\n".join(
        f"{name}={value}" for name, value in config.items() if name.startswith(("socket.", "replica.socket."))
    )


def start_brokers(network: Network, folder: Path) -> None:
    jars, java = kafka_jars(), shutil.which("java")
    assert java
    voters = ",".join(f"{node}@{address(node)}:9093" for node in NODES)
    for node in NODES:
        file = folder / f"{node}.properties"
        # All that is not about this small network is Kafka's default, or what deploy/kubernetes sets.
        file.write_text(f"""process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{address(node)}:9092,CONTROLLER://{address(node)}:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/{node}
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas={COPIES_IN_STEP}
{connection_limits()}
""")
    command = [java, *_JVM, "-cp", f"{jars}/*"]
    tool = [*command, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c"]
    formats = [
        subprocess.Popen([*tool, str(folder / f"{node}.properties")], stdout=subprocess.DEVNULL) for node in NODES
    ]
    if any(one.wait(120) for one in formats):
        raise SystemExit("the brokers' storage can't be formatted")
    for node in NODES:
        with (folder / f"{node}.log").open("wb") as log:
            into = ["nsenter", "-t", str(network.inside[node]), "-n"]
            subprocess.Popen(
                [*into, *command, "kafka.Kafka", str(folder / f"{node}.properties")], stdout=log, stderr=log
            )
    wait_for(lambda: unfenced(f"{address(1)}:9092") == set(NODES), "three brokers", 120)


def wait_for(holds: object, what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise SystemExit(f"no {what} within {seconds:.0f} s")
        time.sleep(0.2)


class Traffic:
    """Appends and reads without end, each in a thread and with a client of its own, as the services do it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.stop = threading.Event()
        self.last = {"append": dict.fromkeys(range(PARTITIONS), 0.0), "read": dict.fromkeys(range(PARTITIONS), 0.0)}
        self.longest = {"append": 0.0, "read": 0.0}
        self._threads = [threading.Thread(target=self._run, args=[work]) for work in (self._append, self._read)]
        for thread in self._threads:
            thread.start()

    def _run(self, work: object) -> None:
        with open_stream(self._url, "raw") as stream:
            work(stream)  # type: ignore[operator]

    def _append(self, stream: Stream) -> None:
        while not self.stop.wait(0.1):
            began = time.monotonic()
            records = [NewRecord(b"k", repr(began).encode(), partition=p) for p in range(PARTITIONS)]
            while not self.stop.is_set():
                try:
                    for one in stream.append(records):
                        self.last["append"][one.partition] = began
                except StreamUnavailable as error:
                    print(f"append: {error}", file=sys.stderr)
                    self.stop.wait(PAUSE_S)
                else:
                    break
            self.longest["append"] = max(self.longest["append"], time.monotonic() - began)

    def _read(self, stream: Stream) -> None:
        offsets = dict(stream.end_offsets(range(PARTITIONS)))
        last = time.monotonic()
        while not self.stop.is_set():
            try:
                found = stream.read(offsets, wait_ms=250)
            except StreamUnavailable as error:
                print(f"read: {error}", file=sys.stderr)
                self.stop.wait(PAUSE_S)
                continue
            for record in found:
                offsets[record.partition] = record.offset + 1
                self.last["read"][record.partition] = float(record.value)
            if found:
                self.longest["read"] = max(self.longest["read"], time.monotonic() - last)
                last = time.monotonic()

    def seconds_until_all(self, what: str, since: float) -> float:
        """Until each partition has an append (or read) of a record that was begun after ``since``."""
        wait_for(lambda: min(self.last[what].values()) > since, what, PATIENCE_S)
        return time.monotonic() - since

    def close(self) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()


class Election:
    """When the brokers that are left can take all partitions' records again, in the words of one of them.

    ``led``: the one that is gone leads none of them. ``whole``: each has as many copies in step as an append needs.
    """

    def __init__(self, gone: int, since: float) -> None:
        self._gone, self._since = gone, since
        self.seconds = {"led": 0.0, "whole": 0.0}
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        left = [node for node in NODES if node != self._gone]
        holds = {"led": self._is_led, "whole": self._is_whole}
        while holds and time.monotonic() < self._since + PATIENCE_S:
            for node in left:
                with contextlib.suppress(KafkaError):
                    partitions = described(node)
                    for what in [what for what, is_so in holds.items() if is_so(partitions)]:
                        self.seconds[what] = time.monotonic() - self._since
                        del holds[what]
            time.sleep(0.2)

    def _is_led(self, partitions: list[dict[str, Any]]) -> bool:
        return all(one["leader_id"] not in (self._gone, -1) for one in partitions)

    def _is_whole(self, partitions: list[dict[str, Any]]) -> bool:
        return self._is_led(partitions) and all(
            len({*one["isr_nodes"]} - {self._gone}) >= COPIES_IN_STEP for one in partitions
        )

    def wait(self) -> None:
        self._thread.join()


def described(node: int) -> list[dict[str, Any]]:
    """The stream's partitions in the words of a broker."""
    with contextlib.closing(
        KafkaAdminClient(
            bootstrap_servers=f"{address(node)}:9092", bootstrap_timeout_ms=2_000, request_timeout_ms=2_000
        )
    ) as admin:
        return list(admin.describe_topics(["raw"])[0]["partitions"])


def all_in_step(node: int) -> bool:
    """Whether a broker counts all three as part of the cluster, and their copies as in step.

    One is lost at a time: with three copies and two in step, a second loss before that is more than Kafka promises.
    """
    if unfenced(f"{address(node)}:9092") != set(NODES):
        return False
    with contextlib.suppress(KafkaError):
        return all(set(one["isr_nodes"]) == set(NODES) for one in described(node))
    return False


def controller(node: int) -> int:
    """The broker that is the active controller too, in the words of one."""
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=f"{address(node)}:9092")) as admin:
        return int(admin.describe_metadata_quorum()["topics"][0]["partitions"][0]["leader_id"])


def vanish(network: Network, traffic: Traffic, node: int) -> dict[str, float]:
    """Pull a broker's cable; how long everything took from then on."""
    wait_for(lambda: min(traffic.last["read"].values()) > 0, "traffic", PATIENCE_S)
    traffic.longest = {"append": 0.0, "read": 0.0}
    network.pull(node)
    since = time.monotonic()
    truth = Election(node, since)
    found = {what: traffic.seconds_until_all(what, since) for what in ("append", "read")}
    truth.wait()
    time.sleep(3)
    return found | truth.seconds | {f"longest_{what}": seconds for what, seconds in traffic.longest.items()}


def main(folder: Path, steps: list[str]) -> None:
    network = Network()
    start_brokers(network, folder)
    servers = ",".join(f"{address(node)}:9092" for node in NODES)
    create_stream(f"kafka://{servers}?replication_factor=3", "raw", PARTITIONS).close()
    node = 0
    with contextlib.closing(Traffic(f"kafka://{servers}")) as traffic:
        for step in steps:
            if step.isdigit():
                time.sleep(int(step))
                continue
            if step == "back":
                network.plug(node)
                since = time.monotonic()
                wait_for(lambda other=node % 3 + 1: all_in_step(other), "return", PATIENCE_S)
                print(json.dumps({"step": "back", "in_step": round(time.monotonic() - since, 1)}), flush=True)
                continue
            leader = controller(node % 3 + 1)
            node = leader if step == "controller" else leader % 3 + 1
            found = vanish(network, traffic, node)
            print(json.dumps({"step": step} | {name: round(s, 1) for name, s in found.items()}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
