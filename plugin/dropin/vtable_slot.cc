// SPDX-License-Identifier: Apache-2.0

#include "vtable_slot.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

namespace fastskip {

namespace {

// The protection of the page at `address`, as the loaded libraries say it; -1
// where it is in none of them.
struct PageProtection {
  uintptr_t address = 0;
  uintptr_t page_bytes = 0;
  int protection = -1;
};

int ProtectionOf(const ElfW(Phdr) & segment) {
  return ((segment.p_flags & PF_R) != 0 ? PROT_READ : 0) |
         ((segment.p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
         ((segment.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
}

int LookInto(dl_phdr_info* library, size_t, void* result) {
  auto* const page = static_cast<PageProtection*>(result);
  bool relro = false;
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = library->dlpi_phdr[i];
    const uintptr_t begin = library->dlpi_addr + segment.p_vaddr;
    const uintptr_t end = begin + segment.p_memsz;
    if (segment.p_type == PT_LOAD && page->address >= begin &&
        page->address < end) {
      page->protection = ProtectionOf(segment);
    }
    // Whole pages alone, as the loader protects them.
    if (segment.p_type == PT_GNU_RELRO &&
        page->address >= begin / page->page_bytes * page->page_bytes &&
        page->address < end / page->page_bytes * page->page_bytes) {
      relro = true;
    }
  }
  if (page->protection != -1 && relro) page->protection = PROT_READ;
  return page->protection != -1 ? 1 : 0;
}

std::string Error(const char* what) {
  return std::string("mprotect, to make ") + what + ": " + std::strerror(errno);
}

}  // namespace

std::string ReplaceSlot(void** slot, void* function) {
  PageProtection page;
  page.address = reinterpret_cast<uintptr_t>(slot);
  page.page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  dl_iterate_phdr(LookInto, &page);
  if (page.protection == -1) return "the vtable is in no loaded library";
  void* const start =
      reinterpret_cast<void*>(page.address / page.page_bytes * page.page_bytes);
  const bool is_writable = (page.protection & PROT_WRITE) != 0;
  if (!is_writable &&
      mprotect(start, page.page_bytes, page.protection | PROT_WRITE) != 0) {
    return Error("the vtable writable");
  }
  // A thread that calls through the slot loads the old address or the new one.
  void* volatile* const place = slot;
  void* const before = *place;
  *place = function;
  if (!is_writable && mprotect(start, page.page_bytes, page.protection) != 0) {
    *place = before;
    return Error("the vtable read-only again");
  }
  return "";
}

}  // namespace fastskip
