# SPDX-License-Identifier: Apache-2.0
#
# cmake --install: libraries, headers, the CMake package, the pkg-config file.

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fastskip)

install(
  TARGETS ${FASTSKIP_TARGETS}
  EXPORT fastskip-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${FASTSKIP_HEADERS}
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fastskip)
install(
  EXPORT fastskip-targets
  NAMESPACE fastskip::
  DESTINATION ${package_dir})

get_filename_component(FASTSKIP_ROCKSDB_LIBRARY_DIR ${FASTSKIP_ROCKSDB_LIBRARY}
                       DIRECTORY)
configure_package_config_file(
  cmake/fastskip-config.cmake.in ${PROJECT_BINARY_DIR}/fastskip-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/fastskip-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fastskip-config.cmake
              ${PROJECT_BINARY_DIR}/fastskip-config-version.cmake
        DESTINATION ${package_dir})

# Relative to the file itself, so that the installed tree can be moved.
file(RELATIVE_PATH FASTSKIP_PC_PREFIX
     ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/fastskip.pc.in ${PROJECT_BINARY_DIR}/fastskip.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fastskip.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
