// SPDX-License-Identifier: MIT
// main.cpp: the main function that Catch2 2 leaves to its user, compiled once; Catch2 3 brings its own.
#if !__has_include(<catch2/catch_test_macros.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
