//===- AllocationCounter.cpp - heap allocations while it is on -------------===//
//
// malloc and its relatives are defined here in front of the C library's: every allocation of the process
// passes, from operator new too. The return address says who asked.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/AllocationCounter.h"
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

extern "C" {
// The linker's names for where the program's code begins and ends.
extern char __executable_start;
extern char etext;
void *__libc_malloc(std::size_t);
void *__libc_calloc(std::size_t, std::size_t);
void *__libc_realloc(void *, std::size_t);
void *__libc_memalign(std::size_t, std::size_t);
}

namespace rt {
namespace {

std::atomic<bool> counting{false};
std::atomic<std::int64_t> own{0}, libraries{0};

inline void count(const void *caller) {
  if (!counting.load(std::memory_order_relaxed))
    return;
  const auto *address = static_cast<const char *>(caller);
  const bool ours = address >= &__executable_start && address < &etext;
  (ours ? own : libraries).fetch_add(1, std::memory_order_relaxed);
}

} // namespace

void countAllocations(bool on) {
  counting = on;
}
Allocations allocationsCounted() {
  return {own, libraries};
}

} // namespace rt

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
using rt::count;

extern "C" {
void *malloc(std::size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_malloc(bytes);
}
void *calloc(std::size_t n, std::size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_calloc(n, bytes);
}
void *realloc(void *old, std::size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_realloc(old, bytes);
}
void *memalign(std::size_t alignment, std::size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
void *aligned_alloc(std::size_t alignment, std::size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void **result, std::size_t alignment, std::size_t bytes) {
  count(__builtin_return_address(0));
  void *memory = __libc_memalign(alignment, bytes);
  if (!memory)
    return ENOMEM;
  *result = memory;
  return 0;
}
}

// operator new of the C++ library would call malloc from outside of the program: taken over, so that the
// caller counts.
static void *allocate(std::size_t bytes, const void *caller) {
  count(caller);
  if (void *memory = __libc_malloc(bytes ? bytes : 1))
    return memory;
  throw std::bad_alloc();
}
void *operator new(std::size_t bytes) {
  return allocate(bytes, __builtin_return_address(0));
}
void *operator new[](std::size_t bytes) {
  return allocate(bytes, __builtin_return_address(0));
}
void operator delete(void *memory) noexcept {
  std::free(memory);
}
void operator delete[](void *memory) noexcept {
  std::free(memory);
}
void operator delete(void *memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void *memory, std::size_t) noexcept {
  std::free(memory);
}
#endif
