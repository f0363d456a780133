# SPDX-License-Identifier: Apache-2.0
#
# cmake --install: libraries, headers, the CMake package, the pkg-config file.
# Everything, here and elsewhere, belongs to one of three components, which
# FastSkipPackages.cmake makes packages of: fastskip_libraries,
# fastskip_development and fastskip_tools.

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fastskip)

install(
  TARGETS ${FASTSKIP_TARGETS}
  EXPORT fastskip-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT fastskip_development
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
          COMPONENT fastskip_libraries
          NAMELINK_COMPONENT fastskip_development)
install(
  FILES ${FASTSKIP_HEADERS}
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fastskip
  COMPONENT fastskip_development)
install(
  EXPORT fastskip-targets
  NAMESPACE fastskip::
  DESTINATION ${package_dir}
  COMPONENT fastskip_development)

get_filename_component(FASTSKIP_ROCKSDB_LIBRARY_DIR ${FASTSKIP_ROCKSDB_LIBRARY}
                       DIRECTORY)
configure_package_config_file(
  cmake/fastskip-config.cmake.in ${PROJECT_BINARY_DIR}/fastskip-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/fastskip-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(
  FILES ${PROJECT_BINARY_DIR}/fastskip-config.cmake
        ${PROJECT_BINARY_DIR}/fastskip-config-version.cmake
  DESTINATION ${package_dir}
  COMPONENT fastskip_development)

# Relative to the file itself, so that the installed tree can be moved.
file(RELATIVE_PATH FASTSKIP_PC_PREFIX
     ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/fastskip.pc.in ${PROJECT_BINARY_DIR}/fastskip.pc @ONLY)
install(
  FILES ${PROJECT_BINARY_DIR}/fastskip.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT fastskip_development)

# The page <name>.1 of tools/man, for a program that is installed.
function(fastskip_install_man_page name)
  configure_file(${PROJECT_SOURCE_DIR}/tools/man/${name}.1.in
                 ${PROJECT_BINARY_DIR}/man/${name}.1 @ONLY)
  set(page ${PROJECT_BINARY_DIR}/man/${name}.1)
  if(FASTSKIP_PACKAGES)  # where Debian wants it compressed
    execute_process(COMMAND gzip -9nfk ${page})
    string(APPEND page .gz)
  endif()
  install(
    FILES ${page}
    DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
    COMPONENT fastskip_tools)
endfunction()
