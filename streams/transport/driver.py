"""`blocks://host:port`: a Faust transport that hands agents blocks instead of events.

It is Faust's aiokafka driver (group membership, assignment, the consumer's own thread) with another data plane:
whole record batches in, offsets committed only when declared durable, record batches out. Faust's tables, `take`,
acknowledgements and serializers have no part in it.
"""

from typing import ClassVar

from faust.transport.drivers import aiokafka as driver
from faust.types.transports import ConsumerT, ProducerT

from streams.transport.consumer import Consumer
from streams.transport.producer import Producer


class Transport(driver.Transport):
    """What Faust makes for a broker address that begins with `blocks://`."""

    Consumer: ClassVar[type[ConsumerT]] = Consumer
    Producer: ClassVar[type[ProducerT]] = Producer
