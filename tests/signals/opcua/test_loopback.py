"""Against asyncua's own client, over TCP."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from asyncua import Client, ua
from asyncua.ua.uaerrors import UaStatusCodeError

from lineproof.core.station import (
    Acknowledged,
    Alive,
    Counters,
    Outcome,
    PartResult,
    State,
    StationView,
    Triggered,
)
from lineproof.errors import SignalError
from lineproof.signals.opcua.address_space import METHODS, RESULT, SHOWN, SNAPSHOT
from lineproof.signals.opcua.server import open_stations
from lineproof.signals.opcua.settings import OpcUaSettings
from opcua_rig import READY, SESSION, Peer, deciding, peer_of, take_triggers

RECIPE = ua.Variant(0, ua.VariantType.UInt32)
RESULTS = [variable.path for variable in RESULT]
WATCHED = ["Result/Seq", "Result/PartId", "Result/Outcome", "Result/OutcomeCode", "Result/ReasonCode", SNAPSHOT]


def result(seq: int, outcome: Outcome) -> PartResult:
    return PartResult(SESSION, seq, f"part-{seq}", outcome, reason_code=0 if outcome is Outcome.PASS else 7)


def test_everything_is_found_described_and_bad_before_the_first_view(station):
    async def story() -> None:
        async with peer_of(station) as peer:
            assert {value.StatusCode.name for value in await peer.read(*(variable.path for variable in SHOWN))} == {
                "BadWaitingForInitialData"
            }
            root = peer.node("")
            assert root in await peer.client.nodes.objects.get_children()
            assert (await peer.client.get_node(await root.read_type_definition()).read_browse_name()).Name == (
                "VisionSystemType"
            )
            machine = await root.get_child([f"{peer.index}:VisionStateMachine"])
            names = {(await node.read_browse_name()).Name for node in await machine.get_methods()}
            assert names == {method.name for method in METHODS}
            about = await peer.node("Result/Outcome").read_description()
            assert about.Text.endswith("eject unless PASS with status Good")
            assert await peer.call("StartSingleJob", "m", "p", RECIPE) == "BadNoCommunication"

    asyncio.run(story())


def test_a_view_is_read_in_the_words_of_the_companion_specification(station):
    async def story() -> None:
        async with peer_of(station) as peer:
            station.show(StationView(SESSION, State.SINGLE_EXECUTION, triggered=True, part_id="p7", heartbeat=3))
            await peer.until("Status/Heartbeat", 3)
            assert (await peer.good("VisionStateMachine/CurrentState")).Text == "SingleExecution"
            assert await peer.good("VisionStateMachine/CurrentState/Number") == 7
            assert await peer.good("Status/PartId") == "p7"
            assert {value.StatusCode.name for value in await peer.read(*RESULTS)} == {"BadNoData"}
            shown = result(5, Outcome.FAIL)
            station.show(StationView(SESSION, State.READY, result=shown, counters=Counters(failed=1), heartbeat=4))
            await peer.until("Status/Heartbeat", 4)
            assert await peer.good("Result/Outcome") == "FAIL"
            assert await peer.good("Result/ResultTime") == shown.at
            assert await peer.good("Counters/Failed") == 1
            assert json.loads(await peer.good(SNAPSHOT))["seq"] == 5
            station.show(READY)
            await peer.until(SNAPSHOT, "BadNoData")
            for value in await peer.read(*RESULTS):
                assert (value.StatusCode.name, value.Value.Value) == ("BadNoData", None)

    asyncio.run(story())


class Listener:
    """Keeps what it was told: snapshots one by one, and the variables put together by their time."""

    def __init__(self) -> None:
        self.snapshots: list[dict] = []
        self.moments: dict[object, dict[str, object]] = defaultdict(dict)
        self.events: list[object] = []
        self.paths: dict[ua.NodeId, str] = {}

    def datachange_notification(self, node, value, data) -> None:
        seen = data.monitored_item.Value
        if seen.StatusCode.is_good():
            path = self.paths[node.nodeid]
            if path == SNAPSHOT:
                self.snapshots.append(json.loads(value))
            self.moments[seen.SourceTimestamp][path] = value

    def event_notification(self, event) -> None:
        self.events.append(event)


def test_a_subscriber_never_sees_a_pass_that_was_none(station):
    rng = random.Random(7)
    truth = {seq: rng.choice(list(Outcome)) for seq in range(1, 501)}

    async def story() -> None:
        station.show(READY)
        async with peer_of(station) as peer, peer_of(station) as reader:
            listener = Listener()
            subscription = await peer.client.create_subscription(10, listener)
            listener.paths = {peer.node(path).nodeid: path for path in WATCHED}
            await subscription.subscribe_data_change([peer.node(path) for path in WATCHED], queuesize=50)
            event_type = await _event_type(peer, "ResultReadyType")
            await subscription.subscribe_events(peer.node(""), [event_type], queuesize=1000)
            read = []
            for seq, outcome in truth.items():
                if rng.random() < 0.5:  # with and without a gap between two results
                    station.show(StationView(SESSION, State.SINGLE_EXECUTION, triggered=True))
                station.show(StationView(SESSION, State.READY, result=result(seq, outcome), heartbeat=seq))
                if seq % 10 == 0:
                    read.append(await reader.read("Result/Seq", "Result/Outcome", "Result/OutcomeCode", SNAPSHOT))
                await asyncio.sleep(0.001)
            await peer.until("Status/Heartbeat", 500)
            async with asyncio.timeout(5):
                while len(listener.events) < 500 or not listener.snapshots or listener.snapshots[-1]["seq"] != 500:
                    await asyncio.sleep(0.01)
        for facts in listener.snapshots:
            assert facts["outcome"] == truth[facts["seq"]]
        for moment in listener.moments.values():
            assert set(moment) == set(WATCHED)  # every variable is told anew with every result
            assert moment["Result/Outcome"] == truth[moment["Result/Seq"]]
        for seq, outcome, code, snapshot in read:
            assert len({value.StatusCode.value for value in (seq, outcome, code, snapshot)}) == 1
            if outcome.StatusCode.is_good():
                assert outcome.Value.Value == truth[seq.Value.Value] == json.loads(snapshot.Value.Value)["outcome"]
        assert [(event.JobId, event.Outcome) for event in listener.events] == list(truth.items())
        assert len(listener.snapshots) > 20

    asyncio.run(story())


async def _event_type(peer, name: str):
    base = peer.client.get_node(ua.ObjectIds.BaseEventType)
    return await base.get_child([f"{peer.index}:{name}"])


def test_events_are_also_heard_at_the_server(station):
    async def story() -> None:
        async with peer_of(station) as peer:
            listener = Listener()
            subscription = await peer.client.create_subscription(10, listener)
            await subscription.subscribe_events(evtypes=[await _event_type(peer, "StateChangedType")])
            station.show(READY)
            async with asyncio.timeout(5):
                while not listener.events:
                    await asyncio.sleep(0.01)
        event = listener.events[0]
        assert (event.FromState, event.ToState, event.ToNumber) == ("Preoperational", "Ready", 6)
        assert (event.SourceName, event.Message.Text) == (station.name, "Preoperational to Ready")

    asyncio.run(story())


def test_a_job_from_start_to_acknowledgement(station):
    async def story() -> None:
        station.show(READY)
        async with peer_of(station) as peer:
            await peer.until("Status/Ready", True)
            with deciding(station, take_triggers) as heard:
                job = await peer.call("StartSingleJob", "m-1", "p-1", RECIPE)
                assert (job, heard) == (1, [Triggered(1, "p-1")])
                assert await peer.call("StartSingleJob", "m-2", "p-2", RECIPE) == "BadInvalidState"
                station.show(StationView(SESSION, State.READY, result=PartResult(SESSION, job, "p-1", Outcome.PASS)))
                await peer.until("Result/Seq", job)
                assert await peer.good("Result/MeasId") == "m-1"
                assert await peer.call("Acknowledge", f"{SESSION:08x}-2") == "BadNotFound"
                assert await peer.call("Acknowledge", await peer.good("Result/ResultId")) is None
                assert heard[1:] == [Acknowledged(1)]

    asyncio.run(story())


def test_a_missed_trigger_is_not_a_job(station):
    def miss(command):
        missed = PartResult(SESSION, command.seq, command.part_id, Outcome.MISSED)
        return StationView(SESSION, State.READY, result=missed, missed_trigger=True)

    async def story() -> None:
        station.show(READY)
        async with peer_of(station) as peer:
            await peer.until("Status/Ready", True)
            with deciding(station, miss):
                assert await peer.call("StartSingleJob", "m", "p", RECIPE) == "BadInvalidState"
            await peer.until("Result/Outcome", "MISSED")

    asyncio.run(story())


def test_a_loop_that_does_not_come_is_a_timeout_and_the_trigger_is_gone(station):
    async def story() -> None:
        station.show(READY)
        async with peer_of(station) as peer:
            await peer.until("Status/Ready", True)
            assert await peer.call("StartSingleJob", "m", "p", RECIPE) == "BadTimeout"
        assert station.commands() == []

    asyncio.run(story())


UINT = ua.Variant(1, ua.VariantType.UInt32)
WORD = ua.Variant("p", ua.VariantType.String)


@pytest.mark.parametrize(
    ("method", "inputs", "status"),
    [
        ("StartSingleJob", (), "BadArgumentsMissing"),
        ("StartSingleJob", (WORD, WORD), "BadArgumentsMissing"),
        ("StartSingleJob", (WORD, WORD, UINT, UINT), "BadTooManyArguments"),
        ("StartSingleJob", (WORD, WORD, WORD), "BadInvalidArgument"),
        ("StartSingleJob", (WORD, WORD, ua.Variant([1], ua.VariantType.UInt32)), "BadInvalidArgument"),
        ("StartSingleJob", (WORD, ua.Variant("p" * 257), UINT), "BadOutOfRange"),
        ("Acknowledge", (ua.Variant(None, ua.VariantType.String),), "BadNotFound"),  # null is an empty text
        ("PrepareRecipe", (ua.Variant(-1, ua.VariantType.Int64),), "BadInvalidArgument"),
        ("Stop", (UINT,), "BadTooManyArguments"),
    ],
)
def test_wrong_inputs(shared_peer, method, inputs, status):
    loop, peer, station = shared_peer
    assert loop.run_until_complete(peer.call(method, *inputs)) == status
    assert station.commands() == []


@pytest.fixture(scope="module")
def shared_peer(pool):
    station = pool.pop(next(iter(pool)))
    loop = asyncio.new_event_loop()
    context = peer_of(station)
    peer = loop.run_until_complete(context.__aenter__())
    station.show(READY)
    loop.run_until_complete(peer.until("Status/Ready", True))
    yield loop, peer, station
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


def test_the_heartbeat_of_the_controller_counts_when_it_changes(shared_peer):
    loop, peer, station = shared_peer

    async def beat(value: object, kind: ua.VariantType = ua.VariantType.UInt16) -> list:
        await peer.node("ControllerHeartbeat").write_value(value, kind)
        return list(station.commands())

    assert loop.run_until_complete(beat(1)) == [Alive()]
    assert loop.run_until_complete(beat(1)) == []
    assert loop.run_until_complete(beat(2)) == [Alive()]
    for value, kind in ((3, ua.VariantType.UInt32), (None, ua.VariantType.Null), ([3], ua.VariantType.UInt16)):
        with pytest.raises(UaStatusCodeError):
            loop.run_until_complete(beat(value, kind))
    assert station.commands() == []


def test_nothing_else_can_be_written_added_or_removed(shared_peer):
    loop, peer, _ = shared_peer

    async def story() -> None:
        for variable in SHOWN:
            with pytest.raises(UaStatusCodeError, match=r"(?i)denied|not writ"):
                await peer.node(variable.path).write_value(ua.DataValue(ua.Variant("PASS")))
        with pytest.raises(UaStatusCodeError):
            await peer.node("Result/Outcome").set_writable()
        with pytest.raises(UaStatusCodeError):
            await peer.node("").add_variable(peer.index, "more", 1)
        with pytest.raises(UaStatusCodeError):
            await peer.client.delete_nodes([peer.node("Result/Outcome")])

    loop.run_until_complete(story())


def test_a_user_who_calls_himself_admin_is_refused(shared_peer):
    loop, _, station = shared_peer

    async def story() -> None:
        client = Client(f"opc.tcp://127.0.0.1:{station.port}/lineproof")
        client.set_user("admin")
        with pytest.raises(UaStatusCodeError):
            await client.connect()
        client.disconnect_socket()

    loop.run_until_complete(story())


def test_a_full_queue_is_told_and_counted(station):
    async def story() -> None:
        station.show(READY)
        async with asyncio.timeout(20), _peers(station, 8) as peers:
            answers = await asyncio.gather(*(peer.call("Stop") for peer in peers))
            # Nobody takes anything: four wait until their time is up, the others hear at once.
            assert sorted(answers) == ["BadTimeout"] * 4 + ["BadTooManyOperations"] * 4
            await peers[0].until("CommandsRefused", 4)
        assert station.refused == 4
        assert station.commands() == []

    asyncio.run(story())


@asynccontextmanager
async def _peers(station, count):
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(peer_of(station)) for _ in range(count)]


def test_a_hundred_clients_that_go_away_at_the_worst_moment(station):
    """Politely, cut off, in mid-call, with a subscription, in mid-word; each time the next one is served."""

    async def vanish(number: int) -> None:
        if number % 5 == 4:
            _, writer = await asyncio.open_connection("127.0.0.1", station.port)
            writer.write(b"HELF\x20\x00\x00"[: 1 + number % 7])
            await writer.drain()
            writer.transport.abort()
            return
        async with peer_of(station) as peer:
            if number % 5 == 0:
                return
            if number % 5 == 1:
                subscription = await peer.client.create_subscription(10, Listener())
                await subscription.subscribe_data_change(peer.node("ControllerHeartbeat"))
            call = asyncio.create_task(peer.call("StartSingleJob", "m", "p", RECIPE))
            await asyncio.sleep(0.001 * (number % 7))
            peer.client.uaclient.protocol.transport.abort()
            await asyncio.wait([call])
            call.exception()

    async def story() -> None:
        station.show(READY)
        for number in range(100):
            await vanish(number)
        async with peer_of(station) as peer:
            await peer.until("Status/Ready", True)
            async with asyncio.timeout(5):  # the server hears of the last one that went a moment later
                while await peer.call("StartSingleJob", "m", "p", RECIPE) != "BadTimeout":
                    await asyncio.sleep(0.01)
        assert station.commands() == []

    asyncio.run(story())


def test_a_client_that_crashes_again_and_again_does_not_keep_anybody_from_subscribing():
    """Each session that it leaves behind holds its subscriptions for a minute; there is room for 32."""
    settings = OpcUaSettings(endpoint="opc.tcp://127.0.0.1:0/lineproof", watchdog_ms=60_000, clients=8)
    station = open_stations(settings, ["cam"])["cam"]

    async def subscribe(peer: Peer, listener: Listener) -> None:
        subscription = await peer.client.create_subscription(10, listener)
        listener.paths[peer.node("Status/Recipe").nodeid] = "Status/Recipe"
        await subscription.subscribe_data_change(peer.node("Status/Recipe"))

    async def story() -> None:
        steady = Listener()
        async with peer_of(station) as peer:
            await subscribe(peer, steady)
            for _ in range(10):
                async with peer_of(station) as crashing:
                    for _ in range(4):
                        await subscribe(crashing, Listener())
                    crashing.client.uaclient.protocol.transport.abort()
            station.show(replace(READY, recipe=5))
            async with asyncio.timeout(5):
                while {"Status/Recipe": 5} not in steady.moments.values():
                    await asyncio.sleep(0.01)

    station.show(READY)
    try:
        asyncio.run(story())
    finally:
        station.close()


def test_two_servers_on_one_port(station):
    settings = OpcUaSettings(endpoint=f"opc.tcp://127.0.0.1:{station.port}/lineproof")
    with pytest.raises(SignalError, match="address already in use – stop the other server") as raised:
        open_stations(settings, ["again"])
    assert "\n" not in str(raised.value)


def test_a_station_that_closes_is_bad_for_good_while_the_others_go_on(pool):
    one, other = (pool.pop(next(iter(pool))) for _ in range(2))

    async def story() -> None:
        async with peer_of(one) as peer:
            one.show(StationView(SESSION, State.READY, result=result(1, Outcome.PASS)))
            await peer.until("Result/Outcome", "PASS")
            other.show(StationView(SESSION, State.READY, result=result(2, Outcome.PASS)))
            await asyncio.to_thread(one.close)
            assert {value.StatusCode.name for value in await peer.read(*(variable.path for variable in SHOWN))} == {
                "BadShutdown"
            }
            assert await peer.call("Stop") == "BadShutdown"
            peer.station = other.name
            await peer.until("Result/Outcome", "PASS")
        one.close()
        for ask in (lambda: one.show(READY), one.commands):
            with pytest.raises(SignalError, match="closed"):
                ask()

    asyncio.run(story())
