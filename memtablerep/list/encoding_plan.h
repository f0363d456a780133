// SPDX-License-Identifier: Apache-2.0
//
// From keys to an encoding that is likely to tell them, and others like them,
// apart. Policy alone: whatever is chosen here, digests follow the order of
// keys.
//
// What is assumed of a byte that varies: it may be any byte of its class (a
// decimal or hexadecimal digit, a letter, printable text), and any byte at all
// where it belongs to a binary number. Numbers count up: the byte in front of
// those that vary may change as well, and the highest byte of numbers that
// begin near 0 is not expected to grow more than twelvefold.
#pragma once

#include <cstdint>

#include "block_encoding.h"
#include "key.h"

namespace fastskip {

// The keys of a block about to be born.
struct NewBlockKeys {
  const Key* words;  // ascending
  int count;
  const Key* fence;  // the right neighbour's lower bound; null: none
  // Keys that show what the range looks like, one or more, ascending, the first
  // of an entry of the list. Where there are two words or more, these are they.
  const Key* sample;
  int samples;
  bool open;  // the range may go on beyond the sample: leave room for that
  bool head;  // the block is the leftmost of its level: leave room below

  // Where there is one word at most, the sample shows whether an encoding tells
  // apart the keys to come. Two keys, which only show the scale, do not.
  bool tests_sample() const { return count < 2 && samples > 2; }
  // The number of keys that show it, words or sample; 0 where none do.
  int tested() const {
    if (tests_sample()) return samples;
    return count > 1 ? count : 0;
  }

  // The key that is to hold the prefix, where that is the block's own: the
  // lower bound, or in a fresh head, which has none, the fence.
  const Key& holder() const { return count > 0 ? words[0] : *fence; }
};

enum class PrefixOf : uint8_t {
  kEncoding,  // one prefix: digests serve all blocks
  kBlock,     // each block has its own, that of its lower bound
};

// An encoding for keys like those of the sample, in which greater bytes come
// first where `reverse` says so. `wider`, if not null: an encoding whose ranges
// it takes in too, so that it serves more blocks. False when nothing
// distinguishes the keys.
bool PlanEncoding(const NewBlockKeys& keys, bool reverse, PrefixOf prefix,
                  const Encoding* wider, Encoding* encoding);

}  // namespace fastskip
