"""How RocksDB is set up: for point look-ups of records that change often, within a memory that is given."""

from typing import Final

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, WriteBufferManager, WriteOptions

CACHE_BYTES: Final = 128 << 20
"""Blocks, indexes and filters that are read often, of all stores of a process together."""
WRITES_BYTES: Final = 128 << 20
"""What is not yet on disk, of all stores of a process together."""
WRITE_BUFFER_BYTES: Final = 32 << 20
BLOCK_BYTES: Final = 4 << 10
BLOOM_BITS: Final = 10
"""Of a key: one look-up in a hundred for somebody new reads a block for nothing."""
OPEN_FILES: Final = 256


class Memory:
    """What all stores of a process share."""

    def __init__(self, cache_bytes: int = CACHE_BYTES, writes_bytes: int = WRITES_BYTES) -> None:
        self.cache = Cache(cache_bytes)
        self.writes = WriteBufferManager(writes_bytes, False)


def options(memory: Memory) -> Options:
    """The options of one store."""
    blocks = BlockBasedOptions()
    blocks.set_block_cache(memory.cache)
    blocks.set_cache_index_and_filter_blocks(True)  # otherwise they are beside the limit, a copy for each open file
    blocks.set_bloom_filter(BLOOM_BITS, False)
    blocks.set_block_size(BLOCK_BYTES)
    blocks.set_format_version(5)
    made = Options(raw_mode=True)
    made.create_if_missing(True)
    made.set_block_based_table_factory(blocks)
    made.set_write_buffer_manager(memory.writes)
    made.set_write_buffer_size(WRITE_BUFFER_BYTES)
    made.set_compression_type(DBCompressionType.lz4())
    made.set_max_open_files(OPEN_FILES)
    made.set_max_background_jobs(2)
    made.set_keep_log_file_num(2)
    made.set_max_log_file_size(1 << 20)
    return made


def unlogged() -> WriteOptions:
    """Writes that RocksDB does not put into its own log."""
    made = WriteOptions()
    made.disable_wal = True  # type: ignore[method-assign, assignment]  # a property, whatever rocksdict's types say
    return made
