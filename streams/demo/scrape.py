"""What the worker's /metrics say, as numbers for the live view."""

import http.client
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

LIMIT_S: Final = 2.0


class Seen(NamedTuple):
    """One scrape. `lag` is records, inputs and timeline together; times are log time, -1 where not known."""

    partitions: int
    records: int
    scores: int
    ruled: int
    lag: int
    watermark_ms: int
    delay_s: float
    held_by: str


def scraped(port: int) -> Seen | None:
    """The worker's metrics now; None while nobody answers. Blocking, for two seconds at most."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        asked.request("GET", "/metrics")
        return parsed(asked.getresponse().read().decode())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        asked.close()


def parsed(text: str) -> Seen:
    """The numbers of a page of metrics; what is not on it is 0, and -1 for times."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    values: dict[str, float] = {}
    for sample in samples:
        values[sample.name] = values.get(sample.name, 0.0) + sample.value
    held_by = [sample.labels for sample in samples if sample.name == "kairos_watermark_holder"]
    ruled = [sample.value for sample in samples if sample.labels.get("mode") == "rules"]
    return Seen(
        partitions=int(values.get("kairos_partitions_owned", 0)),
        records=int(values.get("kairos_input_records_total", 0)),
        scores=int(values.get("kairos_scores_total", 0)),
        ruled=int(sum(ruled)),
        lag=int(values.get("kairos_lag_records", 0)),
        watermark_ms=round(values.get("kairos_watermark_timestamp_seconds", -0.001) * 1000),
        delay_s=values.get("kairos_watermark_delay_seconds", -1.0),
        held_by=", ".join(f"{labels['topic']}/{labels['partition']}" for labels in held_by[:2]),
    )
