//===- MessagesTest.cpp - what stages send each other ----------------------===//
//
// MessagesWorker judges what arrives; here the worlds: meshes, where the stages lie in them, one node or
// several, slow ranks. All ways deliver the same.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/runtime/Launch.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <sstream>
#include <vector>

namespace rt::test {
namespace {

struct Case {
  int ranks;
  const char *mesh, *axis;
  int ranksPerNode; // of the way across nodes; more than 1: some messages stay on one node
};
void PrintTo(const Case &world, std::ostream *out) {
  *out << world.mesh << " along axis " << world.axis;
}

class MessagesTest : public testing::TestWithParam<Case> {
protected:
  std::vector<std::string> received(const std::string &environment, const std::string &mode = "") {
    const Case &world = GetParam();
    const Outcome outcome = runCommand(
        mpirun(world.ranks, std::string(MESSAGES_WORKER) + " " + world.mesh + " " + world.axis + " 20" + mode,
               "OMP_NUM_THREADS=1 " + environment, 60));
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    std::vector<std::string> lines;
    std::istringstream text(outcome.text);
    for (std::string line; std::getline(text, line);)
      if (line.find("hash") != std::string::npos)
        lines.push_back(line);
    EXPECT_EQ(std::ssize(lines), world.ranks) << outcome.text;
    std::sort(lines.begin(), lines.end());
    return lines;
  }
};

TEST_P(MessagesTest, arriveOnBothWaysAndBySlowRanks) {
  const auto first = received("");
  for (const std::string &line : first)
    EXPECT_EQ(line.find(": 0 messages"), std::string::npos) << line;
  EXPECT_EQ(first, received("", " slow"));
  const std::string nodes = "SHARDC_FORCE_REMOTE=" + std::to_string(GetParam().ranksPerNode);
  EXPECT_EQ(first, received(nodes));
  EXPECT_EQ(first, received(nodes, " slow"));
}

INSTANTIATE_TEST_SUITE_P(Worlds, MessagesTest,
                         testing::Values(Case{2, "2", "0", 1}, Case{4, "4", "0", 2}, Case{4, "2x2", "0", 2},
                                         Case{4, "2x2", "1", 1}, Case{6, "2x3", "1", 2}),
                         [](const auto &info) {
                           return std::string("Mesh") + info.param.mesh + "Axis" + info.param.axis;
                         });

/// Whoever waits for a message of the dead one, or for it to take one, says so and leaves; mpirun does not
/// help.
TEST(MessagesTest, aDeadRankIsNoticed) {
  for (const char *nodes : {"", "SHARDC_FORCE_REMOTE=2 "}) {
    const Outcome outcome = runCommand(
        "env FAULT='kill 1 3' OMP_NUM_THREADS=1 " + std::string(nodes) +
        "timeout -s KILL 8 mpirun -mca orte_abort_on_non_zero_status 0 --enable-recovery --allow-run-as-root "
        "--oversubscribe --bind-to none -n 4 sh -c '" MESSAGES_WORKER
        " 2x2 1 20; echo ended at $(date +%s)'");
    std::vector<long> ends;
    std::istringstream text(outcome.text);
    for (std::string line; std::getline(text, line);)
      if (long seconds; std::sscanf(line.c_str(), "ended at %ld", &seconds) == 1)
        ends.push_back(seconds);
    ASSERT_EQ(ends.size(), 4u) << outcome.text;
    EXPECT_LT(*std::ranges::max_element(ends) - *std::ranges::min_element(ends), 5) << outcome.text;
    EXPECT_NE(outcome.text.find("error: rank 1 (pid "), std::string::npos) << outcome.text;
  }
}

} // namespace
} // namespace rt::test
