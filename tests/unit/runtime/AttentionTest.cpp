//===- AttentionTest.cpp - attention against plain f64 --------------------===//
#include "AttentionReference.h"

#include <gtest/gtest.h>
#include <omp.h>

using namespace attention_test;

namespace {

struct Sizes {
  int64_t batch, seq, keySeq, kvHeads, group, headDim, valueDim;
};

/// One attention with its operands, dense in f64 and in the kernel's memory.
struct Problem {
  AttentionShape s;
  AttentionPlace place;
  AttentionRandom random;
  Tensor q, k, v, dOut;
  Strided kq, kk, kv, kOut, kLse, kdOut, kdQ, kdK, kdV;
  std::vector<float> scratch;

  explicit Problem(Sizes z, Order order = kBatchFirst, int64_t gap = 0)
      : s{z.batch,
          z.seq,
          z.keySeq,
          z.kvHeads,
          z.group,
          z.headDim,
          z.valueDim,
          {},
          {},
          {},
          {},
          {},
          float(1 / std::sqrt(double(z.headDim)))},
        kq({z.batch, z.seq, z.kvHeads, z.group, z.headDim}, order, gap),
        kk({z.batch, z.keySeq, z.kvHeads, 1, z.headDim}, order, gap),
        kv({z.batch, z.keySeq, z.kvHeads, 1, z.valueDim}, order, gap),
        kOut({z.batch, z.seq, z.kvHeads, z.group, z.valueDim}, order, gap),
        kLse({z.batch, z.seq, z.kvHeads, z.group, 1}, order), kdOut(kOut), kdQ(kq), kdK(kk), kdV(kv) {
    s.q = kq.at, s.k = kk.at, s.v = kv.at, s.out = kOut.at, s.lse = kLse.at;
    q = randomTensor(z.batch * z.seq * z.kvHeads * z.group * z.headDim, 1, 2);
    k = randomTensor(z.batch * z.keySeq * z.kvHeads * z.headDim, 2, 2);
    v = randomTensor(z.batch * z.keySeq * z.kvHeads * z.valueDim, 3, 1);
    dOut = randomTensor(z.batch * z.seq * z.kvHeads * z.group * z.valueDim, 4, 1);
    kq.set(q), kk.set(k), kv.set(v), kdOut.set(dOut);
  }

  void forward() {
    scratch.assign(attentionScratchBytes(s, omp_get_max_threads()) / sizeof(float), NAN);
    attentionForward(s, place, random, kq.data.data(), kk.data.data(), kv.data.data(), kOut.data.data(),
                     kLse.data.data(), scratch.data());
  }
  void backward() {
    scratch.assign(scratch.size(), NAN); // nothing may be left over from forward
    attentionBackward(s, {kdOut.at, kdQ.at, kdK.at, kdV.at}, place, random, kq.data.data(), kk.data.data(),
                      kv.data.data(), kOut.data.data(), kLse.data.data(), kdOut.data.data(), kdQ.data.data(),
                      kdK.data.data(), kdV.data.data(), scratch.data());
  }
  Reference reference() const { return {s, place, random}; }

  // Error bounds, with u = 2^-24. A score is a sum of headDim products below 4, times scale: it is off by at
  // most (headDim + 4) u of the sum of magnitudes. A probability then is off by twice that (its own score and
  // lse) and 8 u for two exponentials and the division, relative; sums over keys add an ulp a term.
  double u() const { return 0x1p-24; }
  double probabilityError() const {
    return 2 * double(s.headDim + 4) * u() * 4 * double(s.headDim) * double(s.scale) + 8 * u();
  }
  double keep() const { return 1 / (1 - double(s.dropout)); }
  double outError() const { return (probabilityError() + double(s.keySeq) * u()) * keep(); }
  /// dScore / P: dP and delta are sums of valueDim products below 1, each at most valueDim (times keep).
  double scoreGradientError() const {
    double largest = 2 * double(s.valueDim) * keep();
    return largest * (probabilityError() + 2 * double(s.valueDim + 4) * u()) +
           double(s.valueDim) * outError();
  }
  /// Probabilities of a row sum to 1; q and k are below 2.
  double dQError() const { return 2 * double(s.scale) * scoreGradientError() * (1 + double(s.keySeq) * u()); }
  /// Each of the queries adds at most that.
  double dKError() const { return double(s.seq * s.group) * dQError(); }
  double dVError() const { return double(s.seq * s.group) * (probabilityError() + 8 * u()) * keep(); }
};

void expectClose(const Tensor &found, const Tensor &expected, double tolerance, const char *what) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    if (expected[i] == -INFINITY && found[i] == -INFINITY)
      continue;
    ASSERT_NEAR(found[i], expected[i], tolerance) << what << " " << i;
  }
}

void checkForward(Problem &p) {
  Tensor out, lse;
  p.reference().forward(p.q, p.k, p.v, out, lse);
  for (size_t i = 0; i < lse.size(); ++i) // a row that sees nothing gives zeros
    if (lse[i] == -INFINITY)
      std::fill_n(out.begin() + i * p.s.valueDim, p.s.valueDim, 0.0);
  p.forward();
  expectClose(p.kOut.get(), out, p.outError(), "out");
  // lse is below 4 headDim scale + log keySeq and takes a score's error and three roundings.
  double magnitude = 4 * double(p.s.headDim) * double(p.s.scale) + std::log(double(p.s.keySeq));
  expectClose(p.kLse.get(), lse, p.probabilityError() + 3 * p.u() * magnitude, "lse");
}

