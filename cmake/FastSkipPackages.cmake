# SPDX-License-Identifier: Apache-2.0
#
# FASTSKIP_PACKAGES: the target `package` makes three packages for the release
# of Debian, or of one of its kin, that it runs on, and an archive with the same
# files, in packages/ of the build directory:
#   libfastskip0     libfastskip.so.0 and the drop-in
#   libfastskip-dev  headers, libfastskip.a, CMake package, pkg-config file
#   fastskip-tools   fastskip-run, fastskip_stats and their man pages
# Maintainer, homepage and security contact are those of CMakeLists.txt.

if(NOT FASTSKIP_IS_TOP_LEVEL OR NOT TARGET fastskip_dropin)
  message(FATAL_ERROR "FASTSKIP_PACKAGES needs fastskip as the project itself, "
                      "a shared librocksdb, and no sanitizer.")
endif()
find_program(FASTSKIP_DPKG_SHLIBDEPS dpkg-shlibdeps)
find_program(FASTSKIP_FILE file)
if(NOT FASTSKIP_DPKG_SHLIBDEPS OR NOT FASTSKIP_FILE)
  message(FATAL_ERROR "FASTSKIP_PACKAGES needs dpkg-shlibdeps and file "
                      "(Debian: dpkg-dev, file).")
endif()

# Of tools/, fastskip_stats alone.
if(NOT TARGET fastskip_stats)
  add_subdirectory(tools EXCLUDE_FROM_ALL)
  if(NOT TARGET fastskip_stats)
    message(FATAL_ERROR "FASTSKIP_PACKAGES needs gflags (Debian: "
                        "libgflags-dev).")
  endif()
  add_custom_target(fastskip_packaged_tools ALL DEPENDS fastskip_stats)
endif()
install(TARGETS fastskip_stats RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
                                       COMPONENT fastskip_tools)
fastskip_install_man_page(fastskip_stats)

if(FASTSKIP_MAINTAINER MATCHES "example\\.org")
  message(WARNING "CMakeLists.txt names no maintainer yet: these packages are "
                  "for trying, not for publishing.")
endif()

# --- Versions ------------------------------------------------------------------

# A package built on a later release is a later version, so that an upgrade of
# the release can replace it: 0.1.0-1~debian12, 0.1.0-1~debian13.
set(FASTSKIP_DEBIAN_REVISION 1)
execute_process(COMMAND sh -c ". /etc/os-release && echo $ID$VERSION_ID"
                OUTPUT_VARIABLE release OUTPUT_STRIP_TRAILING_WHITESPACE)
if(release MATCHES "[0-9]$")  # unstable has no number
  string(APPEND FASTSKIP_DEBIAN_REVISION "~${release}")
endif()

# The headers and libfastskip.a fit the headers of one minor version alone.
string(REGEX MATCH "^([0-9]+)\\.([0-9]+)" rocksdb "${FASTSKIP_ROCKSDB_VERSION}")
math(EXPR next_minor "${CMAKE_MATCH_2} + 1")
set(rocksdb_dev "librocksdb-dev (>= ${rocksdb}), librocksdb-dev (<< ${CMAKE_MATCH_1}.${next_minor})")

# --- Documents that Debian asks for ----------------------------------------------

set(documents ${PROJECT_BINARY_DIR}/debian)
set(FASTSKIP_LIBRARY_PACKAGE libfastskip${FASTSKIP_SOVERSION})
string(TIMESTAMP FASTSKIP_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(cmake/debian/changelog.in ${documents}/changelog.Debian @ONLY)
configure_file(cmake/debian/copyright.in ${documents}/copyright @ONLY)
configure_file(cmake/debian/lintian-overrides.in
               ${documents}/${FASTSKIP_LIBRARY_PACKAGE} @ONLY)
execute_process(COMMAND gzip -9nfk ${documents}/changelog.Debian)

# fastskip_document_package(<component> <package>): not in the archive, which
# has no such packages.
function(fastskip_document_package component package)
  install(
    FILES ${documents}/changelog.Debian.gz ${documents}/copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package}
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endfunction()
fastskip_document_package(fastskip_libraries ${FASTSKIP_LIBRARY_PACKAGE})
fastskip_document_package(fastskip_development libfastskip-dev)
fastskip_document_package(fastskip_tools fastskip-tools)
install(
  FILES ${documents}/${FASTSKIP_LIBRARY_PACKAGE}
  DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
  COMPONENT fastskip_libraries EXCLUDE_FROM_ALL)
# The archive alone has this component.
install(
  FILES LICENSE README.md CHANGELOG.md
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/fastskip
  COMPONENT fastskip_archive)

# --- CPack -----------------------------------------------------------------------

set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGE_VENDOR fastskip)
set(CPACK_PACKAGE_CONTACT "${FASTSKIP_MAINTAINER}")
set(CPACK_PACKAGE_HOMEPAGE_URL "${FASTSKIP_HOMEPAGE}")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
    WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL fastskip_libraries fastskip_development fastskip_tools)
set(CPACK_PACKAGE_FILE_NAME
    "fastskip-${PROJECT_VERSION}-rocksdb${rocksdb}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${FASTSKIP_DEBIAN_REVISION})
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(text "pluggable memtable for RocksDB")
set(long "fastskip is a memtable for RocksDB, a lock-free skip list whose nodes are\nblocks of entries. It takes the place of RocksDB's own skip list, with the\nsame file formats.\n\n")

set(CPACK_DEBIAN_FASTSKIP_LIBRARIES_PACKAGE_NAME ${FASTSKIP_LIBRARY_PACKAGE})
set(CPACK_DEBIAN_FASTSKIP_LIBRARIES_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_FASTSKIP_LIBRARIES_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/cmake/debian/triggers)
set(CPACK_DEBIAN_FASTSKIP_LIBRARIES_DESCRIPTION
    "${text} (shared library)\n${long}This package has the shared library, and the drop-in that fastskip-run of\nfastskip-tools loads into programs which are linked with RocksDB.")

set(CPACK_DEBIAN_FASTSKIP_DEVELOPMENT_PACKAGE_NAME libfastskip-dev)
set(CPACK_DEBIAN_FASTSKIP_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_FASTSKIP_DEVELOPMENT_PACKAGE_DEPENDS "${rocksdb_dev}")
set(CPACK_COMPONENT_FASTSKIP_DEVELOPMENT_DEPENDS fastskip_libraries)
set(CPACK_DEBIAN_FASTSKIP_DEVELOPMENT_DESCRIPTION
    "${text} (development files)\n${long}This package has the headers, the static library, a CMake package and a\npkg-config file.")

set(CPACK_DEBIAN_FASTSKIP_TOOLS_PACKAGE_NAME fastskip-tools)
set(CPACK_DEBIAN_FASTSKIP_TOOLS_PACKAGE_SECTION database)
set(CPACK_COMPONENT_FASTSKIP_TOOLS_DEPENDS fastskip_libraries)
# fastskip-run asks getcap whether it may be loaded into a program.
set(CPACK_DEBIAN_FASTSKIP_TOOLS_PACKAGE_RECOMMENDS libcap2-bin)
set(CPACK_DEBIAN_FASTSKIP_TOOLS_DESCRIPTION
    "${text} (tools)\n${long}This package has fastskip-run, which starts a program that is linked with\nRocksDB so that it uses fastskip, and fastskip_stats, which prints the\nstatistics of memtables after a workload.")

include(CPack)
