//===- DecodeJob.h - checked trees of a plan and a recipe into types ------===//
//
// Each part on its own; what must agree between parts is CheckJob's.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/JobSpec.h"

namespace shardc::frontend {

/// A plan before its three ways to give micro-batches are made one: the batch decides.
struct PlanDraft {
  Plan plan;
  std::optional<Located<int64_t>> microbatches, accumulationSteps, microBatchSize;
};

std::optional<PlanDraft> decodePlan(const Node &root, Diagnostics &diags);
/// A rule `heads: tp` or `batch: [dp, ep]`, its mesh axes being the plan's.
AxisRule decodeRule(const Entry &entry, const Plan &plan, const Node &root, Diagnostics &diags);
/// `zero`, `parameters` and their short form into a plan whose mesh and rules are there.
void decodeAtRest(const Node &root, Plan &plan, Diagnostics &diags);
/// When movements of weights and gradients are issued, and how many together.
void decodeMovements(const Node &root, Plan &plan, Diagnostics &diags);
/// What a device has, by `hardware`.
void decodeHardware(const Node &root, Plan &plan, Diagnostics &diags);
/// `25MiB`, `64 KiB` or `512`, in bytes; nothing where it is no size, or more than `largest`.
std::optional<int64_t> bytesOf(std::string_view text, int64_t largest);
/// `pipeline`, or its degree, into a plan whose mesh and rules are there.
void decodePipeline(const Node &root, Plan &plan, Diagnostics &diags);
/// A pipeline against the micro-batches: its schedule, the number of its parts; a table's chunks are then
/// known.
void checkPipeline(Plan &plan, Diagnostics &diags);
std::optional<Train> decodeTrain(const Node &root, Diagnostics &diags);

/// Checks the parts against each other and sets the plan's micro-batches.
void checkJob(Job &job, const PlanDraft &draft, Diagnostics &diags);

} // namespace shardc::frontend
