#ifndef BANYAN_BAZEL_TEST_PRELUDE_H_
#define BANYAN_BAZEL_TEST_PRELUDE_H_

// prelude.h for the sources of tests.

#include "bazel/prelude.h"

#ifndef BANYAN_NO_PRELUDE

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#endif  // BANYAN_NO_PRELUDE

#endif  // BANYAN_BAZEL_TEST_PRELUDE_H_
