//===- Pipe.h - the pipe dialect ------------------------------------------===//
#pragma once

#include "dialects/dist/Dist.h"

#include "dialects/pipe/PipeDialect.h.inc"
#include "dialects/pipe/PipeEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/pipe/PipeAttrs.h.inc"

namespace pipes {

/// Of a module: which stage it is (#pipe.stage).
inline constexpr llvm::StringLiteral stageAttrName = "pipe.stage";
/// Of the whole module: the schedule that its stages follow, as the plan has it (a dictionary).
inline constexpr llvm::StringLiteral scheduleAttrName = "pipe.schedule";
/// Of the whole module, once it is cut: what the schedule came to (compiler/transforms/pipe/Timetable.h).
inline constexpr llvm::StringLiteral timetableAttrName = "pipe.timetable";
/// Of the whole module, until pipe-verify-cut has looked: what the program was before it was cut.
inline constexpr llvm::StringLiteral wholeAttrName = "pipe.whole";
/// Of a function: a task of a stage, called once for each micro-batch. What its callers gather they hold for
/// long.
inline constexpr llvm::StringLiteral taskAttrName = "pipe.task";
/// Of an argument or result of an entry: weights that another stage owns, updates and saves.
inline constexpr llvm::StringLiteral copyAttrName = "pipe.copy";

/// The stage that the module around `op` (or `op` itself) is; null where there is no pipeline.
StageAttr stageOf(mlir::Operation *op);

/// The modules of the stages, first to last; `module` itself where there is no pipeline.
llvm::SmallVector<mlir::ModuleOp> stagesOf(mlir::ModuleOp module);

} // namespace pipes

#define GET_OP_CLASSES
#include "dialects/pipe/PipeOps.h.inc"