/// Central differences of the f64 reference, at up to 24 elements of each operand.
void checkBackward(Problem &p) {
  p.forward();
  p.backward();
  Reference reference = p.reference();
  auto check = [&](Tensor &operand, const Tensor &gradient, double tolerance, const char *what) {
    ASSERT_EQ(operand.size(), gradient.size());
    size_t stride = std::max<size_t>(1, operand.size() / 23);
    for (size_t i = 0; i < operand.size(); i += stride) {
      constexpr double h = 1e-4; // its own error, h^2 / 6 of the third derivative, is far below the tolerance
      double kept = operand[i];
      operand[i] = kept + h;
      double above = reference.loss(p.q, p.k, p.v, p.dOut);
      operand[i] = kept - h;
      double below = reference.loss(p.q, p.k, p.v, p.dOut);
      operand[i] = kept;
      ASSERT_NEAR(gradient[i], (above - below) / (2 * h), tolerance + 1e-7) << what << " " << i;
    }
  };
  check(p.q, p.kdQ.get(), p.dQError(), "dQ");
  check(p.k, p.kdK.get(), p.dKError(), "dK");
  check(p.v, p.kdV.get(), p.dVError(), "dV");
}

void checkBoth(Problem &p) {
  checkForward(p);
  checkBackward(p);
}

TEST(Attention, CausalOfEverySize) {
  for (int64_t seq : {1, 3, 15, 16, 17, 32, 33, 70})
    for (int64_t dim : {1, 8, 20, 64}) {
      SCOPED_TRACE("seq " + std::to_string(seq) + " dim " + std::to_string(dim));
      Problem p({1, seq, seq, 2, 1, dim, dim});
      checkBoth(p);
    }
}

TEST(Attention, GroupedQueriesAndManyHeads) {
  Problem grouped({2, 37, 37, 2, 3, 12, 12}), many({5, 19, 19, 4, 2, 16, 16});
  checkBoth(grouped);
  checkBoth(many); // 20 key-value heads: no pieces
}

TEST(Attention, ValuesOfAnotherSize) {
  Problem wide({1, 21, 21, 2, 1, 12, 40}), narrow({1, 21, 21, 2, 1, 40, 5});
  checkBoth(wide);
  checkBoth(narrow);
}

TEST(Attention, AnyStrides) {
  for (Order order : {kSeqFirst, kHeadsFirst, kDimNotUnit})
    for (int64_t gap : {0, 3}) {
      Problem p({2, 35, 35, 2, 2, 17, 17}, order, gap);
      checkBoth(p);
    }
}

TEST(Attention, NotCausal) {
  Problem p({1, 34, 50, 2, 2, 16, 16});
  p.s.causal = false;
  checkBoth(p);
}

TEST(Attention, Windows) {
  for (bool causal : {true, false})
    for (int64_t window : {1, 7, 16, 33, 500}) {
      SCOPED_TRACE("window " + std::to_string(window));
      Problem p({1, 90, 90, 1, 2, 16, 16});
      p.s.window = window;
      p.s.causal = causal;
      checkBoth(p);
    }
}

TEST(Attention, SoftCap) {
  Problem p({1, 40, 40, 2, 1, 16, 16});
  p.s.softCap = 1.5f; // scores reach 4: well into the bend
  checkBoth(p);
}

TEST(Attention, Dropout) {
  Problem p({2, 40, 40, 2, 2, 16, 16});
  p.s.dropout = 0.3f;
  p.random = {42, {3, 100, 77}, 5};
  checkBoth(p);
}

TEST(Attention, QueriesThatSeeNothing) {
  // Keys start at position 20, queries at 10: rows 0 to 9 see no key.
  Problem p({1, 30, 25, 2, 1, 16, 16});
  p.place.query = 10, p.place.key = 20;
  checkForward(p);
  p.backward();
  for (const Tensor &gradient : {p.kdQ.get(), p.kdK.get(), p.kdV.get()})
    for (double value : gradient)
      ASSERT_TRUE(std::isfinite(value));
  Tensor dQ = p.kdQ.get();
  for (int64_t i = 0; i < 10 * 2 * 16; ++i)
    ASSERT_EQ(dQ[i], 0);
}

TEST(Attention, EachOffsetOfAQueryBlock) {
  // A rank with queries [30, 47) of 47 and all keys sees what those rows of the whole see.
  for (int64_t window : {0, 9}) {
    Problem p({1, 17, 47, 2, 1, 16, 16});
    p.place.query = 30;
    p.s.window = window;
    checkBoth(p);
  }
}

TEST(Attention, ThreadsDoNotChangeABit) {
  for (Sizes sizes : {Sizes{1, 100, 100, 1, 2, 16, 16}, Sizes{4, 100, 100, 5, 1, 16, 16}}) {
    std::vector<std::vector<float>> results;
    int before = omp_get_max_threads();
    for (int threads : {1, 2, 3, 5}) {
      omp_set_num_threads(threads);
      Problem p(sizes);
      p.forward();
      p.backward();
      std::vector<float> all = p.kOut.data;
      for (const Strided *gradient : {&p.kdQ, &p.kdK, &p.kdV})
        all.insert(all.end(), gradient->data.begin(), gradient->data.end());
      results.push_back(all);
    }
    omp_set_num_threads(before);
    for (const std::vector<float> &result : results)
      EXPECT_EQ(result, results[0]);
  }
}

TEST(Attention, ManyKeysTakeSmallerBlocks) {
  for (int64_t keys : {5000, 9000}) {
    Problem p({1, 20, keys, 1, 1, 8, 8});
    p.place.query = keys - 20;
    checkBoth(p);
  }
}

} // namespace
