// Each errors/*.yaml is a job that loads and has no program.
#include "compiler/frontend/build/BuildModule.h"
#include "tests/unit/frontend/ErrorCases.h"

namespace shardc::frontend {
namespace {

class BuildErrors : public testing::TestWithParam<std::string> {};

TEST_P(BuildErrors, PrintsExactly) {
  std::filesystem::current_path(ERRORS_DIR); // so that names in errors are short
  Diagnostics diags;
  std::optional<Job> job = loadJob(GetParam() + ".yaml", withPlans(), diags);
  ASSERT_TRUE(job) << diags.str();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  EXPECT_FALSE(buildModule(context, *job, diags));
  expectPrinted(GetParam(), diags.str());
}

INSTANTIATE_TEST_SUITE_P(All, BuildErrors, testing::ValuesIn(casesIn(ERRORS_DIR)),
                         [](const auto &info) { return info.param; });

TEST(BuildErrorsSuite, IsLarge) {
  EXPECT_GE(casesIn(ERRORS_DIR).size(), 80u);
}

} // namespace
} // namespace shardc::frontend
