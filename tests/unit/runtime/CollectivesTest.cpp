//===- CollectivesTest.cpp - every collective against its plain meaning ----===//
//
// CollectivesWorker compares bit by bit; here the worlds: sizes, meshes, one node or as many as ranks, slow
// ranks. The hash over all results is the same in every run, with any number of threads, and on both paths.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/runtime/Launch.h"
#include <gtest/gtest.h>
#include <sstream>

namespace rt::test {
namespace {

struct Case {
  int ranks;
  const char *mesh;
  int ranksPerNode; // of the path across nodes; 2: some groups on one node, others across
};
void PrintTo(const Case &world, std::ostream *out) {
  *out << world.mesh;
}

class CollectivesTest : public testing::TestWithParam<Case> {
protected:
  /// "rank N: ... hash X" of all ranks, sorted: launchers may interleave lines.
  std::string hashes(const std::string &environment, const std::string &mode = "") {
    Outcome outcome =
        runCommand(mpirun(GetParam().ranks, std::string(WORKER) + " " + GetParam().mesh + mode, environment));
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    std::vector<std::string> lines;
    std::istringstream text(outcome.text);
    for (std::string line; std::getline(text, line);)
      if (line.find("hash") != std::string::npos)
        lines.push_back(line);
    EXPECT_EQ(std::ssize(lines), GetParam().ranks) << outcome.text;
    std::sort(lines.begin(), lines.end());
    std::string all;
    for (const std::string &line : lines)
      all += line + "\n";
    return all;
  }
};

TEST_P(CollectivesTest, sameBitsOnBothPathsAndBySlowRanks) {
  const std::string first = hashes("OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive");
  EXPECT_EQ(first, hashes("OMP_NUM_THREADS=1", " slow"));
  if (GetParam().ranksPerNode > 0)
    EXPECT_EQ(first,
              hashes("OMP_NUM_THREADS=1 SHARDC_FORCE_REMOTE=" + std::to_string(GetParam().ranksPerNode)));
}

INSTANTIATE_TEST_SUITE_P(Worlds, CollectivesTest,
                         testing::Values(Case{1, "1", 0}, Case{2, "2", 1}, Case{3, "3", 2}, Case{4, "2x2", 2},
                                         Case{4, "4", 1}, Case{8, "2x4", 1}, Case{8, "2x2x2", 2}),
                         [](const auto &info) {
                           std::string name = info.param.mesh;
                           return "Mesh" + name;
                         });

} // namespace
} // namespace rt::test
