# SPDX-License-Identifier: Apache-2.0
#
# fastskip_flags: how fastskip's own sources and tests are compiled. Nothing of
# it is handed to users of the installed package.

add_library(fastskip_flags INTERFACE)
target_compile_features(fastskip_flags
                        INTERFACE cxx_std_${FASTSKIP_CXX_STANDARD})
target_compile_options(fastskip_flags INTERFACE -Wall -Wextra)
if(FASTSKIP_WERROR)
  target_compile_options(fastskip_flags INTERFACE -Werror)
endif()
if(NOT FASTSKIP_ROCKSDB_HAS_RTTI)
  target_compile_options(fastskip_flags
                         INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
endif()

if(FASTSKIP_COUNT_COMPARISONS)
  target_compile_definitions(fastskip_flags
                             INTERFACE FASTSKIP_COUNT_COMPARISONS)
endif()

if(FASTSKIP_SANITIZE STREQUAL "thread")
  set(sanitize -fsanitize=thread)
elseif(FASTSKIP_SANITIZE STREQUAL "address")
  # librocksdb is not instrumented, so "vptr", which needs type information of
  # every class that is called through, stays out where there is none.
  set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all)
  if(NOT FASTSKIP_ROCKSDB_HAS_RTTI)
    list(APPEND sanitize -fno-sanitize=vptr)
  endif()
elseif(FASTSKIP_SANITIZE)
  message(FATAL_ERROR "FASTSKIP_SANITIZE is '${FASTSKIP_SANITIZE}': "
                      "it can be 'thread' or 'address'.")
endif()
if(FASTSKIP_SANITIZE)
  target_compile_options(fastskip_flags
                         INTERFACE ${sanitize} -fno-omit-frame-pointer)
  target_link_options(fastskip_flags INTERFACE ${sanitize})
endif()
