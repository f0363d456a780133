// SPDX-License-Identifier: Apache-2.0
//
// Everything that depends on RocksDB's version (7.8 to 11.9), or on whether
// fastskip is built inside RocksDB's source tree, with its internal headers, or
// against an installed RocksDB, with public headers alone. No other file of
// fastskip tests for either.
//
// Thread safety: any thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <functional>
#include <new>
#include <string>

#include "rocksdb/comparator.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/status.h"
#include "rocksdb/version.h"
#include "vtable_symbol.h"

#define FASTSKIP_STRING_OF(x) #x
#define FASTSKIP_STRING(x) FASTSKIP_STRING_OF(x)

#define FASTSKIP_ROCKSDB_AT_LEAST(major, minor) \
  (ROCKSDB_MAJOR > (major) ||                   \
   (ROCKSDB_MAJOR == (major) && ROCKSDB_MINOR >= (minor)))

// `override` where RocksDB's MemTableRep or its Iterator declares the method,
// nothing in versions that do not have it (yet, or any more):
//   9.6           GetAndValidate, SeekAndValidate, NextAndValidate,
//                 PrevAndValidate
//   9.6 to 10.6   GetAndValidate and SeekAndValidate without, and
//   10.7          with detect_key_out_of_order and the entry check
//   11.1          MultiGet
#if FASTSKIP_ROCKSDB_AT_LEAST(9, 6)
#define FASTSKIP_OVERRIDE_9_6 override
#else
#define FASTSKIP_OVERRIDE_9_6
#endif
#if FASTSKIP_ROCKSDB_AT_LEAST(9, 6) && !FASTSKIP_ROCKSDB_AT_LEAST(10, 7)
#define FASTSKIP_OVERRIDE_9_6_TO_10_6 override
#else
#define FASTSKIP_OVERRIDE_9_6_TO_10_6
#endif
#if FASTSKIP_ROCKSDB_AT_LEAST(10, 7)
#define FASTSKIP_OVERRIDE_10_7 override
#else
#define FASTSKIP_OVERRIDE_10_7
#endif
#if FASTSKIP_ROCKSDB_AT_LEAST(11, 1)
#define FASTSKIP_OVERRIDE_11_1 override
#else
#define FASTSKIP_OVERRIDE_11_1
#endif

// Whether this is a build inside RocksDB's source tree: only there are all
// three headers found. Define FASTSKIP_IN_TREE to 0 or 1 where the include path
// misleads.
#ifndef FASTSKIP_IN_TREE
#if __has_include("db/memtable.h") && __has_include(            \
                                          "db/lookup_key.h") && \
                                          __has_include("memory/arena.h")
#define FASTSKIP_IN_TREE 1
#else
#define FASTSKIP_IN_TREE 0
#endif
#endif

#if FASTSKIP_IN_TREE

#include "db/dbformat.h"
#include "db/lookup_key.h"
#include "db/memtable.h"
#include "memory/arena.h"

#else

namespace ROCKSDB_NAMESPACE {
// Installed headers only name this class. An iterator needs one method of it,
// which librocksdb exports with this signature from 7.8 to 11.9. Declaring it
// here is sound for a call: a call of a non-virtual method needs the mangled
// name (class, method and parameter types) and passes `this`; it reads no
// vtable and depends on no member. The method is virtual in RocksDB, but
// nothing derives from Arena there, so the direct call reaches the right one.
// Never make, copy or destroy an object through this declaration.
class Arena {
 public:
  Arena() = delete;
  Arena(const Arena&) = delete;
  char* AllocateAligned(size_t bytes, size_t huge_page_size, Logger* logger);
};
}  // namespace ROCKSDB_NAMESPACE

#endif  // FASTSKIP_IN_TREE

namespace fastskip {
namespace compat {

// Whether a hint of memtable_insert_with_hint_prefix_extractor belongs to one
// table. Before 9.2 (RocksDB pull request 12558) a memtable passes the hints of
// its table of entries to its table of range deletions and back; such hints
// must be neither read nor written.
constexpr bool kPrefixHintsAreOfOneTable = FASTSKIP_ROCKSDB_AT_LEAST(9, 2);

// The check of one entry, such as its checksum, that RocksDB passes to
// validating reads; may be empty. `show_keys`: whether the message may show
// keys.
using EntryCheck =
    std::function<ROCKSDB_NAMESPACE::Status(const char* entry, bool show_keys)>;

// Memory for an iterator, aligned for any fundamental type, that lives as long
// as `arena`.
inline void* AllocateFromArena(ROCKSDB_NAMESPACE::Arena* arena, size_t bytes) {
  return arena->AllocateAligned(bytes, 0, nullptr);
}

#if FASTSKIP_IN_TREE

// The key of a lookup in the form of an entry.
inline const char* EncodedLookupKey(const ROCKSDB_NAMESPACE::LookupKey& key) {
  return key.memtable_key().data();
}

// Whether `comparator` is known to be RocksDB's own, wrapping
// `user_comparator`; false is always safe. RocksDB may be built without type
// information, so this compares vtable pointers, which every supported ABI
// keeps in the first word, with that of an object of the expected class. Should
// that class have two vtables, the result is false.
inline bool IsKnownToWrap(
    const ROCKSDB_NAMESPACE::Comparator* user_comparator,
    const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator& comparator) {
  using ROCKSDB_NAMESPACE::BytewiseComparator;
  using ROCKSDB_NAMESPACE::MemTable;
  static const MemTable::KeyComparator sample(
      ROCKSDB_NAMESPACE::InternalKeyComparator{BytewiseComparator()});
  const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator* const sample_base =
      &sample;
  const void* sample_vtable;
  const void* vtable;
  std::memcpy(&sample_vtable, static_cast<const void*>(sample_base),
              sizeof(sample_vtable));
  std::memcpy(&vtable, static_cast<const void*>(&comparator), sizeof(vtable));
  return vtable == sample_vtable &&
         static_cast<const MemTable::KeyComparator&>(comparator)
                 .comparator.user_comparator() == user_comparator;
}

#else  // !FASTSKIP_IN_TREE

// Reads the key of a LookupKey, whose class installed headers only name. Public
// MemTableRep::Get makes an iterator of its rep and passes the encoded key to
// Seek. This rep has no entries and exists for that one call: its iterator
// records the key and is never valid.
class LookupKeyReader final : public ROCKSDB_NAMESPACE::MemTableRep {
 public:
  LookupKeyReader() : MemTableRep(nullptr) {}

