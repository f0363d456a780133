# SPDX-License-Identifier: Apache-2.0
#
# Finds an installed RocksDB and makes the target FastSkip::rocksdb of it. Sets
#   FASTSKIP_ROCKSDB_VERSION    e.g. 7.8.3
#   FASTSKIP_ROCKSDB_IS_SHARED  whether librocksdb.so was found
#   FASTSKIP_CXX_STANDARD       what RocksDB's headers ask for
#   FASTSKIP_ROCKSDB_HAS_RTTI   whether librocksdb carries type information
#
# An installation elsewhere: -DCMAKE_PREFIX_PATH=<prefix>. A RocksDB source
# tree: -DFASTSKIP_ROCKSDB_INCLUDE_DIR=<tree>/include
#       -DFASTSKIP_ROCKSDB_LIBRARY=<tree>/librocksdb.so
#
# RocksDB's own CMake package is not used: RocksDB's Makefile, which is how it
# is mostly built, does not install one.

find_path(FASTSKIP_ROCKSDB_INCLUDE_DIR rocksdb/memtablerep.h
          DOC "Directory that holds rocksdb/memtablerep.h")
find_library(FASTSKIP_ROCKSDB_LIBRARY rocksdb DOC "librocksdb.so, or .a")
if(NOT FASTSKIP_ROCKSDB_INCLUDE_DIR OR NOT FASTSKIP_ROCKSDB_LIBRARY)
  message(
    FATAL_ERROR
      "RocksDB was not found. On Debian and Ubuntu: apt-get install "
      "librocksdb-dev. Elsewhere: -DCMAKE_PREFIX_PATH=<where RocksDB is>.")
endif()

set(FASTSKIP_ROCKSDB_VERSION "")
file(STRINGS ${FASTSKIP_ROCKSDB_INCLUDE_DIR}/rocksdb/version.h version_lines
     REGEX "^#define ROCKSDB_(MAJOR|MINOR|PATCH) [0-9]+")
foreach(line IN LISTS version_lines)
  string(REGEX REPLACE "^#define ROCKSDB_[A-Z]+ ([0-9]+).*" "\\1" number
                       "${line}")
  list(APPEND FASTSKIP_ROCKSDB_VERSION ${number})
endforeach()
list(JOIN FASTSKIP_ROCKSDB_VERSION "." FASTSKIP_ROCKSDB_VERSION)
if(FASTSKIP_ROCKSDB_VERSION VERSION_LESS 7.8)
  message(WARNING "fastskip is tested with RocksDB 7.8 and later, not with "
                  "${FASTSKIP_ROCKSDB_VERSION}.")
endif()
if(FASTSKIP_ROCKSDB_VERSION VERSION_LESS 10.7)
  set(FASTSKIP_CXX_STANDARD 17)
else()
  set(FASTSKIP_CXX_STANDARD 20)
endif()

add_library(FastSkip::rocksdb UNKNOWN IMPORTED)
set_target_properties(
  FastSkip::rocksdb
  PROPERTIES IMPORTED_LOCATION ${FASTSKIP_ROCKSDB_LIBRARY}
             INTERFACE_INCLUDE_DIRECTORIES ${FASTSKIP_ROCKSDB_INCLUDE_DIR})

if(FASTSKIP_ROCKSDB_LIBRARY MATCHES "\\.(so|dylib)[.0-9]*$")
  set(FASTSKIP_ROCKSDB_IS_SHARED ON)
else()
  set(FASTSKIP_ROCKSDB_IS_SHARED OFF)
  # What a static librocksdb needs beside it depends on how it was built.
  if(FASTSKIP_ROCKSDB_TREE)
    set_property(TARGET FastSkip::rocksdb PROPERTY INTERFACE_LINK_LIBRARIES
                                                   fastskip_rocksdb_tree)
  else()
    find_package(PkgConfig QUIET)
  endif()
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(FASTSKIP_PC_ROCKSDB QUIET rocksdb)
    set_target_properties(
      FastSkip::rocksdb PROPERTIES INTERFACE_LINK_LIBRARIES
                                   "${FASTSKIP_PC_ROCKSDB_STATIC_LIBRARIES}")
  endif()
  set_property(TARGET FastSkip::rocksdb APPEND PROPERTY
               INTERFACE_LINK_LIBRARIES Threads::Threads ${CMAKE_DL_LIBS})
endif()

# Upstream's release builds carry no type information: a class of ours that
# derives from one of RocksDB's must then be compiled without it too.
if(NOT DEFINED FASTSKIP_ROCKSDB_HAS_RTTI)
  if(FASTSKIP_ROCKSDB_IS_SHARED)
    set(nm_flags -D --defined-only)
  else()
    set(nm_flags --defined-only)
  endif()
  execute_process(
    COMMAND ${CMAKE_NM} ${nm_flags} ${FASTSKIP_ROCKSDB_LIBRARY}
    COMMAND grep -m1 "_ZTIN.*18MemTableRepFactoryE"
    OUTPUT_VARIABLE type_symbol
    ERROR_QUIET)
  if(type_symbol)
    set(has_rtti ON)
  else()
    set(has_rtti OFF)
  endif()
  set(FASTSKIP_ROCKSDB_HAS_RTTI ${has_rtti} CACHE BOOL
      "Whether librocksdb was built with type information")
  message(STATUS "RocksDB ${FASTSKIP_ROCKSDB_VERSION}: "
                 "${FASTSKIP_ROCKSDB_LIBRARY}, type information: ${has_rtti}")
endif()
