# SPDX-License-Identifier: Apache-2.0
#
# FASTSKIP_ROCKSDB_TREE: builds against a source tree of RocksDB in which
# `make static_lib` (or anything that makes librocksdb.a) ran, with the flags of
# that build and with RocksDB's internal headers: as a plugin is built in tree.

set(config ${FASTSKIP_ROCKSDB_TREE}/make_config.mk)
set(library ${FASTSKIP_ROCKSDB_TREE}/librocksdb.a)
if(NOT EXISTS ${config} OR NOT EXISTS ${library})
  message(FATAL_ERROR "${FASTSKIP_ROCKSDB_TREE} holds no make_config.mk and "
                      "librocksdb.a: run `make static_lib DEBUG_LEVEL=0` there.")
endif()
set(FASTSKIP_ROCKSDB_INCLUDE_DIR ${FASTSKIP_ROCKSDB_TREE}/include)
set(FASTSKIP_ROCKSDB_LIBRARY ${library})

# <variable> of make_config.mk as a list.
function(fastskip_make_config variable result)
  file(STRINGS ${config} line REGEX "^${variable}=")
  string(REGEX REPLACE "^${variable}=" "" line "${line}")
  separate_arguments(line UNIX_COMMAND "${line}")
  set(${result} ${line} PARENT_SCOPE)
endfunction()

fastskip_make_config(PLATFORM_CXXFLAGS flags)
list(FILTER flags EXCLUDE REGEX "^-std=")
fastskip_make_config(PLATFORM_LDFLAGS libraries)
fastskip_make_config(EXEC_LDFLAGS more_libraries)

# RocksDB's Makefile optimises so, whatever CMake's Release would do: figures of
# fastskip and of RocksDB's own memtables are to be compared.
include(CheckCXXCompilerFlag)
list(APPEND flags $<$<CONFIG:Release>:-O2> -fno-omit-frame-pointer)
check_cxx_compiler_flag(-momit-leaf-frame-pointer FASTSKIP_HAS_OMIT_LEAF)
if(FASTSKIP_HAS_OMIT_LEAF)
  list(APPEND flags -momit-leaf-frame-pointer)
endif()

# What the headers of the tree need; quotes find "db/memtable.h" in it.
add_library(fastskip_rocksdb_tree INTERFACE)
target_compile_options(fastskip_rocksdb_tree INTERFACE ${flags})
target_include_directories(fastskip_rocksdb_tree SYSTEM
                           INTERFACE ${FASTSKIP_ROCKSDB_TREE})
target_link_libraries(fastskip_rocksdb_tree INTERFACE ${libraries}
                                                      ${more_libraries})
