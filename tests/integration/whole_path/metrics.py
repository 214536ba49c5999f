"""What a worker says at its `/metrics`."""

import asyncio
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

ANSWER_LIMIT_S = 5.0


async def scraped(port: int) -> dict[str, float]:
    """Every sample by its name and labels (`name label=value`); empty while nobody answers."""
    try:
        text = await asyncio.to_thread(_page, f"http://127.0.0.1:{port}/metrics")
    except OSError:
        return {}
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sample.labels.items()): sample.value
        for sample in samples
    }


def _page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=ANSWER_LIMIT_S) as answer:
        return str(answer.read().decode())
