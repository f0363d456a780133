# SPDX-License-Identifier: Apache-2.0
#
# Toolchain file: programs for 64-bit ARM from Debian's cross compiler, run under
# qemu (Debian: g++-aarch64-linux-gnu, qemu-user-static). FASTSKIP_SYSROOT is a
# directory with headers and libraries of that architecture; tests/run.sh has one
# made of Debian's packages.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
# CMake reads this file again, for what it compiles to try the compiler.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FASTSKIP_SYSROOT)
set(CMAKE_SYSROOT ${FASTSKIP_SYSROOT})
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L ${FASTSKIP_SYSROOT})
set(CMAKE_CXX_FLAGS_INIT -DFASTSKIP_TEST_EMULATED)
