// SPDX-License-Identifier: MIT
// engine.cpp: the host engine and the eigensolvers, instantiated once for all tests.
