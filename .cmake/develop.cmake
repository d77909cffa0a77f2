# SPDX-License-Identifier: MIT
# For the tests, examples and benchmarks of this project only: warnings, sanitizers, the machine's own instructions, and their libraries.
option(SELFPRED_WERROR "Warnings are errors" OFF)
option(SELFPRED_NATIVE "Compile training and benchmarks for this very machine" ${PROJECT_IS_TOP_LEVEL})
set(SELFPRED_SANITIZE "" CACHE STRING "Sanitizers, such as address,undefined")

get_property(multi GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(PROJECT_IS_TOP_LEVEL AND NOT multi AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

add_library(selfpred_dev INTERFACE)
target_compile_options(selfpred_dev INTERFACE -Wall -Wextra -Wpedantic $<$<BOOL:${SELFPRED_WERROR}>:-Werror>)
if(SELFPRED_SANITIZE)
  set(flags -fsanitize=${SELFPRED_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(selfpred_dev INTERFACE ${flags})
  target_link_options(selfpred_dev INTERFACE ${flags})
endif()

# Tests and small examples are compiled more often than they run: -O1 takes half the time of -O3 over Eigen's products.
add_library(selfpred_quick INTERFACE)
target_compile_options(selfpred_quick INTERFACE $<$<CONFIG:Release>:-O1>)

# Training and benchmarks are there to be fast.
add_library(selfpred_native INTERFACE)
target_compile_options(selfpred_native INTERFACE -O3 $<$<BOOL:${SELFPRED_NATIVE}>:-march=native>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-uninitialized>) # g++ 12 warns in its own AVX-512 headers (GCC bug 105593)

# selfpred_need(<target> <package> <name of the download>): the system's package, else the download, else a sentence.
macro(selfpred_need target package name)
  if(NOT TARGET ${target})
    find_package(${package} QUIET)
  endif()
  if(NOT TARGET ${target} AND SELFPRED_FETCH)
    include(${PROJECT_SOURCE_DIR}/.cmake/fetch.cmake)
    selfpred_fetch(${name})
  endif()
  if(NOT TARGET ${target})
    message(FATAL_ERROR "selfpred: ${package} is missing. `sh tests/setup.sh` installs what the tests and examples need; "
      "-DSELFPRED_FETCH=ON downloads it; -DSELFPRED_BUILD_TESTS=OFF, _EXAMPLES=OFF, _BENCH=OFF leave them out.")
  endif()
endmacro()
