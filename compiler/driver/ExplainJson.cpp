//===- ExplainJson.cpp - what `shardc explain --json` prints ---------------===//
//
// Its keys are documented in docs/language.md, and stay.
//
//===----------------------------------------------------------------------===//

#include "compiler/driver/Explain.h"
#include "compiler/driver/ExplainMemory.h"

using namespace shardc;
using Json = nlohmann::ordered_json;

static Json movementsJson(const std::vector<Movement> &movements, const MeshNames &written) {
  Json list = Json::array();
  for (const Movement &m : movements)
    list.push_back({{"collective", m.kind},
                    {"mesh_axes", written(m.meshAxes)},
                    {"count", m.count},
                    {"meetings", m.meetings},
                    {"ahead", m.ahead},
                    {"bytes", m.bytes}});
  return list;
}

static Json parametersJson(const ProgramReport &program, const MeshNames &written) {
  Json parameters = Json::array();
  for (const ParameterLayout &p : program.parameters) {
    Json axes = Json::array();
    for (auto [axis, rests] : llvm::zip(p.inUse.getAxes(), p.type.getAxes()))
      axes.push_back({{"name", nn::plainName(axis.getName()).str()},
                      {"size", axis.getSize()},
                      {"mesh", written(axis.getMesh())},
                      {"mesh_at_rest", written(rests.getMesh())}});
    parameters.push_back({{"name", p.range},
                          {"axes", axes},
                          {"instances", p.instances},
                          {"bytes_per_rank", p.bytesPerRank()}});
    if (p.isCopy)
      parameters.back()["is_copy"] = true;
  }
  return parameters;
}

/// What is said of a program, added to `report`.
static void addProgram(Json &report, const ProgramReport &program, const MeshNames &written) {
  report["parameters"] = parametersJson(program, written);
  report["memory"] = memoryJson(program.memory);
  report["collectives_per_step"] = movementsJson(program.step, written);
  report["collectives_per_eval_batch"] = movementsJson(program.eval, written);
}

Json shardc::explanationJson(const Explanation &e) {
  Json report = {{"identity", e.identity}, {"rules", e.rules}, {"rules_at_rest", e.rulesAtRest}};
  if (!e.timetable) {
    addProgram(report, e.programs.front(), e.meshNames);
    return report;
  }
  report["pipeline"] = pipelineJson(*e.timetable);
  report["stages"] = Json::array();
  for (const ProgramReport &program : e.programs) {
    Json stage = Json::object();
    addProgram(stage, program, e.meshNames);
    stage["messages_per_step"] = Json::array();
    for (const Movement &m : program.messages)
      stage["messages_per_step"].push_back(
          {{"to_stage", m.peer}, {"count", m.count}, {"ahead", m.ahead}, {"bytes", m.bytes}});
    report["stages"].push_back(std::move(stage));
  }
  return report;
}
