from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.core.station import Acknowledged, Alive, Triggered
from lineproof.errors import InputError
from lineproof.signals.messages.command import MAX_BYTES, Ack, Heartbeat, Trigger, parse
from lineproof.signals.mqtt_commands import MAX_WAITING, TOPICS, CommandInbox
from mqtt_rig import validator

MODELS = {"trigger": Trigger, "ack": Ack, "controller": Heartbeat}
SCHEMAS = {topic: validator(topic) for topic in TOPICS}
NAMES = ["session", "seq", "part_id", "recipe", "deadline_ms", "encoder", "heartbeat", "seqq"]
numbers = st.integers(-2, 3) | st.integers(65534, 65537) | st.integers(2**32 - 2, 2**32 + 1)
values = numbers | st.text(max_size=70) | st.none() | st.booleans() | st.lists(st.integers(), max_size=2)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)


def test_a_trigger_has_what_is_in_it():
    payload = b'{"seq":5,"part_id":"A-1","recipe":2,"deadline_ms":80,"encoder":99}'
    assert parse(payload, Trigger).command == Triggered(5, "A-1", 2, 80, 99)
    assert parse(b'{"seq":1}', Trigger).command == Triggered(1)


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "message: Invalid JSON"),
        (b"\xff\xfe", "message: Invalid JSON"),
        (b"[" * 4000, "message: Invalid JSON"),
        (b"5", "message: "),
        (b"{}", "seq: Field required"),
        (b'{"seq":0}', "seq: Input should be greater"),
        (b'{"seq":4294967296}', "seq: Input should be less"),
        (b'{"seq":"1"}', "seq: Input should be a valid integer"),
        (b'{"seq":true}', "seq: Input should be a valid integer"),
        (b'{"seq":NaN}', "seq: "),
        (b'{"seq":1,"part_id":"a\\nb"}', "part_id: String should match"),
        (b'{"seq":1,"sequence<script>":1}', "^unknown key: Extra inputs are not permitted$"),
        (b" " * (MAX_BYTES + 1), "4097 bytes, and no command has more than 4096"),
    ],
)
def test_bad_payloads_are_told_in_a_line(payload, says):
    with pytest.raises(InputError, match=says) as caught:
        parse(payload, Trigger)
    assert "\n" not in str(caught.value)
    assert "script" not in str(caught.value)


@given(st.sampled_from(TOPICS), bodies)
def test_the_schemas_say_what_is_taken(topic, body):
    try:
        parse(json.dumps(body).encode(), MODELS[topic])
    except InputError:
        assert not SCHEMAS[topic].is_valid(body)
    else:
        SCHEMAS[topic].validate(body)


@given(st.sampled_from(TOPICS), st.binary(max_size=200) | bodies.map(lambda body: json.dumps(body).encode()))
def test_nothing_but_a_refusal_comes_of_any_payload(topic, payload):
    inbox = CommandInbox()
    try:
        inbox.receive(topic, payload, retained=False, session=7)
    except InputError:
        assert (inbox.refused, inbox.drain()) == (1, ())


def receive(inbox: CommandInbox, topic: str, body: object, **facts: object) -> None:
    inbox.receive(topic, json.dumps(body).encode(), **{"retained": False, "session": 7, **facts})


def test_commands_are_drained_in_order():
    inbox = CommandInbox()
    receive(inbox, "trigger", {"seq": 1})
    receive(inbox, "ack", {"session": 7, "seq": 1})
    assert inbox.drain() == (Triggered(1), Acknowledged(1))
    assert inbox.drain() == ()


def test_a_controller_lives_when_its_number_changes():
    inbox = CommandInbox()
    for number in (4, 4, 5, 5, 6):
        receive(inbox, "controller", {"heartbeat": number})
    assert inbox.drain() == (Alive(), Alive())
    inbox.disconnected()
    receive(inbox, "controller", {"heartbeat": 7})  # the first after an outage is compared with nothing
    assert inbox.drain() == ()


@pytest.mark.parametrize(
    ("topic", "body", "facts", "says"),
    [
        ("trigger", {"seq": 1}, {"retained": True}, "retained"),
        ("ack", {"session": 6, "seq": 1}, {}, "session: not that of this station"),
        ("ack", {"session": 7, "seq": 1}, {"session": None}, "session: not that of this station"),
    ],
)
def test_what_could_be_about_another_part_is_refused(topic, body, facts, says):
    inbox = CommandInbox()
    with pytest.raises(InputError, match=says):
        receive(inbox, topic, body, **facts)
    assert (inbox.refused, inbox.drain()) == (1, ())


def test_the_inbox_is_bounded_and_refuses_the_newest():
    inbox = CommandInbox()
    for seq in range(1, MAX_WAITING + 1):
        receive(inbox, "trigger", {"seq": seq})
    with pytest.raises(InputError, match="256 commands wait"):
        receive(inbox, "trigger", {"seq": 9999})
    assert [command.seq for command in inbox.drain()] == list(range(1, MAX_WAITING + 1))


def test_what_waits_at_an_outage_is_refused():
    inbox = CommandInbox()
    receive(inbox, "trigger", {"seq": 1})
    inbox.disconnected()
    assert (inbox.refused, inbox.drain()) == (1, ())
