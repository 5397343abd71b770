// What the tests of the frontend share: text as a file, and trees that must be right.
#pragma once
#include "compiler/frontend/JobSpec.h"
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace shardc::frontend {

inline SourceRef sourceOf(const std::string &text, const std::string &name = "test.yaml") {
  return std::make_shared<SourceFile>(SourceFile{name, text});
}

/// The tree of right YAML.
inline Node treeOf(const std::string &text) {
  Diagnostics diags;
  std::optional<Node> root = parseYaml(sourceOf(text), diags);
  EXPECT_TRUE(root) << diags.str();
  return root ? std::move(*root) : Node();
}

/// What reading wrong YAML reports.
inline std::string yamlErrors(const std::string &text) {
  Diagnostics diags;
  EXPECT_FALSE(parseYaml(sourceOf(text), diags));
  return diags.str();
}

inline LoadOptions withPlans(std::vector<std::string> sets = {}) {
  return {std::move(sets), {PLANS_DIR}};
}

/// A folder of its own for a test's files, gone afterwards.
class TestFolder {
public:
  TestFolder() {
    const auto *test = testing::UnitTest::GetInstance()->current_test_info();
    root = std::filesystem::temp_directory_path() / (std::string("shardc-") + test->test_suite_name() + "-" +
                                                     test->name() + "-" + std::to_string(getpid()));
    std::filesystem::create_directories(root);
  }
  ~TestFolder() { std::filesystem::remove_all(root); }

  std::string write(const std::string &name, const std::string &text) const {
    std::filesystem::create_directories((root / name).parent_path());
    std::ofstream(root / name, std::ios::binary) << text;
    return (root / name).string();
  }
  std::string path(const std::string &name) const { return (root / name).string(); }

private:
  std::filesystem::path root;
};

} // namespace shardc::frontend
