# SPDX-License-Identifier: MIT
# What a machine may lack, as tarballs with their hashes. Nothing here runs unless SELFPRED_FETCH is on and the system has no such package.
include(FetchContent)

FetchContent_Declare(selfpred_eigen3 SOURCE_SUBDIR headers-only
  URL https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.gz
  URL_HASH SHA256=8586084f71f9bde545ee7fa6d00288b264a2b7ac3607b974e54d13e7162c1c72)
FetchContent_Declare(selfpred_catch2
  URL https://github.com/catchorg/Catch2/archive/refs/tags/v3.7.1.tar.gz
  URL_HASH SHA256=c991b247a1a0d7bb9c39aa35faf0fe9e19764213f28ffba3109388e62ee0269c)
FetchContent_Declare(selfpred_cli11 SOURCE_SUBDIR headers-only
  URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.4.2.tar.gz
  URL_HASH SHA256=f2d893a65c3b1324c50d4e682c0cdc021dd0477ae2c048544f39eed6654b699a)
FetchContent_Declare(selfpred_benchmark
  URL https://github.com/google/benchmark/archive/refs/tags/v1.8.3.tar.gz
  URL_HASH SHA256=6bc180a57d23d4d9515519f92b0c83d61b05b5bab188961f36ac7b06b0d9e9ce)
FetchContent_Declare(selfpred_nlohmann_json SOURCE_SUBDIR headers-only
  URL https://github.com/nlohmann/json/releases/download/v3.11.3/json.tar.xz
  URL_HASH SHA256=d6c65aca6b1ed68e7a182f4757257b107ae403032760ed6ef121c9d55e81757d)

# selfpred_fetch(eigen|catch2|cli11|benchmark|nlohmann_json): afterwards the target is there under its usual name.
function(selfpred_fetch name)
  message(STATUS "selfpred: no ${name} on this system, downloading it")
  if(name STREQUAL "eigen")
    selfpred_headers(Eigen3::Eigen selfpred_eigen3 .)
  elseif(name STREQUAL "cli11")
    selfpred_headers(CLI11::CLI11 selfpred_cli11 include)
  elseif(name STREQUAL "nlohmann_json")
    selfpred_headers(nlohmann_json::nlohmann_json selfpred_nlohmann_json include)
  elseif(name STREQUAL "catch2")
    FetchContent_MakeAvailable(selfpred_catch2)
    set(Catch2_DIR ${selfpred_catch2_SOURCE_DIR}/extras PARENT_SCOPE)
  elseif(name STREQUAL "benchmark")
    set(BENCHMARK_ENABLE_TESTING OFF)
    set(BENCHMARK_ENABLE_INSTALL OFF)
    FetchContent_MakeAvailable(selfpred_benchmark)
  endif()
endfunction()

# A library of headers needs no build of its own: unpack it and name its folder.
function(selfpred_headers target content folder)
  FetchContent_MakeAvailable(${content})
  add_library(${content} INTERFACE)
  add_library(${target} ALIAS ${content})
  target_include_directories(${content} SYSTEM INTERFACE ${${content}_SOURCE_DIR}/${folder})
endfunction()
