import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams with the last 20 events of each user in RocksDB and its changelog, one thread. Prints "begin" at the
 * first of COUNT events and "end" at the last. Arguments: BOOTSTRAP TOPIC COUNT GUARANTEE COMMIT_EVERY_MS STATE_FOLDER.
 */
public class KafkaStreamsPeer {
    static final int REMEMBERED = 20;
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("application.id", "streams-" + System.nanoTime());
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("processing.guarantee", arguments[3]);
        settings.put("commit.interval.ms", arguments[4]);
        settings.put("state.dir", arguments[5]);
        settings.put("auto.offset.reset", "earliest");
        settings.put("num.stream.threads", 1);
        settings.put("replication.factor", 1);
        settings.put("producer.linger.ms", "50");
        settings.put("producer.compression.type", "lz4");
        settings.put("statestore.cache.max.bytes", 64L << 20);

        long count = Long.parseLong(arguments[2]);
        AtomicLong seen = new AtomicLong();
        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(
            Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("users"), Serdes.String(), Serdes.ByteArray())
                .withCachingEnabled());
        builder.stream(arguments[1], Consumed.with(Serdes.String(), Serdes.ByteArray()))
            .process(() -> new Remember(count, seen), "users");
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.start();
        while (System.in.read() >= 0) { }
        Runtime.getRuntime().halt(0);
    }

    static class Remember extends ContextualProcessor<String, byte[], Void, Void> {
        final long count;
        final AtomicLong seen;
        KeyValueStore<String, byte[]> users;

        Remember(long count, AtomicLong seen) {
            this.count = count;
            this.seen = seen;
        }

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            super.init(context);
            users = context.getStateStore("users");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            long number = seen.incrementAndGet();
            if (number == 1) tell("begin");
            remember(record.value());
            if (number == count) tell("end");
        }

        void remember(byte[] value) {
            JsonNode event;
            try {
                event = JSON.readTree(value);
            } catch (java.io.IOException error) {
                throw new java.io.UncheckedIOException(error);
            }
            String user = event.get("userId").asText();
            byte[] before = users.get(user);
            String history = (before == null ? "" : new String(before, StandardCharsets.UTF_8))
                + event.get("timestamp").asLong() + "," + event.get("event").asText() + "," + product(event) + ";";
            users.put(user, history.substring(cut(history)).getBytes(StandardCharsets.UTF_8));
        }

        static String product(JsonNode event) {
            JsonNode properties = event.get("properties");
            JsonNode products = properties.get("products");
            return (products == null ? properties : products.get(0)).get("product_id").asText();
        }

        /** Where the last 20 events begin. */
        static int cut(String history) {
            int events = 0;
            for (int at = history.length() - 1; at >= 0; at--)
                if (history.charAt(at) == ';' && ++events == REMEMBERED + 1) return at + 1;
            return 0;
        }

        static void tell(String word) {
            System.out.println(word);
            System.out.flush();
        }
    }
}
