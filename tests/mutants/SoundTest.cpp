//===- SoundTest.cpp - no layer says anything of sound programs -----------===//
//
// Jobs drawn at random, taken down to dist and to exec. Whatever the frontend accepts is sound: the passes
// and the judges that see mutants must have nothing to say of it.
//
// 30 programs, with SHARDC_SLOW_TESTS 300; they are other ones than the property test's. A failing case
// prints its job.
//
//===----------------------------------------------------------------------===//

#include "tests/mutants/Judge.h"
#include "tests/unit/property/RandomJob.h"

#include <cstdlib>
#include <gtest/gtest.h>

using namespace mlir;
using namespace shardc::mutants;
using namespace shardc::interpreter::test;

namespace {

const int programs = std::getenv("SHARDC_SLOW_TESTS") ? 300 : 30;
constexpr uint64_t firstSeed = 1000000;

/// Programs are dealt out to a few tests, so that they run side by side.
constexpr int shares = 2;
struct Sound : testing::TestWithParam<int> {};

/// Whether the job is one that the frontend accepts.
bool judgeBoth(const std::string &text) {
  auto job = std::make_shared<JobUnderTest>(text);
  OwningOpRef<ModuleOp> built = job->isValid() ? job->build() : nullptr;
  if (!built)
    return false;
  std::optional<Program> program = compile("random", job, std::move(built));
  EXPECT_TRUE(program) << "the frontend accepts it, then: " << job->errors;
  for (Level level : {Level::dist, Level::exec})
    if (program) {
      Verdict verdict = judge(*program, level);
      EXPECT_EQ(verdict.layer, Layer::none)
          << (level == Level::dist ? "in dist: " : "in exec: ") << verdict.why;
    }
  return true;
}

TEST_P(Sound, nothingIsSaidOfIt) {
  uint64_t seed = firstSeed + uint64_t(GetParam());
  for (int judged = 0; judged < programs / shares; seed += shares) {
    std::string text = randomJob(seed);
    judged += judgeBoth(text);
    if (HasFailure())
      FAIL() << "the job that fails:\n" << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Share, Sound, testing::Range(0, shares));

} // namespace
