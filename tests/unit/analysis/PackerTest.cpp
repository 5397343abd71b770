//===- PackerTest.cpp - packing and its judge -----------------------------===//

#include "compiler/analysis/Packer.h"

#include <gtest/gtest.h>

#include <random>

using namespace shardc;

TEST(Packer, NothingIsEmpty) {
  Packing packing = pack({});
  EXPECT_EQ(packing.bytes, 0);
  EXPECT_FALSE(findClash({}, packing));
}

TEST(Packer, SharesBytesOfThoseThatDontMeet) {
  std::vector<Lifetime> lifetimes = {{128, 0, 1}, {128, 2, 3}, {64, 0, 3}};
  Packing packing = pack(lifetimes);
  EXPECT_EQ(packing.offsets[0], packing.offsets[1]);
  EXPECT_EQ(packing.bytes, 192);
  EXPECT_FALSE(findClash(lifetimes, packing));
}

TEST(Packer, BothEndsAreAlive) {
  // The op at step 1 reads the first while it writes the second.
  std::vector<Lifetime> lifetimes = {{64, 0, 1}, {64, 1, 2}};
  EXPECT_EQ(pack(lifetimes).bytes, 128);
}

TEST(Packer, FillsAGapBetween) {
  // a and c leave 64 bytes between them at step 2, after b has ended; d fits there.
  std::vector<Lifetime> lifetimes = {{192, 0, 3}, {128, 0, 1}, {64, 0, 3}, {100, 2, 3}};
  Packing packing = pack(lifetimes);
  EXPECT_EQ(packing.offsets[3], packing.offsets[1]);
  EXPECT_EQ(packing.bytes, lowerBound(lifetimes));
}

TEST(Packer, OffsetsAreAligned) {
  std::vector<Lifetime> lifetimes = {{1, 0, 0}, {65, 0, 0}, {7, 0, 0}};
  Packing packing = pack(lifetimes);
  for (int64_t offset : packing.offsets)
    EXPECT_EQ(offset % 64, 0);
  EXPECT_EQ(packing.bytes, 128 + 64 + 1) << "the last needs no rounding: the peak is the last byte used";
}

TEST(Packer, RandomProgramsAreValidAndNotFarFromTheBound) {
  std::mt19937 random(7);
  double worst = 1;
  for (int round = 0; round < 500; ++round) {
    std::vector<Lifetime> lifetimes(1 + random() % 60);
    for (Lifetime &lifetime : lifetimes) {
      lifetime.bytes = 1 + random() % 4096;
      lifetime.begin = random() % 50;
      lifetime.end = lifetime.begin + random() % 12;
    }
    Packing packing = pack(lifetimes);
    ASSERT_FALSE(findClash(lifetimes, packing)) << "round " << round;
    int64_t bound = lowerBound(lifetimes);
    ASSERT_GE(packing.bytes, bound);
    worst = std::max(worst, double(packing.bytes) / double(bound));
  }
  EXPECT_LT(worst, 2) << "first fit, largest first, stays near the most that is alive at once";
}

TEST(Packer, TheJudgeFindsPlantedFaults) {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> lifetimes(2 + random() % 20);
    for (Lifetime &lifetime : lifetimes)
      lifetime = {64 * int64_t(1 + random() % 8), int(random() % 10), 0};
    for (Lifetime &lifetime : lifetimes)
      lifetime.end = lifetime.begin + random() % 5;
    Packing packing = pack(lifetimes);
    size_t a = random() % lifetimes.size(), b = (a + 1) % lifetimes.size();
    bool meet = lifetimes[a].begin <= lifetimes[b].end && lifetimes[b].begin <= lifetimes[a].end;
    packing.offsets[a] = packing.offsets[b]; // on top of each other
    packing.bytes += 4096;
    if (meet) {
      EXPECT_TRUE(findClash(lifetimes, packing)) << "round " << round;
    }
    packing.offsets[a] = 32;
    EXPECT_TRUE(findClash(lifetimes, packing)) << "misaligned";
    packing.offsets[a] = packing.bytes;
    EXPECT_TRUE(findClash(lifetimes, packing)) << "outside";
  }
}
