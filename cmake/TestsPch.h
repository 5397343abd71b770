// Precompiled for tests/: also GoogleTest.
#pragma once
#include "cmake/DialectsPch.h"

#include <gtest/gtest.h>
