// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace fastskip {
namespace bench {

// A request that cannot be met; what() says why.
class BadRequest : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace bench
}  // namespace fastskip
