# What every target of the compiler shares: include paths, warnings, one precompiled header.

include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
include_directories(${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
separate_arguments(LLVM_DEFINITIONS_LIST NATIVE_COMMAND ${LLVM_DEFINITIONS})
add_definitions(${LLVM_DEFINITIONS_LIST})
add_compile_options(-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers)

# shardc_pch(Name HEADER): a precompiled header, built once; libraries and programs of a folder use what SHARDC_PCH names
# there. What computes by value (the interpreter, the ops' reference values) is optimised in every preset, and so has one of its own.
function(shardc_pch name header)
  cmake_parse_arguments(ARG "" "" "OPTIONS;LINK;DEPENDS" ${ARGN})
  add_library(${name} OBJECT ${PROJECT_SOURCE_DIR}/cmake/Pch.cpp)
  target_precompile_headers(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/${header})
  target_compile_options(${name} PRIVATE ${ARG_OPTIONS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()
set(dialects NnIncGen DistIncGen PipeIncGen ExecIncGen)
shardc_pch(MlirPch MlirPch.h)
shardc_pch(DialectsPch DialectsPch.h DEPENDS ${dialects})
shardc_pch(FastPch DialectsPch.h OPTIONS -O2 DEPENDS ${dialects})

# Compiled in batches: most of what a file costs is the templates of MLIR's headers, made again for each.
# A file whose names are other files' too: set_source_files_properties(... SKIP_UNITY_BUILD_INCLUSION ON).
set(CMAKE_UNITY_BUILD ON)
set(CMAKE_UNITY_BUILD_BATCH_SIZE 5)

# shardc_library(Name SOURCES a.cpp b.cpp LINK X Y): a static library of one room.
function(shardc_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_precompile_headers(${name} REUSE_FROM ${SHARDC_PCH})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# shardc_fast_sources(Name SOURCES a.cpp b.cpp DEPENDS X): sources of the library Name that are optimised.
function(shardc_fast_sources name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name}Fast OBJECT ${ARG_SOURCES})
  target_precompile_headers(${name}Fast REUSE_FROM FastPch)
  target_compile_options(${name}Fast PRIVATE -O2)
  if(ARG_DEPENDS)
    add_dependencies(${name}Fast ${ARG_DEPENDS})
  endif()
  target_sources(${name} PRIVATE $<TARGET_OBJECTS:${name}Fast>)
endfunction()

function(shardc_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_precompile_headers(${name} REUSE_FROM ${SHARDC_PCH})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
endfunction()

# shardc_unit_test(Name SOURCES ... LINK ...): a GoogleTest program that ctest runs case by case.
function(shardc_unit_test name)
  shardc_program(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60)
endfunction()
