// The thread sanitizer can't see how RocksDB's threads synchronize: the packaged library is not instrumented,
// so reading in a scan what it wrote into its own arena looks like a race. Nothing with a frame in the
// library or in the wrapper over it is reported; the same suite over the memory store is checked in full.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:librocksdb\nrace:rocksdb_store.cpp\n"; }
