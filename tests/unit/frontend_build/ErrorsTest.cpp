// Each errors/*.yaml is a job that loads and has no program; errors/*.txt beside it is what must be printed,
// to the letter. With SHARDC_UPDATE_ERRORS set, the expected texts are written anew, to be read before they
// are committed.
#include "compiler/frontend/build/BuildModule.h"
#include "tests/unit/frontend/Frontend.h"

#include <algorithm>
#include <cstdlib>

namespace shardc::frontend {
namespace {

std::string contentsOf(const std::filesystem::path &path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> casesIn(const std::filesystem::path &folder) {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".yaml")
      names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class BuildErrors : public testing::TestWithParam<std::string> {};

TEST_P(BuildErrors, PrintsExactly) {
  std::filesystem::current_path(ERRORS_DIR); // so that names in errors are short
  Diagnostics diags;
  std::optional<Job> job = loadJob(GetParam() + ".yaml", withPlans(), diags);
  ASSERT_TRUE(job) << diags.str();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  EXPECT_FALSE(buildModule(context, *job, diags));
  std::string printed = diags.str();
  const std::string plans = PLANS_DIR;
  for (size_t at; (at = printed.find(plans)) != std::string::npos;)
    printed.replace(at, plans.size(), "plans");
  if (std::getenv("SHARDC_UPDATE_ERRORS"))
    std::ofstream(GetParam() + ".txt") << printed;
  EXPECT_FALSE(printed.empty());
  EXPECT_EQ(printed, contentsOf(GetParam() + ".txt"));
}

INSTANTIATE_TEST_SUITE_P(All, BuildErrors, testing::ValuesIn(casesIn(ERRORS_DIR)),
                         [](const auto &info) { return info.param; });

TEST(BuildErrorsSuite, IsLarge) {
  EXPECT_GE(casesIn(ERRORS_DIR).size(), 80u);
}

} // namespace
} // namespace shardc::frontend
