// SPDX-License-Identifier: Apache-2.0
//
// What the sanitizers' runtimes ask each test program for: their options, which
// TSAN_OPTIONS and the like add to, and what ThreadSanitizer is not to report.

extern "C" {

const char* __asan_default_options() {
  return "strict_string_checks=1:detect_stack_use_after_return=1";
}

const char* __ubsan_default_options() { return "print_stacktrace=1"; }

// librocksdb and libstdc++ are not instrumented. ThreadSanitizer sees of them
// what goes through libc alone: memcpy, malloc and free, but not the atomics
// that order these, so they look unordered. (RocksDB's strings pass from thread
// to thread, and libstdc++ copies them.) Such calls are ignored. Nothing of
// fastskip's own is: neither its accesses nor, as with `race:`, whatever is
// called from RocksDB. See also tests/db/db_test_reps.h.
const char* __tsan_default_suppressions() {
  return "called_from_lib:librocksdb.so\n"
         "called_from_lib:libstdc++.so\n";
}

// Their calls of mutexes are ignored too: what those order is reported too
// often rather than too seldom. But a mutex that librocksdb locks and that a
// header's function, which is instrumented, unlocks would look unlocked twice;
// hence no reports of that kind. fastskip itself has no mutex.
const char* __tsan_default_options() {
  return "halt_on_error=1:report_mutex_bugs=0";
}

}  // extern "C"
