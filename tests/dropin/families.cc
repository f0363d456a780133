// SPDX-License-Identifier: Apache-2.0
//
// A program that knows nothing of fastskip: opens a database whose column
// families have the memtables that it is told, writes 100 + ID keys and a range
// deletion to each, flushes them, and looks whether all is there.
//
//   dropin_families DIRECTORY MEMTABLE...
//
// MEMTABLE is default, lookahead, derived (a class of the program's own),
// vector, hash_skip_list or hash_link_list; the first one is the default
// family's.
//
// With TAGGED_HEAP=1, pieces of the heap of 4 MB have addresses with a tag in
// the upper byte, which the processor does not ignore: nobody may use them, and
// fastskip asks for one to see whether there are such.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "../../tools/lib/open_db.h"
#include "rocksdb/db.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/options.h"
#include "rocksdb/slice_transform.h"

namespace {

constexpr uintptr_t kTag = uintptr_t{0x2A} << 56;

class DerivedFactory : public rocksdb::SkipListFactory {
 public:
  const char* Name() const override { return "DerivedFactory"; }
};

void Check(const rocksdb::Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
  std::exit(1);
}

rocksdb::ColumnFamilyOptions OptionsOf(const std::string& memtable) {
  rocksdb::ColumnFamilyOptions options;
  options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(3));
  auto& factory = options.memtable_factory;
  if (memtable == "lookahead") {
    factory = std::make_shared<rocksdb::SkipListFactory>(4);
  } else if (memtable == "derived") {
    factory = std::make_shared<DerivedFactory>();
  } else if (memtable == "vector") {
    factory = std::make_shared<rocksdb::VectorRepFactory>();
  } else if (memtable == "hash_skip_list") {
    factory.reset(rocksdb::NewHashSkipListRepFactory(1000));
  } else if (memtable == "hash_link_list") {
    factory.reset(rocksdb::NewHashLinkListRepFactory(1000));
  } else if (memtable != "default") {
    std::fprintf(stderr, "unknown memtable '%s'\n", memtable.c_str());
    std::exit(2);
  }
  return options;
}

void WriteTo(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family) {
  const int keys = 100 + static_cast<int>(family->GetID());
  for (int i = 0; i < keys; ++i) {
    Check(db->Put({}, family, "key" + std::to_string(i * 37 % keys), "value"),
          "Put");
  }
  Check(db->DeleteRange({}, family, "key2", "key3"), "DeleteRange");
}

void ReadFrom(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family) {
  std::string value;
  Check(db->Get({}, family, "key31", &value), "Get");
  if (!db->Get({}, family, "key21", &value).IsNotFound()) {
    std::fprintf(stderr, "key21 is still there\n");
    std::exit(1);
  }
}

}  // namespace

void* operator new[](size_t bytes) {
  void* const place = std::malloc(bytes);
  if (place == nullptr) throw std::bad_alloc();
  static const bool tagged = std::getenv("TAGGED_HEAP") != nullptr;
  if (!tagged || bytes != size_t{4} << 20) return place;
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(place) | kTag);
}

void operator delete[](void* place) noexcept {
  // The heap of an untagged process lies below the tag.
  std::free(
      reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(place) & ~kTag));
}

void operator delete[](void* place, size_t) noexcept {
  operator delete[](place);
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string directory = argv[1];
  const std::vector<std::string> memtables(argv + 2, argv + argc);
  rocksdb::Options options(rocksdb::DBOptions(), OptionsOf(memtables[0]));
  options.create_if_missing = true;
  // hash_… and, in older versions, vector have one writer at a time.
  options.allow_concurrent_memtable_write = false;
  std::unique_ptr<rocksdb::DB> db;
  Check(rocksdb::DB::Open(options, directory, fastskip::OpenInto(&db)), "Open");
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  for (size_t i = 1; i < memtables.size(); ++i) {
    rocksdb::ColumnFamilyHandle* family = nullptr;
    Check(db->CreateColumnFamily(OptionsOf(memtables[i]),
                                 memtables[i] + std::to_string(i), &family),
          "CreateColumnFamily");
    families.push_back(family);
  }
  families.push_back(db->DefaultColumnFamily());
  for (rocksdb::ColumnFamilyHandle* family : families) {
    WriteTo(db.get(), family);
    ReadFrom(db.get(), family);
    Check(db->Flush({}, family), "Flush");
    ReadFrom(db.get(), family);
  }
  families.pop_back();
  for (rocksdb::ColumnFamilyHandle* family : families) {
    Check(db->DestroyColumnFamilyHandle(family), "DestroyColumnFamilyHandle");
  }
  return 0;
}
