// SPDX-License-Identifier: Apache-2.0
//
// Random numbers for samples: well distributed, neither secure nor repeatable.
#pragma once

#include <chrono>
#include <cstdint>

namespace fastskip {

// 64 random bits (splitmix64). Each thread has a sequence of its own, seeded
// with the time and an address.
inline uint64_t RandomBits() {
  thread_local uint64_t state =
      static_cast<uint64_t>(
          std::chrono::steady_clock::now().time_since_epoch().count()) ^
      reinterpret_cast<uintptr_t>(&state);
  uint64_t bits = state += 0x9e3779b97f4a7c15u;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return bits ^ (bits >> 31);
}

}  // namespace fastskip
