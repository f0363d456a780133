# SPDX-License-Identifier: Apache-2.0
#
# The drop-in: two libraries and the script that starts programs with them. In
# the build tree, as after the installation, the libraries lie side by side;
# fastskip-run looks for them beside itself, and then where they are installed.
#   libfastskip_dropin.so          needs the C library alone
#   libfastskip_dropin_rocksdb.so  needs librocksdb.so; the first one loads it

# By which name programs ask for librocksdb.so: its version is in there.
execute_process(
  COMMAND ${CMAKE_READELF} -d ${FASTSKIP_ROCKSDB_LIBRARY}
  OUTPUT_VARIABLE dynamic_section)
if(dynamic_section MATCHES "\\(SONAME\\)[^[]*\\[([^]]+)\\]")
  set(FASTSKIP_ROCKSDB_SONAME ${CMAKE_MATCH_1})
else()
  get_filename_component(FASTSKIP_ROCKSDB_SONAME ${FASTSKIP_ROCKSDB_LIBRARY}
                         NAME)
endif()

add_library(fastskip_dropin SHARED plugin/dropin/loader.cc)
target_compile_definitions(
  fastskip_dropin
  PRIVATE FASTSKIP_ROCKSDB_SONAME="${FASTSKIP_ROCKSDB_SONAME}")
target_compile_options(fastskip_dropin PRIVATE -fno-exceptions)
target_link_options(fastskip_dropin PRIVATE -Wl,--as-needed)
target_link_libraries(fastskip_dropin PRIVATE fastskip_flags ${CMAKE_DL_LIBS})

set(exports ${PROJECT_SOURCE_DIR}/plugin/dropin/exports.map)
add_library(
  fastskip_dropin_rocksdb SHARED
  plugin/dropin/dropin.cc plugin/dropin/dropin_memtables.cc
  plugin/dropin/probe.cc plugin/dropin/vtable_slot.cc)
target_link_options(fastskip_dropin_rocksdb PRIVATE
                    -Wl,--version-script=${exports})
set_target_properties(fastskip_dropin_rocksdb PROPERTIES LINK_DEPENDS
                                                         ${exports})
target_link_libraries(
  fastskip_dropin_rocksdb PRIVATE fastskip_flags fastskip FastSkip::rocksdb
                                  ${CMAKE_DL_LIBS})
add_dependencies(fastskip_dropin fastskip_dropin_rocksdb)

file(RELATIVE_PATH FASTSKIP_LIBDIR_FROM_BINDIR ${CMAKE_INSTALL_FULL_BINDIR}
     ${CMAKE_INSTALL_FULL_LIBDIR})
configure_file(tools/fastskip-run ${PROJECT_BINARY_DIR}/fastskip-run @ONLY)

install(TARGETS fastskip_dropin fastskip_dropin_rocksdb
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
                COMPONENT fastskip_libraries)
install(
  PROGRAMS ${PROJECT_BINARY_DIR}/fastskip-run
  DESTINATION ${CMAKE_INSTALL_BINDIR}
  COMPONENT fastskip_tools)
fastskip_install_man_page(fastskip-run)
