// Errors: their order, their number, and names that are near.
#include "tests/unit/frontend/Frontend.h"
#include <algorithm>

namespace shardc::frontend {
namespace {

TEST(Diagnostics, PrintsSortedByPlaceEachOnce) {
  SourceRef a = sourceOf("", "a.yaml"), b = sourceOf("", "b.yaml");
  Diagnostics diags;
  diags.error({b, 2, 1}, "second").note({a, 7, 8}, "set here").note("no place of its own");
  diags.error({a, 9, 1}, "fourth");
  diags.error({b, 1, 5}, "first");
  diags.error({a, 9, 1}, "fourth");
  diags.error({a}, "third: the whole file");
  EXPECT_EQ(diags.str(), "b.yaml:1:5: error: first\n"
                         "b.yaml:2:1: error: second\n"
                         "a.yaml:7:8: note: set here\n"
                         "b.yaml:2:1: note: no place of its own\n"
                         "a.yaml: error: third: the whole file\n"
                         "a.yaml:9:1: error: fourth\n");
}

TEST(Diagnostics, PrintsOnlySoMany) {
  Diagnostics diags;
  SourceRef file = sourceOf("");
  for (int line = 1; line <= 25; ++line)
    diags.error({file, line, 1}, "wrong");
  const std::string text = diags.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 21);
  EXPECT_TRUE(text.ends_with("test.yaml:20:1: error: wrong\n5 more errors are not shown\n"));
}

TEST(Nearest, FindsWhatWasMeant) {
  EXPECT_EQ(nearest("stesp", {"seed", "steps", "seq_len"}), "steps"); // two letters swapped
  EXPECT_EQ(nearest("hiddensize", {"hidden_size", "head_dim"}), "hidden_size");
  EXPECT_EQ(nearest("tp", {"dp", "tp"}), "tp");
  EXPECT_EQ(nearest("xyzzy", {"model", "plan"}), std::nullopt);
  EXPECT_EQ(nearest("", {}), std::nullopt);
  EXPECT_EQ(nearest(std::string(100000, 'a'), {std::string(100000, 'a')}), std::nullopt);
}

TEST(Listed, ReadsAsASentence) {
  EXPECT_EQ(listed({"a"}), "'a'");
  EXPECT_EQ(listed({"a", "b", "c"}), "'a', 'b' or 'c'");
  EXPECT_EQ(listed({"a", "b"}, "and"), "'a' and 'b'");
}

} // namespace
} // namespace shardc::frontend
