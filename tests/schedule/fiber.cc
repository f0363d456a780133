// SPDX-License-Identifier: Apache-2.0
#include "tests/schedule/fiber.h"

#include <cstdint>
#include <cstdlib>

#if defined(__x86_64__)
#define FASTSKIP_FIBER_ASM 1
#else
#include <ucontext.h>
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FASTSKIP_FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define FASTSKIP_FIBER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define FASTSKIP_FIBER_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define FASTSKIP_FIBER_TSAN 1
#endif

#ifdef FASTSKIP_FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FASTSKIP_FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#ifdef FASTSKIP_FIBER_ASM
// Saves what a callee must preserve on the stack, leaves the stack pointer in
// *from, takes it from `to`. (ucontext would make a system call.)
extern "C" void FastskipSwitchStack(void** from, void* to);
asm(R"(
.text
.globl FastskipSwitchStack
.type FastskipSwitchStack, @function
FastskipSwitchStack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size FastskipSwitchStack, .-FastskipSwitchStack
)");
#endif

namespace fastskip {
namespace schedule {

struct Fiber::State {
  std::unique_ptr<char[]> stack;
  void (*body)(void*) = nullptr;
  void* argument = nullptr;
#ifdef FASTSKIP_FIBER_ASM
  void* stack_pointer = nullptr;
#else
  ucontext_t context;
#endif
#ifdef FASTSKIP_FIBER_ASAN
  void* fake_stack = nullptr;
  const void* stack_bottom = nullptr;
  size_t stack_size = 0;
#endif
#ifdef FASTSKIP_FIBER_TSAN
  void* tsan = nullptr;
#endif
};

namespace {
// The fiber being switched to and the one switched from; one OS thread only.
Fiber* arriving = nullptr;
Fiber* leaving = nullptr;
}  // namespace

Fiber::Fiber() : state_(new State) {
#ifdef FASTSKIP_FIBER_TSAN
  state_->tsan = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(void (*body)(void*), void* argument) : state_(new State) {
  state_->stack.reset(new char[kStackBytes]);
  state_->body = body;
  state_->argument = argument;
#ifdef FASTSKIP_FIBER_ASM
  const auto end =
      (reinterpret_cast<uintptr_t>(state_->stack.get()) + kStackBytes) &
      ~uintptr_t{15};
  // From the top: a return address that Start never uses, Start's own address,
  // for the switch's `ret`, six registers.
  auto* top = reinterpret_cast<void**>(end);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(&Fiber::Start);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  state_->stack_pointer = top;
#else
  getcontext(&state_->context);
  state_->context.uc_stack.ss_sp = state_->stack.get();
  state_->context.uc_stack.ss_size = kStackBytes;
  state_->context.uc_link = nullptr;
  makecontext(&state_->context, &Fiber::Start, 0);
#endif
#ifdef FASTSKIP_FIBER_ASAN
  state_->stack_bottom = state_->stack.get();
  state_->stack_size = kStackBytes;
#endif
#ifdef FASTSKIP_FIBER_TSAN
  state_->tsan = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
#ifdef FASTSKIP_FIBER_TSAN
  if (state_->body != nullptr) __tsan_destroy_fiber(state_->tsan);
#endif
}

void Fiber::SwitchTo(Fiber* to, SwitchKind kind) {
  arriving = to;
  leaving = this;
#ifdef FASTSKIP_FIBER_ASAN
  __sanitizer_start_switch_fiber(&state_->fake_stack, to->state_->stack_bottom,
                                 to->state_->stack_size);
#endif
#ifdef FASTSKIP_FIBER_TSAN
  __tsan_switch_to_fiber(to->state_->tsan, kind == SwitchKind::kSilent
                                               ? __tsan_switch_to_fiber_no_sync
                                               : 0);
#else
  (void)kind;
#endif
#ifdef FASTSKIP_FIBER_ASM
  FastskipSwitchStack(&state_->stack_pointer, to->state_->stack_pointer);
#else
  swapcontext(&state_->context, &to->state_->context);
#endif
  Arrive();
}

// Tells AddressSanitizer whose stack this is, and learns the OS thread's own.
void Fiber::Arrive() {
#ifdef FASTSKIP_FIBER_ASAN
  const void* bottom = nullptr;
  size_t size = 0;
  __sanitizer_finish_switch_fiber(state_->fake_stack, &bottom, &size);
  if (leaving->state_->body == nullptr) {
    leaving->state_->stack_bottom = bottom;
    leaving->state_->stack_size = size;
  }
#endif
}

void Fiber::Start() {
  Fiber* self = arriving;
  self->Arrive();
  self->state_->body(self->state_->argument);
  std::abort();  // a body never returns
}

}  // namespace schedule
}  // namespace fastskip
