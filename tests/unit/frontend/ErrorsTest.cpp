// Each errors/*.yaml is a wrong job; errors/*.txt beside it is what must be printed, to the letter.
// A first line `# set: a=b; c=d` gives `--set` options; other files that a job names lie in errors/parts.
// With SHARDC_UPDATE_ERRORS set, the expected texts are written anew, to be read before they are committed.
#include "tests/unit/frontend/Frontend.h"
#include <algorithm>
#include <cstdlib>
#include <sstream>

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
  std::string printed = diags.str();
  const std::string plans = PLANS_DIR;
  for (size_t at; (at = printed.find(plans)) != std::string::npos;)
    printed.replace(at, plans.size(), "plans");
  if (std::getenv("SHARDC_UPDATE_ERRORS"))
    std::ofstream(GetParam() + ".txt") << printed;
  EXPECT_FALSE(printed.empty());
  EXPECT_EQ(printed, contentsOf(GetParam() + ".txt"));
}

INSTANTIATE_TEST_SUITE_P(All, Errors, testing::ValuesIn(casesIn(ERRORS_DIR)),
                         [](const auto &info) { return info.param; });

TEST(ErrorsSuite, IsLarge) {
  EXPECT_GE(casesIn(ERRORS_DIR).size(), 50u);
}

} // namespace
} // namespace shardc::frontend
