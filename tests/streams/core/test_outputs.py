"""What leaves, to the byte: payloads that validate against their published schema, and CloudEvents headers."""

import jsonschema
import msgspec
import pytest
import xxhash

from schemas.kinds import Kind
from schemas.published import cloudevents_headers, json_schemas
from schemas.timeline import Item
from schemas.topics import DECISIONS, INTERVENTIONS, SUPPRESSED
from streams.core.outputs import Output
from streams.core.policy.rules import PolicyRules
from tests.streams.builders import Log
from tests.streams.decided import POLICY, at_risk, partition, run

T0_S = 1_700_000_000
IDLE_S = 30 * 60
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
BASKET = (Item("mug", 1_050, 2, "kitchen", "A mug"), Item("bag"))


def story(policy: PolicyRules = POLICY) -> list[Output]:
    """A cart at risk, its timer, another that is abandoned, and a purchase that takes back both."""
    log = Log().tick(T0_S).cart(T0_S, cart_id="b", id_="second")
    log.add(Kind.CART_VIEWED, T0_S + 2, cart_id="a", id_="first", items=BASKET).tick(T0_S + 3)
    log.view(T0_S + 10, id_="look", traceparent=TRACE).tick(T0_S + 2 + IDLE_S)
    log.buy(T0_S + 5 + IDLE_S, id_="paid").tick(T0_S + 20 + IDLE_S)
    return run(partition(policy), log.records, at_risk(0.9, purchase=0.25))


def bodies(topic: str) -> list[dict]:
    return [msgspec.json.decode(output.value) for output in story() if output.topic == topic]


SCHEMAS = {DECISIONS.name: "decision", SUPPRESSED.name: "suppressed"}


def schema_of(output: Output) -> str:
    body = msgspec.json.decode(output.value)
    return SCHEMAS.get(output.topic) or ("retraction" if "retracts" in body else "intervention")


def test_everything_validates_against_its_published_schema():
    outputs = story()

    for output in outputs:
        validator = jsonschema.Draft202012Validator(json_schemas()[schema_of(output)])
        validator.validate(msgspec.json.decode(output.value))
    assert {schema_of(output) for output in outputs} == {"intervention", "retraction", "suppressed", "decision"}


def test_the_headers_of_everything_validate_and_agree_with_the_payload():
    schema = {**cloudevents_headers(), "additionalProperties": False}
    ids = {"decision": "decision_id"}

    for output in story():
        headers = {name: value.decode() for name, value in output.headers}
        jsonschema.Draft202012Validator(schema).validate(headers)
        assert headers["ce_id"] == msgspec.json.decode(output.value)[ids.get(schema_of(output), "intervention_id")]
        assert (headers["ce_subject"], headers["ce_partitionkey"], output.key) == ("ann", "ann", b"ann")


def test_an_intervention_has_the_shape_that_subscribers_were_promised():
    (risk,) = bodies(INTERVENTIONS["cart_at_risk"].name)[:1]
    reasons = risk["decision"].pop("reasons")

    assert risk == {
        "intervention_id": risk["intervention_id"],
        "name": "cart_at_risk",
        "version": 1,
        "target": {"name": "user_id", "id": "ann"},
        "trigger": {
            "event_id": "look", "event": "Product Viewed", "cart_id": "a", "event_time": "2023-11-14T22:13:30.000Z",
        },
        "decision": {
            "mode": "model",
            "model": {"name": "m", "version": "1"},
            "scores": {"abandon_30m": 0.9, "purchase_24h": 0.25},
            "propensity": 1.0,
            "policy": {
                "id": "test",
                "version": "1",
                "trace": [
                    "eligible:ok", "consent:ok", "converted:ok", "episode:ok", "cap:ok", "confidence:ok", "in_time:ok",
                ],
            },
        },
        "content": {
            "cart_id": "a",
            "total_value": 21.0,
            "currency": "EUR",
            "products": [
                {"product_id": "mug", "category": "kitchen", "name": "A mug", "price": 10.5, "quantity": 2},
                {"product_id": "bag", "category": "", "name": "", "price": None, "quantity": 1},
            ],
            "offer": None,
        },
        "not_before": "2023-11-14T22:13:30.000Z",
        "expires_at": "2023-11-14T22:43:30.000Z",
        "channel_hints": ["onsite"],
    }  # fmt: skip
    assert {"feature": "cart_value", "value": 2_100.0, "contribution": 0.0} in reasons


def test_the_headers_of_an_intervention_are_these():
    (risk,) = [output for output in story() if output.topic == INTERVENTIONS["cart_at_risk"].name][:1]
    id_ = msgspec.json.decode(risk.value)["intervention_id"]

    assert risk.headers == [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_dataclassification", b"confidential"),
        ("ce_id", id_.encode()),
        ("ce_type", b"shop.intervention.cart_at_risk.issued.v1"),
        ("ce_source", b"/shop/interventions/kairos/decide"),
        ("ce_time", b"2023-11-14T22:13:30.000Z"),
        ("ce_subject", b"ann"),
        ("ce_partitionkey", b"ann"),
        ("traceparent", f"00-{'a' * 32}-{xxhash.xxh3_64_intdigest(id_.encode()):016x}-01".encode()),
        ("ce_correlationid", b"a"),
        ("ce_causationid", b"look"),
        ("ce_expirytime", b"2023-11-14T22:43:30.000Z"),
    ]


@pytest.mark.parametrize(
    ("topic", "type_", "causation"),
    [
        (INTERVENTIONS["cart_nudge"].name, "shop.intervention.cart_nudge.issued.v1", "second"),
        (INTERVENTIONS["cart_at_risk"].name, "shop.intervention.cart_at_risk.retracted.v1", "paid"),
        (INTERVENTIONS["cart_nudge"].name, "shop.intervention.cart_nudge.retracted.v1", "paid"),
        (SUPPRESSED.name, "shop.intervention.cart_nudge.suppressed.v1", "first"),
    ],
)
def test_the_type_says_what_became_of_it_and_the_cause_is_the_event(topic, type_, causation):
    found = [dict(output.headers) for output in story() if output.topic == topic]

    (headers,) = [headers for headers in found if headers["ce_type"] == type_.encode()]
    assert headers["ce_causationid"] == causation.encode()
    assert ("ce_expirytime" in headers) == type_.endswith(".issued.v1")


def test_without_a_trace_of_the_event_one_is_derived_from_the_cause():
    (nudge,) = [output for output in story() if output.topic == INTERVENTIONS["cart_nudge"].name][:1]

    trace = dict(nudge.headers)["traceparent"].decode().split("-")
    assert (trace[0], trace[1], trace[3]) == ("00", f"{xxhash.xxh3_128_intdigest(b'episode:2/0/0/0'):032x}", "01")


def test_two_runs_make_the_same_bytes():
    assert story() == story()
