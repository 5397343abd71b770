// Each errors/*.yaml is a wrong job. A first line `# set: a=b; c=d` gives `--set` options; other files that a
// job names lie in errors/parts.
#include "tests/unit/frontend/ErrorCases.h"
#include <sstream>

namespace shardc::frontend {
namespace {

std::vector<std::string> setsOf(const std::string &text) {
  const std::string mark = "# set: ";
  if (!text.starts_with(mark))
    return {};
  std::vector<std::string> sets;
  std::istringstream line(text.substr(mark.size(), text.find('\n') - mark.size()));
  for (std::string set; std::getline(line >> std::ws, set, ';');)
    sets.push_back(set);
  return sets;
}

class Errors : public testing::TestWithParam<std::string> {};

TEST_P(Errors, PrintsExactly) {
  std::filesystem::current_path(ERRORS_DIR); // so that names in errors are short
  const std::string job = GetParam() + ".yaml";
  Diagnostics diags;
  EXPECT_FALSE(loadJob(job, withPlans(setsOf(contentsOf(job))), diags));
  expectPrinted(GetParam(), diags.str());
}

INSTANTIATE_TEST_SUITE_P(All, Errors, testing::ValuesIn(casesIn(ERRORS_DIR)),
                         [](const auto &info) { return info.param; });

TEST(ErrorsSuite, IsLarge) {
  EXPECT_GE(casesIn(ERRORS_DIR).size(), 50u);
}

} // namespace
} // namespace shardc::frontend
