// The thread sanitizer can't see how RocksDB's threads synchronize: the packaged library is not instrumented. Its own
// frames, and reads of its memory in a scan, say nothing; what our own code does stays checked.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:librocksdb\nrace:rocksdb_store::scan\n"; }
