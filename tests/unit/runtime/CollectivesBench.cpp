//===- CollectivesBench.cpp - collectives beside MPI's ---------------------===//
//
// usage: mpirun --oversubscribe --bind-to none -n 4 CollectivesBench
//
// Median milliseconds of one collective over all ranks, for sizes from a scalar to 64 MB.
//
//===----------------------------------------------------------------------===//
#include "runtime/comm/Collectives.h"
#include "runtime/comm/World.h"
#include <algorithm>
#include <cstdio>
#include <functional>
#include <mpi.h>
#include <omp.h>
#include <vector>

using namespace rt;

namespace {

double medianMilliseconds(int repeats, const std::function<void()> &work) {
  std::vector<double> times;
  for (int i = 0; i < repeats + 2; ++i) {
    const double start = MPI_Wtime();
    work();
    times.push_back((MPI_Wtime() - start) * 1e3);
  }
  std::sort(times.begin() + 2, times.end()); // the first two warm up
  return times[2 + repeats / 2];
}

} // namespace

int main(int argc, char **argv) {
  World world(argc, argv);
  const int n = world.size();
  const MeshAxis mesh[] = {{"all", n}};
  const GroupSpec groups[] = {{"all", {0}}};
  constexpr std::int64_t most = 1 << 24;
  Context &context = world.build({mesh, groups, 3 * most * static_cast<std::int64_t>(sizeof(float))});
  omp_set_num_threads(std::max(1, omp_get_num_procs() / n));
  Group &group = context.group(0);
  auto *in = context.at<float>(0), *out = in + most, *scratch = out + most;
  std::fill(in, in + 3 * most, 1.0f);
  if (world.rank() == 0)
    std::printf("%10s %12s %12s %14s %12s %12s %12s\n", "floats", "all-reduce", "MPI's", "reduce-scatter",
                "MPI's", "all-gather", "MPI's");
  for (std::int64_t size :
       {std::int64_t(1), std::int64_t(1024), std::int64_t(1) << 15, std::int64_t(1) << 20, most}) {
    const std::int64_t part = std::max<std::int64_t>(1, size / n);
    const int repeats = size > 1 << 20 ? 7 : 51;
    const double times[] = {
        medianMilliseconds(repeats, [&] { allReduce(group, in, out, size); }),
        medianMilliseconds(repeats,
                           [&] { MPI_Allreduce(in, out, size, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD); }),
        medianMilliseconds(repeats, [&] { reduceScatter(group, in, out, {.outer = 1, .chunk = part}); }),
        medianMilliseconds(
            repeats,
            [&] { MPI_Reduce_scatter_block(in, scratch, part, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD); }),
        medianMilliseconds(repeats, [&] { allGather(group, in, out, {.outer = 1, .chunk = part}); }),
        medianMilliseconds(
            repeats, [&] { MPI_Allgather(in, part, MPI_FLOAT, out, part, MPI_FLOAT, MPI_COMM_WORLD); })};
    if (world.rank() == 0)
      std::printf("%10ld %12.3f %12.3f %14.3f %12.3f %12.3f %12.3f\n", size, times[0], times[1], times[2],
                  times[3], times[4], times[5]);
  }
  world.leave(0);
}
