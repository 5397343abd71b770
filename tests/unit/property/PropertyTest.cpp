//===- PropertyTest.cpp - random models under random plans ----------------===//
//
// For each seed: a job is refused with an error, or
//   - the placed program, of a pipeline all its stages, computes what one device computes, within 1e-12,
//   - removing all placements gives back the program that was placed, byte for byte.
//
// SHARDC_PROPERTY_CASES sets how many seeds are tried (default 200), SHARDC_PROPERTY_SEED the first. A
// failing case prints the job that fails.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/interpreter/JobSupport.h"
#include "tests/unit/property/RandomJob.h"

#include <cstdlib>
#include <gtest/gtest.h>

using namespace mlir;
using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

int64_t setting(const char *name, int64_t otherwise) {
  const char *text = std::getenv(name);
  return text ? std::atoll(text) : otherwise;
}

enum class Outcome { Holds, Refused, Fails };

/// The job was refused: fine if something says why.
Outcome refused(const JobUnderTest &test) {
  EXPECT_FALSE(test.errors.empty()) << "refused without an error";
  return test.errors.empty() ? Outcome::Fails : Outcome::Refused;
}

Outcome check(const std::string &text) {
  JobUnderTest test(text);
  OwningOpRef<ModuleOp> global = test.isValid() ? test.build() : nullptr;
  if (!global || failed(test.toStep(*global)))
    return refused(test);
  OwningOpRef<ModuleOp> placed = test.place(*global);
  if (testing::Test::HasFailure())
    return Outcome::Fails;
  if (!placed)
    return refused(test);
  std::optional<Comparison> comparison = test.compare(*global, *placed, 2);
  EXPECT_TRUE(comparison && comparison->passes()) << (comparison ? textOf(*comparison) : test.errors);
  return comparison && comparison->passes() ? Outcome::Holds : Outcome::Fails;
}

/// Seeds are dealt out to a few tests, so that they run side by side.
constexpr int64_t shares = 4;
struct Property : testing::TestWithParam<int64_t> {};

TEST_P(Property, placedProgramsAreTheGlobalProgram) {
  int64_t cases = setting("SHARDC_PROPERTY_CASES", 200), first = setting("SHARDC_PROPERTY_SEED", 1);
  int64_t tried = 0, held = 0;
  for (int64_t seed = first + GetParam(); seed < first + cases; seed += shares, ++tried) {
    std::string text = randomJob(static_cast<uint64_t>(seed));
    Outcome outcome = check(text);
    held += outcome == Outcome::Holds;
    if (outcome == Outcome::Fails)
      FAIL() << "the job that fails:\n" << text;
  }
  RecordProperty("held", static_cast<int>(held));
  EXPECT_GE(held, tried / 2) << "most jobs should be ones that can be placed";
}

INSTANTIATE_TEST_SUITE_P(Share, Property, testing::Range<int64_t>(0, shares));

} // namespace
