//===- Harness.cpp - the main() of packages under test ---------------------===//
//
// trainer FOLDER: runs @init and step 0 once and leaves each rank's arena in FOLDER/rank-0.arena, ...
//
//===----------------------------------------------------------------------===//
#include "program.h"
#include "runtime/comm/World.h"
#include "runtime/core/Mesh.h"
#include "runtime/core/Program.h"

#include <cstring>
#include <fstream>
#include <span>
#include <string>

inline std::span<const rt::Program> programsOf(const rt::Program &program) {
  return {&program, 1};
}
inline std::span<const rt::Program> programsOf(std::span<const rt::Program> stages) {
  return stages;
}

int main(int argc, char **argv) {
  rt::World world(argc, argv);
  const std::span<const rt::Program> programs = programsOf(trainer::program);
  const auto place = rt::coordinatesOf(programs[0].mesh, world.rank());
  const rt::Program &program = programs[rt::stageAt(programs, place)];
  rt::Context &context = world.build({program.mesh, program.groups, program.arenaBytes, program.pipeline});
  *context.at<int64_t>(program.step.offset) = 0;
  *context.at<int64_t>(program.firstSample.offset) = 0;
  program.init(context);
  program.run(context);
  std::ofstream out(std::string(argv[1]) + "/rank-" + std::to_string(world.rank()) + ".arena",
                    std::ios::binary);
  out.write(reinterpret_cast<const char *>(context.arena), program.arenaBytes);
  out.close();
  world.agree(0);
  world.leave(out ? 0 : 1);
}