  const char* Read(const ROCKSDB_NAMESPACE::LookupKey& key) {
    MemTableRep::Get(key, nullptr, nullptr);
    return memtable_key_;
  }

  Iterator* GetIterator(ROCKSDB_NAMESPACE::Arena*) override {
    return new (iterator_) KeyRecorder(&memtable_key_);
  }

  void Insert(ROCKSDB_NAMESPACE::KeyHandle) override {}
  bool Contains(const char*) const override { return false; }
  size_t ApproximateMemoryUsage() override { return 0; }

 private:
  // MemTableRep::Get neither destroys nor frees its iterator. This one owns
  // nothing and lies in the reader, so nothing leaks; should RocksDB delete it,
  // its deallocation function does nothing.
  class KeyRecorder final : public Iterator {
   public:
    explicit KeyRecorder(const char** key) : key_(key) {}
    static void* operator new(size_t, void* place) { return place; }
    static void operator delete(void*) {}
    static void operator delete(void*, void*) {}

    void Seek(const ROCKSDB_NAMESPACE::Slice&, const char* key) override {
      *key_ = key;
    }
    bool Valid() const override { return false; }
    const char* key() const override { return nullptr; }
    void Next() override {}
    void Prev() override {}
    void SeekForPrev(const ROCKSDB_NAMESPACE::Slice&, const char*) override {}
    void SeekToFirst() override {}
    void SeekToLast() override {}

   private:
    const char** key_;
  };

  const char* memtable_key_ = nullptr;
  alignas(KeyRecorder) char iterator_[sizeof(KeyRecorder)];
};

inline const char* EncodedLookupKey(const ROCKSDB_NAMESPACE::LookupKey& key) {
  return LookupKeyReader().Read(key);
}

// Whether the library that runs is of these headers' version, but for the
// patch.
inline bool LibraryMatchesHeaders() {
  static const bool matches = [] {
    const std::string headers = std::to_string(ROCKSDB_MAJOR) + "." +
                                std::to_string(ROCKSDB_MINOR) + ".";
    const std::string library = ROCKSDB_NAMESPACE::GetRocksVersionAsString();
    return library.compare(0, headers.size(), headers) == 0;
  }();
  return matches;
}

// Whether that version is one whose MemTable::KeyComparator was looked at.
inline bool LayoutIsKnown() {
  return FASTSKIP_ROCKSDB_AT_LEAST(7, 8) &&
         !FASTSKIP_ROCKSDB_AT_LEAST(11, 10) && LibraryMatchesHeaders();
}

// Whether `comparator` orders some user keys as `user_comparator` does, and
// versions of one key newest first.
inline bool OrdersLike(
    const ROCKSDB_NAMESPACE::Comparator& user_comparator,
    const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator& comparator) {
  static const char* const kUserKeys[] = {"", "a", "ab", "b", "\x80\xFF"};
  const auto entry = [](const std::string& user_key, char sequence) {
    // Length, user key, tag: see list/key.h.
    std::string bytes(1, static_cast<char>(user_key.size() + 8));
    bytes += user_key;
    bytes += '\1';
    bytes += sequence;
    bytes.append(6, '\0');
    return bytes;
  };
  for (const char* const a : kUserKeys) {
    for (const char* const b : kUserKeys) {
      const int c = user_comparator.Compare(a, b);
      const int keys = comparator(entry(a, 5).c_str(), entry(b, 5).c_str());
      const int newer = comparator(entry(a, 6).c_str(), entry(b, 5).c_str());
      if ((c < 0) != (keys < 0) || (c > 0) != (keys > 0) ||
          (newer < 0) != (c <= 0)) {
        return false;
      }
    }
  }
  return true;
}

// The same as in tree, where it is as sure. Public headers do not show which
// user comparator this one wraps; MemTable::KeyComparator does, in a layout
// that has not changed from 7.8 to 11.9: its vtable pointer, then an
// InternalKeyComparator, which is a vtable pointer and the user comparator.
// That word is read only in an object whose vtable is that class's by its
// symbol in the library, in a version that was looked at; and believed only if
// it is the very address of `user_comparator`, and the order is that one's.
// Where symbols are hidden the answer is false.
inline bool IsKnownToWrap(
    const ROCKSDB_NAMESPACE::Comparator* user_comparator,
    const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator& comparator) {
  if (!LayoutIsKnown() ||
      !HasVtableOf(&comparator, {FASTSKIP_STRING(ROCKSDB_NAMESPACE), "MemTable",
                                 "KeyComparator"})) {
    return false;
  }
  const void* words[3];
  std::memcpy(words, static_cast<const void*>(&comparator), sizeof(words));
  return words[2] == static_cast<const void*>(user_comparator) &&
         OrdersLike(*user_comparator, comparator);
}

#endif  // FASTSKIP_IN_TREE

}  // namespace compat
}  // namespace fastskip
