// SPDX-License-Identifier: Apache-2.0
//
// libfastskip_dropin_rocksdb.so: replaces what SkipListFactory gives out.
//
// MemTable asks its factory for the table of points through the five-argument
// CreateMemTableRep, which SkipListFactory inherits, and which calls the
// four-argument one. For the table of range deletions it makes a temporary
// SkipListFactory and calls one of the two on that: the compiler knows the
// class of a temporary, and calls without looking into the vtable. So only the
// five-argument slot of SkipListFactory's vtable is replaced: the table of
// range deletions stays, and the column family's number is known. A class that
// derives from SkipListFactory has a vtable of its own, and stays too.

#include "dropin.h"

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "../../memtablerep/address_width.h"
#include "../../memtablerep/rocksdb_compat.h"
#include "../../memtablerep/vtable_symbol.h"
#include "dropin_memtables.h"
#include "probe.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/status.h"
#include "vtable_slot.h"

namespace fastskip {

namespace {

using ROCKSDB_NAMESPACE::Allocator;
using ROCKSDB_NAMESPACE::Logger;
using ROCKSDB_NAMESPACE::MemTableRep;
using ROCKSDB_NAMESPACE::MemTableRepFactory;
using ROCKSDB_NAMESPACE::SkipListFactory;
using ROCKSDB_NAMESPACE::SliceTransform;
using ROCKSDB_NAMESPACE::Status;
using ROCKSDB_NAMESPACE::VectorRepFactory;

// Never destroyed: databases may outlive the static objects of this library.
DropInMemtables* memtables = nullptr;

// Its five-argument method is written into SkipListFactory's vtable: a method
// rather than a function, so that the compiler sees to the calling convention
// and to the parameters. There `this` is a SkipListFactory and no Replacement.
class Replacement final : public SkipListFactory {
 public:
  using SkipListFactory::CreateMemTableRep;
  MemTableRep* CreateMemTableRep(const MemTableRep::KeyComparator& comparator,
                                 Allocator* allocator,
                                 const SliceTransform* prefix_extractor,
                                 Logger* logger,
                                 uint32_t column_family_id) override {
    MemTableRep* const rep =
        memtables->Make(comparator, allocator, logger, column_family_id);
    return rep != nullptr
               ? rep
               : SkipListFactory::CreateMemTableRep(comparator, allocator,
                                                    prefix_extractor, logger);
  }
};

size_t FiveArgumentOffset() {
  using Method = MemTableRep* (
      MemTableRepFactory::*)(const MemTableRep::KeyComparator&, Allocator*,
                             const SliceTransform*, Logger*, uint32_t);
  return VtableOffset<Method>(&MemTableRepFactory::CreateMemTableRep);
}

// The slot that every SkipListFactory calls through, if what is in it is the
// base class's function; else null, and the reason. VectorRepFactory inherits
// that function as well. Its vtable is in the same library and was filled by
// the same linker, so the two slots are equal whether the library's own calls
// can be interposed or not (-Bsymbolic-functions, LTO, hidden symbols).
void** FindSlot(std::string* reason) {
  const SkipListFactory skip_list;
  const VectorRepFactory vector;
  if (!HasVtableOf(&skip_list,
                   {FASTSKIP_STRING(ROCKSDB_NAMESPACE), "SkipListFactory"})) {
    *reason = "librocksdb does not export SkipListFactory's vtable";
    return nullptr;
  }
  const size_t offset = FiveArgumentOffset();
  void** const slot = VtableSlot(&skip_list, offset);
  if (*slot != *VtableSlot(&vector, offset)) {
    *reason =
        "SkipListFactory's CreateMemTableRep for a column family is not that "
        "of its base class (or another drop-in has replaced it)";
    return nullptr;
  }
  return slot;
}

// The reason why it did not take, or nothing.
std::string Start(const char* options_text) {
  if (!compat::LibraryMatchesHeaders()) {
    return "librocksdb is " + ROCKSDB_NAMESPACE::GetRocksVersionAsString() +
           ", and fastskip was built against " +
           FASTSKIP_STRING(ROCKSDB_MAJOR) "." FASTSKIP_STRING(ROCKSDB_MINOR);
  }
  FastSkipListOptions options;
  const Status status =
      ParseDropInOptions(options_text == nullptr ? "" : options_text, &options);
  if (!status.ok()) return "FASTSKIP_OPTIONS: " + status.ToString();
  std::string reason;
  void** const slot = FindSlot(&reason);
  if (slot == nullptr) return reason;
  memtables = new DropInMemtables(options);
  const Replacement replacement;
  void* const before = *slot;
  reason = ReplaceSlot(slot, *VtableSlot(&replacement, FiveArgumentOffset()));
  if (!reason.empty()) return reason;
  // Then skip_list stays, and Make tells so in LOG for each memtable.
  const Status addresses = CheckHeapAddresses();
  if (!addresses.ok()) return addresses.ToString();
  reason = Probe(memtables);
  if (!reason.empty()) {
    const std::string error = ReplaceSlot(slot, before);
    if (!error.empty()) reason += "; not undone: " + error;
  }
  return reason;
}

std::string Description() {
  Dl_info info;
  const bool known = dladdr(reinterpret_cast<const void*>(
                                &ROCKSDB_NAMESPACE::GetRocksVersionAsString),
                            &info) != 0;
  return "fastskip's memtables take the place of skip_list's in RocksDB " +
         ROCKSDB_NAMESPACE::GetRocksVersionAsString() + ", " +
         (known ? info.dli_fname : "of an unknown file");
}

}  // namespace
}  // namespace fastskip

extern "C" FastSkipDropInStart fastskip_dropin_start;

bool fastskip_dropin_start(const char* options, char* text, size_t size) {
  const std::string reason = fastskip::Start(options);
  std::snprintf(text, size, "%s",
                (reason.empty() ? fastskip::Description() : reason).c_str());
  return reason.empty();
}
